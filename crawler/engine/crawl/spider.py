"""The spider behind both entries of spiders/: takes what the frontier hands out, turns each answer into an intent, hands it back.

frontier -> request -> guard, robots.txt -> wire -> whole body -> redirects -> on_feed / on_page -> Answer -> FeedCheck / Visit -> Verdict -> frontier
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import logging
import sys
from collections.abc import AsyncIterator, Awaitable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

import scrapy
from scrapy import Request, signals
from scrapy.http import Response

from crawler.articles import failures
from crawler.articles.verdict import next_recheck
from crawler.articles.visit import PageVisit, rules_site
from crawler.config.models import Config, PublisherRules, Source
from crawler.content_encoding import DecodeError
from crawler.engine.addon import config_of
from crawler.engine.crawl.download_errors import describe_failure
from crawler.engine.crawl.feed_responses import FeedPoller
from crawler.engine.crawl.frontier import Frontier
from crawler.engine.crawl.ingest import look_up_and_decide
from crawler.engine.crawl.plan import CrawlPlan, plan_crawl, plan_fetch
from crawler.engine.crawl.responses import header, media_of, raw_page
from crawler.engine.crawl.session import CrawlSession
from crawler.engine.fetch_task import Asked
from crawler.engine.middlewares import address_guard
from crawler.engine.middlewares.address_guard import GuardedResolver, RequestRefused
from crawler.engine.workers import worker
from crawler.engine.workers.pool import PageFailed, WorkerPool
from crawler.errors import CrawlerError, UsageError, unexpected
from crawler.feeds.freshness import retry_after
from crawler.feeds.revisit import THROTTLED
from crawler.urls import host_of
from crawler.watches import dispatcher
from storage.errors import StorageError
from storage.records import Entry, Verdict, parse_utc
from storage.writer import Writer

log = logging.getLogger("newsdesk")


class NewsSpider(scrapy.Spider):
    """One engine: what it crawls is the frontier's word."""

    frontier: Frontier
    pool: WorkerPool
    poller: FeedPoller
    resolver: GuardedResolver

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self.frontier.config

    async def start(self) -> AsyncIterator[Any]:
        """Yield requests as long as something is owed; the frontier bounds how many are under way."""
        try:
            while (batch := await self.frontier.next_batch()) is not None:
                for asked in batch:
                    if (request := await self._request(asked)) is not None:
                        yield request
                if not batch:
                    await self.frontier.wait()
        except (CrawlerError, StorageError) as error:
            self.frontier.abort(error)
        except Exception as error:  # the edge for a run: it ends with what went wrong, not as if all were done
            log.error("the crawl broke off", exc_info=error)
            self.frontier.abort(CrawlerError(f"the crawl broke off: {type(error).__name__}: {error}"))

    async def _request(self, asked: Asked) -> Request | None:
        """The request, or a failure where it cannot be made: a secret that is not set, an address Scrapy refuses."""
        try:
            if asked.feed:
                return asked.request(
                    maxsize=2 * self.config.http.max_bytes, callback=self.parse_feed, errback=self.feed_failed
                )
            return asked.request(callback=self.parse_article, errback=self.article_failed)
        except Exception as error:
            missing = (
                f"the environment variable {error.args[0]} is not set" if isinstance(error, KeyError) else str(error)
            )
            await self._fail_task(asked, f"cannot be asked for: {missing}")
            return None

    async def _fail_task(self, asked: Asked, reason: str) -> None:
        """Settle what could not be asked or read, so that the run does not wait for it."""
        if asked.feed:
            await self._complete_safely(self.poller.failed(asked, reason), asked)
        else:
            await self._fail(asked, reason, None, hard=True)

    async def _run_safely(self, work: Awaitable[None], asked: Asked) -> None:
        """The edge for one answer: whatever strangers' bytes trip over is told and settled."""
        try:
            await work
        except (StorageError, CrawlerError) as error:
            self.frontier.abort(error)
        except Exception as error:
            log.error("%s: cannot be read: %s: %s", asked.url, type(error).__name__, error, exc_info=error)
            await self._fail_task(asked, f"cannot be read: {type(error).__name__}: {error}")

    async def parse_feed(self, response: Response) -> None:
        """A feed, or a page of older articles, answered."""
        asked: Asked = response.meta["asked"]
        await self._run_safely(self.poller.on_response(asked, response), asked)

    async def feed_failed(self, failure: Any) -> None:
        """A feed did not answer, or was not asked."""
        asked: Asked = failure.request.meta["asked"]
        reason = describe_failure(failure.value, self.resolver.refused, host_of(failure.request.url))
        await self._run_safely(self.poller.failed(asked, reason, failure.value), asked)

    # Articles

    async def parse_article(self, response: Response) -> None:
        """An article request was answered."""
        await self._run_safely(self._page_answered(response), response.meta["asked"])

    async def _page_answered(self, response: Response) -> None:
        asked: Asked = response.meta["asked"]
        entry = asked.entry
        assert entry is not None
        status, at, recheck = response.status, asked.at, self._recheck(asked)
        if status == 304 and (entry.article_id is None or not asked.validators):
            await self._fail(asked, "the server answered 304 (not modified) to a request without validators", response)
        elif status == 304:
            await self._settle(asked, failures.unchanged(entry, at, recheck), response)
        elif status in {404, 410}:
            await self._settle(
                asked, failures.not_found(entry, status, at, recheck, hour=self.config.pace.hour), response
            )
        elif status >= 400 and status not in {*failures.WALL_STATUS, 403}:
            later = retry_after(header(response.headers, "Retry-After"), now=asked.now)
            if later is None and status in {429, 503}:
                later = asked.now + timedelta(seconds=THROTTLED * self.config.pace.hour)
            throttle = later if status in {429, 503} else None
            await self._fail(asked, f"the server answered {status}", response, later=later, throttle=throttle)
        elif status >= 300 and status not in {*failures.WALL_STATUS, 403}:
            await self._fail(asked, f"it redirects ({status}) to nowhere", response)
        elif (kind := media_of(response)) is not None:
            await self._settle(asked, failures.rejected(entry, f"not a web page ({kind})", at, recheck), response)
        else:
            await self._extract(asked, response)

    async def _extract(self, asked: Asked, response: Response) -> None:
        """Read it in a worker, then decide and write."""
        entry = asked.entry
        assert entry is not None
        source = self.frontier.source_of(asked.source.id if asked.source else None, response.url)
        entry = dataclasses.replace(entry, source=source.id if source else None)
        how: dict[str, Any] = {
            "entry": entry,
            "source": entry.source,
            "language": source.language if source else None,
            "rules": source.article if source else PublisherRules(),
            "now": asked.at,
        }
        page = raw_page(response, asked.at)
        try:
            found = await self.pool.run(
                functools.partial(
                    worker.read_page, most=self.config.http.max_bytes, keep=self.config.extract.keep_raw, **how
                ),
                page,
                source=entry.source or host_of(response.url),
            )
        except (PageFailed, DecodeError) as error:
            await self._fail(asked, str(error), response, hard=isinstance(error, PageFailed))
            return
        extraction = found.reading.extraction
        if extraction is None:
            again = failures.forbidden(entry, asked.at, self._recheck(asked), hour=self.config.pace.hour)
            await self._settle(asked, again, response)
            return
        visit = self._visit(asked, response, source, entry, found)
        ledger = self.poller.record(asked, response, "page")
        await self._complete_safely(
            self.frontier.store_article(asked, lambda writer: look_up_and_decide(writer, visit, found.record), ledger),
            asked,
        )

    def _visit(
        self, asked: Asked, response: Response, source: Source | None, entry: Entry, found: worker.PageRead
    ) -> PageVisit:
        article, extraction = found.reading.article, found.reading.extraction
        assert extraction is not None
        if article is not None:
            article = dataclasses.replace(
                article,
                etag=header(response.headers, "ETag"),
                last_modified=header(response.headers, "Last-Modified"),
                raw_sha256=found.sha256,
            )
        rules = source.article if source else PublisherRules()
        return PageVisit(
            entry=entry, requested=asked.url, final=response.url, hops=tuple(response.meta.get("redirect_urls", ()))[1:], source=entry.source,
            extraction=extraction, article=article, grams=found.reading.grams, rechecks=() if entry.backfill else self._ages(source),
            recheck_at=self._recheck(asked), id_site=rules_site(entry.source, response.url, rules), hour=self.config.pace.hour,
        )  # fmt: skip

    async def article_failed(self, failure: Any) -> None:
        """An article request was not answered, or not made."""
        await self._run_safely(self._page_unanswered(failure), failure.request.meta["asked"])

    async def _page_unanswered(self, failure: Any) -> None:
        asked: Asked = failure.request.meta["asked"]
        entry = asked.entry
        assert entry is not None
        error = failure.value
        reason = describe_failure(error, self.resolver.refused, host_of(failure.request.url))
        if isinstance(error, RequestRefused) and error.kind in {"guard", "robots"}:
            await self._settle(asked, failures.rejected(entry, reason, asked.at, self._recheck(asked)), None)
            return
        later = (
            asked.now + timedelta(seconds=error.retry_after)
            if isinstance(error, RequestRefused) and error.retry_after
            else None
        )
        await self._fail(asked, reason, None, later=later)

    async def _fail(
        self,
        asked: Asked,
        reason: str,
        response: Response | None,
        *,
        later: datetime | None = None,
        hard: bool = False,
        throttle: datetime | None = None,
    ) -> None:
        entry = asked.entry
        assert entry is not None
        verdict = failures.failed(
            entry, reason, asked.at, self._recheck(asked), later=later, hard=hard, hour=self.config.pace.hour
        )
        await self._settle(asked, verdict, response, throttle)

    def _recheck(self, asked: Asked) -> datetime | None:
        """When a held article that brought nothing new is asked for again: at its next age."""
        entry = asked.entry
        if entry is None or entry.article_id is None or entry.article_seen_at is None:
            return None
        return next_recheck(self._ages(asked.source), parse_utc(entry.article_seen_at), asked.at)

    def _ages(self, source: Source | None) -> tuple[float, ...]:
        return source.recheck if source and source.recheck is not None else self.config.schedule.recheck

    async def _settle(
        self, asked: Asked, verdict: Verdict, response: Response | None, throttle: datetime | None = None
    ) -> None:
        record = self.poller.record(asked, response, verdict.outcome)
        await self._complete_safely(self.frontier.complete_article(asked, verdict, record, throttle), asked)

    async def _complete_safely(self, settling: Any, asked: Asked) -> None:
        """What cannot be written is told and tried again later; what breaks the file stops the run."""
        try:
            await settling
        except (StorageError, CrawlerError) as error:
            self.frontier.abort(error)
        except Exception as error:
            self.frontier.counts.not_stored += 1
            log.error("%s: could not be stored: %s: %s", asked.url, type(error).__name__, error, exc_info=error)
            if asked.entry is None:
                return
            later = asked.at + timedelta(hours=6)
            failed = failures.failed(
                asked.entry, f"could not be stored: {error}", asked.at, self._recheck(asked), later=later, hard=True
            )
            try:
                await self.frontier.complete_article(asked, failed)
            except Exception:  # it was told above; its lease brings it back
                self.frontier.skip(asked.entry.id)


class StandaloneSpider(NewsSpider):
    """A spider that begins its own run where none was handed in: Scrapy's own way in."""

    arguments: dict[str, Any]
    exit_code: ClassVar[int] = 0  # of the crawl that ended in this process, for engine/scrapy_commands

    def __init__(self, live: CrawlSession | None = None, **kwargs: Any) -> None:
        # Scrapy keeps what it does not know, and every source would be polled. Refused where the run begins, in one line.
        known = [n for n in inspect.signature(type(self).__init__).parameters if n not in {"self", "kwargs"}]
        self.refused = [
            f"it has no argument {name!r}; it has {', '.join(f'-a {n}=…' for n in known)}"
            for name in kwargs.keys() - {"name"}
        ]
        super().__init__(**kwargs)
        self.live = live
        self.own = live is None

    @classmethod
    def from_crawler(cls, crawler: Any, *args: Any, **kwargs: Any) -> Self:
        """Begin the run; one line and the contract's exit code where that cannot be."""
        spider: Self = super().from_crawler(crawler, *args, **kwargs)
        if spider.live is None:
            try:
                if spider.refused:
                    raise UsageError(f"the spider {cls.name!r}: {spider.refused[0]}")
                config = config_of(crawler.settings)  # a spider is made before the add-ons have run
                spider.live = CrawlSession.open(config, spider.plan, command=f"scrapy crawl {cls.name}")
            except (CrawlerError, StorageError) as error:
                print(f"newsdesk: {error}", file=sys.stderr)
                sys.exit(error.exit_code)
        live = spider.live
        spider.frontier, spider.pool = live.frontier, live.pool
        spider.poller = FeedPoller(live.frontier, live.pool)
        crawler.signals.connect(spider.opened, signal=signals.engine_started)
        crawler.signals.connect(spider.closed_down, signal=signals.spider_closed)
        return spider

    def plan(self, writer: Writer, config: Config) -> CrawlPlan:
        """What this spider's arguments ask for."""
        if "urls" in self.arguments:
            return plan_fetch(self.arguments["urls"], command=f"scrapy crawl {self.name}")(writer, config)
        return plan_crawl(**self.arguments, command=f"scrapy crawl {self.name}")(writer, config)

    def opened(self) -> None:
        """The reactor runs: put the guard in force."""
        from twisted.internet import reactor

        self.resolver = address_guard.install_resolver(reactor, self.config)

    async def closed_down(self, reason: str) -> None:
        """The last request is settled. A crawl that came to its end tells what watches found; after a fetch, or Ctrl-C, the next one does."""
        assert self.live is not None
        self.frontier.stop()
        if self.live.plan.feeds and not self.live.plan.endless and reason == "finished":
            try:
                await dispatcher.Dispatcher(self.live).flush()
            except Exception as error:  # the crawl came to its end whatever a watch did
                logging.getLogger("newsdesk").error("watches: %s", error, exc_info=unexpected(error))
        await self.live.end()
        if self.own:
            run = self.live.finish(None)
            counted = ", ".join(
                f"{run.total(name)} {name.replace('_', ' ')}"
                for name in ("articles_new", "revised", "copies", "rejected", "failed")
            )
            print(f"newsdesk: {counted}; exit {run.exit_code}", file=sys.stderr)
            type(self).exit_code = run.exit_code or 0
