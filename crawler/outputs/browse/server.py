"""Serve Datasette on the database: read-only, on loopback, only for known Host names and holders of the token.

See RELIABILITY 2: the bar for a local server.
"""

from __future__ import annotations

import ipaddress
import re
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from crawler.errors import CrawlerError
from crawler.outputs.browse.access import Answer, Site
from crawler.outputs.browse.sql_workers import Answerer
from crawler.outputs.browse.tables import describe
from crawler.startup import unblock_heavy_imports
from storage.errors import StorageError
from storage.store import open_store

_Scope = MutableMapping[str, Any]
_App = Callable[[_Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]
_HERE = Path(__file__).parent
_OURS = {"article", "story", "edits", "sources", "source", "static", "watches", "status", "feed"}
GRACEFUL = 3  # seconds for open responses when the server is stopped
SETTINGS = {
    "sql_time_limit_ms": 1000,
    "max_returned_rows": 1000,
    "allow_download": False,
    "num_sql_threads": 3,
    "default_page_size": 50,
    "truncate_cells_html": 160,
    "suggest_facets": False,
}
# Only Datasette's own scripts, no forms to other sites, no framing; titles and texts are untrusted.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"x-dns-prefetch-control", b"off"),
]


def application(answerer: Answerer, site: Site) -> _App:
    """The ASGI application: Datasette behind the checks of site.access."""
    from datasette.app import Datasette
    from datasette.plugins import pm

    from crawler.outputs.browse import plugin

    # With rich, it would print a traceback with every variable for an unknown address.
    vars(sys.modules["datasette.handle_exception"])["rich"] = None
    if not pm.is_registered(plugin):
        pm.register(plugin)
    mounts = [("static", str(_HERE / "static"))]
    path, access = answerer.path, site.access
    datasette = Datasette(
        [],
        settings={**SETTINGS, "base_url": access.base},
        metadata=describe(_name(path), access.base),
        template_dir=str(_HERE / "templates"),
        static_mounts=mounts,
    )
    datasette.newsdesk = plugin.Pages(site, _name(path))
    datasette.add_database(plugin.LimitedDatabase(datasette, answerer), name=_name(path))
    inner: _App = datasette.app()
    inode = plugin.inode_of(path)

    async def guarded(
        scope: _Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        nonlocal inode
        if scope["type"] == "http":
            refused = access.refusal(scope)
            if refused is not None:
                await _refuse(send, refused)
                return
            now = plugin.inode_of(path)
            # After a restore, Datasette's threads still have connections to the old file.
            if now != inode and now is not None:
                threads, datasette.executor = datasette.executor, ThreadPoolExecutor(SETTINGS["num_sql_threads"])
                threads.shutdown(wait=False)
                inode = now
        await inner(scope, receive, _with_headers(send))

    return guarded


def _name(path: Path) -> str:
    """Datasette's name of the database: the file's name in URL-safe letters.

    It is changed if it equals the name of one of newsdesk's pages.
    """
    name = re.sub(r"[^A-Za-z0-9_-]", "_", path.stem) or "news"
    return f"{name}_db" if name in _OURS else name


def _with_headers(send: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in message.get("headers", [])}
            more = [header for header in _HEADERS if header[0] not in own]
            message = {**message, "headers": [*message.get("headers", []), *more]}
        await send(message)

    return sending


async def _refuse(send: Callable[[Any], Awaitable[None]], answer: Answer) -> None:
    headers = [*answer.headers, *_HEADERS]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def serve(site: Site, *, host: str, port: int, token: str, say: Callable[[str], None]) -> None:
    """Serve until interrupted.

    Args:
        site: what is served.
        host: where to listen.
        port: 0 for a free one.
        token: shown in the first line, for the reader to open; "" for none.
        say: prints a line.

    Raises:
        CrawlerError: the port is taken.
    """
    unblock_heavy_imports()  # Datasette's plugins may need modules that newsdesk itself blocks
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on sockets with IPPROTO_TCP; without it, each page waits 40 ms for the client's ACK
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise CrawlerError(f"cannot listen on {host}:{port}: {error.strerror}; name another with --port") from error
    shown = f"[{host}]" if ":" in host else host
    ended = _Ended()
    key = f"?{urlencode({'token': token})}" if token else ""
    say(f"http://{shown}:{listener.getsockname()[1]}{site.access.base}{key}  (read-only; Ctrl-C ends it)")
    if not token and not _is_loopback(host):
        say(
            f"warning: it listens on {host}, beyond this machine, and without --token: "
            f"whoever reaches it reads all of {site.path}"
        )
    threading.Thread(target=_warm, args=(site.path,), daemon=True).start()
    answerer = Answerer(site.path)
    try:
        _run(application(answerer, site), listener, ended)
    finally:
        answerer.close()
        listener.close()
        ended.pass_on()


def _run(application: Any, listener: socket.socket, ended: _Ended) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        """A server that leaves signals to _Ended."""

        @contextmanager
        def capture_signals(self) -> Generator[None, None, None]:
            """Install no handlers."""
            yield

    config = uvicorn.Config(application, log_level="warning", lifespan="on", timeout_graceful_shutdown=GRACEFUL)
    ended.server = Server(config)
    ended.server.should_exit = bool(ended.signals)
    ended.server.run(sockets=[listener])


class _Ended:
    """The first SIGINT or SIGTERM stops the server, a second one without waiting for open responses.

    The handlers are set before the imports, as a KeyboardInterrupt raised in an import or a destructor may be lost.
    """

    def __init__(self) -> None:
        self.server: Any = None
        self.signals: list[int] = []
        self._before = {number: signal.signal(number, self._heard) for number in (signal.SIGINT, signal.SIGTERM)}

    def _heard(self, number: int, _frame: object) -> None:
        self.signals.append(number)
        if self.server is not None:
            self.server.force_exit = self.server.should_exit
            self.server.should_exit = True

    def pass_on(self) -> None:
        """Restore the signal handlers, and raise the first signal again."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self.signals:
            signal.raise_signal(self.signals[0])


def _is_loopback(host: str) -> bool:
    """Whether an address, or all addresses of a name, are loopback."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
        return bool(found) and all(ipaddress.ip_address(str(address).split("%")[0]).is_loopback for address in found)
    except (OSError, ValueError):
        return False


def _warm(path: Path) -> None:
    """Run the query of the list of sources once: for a million articles it reads 100 MB, seconds on a cold disk."""
    with suppress(StorageError, OSError), open_store(path) as store:
        store.health(datetime.now(UTC))
