"""`gaps`: polls between which entries may have been missed."""

from __future__ import annotations

import dataclasses

import click

from crawler.commands.articles import unknown_names
from crawler.commands.context import CliContext, format_options, pass_app, print_rows
from crawler.commands.params import When


@click.command("gaps")
@click.option("--source", "sources", multiple=True, metavar="ID", help="Only this source; may be repeated.")
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
    from crawler.outputs.terminal import local_time, table

    with app.reader() as store:
        unknown_names(app, store, sources=sources)
        found = store.gaps(sources=sources, states=states, since=since)
    if form:
        print_rows([dataclasses.asdict(gap) for gap in found], form)
        return
    columns = [(name, {"no_wrap": True}) for name in ("found", "source", "state", "from", "to")]
    table(
        [*columns, ("entries", {"justify": "right"}), ("by", {}), ("feed", {"ratio": 1, "overflow": "fold"})],
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
    if not found:
        app.message("no gaps found")
