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

from storage.entries import MAX_UNLINKED, insert_entry
from storage.polls import throttled_hosts
from storage.records import Gap, GapFound, Listed, Step, StepFound, iso, iso_after, moment

AGAIN = timedelta(days=1)  # until what was looked for in vain is looked for again
NO_ANSWER = "no way to it answered"
CAPPED = f"it lists more than {MAX_UNLINKED:,} entries without an address"
MAX_STEPS = 500  # pages walked for one gap: an index may lead to another for ever
RETRIES = 5  # times that a step is asked that does not answer
_STEP = ("id", "source", "gap_id", "since", "until", "url", "kind", "rank", "feed_url", "host", "attempts")


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


def add_steps(db: Any, steps: Sequence[Step]) -> int:
    """Put steps behind those that are there; one address once for each purpose. How many are new."""
    before = db.conn.total_changes
    db.conn.executemany(
        "INSERT INTO steps (source, gap_id, since, until, url, kind, rank, feed_url, host) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(s.source, s.gap_id, s.since, s.until, s.url, s.kind, s.rank, s.feed_url, s.host) for s in steps],
    )
    return int(db.conn.total_changes - before)


def lease_steps(
    db: Any, *, now: datetime, limit: int, sources: Sequence[str] | None, backfill: bool, per_host: int
) -> list[Step]:
    """Take steps whose turn it is: of each purpose those of the lowest rank that is not done.

    Args:
        db: the writing connection.
        now: the clock.
        limit: how many at the most.
        sources: only these; None for all.
        backfill: the steps of what a person asked for; else those of gaps.
        per_host: so many of one host.
    """
    rows = db.conn.execute(
        "WITH turn AS (SELECT source, gap_id, since, until, min(rank) AS rank FROM steps WHERE state IN ('pending', 'leased') GROUP BY source, gap_id, since, until) "
        f"SELECT {', '.join(f'q.{name}' for name in _STEP)} FROM (SELECT s.*, row_number() OVER (PARTITION BY s.host ORDER BY s.rank, s.id) AS place FROM steps s "
        "JOIN turn t ON t.source = s.source AND t.gap_id IS s.gap_id AND t.since = s.since AND t.until = s.until AND t.rank = s.rank "
        "WHERE s.state = 'pending' AND (s.retry_at IS NULL OR s.retry_at <= :now) AND (s.gap_id IS NULL) = :backfill "
        "AND (:any OR s.source IN (SELECT value FROM json_each(:sources))) AND s.host NOT IN (SELECT value FROM json_each(:held)) "
        "AND s.host NOT IN (SELECT host FROM steps WHERE state = 'leased')) q WHERE place <= :per_host ORDER BY q.rank, q.id LIMIT :limit",
        {
            "now": iso(now), "backfill": backfill, "any": sources is None, "sources": json.dumps(list(sources or ())), "per_host": per_host, "limit": limit,
            "held": json.dumps(list(throttled_hosts(db, now))),
        },
    ).fetchall()  # fmt: skip
    db.conn.executemany("UPDATE steps SET state = 'leased' WHERE id = ?", [(row[0],) for row in rows])
    return [Step(**dict(zip(_STEP, row, strict=True))) for row in rows]


def known_before(db: Any, step: Step, listed: Sequence[Listed]) -> int:
    """How many of the listed were known before the time that a step asks for began: its page reaches back far enough."""
    keys = json.dumps([e.url_key for e in listed if e.url_key])
    row = db.conn.execute(
        "SELECT count(DISTINCT url_key) FROM entries WHERE url_key IN (SELECT value FROM json_each(?)) AND first_seen_at <= ?",
        (keys, step.since),
    ).fetchone()
    return int(row[0])


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


def release_steps(db: Any) -> None:
    """Give back the steps of a holder that is gone."""
    db.conn.execute("UPDATE steps SET state = 'pending' WHERE state = 'leased'")


def return_steps(db: Any, asked: Sequence[int]) -> None:
    """Give back steps whose answer could not be written."""
    db.conn.execute(
        "UPDATE steps SET state = 'pending' WHERE state = 'leased' AND id NOT IN (SELECT value FROM json_each(?))",
        (json.dumps(list(asked)),),
    )


def drop_other_steps(db: Any, source: str, since: str, until: str) -> None:
    """A person asks for another time now: what an earlier backfill had still to walk is left."""
    db.conn.execute(
        "DELETE FROM steps WHERE gap_id IS NULL AND source = ? AND state = 'pending' AND (since <> ? OR until <> ?)",
        (source, since, until),
    )


def forget_steps(db: Any, before: datetime) -> int:
    """Take out steps that were walked long ago: their gap says how it ended."""
    return int(
        db.conn.execute("DELETE FROM steps WHERE state IN ('done', 'failed') AND asked_at < ?", (iso(before),)).rowcount
    )


def retry_steps(db: Any, source: str, since: str, until: str) -> None:
    """The backfill steps of a source and time that failed are pending again."""
    db.conn.execute(
        "UPDATE steps SET state = 'pending', attempts = 0, retry_at = NULL, error = NULL "
        "WHERE gap_id IS NULL AND state = 'failed' AND source = ? AND since = ? AND until = ?",
        (source, since, until),
    )


def steps_looked(
    db: Any, sources: Sequence[str], since: str, until: str
) -> dict[str, tuple[int, list[tuple[str, str]]]]:
    """For each source: how many pages of a backfill were read, and (address, why) of those that could not be.

    Args:
        db: a connection.
        sources: their ids.
        since: the beginning of the time that was asked for.
        until: its end.
    """
    found: dict[str, tuple[int, list[tuple[str, str]]]] = {source: (0, []) for source in sources}
    rows = db.conn.execute(
        "SELECT source, url, kind, state, error FROM steps WHERE gap_id IS NULL AND since = ? AND until = ? "
        "AND source IN (SELECT value FROM json_each(?)) ORDER BY rank, id",
        (since, until, json.dumps(list(sources))),
    )
    for source, url, kind, state, error in rows:
        read, problems = found[source]
        if error is not None:
            problems.append((url, error))
        elif state == "done" and kind != "robots":  # which lists no articles itself
            read += 1
        found[source] = (read, problems)
    return found


def owed_by_host(db: Any, sources: Sequence[str]) -> dict[str, int]:
    """Articles that backfills owe, by host."""
    rows = db.conn.execute(
        "SELECT host, count(DISTINCT CASE url_key WHEN '' THEN id ELSE url_key END) FROM entries WHERE backfill = 1 AND state IN ('pending', 'leased', 'retry') "
        "AND source IN (SELECT value FROM json_each(?)) GROUP BY host",
        (json.dumps(list(sources)),),
    )
    return dict(rows.fetchall())


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
