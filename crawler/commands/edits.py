"""`edits`: what publishers changed after publication."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from crawler.commands.articles import unknown_names
from crawler.commands.context import CliContext, format_options, pass_app, print_rows
from crawler.commands.params import Number, When


@click.command("edits")
@click.option("--since", type=When(), help="Seen since: 7d, today, 2020-02-11; local time.")
@click.option("--source", "sources", multiple=True, metavar="ID", help="Only this source (may be repeated).")
@click.option("--tag", "tags", multiple=True, help="Only sources with this tag.")
@click.option("--silent", is_flag=True, help="Only edits that the page's own modified time does not admit.")
@click.option("--title", is_flag=True, help="Only changed headlines.")
@click.option("--vanished", is_flag=True, help="Articles that are gone instead.")
@click.option("--min-words", type=Number(0, 2**31), default=0, help="Only edits of at least so many words.")
@format_options(csv=True)
@pass_app
def edits_command(
    app: CliContext,
    since: str | None,
    sources: tuple[str, ...],
    tags: tuple[str, ...],
    silent: bool,
    title: bool,
    vanished: bool,
    min_words: int,
    form: str,
) -> None:
    """What publishers changed after publication, newest first.

    \b
    Examples:
      newsdesk edits --since 7d --silent
      newsdesk edits --title --min-words 3 --jsonl
    """  # noqa: D301  # click reads \b as: do not wrap
    with app.reader() as store:
        unknown_names(app, store, sources=sources, tags=tags)
        if tags:  # of no source: a name that none has
            sources = (*sources, *(s.id for s in app.config.sources if set(tags) & set(s.tags))) or ("",)
        rows = (
            store.vanished(since=since, sources=sources)
            if vanished
            else store.edits(since=since, sources=sources, silent=silent, title=title, min_words=min_words)
        )
    if form:
        print_rows(rows, form)
        return
    if not rows:
        app.message("no vanished article matches" if vanished else "no edit matches")
        return
    (_print_vanished if vanished else _print_edits)(rows)


def _print_vanished(rows: Sequence[Mapping[str, Any]]) -> None:
    from crawler.outputs.terminal import local_time, table, zone_name

    table(
        [("id", {}), ("vanished", {"no_wrap": True}), ("source", {}), ("why", {}), ("title", {"ratio": 1})],
        ([r["id"], local_time(r["vanished_at"]), r["source"], r["vanished_reason"], r["title"]] for r in rows),
        caption=f"times are {zone_name()}",
    )


def _print_edits(rows: Sequence[Mapping[str, Any]]) -> None:
    from crawler.outputs.terminal import local_time, table, zone_name

    columns: list[tuple[str, dict[str, Any]]] = [
        ("id", {"justify": "right"}),
        ("between", {"no_wrap": True}),
        ("source", {}),
        ("words", {}),
        ("", {}),
        ("title", {"ratio": 1}),
    ]
    shown = []
    for r in rows:
        changed = f"{r['old_title']} → {r['title']}" if r["old_title"] != r["title"] else r["title"]
        shown.append(
            [
                r["id"],
                f"{local_time(r['last_same_at'] or r['before_at'])} and {local_time(r['seen_at'])}",
                r["source"] or "",
                f"+{r['words_added']} -{r['words_removed']}",
                "silent" if r["silent"] else "",
                changed,
            ]
        )
    table(columns, shown, caption=f"times are {zone_name()}; `newsdesk show ID --diff` shows the words")
