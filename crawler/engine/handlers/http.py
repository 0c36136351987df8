"""The download handler: connections with bounded memory, and a last check before a request is sent."""

from __future__ import annotations

import time
from typing import Any, ClassVar, cast
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import (
    HTTP11DownloadHandler,
    _LenientHTTP11ClientFactory,
    _LenientHTTP11ClientProtocol,
    _ScrapyAgent,
)
from scrapy.exceptions import DownloadFailedError
from twisted.internet.defer import fail
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from crawler.engine.middlewares.address_guard import RequestRefused
from crawler.urls import host_of

# Bytes of status line and headers; browsers accept as much. Without a limit an endless header took a gigabyte.
MAX_HEAD = 256 * 1024
# Bytes; a response larger than this is paused while more than MAX_BUFFERED bytes of responses are in memory.
# Without the limit, 64 hosts that each send the most allowed would take 640 MB.
LARGE_BODY = 1024**2
MAX_BUFFERED = 32 * 1024**2


class HeadTooLarge(Exception):  # noqa: N818 - named for what was met
    """The status line and headers of a response are larger than MAX_HEAD."""


class HostTakenOver(Exception):  # noqa: N818 - named for what was met
    """The host belongs to another worker now, or the lease of this one is about to end; nothing was requested."""


class BoundedProtocol(_LenientHTTP11ClientProtocol):
    """One connection: its head is bounded; TCP back-pressure pauses a large body while too many bytes are in memory.

    The large body that began first is never paused, so one always completes and makes room for the next.
    """

    under_way: ClassVar[int] = 0  # bytes in memory, of all connections
    # connections with more than LARGE_BODY bytes, in the order in which they reached it
    large: ClassVar[dict[BoundedProtocol, None]] = {}
    # whether a host may still be requested: the process may have been suspended while the connection was made
    may_send: ClassVar[Any] = staticmethod(lambda _: True)
    sends: ClassVar[Any] = staticmethod(lambda _: None)  # called with the host when a request leaves
    _head = 0
    _buffered = 0
    _waits = False

    def request(self, request: Any) -> Any:
        """Send a request; reset the counts of the connection's previous request."""
        self._head = 0
        self._release()
        named = request.headers.getRawHeaders(b"host") or [b""]
        host = urlsplit(f"//{named[0].decode('ascii', 'replace')}").hostname or ""
        if not self.may_send(host):
            self._end()
            return fail(HostTakenOver(host))
        self.sends(host)
        return super().request(request)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Count the bytes, check the limits, then parse."""
        parser = self._parser
        if parser is None:  # the request was aborted; over TLS a server may go on sending
            self._end()
            return
        if parser.state in {"STATUS", "HEADER"}:
            self._head += len(data)
            if self._head > MAX_HEAD + len(data):
                self._end()
                self._disconnectParser(Failure(HeadTooLarge()))  # type: ignore[no-untyped-call]  # Twisted is typed in part
                return
        self._buffered += len(data)
        BoundedProtocol.under_way += len(data)
        super().dataReceived(data)  # type: ignore[no-untyped-call]  # Twisted is typed in part
        if self.state == "QUIESCENT":
            self._release()
        elif self._parser is None:
            self._end()
        elif self._buffered > LARGE_BODY:
            self._wait_if_crowded()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        """Release what the connection counted."""
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # Twisted is typed in part
        self._release()

    def go_on(self) -> None:
        """Resume reading."""
        self._waits = False
        if self.transport is not None:
            self.transport.resumeProducing()

    def _wait_if_crowded(self) -> None:
        self.large.setdefault(self)
        if (
            BoundedProtocol.under_way > MAX_BUFFERED
            and next(iter(self.large)) is not self
            and self.transport is not None
        ):
            self._waits = True
            self.transport.pauseProducing()

    def _end(self) -> None:
        self._release()
        if self.transport is not None:
            self.transport.abortConnection()

    def _release(self) -> None:
        """Uncount a response that was passed on or dropped, and resume paused connections where there is room."""
        BoundedProtocol.under_way -= self._buffered
        self._buffered = 0
        self._waits = False
        self.large.pop(self, None)
        for number, other in enumerate(list(self.large)):
            allowed = number == 0 or BoundedProtocol.under_way <= MAX_BUFFERED
            if other._waits and allowed:  # noqa: SLF001 - of its own class
                other.go_on()


class _Factory(_LenientHTTP11ClientFactory):
    def buildProtocol(self, addr: Any) -> Any:  # noqa: ARG002, N802 - Twisted's
        return BoundedProtocol(self._quiescentCallback)  # type: ignore[no-untyped-call]  # Twisted is typed in part


class BadCertificate(Exception):  # noqa: N818 - named for what was met
    """The server's certificate or TLS version is not accepted; the message says why."""


# OpenSSL's error codes for a certificate chain (x509_vfy.h).
_FAULTS = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed",
    19: "is signed by an authority that nobody here knows",
    20: "is signed by an authority that nobody here knows",
    21: "is sent without the one that signed it",
    23: "was revoked",
}


@implementer(IPolicyForHTTPS)
class _ExplainingTLSPolicy:
    """Scrapy's certificate policy, which also records what is wrong with a host's certificate.

    OpenSSL's own error says only that verification failed.
    """

    def __init__(self, policy: Any) -> None:
        self._policy = policy
        self.faults: dict[str, str] = {}

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:  # noqa: N802 - Twisted's name
        creator = self._policy.creatorForNetloc(hostname, port)
        connect = getattr(creator, "_createConnection", None)
        if connect is not None:  # without it the reason is less precise; Twisted alone decides what is accepted
            creator._createConnection = lambda protocol: self._watched(  # noqa: SLF001
                connect(protocol), hostname.decode("ascii")
            )
        return creator

    def _watched(self, connection: Any, host: str) -> Any:
        """The connection, with its verification callback wrapped to record the fault."""
        verify = connection.set_verify

        def set_verify(mode: int, decide: Any) -> None:
            def look(conn: Any, certificate: Any, fault: int, depth: int, fine: int) -> Any:
                if not fine:
                    if len(self.faults) > 1000:
                        self.faults.clear()
                    why = _FAULTS.get(fault, f"does not hold (OpenSSL's verify error {fault})")
                    self.faults[host] = f"its certificate {why}"
                return decide(conn, certificate, fault, depth, fine)

            verify(mode, look)

        connection.set_verify = set_verify
        return connection


class BoundedHTTPHandler(HTTP11DownloadHandler):
    """Checks a request once more before it is sent; drops it if its host was throttled while it waited in the queue."""

    def __init__(self, crawler: Any) -> None:
        super().__init__(crawler)
        self._pool._factory = _Factory  # noqa: SLF001 - as Scrapy itself does
        self._certificate_faults: dict[str, str] = {}
        BoundedProtocol.sends = staticmethod(self._delay_from_now)
        if crawler.settings.getbool("DOWNLOAD_VERIFY_CERTIFICATES"):
            explained = _ExplainingTLSPolicy(self._contextFactory)
            self._contextFactory = cast("IPolicyForHTTPS", explained)  # which mypy cannot read from @implementer
            self._certificate_faults = explained.faults

    async def download_request(self, request: Request) -> Any:
        """Send the request, unless its host was throttled meanwhile (PEERS F 14).

        Raises:
            HostTakenOver: the host is another worker's now.
            RequestRefused: the host was throttled.
            BadCertificate: the server's certificate or TLS version is not accepted.
        """
        host = host_of(request.url)
        frontier = getattr(self._crawler.spider, "frontier", None)
        if frontier is not None and (seconds := frontier.backoff.remaining(host)) > 0:
            raise RequestRefused("host throttled (429 or 503)", kind="deferred", retry_after=seconds)
        if frontier is None:
            return await self._send(request, host)
        BoundedProtocol.may_send = staticmethod(frontier.handover.may_send)
        task = request.meta.get("task")
        if task is not None and "redirect_urls" not in request.meta and frontier.handover.is_leased_for(task, host):
            if not frontier.claim.may_request(host):  # it waited in the queue of its host
                raise HostTakenOver(host)
            return await self._send(request, host)
        async with frontier.handover.visiting(host):  # robots.txt, a redirect, a feed that moved
            return await self._send(request, host)

    def agent_for(self, request: Request, timeout: float) -> Any:
        """Twisted's agent for a request, through the proxy of its meta, for a body that is read as it comes.

        Args:
            request: one that the guard let through.
            timeout: seconds for the connection.
        """
        agents = _ScrapyAgent(contextFactory=self._contextFactory, pool=self._pool, crawler=self._crawler)
        return agents._get_agent(request, timeout)  # noqa: SLF001 - Scrapy has no other way to an agent with a proxy

    def _delay_from_now(self, host: str) -> None:
        """Count the delay of a host from the moment its request leaves: a name, a connection or a worker may be slow.

        Scrapy counts from the moment the request left the queue, so the next one could follow at once.
        """
        if (slot := self._crawler.engine.downloader.slots.get(host)) is not None:
            slot.lastseen = time.monotonic()

    async def _send(self, request: Request, host: str) -> Any:
        try:
            return await super().download_request(request)
        except DownloadFailedError as error:
            if (reason := self._certificate(str(error), urlsplit(request.url).hostname or host)) is not None:
                raise BadCertificate(reason) from error
            raise

    def _certificate(self, error: str, host: str) -> str | None:
        if "certificate verify failed" in error:
            return self._certificate_faults.pop(host, None)
        if "VerificationError" in error:
            return "its certificate is for another host"
        if "protocol version" in error or "unsupported protocol" in error:
            return "its server speaks no TLS of 1.2 or newer"
        return None
