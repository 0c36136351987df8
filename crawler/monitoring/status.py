"""Health of the configured sources and the database, for `status` and for the background crawler."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from crawler.config.models import Config
from crawler.monitoring.health import DiskUsage, HealthReport, check_health
from storage import databases
from storage import maintenance as files
from storage.warc import raw_size


def collect_health(config: Config, now: datetime, *, running: bool) -> HealthReport:
    """Return the health of a configuration's sources, read from its database."""
    with databases.open_reading(config.database) as store:
        run = next((r for r in store.runs(20) if r["command"] == "run"), None)
        newest = next(iter(store.runs(1)), None)
        expected = bool(run and newest and run["finished_at"] is None and (running or run["id"] == newest["id"]))
        return check_health(
            sources=store.health(now),
            trends=store.source_trends(now),
            feeds=store.failing_feeds(now),
            gaps_open=store.queue_stats(now)["gaps_open"],
            disk=disk_usage(config, store, now),
            settings=config.health,
            hour=config.pace.hour,
            expected=expected,
            running=running,
            damage=store.meta("damage") or None,
            now=now,
        )


def disk_usage(config: Config, store: Any, now: datetime) -> DiskUsage:
    """Return the size of the database, its growth, and the age of its backup."""
    path = config.database
    raw = raw_size(path)
    used = raw + databases.size_bytes(path)
    week = (now - timedelta(days=7)).strftime("%Y-%m-%d")
    days = store.days(since=week)
    came = sum(d["articles"] + d["headline_only"] for d in days)
    watched = len({d["day"] for d in days if d["polls_ok"]})
    total = store.totals()["articles"]
    growth = used / total * came / watched if total and came and watched else None
    local = path if isinstance(path, Path) else path.folder / path.name  # of a server only raw pages are here
    newest = files.backups(local)
    age = now.timestamp() - newest[-1].stat().st_mtime if newest else None
    return DiskUsage(free=shutil.disk_usage(local.parent).free, used=used, raw=raw, growth=growth, backup_age=age)
