"""What a background crawler does beside crawling: looks for what is due, keeps the file well, watches its own health, follows its configuration.

Each method is one job of scheduler.py; each says when it was last done in the store, so that a restart does nothing twice.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from scrapy import signals
from scrapy.exceptions import NotConfigured

from crawler.config.models import Config
from crawler.engine.crawl.session import begin_watching
from crawler.engine.daemon.scheduler import TICK, Job, Timekeeper
from crawler.engine.daemon.systemd import notify, reloading
from crawler.engine.jobs.discover import Discovery, Web, ask, discover
from crawler.engine.middlewares import address_guard
from crawler.engine.middlewares.robots import RobotsMiddleware
from crawler.errors import CrawlerError
from crawler.monitoring.status import look
from crawler.urls import host_of
from crawler.watches.dispatcher import Teller
from storage import backup as files
from storage.errors import DamagedDatabase, StorageError
from storage.outbox import Outbox
from storage.records import iso, moment
from storage.writer import Writer

log = logging.getLogger("newsdesk")
RELOAD = 5.0  # seconds between two looks at the configuration's files
STAGGER = 1 / 60  # hours over which a catch-up is spread
GIVE_UP_GAPS = timedelta(days=7)  # after which a gap that nothing fills is lost


class Upkeep:
    """The jobs of one background crawler."""

    def __init__(self, crawler: Any) -> None:
        self.crawler = crawler
        self.spider = crawler.spider
        self.live = crawler.spider.live
        self.frontier = self.live.frontier
        self._stamps: tuple[Any, ...] = ()
        self._said: dict[str, str] = {}
        self._counted: dict[str, int] = {}
        self._greeting: asyncio.Future[None] | None = None
        self.teller = Teller(self.live)
        hour = self.config.pace.hour
        self.keeper = Timekeeper(
            (
                Job(name="look for what is due", seconds=TICK, work=self.tick),
                Job(name="rechecks", seconds=max(TICK, hour / 360), work=self.rechecks),
                Job(name="configuration", seconds=RELOAD, work=self.follow),
                Job(name="watches", seconds=max(TICK, hour / 720), work=self.teller.turn),
                Job(name="counts", seconds=max(TICK, hour / 360), work=self.count),
                Job(name="health", seconds=max(2.0, hour / 60), work=self.health),
                Job(name="maintenance", seconds=max(2.0, hour / 12), work=self.maintain),
                Job(name="successors", seconds=max(5.0, hour), work=self.successors),
            ),
            self.clock_jumped,
        )

    @property
    def config(self) -> Config:
        """The settings in force."""
        config: Config = self.frontier.config
        return config

    def start(self) -> None:
        """The engine runs."""
        self._stamps = _stamps(self.config)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hung_up)
        self.keeper.start()
        notify(READY=1, STATUS=f"watching {len(self.frontier.sources)} sources")
        self._greeting = asyncio.ensure_future(self._greet())

    async def _greet(self) -> None:
        """Say that it is at work, where nothing may be due for hours."""
        try:
            queue = await self.frontier.desk.call(lambda writer: writer.queue(self.live.now()))
        except StorageError:  # the frontier's own look meets it too, and ends the run
            return
        due = queue["feeds_due"]
        following = f"{due} of their feeds are due now" if due else f"next poll at {queue['next_due_at'] or '(none)'}"
        log.info("watching %d sources, %s", len(self.frontier.sources), following, extra={"event": "start"})

    def stop(self) -> None:
        """The spider is closed."""
        notify(STOPPING=1)
        self.keeper.stop()
        self.teller.stop()

    def _hung_up(self) -> None:
        self._stamps = ()
        self.keeper.now("configuration")

    async def tick(self) -> None:
        """Let the frontier look; tell systemd that the loop turns."""
        self.frontier.nudge()
        notify(WATCHDOG=1)

    async def count(self) -> None:
        """Write down what this run brought so far, for `status`."""
        totals = self.frontier.tally.totals()
        if self.live.run_id and totals != self._counted:
            await self.frontier.desk.call(lambda writer: writer.progress(self.live.run_id, totals))
            self._counted = totals

    async def rechecks(self) -> None:
        """Let the frontier take articles whose recheck is due."""
        self.frontier.rechecks_due = True

    async def clock_jumped(self, seconds: float) -> None:
        """The wall clock was set back (negative), or time passed unseen."""
        over = STAGGER * self.config.pace.hour
        if seconds < 0:
            log.warning("the wall clock was set back by %.0f s: what is due moves with it", -seconds)
        else:
            log.warning(
                "%.0f s passed unseen (a suspend, or the clock was set): what is overdue is asked within %.0f s",
                seconds,
                over,
            )
        now = self.live.now()
        if seconds < 0:
            self.frontier.clock_set(seconds)
        await self.frontier.desk.call(
            lambda writer: writer.clock_set(round(min(seconds, -1) if seconds < 0 else seconds), now, over)
        )
        self.frontier.nudge()

    # The configuration

    async def follow(self) -> None:
        """Take over what was changed in the configuration's files; a broken one leaves the old one in force."""
        stamps = _stamps(self.config)
        if stamps == self._stamps:
            return
        self._stamps = stamps
        reloading()
        try:
            config: Config = self.live.reload()
        except (CrawlerError, OSError) as error:
            log.error("the configuration was changed and cannot be read; the old one stays in force: %s", error)
            notify(READY=1)
            return
        await self.apply(config)
        self._stamps = _stamps(self.config)
        notify(READY=1)

    async def apply(self, config: Config) -> None:
        """Put other settings in force, and say which of them need a restart."""
        old = self.config
        stuck = [
            name
            for name, before, after in (
                ("[storage] database", old.database, config.database),
                ("[extract]", old.extract, config.extract),
                ("[http]", _lasting(old), _lasting(config)),
                ("[politeness] per_host", old.politeness.per_host, config.politeness.per_host),
            )
            if before != after
        ]
        hosts = {url: host_of(url) for s in config.sources for _, url in s.feed_urls}
        await self.frontier.desk.call(lambda writer: writer.sync_sources(config.sources, hosts, self.live.now()))
        await self.frontier.desk.call(lambda writer: begin_watching(writer, config))
        if (
            old.database != config.database
        ):  # until the restart the old file is the one that is written, looked at and backed up
            config = dataclasses.replace(
                config, storage=dataclasses.replace(config.storage, database=str(old.database))
            )
        self.live.config = config
        self.frontier.apply(config)
        from twisted.internet import reactor

        self.spider.resolver = address_guard.install(reactor, config)
        for kind in (RobotsMiddleware, address_guard.GuardMiddleware):
            middleware = self.crawler.get_downloader_middleware(kind)
            if middleware is not None:
                middleware.apply(config)
        log.log(
            logging.WARNING if stuck else logging.INFO,
            "the configuration was read anew: %d sources%s",
            len(self.frontier.sources),
            f"; a restart is needed for {', '.join(stuck)}" if stuck else "",
            extra={"event": "configuration"},
        )

    # The file

    async def maintain(self) -> None:
        """What is due of: optimizing, checks, the backup, retention; at most one long thing at a time."""
        day = timedelta(hours=24 * self.config.pace.scale)
        await self.frontier.desk.call(self._small_things)
        await self._every("pruned_at", day, lambda: self.frontier.desk.call(self._prune))
        await self._every("optimized_at", day, lambda: self.frontier.desk.call(lambda writer: writer.optimize()))
        await self._every("quick_checked_at", day, lambda: self._checked(files.quick_check))
        await self._every("checked_at", 7 * day, lambda: self._checked(files.check))
        if (interval := self.config.storage.backup_every(self.config.pace)) is not None:
            await self._every("backed_up_at", timedelta(seconds=interval), self._backup)

    async def _every(self, key: str, interval: timedelta, work: Callable[[], Any]) -> None:
        """Do something if it was not done for so long; a clock that was set back does not hold it up."""
        now = self.live.now()
        last = await self.frontier.desk.call(lambda writer: writer.meta(key))
        if last is None and key in {"quick_checked_at", "checked_at"} and not self.live.existed:
            last = iso(now)  # a file that was made a moment ago
            await self.frontier.desk.call(lambda writer: writer.set_meta(key, iso(now)))
        if last is not None and timedelta() <= now - moment(last) < interval:
            return
        if await work() is False:  # it is tried again at the next look
            return
        await self.frontier.desk.call(lambda writer: writer.set_meta(key, iso(now)))

    def _small_things(self, writer: Writer) -> None:
        now = self.live.now()
        writer.keep_house(
            now=now,
            asked=self.frontier.entries_asked(),
            steps=self.frontier.steps_asked(),
            give_up_gaps=GIVE_UP_GAPS * self.config.pace.scale,
        )

    def _prune(self, writer: Writer) -> None:
        now = self.live.now()
        writer.forget_fingerprints(now)
        ledger = iso(now - timedelta(seconds=self.config.storage.fetches_retain))
        files.prune(writer, now=now, fetches_before=ledger)
        writer.forget_raw(now - timedelta(seconds=self.config.extract.raw_retain))
        Outbox(writer).forget(now - timedelta(seconds=self.config.storage.fetches_retain))

    async def _checked(self, check: Callable[[Path], list[str]]) -> None:
        problems = await asyncio.to_thread(check, self.config.database)
        await self.frontier.desk.call(lambda writer: writer.set_meta("damage", problems[0] if problems else ""))
        if problems:
            self.frontier.break_off(
                DamagedDatabase(
                    f"{self.config.database}: damaged ({problems[0]}); nothing more is written: `newsdesk db restore BACKUP` brings a backup back"
                )
            )

    async def _backup(self) -> bool:
        storage, path = self.config.storage, self.config.database
        target = files.backup_name(path, self.live.now())
        try:
            size = await asyncio.to_thread(files.backup, path, target)
        except (StorageError, OSError) as error:
            log.error("the backup could not be written: %s", error)
            return False
        for old in files.backups(path)[: -max(1, storage.backup_keep)]:
            old.unlink(missing_ok=True)
        log.info("backed up to %s, %.1f MB", target, size / 1e6, extra={"event": "backup"})
        return True

    # Health

    async def health(self) -> None:
        """Look at the whole; say what became wrong, once, and what became right again."""
        trouble = await asyncio.to_thread(look, self.config, self.live.now(), running=True)
        now = trouble.lines
        for stem in sorted(now.keys() - self._said.keys()):
            log.warning("%s", now[stem], extra={"event": "health"})
        for stem in sorted(self._said.keys() - now.keys()):
            log.warning("no longer so: %s", self._said[stem], extra={"event": "health"})
        self._said = now
        await self.teller.health(now)
        notify(
            STATUS=f"watching {len(self.frontier.sources)} sources, {self.frontier.in_flight} requests under way, {len(trouble.unhealthy)} troubles"
        )

    async def successors(self) -> None:
        """For feeds that have failed for a day: where does their site list its news now?"""
        day = timedelta(hours=24 * self.config.pace.scale)
        now = self.live.now()
        failing = await self.frontier.desk.call(lambda writer: writer.feeds_to_replace(now, day))
        for feed in failing:
            source = self.frontier.source_of(feed.source, feed.url)
            if source is None or not source.url:
                continue

            async def get(url: str) -> Any:
                return await ask(
                    self.crawler,
                    url,
                    config=self.config,
                    index=self.frontier.index,
                    refused=self.spider.resolver.refused,
                    now=self.live.now(),
                )

            try:
                found = await discover(Web(get, self.live.pool), source.url, now)
            except CrawlerError as error:  # its home page cannot be read either; another day
                found = Discovery(url=source.url, error=str(error))
            parts = (("feeds", found.feeds), ("sitemaps", found.sitemaps), ("pages", found.pages))
            named = [(key, url) for key, places in parts for url, _ in places if url != feed.url]
            line = f'{named[0][0]} = ["{named[0][1]}"]' if named else None
            await self.frontier.desk.call(lambda writer, url=feed.url, line=line: writer.note_successor(url, line, now))


def _lasting(config: Config) -> tuple[Any, ...]:
    http = config.http
    return (
        http.user_agent,
        http.contact,
        http.timeout,
        http.max_bytes,
        http.max_redirects,
        http.concurrency,
        http.proxy,
        http.verify_tls,
    )


def _stamps(config: Config) -> tuple[Any, ...]:
    """What tells that a file of the configuration was written anew, or that one came to be."""
    from crawler.config.loader import find_config

    found: list[Any] = [str(find_config() or "")]
    for file in config.files:
        try:
            stat = file.stat()
            found.append((str(file), stat.st_mtime_ns, stat.st_size, stat.st_ino))
        except OSError:
            found.append((str(file), None))
    return tuple(found)


class SchedulerExtension:
    """Scrapy's hook: starts the jobs of a background crawler with its engine, and stops them with its spider."""

    def __init__(self, crawler: Any) -> None:
        self.crawler = crawler
        self.upkeep: Upkeep | None = None
        crawler.signals.connect(self.start, signal=signals.engine_started)
        crawler.signals.connect(self.stop, signal=signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler: Any) -> Self:
        """Only for a run without an end.

        Raises:
            NotConfigured: the spider is another.
        """
        live = getattr(crawler.spider, "live", None)
        if live is None or not live.plan.endless:
            raise NotConfigured
        return cls(crawler)

    def start(self) -> None:
        """The loop runs."""
        self.upkeep = Upkeep(self.crawler)
        self.upkeep.start()

    def stop(self) -> None:
        """The spider is closed."""
        if self.upkeep is not None:
            self.upkeep.stop()
