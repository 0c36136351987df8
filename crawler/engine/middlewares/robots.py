"""Politeness: robots.txt (RFC 9309), Crawl-delay, one delay per host.

robots.txt is the first request to a host, and is fetched again after 24 hours.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Self

from scrapy import Request

from crawler.config.models import Config
from crawler.engine.addon import CONFIG, MIN_DELAY
from crawler.engine.fetch_task import FetchTask, netloc
from crawler.engine.middlewares.address_guard import RequestRefused
from crawler.engine.workers import worker
from crawler.engine.workers.pool import PageFailed, WorkerPool
from crawler.feeds.robots import MAX_BYTES, Rules, read_rules
from crawler.urls import host_of

CACHE_HOURS = 24.0  # hours; RFC 9309, 2.4: a crawler should not use a cached version for more than 24
RETRY_HOURS = 1.0  # hours until a robots.txt is requested again that failed with 5xx or 429, or could not be read
LONGEST_DELAY = 120.0  # seconds; a longer Crawl-delay is reduced to this
MAX_HOSTS = 50_000  # robots.txt files in the cache
MAX_KEPT = 32 * 1024**2  # bytes of the cache; a file of 60 rules takes 14 KB
SMALL = 64 * 1024  # bytes; a smaller robots.txt is parsed in this process, in 8 ms at most, a larger one by a worker
FEW = 2_000  # rules; with more, an address is matched by a worker
# Wildcards times length of the address; up to this much is matched in this process, in 12 ms at most, more by a worker.
WORK = 20_000_000


@dataclass(frozen=True, slots=True)
class RobotsCacheEntry:
    """The result of a host's robots.txt: parsed rules, packed rules, no rules, or a reason to defer requests."""

    until: float
    rules: Rules | None = None
    wild: int = 0  # Rules.wild of the rules
    packed: bytes = b""  # where there are many rules
    delay: float = 0.0
    deferred: str | None = None

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return 300 + (self.rules.size if self.rules else 0) + len(self.packed)


def allowed(robots_txt: bytes, url: str, user_agent: str) -> bool:
    """Whether a robots.txt allows a user agent to request an address."""
    return read_rules(robots_txt, user_agent).allows(url)


class RobotsMiddleware:
    """Lets a request pass only if its host's robots.txt allows it."""

    def __init__(self, crawler: Any, config: Config) -> None:
        self.crawler = crawler
        self.apply(config)
        self._known: OrderedDict[str, RobotsCacheEntry] = OrderedDict()
        self._kept = 0  # bytes
        self._requests: dict[str, asyncio.Future[RobotsCacheEntry]] = {}

    @classmethod
    def from_crawler(cls, crawler: Any) -> Self:
        """Called by Scrapy."""
        return cls(crawler, crawler.settings.get(CONFIG))

    def apply(self, config: Config) -> None:
        """Apply a new configuration."""
        self.config = config
        self.agent = config.user_agent.split("/", 1)[0].split(" ", 1)[0]

    async def process_request(self, request: Request) -> None:
        """Wait for robots.txt, then obey it."""
        task: FetchTask | None = request.meta.get("task")
        if task is None:  # robots.txt itself
            return
        source = task.source
        delay = source.delay if source and source.delay is not None else self.config.politeness.delay
        if self.config.politeness.obey_robots and (source is None or source.obey_robots):
            robots = await self._obeyed(request.url)
            delay = max(delay, min(robots.delay, LONGEST_DELAY))
        self._set_delay(host_of(request.url), max(MIN_DELAY, delay))

    async def _obeyed(self, url: str) -> RobotsCacheEntry:
        """The robots.txt of an address's host, which allows the address.

        Raises:
            RequestRefused: it forbids the address, or cannot be fetched for now.
        """
        key = netloc(url)
        robots = self._known.get(key)
        if robots is None or robots.until < time.monotonic():
            robots = await self._renewed(key)
        if robots.deferred:
            raise RequestRefused(
                robots.deferred, kind="deferred", retry_after=max(1.0, robots.until - time.monotonic())
            )
        if not await self._allows(robots, url):
            raise RequestRefused("disallowed by robots.txt", kind="robots")
        return robots

    async def _allows(self, robots: RobotsCacheEntry, url: str) -> bool:
        packed = robots.packed
        if robots.rules is not None:
            if robots.wild * len(url) <= WORK:
                return robots.rules.allows(url)
            packed = robots.rules.packed()
        if not packed:
            return True
        try:
            return await self._pool.run(
                worker.allows, packed, url, source=host_of(url), seconds=self._pool.seconds_for(b"")
            )
        except PageFailed as error:
            raise RequestRefused(
                f"robots.txt has too many rules ({error})", kind="deferred", retry_after=3600.0
            ) from error

    @property
    def _pool(self) -> WorkerPool:
        pool: WorkerPool = self.crawler.spider.pool
        return pool

    async def _renewed(self, key: str) -> RobotsCacheEntry:
        """Fetch a host's robots.txt, once for all requests that wait for it."""
        request = self._requests.get(key)
        if request is None:
            request = self._requests[key] = asyncio.ensure_future(self._fetch(f"{key}/robots.txt"))
            request.add_done_callback(lambda _: self._requests.pop(key, None))
        robots = await asyncio.shield(request)
        if (before := self._known.pop(key, None)) is not None:
            self._kept -= before.size
        self._known[key] = robots
        self._kept += robots.size
        while len(self._known) > MAX_HOSTS or (self._kept > MAX_KEPT and len(self._known) > 1):
            _, oldest = self._known.popitem(last=False)
            self._kept -= oldest.size
        return robots

    async def _fetch(self, url: str) -> RobotsCacheEntry:
        """Fetch a robots.txt (RFC 9309, 2.3.1): 2xx is parsed, 4xx means no rules, 5xx and 429 defer requests.

        Without a response the download error is raised, and the page's request fails in the same way.
        """
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
            return RobotsCacheEntry(
                until=now + RETRY_HOURS * hour,
                deferred=f"robots.txt answers {response.status}; the host is left alone for an hour",
            )
        if response.status >= 400:
            return RobotsCacheEntry(until=now + CACHE_HOURS * hour)
        return await self._read(response, now, hour)

    async def _read(self, response: Any, now: float, hour: float) -> RobotsCacheEntry:
        body = response.body[:MAX_BYTES]
        if len(body) <= SMALL:
            rules = read_rules(body, self.agent)
        else:
            try:
                rules = await self._pool.run(
                    worker.read_robots,
                    body,
                    self.agent,
                    source=host_of(response.url),
                    seconds=self._pool.seconds_for(body),
                )
            except PageFailed as error:
                return RobotsCacheEntry(until=now + RETRY_HOURS * hour, deferred=f"robots.txt cannot be read: {error}")
        until = now + CACHE_HOURS * hour
        if len(rules.rules) <= FEW:
            return RobotsCacheEntry(until=until, rules=rules, wild=rules.wild, delay=rules.delay)
        return RobotsCacheEntry(until=until, packed=rules.packed(), delay=rules.delay)

    def _set_delay(self, host: str, delay: float) -> None:
        """Set the delay of a host: the source's or the general one, and at least its Crawl-delay."""
        if (frontier := getattr(self.crawler.spider, "frontier", None)) is not None:
            frontier.claim.note_delay(host, delay)
        downloader = self.crawler.engine.downloader
        general: float = downloader.settings.getfloat("DOWNLOAD_DELAY")
        if delay != general:
            downloader.per_slot_settings.setdefault(host, {})["delay"] = delay
        else:
            downloader.per_slot_settings.pop(host, None)
        if host in downloader.slots:
            downloader.slots[host].delay = delay
