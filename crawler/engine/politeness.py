"""Manners: robots.txt (RFC 9309), Crawl-delay, one delay a host. robots.txt is asked before anything else of a host, once in 24 hours."""

from __future__ import annotations

import asyncio
import time
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

FRESH = 24 * 3600.0  # RFC 9309, 2.4: a crawler should not use a cached version for more than 24 hours
DEFERRED = 3600.0  # seconds until a host is asked again whose robots.txt failed with 5xx
LONGEST_DELAY = 120.0  # seconds; a longer Crawl-delay is taken as this
MAX_BYTES = 512 * 1024  # RFC 9309, 2.5: at least 500 KiB are read
MAX_HOSTS = 5000  # parsed files kept; 16 KB each for 60 rules


@dataclass(frozen=True, slots=True)
class Robots:
    """What a host's robots.txt came to: rules, or no rules at all, or a reason to stay away."""

    until: float
    rules: Any = None
    deferred: str | None = None


def allowed(robots_txt: bytes, url: str, user_agent: str) -> bool:
    """Whether a robots.txt lets that user agent ask for that address."""
    return bool(
        Protego.parse(robots_txt[:MAX_BYTES].decode("utf-8", "replace").lstrip("\ufeff")).can_fetch(url, user_agent)
    )


class RobotsMiddleware:
    """Lets a request pass only when its host's robots.txt does."""

    def __init__(self, crawler: Any, config: Config) -> None:
        self.crawler = crawler
        self.config = config
        self.agent = config.user_agent.split("/", 1)[0].split(" ", 1)[0]
        self._known: OrderedDict[str, asyncio.Future[Robots]] = OrderedDict()

    @classmethod
    def from_crawler(cls, crawler: Any) -> Self:
        """Scrapy's way to build it."""
        return cls(crawler, crawler.settings.get(CONFIG))

    async def process_request(self, request: Request) -> None:
        """Wait for robots.txt, then obey it."""
        asked: Asked | None = request.meta.get("asked")
        self._set_delay(request.url, asked.source.delay if asked and asked.source else None)
        if asked is None or not self.config.politeness.obey_robots or (asked.source and not asked.source.obey_robots):
            return
        robots = await self._robots(request.url)
        if robots.deferred:
            raise Refused(robots.deferred, kind="deferred", retry_after=max(1.0, robots.until - time.monotonic()))
        if robots.rules is None:
            return
        if not robots.rules.can_fetch(request.url, self.agent):
            raise Refused("robots.txt forbids it", kind="robots")
        delay = robots.rules.crawl_delay(self.agent)
        if delay:
            self._set_delay(request.url, min(float(delay), LONGEST_DELAY), at_least=True)

    async def _robots(self, url: str) -> Robots:
        key = netloc(url)
        found = self._known.get(key)
        if (
            found is not None
            and found.done()
            and (found.exception() is not None or found.result().until < time.monotonic())
        ):
            found = None
        if found is None:
            found = asyncio.ensure_future(self._fetch(f"{key}/robots.txt"))
            self._known[key] = found
            while len(self._known) > MAX_HOSTS:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return await asyncio.shield(found)

    async def _fetch(self, url: str) -> Robots:
        """RFC 9309, 2.3.1: 2xx is read, 4xx means no rules, 5xx and 429 mean stay away for now; no answer at all fails like the page would."""
        now = time.monotonic()
        response = await self.crawler.engine.download_async(
            Request(
                url,
                headers={"Accept": "text/plain, */*;q=0.1"},
                meta={"download_maxsize": 40 * MAX_BYTES},
                dont_filter=True,
            )
        )
        if response.status >= 500 or response.status == 429:
            return Robots(
                until=now + DEFERRED,
                deferred=f"robots.txt answers {response.status}; the host is left alone for an hour",
            )
        if response.status >= 400:
            return Robots(until=now + FRESH)
        text = response.body[:MAX_BYTES].decode("utf-8", "replace").lstrip("\ufeff")
        return Robots(until=now + FRESH, rules=Protego.parse(text))

    def _set_delay(self, url: str, delay: float | None, *, at_least: bool = False) -> None:
        """Give a host its own delay; a Crawl-delay only ever makes it longer."""
        if delay is None:
            return
        downloader = self.crawler.engine.downloader
        host = host_of(url)
        known = downloader.per_slot_settings.setdefault(host, {})
        if at_least:
            delay = max(delay, known.get("delay", self.config.politeness.delay))
        known["delay"] = delay
        if host in downloader.slots:
            downloader.slots[host].delay = delay
