"""One run under way: it takes the lock, opens the file, and writes down how it went."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from crawler.config.loader import load_config
from crawler.config.models import Config
from crawler.engine.crawl.counts import Tally
from crawler.engine.crawl.frontier import Frontier
from crawler.engine.crawl.plan import Plan, clock
from crawler.engine.workers.pool import Pool
from crawler.urls import host_of
from crawler.version import __version__
from crawler.watches.matching import never
from storage.async_writer import WriterThread
from storage.errors import StorageError
from storage.outbox import Outbox
from storage.records import CrawlRun, iso
from storage.sqlite.lock import Lock
from storage.writer import Writer, open_writer

log = logging.getLogger("newsdesk")
NEWS = timedelta(minutes=10)  # since the last poll: then there will be pages to read, and workers are prepared


def begin_watching(writer: Writer, config: Config) -> None:
    """Watch from here on, where there are watches."""
    for watch in config.watches:
        if why := never(watch, config.tags):
            log.warning("watch %s tells of nothing: %s", watch.name, why)
    Outbox(writer).watching(on=bool(config.watches))


def _brought_up_to_date(writer: Writer, config: Config) -> datetime | None:
    """Give back what a dead holder had leased, and let the file say what the configuration and the clock say; when a feed was last asked."""
    writer.release_leases()
    newest = writer.newest_poll()
    if newest is not None and newest > clock() + timedelta(seconds=60):  # the clock was wrong then, or is now
        writer.clock_set(-round((newest - clock()).total_seconds()), clock(), 0)
    hosts = {url: host_of(url) for s in config.sources for _, url in s.feed_urls}
    writer.sync_sources(config.sources, hosts, clock())
    if config.extract.keep_raw:
        writer.keep_raw(f"newsdesk/{__version__}")
    begin_watching(writer, config)
    return newest


@dataclass(slots=True, kw_only=True)
class LiveRun:
    """One run under way: the lock, the file, the frontier, the counts."""

    config: Config
    plan: Plan
    lock: Lock
    writer: Writer
    desk: WriterThread
    pool: Pool
    tally: Tally
    frontier: Frontier
    run_id: int = 0
    started_at: datetime = field(default_factory=clock)
    existed: bool = True  # the file was there before
    reload: Callable[[], Config] = load_config
    now: Callable[[], datetime] = clock
    ended: bool = False

    @classmethod
    def begin(
        cls,
        config: Config,
        plan: Callable[[Writer, Config], Plan],
        *,
        command: str,
        observer: Callable[[Tally], None] | None = None,
        reload: Callable[[], Config] = load_config,
    ) -> Self:
        """Take the lock, open the file, give back what a dead holder had.

        Raises:
            StorageError: it is held, or cannot be opened.
        """
        lock = Lock(config.database, command=command, now=clock())
        existed = config.database.exists()
        try:
            writer = open_writer(config.database)
            try:
                newest = _brought_up_to_date(writer, config)
                what = plan(writer, config)
                run_id = writer.begin_run(command, clock()) if what.feeds else 0
            except BaseException:
                writer.close()
                raise
        except BaseException:
            lock.close()
            raise
        tally = Tally(observer)
        desk = WriterThread(writer, patient=what.endless)
        pool = Pool(config.extract.workers if what.feeds else 1, config.extract.page_timeout)
        if not what.endless and (newest is None or clock() - newest > NEWS):  # a crawl of months is in no hurry
            pool.prepare()
        return cls(
            config=config,
            plan=what,
            lock=lock,
            writer=writer,
            desk=desk,
            pool=pool,
            tally=tally,
            frontier=Frontier(config, desk, what, tally, clock),
            run_id=run_id,
            existed=existed,
            reload=reload,
        )

    async def end(self) -> None:
        """Finish what waits, stop the processes, give back the leases."""
        if self.ended:
            return
        self.ended = True
        await self.desk.close()
        self.pool.close()
        with contextlib.suppress(StorageError):
            self.writer.release_leases()
            self._count_waiting()
            self.writer.forget_fingerprints(self.now())

    def _count_waiting(self) -> None:
        """Tell the tally what is left for a later run, however this one ended."""
        for source in self.plan.sources if self.plan.feeds and not (self.plan.endless or self.plan.backfill) else ():
            if left := self.writer.count_owed(now=self.now(), sources=[source], ignore_retry=False):
                self.tally.waiting(source, left)

    def summary(self, exit_code: int | None) -> CrawlRun:
        """Write down how it went, close the file, free the lock."""
        code = self.tally.exit_code() if exit_code is None else exit_code
        run = CrawlRun(
            id=self.run_id,
            command=self.plan.command,
            started_at=iso(self.started_at),
            finished_at=iso(clock()),
            exit_code=code,
            sources=self.tally.sources(),
        )
        try:
            if self.run_id and self.desk.broken is None:
                self.writer.finish_run(run)
        finally:
            self.writer.close()
            self.lock.close()
        if self.desk.broken is not None:
            raise self.desk.broken
        return run
