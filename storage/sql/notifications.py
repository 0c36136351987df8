"""The notifications and watch_hits tables: messages of watches, and hits without a message yet."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.engine import Database
from storage.utc import format_utc


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchHit:
    """A match of a watch; reported once for each dedup_key."""

    watch: str
    dedup_key: str
    event: str
    article_id: int
    revision: int
    seq: int
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one receiver; `receiver_hash` is a hash of the receiver."""

    id: int
    uid: str
    watch: str
    receiver_hash: str
    body: str
    created_at: str
    attempts: int


def add_found(db: Database, found: Iterable[WatchHit]) -> int:
    """Store hits of watches, except known ones, so that nothing is reported twice; returns the number of new ones."""
    added = db.conn.executemany(
        "INSERT INTO watch_hits (watch, dedup_key, event, article_id, revision, seq, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        [(f.watch, f.dedup_key, f.event, f.article_id, f.revision, f.seq, f.at) for f in found],
    )
    return max(0, added.rowcount)


def has_waiting(db: Database) -> bool:
    """Whether there is a hit without a message yet."""
    return db.conn.execute("SELECT 1 FROM watch_hits WHERE notified_at IS NULL LIMIT 1").fetchone() is not None


def waiting(db: Database) -> dict[str, list[WatchHit]]:
    """Hits without a message yet, by watch, oldest first."""
    rows = db.conn.execute(
        "SELECT watch, dedup_key, event, article_id, revision, seq, at "
        "FROM watch_hits "
        "WHERE notified_at IS NULL "
        "ORDER BY watch, seq"
    )
    found: dict[str, list[WatchHit]] = {}
    for row in rows:
        hit = WatchHit(
            **dict(zip(("watch", "dedup_key", "event", "article_id", "revision", "seq", "at"), row, strict=True))
        )
        found.setdefault(hit.watch, []).append(hit)
    return found


def last_notified(db: Database, watch: str) -> str | None:
    """When the last message of a watch was created."""
    found: str | None = db.conn.execute(
        "SELECT max(created_at) FROM notifications WHERE watch = ?", (watch,)
    ).fetchone()[0]
    return found


def put_messages(
    db: Database, watch: str, targets: Sequence[str], body: Mapping[str, Any], hits: Sequence[WatchHit], now: datetime
) -> None:
    """Create one message per receiver, and mark its hits as notified."""
    at = format_utc(now)
    for target in targets:
        uid = secrets.token_hex(16)
        db.conn.execute(
            "INSERT INTO notifications (uid, watch, receiver_hash, body, created_at, next_attempt_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (uid, watch, target, json.dumps({**body, "id": uid}, ensure_ascii=False), at, at),
        )
    db.conn.executemany(
        "UPDATE watch_hits SET notified_at = ? WHERE watch = ? AND dedup_key = ?",
        [(at, f.watch, f.dedup_key) for f in hits],
    )


PATIENCE = 6  # attempts, about half an hour, for which a message blocks later ones to the same receiver


def due_messages(db: Database, now: datetime) -> list[Message]:
    """Of each receiver the oldest unsent message, if it is due.

    Later messages wait for it, so that a receiver that is down gets one request at a time. A message that failed
    PATIENCE times (the receiver may refuse this very message) no longer blocks the others; of such messages one at a
    time is sent along.
    """
    rows = db.conn.execute(
        "SELECT id, uid, watch, receiver_hash, body, created_at, attempts "
        "FROM notifications "
        "WHERE next_attempt_at <= :now "
        "  AND id IN ("
        "    SELECT min(id) "
        "    FROM notifications "
        "    WHERE next_attempt_at IS NOT NULL AND attempts < :patience "
        "    GROUP BY receiver_hash "
        "    UNION ALL "
        "    SELECT min(id) "
        "    FROM notifications "
        "    WHERE next_attempt_at <= :now AND attempts >= :patience "
        "    GROUP BY receiver_hash) "
        "ORDER BY id",
        {"now": format_utc(now), "patience": PATIENCE},
    )
    names = ("id", "uid", "watch", "receiver_hash", "body", "created_at", "attempts")
    return [Message(**dict(zip(names, row, strict=True))) for row in rows]


def attempt(db: Database, message: Message, next_attempt_at: datetime) -> None:
    """Record an attempt to send a message, and when to retry if its result is never recorded."""
    db.conn.execute(
        "UPDATE notifications SET attempts = attempts + 1, next_attempt_at = ? WHERE id = ?",
        (format_utc(next_attempt_at), message.id),
    )


def settle(db: Database, message: Message, now: datetime, error: str | None, next_attempt_at: datetime | None) -> None:
    """Record the result of an attempt: sent, to be retried, or given up (an error and no next attempt)."""
    db.conn.execute(
        "UPDATE notifications SET error = ?, sent_at = ?, next_attempt_at = ? WHERE id = ?",
        (
            error,
            format_utc(now) if error is None else None,
            format_utc(next_attempt_at) if next_attempt_at else None,
            message.id,
        ),
    )


def outbox(db: Database) -> list[dict[str, Any]]:
    """By watch with messages: the number sent, waiting and given up, the time of the newest, and the last error."""
    cursor = db.conn.execute(
        "SELECT watch, count(*) FILTER (WHERE sent_at IS NOT NULL) AS sent, count(*) FILTER (WHERE next_attempt_at IS NOT NULL) AS waiting, "
        "  count(*) FILTER (WHERE sent_at IS NULL AND next_attempt_at IS NULL) AS given_up, max(sent_at) AS sent_at, "
        "  ("
        "    SELECT error FROM notifications e "
        "    WHERE e.watch = m.watch AND e.error IS NOT NULL AND e.sent_at IS NULL "
        "    ORDER BY id DESC "
        "    LIMIT 1) AS error "
        "FROM notifications m "
        "GROUP BY watch"
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def delete_old(db: Database, before: datetime) -> None:
    """Delete messages sent or given up before a time. The hits stay, so that they are not reported again."""
    db.conn.execute("DELETE FROM notifications WHERE next_attempt_at IS NULL AND created_at < ?", (format_utc(before),))
