"""`status`: how the crawler and its sources are doing."""

from __future__ import annotations

import click

from crawler.commands.context import App, emit, machine_options, now, pass_app


@click.command("status")
@click.option("--strict", is_flag=True, help="Exit 1 for warnings about single sources too.")
@machine_options(csv=False)
@pass_app
def status_command(app: App, strict: bool, form: str) -> int:
    """How the crawler and each source are doing; exit 1 where something needs a person.

    Unhealthy is: `run` not running though it was not stopped, feeds late by more than [health] max_lag, more than failing_share of the sources
    failing, the disk nearly full, the database damaged. What is wrong with single sources is listed, and fails only with --strict.
    """
    from crawler.monitoring.status import disk_of, look
    from crawler.outputs.status import print_status, status_document
    from storage.sqlite.lock import holder

    config, moment = app.config, now()
    held = holder(config.database)
    with app.reader() as store:
        facts = {
            "rows": store.health(moment),
            "totals": store.totals(),
            "run": next(iter(store.runs(1)), None),
            "queue": store.queue(moment),
            "manners": store.manners(moment),
            "disk": disk_of(config, store, moment),
        }
    trouble = look(config, moment, running=held is not None)
    if form == "json":
        emit(status_document(facts, trouble, held, moment), "json")
    elif form:
        emit(facts["rows"], form)
    else:
        print_status(config.database, facts, trouble, held, moment)
        for line in trouble.unhealthy:
            app.say(f"unhealthy: {line}")
    return 1 if trouble.unhealthy or (strict and trouble.warnings) else 0
