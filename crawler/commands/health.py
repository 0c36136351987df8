"""`status` and `doctor`: how the sources are doing, and how the installation is."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version

import click

from crawler.commands.app import App, emit, machine_options, now, pass_app


@click.command("status")
@click.option("--strict", is_flag=True, help="Exit 1 for warnings about single sources too.")
@machine_options(csv=False)
@pass_app
def status_command(app: App, strict: bool, form: str) -> int:
    """How the crawler and each source are doing; exit 1 where something needs a person.

    Unhealthy is: `run` not running though it was not stopped, feeds late by more than [health] max_lag, more than failing_share of the sources
    failing, the disk nearly full, the database damaged. What is wrong with single sources is listed, and fails only with --strict.
    """
    from crawler.engine.upkeep import disk_of, look
    from crawler.outputs.health import print_status, status_document
    from storage.lock import holder

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


# What is wrong with older versions, each measured or published (RELIABILITY 2 and 5).
_LEAST = {
    "scrapy": ((2, 17), "older ones ask s3:// in the clear"),
    "lxml": ((6, 1), "older ones read external entities in iterparse"),
    "brotli": ((1, 2), "older ones can be filled by a decompression bomb"),
    "sqlite-utils": ((4, 0), "older ones have no migrations"),
}


@click.command("doctor")
@pass_app
def doctor_command(app: App) -> int:
    """Versions, limits and settings, and what to mend; exit 1 where something must be."""
    troubles: list[str] = []
    print(f"newsdesk      {_version('newsdesk')} on Python {sys.version.split()[0]}")
    for name in (
        "scrapy",
        "twisted",
        "trafilatura",
        "lxml",
        "feedparser",
        "sqlite-utils",
        "datasette",
        "pebble",
        "brotli",
        "apscheduler",
    ):
        found = _version(name)
        print(f"{name:13} {found}")
        least, why = _LEAST.get(name, ((0,), ""))
        if found[0].isdigit() and tuple(int(p) for p in found.split(".")[:2] if p.isdigit()) < least:
            troubles.append(f"{name} {found}: {why}; install {'.'.join(map(str, least))} or newer")
    _sqlite(troubles)
    _limits(troubles)
    _settings(app, troubles)
    for trouble in troubles:
        print(f"! {trouble}")
    print("nothing to mend" if not troubles else f"{len(troubles)} to look at")
    return 1 if any(not t.startswith("consider") for t in troubles) else 0


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _sqlite(troubles: list[str]) -> None:
    from storage.connection import SQLITE_VERSION

    module = "pysqlite3" if importlib.util.find_spec("pysqlite3") else "Python's own"
    print(f"SQLite        {SQLITE_VERSION} ({module})")
    parts = tuple(int(p) for p in SQLITE_VERSION.split("."))
    if parts < (3, 51, 3) and parts not in {(3, 44, 6), (3, 50, 7)}:
        troubles.append(
            f"consider SQLite 3.51.3 or newer: {SQLITE_VERSION} has the WAL-reset bug; keep every other writer off the file"
        )


def _limits(troubles: list[str]) -> None:
    import resource

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    print(
        f"limits        {files} open files, {os.cpu_count()} cores, {shutil.disk_usage('.').free / 1e9:,.1f} GB free here"
    )
    if files < 256:
        troubles.append(f"only {files} files may be open; `ulimit -n 1024` before newsdesk")


def _settings(app: App, troubles: list[str]) -> None:
    from crawler.settings import CONTACT
    from storage.errors import StorageError
    from storage.lock import holder

    config = app.config
    print(f"configuration {config.path or 'built in'}, {sum(s.enabled for s in config.sources)} sources enabled")
    print(f"database      {config.database}" + ("" if config.database.exists() else " (not there yet)"))
    print(f"User-Agent    {config.user_agent}")
    if config.database.exists():
        try:
            app.reader().close()
        except StorageError as error:
            troubles.append(str(error))
    if held := holder(config.database):
        print(f"held by       newsdesk {held.command}, pid {held.pid} on {held.host}, since {held.since}")
    if config.http.contact == CONTACT and not config.http.user_agent:
        troubles.append("consider [http] contact: an address at which publishers reach you, not the project")
    if not config.http.verify_tls:
        troubles.append("[http] verify_tls = false: pages may come from anybody on the way")
