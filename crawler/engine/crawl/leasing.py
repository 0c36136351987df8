"""Which work a run leases from the store next, and in which order. All of it runs in the writer's thread."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from crawler.engine.crawl.plan import CrawlPlan
from crawler.urls import host_of
from storage.records import BackfillStep, Entry, Feed
from storage.writer import Writer

LEASE = timedelta(minutes=10)  # longer than any request with its queue; leases of a dead process are released at once
QUEUED = 2  # leased per host beyond the requests in flight to it (`per_host`), so that the next ones are there
RECHECKS = 20  # rechecks leased at a time, so that new articles come first


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """A snapshot of the run, passed to the writer's thread."""

    room: int  # requests that may be added to those under way
    per_host: int  # most that may be leased of a host
    feeds_per_host: int
    sources: tuple[str, ...]
    feeds_done: tuple[str, ...]
    tried: tuple[int, ...]
    tried_keys: tuple[str, ...]
    busy: frozenset[str]
    taken: dict[str, int]
    hosts: dict[str, int]
    rechecks: bool
    listed: bool  # backfill only: every step was walked


@dataclass(frozen=True, slots=True)
class Batch:
    """The work that may be requested now."""

    feeds: list[Feed]
    steps: list[BackfillStep]
    entries: list[Entry]
    no_rechecks: bool = False  # the store was queried and no recheck is due: no need to query again soon


def leased_per_host(per_host: int, most: int) -> int:
    """The number of requests that may be leased of one host; it leaves room for others.

    Args:
        per_host: requests in flight to one host.
        most: requests of all hosts that may be leased.
    """
    return min(per_host + QUEUED, max(1 + QUEUED, most // 4))


def lease(writer: Writer, *, plan: CrawlPlan, known: RunState, now: datetime) -> Batch:
    """Lease urgent addresses first, then feeds, then the articles they listed, then rechecks."""
    entries = writer.lease_urgent(now=now, until=now + LEASE)
    if not plan.feeds:
        return Batch([], [], entries)
    if plan.backfill:
        return _backfill(writer, known, now, entries)
    room, sources = known.room, list(known.sources)
    feeds: list[Feed] = []
    steps: list[BackfillStep] = []
    if not plan.endless or writer.anything_due(now):
        feeds = writer.lease_feeds(
            now=now, until=now + LEASE, limit=room, due_only=plan.due_only, sources=sources, done=known.feeds_done,
            per_host=known.feeds_per_host,
        )  # fmt: skip
        steps = writer.lease_steps(
            now=now, limit=max(0, room - len(feeds)), sources=sources, backfill=False, per_host=1
        )
        room -= len(feeds) + len(entries) + len(steps)
        polled = {f.source for f in feeds} | {s.source for s in steps}
        found = _lease_new_articles(writer, plan, known, now, room, polled)
        room -= len(found)
        entries += found
    if room <= 0 or not known.rechecks:
        return Batch(feeds, steps, entries)
    urls = [e.url for e in entries] + [f.url for f in feeds]
    busy = Counter(known.hosts) + Counter(map(host_of, urls))
    rechecks = writer.lease_rechecks(
        now=now, until=now + LEASE, limit=min(room, RECHECKS), sources=sources, busy=busy,
        per_host=1 if plan.endless else 1 + QUEUED,
    )  # fmt: skip
    return Batch(feeds, steps, entries + rechecks, no_rechecks=plan.endless and not rechecks)


def _lease_new_articles(
    writer: Writer, plan: CrawlPlan, known: RunState, now: datetime, room: int, polled: set[str | None]
) -> list[Entry]:
    """Lease new articles; with a limit, only of sources whose feeds have all responded, so the newest are known."""
    lease = partial(
        writer.lease_entries, now=now, until=now + LEASE, per_host=known.per_host, ignore_retry=not plan.due_only,
        skip=known.tried, skip_keys=known.tried_keys,
    )  # fmt: skip
    if plan.limit is None:
        return lease(limit=room, sources=list(known.sources)) if room > 0 else []
    entries: list[Entry] = []
    busy = known.busy | polled
    for source in (s for s in known.sources if s not in busy):
        left = plan.limit - known.taken.get(source, 0)
        if left > 0 and room > 0:
            found = lease(limit=min(left, room), newest=left, sources=[source])
            room -= len(found)
            entries += found
    return entries


def _backfill(writer: Writer, known: RunState, now: datetime, urgent: list[Entry]) -> Batch:
    """Lease every step first, then the articles; addresses that a user requests meanwhile go before both."""
    sources = list(known.sources)
    if not known.listed:
        steps = writer.lease_steps(now=now, limit=known.room, sources=sources, backfill=True, per_host=1)
        return Batch([], steps, urgent)
    entries = writer.lease_entries(
        now=now, until=now + LEASE, limit=known.room, sources=sources, per_host=known.per_host, ignore_retry=True,
        skip=known.tried, skip_keys=known.tried_keys, backfill=True,
    )  # fmt: skip
    return Batch([], [], urgent + entries)
