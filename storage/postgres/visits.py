"""Reserve a host for a request that it was not leased for: the target of a redirect, or its robots.txt."""

from __future__ import annotations

from storage.postgres.database import PostgresDatabase

VISIT = 60.0  # seconds that a request to another worker's host may take, with its redirects and delays


def visit(db: PostgresDatabase, host: str, delay: float, *, own: bool = False) -> bool:
    """Reserve a host; False if it is busy at another worker.

    Other workers lease nothing of it while it is reserved. Where it is another worker's, one delay must pass before the
    request, as its last answer may have just come; `end_visit` keeps the reservation for one more.

    Args:
        db: a writing connection of a worker.
        host: the host.
        delay: seconds between two requests.
        own: it belongs to this worker, which keeps the delay between its own requests by itself.
    """
    assert db.worker is not None
    with db.transaction():
        busy: tuple[str, ...] = (
            "SELECT 1 FROM entries WHERE host = :host AND state = 'leased'",
            "SELECT 1 FROM feeds WHERE host = :host AND leased_until IS NOT NULL",
            "SELECT 1 FROM backfill_steps WHERE host = :host AND state = 'leased'",
            "SELECT 1 FROM articles WHERE recheck_leased_until IS NOT NULL AND instr(url, '://' || :host || '/') > 0",
            "SELECT 1 FROM visits WHERE host = :host AND holder <> :me AND until > now()",
        )
        if own:
            busy = busy[-1:]
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
