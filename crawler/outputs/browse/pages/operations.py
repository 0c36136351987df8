"""What the crawler does: the watches and their messages, and the status."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crawler.config.models import Config
from crawler.monitoring.status import collect_health, disk_usage
from crawler.outputs.browse.pages.common import Filters
from crawler.outputs.status import describe_disk, describe_queue, describe_requests
from crawler.watches.matching import misconfiguration
from crawler.watches.receivers import redact
from storage import databases
from storage.records import Filter
from storage.store import Store

TRIED = 10  # hits of a query that is tried


def watches(store: Store, config: Config, filters: Filters, now: datetime) -> dict[str, Any]:
    """The watches with what they sent and what waits, and the hits of a query that is tried."""
    sent: Mapping[str, Mapping[str, Any]] = {row["watch"]: row for row in store.outbox()}
    rows = [
        {
            "watch": watch,
            "receivers": [redact(receiver) for receiver in watch.notify],
            "sent": sent.get(watch.name, {}),
            "hits": store.count(_filter(watch), watch.query, most=1_001) if watch.query else None,
            "never": misconfiguration(watch, config.tags),
        }
        for watch in config.watches
    ]
    query = filters.get("q", "").strip()[:500]
    tried = [hit.article for hit in store.search(query, Filter(limit=TRIED), order="newest")] if query else []
    names = store.source_names()
    return {
        "rows": rows,
        "q": query,
        "tried": tried,
        "count": store.count(None, query, most=1_001) if query else None,
        "names": names,
        "now": now,
    }


def _filter(watch: Any) -> Filter:
    return Filter(sources=watch.sources, tags=watch.tags)


def status(store: Store, config: Config, filters: Filters, now: datetime) -> dict[str, Any]:  # noqa: ARG001
    """What `newsdesk status` says."""
    holders = databases.holders(config.database)
    trouble = collect_health(config, now, running=bool(holders))
    return {
        "totals": store.totals(),
        "running": holders,
        "run": next(iter(store.runs(1)), None),
        "lines": [
            ("Queue", describe_queue(store.queue_stats(now), now)),
            ("Disk", describe_disk(disk_usage(config, store, now))),
            ("Requests", describe_requests(store.request_stats(now))),
        ],
        "unhealthy": trouble.unhealthy,
        "warnings": trouble.warnings,
        "rows": store.health(now),
    }
