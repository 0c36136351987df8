"""What is asked next, and what becomes of each answer: the engine's side of the store's frontier.

lease -> Asked -> (Scrapy) -> Answer or page -> FeedCheck or Verdict -> store. Nothing lives here that a kill would lose: what is in flight is leased
in the store, and whoever takes the lock next gives it back.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from crawler.articles import outcomes
from crawler.engine.asking import Asked, ask_entry, ask_feed
from crawler.engine.desk import WriterThread
from crawler.engine.tally import Tally
from crawler.errors import CrawlerError
from crawler.settings import Config, Source, SourceIndex
from crawler.urls import canonical_url, host_of, url_key
from storage.errors import StorageError
from storage.polls import CheckCounts
from storage.records import Entry, Feed, FeedCheck, FetchRecord, Verdict
from storage.store import Writer

LEASE = timedelta(
    minutes=10
)  # longer than any one request with its queue; a lease of the dead is given back at once anyway
PER_HOST = 3  # leased for one host: one in flight, two behind it
IN_FLIGHT = 192  # requests inside Scrapy; its queue is O(hosts) a pop (SCRAPY.md 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one run is to do."""

    command: str
    sources: tuple[str, ...] = ()
    feeds: bool = True
    due_only: bool = False
    limit: int | None = None  # at most so many of the newest new articles a source
    entries: tuple[int, ...] = ()  # a fetch: these entries and no other


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the loop knows of the run, as it stood when the writer's thread was asked."""

    feeds_done: tuple[str, ...]
    tried: tuple[int, ...]
    tried_keys: tuple[str, ...]
    busy: frozenset[str]
    taken: dict[str, int]


class Frontier:
    """Hands out requests, takes answers; ends when nothing is owed."""

    def __init__(
        self, config: Config, desk: WriterThread, plan: Plan, tally: Tally, clock: Callable[[], datetime]
    ) -> None:
        self.config = config
        self.desk = desk
        self.plan = plan
        self.tally = tally
        self.clock = clock
        self.stopped = False
        self._wake = asyncio.Event()
        self._in_flight: dict[Asked, str] = {}  # each request that is not settled: its feed's source, or "entries"
        self._feeds_done: set[str] = set()
        self._taken: Counter[str] = Counter()
        self._tried: set[int] = set()  # entries that failed in this run: their next try is the next run's
        self._tried_keys: set[str] = set()  # and their addresses: another feed may list the same article
        self._index = SourceIndex(config.sources)

        for source in config.sources:
            if plan.feeds and source.id in plan.sources and not source.feed_urls:
                tally.unwatched(
                    source.id, f"it has no feeds, sitemaps or pages; `newsdesk sources add {source.url}` finds them"
                )

    def source_of(self, source_id: str | None, url: str) -> Source | None:
        """The source of an entry: by id, else by the address' host and port, else by its site."""
        if source_id:
            return self.config.source(source_id)
        return self._index.at(url)

    async def next_requests(self) -> list[Asked] | None:
        """What may be asked now; an empty list when there is no room or nothing yet, None when the run is over."""
        room = max(0, min(IN_FLIGHT, 2 * self.config.http.concurrency) - len(self._in_flight))
        if self.stopped:
            return [] if self._in_flight else None
        now = self.clock()
        idle = not self._in_flight  # before the look: an answer may be settled while it is made
        known = _Known(
            feeds_done=tuple(self._feeds_done),
            tried=tuple(self._tried),
            tried_keys=tuple(self._tried_keys),
            busy=frozenset(self._in_flight.values()),
            taken=dict(self._taken),
        )
        feeds, entries = await self.desk.call(lambda writer: self._lease(writer, now, room, known))
        asked = [ask_feed(feed, self.source_of(feed.source, feed.url), now) for feed in feeds]
        for feed, request in zip(feeds, asked, strict=True):
            self._feeds_done.add(feed.url)
            self._in_flight[request] = feed.source or ""
        self._taken.update(entry.source or "" for entry in entries if entry.id)
        asked += await self._ask_entries(entries, now)
        self.tally.asked += len(asked)
        if not feeds and not entries and idle:
            return None
        return asked

    async def _ask_entries(self, entries: list[Entry], now: datetime) -> list[Asked]:
        asked: list[Asked] = []
        for entry in entries:
            source = self.source_of(entry.source, entry.url)
            refusal = _filtered(source, entry)
            request = Asked(url=entry.url, at=now, source=source, entry=entry)
            try:
                request = ask_entry(entry, source, now, unconditional=entry.id in self.plan.entries)
            except ValueError as error:
                refusal = str(error)
            self._in_flight[request] = "entries"
            if refusal:
                await self.settle(request, replace(outcomes.rejected(entry, refusal, now, None), article_id=None))
            else:
                asked.append(request)
        return asked

    def _lease(self, writer: Writer, now: datetime, room: int, known: _Known) -> tuple[list[Feed], list[Entry]]:
        """Runs in the writer's thread: urgent addresses first, then feeds, then what they listed."""
        until = now + LEASE
        entries = writer.lease_urgent(now=now, until=until)
        if not self.plan.feeds:
            return [], entries
        sources = list(self.plan.sources)
        due_only = self.plan.due_only
        feeds = writer.lease_feeds(
            now=now, until=until, limit=room, due_only=due_only, sources=sources, done=known.feeds_done
        )
        room -= len(feeds) + len(entries)
        which = {
            "now": now,
            "until": until,
            "per_host": PER_HOST,
            "ignore_retry": not due_only,
            "skip": known.tried,
            "skip_keys": known.tried_keys,
        }
        if self.plan.limit is None:
            entries += writer.lease_entries(limit=room, sources=sources, **which) if room > 0 else []
        else:
            busy = known.busy | {feed.source for feed in feeds}
            for source in (s for s in sources if s not in busy):
                left = self.plan.limit - known.taken.get(source, 0)
                if left > 0 and room > 0:
                    found = writer.lease_entries(limit=min(left, room), newest=left, sources=[source], **which)
                    room -= len(found)
                    entries += found
        if room > 0:
            entries += writer.lease_rechecks(now=now, until=until, limit=min(room, 20), sources=sources)
        return feeds, entries

    async def settle_feed(self, asked: Asked, check: FeedCheck, record: FetchRecord | None) -> CheckCounts:
        """Write what a poll found."""
        feed = asked.feed
        assert feed is not None
        source = feed.source

        def job(writer: Writer) -> CheckCounts:
            if record:
                writer.insert_fetches([record])
            return writer.apply_check(check, source)

        try:
            found = await self.desk.write(job)
            if feed.parent_url is None or check.outcome not in {"failed", "gone"}:
                self.tally.feed(source or "", check, found)
            return found
        finally:
            self._done(asked)

    async def settle(self, asked: Asked, verdict: Verdict, record: FetchRecord | None = None) -> None:
        """Write a verdict that needs no look at what is held."""

        def job(writer: Writer) -> int | None:
            if record:
                writer.insert_fetches([record])
            return writer.apply_verdict(verdict)

        try:
            await self.desk.write(job)
            self._told(asked, verdict)
        finally:
            self._done(asked)

    async def settle_page(self, asked: Asked, decide: Callable[[Writer], Verdict], record: FetchRecord) -> Verdict:
        """Look up what is held, decide, and write, in one transaction."""

        def job(writer: Writer) -> Verdict:
            writer.insert_fetches([record])
            verdict = decide(writer)
            writer.apply_verdict(verdict)
            return verdict

        try:
            verdict = await self.desk.write(job)
            self._told(asked, verdict)
            return verdict
        finally:
            self._done(asked)

    def _told(self, asked: Asked, verdict: Verdict) -> None:
        entry = asked.entry
        assert entry is not None
        if verdict.outcome in {"failed", "retry", "gone", "headline"}:
            self._tried.add(entry.id)
            self._tried_keys.update(filter(None, [entry.url_key]))
        self.tally.verdict(verdict.source or entry.source, verdict)

    def break_off(self, error: StorageError | CrawlerError) -> None:
        """The run cannot go on: hand out nothing more, and end with what went wrong."""
        self.desk.broken = self.desk.broken or error
        self.stop()

    def give_up(self, entry_id: int) -> None:
        """An entry that could not even be marked as failed: this run asks for it no more, its lease brings it back."""
        self._tried.add(entry_id)

    def _done(self, asked: Asked) -> None:
        if self._in_flight.pop(asked, None) is not None:
            self.tally.answered += 1
        self._wake.set()

    async def wait(self) -> None:
        """Until an answer was settled, or a second has passed: somebody may have asked for an address meanwhile."""
        self._wake.clear()
        try:
            await asyncio.wait_for(self._wake.wait(), timeout=1.0)
        except TimeoutError:
            return

    def stop(self) -> None:
        """Hand out nothing more."""
        self.stopped = True
        self._wake.set()

    async def count_waiting(self) -> None:
        """Tell the tally what is left for a later run."""
        for source in self.plan.sources:
            left = await self.desk.call(functools.partial(self._count_owed, source))
            if left:
                self.tally.waiting(source, left)

    def _count_owed(self, source: str, writer: Writer) -> int:
        return writer.count_owed(now=self.clock(), sources=[source], ignore_retry=False)


def _filtered(source: Source | None, entry: Entry) -> str | None:
    """Why the source's own include and exclude patterns leave an address out; a person's word goes before them."""
    if source is None or entry.found_by == "user":
        return None
    if source.include and not any(re.search(pattern, entry.url) for pattern in source.include):
        return "left out by the source's include patterns"
    if any(re.search(pattern, entry.url) for pattern in source.exclude):
        return "left out by the source's exclude patterns"
    return None


def urgent_entry(writer: Writer, url: str, source: Source | None, now: datetime) -> int:
    """Put an address a person asks for into the frontier; its entry's id."""
    address = canonical_url(url)
    return writer.add_urgent(
        url=address, url_key=url_key(address), host=host_of(address), source=source.id if source else None, now=now
    )
