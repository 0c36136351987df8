"""The wire: connections that hold no more than is allowed, and the last look before a request leaves."""

from __future__ import annotations

from typing import Any, ClassVar

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import (
    HTTP11DownloadHandler,
    _LenientHTTP11ClientFactory,
    _LenientHTTP11ClientProtocol,
)
from twisted.python.failure import Failure

from crawler.engine.guard import Refused
from crawler.urls import host_of

MAX_HEAD = (
    256 * 1024
)  # bytes of status line and headers; browsers take as much. Without a limit an endless one took a gigabyte
MUCH = 1024**2  # bytes; an answer larger than this waits while
ALL = 64 * 1024**2  # bytes of answers are under way: 64 hosts that each send all that one may would take 640 MB


class HeadTooLarge(Exception):  # noqa: N818 - named for what was met
    """An answer whose head is larger than MAX_HEAD."""


class BoundedProtocol(_LenientHTTP11ClientProtocol):
    """One connection: its head is bounded, and a large body waits in the server, by TCP's own back-pressure, while too much is held."""

    under_way: ClassVar[int] = 0  # bytes that all connections hold
    waiting: ClassVar[list[BoundedProtocol]] = []
    _head = 0
    _held = 0

    def request(self, request: Any) -> Any:
        """Ask; what this connection held before is somebody else's."""
        self._head = 0
        self._let_go()
        return super().request(request)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Count, then read."""
        parser = self._parser
        if parser is not None and parser.state in {"STATUS", "HEADER"}:
            self._head += len(data)
            if self._head > MAX_HEAD + len(data):
                self.transport.abortConnection()
                self._disconnectParser(Failure(HeadTooLarge()))
                return
        self._held += len(data)
        BoundedProtocol.under_way += len(data)
        super().dataReceived(data)
        if self.state == "QUIESCENT":
            self._let_go()
        elif self._held > MUCH and BoundedProtocol.under_way > ALL and self.transport is not None:
            self.transport.pauseProducing()
            self.waiting.append(self)

    def connectionLost(self, reason: Any) -> None:  # noqa: N802 - Twisted's name
        """It is over."""
        super().connectionLost(reason)
        self._let_go()

    def go_on(self) -> None:
        """Read again, unless it is over."""
        if self._held and self.transport is not None:
            self.transport.resumeProducing()

    def _let_go(self) -> None:
        """What was held is handed on or dropped: who waits goes on."""
        BoundedProtocol.under_way -= self._held
        self._held = 0
        while self.waiting and BoundedProtocol.under_way <= ALL:
            other = self.waiting.pop()
            other.go_on()


class _Factory(_LenientHTTP11ClientFactory):
    def buildProtocol(self, addr: Any) -> Any:  # noqa: ARG002, N802 - Twisted's
        return BoundedProtocol(self._quiescentCallback)


class PoliteHandler(HTTP11DownloadHandler):
    """The last look before a request leaves. What waited in a host's queue while the host asked to be left alone is not sent."""

    def __init__(self, crawler: Any) -> None:
        super().__init__(crawler)
        self._pool._factory = _Factory  # noqa: SLF001 - as Scrapy itself does

    async def download_request(self, request: Request) -> Any:
        """Ask, unless the host asked to be left alone meanwhile (PEERS F 14)."""
        frontier = getattr(self._crawler.spider, "frontier", None)
        if frontier is not None and (seconds := frontier.held_for(host_of(request.url))) > 0:
            raise Refused("its host asked to be left alone (429 or 503)", kind="deferred", retry_after=seconds)
        return await super().download_request(request)
