"""Render a page in a headless Chromium: its scripts run, and the document they make is read instead of the page.

The page itself was requested by the crawl's downloader, once, and is put into the browser; what its scripts request goes
through a proxy with the guard, one for each page. A fresh context a page; nothing is kept. A browser that hangs, dies or
takes too much memory is replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import re
import secrets
import shutil
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from crawler.articles.page_response import PageFailure, PageResponse
from crawler.config.models import Config
from crawler.content_encoding import DecodeError, gunzip
from crawler.engine.browser.proxy import GuardedProxy

PAGES = 2  # at once
REQUESTS = 300  # of one page
MOST_BYTES = 50_000_000  # of one page's requests, both ways
MEMORY = 1_500_000_000  # bytes (PSS) of all processes of the browser
QUIET = 0.5  # seconds without a request after which a page is complete
LOOK = 1.0  # seconds between two looks at the memory
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_NOT_LOADED = {"image", "media", "font", "ping", "eventsource", "manifest", "texttrack"}
_TRACKERS = (
    "google-analytics.com", "googletagmanager.com", "doubleclick.net", "googlesyndication.com", "facebook.net",
    "chartbeat.com", "chartbeat.net", "hotjar.com", "scorecardresearch.com", "quantserve.com", "outbrain.com",
    "taboola.com", "criteo.com", "criteo.net", "adnxs.com", "amazon-adsystem.com", "newrelic.com", "nr-data.net",
    "segment.io", "mixpanel.com", "optimizely.com", "permutive.com", "parsely.com",
)  # fmt: skip
# What is of no page has no way to the network at all; each page's context names its own proxy.
_NOWHERE = "http://127.0.0.1:1"
# Chromium takes the last switch of a name: Playwright's own list of features is in ours.
_FEATURES = (
    "DnsOverHttps,Prerender2,SpeculationRulesPrefetchProxy,OptimizationHints,MediaRouter,DialMediaRouteProvider,"
    "HttpsUpgrades,HttpsFirstBalancedMode,Translate,PaintHolding,ThirdPartyStoragePartitioning,LensOverlay,"
    "GlobalMediaControls,DestroyProfileOnBrowserClose,AvoidUnnecessaryBeforeUnloadCheckSync"
)
_ARGUMENTS = (
    "--proxy-bypass-list=<-loopback>",  # not even this machine without the proxy
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # names are resolved by the proxy alone
    "--disable-quic",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--dns-prefetch-disable",
    "--no-pings",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--no-first-run",
    f"--disable-features={_FEATURES}",
    "--disable-dev-shm-usage",
)
_CHARSET = re.compile(r"charset\s?=\s?\"?([\w:.-]{1,40})", re.IGNORECASE)
log = logging.getLogger("newsdesk")


def find_browser(named: str) -> str | None:
    """The path of the browser: the one that the settings name, else the one of the system; None for Playwright's own."""
    if named:
        return named
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def may_start(config: Config) -> str | None:
    """Why no browser is started, or None."""
    if config.render.sandbox and hasattr(os, "geteuid") and os.geteuid() == 0:
        return (
            "a browser's sandbox does not work as root: run newsdesk as another user, or set [render] sandbox = false "
            "and trust every page's scripts"
        )
    if config.http.proxy:
        return "a browser does not use [http] proxy; take one of the two out"
    return None


class _Browser:
    """One browser: its driver, and the processes that are its own."""

    def __init__(self, driver: Any, browser: Any, mark: str) -> None:
        self.browser = browser
        self._driver, self._mark = driver, mark
        self._watching = asyncio.create_task(self._watch())

    @classmethod
    async def launch(cls, config: Config) -> _Browser:
        """Start one; whatever is wrong raises what Playwright raises."""
        from playwright.async_api import async_playwright

        if (reason := may_start(config)) is not None:
            raise RuntimeError(reason)
        driver = await async_playwright().start()
        mark = f"--newsdesk={secrets.token_hex(8)}"  # Chromium ignores it; it says which processes are this browser's
        try:
            browser = await driver.chromium.launch(
                executable_path=find_browser(config.render.browser), headless=True,
                chromium_sandbox=config.render.sandbox, proxy={"server": _NOWHERE}, args=[*_ARGUMENTS, mark],
                handle_sigint=False, handle_sigterm=False, handle_sighup=False,
            )  # fmt: skip
        except BaseException:
            await driver.stop()
            raise
        return cls(driver, browser, mark)

    async def end(self) -> None:
        """Close it, or kill it if it does not end."""
        self._watching.cancel()
        pids = await asyncio.to_thread(browsers, os.getpid(), self._mark)
        for ending in (self.browser.close, self._driver.stop):
            await _tried(asyncio.wait_for(ending(), 5))  # it may hang
        _kill(pids)

    async def _watch(self) -> None:
        """Kill it if it takes too much memory; the pages that it renders fail."""
        while self.browser.is_connected():
            pids = await asyncio.to_thread(browsers, os.getpid(), self._mark)
            if await asyncio.to_thread(memory_of, pids) > MEMORY:
                log.warning("the browser took more than %d MB and is replaced", MEMORY // 1_000_000)
                _kill(pids)
                return
            await asyncio.sleep(LOOK)


class Renderer:
    """Renders pages in one browser, which is started when the first page needs it."""

    def __init__(self, config: Callable[[], Config]) -> None:
        """Create it.

        Args:
            config: returns the settings in force.
        """
        self._config = config
        self._room = asyncio.Semaphore(PAGES)
        self._changing = asyncio.Lock()
        self._current: _Browser | None = None

    async def render(self, page: PageResponse) -> PageResponse:
        """Run the page's scripts; returns the response with the document that they made, or with what failed."""
        config = self._config()
        try:
            body = gunzip(page.body, config.http.max_bytes)[0] if page.gzipped else page.body
        except DecodeError as error:
            return dataclasses.replace(page, failure=PageFailure(reason=str(error)))
        async with self._room:
            used: _Browser | None = None
            try:
                used = await self._started(config)
                seconds = 2 * config.render.timeout + 10
                found = await asyncio.wait_for(_Page(config, page, body).document(used.browser), seconds)
            except Exception as error:  # whatever a page did to the browser, or the browser to itself
                if used is not None and (isinstance(error, TimeoutError) or not used.browser.is_connected()):
                    await self._retire(used)
                said = str(error).splitlines()
                reason = f"it could not be rendered: {said[0][:200] if said else type(error).__name__}"
                return dataclasses.replace(page, status=None, body=b"", failure=PageFailure(reason=reason))
        headers = tuple((n, v) for n, v in page.headers if n.lower() not in {"content-type", "content-encoding"})
        headers += (("Content-Type", "text/html; charset=utf-8"),)
        return dataclasses.replace(page, body=found, headers=headers, gzipped=False, rendered=True)

    async def close(self) -> None:
        """End the browser."""
        if self._current is not None:
            await self._retire(self._current)

    async def _started(self, config: Config) -> _Browser:
        async with self._changing:
            if self._current is not None and not self._current.browser.is_connected():
                ended, self._current = self._current, None
                await ended.end()
            if self._current is None:
                self._current = await _Browser.launch(config)
            return self._current

    async def _retire(self, used: _Browser) -> None:
        """End a browser, if it is still the one in use."""
        async with self._changing:
            if self._current is used:
                self._current = None
                await used.end()


class _Page:
    """One page in a browser."""

    def __init__(self, config: Config, page: PageResponse, body: bytes) -> None:
        self._config, self._page, self._body = config, page, body
        self._left, self._requests = MOST_BYTES, 0
        self._tab: Any = None
        self._fulfilled = False

    async def document(self, browser: Any) -> bytes:
        """The document that the scripts make.

        Raises:
            ValueError: it is too large, or its scripts requested too much.
            Exception: what Playwright raises.
        """
        async with GuardedProxy(self._config.http, spent=self._spend) as proxy:
            context = await browser.new_context(
                user_agent=self._config.user_agent, service_workers="block", accept_downloads=False, locale="en-US",
                viewport={"width": 1280, "height": 2000}, proxy={"server": proxy.address, "bypass": "<-loopback>"},
                ignore_https_errors=not self._config.http.verify_tls,
            )  # fmt: skip
            try:
                return await self._rendered(context)
            finally:
                await _tried(asyncio.wait_for(context.close(), 5))

    async def _rendered(self, context: Any) -> bytes:
        seconds = self._config.render.timeout
        context.set_default_timeout(1000 * seconds)
        await context.route("**/*", self._on_request)
        await context.route_web_socket("**/*", lambda socket: socket.close())
        self._tab = tab = await context.new_page()
        context.on("page", lambda other: asyncio.ensure_future(_tried(other.close())))
        tab.on("dialog", lambda dialog: asyncio.ensure_future(_tried(dialog.dismiss())))
        await tab.goto(self._page.url, wait_until="commit", timeout=1000 * seconds)
        with contextlib.suppress(Exception):  # a page that never rests, or leads elsewhere, is taken as it is then
            await tab.wait_for_load_state("domcontentloaded", timeout=1000 * seconds)
            await tab.wait_for_load_state("networkidle", timeout=1000 * seconds)
        await asyncio.sleep(QUIET)
        self._check()
        document: str = await tab.content()
        found = document.encode("utf-8", "replace")
        if len(found) > self._config.http.max_bytes:
            raise ValueError(f"its document is larger than {self._config.http.max_bytes:,} bytes")
        return found

    def _check(self) -> None:
        if self._left <= 0:
            raise ValueError(f"its scripts sent or loaded more than {MOST_BYTES:,} bytes")
        if self._requests > REQUESTS:
            raise ValueError(f"its scripts made more than {REQUESTS} requests")

    def _spend(self, count: int) -> bool:
        self._left -= count
        return self._left > 0

    async def _on_request(self, route: Any) -> None:
        with contextlib.suppress(Exception):  # the page may be closed meanwhile
            self._requests += 1
            request = route.request
            is_main = request.is_navigation_request() and request.frame == self._tab.main_frame
            if is_main and not self._fulfilled:  # the page, however the browser writes its address
                self._fulfilled = True
                charset = _CHARSET.search(self._page.header("Content-Type") or "")
                kind = f"text/html; charset={charset[1]}" if charset else "text/html"
                await route.fulfill(status=200, body=self._body, headers={"Content-Type": kind})
            elif is_main:  # it leads elsewhere: the page stays, which any other error would replace
                await route.abort("aborted")
            elif self._requests > REQUESTS:
                await self._tab.close()
            elif _is_left_out(request.resource_type, request.url):
                await route.abort("blockedbyclient")
            else:
                await route.continue_()


async def _tried(ending: Awaitable[None]) -> None:
    """Wait for what may fail, as the page or the browser may be gone."""
    with contextlib.suppress(Exception):
        await ending


def _is_left_out(kind: str, url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return True
    return kind in _NOT_LOADED or any(host == name or host.endswith(f".{name}") for name in _TRACKERS)


def browsers(parent: int, mark: str = "--newsdesk=") -> set[int]:
    """The processes of a browser below this process, by the mark in its arguments; empty where there is no /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid, rest = entry.read_text("utf-8", "replace").split(" ", 1)
            children.setdefault(int(rest.rpartition(")")[2].split()[1]), []).append(int(pid))
    found: set[int] = set()
    waiting = [(parent, False)]
    while waiting:
        pid_of_parent, inside = waiting.pop()
        for child in children.get(pid_of_parent, ()):
            own = inside
            with contextlib.suppress(OSError):
                own = own or mark.encode() in Path(f"/proc/{child}/cmdline").read_bytes()
            waiting.append((child, own))
            if own:
                found.add(child)
    return found


def memory_of(pids: set[int]) -> int:
    """The memory of processes in bytes, what they share counted once (PSS)."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError, IndexError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += 1024 * next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


def _kill(pids: set[int]) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
