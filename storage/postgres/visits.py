"""Reserve a host for a request that it was not leased for: the target of a redirect, or its robots.txt."""

from __future__ import annotations

from datetime import UTC, datetime

from storage.postgres.database import PostgresDatabase
from storage.utc import format_utc

_DELAY = "SELECT greatest(delay, :delay) FROM parts WHERE part = part(:host)"
VISIT = 60.0  # seconds that a request to another worker's host may take, with its redirects and delays


def visit(db: PostgresDatabase, host: str, delay: float, *, own: bool = False) -> float | None:
    """Reserve a host; None as long as another worker has requests to it.

    From the first call on, other workers lease nothing of the host; what they have leased of it is waited for. Where it
    is another worker's, one delay must pass before the request, as its last answer may have just come; `end_visit`
    keeps the reservation for one more.

    Args:
        db: a writing connection of a worker.
        host: the host.
        delay: seconds between two requests to a host that says nothing else.
        own: it belongs to this worker, which keeps the delay between its own requests by itself.

    Returns:
        The seconds between two requests to the host.
    """
    assert db.worker is not None
    values = {"host": host, "me": db.worker.id, "delay": delay, "now": format_utc(datetime.now(UTC))}
    with db.transaction():
        seconds = float(db.conn.execute(_DELAY, values).fetchone()[0])
        if db.conn.execute(
            "SELECT 1 FROM visits WHERE host = :host AND holder <> :me AND until > now()", values
        ).fetchone():
            return None
        db.conn.execute(
            "INSERT INTO visits (host, holder, until) VALUES (:host, :me, clock_timestamp() + make_interval(secs => :seconds)) "
            "ON CONFLICT (host) DO UPDATE SET holder = excluded.holder, until = excluded.until",
            {**values, "seconds": VISIT + 2 * seconds},
        )
        busy = not own and any(db.conn.execute(f"{sql} LIMIT 1", values).fetchone() for sql in _LEASED)
    return None if busy else seconds


_LEASED = (
    "SELECT 1 FROM entries WHERE host = :host AND state = 'leased'",
    "SELECT 1 FROM feeds WHERE host = :host AND leased_until > :now",
    "SELECT 1 FROM backfill_steps WHERE host = :host AND state = 'leased'",
    "SELECT 1 FROM articles WHERE recheck_leased_until > :now AND instr(url, '://' || :host || '/') > 0",
)


def end_visit(db: PostgresDatabase, host: str, delay: float) -> None:
    """Let the worker of a host have it again after one delay."""
    assert db.worker is not None
    with db.transaction():
        db.conn.execute(
            "UPDATE visits SET until = clock_timestamp() + make_interval(secs => "
            f"  ({_DELAY})) "
            "WHERE host = :host AND holder = :me",
            {"delay": delay, "host": host, "me": db.worker.id},
        )
        db.conn.execute("DELETE FROM visits WHERE until < now() - make_interval(hours => 1)")
