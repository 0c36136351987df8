"""Gaps of feeds, and the steps that fill them: pages that list older articles, each fetched once, in order, resumable.

A step belongs to a gap, or (gap_id NULL) to a backfill of the user. Functions over one writing connection; each runs
inside a transaction of the caller (storage.writer).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from storage.engine import Database
from storage.records import BackfillResult, BackfillStep, Gap, GapDetected
from storage.sql.backfill_steps import RETRIES, UNFINISHED, add_steps
from storage.sql.entries import MAX_UNLINKED
from storage.sql.new_entries import NewEntries
from storage.sql.rows import insert
from storage.utc import format_utc, format_utc_ceil, parse_utc

AGAIN = timedelta(days=1)  # until a gap of the same feed is searched again after a failed search
NO_ANSWER = "no way to it answered"
CAPPED = f"it lists more than {MAX_UNLINKED:,} entries without an address"
MAX_STEPS = 500  # pages fetched for one gap: an index may lead to another without end


def open_gap(
    db: Database,
    *,
    feed_url: str,
    source: str | None,
    gap: GapDetected,
    steps: Callable[[int], Sequence[BackfillStep]],
    now: datetime,
) -> bool:
    """Store a gap and the steps to fill it; returns whether it is a new gap.

    A feed has at most one open gap: further losses extend it, and its pages are read again for the longer range. If a
    search for the same feed failed within the last day, the new gap is stored as lost without a search.
    """
    is_open = db.conn.execute("SELECT id FROM gaps WHERE feed_url = ? AND state = 'open'", (feed_url,)).fetchone()
    if is_open:
        _extend(db, is_open[0], gap.to_at)
        return False
    in_vain = db.conn.execute(
        "SELECT 1 FROM gaps "
        "WHERE feed_url = ? AND state = 'lost' AND closed_at > ? AND (filled_by IS NULL OR filled_by = ?)",
        (feed_url, format_utc(now - AGAIN), NO_ANSWER),
    ).fetchone()
    gap_id = _insert_gap(db, feed_url, source, gap, now)
    if in_vain:
        gap_without_steps(db, gap_id, now, "not searched for: without result within the last day")
    elif not add_steps(db, steps(gap_id)):
        gap_without_steps(db, gap_id, now)
    return True


def _extend(db: Database, gap_id: int, until: str) -> None:
    """Extend a gap. Its pages were read for a shorter range, so they are read again.

    See `apply_step` for a page that is being fetched meanwhile.
    """
    if db.conn.execute(
        "UPDATE gaps SET to_at = ?, filled_by = NULL WHERE id = ? AND to_at < ?", (until, gap_id, until)
    ).rowcount:
        db.conn.execute(
            "UPDATE backfill_steps "
            "SET until = ?, page_hash = NULL, state = CASE state WHEN 'done' THEN 'pending' ELSE state END "
            "WHERE gap_id = ?",
            (until, gap_id),
        )


def cap_reached(db: Database, *, feed_url: str, source: str | None, since: str | None, now: datetime) -> None:
    """Store, at most once a week, that a feed lists more entries without an address than are stored.

    It is a gap that cannot be filled.
    """
    known = db.conn.execute(
        "SELECT 1 FROM gaps WHERE feed_url = ? AND filled_by = ? AND found_at > ?",
        (feed_url, CAPPED, format_utc(now - timedelta(days=7))),
    ).fetchone()
    if not known:
        found = GapDetected(from_at=since or format_utc(now), to_at=format_utc(now))
        gap_without_steps(db, _insert_gap(db, feed_url, source, found, now), now, CAPPED)


def _insert_gap(db: Database, feed_url: str, source: str | None, gap: GapDetected, now: datetime) -> int:
    gap_id = insert(
        db,
        "INSERT INTO gaps (feed_url, from_at, to_at, found_at, source) VALUES (?, ?, ?, ?, ?)",
        (feed_url, gap.from_at, gap.to_at, format_utc(now), source),
    )
    if source:
        _count_gap(db, source, format_utc(now)[:10], 1)
    return gap_id


def _count_gap(db: Database, source: str, day: str, by: int) -> None:
    db.conn.execute(
        "INSERT INTO source_days (source, day, gaps_open) "
        "VALUES (:source, :day, CASE WHEN :by > 0 THEN :by ELSE 0 END) "
        "ON CONFLICT (source, day) DO UPDATE "
        "SET gaps_open = CASE WHEN source_days.gaps_open + :by > 0 THEN source_days.gaps_open + :by ELSE 0 END",
        {"source": source, "day": day, "by": by},
    )


def apply_step(db: Database, step: BackfillStep, found: BackfillResult, *, now: datetime) -> int:
    """Write the result of a step: new entries, further steps, and whether its gap is closed.

    Returns:
        The number of new entries.
    """
    added = NewEntries(
        db, feed_url=step.feed_url, source=step.source, at=now, found_by="backfill", backfill=step.gap_id is None
    )
    added.look_up(found.listed)
    for listed in found.listed:
        added.add(listed)
    new = added.write()
    row = db.conn.execute("SELECT until FROM backfill_steps WHERE id = ?", (step.id,)).fetchone()
    until = row[0] if row is not None else step.until
    if until != step.until:  # its gap was extended while the page was fetched: fetch it again
        longer = [replace(each, until=until) for each in found.further]
        found = replace(found, further=tuple(longer), reached=False, page_hash=None)
    later = None
    state = "done" if until == step.until else "pending"
    if found.error is not None:
        state = "failed" if found.permanent or step.attempts + 1 >= RETRIES else "pending"
        later = format_utc_ceil(found.retry_at) if found.retry_at else None
    repeated = found.page_hash is not None and _was_listed(db, step, found.page_hash)
    db.conn.execute(
        "UPDATE backfill_steps "
        "SET state = ?, attempts = attempts + 1, retry_at = ?, entries_found = ?, error = ?, "
        "  requested_at = ?, page_hash = ? "
        "WHERE id = ?",
        (state, later, new, found.error, format_utc(now), found.page_hash, step.id),
    )
    is_open = step.gap_id is None or _is_open(db, step.gap_id)
    walked = 0 if step.gap_id is None else _count_steps(db, step.gap_id)
    if is_open and not repeated and walked < MAX_STEPS:  # a page that lists the same as another is a loop
        add_steps(db, found.further)
    if step.gap_id is not None and is_open:
        _close(db, step.gap_id, step.priority, found, new, now)
    return new


def _was_listed(db: Database, step: BackfillStep, page_hash: str) -> bool:
    """Whether another page of the same gap or backfill listed the same entries."""
    row = db.conn.execute(
        "SELECT 1 FROM backfill_steps "
        "WHERE source = ? "
        "  AND gap_id IS NOT DISTINCT FROM ? "
        "  AND since = ? "
        "  AND until = ? "
        "  AND feed_url = ? "
        "  AND page_hash = ? "
        "  AND id <> ?",
        (step.source, step.gap_id, step.since, step.until, step.feed_url, page_hash, step.id),
    ).fetchone()
    return row is not None


def _is_open(db: Database, gap_id: int) -> bool:
    return db.conn.execute("SELECT 1 FROM gaps WHERE id = ? AND state = 'open'", (gap_id,)).fetchone() is not None


def _count_steps(db: Database, gap_id: int) -> int:
    return int(db.conn.execute("SELECT count(*) FROM backfill_steps WHERE gap_id = ?", (gap_id,)).fetchone()[0])


def _close(db: Database, gap_id: int, rank: int, found: BackfillResult, new: int, now: datetime) -> None:
    """Close a gap as filled once a page reached back far enough and all steps up to its priority are completed.

    The sitemaps of an index have one priority: together they are one listing.
    """
    db.conn.execute("UPDATE gaps SET entries_found = entries_found + ? WHERE id = ?", (new, gap_id))
    if found.reached:
        db.conn.execute("UPDATE gaps SET filled_by = ? WHERE id = ?", (found.filled_by, gap_id))
    pending = f"SELECT count(*) FROM backfill_steps WHERE gap_id = ? AND {UNFINISHED} AND priority <= ?"
    if db.conn.execute(pending, (gap_id, rank)).fetchone()[0]:
        return
    source, found_at, how = db.conn.execute(
        "SELECT source, found_at, filled_by FROM gaps WHERE id = ?", (gap_id,)
    ).fetchone()
    if how is None and db.conn.execute(pending, (gap_id, 99)).fetchone()[0]:
        return
    db.conn.execute(
        "UPDATE gaps SET state = ?, closed_at = ? WHERE id = ?", ("filled" if how else "lost", format_utc(now), gap_id)
    )
    db.conn.execute("DELETE FROM backfill_steps WHERE gap_id = ? AND state = 'pending'", (gap_id,))
    if how and source:
        _count_gap(db, source, found_at[:10], -1)


def gap_without_steps(db: Database, gap_id: int, now: datetime, how: str = "nothing to search") -> None:
    """Close a gap as lost, as there is no page that may list its entries."""
    db.conn.execute(
        "UPDATE gaps SET state = 'lost', closed_at = ?, filled_by = ? WHERE id = ? AND state = 'open'",
        (format_utc(now), how, gap_id),
    )


def gaps(
    db: Database, *, sources: Sequence[str] = (), states: Sequence[str] = (), since: str | None = None
) -> list[Gap]:
    """The gaps, newest first."""
    names = (
        "id",
        "source",
        "feed_url",
        "from_at",
        "to_at",
        "found_at",
        "state",
        "entries_found",
        "closed_at",
        "filled_by",
    )
    rows = db.conn.execute(
        f"SELECT {', '.join(names)} "
        "FROM gaps "
        "WHERE (:all_sources OR source IN (SELECT value FROM json_each(:sources))) "
        "  AND (:all_states OR state IN (SELECT value FROM json_each(:states))) "
        "  AND (:since IS NULL OR found_at >= :since) "
        "ORDER BY found_at DESC, id DESC",
        {
            "all_sources": not sources,
            "sources": json.dumps(list(sources)),
            "all_states": not states,
            "states": json.dumps(list(states)),
            "since": since,
        },
    ).fetchall()
    return [Gap(**dict(zip(names, row, strict=True))) for row in rows]


def expire_gaps(db: Database, now: datetime, after: timedelta) -> int:
    """Close old gaps as lost whose steps never got a response."""
    before = format_utc(parse_utc(format_utc(now)) - after)
    rows = db.conn.execute("SELECT id FROM gaps WHERE state = 'open' AND found_at < ?", (before,)).fetchall()
    for (gap_id,) in rows:
        db.conn.execute("DELETE FROM backfill_steps WHERE gap_id = ? AND state <> 'leased'", (gap_id,))
        db.conn.execute(
            "UPDATE gaps SET state = 'lost', closed_at = ?, filled_by = ? WHERE id = ?",
            (format_utc(now), NO_ANSWER, gap_id),
        )
    return len(rows)
