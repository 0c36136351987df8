"""Hosts that asked to be left alone (429 or 503, RFC 9110 10.2.3), as the run itself remembers them.

The store keeps what they said for the next run; here it holds from the moment an answer came, not from when it is
written: the requests behind it wait.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from storage.records import FetchLogEntry


class HostBackoff:
    """One address that says so is left alone by itself, in the store; with a second one its host is."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self._hosts: dict[str, datetime] = {}  # until when
        self._said: dict[str, dict[str, datetime]] = {}  # which addresses of a host said so

    def record(self, record: FetchLogEntry | None, until: datetime | None) -> None:
        """An answer that may have asked for it; None as the moment where it did not."""
        if record is None or until is None:
            return
        now = self.clock()
        said = {url: t for url, t in self._said.get(record.host, {}).items() if t > now} | {record.url: until}
        self._said = {h: urls for h, urls in self._said.items() if max(urls.values()) > now} | {record.host: said}
        if len(said) > 1:
            held = max(*said.values(), self._hosts.get(record.host, now))
            self._hosts = {h: t for h, t in self._hosts.items() if t > now} | {record.host: held}

    def remaining(self, host: str) -> float:
        """Seconds for which a host is still to be left alone; 0 for one that did not ask."""
        until = self._hosts.get(host)
        return max(0.0, (until - self.clock()).total_seconds()) if until else 0.0

    def clock_set(self, by: timedelta) -> None:
        """The wall clock was set: what was held by the old one is moved with it."""
        self._hosts = {host: until + by for host, until in self._hosts.items()}
        self._said.clear()  # the store's own stay
