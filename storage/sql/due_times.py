"""Adjust due times after the wall clock was set, or after a suspend."""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta

from storage.engine import Database
from storage.utc import format_utc

_WITH_HOST = ("feeds", "entries", "backfill_steps", "throttles")


def shift_due_times(db: Database, seconds: int, *, now: datetime) -> None:
    """Shift due times after the wall clock was set by so many seconds.

    So nothing waits for an hour that repeats.
    """
    mine = db.of_this_worker("host")
    for table, columns in (
        ("feeds", ("due_at", "not_before")),
        ("entries", ("retry_at", "not_before")),
        ("articles", ("recheck_at",)),
        ("backfill_steps", ("retry_at",)),
        ("throttles", ("hold_until",)),
        ("notifications", ("next_attempt_at", "created_at")),
        ("watch_hits", ("at",)),
    ):
        if mine != "true" and table not in _WITH_HOST:  # of all workers, by their clocks
            continue
        hosts = mine if table in _WITH_HOST else "true"
        for column in columns:
            db.conn.execute(
                f"UPDATE {table} SET {column} = shifted({column}, ?) WHERE {column} > ? AND {hosts}",
                (seconds, format_utc(now)),
            )


def spread_overdue(db: Database, *, now: datetime, over: float) -> int:
    """Spread overdue feeds over so many seconds, by a hash of their URL.

    After a suspend, not all hosts are polled at once.
    """
    overdue = f"SELECT url FROM feeds WHERE state = 'active' AND due_at < ? AND {db.of_this_worker('host')}"
    rows = db.conn.execute(overdue, (format_utc(now),)).fetchall()
    db.conn.executemany(
        "UPDATE feeds SET due_at = ? WHERE url = ?",
        [
            (format_utc(now + timedelta(seconds=over * (zlib.crc32(row[0].encode()) % 1000) / 1000)), row[0])
            for row in rows
        ],
    )
    return len(rows)
