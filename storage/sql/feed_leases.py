"""Leases of feeds. Functions over one writing connection; each runs inside a transaction of the caller."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from storage.engine import Database
from storage.records import Feed
from storage.sql.feed_rows import feed_columns, feed_from_row
from storage.sql.throttles import throttled_hosts
from storage.utc import format_utc


def _feeds_to_poll(db: Database, *, due_only: bool, of_sources: bool, skip_done: bool) -> str:
    """The query for feeds that may be leased, on hosts that are not `full`."""
    # A child sitemap that failed was named by the index, not by the user: its back-off applies even where due times are
    # ignored.
    due = "(f.due_at IS NULL OR f.due_at <= :now)"
    where = [
        "f.state = 'active'",
        db.of_this_worker("f.host"),
        "(f.leased_until IS NULL OR f.leased_until < :now)",
        "(f.not_before IS NULL OR f.not_before <= :now)",
        "f.host NOT IN (SELECT value FROM json_each(:full))",
        *(["f.url NOT IN (SELECT value FROM json_each(:done))"] if skip_done else []),
        due if due_only else f"(f.parent_url IS NULL OR f.failures = 0 OR {due})",
        "f.source IN (SELECT value FROM json_each(:sources))" if of_sources else "s.enabled = 1",
    ]
    return (
        f"SELECT {feed_columns('f')}, f.host "
        "FROM feeds f "
        "JOIN sources s ON s.id = f.source "
        f"WHERE {' AND '.join(where)} "
        "ORDER BY f.due_at NULLS FIRST "
        "LIMIT :batch"
    )


def _with_room(
    rows: Iterable[Sequence[Any]], limit: int, per_host: int, taken: dict[str, int], full: set[str]
) -> list[Feed]:
    """The first feeds whose hosts have a free slot; `taken` and `full` are updated."""
    chosen: list[Feed] = []
    for *row, host in rows:
        if host in full or len(chosen) >= limit:
            continue
        chosen.append(feed_from_row(row))
        taken[host] = taken.get(host, 0) + 1
        if taken[host] >= per_host:
            full.add(host)
    return chosen


def lease_feeds(
    db: Database,
    *,
    now: datetime,
    until: datetime,
    limit: int,
    due_only: bool,
    sources: Sequence[str] | None,
    done: Sequence[str],
    per_host: int = 1000,
) -> list[Feed]:
    """Lease up to `limit` feeds that may be polled now, the most overdue first.

    `due_only` False ignores due times, but never a Retry-After (not_before).

    Args:
        db: the writing connection.
        now: the clock.
        until: when the lease expires.
        limit: the most feeds.
        due_only: only feeds that are due.
        sources: only these; None for all that are enabled.
        done: feeds that this run has polled already, or has in flight.
        per_host: the most leases of one host, including existing ones, so that a slow host does not occupy all slots.
    """
    question = _feeds_to_poll(db, due_only=due_only, of_sources=sources is not None, skip_done=bool(done))
    taken = dict(
        db.conn.execute(
            "SELECT host, count(*) FROM feeds WHERE leased_until >= ? GROUP BY host", (format_utc(now),)
        ).fetchall()
    )
    full = {host for host, count in taken.items() if count >= per_host} | set(throttled_hosts(db, now))
    values: dict[str, Any] = {
        "now": format_utc(now),
        "done": json.dumps(list(done)),
        "sources": json.dumps(list(sources or ())),
        "batch": 4 * limit,
    }
    feeds: list[Feed] = []
    more = limit > 0
    while more:  # once, unless hosts with many feeds fill the batch
        rows = db.conn.execute(question, {**values, "full": json.dumps(list(full))}).fetchall()
        chosen = _with_room(rows, limit - len(feeds), per_host, taken, full)
        feeds += chosen
        db.conn.executemany(
            "UPDATE feeds SET leased_until = ? WHERE url = ?", [(format_utc(until), feed.url) for feed in chosen]
        )
        more = len(rows) == values["batch"] and len(feeds) < limit and bool(chosen)
    return feeds
