"""The listener that hubs reach: verifications of intent, and pushes. Serves strangers, so everything is bounded.

Each connection has a thread; what it asks is answered on the crawl's event loop, within a time limit.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from crawler.engine.listening import family_of, host_and_port
from crawler.errors import CrawlerError

CONNECTIONS = 64  # at once; others are closed
BODIES = 8  # of pushes that are read at once
SECONDS = 5.0  # without a byte, after which a connection is closed,
SLOWEST = 15.0  # and for a body in total
MOST_PATH = 4_000  # characters of a request's address
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Push:
    """The body of a push, and what its headers say."""

    token: str
    body: bytes
    signature: str | None
    content_type: str


Known = Callable[[str], bool | None]  # whether a token is one; None if that cannot be said yet
# The token and query of a verification -> the challenge to answer with, or None.
Verify = Callable[[str, str], str | None]
Receive = Callable[[Push], int]  # -> the status to answer with


class Listener:
    """An HTTP server in a thread of its own."""

    def __init__(self, where: str, most: int, known: Known, verify: Verify, receive: Receive) -> None:
        """Listen.

        Args:
            where: HOST:PORT.
            most: bytes of a push; a larger one is refused.
            known: whether a token is that of a subscription; nothing else is read of a stranger's request.
            verify: answers a verification.
            receive: takes a push.

        Raises:
            UsageError: `where` is not HOST:PORT.
            CrawlerError: the address cannot be listened on.
        """
        host, port = host_and_port(where, "[websub] listen", "127.0.0.1:8030")
        try:
            self._server = _Server(host, port, most, known, verify, receive)
        except OSError as error:
            raise CrawlerError(
                f"cannot listen for pushes at {where}: {error.strerror or error}; name another HOST:PORT in [websub] listen"
            ) from error
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True, name="websub").start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, host: str, port: int, most: int, known: Known, verify: Verify, receive: Receive) -> None:
        self.address_family = family_of(host, port)
        self.most, self.known, self.verify, self.receive = most, known, verify, receive
        self.bodies = threading.Semaphore(BODIES)
        self._free = threading.Semaphore(CONNECTIONS)
        super().__init__((host, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection, if there is room."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a connection that broke."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = SECONDS
    protocol_version = "HTTP/1.1"
    server_version = "newsdesk"
    sys_version = ""

    def setup(self) -> None:
        """End the connection after a while, whatever trickles in."""
        super().setup()
        self._watchdog = threading.Timer(SLOWEST, self._cut)
        self._watchdog.daemon = True
        self._watchdog.start()

    def finish(self) -> None:
        """Close."""
        self._watchdog.cancel()
        super().finish()

    def do_GET(self) -> None:
        """A hub verifies that a subscription was wanted."""
        parts = urlsplit(self.path[:MOST_PATH])
        token = _token(parts.path)
        known = self.server.known(token)
        if known is None:
            self._answer(503)
            return
        challenge = self.server.verify(token, parts.query) if known else None
        if challenge is None:
            self._answer(404)
        else:
            self._answer(200, challenge.encode("utf-8", "replace"))

    def do_POST(self) -> None:
        """A hub pushes."""
        token = _token(urlsplit(self.path[:MOST_PATH]).path)
        if not (known := self.server.known(token)):
            self._answer(410 if known is False else 503)
            return
        length = self.headers.get("Content-Length", "")
        if (
            not length.isascii()
            or not length.isdigit()
            or "chunked" in self.headers.get("Transfer-Encoding", "").lower()
        ):
            self._answer(411)
            return
        if int(length) > self.server.most:
            self._answer(413)
            return
        if not self.server.bodies.acquire(timeout=1):
            self._answer(503)
            return
        try:
            self._read(token, int(length))
        finally:
            self.server.bodies.release()

    def _read(self, token: str, left: int) -> None:
        pieces = []
        while left:
            piece = self.rfile.read(min(left, _PIECE))
            if not piece:
                self.close_connection = True
                return
            pieces.append(piece)
            left -= len(piece)
        push = Push(
            token=token,
            body=b"".join(pieces),
            signature=self.headers.get("X-Hub-Signature"),
            content_type=self.headers.get("Content-Type", ""),
        )
        self._answer(self.server.receive(push))

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def _cut(self) -> None:
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:  # it ended meanwhile
            return

    def log_message(self, *_: object) -> None:
        """Log nothing: the address of a request is a secret."""


def _token(path: str) -> str:
    """The last part of a path, whatever a proxy made of the rest."""
    return path.rstrip("/").rpartition("/")[2]
