"""A connection to a PostgreSQL server, as storage.engine.Connection has it.

Values are put into statements by the client (psycopg.ClientCursor), so that a statement keeps no state on the server:
connections may come from pgbouncer in transaction mode. Every statement runs in a transaction that begins with the
settings it needs, for the same reason.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import psycopg
from psycopg.adapt import Loader
from psycopg.pq import TransactionStatus

from storage.address import ServerAddress
from storage.errors import QueryTimeout
from storage.postgres.conninfo import parameters
from storage.postgres.marks import translate_marks
from storage.postgres.values import clean

IDLE_SECONDS = 15  # after which a transaction of a suspended process is ended: it has the lock that all others need
IDLE_SETTING = "idle_in_transaction_session_timeout"
_SETTINGS = (
    "SET LOCAL search_path TO newsdesk, pg_catalog, pg_temp; "
    "SET LOCAL random_page_cost = 1.1; "  # of a solid-state disk, or memory
    f"SET LOCAL {IDLE_SETTING} = "
)
# A writer's queries have an index each. The planner reads all of a table where its statistics are old, or are not there
# yet: a new store grows from nothing to a million rows between two runs of autovacuum.
_WRITER_SETTINGS = f"{_SETTINGS}'{IDLE_SECONDS}s'; SET LOCAL enable_seqscan = off"
_READER_SETTINGS = f"{_SETTINGS}'1h'"  # it has no lock, and its rows may be read slowly
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
        text = "; ".join([f"BEGIN {how}", _READER_SETTINGS if self.read_only else _WRITER_SETTINGS, *more])
        self.rollback()  # what an earlier error left open
        was_open = not self._is_lost()
        try:
            try:
                return self._send(text).fetchall()
            except psycopg.OperationalError:
                if not was_open or not self._is_lost():
                    raise
            return self._send(text).fetchall()  # the server was restarted since the last transaction
        except BaseException:
            self.rollback()
            raise

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
