"""Manners: robots.txt (RFC 9309), Crawl-delay, one delay a host, hosts that asked to be left alone. robots.txt is asked before anything else of a host, once in 24 hours."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Self

from protego import Protego
from scrapy import Request

from crawler.engine.addon import CONFIG
from crawler.engine.asking import Asked, netloc
from crawler.engine.guard import Refused
from crawler.settings import Config
from crawler.urls import host_of

FRESH = 24.0  # hours; RFC 9309, 2.4: a crawler should not use a cached version for more than 24
DEFERRED = 1.0  # hours until a host is asked again whose robots.txt failed with 5xx
LONGEST_DELAY = 120.0  # seconds; a longer Crawl-delay is taken as this
MAX_BYTES = 512 * 1024  # RFC 9309, 2.5: at least 500 KiB are read
MAX_HOSTS = 50_000  # robots.txt files kept, compressed: 200 bytes for the usual one
PARSED = 256  # of them kept parsed; one of 60 rules takes 16 KB


@dataclass(frozen=True, slots=True)
class Robots:
    """What a host's robots.txt came to: rules (its text, compressed), or none at all, or a reason to stay away."""

    until: float
    text: bytes = b""
    deferred: str | None = None


def allowed(robots_txt: bytes, url: str, user_agent: str) -> bool:
    """Whether a robots.txt lets that user agent ask for that address."""
    return bool(_parsed(robots_txt).can_fetch(url, user_agent))


def _parsed(body: bytes) -> Any:
    return Protego.parse(body[:MAX_BYTES].decode("utf-8", "replace").lstrip("\ufeff"))


class RobotsMiddleware:
    """Lets a request pass only when its host's robots.txt does."""

    def __init__(self, crawler: Any, config: Config) -> None:
        self.crawler = crawler
        self.apply(config)
        self._known: OrderedDict[str, Robots] = OrderedDict()
        self._asking: dict[str, asyncio.Future[Robots]] = {}
        self._rules: OrderedDict[str, Any] = OrderedDict()

    @classmethod
    def from_crawler(cls, crawler: Any) -> Self:
        """Scrapy's way to build it."""
        return cls(crawler, crawler.settings.get(CONFIG))

    def apply(self, config: Config) -> None:
        """Go on by other settings."""
        self.config = config
        self.agent = config.user_agent.split("/", 1)[0].split(" ", 1)[0]

    async def process_request(self, request: Request) -> None:
        """Wait for robots.txt, then obey it."""
        asked: Asked | None = request.meta.get("asked")
        if asked is None:  # robots.txt itself
            return
        source = asked.source
        delay = source.delay if source and source.delay is not None else self.config.politeness.delay
        if self.config.politeness.obey_robots and (source is None or source.obey_robots):
            rules = await self._obeyed(request.url)
            if rules is not None:
                delay = max(delay, min(float(rules.crawl_delay(self.agent) or 0.0), LONGEST_DELAY))
        self._set_delay(host_of(request.url), delay)

    async def _obeyed(self, url: str) -> Any:
        """The rules of an address' host, or None where it has none.

        Raises:
            Refused: they forbid the address, or could not be had for now.
        """
        key = netloc(url)
        robots = self._known.get(key)
        if robots is None or robots.until < time.monotonic():
            robots = await self._renewed(key)
        if robots.deferred:
            raise Refused(robots.deferred, kind="deferred", retry_after=max(1.0, robots.until - time.monotonic()))
        if not robots.text:
            return None
        rules = self._rules.get(key)
        if rules is None:
            rules = self._rules[key] = _parsed(zlib.decompress(robots.text))
            while len(self._rules) > PARSED:
                self._rules.popitem(last=False)
        if not rules.can_fetch(url, self.agent):
            raise Refused("robots.txt forbids it", kind="robots")
        return rules

    async def _renewed(self, key: str) -> Robots:
        """Ask for a host's robots.txt, once for all who wait for it."""
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.ensure_future(self._fetch(f"{key}/robots.txt"))
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        robots = await asyncio.shield(asking)
        self._known[key] = robots
        self._known.move_to_end(key)
        self._rules.pop(key, None)
        while len(self._known) > MAX_HOSTS:
            self._known.popitem(last=False)
        return robots

    async def _fetch(self, url: str) -> Robots:
        """RFC 9309, 2.3.1: 2xx is read, 4xx means no rules, 5xx and 429 mean stay away for now; no answer at all fails like the page would."""
        response = await self.crawler.engine.download_async(
            Request(
                url,
                headers={"Accept": "text/plain, */*;q=0.1", "Connection": "close"},
                meta={"download_maxsize": 40 * MAX_BYTES},
                dont_filter=True,
            )
        )
        now, hour = time.monotonic(), self.config.pace.hour
        if response.status >= 500 or response.status == 429:
            return Robots(
                until=now + DEFERRED * hour,
                deferred=f"robots.txt answers {response.status}; the host is left alone for an hour",
            )
        if response.status >= 400:
            return Robots(until=now + FRESH * hour)
        return Robots(until=now + FRESH * hour, text=zlib.compress(response.body[:MAX_BYTES], 1))

    def _set_delay(self, host: str, delay: float) -> None:
        """Give a host its delay: its source's or the general one, and never less than its Crawl-delay."""
        downloader = self.crawler.engine.downloader
        general: float = downloader.settings.getfloat("DOWNLOAD_DELAY")
        if delay != general:
            downloader.per_slot_settings.setdefault(host, {})["delay"] = delay
        else:
            downloader.per_slot_settings.pop(host, None)
        if host in downloader.slots:
            downloader.slots[host].delay = delay
