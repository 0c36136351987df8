"""A connection to a PostgreSQL server as storage.engine.Database has it.

Values are put into statements by the client (psycopg.ClientCursor), so that a statement keeps no state on the server:
connections may come from pgbouncer in transaction mode. Every statement runs in a transaction that begins with the
settings it needs, for the same reason.

Every writing transaction takes one lock first, the twin of SQLite's BEGIN IMMEDIATE: what is looked up stays true until
it is written, and `changes` are numbered in the order in which they become visible.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import islice
from typing import Any, Protocol

import psycopg
from psycopg.adapt import Loader
from psycopg.pq import TransactionStatus

from storage.address import ServerAddress
from storage.errors import LeaseLost, QueryTimeout
from storage.parts import PARTS, part_of
from storage.postgres.conninfo import parameters
from storage.postgres.errors import translate_errors
from storage.postgres.full_text import TsvectorIndex
from storage.postgres.marks import translate_marks
from storage.postgres.values import clean

WRITING = 0x4E444B31  # the key of the advisory lock: "NDK1", as in the head of a SQLite file
BUSY_SECONDS = 60  # for which a transaction waits for the lock
IDLE_SECONDS = 15  # after which a transaction of a suspended process is ended: it holds the lock that all others need
_IDLE = "idle_in_transaction_session_timeout"
_SETTINGS = (
    "SET LOCAL search_path TO newsdesk, pg_catalog, pg_temp; "
    "SET LOCAL random_page_cost = 1.1; "  # of a solid-state disk, or memory
    f"SET LOCAL {_IDLE} = '{IDLE_SECONDS}s'"
)
# A writer's queries have an index each. The planner reads all of a table where its statistics are old, or are not there
# yet: a new store grows from nothing to a million rows between two runs of autovacuum.
_WRITER_SETTINGS = f"{_SETTINGS}; SET LOCAL enable_seqscan = off"
_BATCH = 500  # rows of a stream that are fetched at once
_MANY = 200  # statements of an executemany that are sent at once
_OPEN = {TransactionStatus.INTRANS, TransactionStatus.INERROR, TransactionStatus.ACTIVE}


class _NumberLoader(Loader):
    """numeric, which sums and averages are, as int or float."""

    def load(self, data: Any) -> int | float:
        text = bytes(data).decode()
        return float(text) if "." in text else int(text)


class Result:
    """The rows of one statement, all fetched."""

    def __init__(self, rows: Sequence[Any] = (), rowcount: int = -1, description: Any = None) -> None:
        self._rows = iter(rows)
        self.rowcount = rowcount
        self.description = description

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def fetchone(self) -> Any:
        """The next row; None after the last one."""
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        """The remaining rows."""
        return list(self._rows)


class PostgresConnection:
    """One connection; made when it is needed, and anew when the server ended it."""

    def __init__(self, address: ServerAddress, *, read_only: bool) -> None:
        self.address = address
        self.read_only = read_only
        self.deadline: float | None = None  # time.monotonic() until which queries may run
        self._raw: psycopg.Connection[Any] | None = None
        self._streams = 0  # open streams outside of a transaction of the caller

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._raw is not None and self._raw.info.transaction_status in _OPEN

    def begin(self, how: str, *more: str) -> list[Any]:
        """Begin a transaction; returns the rows of the last statement.

        Args:
            how: the mode of the transaction, such as READ ONLY.
            more: statements to run at its beginning, in the same round trip.
        """
        text = "; ".join([f"BEGIN {how}", _SETTINGS if self.read_only else _WRITER_SETTINGS, *more])
        was_open = self._raw is not None and not self._raw.closed
        try:
            return self._send(text).fetchall()
        except psycopg.OperationalError:
            if not was_open or not self._is_lost():
                self.rollback()
                raise
        return self._send(text).fetchall()  # the server was restarted since the last transaction

    def commit(self) -> None:
        """Commit the transaction, if one is open."""
        if self.in_transaction:
            self._send("COMMIT")

    def rollback(self) -> None:
        """Roll back, as far as there is a connection."""
        with suppress(psycopg.Error):
            if self.in_transaction:
                self._send("ROLLBACK")

    def execute(self, sql: str, values: Any = (), /) -> Result:
        """Run one statement; outside of a transaction in one of its own."""
        text = self.bound(sql, values)
        if self.in_transaction:
            return self._send(f"{self._limit()}{text}")
        self.begin("READ ONLY" if self.read_only else "")
        try:
            result = self._send(f"{self._limit()}{text}")
            self._send("COMMIT")
        except BaseException:
            self.rollback()
            raise
        return result

    def executemany(self, sql: str, rows: Iterable[Any], /) -> Result:
        """Run one statement for each of the rows, many in one round trip."""
        texts = (self.bound(sql, values) for values in rows)
        count = 0
        while batch := list(islice(texts, _MANY)):
            count += self.execute(_Bound("; ".join(batch))).rowcount
        return Result(rowcount=count)

    def stream(self, sql: str, values: Any = (), /) -> Iterator[Any]:
        """The rows of a query, by a cursor of the server, so that they are never all in memory."""
        own = not self.in_transaction or self._streams > 0
        if own and not self._streams:
            self.begin("READ ONLY" if self.read_only else "")
        self._streams += own
        name = f"stream_{random.getrandbits(64):x}"
        try:
            self.execute(_Bound(f"DECLARE {name} NO SCROLL CURSOR FOR {self.bound(sql, values)}"))
            more = True
            while more:
                rows = self.execute(_Bound(f"FETCH {_BATCH} FROM {name}")).fetchall()
                more = len(rows) == _BATCH
                if not more and own:
                    self._streams -= 1
                    own = False
                    if not self._streams:
                        self.commit()
                yield from rows
        finally:
            self._streams -= own
            if own and not self._streams:
                self.rollback()

    def bound(self, sql: str, values: Any) -> str:
        """The statement with its values."""
        if isinstance(sql, _Bound) or (not values and not isinstance(values, Mapping)):
            return sql
        cursor = psycopg.ClientCursor(self._open())
        return cursor.mogrify(translate_marks(sql), clean(values))

    def _limit(self) -> str:
        if self.deadline is None:
            return ""
        left = round((self.deadline - time.monotonic()) * 1000)
        if left <= 0:
            raise QueryTimeout(
                f"{self.address}: this query takes too long here; narrow it: a source, a day, a rarer word"
            )
        return f"SET LOCAL statement_timeout = {left}; "

    def _open(self) -> psycopg.Connection[Any]:
        if self._raw is None or self._raw.closed:
            self._streams = 0
            self._raw = psycopg.connect(
                **parameters(self.address, writing=not self.read_only), autocommit=True, prepare_threshold=None
            )
            self._raw.adapters.register_loader("numeric", _NumberLoader)
        return self._raw

    def _send(self, text: str) -> Result:
        """Run statements in one round trip; returns the rows of the last one, and the number of rows of all."""
        try:
            with psycopg.ClientCursor(self._open()) as cursor:
                cursor.execute(text.encode())
                count, result = 0, Result()
                while True:
                    count += max(0, cursor.rowcount)
                    rows = cursor.fetchall() if cursor.description else []
                    result = Result(rows, count, cursor.description)
                    if not cursor.nextset():
                        return result
        except psycopg.Error as error:
            if error.sqlstate == "25006" and not self.read_only:  # demoted: the next attempt looks for the primary
                self.close()
            raise

    def _is_lost(self) -> bool:
        return self._raw is None or bool(self._raw.closed)

    def close(self) -> None:
        """Close the connection; the next statement makes another one."""
        if self._raw is not None:
            with suppress(psycopg.Error):
                self._raw.close()
            self._raw = None


class _Bound(str):
    """A statement that has its values."""

    __slots__ = ()


class Worker(Protocol):
    """What a database needs to know of the worker that writes; see storage.postgres.holders."""

    @property
    def id(self) -> int:
        """The id of its row in holders: without it no transaction writes."""

    @property
    def parts(self) -> frozenset[int]:
        """The parts whose hosts belong to it now."""


class PostgresDatabase:
    """A database on a server."""

    def __init__(self, address: ServerAddress, *, read_only: bool) -> None:
        self.address = address
        self.conn = PostgresConnection(address, read_only=read_only)
        self.full_text = TsvectorIndex(self)
        self.worker: Worker | None = None  # that this process is among several; None: all hosts are its own

    @property
    def parts(self) -> frozenset[int] | None:
        """The parts of hosts that belong to this worker now; None: all do."""
        return None if self.worker is None else self.worker.parts

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open; the connection may be lost."""
        return self.conn.in_transaction

    def stream(self, sql: str, values: Any = (), /) -> Iterator[Any]:
        """The rows of a query that may have very many."""
        return self.conn.stream(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One writing transaction, refused where the lease of this worker was taken over.

        Raises:
            LeaseLost: it was.
            StorageError: it cannot be written; everything inside is rolled back.
        """
        with self.translate_errors():
            worker = self.worker
            fence = [] if worker is None else [f"SELECT id FROM holders WHERE id = {worker.id} FOR KEY SHARE"]
            lock = (f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'", f"SELECT pg_advisory_xact_lock({WRITING})")
            found = self.conn.begin("", *lock, *fence)
            if fence and not found:
                self.conn.rollback()
                raise self._lease_lost()
            try:
                yield
                self.full_text.write()
            except BaseException:
                self.conn.rollback()
                raise
            self.conn.commit()

    def _lease_lost(self) -> LeaseLost:
        return LeaseLost(
            f"{self.address}: the lease of this worker ended (it was suspended, or the server could not be reached), "
            "and others took its hosts over; what it had under way is requested again by them"
        )

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of a transaction that is rolled back alone."""
        self.conn.execute("SAVEPOINT record")
        try:
            yield
        except BaseException:
            if self.in_transaction:
                with suppress(psycopg.Error):
                    self.conn.execute("ROLLBACK TO record; RELEASE record")
            raise
        self.conn.execute("RELEASE record")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all queries inside see one state of the database, while others write."""
        with self.translate_errors():
            # it takes no lock, and a copy writes elsewhere between two reads
            self.conn.begin("ISOLATION LEVEL REPEATABLE READ READ ONLY", f"SET LOCAL {_IDLE} = '1h'")
        try:
            yield
        finally:
            self.conn.rollback()

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Limit the time of all queries inside, in total."""
        self.conn.deadline = time.monotonic() + seconds
        try:
            yield
        finally:
            self.conn.deadline = None

    def translate_errors(self) -> AbstractContextManager[None]:
        """Translate PostgreSQL's errors into StorageError."""
        return translate_errors(self.address)

    def close(self) -> None:
        """Close the connection."""
        self.conn.close()

    def optimize(self) -> None:
        """Nothing: the server's autovacuum does it."""

    def last_ids(self) -> dict[str, int]:
        """The last ids that were given, by table."""
        rows = self.conn.execute(
            "SELECT c.relname, pg_sequence_last_value(d.objid) FROM pg_depend d "
            "JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' "
            "JOIN pg_class c ON c.oid = d.refobjid AND c.relnamespace = to_regnamespace('newsdesk') "
            "WHERE d.deptype = 'i' AND c.relname <> 'holders'"
        ).fetchall()
        return {table: last for table, last in rows if last is not None}

    def set_last_id(self, table: str, last: int) -> None:
        """Let the next id of a table be after that one."""
        self.conn.execute("SELECT setval(pg_get_serial_sequence(?, 'id'), ?)", (f"newsdesk.{table}", last))

    def using_index(self, name: str) -> str:  # noqa: ARG002 - PostgreSQL takes no hints
        """No hint."""
        return ""

    def of_this_worker(self, host: str) -> str:
        """The condition that the host in a column belongs to one of this worker's parts."""
        parts = self.parts
        return "true" if parts is None else in_parts(host, parts)

    def owns(self, host: str) -> bool:
        """Whether a host belongs to one of this worker's parts."""
        parts = self.parts
        return parts is None or part_of(host) in parts

    def oldest_of_each_host(self, *, when: str, pending: str, leasable: str) -> tuple[str, str]:
        """The oldest few entries of some hosts: the walk over hosts ends when there are enough.

        It begins at a random part, so that each has its turn where more is pending than is leased at once. A walk over
        all hosts takes 700 ms with 20,000 of them (measured), this one some milliseconds with any number.
        """
        own = self.parts
        parts = sorted(range(PARTS) if own is None else own)
        start = random.randrange(len(parts)) if parts else 0
        next_host = f"SELECT e.host FROM entries e WHERE {pending} AND part(e.host) = p.part"
        leased = "SELECT count(*) FROM entries l WHERE l.host = h.host AND l.state = 'leased'"
        chosen = (
            f"SELECT x.id, row_number() OVER (PARTITION BY x.host ORDER BY {when}, x.id) AS host_rank, x.host "
            "FROM ("
            "  SELECT o.* "
            f"  FROM unnest({_array([*parts[start:], *parts[:start]])}) AS p (part) "
            "  CROSS JOIN LATERAL ("
            "    WITH RECURSIVE hosts (host) AS ("
            f"      ({next_host} ORDER BY e.host LIMIT 1) "
            "      UNION ALL "
            f"      SELECT ({next_host} AND e.host > h.host ORDER BY e.host LIMIT 1) "
            "      FROM hosts h WHERE h.host IS NOT NULL) "
            "    SELECT host FROM hosts WHERE host IS NOT NULL) h "
            "  CROSS JOIN LATERAL ("
            "    SELECT e.id, e.host, e.published_at, e.first_seen_at FROM entries e "
            f"    WHERE part(e.host) = p.part AND e.host = h.host AND ({leased}) < :per_host AND {leasable} "
            "    ORDER BY coalesce(e.published_at, e.first_seen_at), e.id "
            "    LIMIT :per_host) o "
            "  LIMIT :limit) x"
        )
        return "", chosen


def in_parts(host: str, parts: Iterable[int]) -> str:
    """The condition that the host in a column belongs to one of these parts."""
    return f"part({host}) = ANY ({_array(parts)})"


def _array(parts: Iterable[int]) -> str:
    return f"'{{{','.join(map(str, parts))}}}'::int[]"
