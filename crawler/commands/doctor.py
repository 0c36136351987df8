"""`doctor`: how the installation is."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from pyexpat import EXPAT_VERSION

import click

from crawler.commands.context import CliContext, pass_app
from crawler.monitoring.installation import (
    Finding,
    check_filesystem,
    check_settings,
    check_sqlite,
    check_versions,
    filesystem_type,
    of_expat,
)
from crawler.startup import foreign, foreign_packages
from crawler.version import __version__

_NAMED = (
    "scrapy",
    "twisted",
    "trafilatura",
    "lxml",
    "feedparser",
    "sqlite-utils",
    "datasette",
    "pebble",
    "brotli",
    "nh3",
    "apscheduler",
    "psycopg",
)


@click.command("doctor")
@pass_app
def doctor_command(app: CliContext) -> int:
    """Check the installation: versions, limits, settings, file system; exit 1 where something must be fixed.

    \b
    Example:
      newsdesk doctor
    """  # noqa: D301  # click reads \b as: do not wrap
    from crawler.outputs.terminal import note
    from crawler.watches.matching import misconfiguration
    from storage import databases
    from storage.errors import StorageError
    from storage.sqlite.connection import SQLITE_VERSION

    config = app.config
    print(f"newsdesk      {__version__} on Python {sys.version.split()[0]}")
    found = {name: _version(name) for name in _NAMED}
    for name, installed in found.items():
        print(f"{name:13} {installed}")
    module = "pysqlite3" if importlib.util.find_spec("pysqlite3") else "Python's own"
    print(f"SQLite        {SQLITE_VERSION} ({module})")
    advice = [
        *(Finding(foreign(name, place)) for name, place in foreign_packages().items()),
        *check_versions(found),
        *check_sqlite(SQLITE_VERSION),
        *of_expat(EXPAT_VERSION),
        *_limits(),
    ]
    print(f"expat         {EXPAT_VERSION.removeprefix('expat_')}")
    print(f"configuration {config.path or 'built in'}, {sum(s.enabled for s in config.sources)} sources enabled")
    print(f"database      {config.database}" + ("" if databases.exists(config.database) else " (not there yet)"))
    print(f"User-Agent    {config.user_agent}")
    if databases.exists(config.database):
        try:
            with app.reader() as store:
                if (server := store.server_version()) is not None:
                    print(f"PostgreSQL    {server}")
                if store.outdated():
                    text = "`newsdesk db migrate`: the database has URL keys or a search index of an earlier version"
                    advice.append(Finding(text, must=False))
        except StorageError as error:
            advice.append(Finding(str(error)))
    for lock in databases.holders(config.database):
        print(f"locked by     newsdesk {lock.command}, pid {lock.pid} on {lock.host}, since {lock.since}")
    address = config.database
    place = address.resolve() if isinstance(address, Path) else address.folder.resolve() / address.name
    mute = {watch.name: misconfiguration(watch, config.tags) for watch in config.watches}
    advice += [*check_filesystem(place, filesystem_type(place, _mounts())), *check_settings(config)]
    advice += [Finding(f"watch {name!r} can never match: {why}") for name, why in mute.items() if why]
    for one in advice:
        note("!", str(one))
    print("no problems found" if not advice else f"{len(advice)} to look at")
    return 1 if any(one.must for one in advice) else 0


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _limits() -> list[Finding]:
    import resource

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    print(
        f"limits        {files} open files, {os.cpu_count()} cores, "
        f"{shutil.disk_usage('.').free / 1e9:,.1f} GB free here"
    )
    return [Finding(f"only {files} files may be open; `ulimit -n 1024` before newsdesk")] if files < 256 else []


def _mounts() -> list[str]:
    try:
        return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not a Linux
        return []
