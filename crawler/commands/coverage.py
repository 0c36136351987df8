"""`coverage`, `gaps` and `backfill`: what was watched, what is known to be missing, and how to get it."""

from __future__ import annotations

import click

from crawler.commands.completion import complete_source
from crawler.commands.context import CliContext, format_options, now, pass_app, print_rows
from crawler.commands.params import When


@click.command("coverage")
@click.argument("source", shell_complete=complete_source, required=False)
@click.option("--by", type=click.Choice(["day", "week", "month"]), default="day", show_default=True, help="A row each.")
@click.option("--since", type=When(), help="From that day on [default: 14 days, 12 weeks or 12 months].")
@click.option("--until", type=When(end=True), help="Up to that day.")
@format_options(csv=True)
@pass_app
def coverage_command(
    app: CliContext, source: str | None, by: str, since: str | None, until: str | None, form: str
) -> None:
    """What was polled and found, day by day, so that a day without news differs from a day without polls. Days are UTC.

    \b
    Example:
      newsdesk coverage themoscowtimes.com --by week
    """  # noqa: D301  # click reads \b as: do not wrap
    from datetime import timedelta

    from crawler.outputs.status import coverage_rows, print_coverage
    from storage.utc import format_utc

    moment = now()
    known = (source,) if source else ()
    if source:
        app.config.select_sources(known)
    begin = since or format_utc(moment - timedelta(days={"day": 13, "week": 83, "month": 365}[by]))
    with app.reader() as store:
        names = store.source_names()
        days = store.days(sources=known, since=begin[:10], until=until and until[:10])
    rows = coverage_rows(days, by=by, now=moment)
    if form:
        print_rows(rows, form)
    else:
        print_coverage(rows, by, names)
