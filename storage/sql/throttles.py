"""The throttles table: hosts and addresses that answered 429 or 503."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from storage.records import iso, iso_after, moment


def note_throttle(db: Any, *, host: str, url: str, until: datetime, now: datetime) -> datetime | None:
    """A server asked to leave an address alone; from the second address on its whole host is (PEERS F 14). Returns until when the host is."""
    db.conn.execute("DELETE FROM throttles WHERE until <= ?", (iso(now),))
    db.conn.execute(
        "INSERT INTO throttles (host, url, until) VALUES (?, ?, ?) ON CONFLICT (host, url) DO UPDATE SET until = excluded.until",
        (host, url, iso_after(until)),
    )
    held = throttled_hosts(db, now).get(host)
    return moment(held) if held else None


def throttled_hosts(db: Any, now: datetime) -> dict[str, str]:
    """Hosts of which two addresses or more asked to be left alone, and until when."""
    rows = db.conn.execute(
        "SELECT host, max(until) FROM throttles WHERE until > ? GROUP BY host HAVING count(*) > 1", (iso(now),)
    )
    return dict(rows.fetchall())
