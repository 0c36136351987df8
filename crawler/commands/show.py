"""`show` and `edits`: one article with all that is known of it, and what publishers changed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from crawler.commands.context import CliContext, format_options, pass_app, print_rows
from crawler.commands.params import Number
from crawler.errors import UsageError

if TYPE_CHECKING:
    from storage.article import Article
    from storage.store import Store


@click.command("show")
@click.argument("key", metavar="ID|URL")
@click.option("--revisions", "view", flag_value="revisions", help="Its versions.")
@click.option("--diff", "view", flag_value="diff", help="What changed between two versions, word by word.")
@click.option("--copies", "view", flag_value="copies", help="Who ran the story, when, under which headline.")
@click.option("--provenance", "view", flag_value="provenance", help="The origin of each field, and the URLs.")
@click.option("--raw", "view", flag_value="raw", help="The raw page, its bytes on stdout.")
@click.option(
    "--revision",
    "--at",
    "revision",
    type=Number(1, 2**31),
    metavar="N",
    help="This version; with --diff, against the one before it.",
)
@click.option("--markdown", "view", flag_value="markdown", help="Markdown.")
@format_options(csv=False)
@pass_app
def show_command(app: CliContext, key: str, view: str | None, revision: int | None, form: str) -> None:
    """One article, by its id, uid or any of its URLs.

    \b
    Examples:
      newsdesk show 25 --diff
      newsdesk show https://example.org/a-story --provenance
    """  # noqa: D301  # click reads \b as: do not wrap
    with app.reader() as store:
        article = find(store, key)
        if view in {"revisions", "diff", "copies", "provenance"}:
            _VIEWS[view](store, article, revision, form)
            return
        if revision is not None:
            article = _version(store, article, revision)
        if view == "raw":
            _raw(store, article)
            return
        if form:
            from crawler.outputs.rows import article_row, as_jsonl

            if form == "jsonl":
                print(as_jsonl(article_row(article)))
            else:
                print_rows([article_row(article)], "json")
            return
        from crawler.outputs.articles import print_articles

        print_articles([article], view or "read")


def find(store: Store, key: str) -> Article:
    """The article of an id, uid or address.

    Raises:
        UsageError: there is none.
    """
    from crawler.articles.key_versions import KEYS

    number = re.fullmatch(r"[0-9]{1,18}", key)
    article = store.article(int(key)) if number else store.article_at(key)
    if article is None and not number:
        article = store.article_of_url(key, KEYS)
    if article is None:
        raise UsageError(f"no article is stored under {key[:80]!r}; `newsdesk list` and `newsdesk search` show ids")
    return article


def _version(store: Store, article: Article, number: int) -> Article:
    from storage.article import in_version

    rows = store.revisions(article.id)
    for row in rows:
        if row["number"] == number:
            return in_version(article, row)
    if number == article.revision:
        return article
    raise UsageError(f"article {article.id} has no version {number}; it has {max(1, len(rows))}")


def _raw(store: Store, article: Article) -> None:
    import sys

    from storage.warc import read_raw

    if (place := store.raw_place(article)) is None:
        raise UsageError(
            f"no raw page is stored of version {article.revision} of article {article.id}; "
            "[extract] keep_raw and raw_retain say which are"
        )
    sys.stdout.buffer.write(read_raw(place).body)
    sys.stdout.buffer.flush()


def _revisions(
    store: Store,
    article: Article,
    revision: int | None,  # noqa: ARG001 - one signature for all views
    form: str,
) -> None:
    rows = store.revisions(article.id)
    if form:
        print_rows(rows, form)
        return
    from crawler.outputs.terminal import local_time, table, zone_name

    if not rows:
        print(
            f"article {article.id} was never edited since it was first seen at "
            f"{local_time(article.first_seen_at)} {zone_name()}"
        )
        return
    columns: list[tuple[str, dict[str, Any]]] = [
        ("version", {"justify": "right"}),
        ("changed", {"no_wrap": True}),
        ("words", {}),
        ("", {}),
        ("title", {"ratio": 1}),
    ]
    shown = []
    for old, new in zip([None, *rows], rows, strict=False):
        between = (
            f"between {local_time(old['last_same_at'] or old['seen_at'])} and {local_time(new['seen_at'])}"
            if old
            else f"seen {local_time(new['seen_at'])}"
        )
        how = {"reprocess": "reprocessed", "live": "posts added"}.get(new["cause"], "silent" if new["silent"] else "")
        counted = f"+{new['words_added']} -{new['words_removed']}" if old else ""
        shown.append([new["number"], between, counted, how, new["title"]])
    table(
        columns,
        shown,
        caption=f"times are {zone_name()}; `newsdesk show {article.id} --diff` shows the words",
        report=True,
    )


def _diff(store: Store, article: Article, revision: int | None, form: str) -> None:
    rows = store.revisions(article.id)
    number = revision or (rows[-1]["number"] if rows else 1)
    pair = store.version_pair(article.id, number)
    if pair is None:
        raise UsageError(
            f"article {article.id} has no version {number} with one before it; "
            f"it was edited {max(0, len(rows) - 1)} times"
        )
    from crawler.outputs.diff import print_diff

    if form:
        print_rows(list(pair), form)
    else:
        print_diff(*pair)


def _copies(store: Store, article: Article, revision: int | None, form: str) -> None:  # noqa: ARG001
    from crawler.outputs.rows import article_row

    story = store.story(article.story_id or article.id)
    if form:
        print_rows(
            [
                article_row(a, ("id", "source", "published_at", "first_seen_at", "title", "duplicate_of", "url"))
                for a in story
            ],
            form,
        )
        return
    from crawler.articles.near_duplicates import containment, shingles
    from crawler.outputs.first_published import describe_first
    from crawler.outputs.terminal import local_time, say, table, zone_name

    mine = shingles(article.text or "")
    columns: list[tuple[str, dict[str, Any]]] = [
        ("id", {"justify": "right"}),
        ("published", {"no_wrap": True}),
        ("first seen", {"no_wrap": True}),
        ("source", {}),
        ("alike", {"justify": "right"}),
        ("title", {"ratio": 1}),
    ]
    rows = (
        [
            a.id,
            local_time(a.published_at),
            local_time(a.first_seen_at),
            a.source or "",
            "itself" if a.id == article.id else f"{containment(mine, shingles(a.text or '')):.0%}",
            a.title,
        ]
        for a in story
    )
    table(columns, rows, caption=f"times are {zone_name()}", report=True)
    if len(story) > 1:
        say(describe_first(story))


def _provenance(store: Store, article: Article, revision: int | None, form: str) -> None:  # noqa: ARG001
    addresses = store.addresses(article.id)
    if form:
        print_rows([{"provenance": {k: dict(v) for k, v in article.provenance.items()}, "addresses": addresses}], form)
        return
    from crawler.outputs.terminal import table

    table(
        [("field", {}), ("from", {}), ("as it stood there", {"ratio": 1})],
        ([name, said.get("source"), said.get("raw") or ""] for name, said in article.provenance.items()),
        report=True,
    )
    print()
    table(
        [("address", {"ratio": 1, "overflow": "fold"}), ("how", {})],
        ([a["url"], a["kind"]] for a in addresses),
        report=True,
    )


_VIEWS = {"revisions": _revisions, "diff": _diff, "copies": _copies, "provenance": _provenance}
