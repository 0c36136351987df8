"""`crawl` and `fetch`."""

from __future__ import annotations

import re
import sys

import click

from crawler.commands.completion import complete_source_or_tag
from crawler.commands.context import CliContext, now, pass_app
from crawler.commands.params import Number


@click.command("crawl")
@click.argument("sources", nargs=-1, shell_complete=complete_source_or_tag, metavar="[SOURCE… | tag:TAG…]")
@click.option("--due", is_flag=True, help="Only feeds and rechecks whose time has come.")
@click.option(
    "--limit",
    type=Number(1, 2**31),
    metavar="N",
    help="At most the N newest new articles a source; the others wait for the next crawl.",
)
@pass_app
def crawl_command(app: CliContext, sources: tuple[str, ...], due: bool, limit: int | None) -> int:
    """Crawl once: all sources, or those named by id or tag; prints a summary per source.

    Feeds are polled with conditional requests, robots.txt is obeyed, each new article is fetched once. Exit 4 when some
    sources failed, 5 when all did, 6 when another newsdesk has locked the database.

    \b
    Examples:
      newsdesk crawl
      newsdesk crawl tag:world --limit 5
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.engine.workers.pool import prepare_early

    config = app.config
    disabled = [s.id for s in config.select_sources(sources) if not s.enabled]
    if disabled:
        app.message(
            f"{', '.join(disabled)}: disabled, but named here, so crawled; `newsdesk sources enable {disabled[0]}` "
            "makes it lasting"
        )
    prepare_early(config.database, now())

    from crawler.engine.crawl.plan import plan_crawl
    from crawler.engine.crawl.runner import run
    from crawler.errors import ALL_FAILED
    from crawler.outputs.crawl_summary import print_run, progress, summary

    with progress(not app.quiet) as observer:
        result = run(
            config,
            plan_crawl(sources=sources, due_only=due, limit=limit),
            command="crawl",
            spider="feed",
            observer=observer,
        )
    if not app.quiet or sys.stdout.isatty():
        print_run(result.run, {s.id: s.name for s in config.sources})
    app.message(summary(result.run, str(config.database)))
    offline = all(re.search("resolved|in time|refused", counts.error or "") for counts in result.run.sources)
    if result.run.exit_code == ALL_FAILED and offline:
        app.message(
            "No source could be read: is there a network? `newsdesk demo` (or `make demo`) shows newsdesk at "
            "work without one."
        )
    return result.run.exit_code or 0
