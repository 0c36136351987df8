"""`backfill`: older articles from sitemaps, archive pages and section pages."""

from __future__ import annotations

import click

from crawler.commands.completion import complete_source
from crawler.commands.context import CliContext, now, pass_app
from crawler.commands.params import When


@click.command("backfill")
@click.argument("sources", nargs=-1, required=True, shell_complete=complete_source, metavar="SOURCE…")
@click.option("--since", type=When(), required=True, help="From then on.")
@click.option("--until", type=When(end=True), help="Up to then [default: now].")
@click.option("--dry-run", is_flag=True, help="Print the number of articles and the duration; fetch nothing.")
@pass_app
def backfill_command(app: CliContext, sources: tuple[str, ...], since: str, until: str | None, dry_run: bool) -> int:
    """Fetch older articles from archive pages, sitemaps and section pages; prints their number and the duration first.

    Can be interrupted: the same command continues where it was and requests the lists that failed again. `crawl` and
    `run` leave the entries of a backfill to it. Exit 4 where no list of a source could be read, as then nothing is
    known of what is missing.

    \b
    Example:
      newsdesk backfill themoscowtimes.com --since 2026-10-01 --dry-run
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.engine.jobs.backfill import backfill
    from crawler.errors import UsageError
    from crawler.outputs.crawl_summary import print_run, progress, summary
    from storage.utc import parse_utc

    end = parse_utc(until) if until else now()
    if parse_utc(since) >= end:
        raise UsageError("--since must be before --until, and not in the future")
    with progress(not app.quiet) as observer:
        result = backfill(
            app.config, sources, since=parse_utc(since), until=end, dry=dry_run, say=app.message, observer=observer
        )
    if dry_run:
        return result.exit_code or 0
    print_run(result, {s.id: s.name for s in app.config.sources})
    app.message(summary(result, str(app.config.database)))
    return result.exit_code or 0
