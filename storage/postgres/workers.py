"""The workers of a store, as others see them."""

from __future__ import annotations

from collections.abc import Collection

from storage.holder import WorkerHolder
from storage.parts import part_of
from storage.postgres.database import PostgresDatabase
from storage.postgres.functions import utc_text


def holders(db: PostgresDatabase) -> list[WorkerHolder]:
    """The workers of a store whose lease has not ended, the oldest first."""
    rows = db.conn.execute(
        "SELECT h.pid, h.host, h.command, "
        f"  {utc_text('h.since')}, h.worker, h.configuration, "
        "  CAST(EXTRACT(epoch FROM h.until - now()) AS double precision), "
        "  (SELECT count(*) FROM parts p WHERE p.holder = h.id), "
        "  (SELECT json_object_agg(taken_from, n) FROM ("
        "    SELECT taken_from, count(*) AS n FROM parts p WHERE p.holder = h.id AND taken_from IS NOT NULL "
        "    GROUP BY taken_from) AS t) "
        "FROM holders h WHERE h.until >= now() ORDER BY h.id"
    ).fetchall()
    return [
        WorkerHolder(
            pid=pid, host=host, command=command, since=since, worker=worker, configuration=configuration,
            ends_in=ends_in, parts=parts, took_over=tuple((taken or {}).items()),
        )
        for pid, host, command, since, worker, configuration, ends_in, parts, taken in rows
    ]  # fmt: skip


def served_hosts(db: PostgresDatabase, hosts: Collection[str]) -> set[str]:
    """Those of the hosts that belong to a worker whose lease has not ended."""
    rows = db.conn.execute("SELECT p.part FROM parts p JOIN holders h ON h.id = p.holder AND h.until >= now()")
    taken = {row[0] for row in rows}
    return {host for host in hosts if part_of(host) in taken}
