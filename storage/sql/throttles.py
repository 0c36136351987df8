"""The throttles table: hosts and addresses that responded with 429 or 503."""

from __future__ import annotations

from datetime import datetime

from storage.engine import Database
from storage.utc import format_utc, format_utc_ceil, parse_utc


def record_throttle(db: Database, *, host: str, url: str, until: datetime, now: datetime) -> datetime | None:
    """Throttle an address; from the second address on, its whole host is throttled (PEERS F 14).

    Returns:
        Until when the host is throttled; None if it is not.
    """
    db.conn.execute("DELETE FROM throttles WHERE hold_until <= ?", (format_utc(now),))
    db.conn.execute(
        "INSERT INTO throttles (host, url, hold_until) "
        "VALUES (?, ?, ?) "
        "ON CONFLICT (host, url) DO UPDATE SET hold_until = excluded.hold_until",
        (host, url, format_utc_ceil(until)),
    )
    until_at = throttled_hosts(db, now).get(host)
    return parse_utc(until_at) if until_at else None


def throttled_hosts(db: Database, now: datetime) -> dict[str, str]:
    """Hosts with at least two throttled addresses, or that another worker visits, and until when they are throttled."""
    rows = db.conn.execute(
        "SELECT host, max(hold_until) FROM throttles WHERE hold_until > ? GROUP BY host HAVING count(*) > 1",
        (format_utc(now),),
    )
    return {**dict.fromkeys(db.visited_hosts(), format_utc(now)), **dict(rows.fetchall())}
