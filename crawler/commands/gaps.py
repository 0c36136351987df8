"""`gaps`: polls between which entries may have been missed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from crawler.commands.articles import unknown_names
from crawler.commands.completion import source_option
from crawler.commands.context import CliContext, format_options, now, pass_app, print_rows
from crawler.commands.params import When

if TYPE_CHECKING:
    from storage.records import Gap


@click.command("gaps")
@source_option("Only this source; may be repeated.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["open", "filled", "lost"]),
    help="Only these; may be repeated.",
)
@click.option("--since", type=When(), help="Found since then.")
@format_options(csv=False)
@pass_app
def gaps_command(
    app: CliContext, sources: tuple[str, ...], states: tuple[str, ...], since: str | None, form: str
) -> None:
    """Gaps: two polls of a feed had no entry in common, so entries may have been missed between them.

    An open gap is searched for in archive pages, sitemaps and section pages. It is filled when one of them reaches back
    to before the gap, and lost when none does.

    \b
    Example:
      newsdesk gaps --state open
    """  # noqa: D301  # click reads \b as: do not wrap
    with app.reader() as store:
        unknown_names(app, store, sources=sources)
        names = store.source_names()
        found = store.gaps(sources=sources, states=states, since=since)
    if form:
        print_rows([dataclasses.asdict(gap) for gap in found], form)
        return
    _print(found, names)
    if not found:
        app.message("no gaps found")


def _print(found: Sequence[Gap], names: Mapping[str, str]) -> None:
    from crawler.outputs.terminal import ago, local_time, on_terminal, shortened, table

    if not on_terminal():
        table(
            [],
            (
                [
                    local_time(g.found_at),
                    g.source,
                    g.state,
                    local_time(g.from_at),
                    local_time(g.to_at),
                    g.entries_found,
                    g.filled_by or "",
                    g.feed_url,
                ]
                for g in found
            ),
        )
        return
    columns: list[tuple[str, dict[str, Any]]] = [
        ("found", {"no_wrap": True}),
        ("source", {"no_wrap": True}),
        ("state", {"no_wrap": True}),
        ("entries", {"justify": "right"}),
        ("between", {"ratio": 1, "overflow": "fold"}),
    ]
    rows = (
        [
            ago(g.found_at, now()),
            shortened(names.get(g.source or "", g.source or "")),
            f"{g.state} ({g.filled_by})" if g.filled_by else g.state,
            g.entries_found,
            f"{local_time(g.from_at)} and {local_time(g.to_at)}\n{g.feed_url}",
        ]
        for g in found
    )
    table(columns, rows)
