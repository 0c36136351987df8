"""Render a page in a headless Chromium: its scripts run, and the document they make is read instead of the page.

The page itself was requested by the crawl's downloader, once, and is put into the browser; what its scripts request goes
through a proxy with the guard. A fresh context a page; nothing is kept. A browser that hangs, dies or takes too much
memory is replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import shutil
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from crawler.articles.page_response import PageFailure, PageResponse
from crawler.config.models import Config
from crawler.content_encoding import DecodeError, gunzip
from crawler.engine.browser.proxy import GuardedProxy
from crawler.errors import UsageError

PAGES = 2  # at once
REQUESTS = 300  # of one page
MOST_BYTES = 50_000_000  # of one page's requests
MEMORY = 1_500_000_000  # bytes that are resident, of all processes of the browser
QUIET = 0.5  # seconds without a request after which a page is complete
LOOK = 1.0  # seconds between two looks at the memory
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_NOT_LOADED = {"image", "media", "font", "ping", "eventsource", "websocket", "manifest", "texttrack"}
_TRACKERS = (
    "google-analytics.com", "googletagmanager.com", "doubleclick.net", "googlesyndication.com", "facebook.net",
    "chartbeat.com", "chartbeat.net", "hotjar.com", "scorecardresearch.com", "quantserve.com", "outbrain.com",
    "taboola.com", "criteo.com", "criteo.net", "adnxs.com", "amazon-adsystem.com", "newrelic.com", "nr-data.net",
    "segment.io", "mixpanel.com", "optimizely.com", "permutive.com", "parsely.com",
)  # fmt: skip
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
    "--disable-features=DnsOverHttps,Prerender2,SpeculationRulesPrefetchProxy,OptimizationHints,MediaRouter",
    "--disable-dev-shm-usage",
)
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
    return None


class Renderer:
    """One browser, started when the first page needs it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._room = asyncio.Semaphore(PAGES)
        self._starting = asyncio.Lock()
        self._driver: Any = None
        self._browser: Any = None
        self._proxy: GuardedProxy | None = None
        self._watching: asyncio.Task[None] | None = None
        self._left = 0  # bytes that the pages under way may still take

    async def render(self, page: PageResponse) -> PageResponse:
        """Run the page's scripts; returns the response with the document that they made, or with what failed.

        Raises:
            UsageError: Playwright is not installed, or no browser may be started.
        """
        try:
            body = gunzip(page.body, self.config.http.max_bytes)[0] if page.gzipped else page.body
        except DecodeError as error:
            return dataclasses.replace(page, failure=PageFailure(reason=str(error)))
        async with self._room:
            try:
                found = await asyncio.wait_for(self._rendered(page, body), 2 * self.config.render.timeout + 15)
            except UsageError:
                raise
            except Exception as error:  # whatever a page did to the browser, or the browser to itself
                await self._end()
                said = str(error).splitlines()
                reason = f"it could not be rendered: {said[0][:200] if said else type(error).__name__}"
                return dataclasses.replace(page, status=None, body=b"", failure=PageFailure(reason=reason))
        headers = tuple((n, v) for n, v in page.headers if n.lower() not in {"content-type", "content-encoding"})
        headers += (("Content-Type", "text/html; charset=utf-8"),)
        return dataclasses.replace(page, body=found, headers=headers, gzipped=False, rendered=True)

    async def close(self) -> None:
        """End the browser."""
        await self._end()

    async def _rendered(self, page: PageResponse, body: bytes) -> bytes:
        browser = await self._started()
        self._left = MOST_BYTES
        context = await browser.new_context(
            user_agent=self.config.user_agent, service_workers="block", accept_downloads=False, locale="en-US",
            viewport={"width": 1280, "height": 2000},
        )  # fmt: skip
        try:
            context.set_default_timeout(1000 * self.config.render.timeout)
            return await self._document(await context.new_page(), page, body)
        finally:
            with contextlib.suppress(Exception):  # the browser may be gone
                await asyncio.wait_for(context.close(), 5)

    async def _document(self, tab: Any, page: PageResponse, body: bytes) -> bytes:
        requests = 0
        content_type = page.header("Content-Type") or "text/html"

        async def on_request(route: Any) -> None:
            nonlocal requests
            requests += 1
            request = route.request
            is_main = request.is_navigation_request() and request.frame == tab.main_frame
            if is_main and request.url.partition("#")[0] == page.url.partition("#")[0] and requests == 1:
                await route.fulfill(status=200, body=body, headers={"Content-Type": content_type})
            elif is_main:  # it leads elsewhere: the page stays, which any other error would replace
                await route.abort("aborted")
            elif requests > REQUESTS or _is_left_out(request.resource_type, request.url):
                await route.abort("blockedbyclient")
            else:
                await route.continue_()

        await tab.route("**/*", on_request)
        tab.on("dialog", lambda dialog: asyncio.ensure_future(dialog.dismiss()))
        seconds = self.config.render.timeout
        await tab.goto(page.url, wait_until="commit", timeout=1000 * seconds)
        with contextlib.suppress(Exception):  # a page that never rests, or leads elsewhere, is taken as it is then
            await tab.wait_for_load_state("domcontentloaded", timeout=1000 * seconds)
            await tab.wait_for_load_state("networkidle", timeout=1000 * seconds)
        await asyncio.sleep(QUIET)
        document: str = await tab.content()
        found = document.encode("utf-8", "replace")
        if len(found) > self.config.http.max_bytes:
            raise ValueError(f"its document is larger than {self.config.http.max_bytes:,} bytes")
        return found

    async def _started(self) -> Any:
        async with self._starting:
            if self._browser is not None and self._browser.is_connected():
                return self._browser
            await self._end()
            if (reason := may_start(self.config)) is not None:
                raise UsageError(reason)
            try:
                from playwright.async_api import Error, async_playwright
            except ImportError as error:
                raise UsageError(
                    "render needs Playwright: `pip install playwright` in newsdesk's environment (of pipx: "
                    "`pipx inject newsdesk playwright`), and a Chromium"
                ) from error
            self._proxy = await GuardedProxy(self.config.http, spent=self._spend).__aenter__()
            self._driver = await async_playwright().start()
            try:
                self._browser = await self._driver.chromium.launch(
                    executable_path=find_browser(self.config.render.browser), headless=True,
                    chromium_sandbox=self.config.render.sandbox, proxy={"server": self._proxy.address},
                    args=list(_ARGUMENTS), handle_sigint=False, handle_sigterm=False, handle_sighup=False,
                )  # fmt: skip
            except Error as error:
                await self._end()
                raise UsageError(
                    f"no browser starts ({str(error).splitlines()[0][:200]}); name a Chromium in [render] browser"
                ) from error
            self._watching = asyncio.create_task(self._watch())
            return self._browser

    def _spend(self, count: int) -> bool:
        self._left -= count
        return self._left > 0

    async def _watch(self) -> None:
        """Kill a browser that takes too much memory; the page that it renders fails."""
        while self._browser is not None and self._browser.is_connected():
            if resident_bytes(os.getpid()) > MEMORY:
                log.warning("the browser took more than %d MB and is replaced", MEMORY // 1_000_000)
                _kill_browsers(os.getpid())
                return
            await asyncio.sleep(LOOK)

    async def _end(self) -> None:
        browser, driver, proxy, watching = self._browser, self._driver, self._proxy, self._watching
        self._browser = self._driver = self._proxy = self._watching = None
        if watching is not None:
            watching.cancel()
        for ending in (browser and browser.close, driver and driver.stop):
            if ending:
                with contextlib.suppress(Exception):  # it may hang or be gone
                    await asyncio.wait_for(ending(), 5)
        if browser is not None:
            _kill_browsers(os.getpid())
        if proxy is not None:
            await proxy.__aexit__()


def _is_left_out(kind: str, url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return kind in _NOT_LOADED or any(host == name or host.endswith(f".{name}") for name in _TRACKERS)


def browsers(parent: int) -> list[int]:
    """The processes below this one that are a browser's, by /proc; empty where there is none."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid, rest = entry.read_text("utf-8", "replace").split(" ", 1)
            children.setdefault(int(rest.rpartition(")")[2].split()[1]), []).append(int(pid))
    found: list[int] = []
    waiting = [parent]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            waiting.append(child)
            with contextlib.suppress(OSError):
                if b"--type=" in (line := Path(f"/proc/{child}/cmdline").read_bytes()) or b"--headless" in line:
                    found.append(child)
    return found


def resident_bytes(parent: int) -> int:
    """The resident memory of the browser below a process."""
    total = 0
    for pid in browsers(parent):
        with contextlib.suppress(OSError, ValueError, IndexError):
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def _kill_browsers(parent: int) -> None:
    for pid in browsers(parent):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
