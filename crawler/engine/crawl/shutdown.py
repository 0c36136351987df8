"""Handle SIGINT and SIGTERM: the first signal drains the run, a second one ends it at once.

The handlers are installed at the very start and only record the signal; they raise nothing. Twisted and Scrapy install
handlers in the middle of their own start, and an exception raised there, or inside a library import that catches
everything, is swallowed: once in some hundred stops during a start, the run went on for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, Self, cast

from crawler.errors import DONE, FAILED, INTERRUPTED

if TYPE_CHECKING:
    from scrapy.crawler import AsyncCrawlerProcess
    from twisted.internet.base import ReactorBase

    from crawler.engine.crawl.session import CrawlSession

# Seconds after a signal until requests without a response are given up, and seconds left to record that. The documented
# limit is ten seconds.
DRAIN_SECONDS = 8.0
EXIT_GRACE = 1.5


class ShutdownSignals:
    """Handles and records the signals of one run; a context manager for the main thread."""

    def __init__(self, line: Callable[[str], str] = "newsdesk: {}".format) -> None:
        """line: formats a message like the log lines of this run; called in a signal handler."""
        self.received: list[int] = []
        self._line = line
        self._live: CrawlSession | None = None
        self._process: AsyncCrawlerProcess | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._before: dict[int, Any] = {}
        self._last_resort = threading.Timer(DRAIN_SECONDS + EXIT_GRACE, self._exit)
        self._last_resort.daemon = True

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._heard) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if not self.received:  # else it stays armed: a health check in a thread of its own may outlast the run
            self._last_resort.cancel()

    def attach(self, live: CrawlSession) -> None:
        """Attach the run; from the first signal on it hands out no more requests."""
        self._live = live
        if self.received:
            live.frontier.stop()

    def on_process(self, process: AsyncCrawlerProcess) -> None:
        """Attach the Scrapy process, which a first signal stops."""
        self._process = process
        if self.received:
            self._begin()

    @property
    def code(self) -> int | None:
        """The exit code for the signals received; None without one.

        An endless run exits with DONE after one signal, because that is how it is meant to end.
        """
        if not self.received:
            return None
        if self._live is not None and self._live.plan.endless and len(self.received) == 1:
            return DONE
        return INTERRUPTED if signal.SIGINT in self.received else 143

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        self.received.append(number)
        if len(self.received) > 1:
            self._exit()
        self._last_resort.start()
        if self._live is not None:
            self._live.frontier.stop()
        if self._process is not None:
            self._begin()
        _say(self._line("stopping; requests under way are completed and stored (a second signal exits at once)"))

    def _begin(self) -> None:
        from twisted.internet import reactor

        reactor.callFromThread(self._drain)  # on the event loop, not in the middle of its current callback

    def _drain(self) -> None:
        from twisted.internet import reactor

        assert self._process is not None
        timers = cast("ReactorBase", reactor)  # whose type is only the interface
        timers.callLater(DRAIN_SECONDS, lambda: self._tasks.append(asyncio.ensure_future(self._force_stop())))
        self._tasks.append(asyncio.ensure_future(self._process.stop()))

    async def _force_stop(self) -> None:
        """Record how the run ended and exit, although some requests did not complete.

        The next process that takes the lock releases their leases.
        """
        live = self._live
        if live is not None and not live.ended:
            live.ended = True
            with contextlib.suppress(Exception):  # else the timer ends the process
                await asyncio.wait_for(live.async_writer.close(), EXIT_GRACE / 2)
                live.finish(self.code)
        self._exit()

    def _exit(self) -> None:
        """End the process now; every acknowledged write is on the disk, and the workers end with it."""
        os._exit(FAILED if self.code is None else self.code)


def _say(line: str) -> None:
    """Write a line from a signal handler; sys.stderr may be in the middle of a write and raises on a reentrant one."""
    with contextlib.suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), f"{line}\n".encode())
