"""`status`: how the crawler and its sources are doing."""

from __future__ import annotations

import click

from crawler.commands.context import CliContext, format_options, now, pass_app, print_rows


@click.command("status")
@click.option("--strict", is_flag=True, help="Exit 1 for warnings about single sources too.")
@format_options(csv=False)
@pass_app
def status_command(app: CliContext, strict: bool, form: str) -> int:
    """Health of the crawler and of each source; exit 1 where something needs attention.

    Unhealthy: `run` ended without being stopped, feeds late by more than [health] max_lag, more than failing_share of
    the sources failing, the disk nearly full, the database damaged. Warnings about single sources are listed, and fail
    only with --strict.

    \b
    Examples:
      newsdesk status
      newsdesk status --strict --json
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.monitoring.status import collect_health, disk_usage
    from crawler.outputs.status import print_status, status_document, workers_of
    from storage import databases
    from storage.subscriptions import subscriptions

    config, moment = app.config, now()
    workers = databases.holders(config.database)
    lock_holder = next(iter(workers), None)
    with app.reader() as store:
        facts = {
            "rows": store.health(moment),
            "names": store.source_names(),
            "totals": store.totals(),
            "run": next(iter(store.runs(1)), None),
            "queue": store.queue_stats(moment),
            "request_stats": store.request_stats(moment),
            "disk": disk_usage(config, store, moment),
            "workers": workers_of(workers),
            "pushed": subscriptions(store),
        }
    trouble = collect_health(config, moment, running=lock_holder is not None)
    if form == "json":
        print_rows(status_document(facts, trouble, lock_holder, moment), "json")
    elif form:
        print_rows(facts["rows"], form)
    else:
        print_status(config.database, facts, trouble, lock_holder, moment)
        for line in trouble.unhealthy:
            app.message(f"unhealthy: {line}")
    return 1 if trouble.unhealthy or (strict and trouble.warnings) else 0
