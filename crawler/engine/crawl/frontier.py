"""Decide what to request next and record each result: the engine's side of the store's frontier.

lease -> FetchTask -> (Scrapy) -> PollResponse or PageResponse -> FeedCheck or Verdict -> store

A crash loses nothing: requests in flight are leased in the store, and the next process that takes the lock releases
the leases.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from crawler.config.models import Config, Source, SourceIndex
from crawler.engine.crawl.counts import RunCounts
from crawler.engine.crawl.handover import Handover
from crawler.engine.crawl.host_backoff import HostBackoff
from crawler.engine.crawl.ingest import store_feed_articles
from crawler.engine.crawl.leasing import RunState, lease, leased_per_host
from crawler.engine.crawl.plan import CrawlPlan
from crawler.engine.crawl.rereading import RereadingNeeded
from crawler.engine.fetch_task import ArticleTask, FeedTask, FetchTask, StepTask, article_task, feed_task, step_task
from crawler.errors import CrawlerError
from crawler.feeds.backfill import initial_steps
from crawler.feeds.revisit import is_full_fetch_due
from crawler.urls import host_of
from storage.async_writer import AsyncWriter
from storage.databases import Claim
from storage.errors import LeaseLost, StorageError
from storage.records import BackfillResult, BackfillStep, Entry, Feed, FeedCheck, FetchLogEntry
from storage.sql.entries import CheckCounts
from storage.utc import parse_utc
from storage.verdicts import NotArticle, Verdict
from storage.writer import Writer

IN_FLIGHT = 192  # requests inside Scrapy; each pop from its queue takes O(hosts) (SCRAPY.md 2)
# Seconds between two queries of the store while many requests are under way: one query costs as much as a few polls.
LOOK = 0.2
Clock: TypeAlias = Callable[[], datetime]


class Frontier:
    """Hands out requests and takes their results; ends when no work is left or when it is stopped."""

    def __init__(
        self, config: Config, writer: AsyncWriter, plan: CrawlPlan, counts: RunCounts, clock: Clock, claim: Claim
    ) -> None:
        self.claim = claim
        self.config = config
        self.writer = writer
        self.plan = plan
        self.counts = counts
        self.clock = clock
        self.stopped = False
        self.sources = plan.sources
        self.backoff = HostBackoff(clock)
        self.rechecks_due = True
        self.listed = False  # backfill only: every step was walked
        self.on_listed: Callable[[], Awaitable[None]] | None = None
        self._wake = asyncio.Event()
        self._looked = 0.0
        # requests that are not completed, each with the source of its feed, or "entries"
        self._in_flight: dict[FetchTask, str] = {}
        self.handover = Handover(claim, writer, lambda: self.stopped, self._in_flight.keys())
        self._feeds_done: set[str] = set()
        self._taken: Counter[str] = Counter()
        self._tried: set[int] = set()  # entries that failed in this run; the next run retries them
        self._tried_keys: set[str] = set()  # and the keys of their addresses: another feed may list the same article
        self.index = SourceIndex(config.sources)

    def apply(self, config: Config) -> None:
        """Apply a new configuration."""
        self.config = config
        self.index = SourceIndex(config.sources)
        if self.plan.endless:
            self.sources = tuple(s.id for s in config.sources if s.enabled)
        self.wake()

    def source_of(self, source_id: str | None, url: str) -> Source | None:
        """The source of an entry: by id, else by host and port of the address, else by its site."""
        if source_id:
            return self.index.source(source_id)
        return self.index.for_url(url)

    def drop(self, task: FetchTask) -> None:
        """Leave a task to the worker that its host belongs to now; nothing is written."""
        self.handover.dropped.append(task)
        self._done(task)

    def entries_in_flight(self) -> list[int]:
        """The ids of the entries that are being requested."""
        return [task.entry.id for task in self._in_flight if isinstance(task, ArticleTask)]

    @property
    def in_flight(self) -> int:
        """The number of requests that are not completed."""
        return len(self._in_flight)

    @property
    def _most(self) -> int:
        return min(IN_FLIGHT, 2 * self.config.http.concurrency)

    async def next_batch(self) -> list[FetchTask] | None:
        """The next requests: an empty list where there is no room or nothing is ready, None when the run is over."""
        room = max(0, self._most - len(self._in_flight))
        if self.stopped:
            self._wake.clear()  # else `wait` returns at once, from Python 3.12 on without yielding to other tasks
            return [] if self._in_flight else None
        if len(self._in_flight) > self._most // 4 and time.monotonic() - self._looked < LOOK:
            return []
        self._looked = time.monotonic()
        self._wake.clear()  # whatever completes from here on wakes the loop again
        now = self.clock()
        idle = not self._in_flight  # read before leasing: a request may complete during the query
        try:
            await self.handover.lease_again()
            leased = await self.writer.run(functools.partial(lease, plan=self.plan, known=self._known(room), now=now))
        except LeaseLost:
            if not self.plan.endless:
                raise
            self.claim.renew()
            return []
        if leased.no_rechecks:
            self.rechecks_due = False
        tasks: list[FetchTask] = [*self._feed_tasks(leased.feeds, now), *self._step_tasks(leased.steps, now)]
        if not self.plan.endless:
            self._taken.update(entry.source or "" for entry in leased.entries if entry.id)
        tasks += await self._article_tasks(leased.entries, now)
        self.counts.requested += len(tasks)
        await self._expect(leased.feeds, now)
        nothing = not (leased.feeds or leased.steps or leased.entries)
        if nothing and idle and not self.plan.endless and not self.claim.waits:
            return None if await self._over() else []
        return tasks

    async def _expect(self, feeds: list[Feed], now: datetime) -> None:
        """Compute the number of requests of the pass for the progress display, once all its feeds are read."""
        reading = feeds or any(isinstance(task, FeedTask) for task in self._in_flight)
        if self.counts.expected is not None or self.plan.endless or reading or (self.plan.backfill and not self.listed):
            return
        taken, most = dict(self._taken), self.plan.limit

        def left(writer: Writer) -> int:
            if self.plan.backfill:
                return sum(writer.pending_by_host(self.sources).values())
            pending = {s: writer.count_pending(now=now, sources=[s], ignore_retry=False) for s in self.sources}
            return sum(n if most is None else min(n, max(0, most - taken.get(s, 0))) for s, n in pending.items())

        self.counts.expected = self.counts.requested + await self.writer.run(left)

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
        """Whether no work is left; a backfill first lists everything, reports how much it is, and then fetches."""
        if not self.plan.backfill or self.listed:
            return True
        self.listed = True
        if self.on_listed is not None:
            await self.on_listed()
        return self.plan.dry

    def _known(self, room: int) -> RunState:
        in_flight = tuple(task.feed.url for task in self._in_flight if isinstance(task, FeedTask))
        crowded = self.config.politeness.delay >= 2 * LOOK  # then the room is better used for other hosts
        per_host = leased_per_host(self.config.politeness.per_host, self._most)
        return RunState(
            room=room,
            per_host=per_host,
            feeds_per_host=1 if crowded else per_host,
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
            by_user = entry.found_by == "user"  # a user's request overrides the source's patterns
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
        """Complete a task without sending its request."""
        entry = task.entry
        verdict = NotArticle(at=task.at, entry_ids=(entry.id,) if entry.id else (), source=entry.source, reason=reason)
        try:
            await self.complete_article(task, lambda writer: (verdict, writer.apply_verdict(verdict)))
        except LeaseLost:
            if not self.plan.endless:
                raise

    async def complete_feed(
        self, task: FeedTask, decide: Callable[[Writer], FeedCheck], record: FetchLogEntry, throttle: datetime | None
    ) -> tuple[FeedCheck, CheckCounts]:
        """Look up the known entries, decide, and write the result of a poll in one transaction.

        A gap is written together with the steps that may fill it.
        """
        feed, source = task.feed, task.source
        self.backoff.record(record, throttle)

        def job(writer: Writer) -> tuple[FeedCheck, CheckCounts, list[Verdict]]:
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
            verdicts = store_feed_articles(writer, feed.url, counts.unlinked, check.at)
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
                check = check if another else replace(check, gap=None)  # a gap is open already and was reported
            self._note(writer, record, throttle)
            return check, counts, verdicts

        try:
            check, counts, verdicts = await self.writer.submit(self.handover.fenced(task, job))
            if feed.parent_url is None or check.outcome not in {"failed", "gone"}:
                self.counts.feed(feed.source or "", check, counts)
            for verdict in verdicts:
                self.counts.verdict(feed.source, verdict)
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
        """Write what a page of older articles listed; returns the number of new entries."""
        step = task.step
        self.backoff.record(record, throttle)

        def job(writer: Writer) -> tuple[int, list[Verdict]]:
            writer.insert_fetches([record])
            self._note(writer, record, throttle)
            result = decide(writer)
            found = writer.apply_step(step, result, task.at)
            unlinked = {listed.identity: listed for listed in result.listed if listed.article is not None}
            ids = writer.pending_articles(step.feed_url) if unlinked else {}
            pending = [(entry_id, unlinked[name]) for name, entry_id in ids.items() if name in unlinked]
            return found, store_feed_articles(writer, step.feed_url, pending, task.at)

        try:
            found, verdicts = await self.writer.submit(self.handover.fenced(task, job))
            self.counts.step(step.source, found)
            for verdict in verdicts:
                self.counts.verdict(step.source, verdict)
            return found
        finally:
            self._done(task)

    def _note(self, writer: Writer, record: FetchLogEntry, until: datetime | None) -> None:
        """Record a throttle for an address, from the second address on for its host. Runs in the writer's thread."""
        if until is None:
            return
        writer.record_throttle(host=record.host, url=record.url, until=until, now=self.clock())

    async def complete_article(
        self,
        task: ArticleTask,
        write: Callable[[Writer], tuple[Verdict, int | None]],
        record: FetchLogEntry | None = None,
        throttle: datetime | None = None,
        reread: Callable[[RereadingNeeded], Awaitable[None]] | None = None,
    ) -> tuple[Verdict, int | None]:
        """Look up, decide and write in one transaction; returns the verdict and the article's id.

        Args:
            task: the request.
            write: looks up, decides and writes.
            record: the request, for the log of requests.
            throttle: until when the server wants no request.
            reread: reads an old page again where `write` needs it; then `write` is called again.
        """
        self.backoff.record(record, throttle)

        def job(writer: Writer) -> tuple[Verdict, int | None]:
            verdict, article_id = write(writer)
            if record:
                writer.insert_fetches([replace(record, outcome=record.outcome or verdict.outcome)])
                self._note(writer, record, throttle)
            return verdict, article_id

        try:
            while True:
                try:
                    verdict, article_id = await self.writer.submit(self.handover.fenced(task, job))
                    break
                except RereadingNeeded as needed:
                    if reread is None:
                        raise
                    await reread(needed)
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
        """Stop the run because of an error; the run ends with that error."""
        self.writer.failure = self.writer.failure or error
        self.stop()

    def skip(self, entry_id: int) -> None:
        """Give up an entry for this run when even its failure could not be stored; its lease expires later."""
        if not self.plan.endless:
            self._tried.add(entry_id)

    def clock_set(self, seconds: float) -> None:
        """Shift the times of the requests under way by as many seconds as the wall clock was set."""
        by = timedelta(seconds=seconds)
        for task in self._in_flight:
            task.at += by
        self.backoff.clock_set(by)

    def steps_in_flight(self) -> list[int]:
        """The ids of the steps that are being requested."""
        return [task.step.id for task in self._in_flight if isinstance(task, StepTask)]

    def _done(self, task: FetchTask) -> None:
        if self._in_flight.pop(task, None) is not None:
            self.counts.answered += 1
        self._wake.set()

    async def wait(self) -> None:
        """Wait until a request completes or `wake` is called.

        Waits one second at most, because another process may have queued an address.
        """
        if len(self._in_flight) > self._most // 4:
            await asyncio.sleep(max(0.0, LOOK - (time.monotonic() - self._looked)))  # not one query per response
        try:
            await asyncio.wait_for(self._wake.wait(), timeout=1.0)
        except TimeoutError:
            return

    def wake(self) -> None:
        """Query the store now; something may be due."""
        self._wake.set()

    def stop(self) -> None:
        """Hand out no more requests."""
        self.stopped = True
        self._wake.set()
