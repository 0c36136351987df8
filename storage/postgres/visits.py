"""Reserve a host of another worker for a request that a redirect led to."""

from __future__ import annotations

from storage.postgres.database import PostgresDatabase

VISIT = 60.0  # seconds that a request to another worker's host may take, with its redirects and delays


def visit(db: PostgresDatabase, host: str, delay: float) -> bool:
    """Reserve a host of another worker for a request that a redirect led to; False if it is busy there.

    Nothing of it is leased while it is reserved. One delay must pass before the request, as the last one of the other
    worker may have just ended; `end_visit` keeps the reservation for one more.
    """
    assert db.worker is not None
    with db.transaction():
        busy = (
            "SELECT 1 FROM entries WHERE host = :host AND state = 'leased'",
            "SELECT 1 FROM feeds WHERE host = :host AND leased_until IS NOT NULL",
            "SELECT 1 FROM backfill_steps WHERE host = :host AND state = 'leased'",
            "SELECT 1 FROM articles WHERE recheck_leased_until IS NOT NULL AND instr(url, '://' || :host || '/') > 0",
            "SELECT 1 FROM visits WHERE host = :host AND holder <> :me AND until > now()",
        )
        values = {"host": host, "me": db.worker.id}
        if any(db.conn.execute(f"{question} LIMIT 1", values).fetchone() for question in busy):
            return False
        db.conn.execute(
            "INSERT INTO visits (host, holder, until) VALUES (:host, :me, now() + make_interval(secs => :seconds)) "
            "ON CONFLICT (host) DO UPDATE SET holder = excluded.holder, until = excluded.until",
            {**values, "seconds": VISIT + 2 * delay},
        )
    return True


def end_visit(db: PostgresDatabase, host: str, delay: float) -> None:
    """Let the worker of a host have it again after one delay."""
    assert db.worker is not None
    with db.transaction():
        db.conn.execute(
            "UPDATE visits SET until = now() + make_interval(secs => ?) WHERE host = ? AND holder = ?",
            (delay, host, db.worker.id),
        )
        db.conn.execute("DELETE FROM visits WHERE until < now() - make_interval(hours => 1)")
