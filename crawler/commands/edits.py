"""`edits`: what publishers changed after publication."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from crawler.commands.articles import unknown_names
from crawler.commands.completion import source_option, tag_option
from crawler.commands.context import CliContext, format_options, now, pass_app, print_rows
from crawler.commands.params import Number, When


@click.command("edits")
@click.option("--since", type=When(), help="Seen since: 7d, today, 2020-02-11; local time.")
@source_option()
@tag_option()
@click.option("--silent", is_flag=True, help="Only edits that the page's own modified time does not admit.")
@click.option("--title", is_flag=True, help="Only changed headlines.")
@click.option("--vanished", is_flag=True, help="Articles that are gone instead.")
@click.option("--live", is_flag=True, help="What was added to live pages instead.")
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
    live: bool,
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
        names = store.source_names()
        unknown_names(app, store, sources=sources, tags=tags)
        if tags:  # of no source: a name that none has
            sources = (*sources, *(s.id for s in app.config.sources if set(tags) & set(s.tags))) or ("",)
        rows = (
            store.vanished(since=since, sources=sources)
            if vanished
            else store.edits(since=since, sources=sources, silent=silent, title=title, min_words=min_words, live=live)
        )
    if form:
        print_rows(rows, form)
        return
    if not rows:
        app.message("no vanished article matches" if vanished else "no edit matches")
        return
    (_print_vanished if vanished else _print_edits)(rows, names)


def _print_vanished(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> None:
    from crawler.outputs.terminal import ago, local_time, on_terminal, print_headlines, table

    if on_terminal():
        moment = now()
        print_headlines(
            (
                r["id"],
                r["title"] or "(no title)",
                [
                    names.get(r["source"], r["source"] or ""),
                    f"gone {ago(r['vanished_at'], moment)}",
                    r["vanished_reason"],
                ],
            )
            for r in rows
        )
        return
    table([], ([r["id"], local_time(r["vanished_at"]), r["source"], r["vanished_reason"], r["title"]] for r in rows))


def _print_edits(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> None:
    from crawler.outputs.terminal import ago, local_time, on_terminal, print_headlines, table

    if on_terminal():
        moment = now()
        print_headlines(
            (
                (
                    r["id"],
                    f"{r['title']}\nwas: {r['old_title']}" if r["old_title"] != r["title"] else r["title"],
                    [
                        names.get(r["source"], r["source"] or ""),
                        ago(r["seen_at"], moment),
                        f"+{r['words_added']} -{r['words_removed']} words",
                        "silent" if r["silent"] else "",
                    ],
                )
                for r in rows
            ),
            caption="`newsdesk show ID --diff` shows the words",
            paged=True,
        )
        return
    shown = (
        [
            r["id"],
            f"{local_time(r['last_same_at'] or r['before_at'])} and {local_time(r['seen_at'])}",
            r["source"] or "",
            f"+{r['words_added']} -{r['words_removed']}",
            "silent" if r["silent"] else "",
            f"{r['old_title']} → {r['title']}" if r["old_title"] != r["title"] else r["title"],
        ]
        for r in rows
    )
    table([], shown)
