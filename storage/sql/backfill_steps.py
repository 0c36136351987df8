"""The backfill_steps table: listing pages to fetch for a gap or a backfill."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from storage.engine import Database
from storage.records import BackfillStep, FeedEntry
from storage.sql.throttles import throttled_hosts
from storage.utc import format_utc

RETRIES = 5  # attempts for a step whose page cannot be fetched
# The condition of the partial index steps_owed, word for word, so that SQLite uses it.
UNFINISHED = "state IN ('pending', 'leased')"


_STEP = ("id", "source", "gap_id", "since", "until", "url", "kind", "priority", "feed_url", "host", "attempts")


def add_steps(db: Database, steps: Sequence[BackfillStep]) -> int:
    """Queue steps, each address once per gap or backfill; returns the number of new ones."""
    added = db.conn.executemany(
        "INSERT INTO backfill_steps (source, gap_id, since, until, url, kind, priority, feed_url, host) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        [(s.source, s.gap_id, s.since, s.until, s.url, s.kind, s.priority, s.feed_url, s.host) for s in steps],
    )
    return max(0, added.rowcount)


def has_pending(db: Database) -> bool:
    """Whether a step is pending."""
    return db.conn.execute("SELECT 1 FROM backfill_steps WHERE state = 'pending' LIMIT 1").fetchone() is not None


def lease_steps(
    db: Database, *, now: datetime, limit: int, sources: Sequence[str] | None, backfill: bool, per_host: int
) -> list[BackfillStep]:
    """Lease steps: of each gap or backfill those of the lowest unfinished priority.

    Args:
        db: the writing connection.
        now: the clock.
        limit: the most steps.
        sources: only these; None for all.
        backfill: steps of the command `backfill`; otherwise those of gaps.
        per_host: the most steps of one host.
    """
    rows = db.conn.execute(
        "WITH turn AS ("
        "  SELECT source, gap_id, since, until, min(priority) AS priority "
        "  FROM backfill_steps "
        f"  WHERE {UNFINISHED} "
        "  GROUP BY source, gap_id, since, until) "
        f"SELECT {', '.join(f'q.{name}' for name in _STEP)} "
        "FROM ("
        "  SELECT s.*, row_number() OVER (PARTITION BY s.host ORDER BY s.priority, s.id) AS place "
        "  FROM backfill_steps s "
        "  JOIN turn t ON t.source = s.source "
        "    AND t.gap_id IS NOT DISTINCT FROM s.gap_id "
        "    AND t.since = s.since "
        "    AND t.until = s.until "
        "    AND t.priority = s.priority "
        "  WHERE s.state = 'pending' "
        "    AND (s.retry_at IS NULL OR s.retry_at <= :now) "
        "    AND (s.gap_id IS NULL) = :backfill "
        "    AND (:any OR s.source IN (SELECT value FROM json_each(:sources))) "
        "    AND s.host NOT IN (SELECT value FROM json_each(:throttled)) "
        "    AND s.host NOT IN (SELECT host FROM backfill_steps WHERE state = 'leased') "
        f"    AND {db.of_this_worker('s.host')}) q "
        "WHERE place <= :per_host "
        "ORDER BY q.priority, q.id "
        "LIMIT :limit",
        {
            "now": format_utc(now),
            "backfill": backfill,
            "any": sources is None,
            "sources": json.dumps(list(sources or ())),
            "per_host": per_host,
            "limit": limit,
            "throttled": json.dumps(list(throttled_hosts(db, now))),
        },
    ).fetchall()
    db.conn.executemany("UPDATE backfill_steps SET state = 'leased' WHERE id = ?", [(row[0],) for row in rows])
    return [BackfillStep(**dict(zip(_STEP, row, strict=True))) for row in rows]


def known_before(db: Database, step: BackfillStep, listed: Sequence[FeedEntry]) -> int:
    """How many of these entries were known before the step's time range: if any, its page reaches back far enough."""
    keys = json.dumps([e.url_key for e in listed if e.url_key])
    row = db.conn.execute(
        "SELECT count(DISTINCT url_key) "
        "FROM entries "
        "WHERE url_key IN (SELECT value FROM json_each(?)) AND first_seen_at <= ?",
        (keys, step.since),
    ).fetchone()
    return int(row[0])


def release_steps(db: Database, hosts: str) -> None:
    """Release the steps of a dead process, on hosts that a condition selects."""
    db.conn.execute(f"UPDATE backfill_steps SET state = 'pending' WHERE state = 'leased' AND {hosts}")


def return_steps(db: Database, in_flight: Sequence[int]) -> None:
    """Release steps whose result could not be written."""
    db.conn.execute(
        "UPDATE backfill_steps "
        "SET state = 'pending' "
        "WHERE state = 'leased' AND id NOT IN (SELECT CAST(value AS BIGINT) FROM json_each(?)) "
        f"  AND {db.leased_by_this_worker('host')}",
        (json.dumps(list(in_flight)),),
    )


def drop_other_steps(db: Database, source: str, since: str, until: str) -> None:
    """Delete pending steps of earlier backfills of a source with another time range."""
    db.conn.execute(
        "DELETE FROM backfill_steps "
        "WHERE gap_id IS NULL AND source = ? AND state = 'pending' AND (since <> ? OR until <> ?)",
        (source, since, until),
    )


def forget_steps(db: Database, before: datetime) -> int:
    """Delete steps completed before a time; their gap has the result."""
    return int(
        db.conn.execute(
            "DELETE FROM backfill_steps WHERE state IN ('done', 'failed') AND requested_at < ?", (format_utc(before),)
        ).rowcount
    )


def retry_steps(db: Database, source: str, since: str, until: str) -> None:
    """Make the failed backfill steps of a source and time range pending again."""
    db.conn.execute(
        "UPDATE backfill_steps SET state = 'pending', attempts = 0, retry_at = NULL, error = NULL "
        "WHERE gap_id IS NULL AND state = 'failed' AND source = ? AND since = ? AND until = ?",
        (source, since, until),
    )


def steps_looked(
    db: Database, sources: Sequence[str], since: str, until: str
) -> dict[str, tuple[int, list[tuple[str, str]]]]:
    """By source, how many pages of a backfill were read, and (address, why) of those that could not be.

    Args:
        db: a connection.
        sources: their ids.
        since: the start of the requested time range.
        until: its end.
    """
    found: dict[str, tuple[int, list[tuple[str, str]]]] = {source: (0, []) for source in sources}
    rows = db.conn.execute(
        "SELECT source, url, kind, state, error FROM backfill_steps WHERE gap_id IS NULL AND since = ? AND until = ? "
        "AND source IN (SELECT value FROM json_each(?)) ORDER BY priority, id",
        (since, until, json.dumps(list(sources))),
    )
    for source, url, kind, state, error in rows:
        read, problems = found[source]
        if error is not None:
            problems.append((url, error))
        elif state == "done" and kind != "robots":  # robots.txt lists no articles itself
            read += 1
        found[source] = (read, problems)
    return found


def pending_by_host(db: Database, sources: Sequence[str]) -> dict[str, int]:
    """The number of pending articles of backfills, by host."""
    rows = db.conn.execute(
        "SELECT host, count(DISTINCT CASE url_key WHEN '' THEN id ELSE url_key END) "
        "FROM entries "
        "WHERE backfill = 1 "
        "  AND state IN ('pending', 'leased', 'retry') "
        "  AND source IN (SELECT value FROM json_each(?)) "
        "GROUP BY host",
        (json.dumps(list(sources)),),
    )
    return dict(rows.fetchall())
