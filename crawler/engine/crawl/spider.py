"""Base classes of the spiders in spiders/: send the frontier's requests and process the responses.

frontier -> task -> request -> address guard, robots.txt -> decompression -> redirects
  -> parse_feed -> feed_responses.py -> FeedCheck -> store
  -> parse_article -> ingest.py -> Verdict -> store -> ArticleItem
"""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta
from typing import Any, ClassVar, Self, TypeVar

import scrapy
from scrapy import Request, signals
from scrapy.http import Response

from crawler.articles import failures
from crawler.articles.page_response import PageResponse
from crawler.articles.visit import LearnedRules, PageVisit
from crawler.config.models import Config, Source
from crawler.engine.addon import config_of
from crawler.engine.crawl.download_errors import describe_failure
from crawler.engine.crawl.feed_responses import FeedPoller, log_entry
from crawler.engine.crawl.frontier import Frontier
from crawler.engine.crawl.ingest import NOTHING_LEARNED, store_visit, unread_visit, visit_page
from crawler.engine.crawl.learning import Learner
from crawler.engine.crawl.live_pages import fetch_posts, posts_address, without_posts
from crawler.engine.crawl.plan import CrawlPlan, plan_crawl, plan_fetch
from crawler.engine.crawl.rendering import Rendering
from crawler.engine.crawl.rendering import check as check_rendering
from crawler.engine.crawl.rereading import RereadingNeeded, with_rereading
from crawler.engine.crawl.responses import page_failure, page_response
from crawler.engine.crawl.session import CrawlSession
from crawler.engine.fetch_task import ArticleTask, FeedTask, FetchTask, StepTask
from crawler.engine.handlers.http import HostTakenOver
from crawler.engine.items import ArticleItem, article_item
from crawler.engine.middlewares import address_guard
from crawler.engine.middlewares.address_guard import GuardedResolver
from crawler.engine.workers.pool import WorkerPool
from crawler.errors import CrawlerError, UsageError, unexpected
from crawler.urls import host_of
from crawler.watches import dispatcher
from storage.errors import LeaseLost, StorageError
from storage.verdicts import Verdict
from storage.writer import Writer

log = logging.getLogger("newsdesk")
_T = TypeVar("_T")
STORE_AGAIN = timedelta(hours=6)  # retry after a record could not be stored


class NewsSpider(scrapy.Spider):
    """Sends the requests that the frontier hands out."""

    frontier: Frontier
    pool: WorkerPool
    poller: FeedPoller
    rendering: Rendering
    learner: Learner
    resolver: GuardedResolver
    yields_items = False  # under `newsdesk` nothing consumes items

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self.frontier.config

    async def start(self) -> AsyncIterator[Any]:
        """Yield requests as long as there is work; the frontier limits how many are under way."""
        try:
            while (batch := await self.frontier.next_batch()) is not None:
                for task in batch:
                    if (request := await self._request(task)) is not None:
                        yield request
                if not batch:
                    await self.frontier.wait()
        except (CrawlerError, StorageError) as error:
            self.frontier.abort(error)
        except Exception as error:  # catch-all for the run: it ends with this error, not as if it were complete
            log.error("the crawl broke off", exc_info=error)
            self.frontier.abort(CrawlerError(f"the crawl broke off: {type(error).__name__}: {error}"))

    async def _request(self, task: FetchTask) -> Request | None:
        """The request; None where it cannot be built: an unset environment variable, an address that Scrapy rejects."""
        try:
            if isinstance(task, ArticleTask):
                return task.request(callback=self.parse_article, errback=self.article_failed)
            return task.request(
                maxsize=2 * self.config.http.max_bytes, callback=self.parse_feed, errback=self.feed_failed
            )
        except Exception as error:
            missing = (
                f"the environment variable {error.args[0]} is not set" if isinstance(error, KeyError) else str(error)
            )
            await self._fail_task(task, f"cannot be requested: {missing}")
            return None

    async def _fail_task(self, task: FetchTask, reason: str) -> None:
        """Complete a task that could not be requested or read, so that the run does not wait for it."""
        if isinstance(task, ArticleTask):
            await self._ingest(task, page_failure(task, reason, permanent=True))
        else:
            await self._complete_safely(self.poller.failed(task, reason), task)

    async def _run_safely(self, work: Awaitable[_T], task: FetchTask) -> _T | None:
        """Run the handler of one response; unexpected errors are logged and the task is marked as failed."""
        try:
            return await work
        except LeaseLost as error:
            self._lease_was_lost(task, error)
        except (StorageError, CrawlerError) as error:
            self.frontier.abort(error)
        except Exception as error:
            log.error("%s: cannot be read: %s: %s", task.url, type(error).__name__, error, exc_info=error)
            await self._fail_task(task, f"cannot be read: {type(error).__name__}: {error}")
        return None

    # Feeds, and pages that list older articles

    async def parse_feed(self, response: Response) -> None:
        """Callback for the response of a feed, or of a page that lists older articles."""
        task: FeedTask | StepTask = response.meta["task"]
        await self._run_safely(self.poller.on_response(task, response), task)

    async def feed_failed(self, failure: Any) -> None:
        """Errback for a feed: no response, or the request was not sent."""
        task: FeedTask | StepTask = failure.request.meta["task"]
        if isinstance(failure.value, HostTakenOver):
            self.frontier.drop(task)
            return
        await self._run_safely(self.poller.failed(task, self._describe(failure), failure.value), task)

    # Articles

    async def parse_article(self, response: Response) -> ArticleItem | None:
        """Callback for the response of an article."""
        task: ArticleTask = response.meta["task"]
        return await self._run_safely(self._ingest(task, page_response(task, response), response), task)

    async def article_failed(self, failure: Any) -> None:
        """Errback for an article: no response, or the request was not sent."""
        task: ArticleTask = failure.request.meta["task"]
        if isinstance(failure.value, HostTakenOver):
            self.frontier.drop(task)
            return
        page = page_failure(task, self._describe(failure), failure.value)
        await self._run_safely(self._ingest(task, page), task)

    def _describe(self, failure: Any) -> str:
        return self._why(failure.value, failure.request.url)

    def _why(self, error: BaseException, url: str) -> str:
        return describe_failure(error, self.resolver.refused, host_of(url))

    async def _ingest(
        self, task: ArticleTask, page: PageResponse, response: Response | None = None
    ) -> ArticleItem | None:
        """Read the page, decide, write; returns the article as an item where items are consumed."""
        source = self.frontier.source_of(task.source.id if task.source else None, page.url or task.url)
        learns = self.config.extract.learn
        learned = await self.learner.rules(source, page.entry) if learns else NOTHING_LEARNED
        visit = await self._visit(task, page, source, learned)
        entry = log_entry(task, response, "page" if visit.extraction.url else "")
        hold = failures.hold_until(page, hour=self.config.pace.hour)

        async def reread(needed: RereadingNeeded) -> None:
            nonlocal visit
            visit = await with_rereading(visit, needed, self.frontier.index, self.pool)

        def write(writer: Writer) -> tuple[Verdict, int | None]:
            verdict, article_id = store_visit(writer, visit)
            if learns:
                self.learner.learn(writer, visit, verdict, article_id)
            return verdict, article_id

        stored = await self._complete_safely(self.frontier.complete_article(task, write, entry, hold, reread), task)
        if stored is None or not self.yields_items:
            return None
        verdict, article_id = stored
        if article_id is None or getattr(verdict, "article", None) is None:
            return None
        article = await self.frontier.writer.run(lambda writer: writer.article(article_id))
        return article_item(article, verdict.outcome) if article is not None else None

    async def _visit(
        self, task: ArticleTask, page: PageResponse, source: Source | None, learned: LearnedRules
    ) -> PageVisit:
        """Read a page: rendered where its source needs that, and with its posts where these are elsewhere."""
        read = functools.partial(visit_page, source=source, config=self.config, pool=self.pool, learned=learned)
        page = await self.rendering.before(page, source)
        visit = await read(page)
        if (rendered := await self.rendering.instead(page, source, visit)) is not None:
            page, visit = rendered, await read(rendered)
        if (address := posts_address(visit, source)) is None:
            return visit
        posts = await fetch_posts(address, task, self.crawler.engine.download_async, self._why)
        return await read(without_posts(page, posts)) if isinstance(posts, str) else await read(page, posts=posts)

    async def _complete_safely(self, completing: Awaitable[_T], task: FetchTask) -> _T | None:
        """Await a write: a failed write is logged and retried later; an error of the database file stops the run."""
        try:
            return await completing
        except LeaseLost as error:
            self._lease_was_lost(task, error)
        except (StorageError, CrawlerError) as error:
            self.frontier.abort(error)
        except Exception as error:
            self.frontier.counts.not_stored += 1
            log.error("%s: could not be stored: %s: %s", task.url, type(error).__name__, error, exc_info=error)
            if isinstance(task, ArticleTask):
                await self._store_failure(task, f"could not be stored: {error}")
        return None

    def _lease_was_lost(self, task: FetchTask, error: LeaseLost) -> None:
        """Leave a task to the worker that has its host now; a run that lasts begins anew with other hosts."""
        log.warning("%s: not stored: %s", task.url, error)
        self.frontier.claim.renew()
        if not self.frontier.plan.endless:
            self.frontier.abort(error)

    async def _store_failure(self, task: ArticleTask, reason: str) -> None:
        visit = unread_visit(page_failure(task, reason, permanent=True), task.source, self.config)
        again = task.at + STORE_AGAIN
        verdict = failures.failed(task.entry, reason, task.at, visit.recheck_at, later=again, permanent=True)
        try:
            await self.frontier.complete_article(task, lambda writer: (verdict, writer.apply_verdict(verdict)))
        except Exception:  # logged above; the lease expires later
            self.frontier.skip(task.entry.id)


class StandaloneSpider(NewsSpider):
    """A spider that opens its own session where none is passed in, as under `scrapy crawl`."""

    arguments: dict[str, Any]
    exit_code: ClassVar[int] = 0  # of the crawl in this process; read by engine/scrapy_commands

    def __init__(self, live: CrawlSession | None = None, **kwargs: Any) -> None:
        # Scrapy accepts unknown -a arguments, so a typo would poll every source. from_crawler rejects them in one line.
        known = [n for n in inspect.signature(type(self).__init__).parameters if n not in {"self", "kwargs"}]
        self.refused = [
            f"it has no argument {name!r}; it has {', '.join(f'-a {n}=…' for n in known)}"
            for name in kwargs.keys() - {"name"}
        ]
        super().__init__(**kwargs)
        self.live = live
        self.own = self.yields_items = live is None

    @classmethod
    def from_crawler(cls, crawler: Any, *args: Any, **kwargs: Any) -> Self:
        """Open the session; on an error print one line and exit with the contract's exit code."""
        spider: Self = super().from_crawler(crawler, *args, **kwargs)
        if spider.live is None:
            try:
                if spider.refused:
                    raise UsageError(f"the spider {cls.name!r}: {spider.refused[0]}")
                config = config_of(crawler.settings)  # spiders are created before the add-ons run
                spider.live = CrawlSession.open(config, spider.plan, command=f"scrapy crawl {cls.name}")
            except (CrawlerError, StorageError) as error:
                print(f"newsdesk: {error}", file=sys.stderr)
                sys.exit(error.exit_code)
        live = spider.live
        spider.frontier, spider.pool = live.frontier, live.pool
        spider.poller = FeedPoller(live.frontier, live.pool)
        spider.learner = live.learner
        spider.rendering = Rendering(lambda: live.frontier.config, live.async_writer)
        crawler.signals.connect(spider.opened, signal=signals.engine_started)
        crawler.signals.connect(spider.closed_down, signal=signals.spider_closed)
        return spider

    def plan(self, writer: Writer, config: Config) -> CrawlPlan:
        """The plan for this spider's arguments."""
        if "urls" in self.arguments:
            return plan_fetch(self.arguments["urls"], command=f"scrapy crawl {self.name}")(writer, config)
        return plan_crawl(**self.arguments, command=f"scrapy crawl {self.name}")(writer, config)

    def opened(self) -> None:
        """Install the address guard once the reactor runs."""
        from twisted.internet import reactor

        self.resolver = address_guard.install_resolver(reactor, self.config)
        try:
            check_rendering(self.config)
        except CrawlerError as error:
            self.frontier.abort(error)

    async def closed_down(self, reason: str) -> None:
        """End the session once the last request is completed.

        A crawl that finished sends its watches' messages. After a fetch or Ctrl-C the next crawl sends them.
        """
        assert self.live is not None
        self.frontier.stop()
        await self.rendering.close()
        if self.live.plan.feeds and not self.live.plan.endless and reason == "finished":
            try:
                await dispatcher.Dispatcher(self.live).flush()
            except Exception as error:  # a failing watch does not fail the crawl
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
