"""A connection to a SQLite file as storage.engine.Database has it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils.db import Database as SqliteUtilsDatabase

from storage.sqlite.driver import sqlite3
from storage.sqlite.errors import translate_errors
from storage.sqlite.full_text import Fts5Index


class SqliteDatabase(SqliteUtilsDatabase):
    """A file. sqlite-utils has its tables; what the two engines do differently is below."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.path = path
        self.full_text = Fts5Index(self)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open: SQLite rolls it back itself on a full disk."""
        return bool(self.conn.in_transaction)

    def stream(self, sql: str, values: Any = (), /) -> Iterator[Any]:
        """The rows of a query; SQLite computes them as they are read."""
        return iter(self.conn.execute(sql, values))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One BEGIN IMMEDIATE transaction.

        In a deferred one, a read followed by a write fails at once if another writer was faster (measured).
        """
        with self.translate_errors():
            self.conn.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.full_text.write()
            except BaseException:
                self.full_text.pending.clear()
                if self.in_transaction:
                    self.conn.execute("ROLLBACK")
                raise
            self.conn.execute("COMMIT")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """One record inside a transaction: it alone is rolled back if it cannot be written."""
        self.conn.execute("SAVEPOINT record")
        before = len(self.full_text.pending)
        try:
            yield
        except BaseException:
            del self.full_text.pending[before:]
            if self.in_transaction:
                self.conn.execute("ROLLBACK TO record")
                self.conn.execute("RELEASE record")
            raise
        self.conn.execute("RELEASE record")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all queries inside see one state of the file, while others write."""
        with self.translate_errors():
            self.conn.execute("BEGIN")
        try:
            with self.translate_errors():
                self.conn.execute("SELECT count(*) FROM meta").fetchone()  # the snapshot begins with the first read
            yield
        finally:
            self.conn.execute("ROLLBACK")

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Limit the time of all queries inside, in total."""
        ends = time.monotonic() + seconds
        self.conn.set_progress_handler(lambda: time.monotonic() > ends, 20_000)
        try:
            yield
        finally:
            self.conn.set_progress_handler(None, 0)

    def translate_errors(self) -> Any:
        """Translate SQLite's errors into StorageError."""
        return translate_errors(self.path)

    def optimize(self) -> None:
        """Update the statistics of the query planner, and checkpoint the WAL."""
        self.conn.execute("PRAGMA optimize")
        self.conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def server_version(self) -> str | None:
        """None: a file has no server."""
        return None

    def timeline(self) -> int | None:
        """None: a file has no replica that could take over."""
        return None

    def last_ids(self) -> dict[str, int]:
        """The last ids that were given, by table."""
        return dict(self.conn.execute("SELECT name, seq FROM sqlite_sequence WHERE name <> 'changes'").fetchall())

    def set_last_id(self, table: str, last: int) -> None:
        """Let the next id of a table be after that one."""
        if not self.conn.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (last, table)).rowcount:
            self.conn.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, last))

    def using_index(self, name: str) -> str:
        """SQLite's planner has no statistics of a new file, and prefers a slower index."""
        return f"INDEXED BY {name}"

    def of_this_worker(self, host: str) -> str:  # noqa: ARG002 - one process has the lock of the file
        """All hosts do."""
        return "true"

    def leased_by_this_worker(self, host: str) -> str:  # noqa: ARG002
        """All hosts are."""
        return "true"

    def owns(self, host: str) -> bool:  # noqa: ARG002
        """All hosts belong to the one writer."""
        return True

    def visited_hosts(self) -> list[str]:
        """None: there is no other one."""
        return []

    def oldest_of_each_host(self, *, pending: str, leasable: str) -> tuple[str, str]:
        """The oldest few of each host, by an index on hosts: there may be a hundred thousand pending."""
        next_host = f"SELECT min(e.host) FROM entries e WHERE {pending}"
        hosts = (
            "hosts (host) AS ("
            f"  SELECT ({next_host}) "
            "  UNION ALL "
            f"  SELECT ({next_host} AND e.host > h.host) FROM hosts h WHERE h.host IS NOT NULL), "
        )
        oldest = (
            f"SELECT e.id FROM entries e WHERE e.host = h.host AND {leasable} "
            "ORDER BY coalesce(e.published_at, e.first_seen_at), e.id LIMIT :per_host"
        )
        return hosts, f"FROM hosts h CROSS JOIN entries x ON x.id IN ({oldest}) WHERE h.host IS NOT NULL"
