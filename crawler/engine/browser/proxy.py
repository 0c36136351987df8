"""The proxy that is a browser's only way to the network: the guard's policy, at the address that is connected to.

Interception in the browser sees addresses as text, and the browser resolves them again; here the name is resolved once,
and only an address that the policy lets through is connected to.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self
from urllib.parse import urlsplit

from crawler.config.models import Http
from crawler.engine.middlewares.address_guard import AddressPolicy, numeric_host

MAX_HEAD = 64 * 1024  # bytes of a request's head
HEAD_SECONDS = 10.0
IDLE_SECONDS = 30.0
CONNECT_SECONDS = 8.0
CONNECTIONS = 128  # at once
LOOKUPS = 100  # of names, of one page
# of their own: a name server that does not answer would take the threads of everything else
_RESOLVERS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="names")
_PIECE = 1 << 16
_HOP = (b"proxy-", b"connection:", b"keep-alive:")


class GuardedProxy:
    """An HTTP proxy on loopback: CONNECT, and http addresses."""

    def __init__(self, http: Http, *, spent: Callable[[int], bool] = lambda _: True) -> None:
        """Create the proxy; `async with` starts it.

        Args:
            http: the settings; their policy is that of all requests.
            spent: called with the bytes that went either way; False ends the connection.
        """
        self.policy = AddressPolicy.of(http)
        self._timeout = http.timeout
        self._spent = spent
        self._server: asyncio.Server | None = None
        self._lookups = 0
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=MAX_HEAD)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in tuple(self._open):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._open, return_exceptions=True)

    @property
    def address(self) -> str:
        """Where it listens."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            if len(self._open) <= CONNECTIONS:
                await self._answer(reader, writer)
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a connection that broke, or that no address is allowed for
        except asyncio.CancelledError:
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS)
        line, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        method, target, _ = line.decode("latin-1").split(" ", 2)
        if method == "CONNECT":
            parts = urlsplit(f"//{target}")
            host, port, first = parts.hostname or "", parts.port or 443, b""
        else:
            parts = urlsplit(target)
            if parts.scheme != "http":
                raise ValueError(target)
            host, port = parts.hostname or "", parts.port or 80
            path = target.partition(parts.netloc)[2] or "/"
            kept = [field for field in fields if not field.lower().startswith(_HOP)]
            first = b"\r\n".join([f"{method} {path} HTTP/1.1".encode("latin-1"), *kept, b"Connection: close", b"", b""])
        try:
            there, onward = await asyncio.wait_for(self._connect(host, port), min(self._timeout, CONNECT_SECONDS))
        except (OSError, TimeoutError) as error:
            reason = str(error).encode("ascii", "replace")[:200]
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nX-Refused: " + reason + b"\r\n\r\n")
            await writer.drain()
            return
        try:
            if first:
                onward.write(first)
            else:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await self._relay(reader, writer, there, onward)
        finally:
            onward.close()

    async def _connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first address of a host that may be requested.

        Raises:
            PermissionError: none may.
            OSError: it cannot be resolved or connected to.
        """
        literal = numeric_host(host)
        if literal is not None:
            found = [str(literal)]
        else:
            self._lookups += 1
            if self._lookups > LOOKUPS:
                raise PermissionError("too many names")
            loop = asyncio.get_running_loop()
            resolved = await loop.run_in_executor(
                _RESOLVERS, functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
            )
            found = list(dict.fromkeys(str(entry[4][0]).split("%")[0] for entry in resolved))
        refused = ""
        for address in found:
            reason = self.policy.refusal(ipaddress.ip_address(address), port)
            if reason is None:
                return await asyncio.open_connection(address, port)
            refused = reason
        raise PermissionError(f"{host} is at {refused}" if refused else f"{host} has no address")

    async def _relay(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        onward: asyncio.StreamWriter,
    ) -> None:
        """Pass bytes on both ways until one side ends, nothing comes for a while, or too much came."""
        both = [
            asyncio.create_task(self._pass_on(reader, onward)),
            asyncio.create_task(self._pass_on(there, writer)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not both[1].done():  # the browser said all; the answer may still come
                await asyncio.wait(both[1:], timeout=IDLE_SECONDS)
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while piece := await asyncio.wait_for(source.read(_PIECE), IDLE_SECONDS):
            if not self._spent(len(piece)):
                return
            target.write(piece)
            await target.drain()
