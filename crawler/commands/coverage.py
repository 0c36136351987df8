"""`coverage`, `gaps` and `backfill`: what was watched, what is known to be missing, and how to get it."""

from __future__ import annotations

import dataclasses

import click

from crawler.commands.app import App, emit, machine_options, now, pass_app
from crawler.commands.query import unknown_names
from crawler.commands.when import When


@click.command("coverage")
@click.argument("source", required=False)
@click.option("--by", type=click.Choice(["day", "week", "month"]), default="day", show_default=True, help="A row each.")
@click.option("--since", type=When(), help="From that day on [default: 14 days, 12 weeks or 12 months].")
@click.option("--until", type=When(end=True), help="Up to that day.")
@machine_options(csv=True)
@pass_app
def coverage_command(app: App, source: str | None, by: str, since: str | None, until: str | None, form: str) -> None:
    """What was watched and found, day by day: it tells a quiet day from a day on which nobody watched. Days are UTC."""
    from datetime import timedelta

    from crawler.outputs.status import coverage_rows, print_coverage
    from storage.records import iso

    moment = now()
    known = (source,) if source else ()
    if source:
        app.config.choose(known)
    begin = since or iso(moment - timedelta(days={"day": 13, "week": 83, "month": 365}[by]))
    with app.reader() as store:
        days = store.days(sources=known, since=begin[:10], until=until and until[:10])
    rows = coverage_rows(days, by=by, now=moment)
    if form:
        emit(rows, form)
    else:
        print_coverage(rows, by)


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
@machine_options(csv=False)
@pass_app
def gaps_command(app: App, sources: tuple[str, ...], states: tuple[str, ...], since: str | None, form: str) -> None:
    """Provable holes: a feed listed nothing that it had listed the time before, so something may have come and gone between.

    An open gap is looked for in archive pages, sitemaps and section pages; it is filled when one of them reaches back to before it, and lost when
    none does.
    """
    from crawler.outputs.terminal import local, table

    with app.reader() as store:
        unknown_names(app, store, sources=sources)
        found = store.gaps(sources=sources, states=states, since=since)
    if form:
        emit([dataclasses.asdict(gap) for gap in found], form)
        return
    columns = [(name, {"no_wrap": True}) for name in ("found", "source", "state", "from", "to")]
    table(
        [*columns, ("came in", {"justify": "right"}), ("by", {}), ("feed", {"ratio": 1, "overflow": "fold"})],
        (
            [
                local(g.found_at),
                g.source,
                g.state,
                local(g.from_at),
                local(g.to_at),
                g.entries_found,
                g.how or "",
                g.feed_url,
            ]
            for g in found
        ),
    )
    if not found:
        app.say("no gap is known")


@click.command("backfill")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE…")
@click.option("--since", type=When(), required=True, help="From then on.")
@click.option("--until", type=When(end=True), help="Up to then [default: now].")
@click.option("--dry-run", is_flag=True, help="Say how much it is, and keep nothing.")
@pass_app
def backfill_command(app: App, sources: tuple[str, ...], since: str, until: str | None, dry_run: bool) -> int:
    """Older articles, from archive pages, sitemaps and section pages; first how many they are and how long it takes.

    Interrupt it as you like: the same command goes on where it was, and asks again for the lists that failed. `crawl` and `run` leave what it
    listed to it. Exit 4 where no list of a source could be read: that says nothing of what is missing.
    """
    from crawler.engine.jobs.backfill import backfill
    from crawler.errors import UsageError
    from crawler.outputs.terminal import print_run, progress
    from storage.records import moment

    end = moment(until) if until else now()
    if moment(since) >= end:
        raise UsageError("--since must be before --until, and not in the future")
    with progress(not app.quiet) as observer:
        result = backfill(
            app.config, sources, since=moment(since), until=end, dry=dry_run, say=app.say, observer=observer
        )
    if dry_run:
        return result.exit_code or 0
    print_run(result)
    app.say(f"{result.total('articles_new')} new; kept in {app.config.database}")
    return result.exit_code or 0
