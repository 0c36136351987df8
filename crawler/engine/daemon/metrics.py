"""Prometheus metrics and a health check of a running crawler, served over HTTP by a thread of their own."""

from __future__ import annotations

import logging
import platform
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

from crawler.engine.listening import family_of, host_and_port
from crawler.errors import CrawlerError
from crawler.monitoring.status import collect_health, disk_usage
from crawler.version import __version__
from storage import databases
from storage.errors import StorageError
from storage.utc import parse_utc

log = logging.getLogger("newsdesk")

if TYPE_CHECKING:
    from crawler.engine.crawl.counts import RunCounts
    from crawler.engine.crawl.session import CrawlSession

_COUNTS = {
    "feeds": ("polls", "Feeds polled."),
    "feeds_read": ("polls_succeeded", "Polls with a usable response."),
    "entries_new": ("entries", "New entries listed."),
    "articles_new": ("articles", "New articles stored."),
    "revised": ("revisions", "Edits by publishers stored."),
    "copies": ("copies", "New articles that another outlet published before."),
    "rejected": ("rejected", "Entries that are no article."),
    "failed": ("failed", "Article requests that failed and are tried again."),
}


# by source: (outcome, count)
_OUTCOMES = (
    ("new", "articles_new"),
    ("revised", "revised"),
    ("headline_only", "headline_only"),
    ("rejected", "rejected"),
    ("failed", "failed"),
)


class LiveCollector:
    """Collects the counts since the start of the crawler and the state of its store, at each scrape."""

    def __init__(self, live: CrawlSession) -> None:
        self.live = live

    def collect(self) -> Iterator[Any]:
        """Yield the metrics."""
        counts = self.live.frontier.counts
        for key, (name, text) in _COUNTS.items():
            yield CounterMetricFamily(f"newsdesk_{name}", text, value=counts.total(key))
        yield CounterMetricFamily("newsdesk_requests", "Requests made.", value=counts.requested)
        yield GaugeMetricFamily(
            "newsdesk_requests_in_flight", "Requests under way.", value=self.live.frontier.in_flight
        )
        yield GaugeMetricFamily("newsdesk_sources", "Sources watched.", value=len(self.live.frontier.sources))
        yield from _by_source(counts)
        build = {"version": __version__, "python": platform.python_version()}
        yield InfoMetricFamily("newsdesk_build", "The version that runs.", value=build)
        try:
            yield from self._store()
        except StorageError:  # the scrape goes on without the store's metrics; `status` reports what is wrong
            return

    def _store(self) -> Iterator[Any]:
        now = self.live.now()
        with databases.open_reading(self.live.config.database) as store:
            queue, outbox = store.queue_stats(now), store.outbox()
            disk = disk_usage(self.live.config, store, now)
        late = (now - parse_utc(queue["latest_due_at"])).total_seconds() if queue["latest_due_at"] else 0.0
        path = self.live.config.database
        for name, text, value in (
            ("entries_pending", "Entries whose article is queued.", queue["pending"]),
            ("feeds_due", "Feeds that are due.", queue["feeds_due"]),
            ("rechecks_due", "Rechecks that are due.", queue["rechecks_due"]),
            ("poll_lag_seconds", "By how much the latest feed is late.", max(0.0, late)),
            ("gaps_open", "Gaps that are not closed.", queue["gaps_open"]),
            ("database_bytes", "Size of the database file.", databases.size_bytes(path)),
        ):
            yield GaugeMetricFamily(f"newsdesk_{name}", text, value=value)
        if disk.backup_age is not None:
            yield GaugeMetricFamily("newsdesk_backup_age_seconds", "Age of the newest backup.", value=disk.backup_age)
        messages = GaugeMetricFamily("newsdesk_messages", "Messages of watches.", labels=["watch", "state"])
        for row in outbox:
            for state in ("sent", "waiting", "given_up"):
                messages.add_metric([row["watch"], state], row[state])
        yield messages


def _by_source(counts: RunCounts) -> Iterator[Any]:
    """The counts of each source, by outcome; what is 0 is left out, as there may be 100,000 sources."""
    entries = CounterMetricFamily(
        "newsdesk_source_entries", "Entries by what became of them.", labels=["source", "outcome"]
    )
    polls = CounterMetricFamily("newsdesk_source_polls", "Polls by outcome.", labels=["source", "outcome"])
    for source, row in sorted(counts.rows.items()):
        for outcome, name in _OUTCOMES:
            if row.counts[name]:
                entries.add_metric([source, outcome], row.counts[name])
        good = row.counts["feeds_read"]
        for outcome, value in (("succeeded", good), ("failed", row.counts["feeds"] - good)):
            if value:
                polls.add_metric([source, outcome], value)
    yield entries
    yield polls


def serve_metrics(where: str, live: CrawlSession) -> int:
    """Serve the metrics of a run until the process ends; returns the port.

    Raises:
        UsageError: `where` is not HOST:PORT.
        CrawlerError: the address cannot be listened on.
    """
    host, port = host_and_port(where, "--metrics", "127.0.0.1:9464")
    registry = CollectorRegistry()
    registry.register(LiveCollector(live))
    ProcessCollector(registry=registry)  # process_resident_memory_bytes, process_cpu_seconds_total, process_open_fds
    try:
        server = _server(host, port, _application(registry, live))
    except OSError as error:
        raise CrawlerError(
            f"cannot serve metrics at {where}: {error.strerror or error}; name another HOST:PORT with --metrics"
        ) from error
    threading.Thread(target=server.serve_forever, daemon=True, name="metrics").start()
    return int(server.server_port)


def _server(host: str, port: int, application: Any) -> _Threads:
    kind: type[_Threads] = type("_Server", (_Threads,), {"address_family": family_of(host, port)})
    return make_server(host, port, application, kind, handler_class=_Silent)


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's signature
        """Log unexpected errors; a client that times out or disconnects is ignored."""
        if not isinstance(sys.exception(), OSError):
            # The server calls this while it handles the exception.
            log.error("answering a request for metrics failed", exc_info=True)  # noqa: LOG014


class _Silent(WSGIRequestHandler):
    timeout = 10  # seconds that a client may take to send its request

    def log_message(self, *_: Any) -> None:
        """Do not log requests."""


def _application(registry: CollectorRegistry, live: CrawlSession) -> Callable[..., Iterable[bytes]]:
    """The WSGI application: /metrics for Prometheus; /healthz gives 200, or 503 and the problems; else 404."""
    metrics = make_wsgi_app(registry)

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            found: Iterable[bytes] = metrics(environ, start_response)
            return found
        status: str = "404 Not Found"
        lines: tuple[str, ...] = ("nothing is here; see /metrics and /healthz",)
        if path == "/healthz":
            status, lines = _health(live)
        start_response(status, [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")])
        return ["".join(f"{line}\n" for line in lines).encode("utf-8", "replace")]

    return application


def _health(live: CrawlSession) -> tuple[str, tuple[str, ...]]:
    try:
        unhealthy = collect_health(live.config, live.now(), running=True).unhealthy
    except StorageError as error:
        unhealthy = (str(error),)
    return ("503 Service Unavailable", unhealthy) if unhealthy else ("200 OK", ("healthy",))
