"""Prometheus metrics of a running crawler, served by prometheus_client in a thread of its own; counted where the frontier counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from crawler.errors import CrawlerError, UsageError
from storage.errors import StorageError
from storage.records import moment
from storage.store import open_store

if TYPE_CHECKING:
    from crawler.engine.live import LiveRun

_COUNTS = {
    "feeds": ("polls", "Feeds asked."),
    "feeds_read": ("polls_ok", "Feeds that answered well."),
    "entries_new": ("entries", "New entries listed."),
    "articles_new": ("articles", "New articles kept."),
    "revised": ("revisions", "Edits by publishers kept."),
    "copies": ("copies", "New articles that another outlet ran before."),
    "rejected": ("rejected", "Entries that are no article."),
    "failed": ("failed", "Article requests that failed and are tried again."),
}


class LiveCollector:
    """What the crawler counts since it was started, and what its store owes now; asked by each scrape."""

    def __init__(self, live: LiveRun) -> None:
        self.live = live

    def collect(self) -> Iterator[Any]:
        """The metrics."""
        tally = self.live.frontier.tally
        for key, (name, text) in _COUNTS.items():
            yield CounterMetricFamily(f"newsdesk_{name}", text, value=tally.total(key))
        yield CounterMetricFamily("newsdesk_requests", "Requests asked for.", value=tally.asked)
        yield GaugeMetricFamily(
            "newsdesk_requests_in_flight", "Requests under way.", value=self.live.frontier.in_flight
        )
        yield GaugeMetricFamily("newsdesk_sources", "Sources watched.", value=len(self.live.frontier.sources))
        try:
            yield from self._store()
        except StorageError:  # the scrape goes on without; `status` says what is wrong
            return

    def _store(self) -> Iterator[Any]:
        now = self.live.now()
        with open_store(self.live.config.database) as store:
            queue = store.queue(now)
        late = (now - moment(queue["latest_due_at"])).total_seconds() if queue["latest_due_at"] else 0.0
        path = self.live.config.database
        for name, text, value in (
            ("owed", "Articles that are owed a request.", queue["owed"]),
            ("feeds_due", "Feeds whose time has come.", queue["feeds_due"]),
            ("rechecks_due", "Rechecks whose time has come.", queue["rechecks_due"]),
            ("lag_seconds", "By how much the latest feed is late.", max(0.0, late)),
            ("gaps_open", "Gaps that are not closed.", queue["gaps_open"]),
            ("database_bytes", "Size of the database file.", path.stat().st_size if path.exists() else 0),
        ):
            yield GaugeMetricFamily(f"newsdesk_{name}", text, value=value)


def serve_metrics(where: str, live: LiveRun) -> int:
    """Serve the metrics of a run until the process ends; the port it is at.

    Raises:
        UsageError: `where` is no HOST:PORT.
        CrawlerError: somebody else listens there.
    """
    host, _, port = where.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise UsageError(f"--metrics {where!r} is not HOST:PORT, like 127.0.0.1:9464")
    registry = CollectorRegistry()
    registry.register(LiveCollector(live))
    try:
        server, _ = start_http_server(int(port), addr=host.strip("[]") or "127.0.0.1", registry=registry)
    except OSError as error:
        raise CrawlerError(
            f"cannot serve metrics at {where}: {error.strerror or error}; name another HOST:PORT with --metrics"
        ) from error
    return int(server.server_port)
