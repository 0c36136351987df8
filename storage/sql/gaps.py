"""Holes in what was watched, and the steps that fill them: pages that list older articles, each asked once, in an order, resumable.

A step belongs to a gap, or (gap NULL) to a backfill that a person asked for. Functions over one writing connection; each runs inside a
transaction that the caller opened (storage.store).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from storage.records import Gap, GapFound, Step, StepFound, iso, iso_after, moment
from storage.sql.backfill_steps import RETRIES, add_steps
from storage.sql.entries import MAX_UNLINKED, insert_entry

AGAIN = timedelta(days=1)  # until what was looked for in vain is looked for again
NO_ANSWER = "no way to it answered"
CAPPED = f"it lists more than {MAX_UNLINKED:,} entries without an address"
MAX_STEPS = 500  # pages walked for one gap: an index may lead to another for ever


def open_gap(
    db: Any, *, feed_url: str, source: str | None, gap: GapFound, steps: Callable[[int], Sequence[Step]], now: datetime
) -> bool:
    """Write down a hole, and where to look for what was in it; whether it is another one.

    A feed has one open gap: what it loses meanwhile makes that one longer, and its pages are read again for the longer time. What was looked for in
    vain in the last day is not looked for again so soon: the new gap is lost.
    """
    is_open = db.conn.execute("SELECT id FROM gaps WHERE feed_url = ? AND state = 'open'", (feed_url,)).fetchone()
    if is_open:
        _extend(db, is_open[0], gap.to_at)
        return False
    in_vain = db.conn.execute(
        "SELECT 1 FROM gaps WHERE feed_url = ? AND state = 'lost' AND closed_at > ? AND (how IS NULL OR how = ?)",
        (feed_url, iso(now - AGAIN), NO_ANSWER),
    ).fetchone()
    gap_id = _insert_gap(db, feed_url, source, gap, now)
    if in_vain:
        gap_without_steps(db, gap_id, now, "not looked for: in vain within the last day")
    elif not add_steps(db, steps(gap_id)):
        gap_without_steps(db, gap_id, now)
    return True


def _extend(db: Any, gap_id: int, until: str) -> None:
    """Make a gap end later. What its pages were read for already ends before that, so they are read again; see `apply_step` for one that is being asked."""
    if db.conn.execute(
        "UPDATE gaps SET to_at = ?, how = NULL WHERE id = ? AND to_at < ?", (until, gap_id, until)
    ).rowcount:
        db.conn.execute(
            "UPDATE steps SET until = ?, mark = NULL, state = CASE state WHEN 'done' THEN 'pending' ELSE state END WHERE gap_id = ?",
            (until, gap_id),
        )


def cap_reached(db: Any, *, feed_url: str, source: str | None, since: str | None, now: datetime) -> None:
    """Write down, once a week, that a feed lists more entries without an address than are stored: a gap that nothing fills."""
    known = db.conn.execute(
        "SELECT 1 FROM gaps WHERE feed_url = ? AND how = ? AND found_at > ?",
        (feed_url, CAPPED, iso(now - timedelta(days=7))),
    ).fetchone()
    if not known:
        found = GapFound(from_at=since or iso(now), to_at=iso(now))
        gap_without_steps(db, _insert_gap(db, feed_url, source, found, now), now, CAPPED)


def _insert_gap(db: Any, feed_url: str, source: str | None, gap: GapFound, now: datetime) -> int:
    gap_id = db.conn.execute(
        "INSERT INTO gaps (feed_url, from_at, to_at, found_at, source) VALUES (?, ?, ?, ?, ?)",
        (feed_url, gap.from_at, gap.to_at, iso(now), source),
    ).lastrowid
    if source:
        _count_gap(db, source, iso(now)[:10], 1)
    return int(gap_id)


def _count_gap(db: Any, source: str, day: str, by: int) -> None:
    db.conn.execute(
        "INSERT INTO source_days (source, day, gaps_open) VALUES (?, ?, max(0, ?)) ON CONFLICT (source, day) DO UPDATE SET gaps_open = max(0, gaps_open + ?)",
        (source, day, by, by),
    )


def apply_step(db: Any, step: Step, found: StepFound, *, now: datetime) -> int:
    """Write what a step brought: new entries, further steps, and whether its gap is closed. How many entries are new."""
    new = 0
    for listed in found.listed:
        new += insert_entry(
            db,
            feed_url=step.feed_url,
            source=step.source,
            listed=listed,
            at=now,
            found_by="backfill",
            backfill=step.gap_id is None,
        )
    row = db.conn.execute("SELECT until FROM steps WHERE id = ?", (step.id,)).fetchone()
    until = row[0] if row is not None else step.until
    if until != step.until:  # its gap became longer while it was asked: it is asked again
        longer = [replace(each, until=until) for each in found.further]
        found = replace(found, further=tuple(longer), reached=False, mark=None)
    later = None
    state = "done" if until == step.until else "pending"
    if found.error is not None:
        state = "failed" if found.hard or step.attempts + 1 >= RETRIES else "pending"
        later = iso_after(found.retry_at) if found.retry_at else None
    repeated = (
        found.mark is not None
        and db.conn.execute(
            "SELECT 1 FROM steps WHERE source = ? AND gap_id IS ? AND since = ? AND until = ? AND feed_url = ? AND mark = ? AND id <> ?",
            (step.source, step.gap_id, step.since, step.until, step.feed_url, found.mark, step.id),
        ).fetchone()
    )
    db.conn.execute(
        "UPDATE steps SET state = ?, attempts = attempts + 1, retry_at = ?, found = ?, error = ?, asked_at = ?, mark = ? WHERE id = ?",
        (state, later, new, found.error, iso(now), found.mark, step.id),
    )
    is_open = (
        step.gap_id is None
        or db.conn.execute("SELECT 1 FROM gaps WHERE id = ? AND state = 'open'", (step.gap_id,)).fetchone()
    )
    walked = (
        db.conn.execute("SELECT count(*) FROM steps WHERE gap_id = ?", (step.gap_id,)).fetchone()[0]
        if step.gap_id is not None
        else 0
    )
    if is_open and not repeated and walked < MAX_STEPS:  # a page that lists what another did leads round in a circle
        add_steps(db, found.further)
    if step.gap_id is not None and is_open:
        _close(db, step.gap_id, step.rank, found, new, now)
    return new


def _close(db: Any, gap_id: int, rank: int, found: StepFound, new: int, now: datetime) -> None:
    """Filled when a page reached back far enough and all its kind are walked: the maps of an index are one listing."""
    db.conn.execute("UPDATE gaps SET entries_found = entries_found + ? WHERE id = ?", (new, gap_id))
    if found.reached:
        db.conn.execute("UPDATE gaps SET how = ? WHERE id = ?", (found.how, gap_id))
    owed = "SELECT count(*) FROM steps WHERE gap_id = ? AND state IN ('pending', 'leased') AND rank <= ?"
    if db.conn.execute(owed, (gap_id, rank)).fetchone()[0]:
        return
    source, found_at, how = db.conn.execute("SELECT source, found_at, how FROM gaps WHERE id = ?", (gap_id,)).fetchone()
    if how is None and db.conn.execute(owed, (gap_id, 99)).fetchone()[0]:
        return
    db.conn.execute(
        "UPDATE gaps SET state = ?, closed_at = ? WHERE id = ?", ("filled" if how else "lost", iso(now), gap_id)
    )
    db.conn.execute("DELETE FROM steps WHERE gap_id = ? AND state = 'pending'", (gap_id,))
    if how and source:
        _count_gap(db, source, found_at[:10], -1)


def gap_without_steps(db: Any, gap_id: int, now: datetime, how: str = "nowhere to look") -> None:
    """There is no other place to look: what was in it is lost."""
    db.conn.execute(
        "UPDATE gaps SET state = 'lost', closed_at = ?, how = ? WHERE id = ? AND state = 'open'",
        (iso(now), how, gap_id),
    )


def gaps(db: Any, *, sources: Sequence[str] = (), states: Sequence[str] = (), since: str | None = None) -> list[Gap]:
    """The holes, newest first."""
    names = ("id", "source", "feed_url", "from_at", "to_at", "found_at", "state", "entries_found", "closed_at", "how")
    rows = db.conn.execute(
        f"SELECT {', '.join(names)} FROM gaps WHERE (:all_sources OR source IN (SELECT value FROM json_each(:sources))) "
        "AND (:all_states OR state IN (SELECT value FROM json_each(:states))) AND (:since IS NULL OR found_at >= :since) ORDER BY found_at DESC, id DESC",
        {
            "all_sources": not sources, "sources": json.dumps(list(sources)), "all_states": not states, "states": json.dumps(list(states)), "since": since,
        },
    ).fetchall()  # fmt: skip
    return [Gap(**dict(zip(names, row, strict=True))) for row in rows]


def expire_gaps(db: Any, now: datetime, after: timedelta) -> int:
    """Gaps that nothing has filled for long, as their steps were never answered: lost."""
    before = iso(moment(iso(now)) - after)
    rows = db.conn.execute("SELECT id FROM gaps WHERE state = 'open' AND found_at < ?", (before,)).fetchall()
    for (gap_id,) in rows:
        db.conn.execute("DELETE FROM steps WHERE gap_id = ? AND state <> 'leased'", (gap_id,))
        db.conn.execute(
            "UPDATE gaps SET state = 'lost', closed_at = ?, how = ? WHERE id = ?",
            (iso(now), NO_ANSWER, gap_id),
        )
    return len(rows)
