"""`status` and `doctor`: how the sources are doing, and how the installation is."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from crawler.commands.app import App, emit, machine_options, now, pass_app


@click.command("status")
@click.option("--strict", is_flag=True, help="Exit 1 when something is unhealthy.")
@machine_options(csv=False)
@pass_app
def status_command(app: App, strict: bool, form: str) -> int:
    """How each source is doing: when it was asked, what it has, what is owed, what went wrong."""
    from crawler.outputs.terminal import counted, local, table, zone_name
    from storage.lock import holder

    with app.reader() as store:
        rows, totals, runs = store.health(now()), store.totals(), store.runs(1)
    unhealthy = _unhealthy(app, rows)
    if form:
        emit(rows, form)
        return 1 if strict and unhealthy else 0
    held = holder(app.config.database)
    print(
        f"{app.config.database}: {counted(totals['articles'], 'article')} ({counted(totals['copies'], 'copy', 'copies')}) of {counted(totals['sources'], 'source')}; "
        + (f"`newsdesk {held.command}` is at work since {held.since}" if held else "nobody is writing")
    )
    if runs:
        run = runs[0]
        print(
            f"last crawl {local(run['started_at'])} {zone_name()}: {run['articles_new']} new, {run['revised']} revised, {run['failed']} failed"
            + ("" if run["finished_at"] else "; it did not end")
        )
    columns: list[tuple[str, dict[str, Any]]] = [
        ("source", {"no_wrap": True}),
        ("asked", {"no_wrap": True}),
        ("changed", {"no_wrap": True}),
        ("articles", {"justify": "right"}),
        ("in part", {"justify": "right"}),
        ("owed", {"justify": "right"}),
        ("rejected", {"justify": "right"}),
        ("last trouble", {"ratio": 1}),
    ]
    table(
        columns,
        (
            [
                r["source"],
                local(r["checked_at"]),
                local(r["changed_at"]),
                r["articles"],
                r["incomplete"],
                r["owed"],
                r["rejected"],
                r["last_error"] or "",
            ]
            for r in rows
        ),
        report=True,
    )
    for line in unhealthy:
        app.say(line)
    return 1 if strict and unhealthy else 0


def _unhealthy(app: App, rows: list[dict[str, Any]]) -> list[str]:
    """What `--strict` fails for."""
    health = app.config.health
    watched = [r for r in rows if r["enabled"]]
    failing = [r for r in watched if r["feeds"] and r["feeds_failing"] >= r["feeds"]]
    late = [r for r in watched if (r["overdue_seconds"] or 0) > health.max_lag]
    found = []
    if watched and len(failing) / len(watched) > health.failing_share:
        found.append(
            f"{len(failing)} of {len(watched)} sources fail (more than [health] failing_share = {health.failing_share:g})"
        )
    if late:
        found.append(
            f"{len(late)} sources are overdue by more than [health] max_lag: {', '.join(r['source'] for r in late[:5])}"
        )
    return found


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
