"""How a run hears SIGINT and SIGTERM: the first one drains, a second one ends it at once.

It listens itself, from the first moment, and only notes what it hears. Twisted and Scrapy put handlers in place in the middle of their start;
what a handler raises there, or while some library is imported that tries and ignores, is swallowed: the run went on for ever, once in some
hundred stops during a start.
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
from typing import TYPE_CHECKING, Any, Self

from crawler.errors import DONE, FAILED, INTERRUPTED

if TYPE_CHECKING:
    from scrapy.crawler import AsyncCrawlerProcess

    from crawler.engine.crawl.session import CrawlSession

DRAIN_SECONDS = 8.0  # seconds after a signal until what did not answer is given up; ten are promised,
EXIT_GRACE = 1.5  # and so many are left to write that down


class ShutdownSignals:
    """The signals of one run, which notes those it received; in the main thread, as a context."""

    def __init__(self, line: Callable[[str], str] = "newsdesk: {}".format) -> None:
        """line: makes a line of a message, as the log of this run has them; called in a signal handler."""
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
        if not self.received:  # else it stays armed: a look at the file in a thread of its own may outlast the run
            self._last_resort.cancel()

    def attach(self, live: CrawlSession) -> None:
        """The run is there, and hands out nothing more from the first signal on."""
        self._live = live
        if self.received:
            live.frontier.stop()

    def on_process(self, process: AsyncCrawlerProcess) -> None:
        """What a first signal stops from here on."""
        self._process = process
        if self.received:
            self._begin()

    @property
    def code(self) -> int | None:
        """The exit code that the signals ask for; None without one. A run without an end is ended by its first one, as it should be."""
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

        reactor.callFromThread(self._drain)  # on the loop, and not in the middle of whatever it does

    def _drain(self) -> None:
        from twisted.internet import reactor

        assert self._process is not None
        reactor.callLater(DRAIN_SECONDS, lambda: self._tasks.append(asyncio.ensure_future(self._force_stop())))
        self._tasks.append(asyncio.ensure_future(self._process.stop()))

    async def _force_stop(self) -> None:
        """Somebody does not answer: write down how the run ended, and go. The next holder gives back what was not settled."""
        live = self._live
        if live is not None and not live.ended:
            live.ended = True
            with contextlib.suppress(Exception):  # the last resort ends it otherwise
                await asyncio.wait_for(live.async_writer.close(), EXIT_GRACE / 2)
                live.finish(self.code)
        self._exit()

    def _exit(self) -> None:
        """End the process now; all that was acknowledged is on the disk, and its workers end with it."""
        os._exit(FAILED if self.code is None else self.code)


def _say(line: str) -> None:
    """Tell from within a signal handler: sys.stderr may be in the middle of a line, and then raises at a second writer."""
    with contextlib.suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), f"{line}\n".encode())
