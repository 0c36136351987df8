"""The connections of an import to files at addresses: a crawl's, with its guard, its limits and its TLS policy.

Twisted's reactor has a thread of its own here; the thread that reads a file waits for its bytes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import Any, cast
from urllib.parse import urljoin

from scrapy import Request, Spider
from scrapy.crawler import Crawler
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.threads import blockingCallFromThread
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH

from crawler.archives.remote_file import Body, ConnectionEnded, RemoteFile
from crawler.config.models import Config
from crawler.engine.addon import own_settings
from crawler.engine.crawl.download_errors import describe_failure
from crawler.engine.handlers.http import BoundedHTTPHandler, BoundedProtocol
from crawler.engine.middlewares.address_guard import GuardMiddleware, RequestRefused, install_resolver
from crawler.urls import ascii_host_url, host_of

PIECE = 1 << 16  # bytes that are read at a time
WAITING = 1 << 20  # bytes of a body that wait to be read; the transfer pauses while there are more
_REDIRECTS = {301, 302, 303, 307, 308}


class ArchiveConnections:
    """Files at addresses. One is open at a time."""

    def __init__(self, config: Config) -> None:
        """Start the thread of the connections; `close` ends it."""
        from twisted.internet import reactor  # chosen by the first import of it

        self._reactor = cast("Any", reactor)
        self._config = config
        self._guard = GuardMiddleware(config)
        self._handler = BoundedHTTPHandler(Crawler(Spider, own_settings(config)))
        BoundedProtocol.sends = staticmethod(lambda _: None)  # there is no queue of requests whose delays would count
        self._thread = threading.Thread(
            target=self._reactor.run, kwargs={"installSignalHandlers": False}, name="connections", daemon=True
        )
        self._thread.start()
        self._resolver = blockingCallFromThread(self._reactor, install_resolver, self._reactor, config)

    def close(self) -> None:
        """End all connections and the thread; a process can do this once."""
        self._reactor.callFromThread(self._reactor.stop)
        self._thread.join(timeout=5)

    @contextmanager
    def open(self, url: str) -> Iterator[tuple[BufferedReader, RemoteFile]]:
        """Open a file for reading, in a thread that may wait.

        Raises:
            OSError: it cannot be had; the message says why.
        """
        file = RemoteFile(url, self.connect)
        with BufferedReader(cast("Any", file), PIECE) as buffered:
            yield buffered, file

    def connect(self, url: str, headers: dict[str, str]) -> Body:
        """Begin a request, following redirects, each of which the guard checks.

        Raises:
            ConnectionEnded: it failed for now.
            OSError: it is refused.
        """
        for _ in range(self._config.http.max_redirects + 1):
            body = self._request(url, headers)
            target = body.headers.get("location")
            if body.status not in _REDIRECTS or target is None:
                return body
            body.close()
            try:
                url = ascii_host_url(urljoin(url, target))
            except ValueError as error:
                raise OSError(0, f"it is redirected to what is no address: {target[:200]!r}") from error
        raise OSError(0, "it is redirected too often")

    def _request(self, url: str, headers: dict[str, str]) -> _StreamedBody:
        try:
            request = Request(url, dont_filter=True)
            self._guard.process_request(request)
        except (RequestRefused, ValueError) as error:
            raise OSError(0, str(error)) from error
        try:
            body = cast("_StreamedBody", blockingCallFromThread(self._reactor, self._begin, request, headers))
        except Exception as error:
            reason = describe_failure(error, self._resolver.refused, host_of(url))
            if host_of(url) in self._resolver.refused:
                raise OSError(0, reason) from error
            raise ConnectionEnded(0, reason) from error
        return body

    def _begin(self, request: Request, headers: dict[str, str]) -> Deferred[Any]:
        """Runs in the reactor's thread."""
        timeout = self._config.http.timeout
        agent = self._handler.agent_for(request, timeout)
        sent = Headers({name: [value] for name, value in headers.items()})
        sent.setRawHeaders("User-Agent", [self._config.user_agent])
        found = agent.request(b"GET", request.url.encode("ascii"), sent)
        limit = self._reactor.callLater(timeout, found.cancel)

        def answered(result: Any) -> Any:
            if limit.active():
                limit.cancel()
            return result if isinstance(result, Failure) else _StreamedBody(self._reactor, result, timeout)

        found.addBoth(answered)
        return cast("Deferred[Any]", found)


class _StreamedBody(Protocol):
    """A response whose body is read by another thread, as it comes."""

    def __init__(self, reactor: Any, response: Any, timeout: float) -> None:
        self._reactor = reactor
        self.status: int = response.code
        self.headers = {
            name.decode("ascii", "replace").lower(): values[-1].decode("utf-8", "replace")
            for name, values in response.headers.getAllRawHeaders()
        }
        self.length: int | None = None if response.length == UNKNOWN_LENGTH else response.length
        self._timeout = timeout
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._paused = False
        self._ended: OSError | None = None
        self._complete = response.length == 0
        self._changed = threading.Condition()
        if not self._complete:
            response.deliverBody(self)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Bytes came; runs in the reactor's thread, like all methods with Twisted's names."""
        with self._changed:
            self._pieces.append(data)
            self._waiting += len(data)
            if self._waiting > WAITING and not self._paused and self.transport is not None:
                self._paused = True
                self.transport.pauseProducing()
            self._changed.notify()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """The body is complete, or never will be."""
        with self._changed:
            if isinstance(reason.value, ResponseDone):
                self._complete = True
            elif isinstance(reason.value, PotentialDataLoss):
                self._ended = OSError(0, "the server does not say where the file ends; download it and name it")
            else:
                self._ended = ConnectionEnded(0, "the connection ended early")
            self._changed.notify()

    def read(self, most: int) -> bytes:
        """Wait for bytes, at most the time limit of a request; empty at the end of a complete body.

        Raises:
            ConnectionEnded: the body is not complete.
            OSError: it can never be.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._pieces or self._complete or self._ended, self._timeout):
                raise ConnectionEnded(0, f"no byte came for {self._timeout:.0f} s")
            if not self._pieces:
                if self._ended is not None:
                    raise self._ended
                return b""
            piece = self._pieces.popleft()
            if len(piece) > most:
                self._pieces.appendleft(piece[most:])
                piece = piece[:most]
            self._waiting -= len(piece)
            if self._paused and self._waiting <= WAITING // 2:
                self._paused = False
                self._reactor.callFromThread(self._in_reactor, "resumeProducing")
            return piece

    def close(self) -> None:
        """End the connection, if it is open."""
        if not self._complete and self._ended is None:
            self._reactor.callFromThread(self._in_reactor, "abortConnection")

    def _in_reactor(self, name: str) -> None:
        transport: Any = self.transport
        if transport is None or self._complete or self._ended is not None:
            return
        getattr(transport if name != "abortConnection" else transport._producer, name)()  # noqa: SLF001
