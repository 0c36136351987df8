"""The jobs of the background crawler: due work, database maintenance, health checks, configuration reload.

Each method is a job of scheduler.py. The store records when slow jobs last ran, so a restart does not repeat
them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from datetime import timedelta
from typing import Any

from crawler.config.models import Config
from crawler.engine.crawl.session import CrawlSession
from crawler.engine.daemon.maintenance import Maintenance
from crawler.engine.daemon.reload import RELOAD, ConfigReloader
from crawler.engine.daemon.scheduler import TICK, Job, JobScheduler
from crawler.engine.daemon.systemd import notify
from crawler.engine.jobs.discover import Discovery, ProbeResponse, Web, discover, get
from crawler.engine.websub.subscriber import Subscriber
from crawler.errors import CrawlerError
from crawler.monitoring.status import collect_health
from crawler.watches.dispatcher import Dispatcher
from storage.errors import LeaseLost, StorageError

log = logging.getLogger("newsdesk")
STAGGER = 1 / 60  # hours over which overdue work is spread


class BackgroundJobs:
    """The jobs of one background crawler."""

    def __init__(self, crawler: Any) -> None:
        self.crawler = crawler
        self.spider = crawler.spider
        self.live: CrawlSession = crawler.spider.live
        self.frontier = self.live.frontier
        self._said: dict[str, str] = {}
        self._counted: dict[str, int] = {}
        self._greeting: asyncio.Future[None] | None = None
        self.dispatcher = Dispatcher(self.live)
        self.subscriber = Subscriber(crawler)
        self.configuration = ConfigReloader(crawler, self.live)
        self.maintenance = Maintenance(self.live)
        hour = self.config.pace.hour
        self.scheduler = JobScheduler(
            (
                Job(name="look for what is due", seconds=TICK, work=self.tick),
                Job(name="rechecks", seconds=max(TICK, hour / 360), work=self.rechecks),
                Job(name="configuration", seconds=RELOAD, work=self.configuration.reload),
                Job(name="hubs", seconds=max(TICK, hour / 120), work=self.subscriber.tick),
                Job(name="watches", seconds=max(TICK, hour / 720), work=self.dispatcher.tick),
                Job(name="counts", seconds=max(TICK, hour / 360), work=self.count),
                Job(name="health", seconds=max(2.0, hour / 60), work=self.health),
                Job(name="maintenance", seconds=max(2.0, hour / 12), work=self.maintenance.run),
                Job(name="successors", seconds=max(5.0, hour), work=self.find_replacements),
            ),
            self.clock_jumped,
        )

    @property
    def config(self) -> Config:
        """The settings in force."""
        config: Config = self.frontier.config
        return config

    def start(self) -> None:
        """Start the jobs; the engine runs."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hung_up)
        self.scheduler.start()
        try:
            self.subscriber.start()
        except CrawlerError as error:
            self.frontier.abort(error)
        notify(READY=1, STATUS=f"watching {len(self.frontier.sources)} sources")
        self._greeting = asyncio.ensure_future(self._greet())

    async def _greet(self) -> None:
        """Log that the crawler runs and when the next poll is due; it may be hours away."""
        try:
            queue = await self.frontier.writer.run(lambda writer: writer.queue_stats(self.live.now()))
        except StorageError:  # the frontier's own query meets the same error and ends the run
            return
        due = queue["feeds_due"]
        following = f"{due} of their feeds are due now" if due else f"next poll at {queue['next_due_at'] or '(none)'}"
        log.info("watching %d sources, %s", len(self.frontier.sources), following, extra={"event": "start"})

    def stop(self) -> None:
        """Stop the jobs; the spider is closed."""
        notify(STOPPING=1)
        self.scheduler.stop()
        self.dispatcher.stop()
        self.subscriber.stop()

    def _hung_up(self) -> None:
        self.configuration.forget()
        self.scheduler.now("configuration")

    async def tick(self) -> None:
        """Let the frontier query the store, and notify systemd's watchdog that the event loop runs."""
        self.frontier.wake()
        notify(WATCHDOG=1)

    async def count(self) -> None:
        """Store the counts of this run so far, for `status`."""
        totals = self.frontier.counts.totals()
        if self.live.run_id and totals != self._counted:
            await self.frontier.writer.run(lambda writer: writer.save_progress(self.live.run_id, totals))
            self._counted = totals

    async def rechecks(self) -> None:
        """Let the frontier lease articles whose recheck is due."""
        self.frontier.rechecks_due = True

    async def clock_jumped(self, seconds: float) -> None:
        """Handle a wall clock that was set back (negative seconds), or a suspend."""
        over = STAGGER * self.config.pace.hour
        if seconds < 0:
            log.warning("the wall clock was set back by %.0f s: what is due moves with it", -seconds)
        else:
            log.warning(
                "the clock jumped by %.0f s (a suspend, or the clock was set): overdue feeds are polled within %.0f s",
                seconds,
                over,
            )
        now = self.live.now()
        if seconds < 0:
            self.frontier.clock_set(seconds)
        with contextlib.suppress(LeaseLost):  # then others have the hosts, with clocks of their own
            await self.frontier.writer.run(
                lambda writer: writer.adjust_clock(round(min(seconds, -1) if seconds < 0 else seconds), now, over)
            )
        self.frontier.wake()

    # Health

    async def health(self) -> None:
        """Check the health; log each new problem once, and each that is over."""
        if not self.live.claim.leads:
            return
        trouble = await asyncio.to_thread(collect_health, self.config, self.live.now(), running=True)
        now = trouble.lines
        for stem in sorted(now.keys() - self._said.keys()):
            log.warning("%s", now[stem], extra={"event": "health"})
        for stem in sorted(self._said.keys() - now.keys()):
            log.warning("resolved: %s", self._said[stem], extra={"event": "health"})
        self._said = now
        await self.dispatcher.health(now)
        notify(
            STATUS=f"watching {len(self.frontier.sources)} sources, {self.frontier.in_flight} requests under way, "
            f"{len(trouble.unhealthy)} problems"
        )

    async def find_replacements(self) -> None:
        """For feeds that have failed for a day: find where their site lists its news now."""
        if not self.live.claim.leads:
            return
        day = timedelta(hours=24 * self.config.pace.scale)
        now = self.live.now()
        failing = await self.frontier.writer.run(lambda writer: writer.feeds_to_replace(now, day))
        for feed in failing:
            source = self.frontier.source_of(feed.source, feed.url)
            if source is None or not source.url:
                continue

            async def fetch(url: str) -> ProbeResponse:
                return await get(
                    self.crawler,
                    url,
                    config=self.config,
                    index=self.frontier.index,
                    refused=self.spider.resolver.refused,
                    now=self.live.now(),
                )

            try:
                found = await discover(Web(fetch, self.live.pool), source.url, now)
            except CrawlerError as error:  # the home page cannot be read either; tried again another day
                found = Discovery(url=source.url, error=str(error))
            parts = (("feeds", found.feeds), ("sitemaps", found.sitemaps), ("pages", found.pages))
            named = [(key, url) for key, places in parts for url, _ in places if url != feed.url]
            line = f'{named[0][0]} = ["{named[0][1]}"]' if named else None
            await self.frontier.writer.run(
                lambda writer, url=feed.url, line=line: writer.set_replacement(url, line, now)
            )
