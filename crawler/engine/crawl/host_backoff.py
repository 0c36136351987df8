"""Hosts that this run must leave alone because they answered 429 or 503 (RFC 9110, 10.2.3).

The store records the same for later runs. This copy takes effect as soon as a response arrives, before it is written,
so that requests already queued for the host wait too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from storage.records import FetchLogEntry


class HostBackoff:
    """Backoff per host: one throttled address is left to the store; from the second address on, the host is paused."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self._hosts: dict[str, datetime] = {}  # paused until
        self._said: dict[str, dict[str, datetime]] = {}  # per host, the throttled addresses and until when

    def record(self, record: FetchLogEntry | None, until: datetime | None) -> None:
        """Record a response; `until` is None where the server did not throttle."""
        if record is None or until is None:
            return
        now = self.clock()
        said = {url: t for url, t in self._said.get(record.host, {}).items() if t > now} | {record.url: until}
        self._said = {h: urls for h, urls in self._said.items() if max(urls.values()) > now} | {record.host: said}
        if len(said) > 1:
            until = max(*said.values(), self._hosts.get(record.host, now))
            self._hosts = {h: t for h, t in self._hosts.items() if t > now} | {record.host: until}

    def remaining(self, host: str) -> float:
        """Seconds until the host may be requested again; 0 where it is not paused."""
        until = self._hosts.get(host)
        return max(0.0, (until - self.clock()).total_seconds()) if until else 0.0

    def clock_set(self, by: timedelta) -> None:
        """Move the pauses along when the wall clock is set."""
        self._hosts = {host: until + by for host, until in self._hosts.items()}
        self._said.clear()  # the store has these throttles and moves them itself
