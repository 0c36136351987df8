"""Requests that store nothing: discovery and `sources test`.

They use the same downloader, guard, robots.txt and delay as a crawl.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin

import scrapy
from scrapy import signals
from scrapy.crawler import AsyncCrawlerProcess

from crawler.config.models import Config, PublisherRules, SourceIndex
from crawler.engine.addon import own_settings
from crawler.engine.crawl.download_errors import describe_failure
from crawler.engine.fetch_task import FeedTask
from crawler.engine.middlewares import address_guard
from crawler.engine.workers import worker
from crawler.engine.workers.pool import PageFailed, WorkerPool
from crawler.errors import FeedError
from crawler.feeds.discovery import Candidate, common_feed_urls, common_sitemap_urls, robots_sitemaps
from crawler.feeds.parsed_feed import ParsedFeed
from crawler.urls import host_of
from storage.records import Feed

if TYPE_CHECKING:
    from crawler.extraction.extraction import Extraction

MAX_FEEDS = 4  # feeds of one site that are taken without asking the user
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResponse:
    """One response: a body, or the reason why there is none."""

    url: str
    status: int = 0
    body: bytes = b""
    content_type: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    error: str | None = None


Get = Callable[[str], Awaitable[ProbeResponse]]


@dataclass(frozen=True, slots=True)
class Web:
    """What discovery needs: a function that requests an address, and the worker processes that parse the responses."""

    get: Get
    pool: WorkerPool

    async def feed(self, got: ProbeResponse, now: datetime, kind: str = "") -> ParsedFeed:
        """Parse a response as a feed.

        Raises:
            FeedError: it is not a feed, or cannot be read within the limits.
        """
        try:
            return await self.pool.run(
                worker.read_feed, got.body, got.url, got.content_type, now, kind,
                source=host_of(got.url), seconds=self.pool.seconds_for(got.body),
            )  # fmt: skip
        except PageFailed as error:
            raise FeedError(f"{got.url}: {error}") from error

    async def named(self, got: ProbeResponse) -> list[Candidate]:
        """The feeds that a page links to; empty where the page cannot be read within the limits."""
        try:
            return await self.pool.run(worker.read_candidates, got.body, got.url, source=host_of(got.url))
        except (PageFailed, FeedError):
            return []

    async def extraction(self, got: ProbeResponse, rules: PublisherRules, now: datetime) -> Extraction | None:
        """Extract a response as an article.

        Raises:
            PageFailed: it cannot be read within the limits.
        """
        return await self.pool.run(worker.extract_page, got.body, got.url, rules, now, source=host_of(got.url))


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """The places found where a site lists its news."""

    url: str
    title: str | None = None
    language: str | None = None
    home: str | None = None
    feeds: tuple[tuple[str, ParsedFeed], ...] = ()
    sitemaps: tuple[tuple[str, ParsedFeed], ...] = ()
    pages: tuple[tuple[str, ParsedFeed], ...] = ()
    error: str | None = None

    @property
    def found(self) -> bool:
        """Whether there is anything to poll."""
        return bool(self.feeds or self.sitemaps or self.pages)

    def joined(self, other: Discovery) -> Discovery:
        """What was found at two addresses of one site."""
        return replace(
            self,
            title=self.title or other.title,
            language=self.language or other.language,
            feeds=tuple(dict((*self.feeds, *other.feeds)).items()),
            sitemaps=tuple(dict((*self.sitemaps, *other.sitemaps)).items()),
            pages=tuple(dict((*self.pages, *other.pages)).items()),
        )


class _ProbeSpider(scrapy.Spider):
    name = "probe"

    def __init__(
        self, work: Callable[[Web], Awaitable[Any]], config: Config, now: Callable[[], datetime], into: list[Any]
    ) -> None:
        super().__init__()
        self.work, self.config, self.now, self.into = work, config, now, into
        self.pool = WorkerPool(config.extract.workers, config.extract.page_timeout)
        self.index = SourceIndex(config.sources)

    @classmethod
    def from_crawler(cls, crawler: Any, *args: Any, **kwargs: Any) -> Any:
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.opened, signal=signals.engine_started)
        return spider

    def opened(self) -> None:
        from twisted.internet import reactor

        self.resolver = address_guard.install_resolver(reactor, self.config)

    async def start(self) -> AsyncIterator[Any]:
        try:
            self.into.append(await self.work(Web(self.get, self.pool)))
        except Exception as error:  # passed to the caller, who is outside this loop
            self.into.append(error)
        finally:
            self.pool.close()
        nothing: tuple[Any, ...] = ()
        for request in nothing:  # makes this an asynchronous generator that yields no request
            yield request

    async def get(self, url: str) -> ProbeResponse:
        return await get(
            self.crawler, url, config=self.config, index=self.index, refused=self.resolver.refused, now=self.now()
        )


async def get(
    crawler: Any, url: str, *, config: Config, index: SourceIndex, refused: dict[str, str], now: datetime
) -> ProbeResponse:
    """Request one address on a running engine: robots.txt, delay and guard apply as in a crawl (PEERS F 24)."""
    task = FeedTask(url=url, at=now, source=index.for_url(url), feed=Feed(url=url, source=None, kind="feed"))
    try:
        response = await crawler.engine.download_async(task.request(maxsize=2 * config.http.max_bytes))
    except Exception as failure:  # any failure becomes a ProbeResponse with an error
        return ProbeResponse(url=url, error=describe_failure(failure, refused, host_of(url)))
    headers = {
        name.decode("latin-1").lower(): values[-1].decode("latin-1")
        for name, values in response.headers.items()
        if values
    }
    error = None if response.status < 400 else f"the server answers {response.status}"
    return ProbeResponse(
        url=response.url,
        status=response.status,
        body=response.body,
        content_type=headers.get("content-type", ""),
        headers=headers,
        error=error,
    )


def run_probe(config: Config, work: Callable[[Web], Awaitable[_T]], now: Callable[[], datetime]) -> _T:
    """Run a coroutine function that makes requests, to its end.

    Call it once per process: Twisted's reactor cannot be restarted.
    """
    settings = own_settings(config)
    logging.getLogger("scrapy").setLevel(logging.CRITICAL)
    logging.getLogger("twisted").setLevel(logging.CRITICAL)
    into: list[Any] = []
    process = AsyncCrawlerProcess(settings)
    process.crawl(_ProbeSpider, work=work, config=config, now=now, into=into)
    process.start()
    if not into:
        raise KeyboardInterrupt
    if isinstance(into[0], Exception):
        raise into[0]
    found: _T = into[0]
    return found


async def discover(web: Web, url: str, now: datetime) -> Discovery:
    """Find where a site lists its news.

    Tries in this order: the address is itself a feed; feeds that the page links to; feeds at the usual addresses;
    sitemaps in robots.txt, or at the usual addresses; the page as a section page.
    """
    first = await web.get(url)
    if first.error:
        return Discovery(url=url, error=first.error)
    itself = await _parsed(web, first, now)
    if itself is not None:
        found = ((url, itself),)
        is_map = itself.kind == "sitemap"
        return Discovery(
            url=url,
            title=itself.title,
            language=itself.language,
            home=itself.home,
            sitemaps=found if is_map else (),
            feeds=() if is_map else found,
        )
    page = await _parsed(web, first, now, "page")
    title, language = (page.title, page.language) if page else (None, None)
    for candidates in (await web.named(first), common_feed_urls(first.url)):
        feeds = await _verified(web, candidates, now)
        if feeds:
            return Discovery(
                url=url,
                title=title or feeds[0][1].title,
                language=language or feeds[0][1].language,
                home=first.url,
                feeds=feeds,
            )
    robots = await web.get(urljoin(first.url, "/robots.txt"))
    named = robots_sitemaps(robots.body, first.url) if not robots.error else []
    maps = await _verified(web, named[:MAX_FEEDS] or common_sitemap_urls(first.url), now, most=1)
    if maps:
        return Discovery(url=url, title=title, language=language, home=first.url, sitemaps=maps)
    pages = ((first.url, page),) if page and len(page.entries) >= 3 else ()
    return Discovery(
        url=url,
        title=title,
        language=language,
        home=first.url,
        pages=pages,
        error=None if pages else "no feed, no news sitemap and no page with links that look like articles",
    )


async def _verified(
    web: Web, candidates: list[Candidate], now: datetime, most: int = MAX_FEEDS
) -> tuple[tuple[str, ParsedFeed], ...]:
    """Request the candidates; returns those that are feeds and not empty."""
    answers = await asyncio.gather(*(web.get(candidate.url) for candidate in candidates))
    found: dict[frozenset[str], tuple[str, ParsedFeed]] = {}
    for candidate, answer in zip(candidates, answers, strict=True):
        parsed = None if answer.error else await _parsed(web, answer, now)
        if parsed is not None and (parsed.entries or parsed.children):
            found.setdefault(
                frozenset(e.identity for e in parsed.entries) or frozenset({candidate.url}), (candidate.url, parsed)
            )
    return tuple(found.values())[:most]


async def _parsed(web: Web, got: ProbeResponse, now: datetime, kind: str = "") -> ParsedFeed | None:
    try:
        return await web.feed(got, now, kind)
    except FeedError:
        return None
