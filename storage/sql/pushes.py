"""The pushes table: the subscriptions of feeds at their hubs."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from storage.engine import Database
from storage.pushes import Subscription
from storage.sql.rows import dicts
from storage.utc import format_utc, format_utc_ceil

_COLUMNS = "feed_url, hub, topic, token, secret, state, attempts, retry_at, leased_until, verified_at, pushed_at, missed, error"


def of_feed(db: Database, feed_url: str) -> Subscription | None:
    """The subscription of a feed; None if it has none."""
    return _one(db, "feed_url = ?", feed_url)


def of_token(db: Database, token: str) -> Subscription | None:
    """The subscription whose callback has that token."""
    return _one(db, "token = ?", token)


def every(db: Database) -> list[Subscription]:
    """All subscriptions."""
    return [_read(row) for row in dicts(db, f"SELECT {_COLUMNS} FROM pushes ORDER BY feed_url")]


def note_hub(db: Database, feed_url: str, hub: str | None, topic: str | None) -> None:
    """Record what a poll discovered: a new hub or topic is another subscription, with a token and a secret of its own."""
    known = of_feed(db, feed_url)
    if hub is None or topic is None:
        if known is not None and known.state != "leaving":
            leave(db, feed_url)
        return
    if known is not None and (known.hub, known.topic) == (hub, topic) and known.state != "leaving":
        return
    remove(db, feed_url)
    db.conn.execute(
        "INSERT INTO pushes (feed_url, hub, topic, token, secret, state) VALUES (?, ?, ?, ?, ?, 'new')",
        (feed_url, hub, topic, secrets.token_urlsafe(32), secrets.token_urlsafe(32)),
    )


def leave(db: Database, feed_url: str) -> None:
    """Let a subscription end at its hub."""
    db.conn.execute(
        "UPDATE pushes SET state = 'leaving', attempts = 0, retry_at = NULL WHERE feed_url = ?", (feed_url,)
    )


def leave_unwatched(db: Database) -> None:
    """Let the subscriptions end whose feeds are polled no more."""
    db.conn.execute(
        "UPDATE pushes SET state = 'leaving', attempts = 0, retry_at = NULL "
        "WHERE state <> 'leaving' AND feed_url NOT IN ("
        "  SELECT f.url FROM feeds f LEFT JOIN sources s ON s.id = f.source "
        "  WHERE f.state = 'active' AND coalesce(s.enabled, 1) = 1)"
    )


def due(db: Database, now: datetime, limit: int) -> list[Subscription]:
    """The subscriptions whose request to the hub is due: new ones, those to be renewed, those that end."""
    rows = dicts(
        db,
        f"SELECT {_COLUMNS} FROM pushes "
        "WHERE retry_at IS NULL OR retry_at <= :now "
        "ORDER BY coalesce(retry_at, ''), feed_url LIMIT :limit",
        {"now": format_utc(now), "limit": limit},
    )
    return [_read(row) for row in rows]


def sent(db: Database, feed_url: str, retry_at: datetime) -> None:
    """Record a request to a hub."""
    db.conn.execute(
        "UPDATE pushes SET attempts = attempts + 1, retry_at = ?, error = NULL, "
        "  state = CASE WHEN state IN ('new', 'denied') THEN 'requested' ELSE state END "
        "WHERE feed_url = ?",
        (format_utc_ceil(retry_at), feed_url),
    )


def failed(db: Database, feed_url: str, error: str) -> None:
    """Record what was wrong with a request to a hub."""
    db.conn.execute("UPDATE pushes SET error = ? WHERE feed_url = ?", (error, feed_url))


def verified(db: Database, feed_url: str, now: datetime, until: datetime, renew: datetime) -> None:
    """Record that the hub confirmed a subscription until then, and when it is to be renewed."""
    db.conn.execute(
        "UPDATE pushes SET state = 'active', verified_at = ?, leased_until = ?, retry_at = ?, attempts = 0, "
        "  error = NULL, missed = 0 "
        "WHERE feed_url = ?",
        (format_utc(now), format_utc(until), format_utc(renew), feed_url),
    )


def denied(db: Database, feed_url: str, reason: str, retry_at: datetime) -> None:
    """Record that the hub denied a subscription, or ended it."""
    db.conn.execute(
        "UPDATE pushes SET state = 'denied', leased_until = NULL, error = ?, retry_at = ? WHERE feed_url = ?",
        (reason, format_utc_ceil(retry_at), feed_url),
    )


def remove(db: Database, feed_url: str) -> None:
    """Delete a subscription that ended."""
    db.conn.execute("DELETE FROM pushes WHERE feed_url = ?", (feed_url,))


def pushed(db: Database, feed_url: str, now: datetime) -> None:
    """Record a push."""
    db.conn.execute("UPDATE pushes SET pushed_at = ?, missed = 0 WHERE feed_url = ?", (format_utc(now), feed_url))


def missed(db: Database, feed_url: str) -> None:
    """Record that a poll found what should have been pushed."""
    db.conn.execute("UPDATE pushes SET missed = 1 WHERE feed_url = ?", (feed_url,))


def poll_now(db: Database, feed_url: str, now: datetime, least: timedelta) -> None:
    """Let a feed be polled now, or later if it was just polled, unless its server wants no request yet."""
    db.conn.execute(
        "UPDATE feeds SET due_at = CASE WHEN checked_at > :since THEN :later ELSE :now END "
        "WHERE url = :url AND state = 'active' AND (due_at IS NULL OR due_at > :now) "
        "  AND (not_before IS NULL OR not_before <= :now)",
        {
            "since": format_utc(now - least),
            "now": format_utc(now),
            "later": format_utc_ceil(now + least),
            "url": feed_url,
        },
    )


def _one(db: Database, condition: str, value: str) -> Subscription | None:
    rows = dicts(db, f"SELECT {_COLUMNS} FROM pushes WHERE {condition}", (value,))
    return _read(rows[0]) if rows else None


def _read(row: dict[str, Any]) -> Subscription:
    return Subscription(**{**row, "missed": bool(row["missed"])})
