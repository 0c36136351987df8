"""One crawl run, from lock to summary: opens the file, runs the spider, closes everything, tells how it went."""

from __future__ import annotations

import contextlib
import inspect
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from scrapy import signals
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.settings import Settings

from crawler.config.loader import load_config
from crawler.config.models import Config, SourceIndex
from crawler.engine import guard, telling
from crawler.engine.addon import config_of, settings_of
from crawler.engine.frontier import urgent_entry
from crawler.engine.leasing import Plan
from crawler.engine.live import LiveRun, clock
from crawler.engine.polling import Polls
from crawler.engine.spider import NewsSpider
from crawler.engine.stopping import Stopping
from crawler.engine.tally import Tally
from crawler.errors import FAILED, ConfigError, CrawlerError, UsageError, unexpected
from storage.errors import StorageError
from storage.records import CrawlRun
from storage.writer import Writer


class OwnSpider(NewsSpider):
    """A spider that begins its own run where none was handed in: Scrapy's own way in."""

    wanted: dict[str, Any]
    exit_code: ClassVar[int] = 0  # of the crawl that ended in this process, for engine/scrapy_commands

    def __init__(self, live: LiveRun | None = None, **kwargs: Any) -> None:
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
                config = config_of(crawler.config.models)  # a spider is made before the add-ons have run
                spider.live = LiveRun.begin(config, spider.plan, command=f"scrapy crawl {cls.name}")
            except (CrawlerError, StorageError) as error:
                print(f"newsdesk: {error}", file=sys.stderr)
                sys.exit(error.exit_code)
        live = spider.live
        spider.frontier, spider.pool = live.frontier, live.pool
        spider.polls = Polls(live.frontier, live.pool)
        crawler.signals.connect(spider.opened, signal=signals.engine_started)
        crawler.signals.connect(spider.closed_down, signal=signals.spider_closed)
        return spider

    def plan(self, writer: Writer, config: Config) -> Plan:
        """What this spider's arguments ask for."""
        if "urls" in self.wanted:
            return plan_fetch(self.wanted["urls"], command=f"scrapy crawl {self.name}")(writer, config)
        return plan_crawl(**self.wanted, command=f"scrapy crawl {self.name}")(writer, config)

    def opened(self) -> None:
        """The reactor runs: put the guard in force."""
        from twisted.internet import reactor

        self.resolver = guard.install(reactor, self.config)

    async def closed_down(self, reason: str) -> None:
        """The last request is settled. A crawl that came to its end tells what watches found; after a fetch, or Ctrl-C, the next one does."""
        assert self.live is not None
        self.frontier.stop()
        if self.live.plan.feeds and not self.live.plan.endless and reason == "finished":
            try:
                await telling.Teller(self.live).finish()
            except Exception as error:  # the crawl came to its end whatever a watch did
                logging.getLogger("newsdesk").error("watches: %s", error, exc_info=unexpected(error))
        await self.live.end()
        if self.own:
            run = self.live.summary(None)
            counted = ", ".join(
                f"{run.total(name)} {name.replace('_', ' ')}"
                for name in ("articles_new", "revised", "copies", "rejected", "failed")
            )
            print(f"newsdesk: {counted}; exit {run.exit_code}", file=sys.stderr)
            type(self).exit_code = run.exit_code or 0


def plan_crawl(
    *, sources: tuple[str, ...] = (), due_only: bool = False, limit: int | None = None, command: str = "crawl"
) -> Callable[[Writer, Config], Plan]:
    """A pass over sources."""

    def plan(writer: Writer, config: Config) -> Plan:  # noqa: ARG001 - one signature
        chosen = config.choose(sources)
        if not chosen:
            raise ConfigError(
                "no source to crawl; `newsdesk sources add URL` adds one, `newsdesk sources enable ID` enables one"
            )
        return Plan(command=command, sources=tuple(s.id for s in chosen), due_only=due_only, limit=limit)

    return plan


def plan_run(writer: Writer, config: Config) -> Plan:  # noqa: ARG001 - one signature
    """Crawl until told to end; sources may come and go meanwhile."""
    return Plan(command="run", sources=tuple(s.id for s in config.sources if s.enabled), due_only=True, endless=True)


def plan_fetch(urls: tuple[str, ...], *, command: str = "fetch") -> Callable[[Writer, Config], Plan]:
    """Addresses, now."""

    def plan(writer: Writer, config: Config) -> Plan:
        if not urls:
            raise UsageError("no address to fetch; say -a url=https://…")
        index = SourceIndex(config.sources)
        try:
            entries = tuple(urgent_entry(writer, url, index.at(url), clock()) for url in urls)
        except ValueError as error:
            raise UsageError(str(error)) from error
        return Plan(command=command, feeds=False, entries=entries)

    return plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a run ended, and for a fetch what became of each entry."""

    run: CrawlRun
    entries: tuple[int, ...]


def run(
    config: Config,
    plan: Callable[[Writer, Config], Plan],
    *,
    command: str,
    spider: str,
    observer: Callable[[Tally], None] | None = None,
    reload: Callable[[], Config] = load_config,
    ready: Callable[[LiveRun], None] | None = None,
    signals_heard: Stopping | None = None,
) -> Result:
    """Run one crawl in this process, to its end. Once a process: Twisted's reactor does not start twice.

    Args:
        config: the settings.
        plan: what to do.
        command: as the lock names it.
        spider: which of spiders/.
        observer: told after each change of the counts.
        reload: reads the configuration anew, for a run without an end.
        ready: told before the engine starts.
        signals_heard: listens already, of a command that did so before the slow imports; else the run listens itself.

    Raises:
        StorageError: the file is held or cannot be written.
    """
    settings = Settings()
    settings.setmodule("crawler.engine.settings", priority="project")
    settings.setdict({**settings_of(config), "LOG_INSTALL_ROOT_HANDLER": False}, priority="cmdline")
    logging.getLogger("scrapy").setLevel(logging.ERROR)
    logging.getLogger("twisted").setLevel(logging.CRITICAL)
    logging.getLogger("py.warnings").setLevel(logging.ERROR)
    with contextlib.ExitStack() as stack:
        stopping = signals_heard or stack.enter_context(Stopping())
        live = LiveRun.begin(config, plan, command=command, observer=observer, reload=reload)
        stopping.begun(live)
        try:
            if ready is not None:
                ready(live)
            process = AsyncCrawlerProcess(settings)
            process.crawl(spider, live=live)
            stopping.drains(process)
            process.start(install_signal_handlers=False)
        except BaseException:
            with contextlib.suppress(StorageError):
                live.summary(FAILED)
            raise
        code = stopping.code
        if process.bootstrap_failed and code is None:
            code = FAILED
        return Result(run=live.summary(code), entries=live.plan.entries)
