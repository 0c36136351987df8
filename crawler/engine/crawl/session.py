"""A crawl run in progress: takes the lock, opens the file, and records how the run ended."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from crawler.articles.key_versions import KEYS
from crawler.config.loader import load_config
from crawler.config.models import Config
from crawler.engine.crawl.counts import RunCounts
from crawler.engine.crawl.frontier import Frontier
from crawler.engine.crawl.learning import Learner
from crawler.engine.crawl.plan import CrawlPlan, clock
from crawler.engine.workers.pool import RECENT, WorkerPool, prepare
from crawler.urls import host_of
from crawler.version import __version__
from crawler.watches.matching import misconfiguration
from storage import databases
from storage.async_writer import AsyncWriter
from storage.databases import Claim
from storage.errors import StorageError
from storage.outbox import Outbox
from storage.records import CrawlRun
from storage.utc import format_utc
from storage.writer import Writer

log = logging.getLogger("newsdesk")


def begin_watching(writer: Writer, config: Config) -> None:
    """Turn watching on or off as configured, and warn of watches that can match nothing."""
    for watch in config.watches:
        if why := misconfiguration(watch, config.tags):
            log.warning("watch %s can never match: %s", watch.name, why)
    Outbox(writer).watching(on=bool(config.watches))


def _name_sources_without_feeds(config: Config, plan: CrawlPlan, counts: RunCounts) -> None:
    for source in config.sources:
        if plan.feeds and not plan.backfill and source.id in plan.sources and not source.feed_urls:
            counts.source_without_feeds(
                source.id, f"it has no feeds, sitemaps or pages; `newsdesk sources add {source.url}` finds them"
            )


def _longest_delay(config: Config) -> float:
    """Seconds between two requests to a host, which a worker waits that takes hosts over from another one."""
    return max([config.politeness.delay, *(s.delay for s in config.sources if s.delay is not None)])


def _recover(writer: Writer, config: Config, worker: str) -> datetime | None:
    """Release the leases of a dead process, and synchronize the file with the clock and the configuration.

    Returns:
        When a feed was last polled.
    """
    writer.release_leases()
    newest = writer.last_poll_at()
    own_clock = isinstance(config.database, Path)  # in a shared store, the last poll may be by another machine's clock
    # the clock was wrong then, or is wrong now
    if own_clock and newest is not None and newest > clock() + timedelta(seconds=60):
        writer.adjust_clock(-round((newest - clock()).total_seconds()), clock(), 0)
    hosts = {url: host_of(url) for s in config.sources for _, url in s.feed_urls}
    writer.sync_sources(config.sources, hosts, clock())
    writer.look_up_former_keys(KEYS)
    if config.extract.keep_raw:
        writer.enable_raw_pages(f"newsdesk/{__version__}", worker)
    begin_watching(writer, config)
    return newest


@dataclass(slots=True, kw_only=True)
class CrawlSession:
    """A crawl run in progress: the lock, the file, the frontier, the counts."""

    config: Config
    plan: CrawlPlan
    claim: Claim
    writer: Writer
    async_writer: AsyncWriter
    pool: WorkerPool
    counts: RunCounts
    frontier: Frontier
    learner: Learner
    run_id: int = 0
    started_at: datetime = field(default_factory=clock)
    existed: bool = True  # the file existed before
    reload: Callable[[], Config] = load_config
    now: Callable[[], datetime] = clock
    ended: bool = False

    @classmethod
    def open(
        cls,
        config: Config,
        plan: Callable[[Writer, Config], CrawlPlan],
        *,
        command: str,
        observer: Callable[[RunCounts], None] | None = None,
        reload: Callable[[], Config] = load_config,
    ) -> Self:
        """Take the lock, open the file, release the leases of a dead process.

        Raises:
            StorageError: the file is locked, or cannot be opened.
        """
        existed = databases.exists(config.database)
        claim = databases.lock(
            config.database,
            command=command,
            now=clock(),
            delay=_longest_delay(config),
            configuration=config.sources_hash,
        )
        try:
            writer = databases.open_writing(config.database)
            try:
                claim.attach(writer)
                newest = _recover(writer, config, claim.worker)
                what = plan(writer, config)
                run_id = writer.begin_run(command, clock()) if what.feeds else 0
            except BaseException:
                writer.close()
                raise
        except BaseException:
            claim.close()
            raise
        counts = RunCounts(observer)
        async_writer = AsyncWriter(writer, wait_for_disk=what.endless)
        pool = WorkerPool(config.extract.workers if what.feeds else 1, config.extract.page_timeout)
        if not what.endless and (newest is None or clock() - newest > RECENT):  # an endless run need not hurry
            prepare()
        _name_sources_without_feeds(config, what, counts)
        frontier = Frontier(config, async_writer, what, counts, clock, claim)
        claim.attach(writer, frontier.handover.busy_parts, frontier.handover.lease_was_lost)
        return cls(
            config=config,
            plan=what,
            claim=claim,
            writer=writer,
            async_writer=async_writer,
            pool=pool,
            counts=counts,
            frontier=frontier,
            learner=Learner(async_writer),
            run_id=run_id,
            existed=existed,
            reload=reload,
        )

    async def end(self) -> None:
        """Write what is queued, stop the workers, release the leases."""
        if self.ended:
            return
        self.ended = True
        await self.async_writer.close()
        self.pool.close()
        with contextlib.suppress(StorageError):
            self.writer.release_leases()
            self._count_waiting()
            self.writer.delete_expired_fingerprints(self.now())

    def _count_waiting(self) -> None:
        """Count the entries that are left for a later run, however this run ended."""
        for source in self.plan.sources if self.plan.feeds and not (self.plan.endless or self.plan.backfill) else ():
            if left := self.writer.count_pending(now=self.now(), sources=[source], ignore_retry=False):
                self.counts.queued(source, left)

    def finish(self, exit_code: int | None) -> CrawlRun:
        """Record how the run ended, close the file, release the lock."""
        code = self.counts.exit_code() if exit_code is None else exit_code
        run = CrawlRun(
            id=self.run_id,
            command=self.plan.command,
            started_at=format_utc(self.started_at),
            finished_at=format_utc(clock()),
            exit_code=code,
            sources=self.counts.sources(),
        )
        try:
            if self.run_id and self.async_writer.failure is None:
                self.writer.finish_run(run)
        finally:
            self.writer.close()
            self.claim.close()
        if self.async_writer.failure is not None:
            raise self.async_writer.failure
        return run
