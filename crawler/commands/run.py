"""`run`: the background crawler."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import click

from crawler.commands.context import CliContext, pass_app
from crawler.errors import CrawlerError

if TYPE_CHECKING:
    from crawler.engine.crawl.shutdown import ShutdownSignals


@click.command("run")
@click.option(
    "--metrics",
    metavar="HOST:PORT",
    help="Serve /metrics for Prometheus there, and /healthz for a probe (200, or 503 and why), e.g. 127.0.0.1:9464.",
)
@click.option(
    "--log",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="A line a poll, on stderr.",
)
@pass_app
def run_command(app: CliContext, metrics: str | None, form: str) -> int:
    """Crawl in the background until SIGTERM or SIGINT, each feed at its own interval.

    Changes of the configuration are applied within ten seconds, or at once on SIGHUP; a file that cannot be read leaves
    the old settings in force. The first signal completes the requests under way within ten seconds and exits 0, a
    second one exits at once. Exit 6 when another newsdesk has locked the database.

    \b
    Examples:
      newsdesk run
      newsdesk run --metrics 127.0.0.1:9464
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.engine.crawl.shutdown import ShutdownSignals
    from crawler.outputs.log_format import line_of, log_to_stderr
    from storage.errors import StorageError

    log_to_stderr(form, quiet=app.quiet, verbose=app.verbose)
    with ShutdownSignals(line_of(form)) as stopping:
        try:
            return _run(app, metrics, stopping)
        except (
            CrawlerError,
            StorageError,
        ) as error:  # in the form of the log: a collector of JSON reads the last line too
            logging.getLogger("newsdesk").error("%s", error)
            return error.exit_code


def _run(app: CliContext, metrics: str | None, stopping: ShutdownSignals) -> int:
    from crawler.engine.crawl.plan import plan_run
    from crawler.engine.crawl.runner import run
    from crawler.engine.crawl.session import CrawlSession
    from crawler.engine.daemon.metrics import serve_metrics

    def ready(live: CrawlSession) -> None:
        if metrics:
            serve_metrics(metrics, live)

    result = run(
        app.config,
        plan_run,
        command="run",
        spider="feed",
        reload=lambda: app.load(app.config_path or app.config.path),
        ready=ready,
        shutdown=stopping,
    )
    return result.run.exit_code or 0
