"""`run`: the background crawler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from crawler.commands.app import App, pass_app

if TYPE_CHECKING:
    from crawler.engine.stopping import Stopping


@click.command("run")
@click.option("--metrics", metavar="HOST:PORT", help="Serve Prometheus metrics there, e.g. 127.0.0.1:9464.")
@click.option(
    "--log",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="A line a poll, on stderr.",
)
@pass_app
def run_command(app: App, metrics: str | None, form: str) -> int:
    """Crawl in the background until SIGTERM or SIGINT; each feed is asked by its own rhythm.

    Edits of the configuration are picked up within ten seconds, SIGHUP takes them at once; a file that cannot be read leaves the old settings in
    force. The first signal drains within ten seconds and exits 0, a second one ends at once. Exit 6 when another newsdesk holds the database.
    """
    from crawler.engine.stopping import Stopping

    with Stopping() as stopping:
        return _run(app, metrics, form, stopping)


def _run(app: App, metrics: str | None, form: str, stopping: Stopping) -> int:
    from crawler.config import load_config
    from crawler.engine.live import LiveRun
    from crawler.engine.metrics import serve_metrics
    from crawler.engine.run import plan_run, run
    from crawler.outputs.logs import log_to_stderr

    log_to_stderr(form, quiet=app.quiet, verbose=app.verbose)

    def ready(live: LiveRun) -> None:
        if metrics:
            serve_metrics(metrics, live)

    result = run(
        app.config,
        plan_run,
        command="run",
        spider="feed",
        reload=lambda: load_config(app.config_path or app.config.path, database=app.database),
        ready=ready,
        signals_heard=stopping,
    )
    return result.run.exit_code or 0
