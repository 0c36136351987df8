"""`list` and `search`, and the filters that `export` shares with them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from crawler.commands.completion import source_option, tag_option
from crawler.commands.context import CliContext, format_options, now, pass_app, print_rows
from crawler.commands.params import Number, When
from storage.query_language import parse
from storage.records import Filter

if TYPE_CHECKING:
    from storage.sql.articles_query import Hit, Order
    from storage.store import Store

ON_TERMINAL = 50  # articles shown to a person who named no limit
KINDS = ("article", "opinion", "brief", "gallery", "video", "live", "podcast", "advertorial")
_OPTIONS = (
    source_option(),
    tag_option(),
    click.option("--country", "countries", multiple=True, help="Only sources of this country."),
    click.option("--lang", "languages", multiple=True, help="Only articles in this language, e.g. en."),
    click.option(
        "--author", "authors", multiple=True, help="Only articles by this author (a part of the name is enough)."
    ),
    click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only this kind of article."),
    click.option("--since", type=When(), help="Published (else first seen) since: 7d, today, 2020-02-11; local time."),
    click.option("--until", type=When(end=True), help="Published until; a day includes itself."),
    click.option("--seen-since", type=When(), help="First seen since."),
    click.option("--story", type=Number(1), metavar="ID", help="Only this story."),
    click.option("--changed", is_flag=True, help="Only articles that were edited."),
    click.option("--complete", is_flag=True, help="Only articles whose full text is stored."),
    click.option(
        "--fold-copies/--no-fold-copies",
        default=None,
        help="One line a story [default: on a terminal, unless --source].",
    ),
    click.option("--fields", metavar="A,B,…", help="Only these fields."),
    click.option(
        "--limit",
        type=Number(0),
        metavar="N",
        help=f"At most N [default: {ON_TERMINAL} on a terminal, else all].",
    ),
)


def filter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filters; they become one argument, `which`, and `fields`."""

    @functools.wraps(function)
    def call(*args: Any, fields: str | None, fold_copies: bool | None, limit: int | None, **kwargs: Any) -> Any:
        names = (
            "sources",
            "tags",
            "countries",
            "languages",
            "authors",
            "kinds",
            "since",
            "until",
            "seen_since",
            "story",
            "changed",
            "complete",
        )
        chosen = {name: kwargs.pop(name) for name in names}
        kwargs["which"] = Filter(**chosen, fold_copies=bool(fold_copies), limit=limit)
        kwargs["fold"] = fold_copies
        kwargs["fields"] = tuple(f.strip() for f in fields.split(",") if f.strip()) if fields else ()
        return function(*args, **kwargs)

    for option in reversed(_OPTIONS):
        call = option(call)
    return call


def for_reader(which: Filter, fold: bool | None, form: str) -> Filter:
    """A person at a terminal gets copies folded and the first fifty; a machine gets all."""
    import dataclasses

    from crawler.outputs.terminal import on_terminal

    person = on_terminal() and not form
    folded = fold if fold is not None else person and not which.sources and which.story is None
    return dataclasses.replace(
        which, fold_copies=folded, limit=which.limit if which.limit is not None or not person else ON_TERMINAL
    )


_no_pager = click.option(
    "--no-pager", "pager", flag_value=False, default=True, help="Do not page what is longer than the terminal."
)


@click.command("list")
@filter_options
@_no_pager
@format_options(csv=True)
@pass_app
def list_command(
    app: CliContext, which: Filter, fold: bool | None, fields: tuple[str, ...], form: str, pager: bool
) -> None:
    """Stored articles, newest first: by publication time, else by the time first seen.

    \b
    Examples:
      newsdesk list --source themoscowtimes.com --since 7d
      newsdesk list --tag world --changed --jsonl
    """  # noqa: D301  # click reads \b as: do not wrap
    with app.reader() as store:
        unknown_names(app, store, sources=which.sources, tags=which.tags)
        which = for_reader(which, fold, form)
        shown = _show(store, store.articles(which), form, fields, paged=pager)
        _cut(app, which, shown, lambda: store.count(which))
        if not shown and which.limit != 0:
            app.message("no article matches")


class _QueryCommand(click.Command):
    """A command whose arguments are a query: `-word` is a term of it, an unknown `--option` stays an error."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write -word as NOT word, except behind an option that takes a value, and after `--`."""
        options = {name: option for option in self.get_params(ctx) for name in option.opts}
        end = args.index("--") if "--" in args else len(args)
        spelled: list[str] = []
        for at, arg in enumerate(args):
            before = options.get(args[at - 1]) if at else None
            is_value = isinstance(before, click.Option) and not before.is_flag
            is_term = len(arg) > 1 and arg[0] == "-" != arg[1] and arg not in options and not is_value and at < end
            spelled += ["NOT", arg[1:]] if is_term else [arg]
        return super().parse_args(ctx, spelled)


@click.command("search", cls=_QueryCommand)
@click.argument("query", nargs=-1, required=True, metavar="QUERY…")
@filter_options
@click.option(
    "--sort",
    type=click.Choice(["relevance", "newest"]),
    help="Order of the hits [default: relevance, of more than 10,000 hits newest].",
)
@_no_pager
@format_options(csv=True)
@pass_app
def search_command(
    app: CliContext,
    query: tuple[str, ...],
    which: Filter,
    fold: bool | None,
    fields: tuple[str, ...],
    sort: Order | None,
    form: str,
    pager: bool,
) -> None:
    """Full-text search in titles, texts and authors, with snippets.

    All words must occur. "a phrase", a OR b, -a (or NOT a), word*, title:a, author:a, source:id, lang:en, and
    parentheses; any text is a query.

    \b
    Examples:
      newsdesk search Idlib ceasefire
      newsdesk search '"rail tunnel" OR ferry' -mayor --since 2026-11-01 --csv
      newsdesk search author:brandvik title:harbo* --sort newest
    """  # noqa: D301  # click reads \b as: do not wrap
    from storage.sql.articles_query import RANKED

    words = " ".join(query)
    say_understood(app, words)
    with app.reader() as store:
        unknown_names(app, store, sources=which.sources, tags=which.tags)
        which = for_reader(which, fold, form)
        order = "newest" if sort == "newest" else store.search_order(words, which)
        if sort != order == "newest" and store.count(which, words, most=RANKED + 1) > RANKED:
            app.message(f"more than {RANKED:,} hits: newest first")
        hits = store.search(words, which, order=order)
        shown = _show(store, hits, form, fields, snippets=True, paged=pager)
        _cut(app, which, shown, lambda: store.count(which, words))
        if not shown and which.limit != 0:
            app.message(f"no article matches {words[:80]!r}")


def say_understood(app: CliContext, query: str) -> None:
    """Say what is searched for where the query was no valid syntax."""
    understood = parse(query)
    if understood.node is None:
        app.message(f"{query[:80]!r} has no word to search for")
    elif understood.repaired:
        app.message(f"searched for: {understood}")


def unknown_names(app: CliContext, store: Store, *, sources: tuple[str, ...], tags: tuple[str, ...] = ()) -> None:
    """Say which of these sources and tags nobody knows: an empty answer would be taken for no news."""
    if sources:
        known = {s.id for s in app.config.sources} | {row["source"] for row in store.health(now())}
        for name in sources:
            if name not in known:
                app.message(f"no source is called {name!r}; `newsdesk sources list` shows them")
    if tags:
        every = {tag for s in app.config.sources for tag in s.tags} | {
            tag for tags in store.source_tags().values() for tag in tags
        }
        for tag in tags:
            if tag not in every:
                app.message(f"no source has the tag {tag!r}; `newsdesk sources list` shows them")


def _cut(app: CliContext, which: Filter, shown: int, count: Callable[[], int]) -> None:
    """Nothing is cut silently."""
    if which.limit is not None and shown >= which.limit and (every := count()) > shown:
        app.message(f"{shown:,} of {every:,}; --limit shows more")


def _show(
    store: Store,
    hits: Iterator[Hit],
    form: str,
    fields: tuple[str, ...],
    *,
    snippets: bool = False,
    paged: bool = False,
) -> int:
    """Print the answer; how many lines it had."""
    from crawler.outputs.rows import article_row
    from storage.article import FIELDS

    count = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal count
        for hit in hits:
            count += 1
            row = article_row(hit.article, fields)
            if not fields:
                row.update(
                    {"copies": hit.copies} if hit.copies else {}, **({"snippet": hit.snippet} if snippets else {})
                )
            yield row

    if form:
        print_rows(rows(), form, fields or (*FIELDS, *(("snippet",) if snippets else ())))
        return count
    if fields:
        from crawler.outputs.terminal import table

        table([(name, {}) for name in fields], ([row[name] for name in fields] for row in rows()), paged=paged)
        return count
    return _person(hits, store.source_names(), snippets=snippets, paged=paged)


def _person(hits: Iterator[Hit], names: Mapping[str, str], *, snippets: bool, paged: bool) -> int:
    from crawler.outputs.terminal import MAX_TITLE, ago, local_time, on_terminal, print_headlines, table

    moment, terminal = now(), on_terminal()
    lines: list[tuple[int, str, list[str]]] = []
    rows = []
    for hit in hits:
        a = hit.article
        at = a.published_at or a.first_seen_at
        copies = f"+{hit.copies} {'copy' if hit.copies == 1 else 'copies'}" if hit.copies else ""
        partial = "" if a.completeness == "full" else a.completeness
        edited = f"edited {a.revision - 1}×" if a.revision > 1 else ""
        title = (a.title or "(no title)")[:MAX_TITLE]
        if terminal:
            snippet = f"\n{hit.snippet}" if snippets else ""
            facts = [names.get(a.source or "", a.source or ""), ago(at, moment), copies, partial, edited]
            lines.append((a.id, f"{title}{snippet}", facts))
            continue
        marks = "".join(f" [{mark}]" for mark in (partial, edited) if mark)
        title += f"  {copies}" * bool(copies) + marks
        rows.append([a.id, local_time(at), a.source or "", title, a.url, *([hit.snippet] if snippets else [])])
    if lines:
        print_headlines(lines, paged=paged)
    table([], rows)
    return len(lines) + len(rows)
