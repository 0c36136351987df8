"""The source_days table: polls, entries, articles, rejections by reason, and the time without polls, by day."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from storage.engine import Database
from storage.utc import format_utc, parse_utc
from storage.verdicts import NewArticle, NotArticle, NotFound, Verdict


def _add_day(db: Database, source: str, at: str) -> tuple[str, str]:
    """Insert the day of a source, unless it exists; returns its key."""
    key = (source, at[:10])
    db.conn.execute("INSERT INTO source_days (source, day) VALUES (?, ?) ON CONFLICT DO NOTHING", key)
    return key


def count_rejected(db: Database, source: str, at: str, reason: str, number: int = 1) -> None:
    """Count rejected entries in their source's day, by reason."""
    where = _add_day(db, source, at)
    row = db.conn.execute("SELECT rejected FROM source_days WHERE source = ? AND day = ?", where).fetchone()
    reasons = json.loads(row[0])
    reasons[reason] = reasons.get(reason, 0) + number
    db.conn.execute(
        "UPDATE source_days SET rejected = ? WHERE source = ? AND day = ?",
        (json.dumps(reasons, ensure_ascii=False), *where),
    )


def watch_day(db: Database, source: str, at: datetime, *, ok: bool, new: int) -> None:
    """Count a poll in its source's day.

    A successful poll ends a time without polls: the time since the last successful one is stored for each day, also for
    days without any poll.
    """
    day = format_utc(at)[:10]
    db.conn.execute(
        "INSERT INTO source_days (source, day, polls_ok, polls_failed, entries_new) "
        "VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (source, day) DO UPDATE "
        "SET polls_ok = source_days.polls_ok + excluded.polls_ok, "
        "  polls_failed = source_days.polls_failed + excluded.polls_failed, "
        "  entries_new = source_days.entries_new + excluded.entries_new",
        (source, day, int(ok), int(not ok), new),
    )
    if not ok:
        return
    last = db.conn.execute("SELECT max(last_success_at) FROM feeds WHERE source = ?", (source,)).fetchone()[0]
    for blind_day, seconds in blind_days(parse_utc(last), at) if last else []:
        db.conn.execute(
            "INSERT INTO source_days (source, day, longest_blind_seconds) "
            "VALUES (?, ?, ?) "
            "ON CONFLICT (source, day) DO UPDATE "
            "SET longest_blind_seconds = excluded.longest_blind_seconds "
            "WHERE coalesce(source_days.longest_blind_seconds, 0) < excluded.longest_blind_seconds",
            (source, blind_day, seconds),
        )


def blind_days(since: datetime, until: datetime) -> list[tuple[str, int]]:
    """(day, seconds of it) of a time range; at most its last five years, in case a clock was wrong."""
    found: list[tuple[str, int]] = []
    at = max(since, until - timedelta(days=5 * 366))
    while at < until:
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        end = min(until, midnight)
        found.append((format_utc(at)[:10], int((end - at).total_seconds())))
        at = end
    return found


def count_verdict(db: Database, verdict: Verdict, at: str) -> None:
    """Count the result of an article request in its source's day."""
    match verdict:
        case NewArticle(source=str() as source):
            where = _add_day(db, source, at)
            column = "articles" if verdict.outcome == "new" else "headline_only"
            db.conn.execute(f"UPDATE source_days SET {column} = {column} + 1 WHERE source = ? AND day = ?", where)
        case NotArticle(source=str() as source) | NotFound(source=str() as source):
            count_rejected(db, source, at, verdict.reason or "unknown")
        case _:
            pass
