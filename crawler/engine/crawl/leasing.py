"""What a run takes from the store next, and in which order; all of it runs in the writer's thread."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from crawler.engine.crawl.plan import CrawlPlan
from crawler.urls import host_of
from storage.records import BackfillStep, Entry, Feed
from storage.writer import Writer

LEASE = timedelta(minutes=10)  # longer than any one request with its queue; what the dead held is given back at once
PER_HOST = 3  # leased for one host: one in flight, two behind it
RECHECKS = 20  # taken at a time: what is new comes first


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """What the loop knows of the run, as it stood when the writer's thread was asked."""

    room: int  # requests that may be added to those under way
    feeds_per_host: int
    sources: tuple[str, ...]
    feeds_done: tuple[str, ...]
    tried: tuple[int, ...]
    tried_keys: tuple[str, ...]
    busy: frozenset[str]
    taken: dict[str, int]
    hosts: dict[str, int]
    rechecks: bool
    listed: bool  # of a backfill: every step is walked


@dataclass(frozen=True, slots=True)
class Batch:
    """What may be asked now."""

    feeds: list[Feed]
    steps: list[BackfillStep]
    entries: list[Entry]
    no_rechecks: bool = False  # it looked for rechecks and there is none: no use in looking again soon


def lease(writer: Writer, *, plan: CrawlPlan, known: RunState, now: datetime) -> Batch:
    """Urgent addresses first, then feeds, then what they listed, then what is asked for again."""
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
    asked = [e.url for e in entries] + [f.url for f in feeds]
    busy = Counter(known.hosts) + Counter(map(host_of, asked))
    rechecks = writer.lease_rechecks(
        now=now, until=now + LEASE, limit=min(room, RECHECKS), sources=sources, busy=busy,
        per_host=1 if plan.endless else PER_HOST,
    )  # fmt: skip
    return Batch(feeds, steps, entries + rechecks, no_rechecks=plan.endless and not rechecks)


def _lease_new_articles(
    writer: Writer, plan: CrawlPlan, known: RunState, now: datetime, room: int, polled: set[str | None]
) -> list[Entry]:
    """New articles; with a limit, of each source whose feeds have all answered, so that the newest are known."""
    which = {
        "now": now, "until": now + LEASE, "per_host": PER_HOST, "ignore_retry": not plan.due_only,
        "skip": known.tried, "skip_keys": known.tried_keys,
    }  # fmt: skip
    if plan.limit is None:
        return writer.lease_entries(limit=room, sources=list(known.sources), **which) if room > 0 else []
    entries: list[Entry] = []
    busy = known.busy | polled
    for source in (s for s in known.sources if s not in busy):
        left = plan.limit - known.taken.get(source, 0)
        if left > 0 and room > 0:
            found = writer.lease_entries(limit=min(left, room), newest=left, sources=[source], **which)
            room -= len(found)
            entries += found
    return entries


def _backfill(writer: Writer, known: RunState, now: datetime, urgent: list[Entry]) -> Batch:
    """First every page that lists older articles, then the articles; what a person asks for meanwhile goes before both."""
    sources = list(known.sources)
    if not known.listed:
        steps = writer.lease_steps(now=now, limit=known.room, sources=sources, backfill=True, per_host=1)
        return Batch([], steps, urgent)
    entries = writer.lease_entries(
        now=now, until=now + LEASE, limit=known.room, sources=sources, per_host=PER_HOST, ignore_retry=True,
        skip=known.tried, skip_keys=known.tried_keys, backfill=True,
    )  # fmt: skip
    return Batch([], [], urgent + entries)
