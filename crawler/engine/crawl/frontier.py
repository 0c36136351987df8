"""What is asked next, and what becomes of each answer: the engine's side of the store's frontier.

lease -> FetchTask -> (Scrapy) -> PollResponse or PageResponse -> FeedCheck or Verdict -> store. Nothing lives here that a kill would lose: what is in flight is leased
in the store, and whoever takes the lock next gives it back.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from crawler.config.models import Config, Source, SourceIndex
from crawler.engine.crawl.counts import RunCounts
from crawler.engine.crawl.host_backoff import HostBackoff
from crawler.engine.crawl.leasing import PER_HOST, RunState, lease
from crawler.engine.crawl.plan import CrawlPlan
from crawler.engine.fetch_task import ArticleTask, FeedTask, FetchTask, StepTask, article_task, feed_task, step_task
from crawler.errors import CrawlerError
from crawler.feeds.backfill import initial_steps
from crawler.feeds.revisit import is_full_fetch_due
from crawler.urls import host_of
from storage.async_writer import AsyncWriter
from storage.errors import StorageError
from storage.records import BackfillResult, BackfillStep, Entry, Feed, FeedCheck, FetchLogEntry, parse_utc
from storage.sql.entries import CheckCounts
from storage.verdicts import NotArticle, Verdict
from storage.writer import Writer

IN_FLIGHT = 192  # requests inside Scrapy; its queue is O(hosts) a pop (SCRAPY.md 2)
LOOK = 0.2  # seconds between two looks at the store while plenty is under way: a look costs as much as some polls


class Frontier:
    """Hands out requests, takes answers; ends when nothing is owed, or when it is told to."""

    def __init__(
        self, config: Config, writer: AsyncWriter, plan: CrawlPlan, counts: RunCounts, clock: Callable[[], datetime]
    ) -> None:
        self.config = config
        self.writer = writer
        self.plan = plan
        self.counts = counts
        self.clock = clock
        self.stopped = False
        self.sources = plan.sources
        self.backoff = HostBackoff(clock)
        self.rechecks_due = True
        self.listed = False  # of a backfill: every step is walked
        self.on_listed: Callable[[], Awaitable[None]] | None = None
        self._wake = asyncio.Event()
        self._looked = 0.0
        self._in_flight: dict[FetchTask, str] = {}  # each request that is not settled: its feed's source, or "entries"
        self._feeds_done: set[str] = set()
        self._taken: Counter[str] = Counter()
        self._tried: set[int] = set()  # entries that failed in this run: their next try is the next run's
        self._tried_keys: set[str] = set()  # and their addresses: another feed may list the same article
        self.index = SourceIndex(config.sources)

        for source in config.sources:
            if plan.feeds and not plan.backfill and source.id in plan.sources and not source.feed_urls:
                counts.source_without_feeds(
                    source.id, f"it has no feeds, sitemaps or pages; `newsdesk sources add {source.url}` finds them"
                )

    def apply(self, config: Config) -> None:
        """Go on by other settings."""
        self.config = config
        self.index = SourceIndex(config.sources)
        if self.plan.endless:
            self.sources = tuple(s.id for s in config.sources if s.enabled)
        self.wake()

    def source_of(self, source_id: str | None, url: str) -> Source | None:
        """The source of an entry: by id, else by the address' host and port, else by its site."""
        if source_id:
            return self.index.source(source_id)
        return self.index.for_url(url)

    def entries_in_flight(self) -> list[int]:
        """The entries that are being asked for."""
        return [task.entry.id for task in self._in_flight if isinstance(task, ArticleTask)]

    @property
    def in_flight(self) -> int:
        """Requests that are not settled."""
        return len(self._in_flight)

    async def next_batch(self) -> list[FetchTask] | None:
        """What may be asked now; an empty list when there is no room or nothing yet, None when the run is over."""
        most = min(IN_FLIGHT, 2 * self.config.http.concurrency)
        room = max(0, most - len(self._in_flight))
        if self.stopped:
            self._wake.clear()  # else `wait` comes back at once: from Python 3.12 on without a turn for anybody else
            return [] if self._in_flight else None
        if len(self._in_flight) > most // 4 and time.monotonic() - self._looked < LOOK:
            return []
        self._looked = time.monotonic()
        self._wake.clear()  # what is settled from here on wakes the loop again
        now = self.clock()
        idle = not self._in_flight  # before the look: an answer may be settled while it is made
        leased = await self.writer.run(functools.partial(lease, plan=self.plan, known=self._known(room), now=now))
        if leased.no_rechecks:
            self.rechecks_due = False
        tasks: list[FetchTask] = [*self._feed_tasks(leased.feeds, now), *self._step_tasks(leased.steps, now)]
        if not self.plan.endless:
            self._taken.update(entry.source or "" for entry in leased.entries if entry.id)
        tasks += await self._article_tasks(leased.entries, now)
        self.counts.asked += len(tasks)
        await self._expect(leased.feeds, now)
        nothing = not (leased.feeds or leased.steps or leased.entries)
        if nothing and idle and not self.plan.endless:
            return None if await self._over() else []
        return tasks

    async def _expect(self, feeds: list[Feed], now: datetime) -> None:
        """Once all feeds of a pass are read it is known how many requests there will be, for whoever shows progress."""
        reading = feeds or any(isinstance(task, FeedTask) for task in self._in_flight)
        if self.counts.expected is not None or self.plan.endless or reading or (self.plan.backfill and not self.listed):
            return
        taken, most = dict(self._taken), self.plan.limit

        def left(writer: Writer) -> int:
            if self.plan.backfill:
                return sum(writer.pending_by_host(self.sources).values())
            owed = {s: writer.count_pending(now=now, sources=[s], ignore_retry=False) for s in self.sources}
            return sum(n if most is None else min(n, max(0, most - taken.get(s, 0))) for s, n in owed.items())

        self.counts.expected = self.counts.asked + await self.writer.run(left)

    def _feed_tasks(self, feeds: list[Feed], now: datetime) -> list[FeedTask]:
        tasks: list[FeedTask] = []
        for feed in feeds:
            full = is_full_fetch_due(feed, now=now, hour=self.config.pace.hour)
            tasks.append(feed_task(feed, self.source_of(feed.source, feed.url), now, unconditional=full))
            self._in_flight[tasks[-1]] = feed.source or ""
            if not self.plan.endless:
                self._feeds_done.add(feed.url)
        return tasks

    def _step_tasks(self, steps: list[BackfillStep], now: datetime) -> list[StepTask]:
        tasks = [step_task(step, self.source_of(step.source, step.url), now) for step in steps]
        self._in_flight.update((task, task.step.source) for task in tasks)
        return tasks

    async def _over(self) -> bool:
        """Whether nothing is left: a backfill first lists all, tells how much it is, and then fetches."""
        if not self.plan.backfill or self.listed:
            return True
        self.listed = True
        if self.on_listed is not None:
            await self.on_listed()
        return self.plan.dry

    def _known(self, room: int) -> RunState:
        in_flight = tuple(task.feed.url for task in self._in_flight if isinstance(task, FeedTask))
        crowded = self.config.politeness.delay >= 2 * LOOK  # then the room is better given to other hosts
        return RunState(
            room=room,
            feeds_per_host=1 if crowded else PER_HOST,
            sources=self.sources,
            feeds_done=in_flight if self.plan.endless else tuple(self._feeds_done),
            tried=tuple(self._tried),
            tried_keys=tuple(self._tried_keys),
            busy=frozenset(self._in_flight.values()),
            taken=dict(self._taken),
            hosts=dict(Counter(host_of(task.url) for task in self._in_flight)),
            rechecks=self.rechecks_due,
            listed=self.listed,
        )

    async def _article_tasks(self, entries: list[Entry], now: datetime) -> list[ArticleTask]:
        tasks: list[ArticleTask] = []
        for entry in entries:
            source = self.source_of(entry.source, entry.url)
            by_user = entry.found_by == "user"  # whose word goes before patterns
            refusal = source.exclusion_reason(entry.url) if source and not by_user else None
            task = ArticleTask(url=entry.url, at=now, source=source, entry=entry)
            try:
                task = article_task(entry, source, now, unconditional=entry.id in self.plan.entries)
            except ValueError as error:
                refusal = str(error)
            self._in_flight[task] = "entries"
            if refusal:
                await self._refuse(task, refusal)
            else:
                tasks.append(task)
        return tasks

    async def _refuse(self, task: ArticleTask, reason: str) -> None:
        """Complete what is not requested at all."""
        entry = task.entry
        verdict = NotArticle(at=task.at, entry_ids=(entry.id,) if entry.id else (), source=entry.source, reason=reason)
        await self.complete_article(task, lambda writer: (verdict, writer.apply_verdict(verdict)))

    async def complete_feed(
        self, task: FeedTask, decide: Callable[[Writer], FeedCheck], record: FetchLogEntry, throttle: datetime | None
    ) -> tuple[FeedCheck, CheckCounts]:
        """Look up what was listed before, decide, and write what a poll found, in one transaction; a hole comes with the steps that may fill it."""
        feed, source = task.feed, task.source
        self.backoff.record(record, throttle)

        def job(writer: Writer) -> tuple[FeedCheck, CheckCounts]:
            check = decide(writer)
            writer.insert_fetches(
                [
                    replace(
                        record,
                        outcome=check.outcome,
                        entries_listed=check.window_size,
                        entries_known=check.entries_known,
                    )
                ]
            )
            counts = writer.apply_check(check, feed.source)
            if check.gap is not None and source is not None:
                since, until = parse_utc(check.gap.from_at), parse_utc(check.gap.to_at)
                now_known = replace(
                    feed, archive_url=check.archive_url, kind=check.kind or feed.kind, final_url=check.final_url
                )
                another = writer.open_gap(
                    check.gap,
                    lambda gap_id: initial_steps(source, (now_known,), since=since, until=until, gap_id=gap_id),
                    feed_url=feed.url,
                    source=feed.source,
                    now=check.at,
                )
                check = check if another else replace(check, gap=None)  # one is open already, and was told
            self._note(writer, record, throttle)
            return check, counts

        try:
            check, counts = await self.writer.submit(job)
            if feed.parent_url is None or check.outcome not in {"failed", "gone"}:
                self.counts.feed(feed.source or "", check, counts)
            return check, counts
        finally:
            self._done(task)

    async def complete_step(
        self,
        task: StepTask,
        decide: Callable[[Writer], BackfillResult],
        record: FetchLogEntry,
        throttle: datetime | None = None,
    ) -> int:
        """Write what a page of older articles brought; how many entries are new."""
        step = task.step
        self.backoff.record(record, throttle)

        def job(writer: Writer) -> int:
            writer.insert_fetches([record])
            self._note(writer, record, throttle)
            return writer.apply_step(step, decide(writer), task.at)

        try:
            found = await self.writer.submit(job)
            self.counts.step(step.source, found)
            return found
        finally:
            self._done(task)

    def _note(self, writer: Writer, record: FetchLogEntry, until: datetime | None) -> None:
        """Runs in the writer's thread: a server that asked to be left alone, for this address, and from the second on for its host."""
        if until is None:
            return
        writer.record_throttle(host=record.host, url=record.url, until=until, now=self.clock())

    async def complete_article(
        self,
        task: ArticleTask,
        write: Callable[[Writer], tuple[Verdict, int | None]],
        record: FetchLogEntry | None = None,
        throttle: datetime | None = None,
    ) -> tuple[Verdict, int | None]:
        """Look up, decide and write in one transaction; the verdict and the id of the article."""
        self.backoff.record(record, throttle)

        def job(writer: Writer) -> tuple[Verdict, int | None]:
            verdict, article_id = write(writer)
            if record:
                writer.insert_fetches([replace(record, outcome=record.outcome or verdict.outcome)])
                self._note(writer, record, throttle)
            return verdict, article_id

        try:
            verdict, article_id = await self.writer.submit(job)
            self._count(task, verdict)
            return verdict, article_id
        finally:
            self._done(task)

    def _count(self, task: ArticleTask, verdict: Verdict) -> None:
        if verdict.outcome in {"failed", "retry", "gone", "headline"} and not self.plan.endless:
            self._tried.add(task.entry.id)
            self._tried_keys.update(filter(None, [task.entry.url_key]))
        self.counts.verdict(verdict.source or task.entry.source, verdict)

    def abort(self, error: StorageError | CrawlerError) -> None:
        """The run cannot go on: hand out nothing more, and end with what went wrong."""
        self.writer.failure = self.writer.failure or error
        self.stop()

    def skip(self, entry_id: int) -> None:
        """An entry that could not even be marked as failed: this run asks for it no more, its lease brings it back."""
        if not self.plan.endless:
            self._tried.add(entry_id)

    def clock_set(self, seconds: float) -> None:
        """The wall clock was set by so many seconds: what is under way was asked by the old one."""
        by = timedelta(seconds=seconds)
        for task in self._in_flight:
            task.at += by
        self.backoff.clock_set(by)

    def steps_in_flight(self) -> list[int]:
        """The steps that are being asked for."""
        return [task.step.id for task in self._in_flight if isinstance(task, StepTask)]

    def _done(self, task: FetchTask) -> None:
        if self._in_flight.pop(task, None) is not None:
            self.counts.answered += 1
        self._wake.set()

    async def wait(self) -> None:
        """Until an answer was settled or somebody nudged, or a second has passed: an address may have been asked for meanwhile."""
        if len(self._in_flight) > min(IN_FLIGHT, 2 * self.config.http.concurrency) // 4:
            await asyncio.sleep(max(0.0, LOOK - (time.monotonic() - self._looked)))  # not a look for each answer
        try:
            await asyncio.wait_for(self._wake.wait(), timeout=1.0)
        except TimeoutError:
            return

    def wake(self) -> None:
        """Look at the store now: something may be due."""
        self._wake.set()

    def stop(self) -> None:
        """Hand out nothing more."""
        self.stopped = True
        self._wake.set()
