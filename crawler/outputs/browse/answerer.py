"""SQL of strangers, answered in processes that can be killed: SQLite cannot interrupt one function, and instr() over megabytes takes minutes.

Each process has a read-only connection of its own and the limits of a reader (storage.connection.bound). A question that its time limit does not
end is ended with its process, which is replaced.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import signal
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import Any, overload

from pebble import ProcessExpired, ProcessPool

WORKERS = 3  # questions at a time
GRACE = 1.0  # seconds after its time limit, until a question's process is killed
MOST_BYTES = 64 * 1024**2  # of one answer
MEMORY = 1024**3  # bytes of address space of one process
_CONTEXT = multiprocessing.get_context("forkserver")


class Killed(Exception):  # noqa: N818 - named for what was met
    """A question took longer than it may, and its process was ended."""


class Row(tuple[Any, ...]):  # noqa: SLOT001 - a tuple takes no slots but empty ones
    """A row as sqlite3.Row is one: by number, by name, and as a tuple."""

    columns: tuple[str, ...]

    @classmethod
    def of(cls, columns: tuple[str, ...], values: Sequence[Any]) -> Row:
        """Make one."""
        row = cls(values)
        row.columns = columns
        return row

    def keys(self) -> list[str]:
        """The columns."""
        return list(self.columns)

    @overload  # type: ignore[override]
    def __getitem__(self, key: int | str) -> Any: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Any, ...]: ...
    def __getitem__(self, key: int | str | slice) -> Any:
        if isinstance(key, str):
            for number, name in enumerate(self.columns):
                if name.lower() == key.lower():
                    return super().__getitem__(number)
            raise IndexError(f"no column {key!r}")
        return super().__getitem__(key)


class Answerer:
    """The processes of one server, for one database."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pool: ProcessPool | None = None
        self._turns = asyncio.Semaphore(WORKERS)  # what waits in pebble's own queue would wait in its time limit

    async def ask(
        self, sql: str, params: Any, *, most: int | None, milliseconds: float
    ) -> tuple[tuple[str, ...], list[Row], bool]:
        """Answer one question.

        Args:
            sql: one statement.
            params: its values, by name or in order.
            most: rows; None for all.
            milliseconds: after which it is interrupted.

        Returns:
            (columns, rows, whether there are more).

        Raises:
            Killed: it could not even be interrupted.
            sqlite3.Error: what SQLite says of it; "interrupted" where it took too long.
        """
        async with self._turns:
            if self._pool is None:
                self._pool = ProcessPool(max_workers=WORKERS, initializer=_begin, context=_CONTEXT)
            future = self._pool.schedule(
                _answer, args=(str(self.path), sql, params, most, milliseconds), timeout=milliseconds / 1000 + GRACE
            )
            try:
                columns, rows, more = await asyncio.wrap_future(future)
            except (FutureTimeout, TimeoutError, ProcessExpired, CancelledError) as error:
                raise Killed("interrupted") from error
        return columns, [Row.of(columns, row) for row in rows], more

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.stop()
            self._pool.join(timeout=5)
            self._pool = None


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server's to answer
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard), hard))


_open: dict[str, Any] = {}  # of this process: the connection, and the file that it is of


def _connection(path: str) -> Any:
    """A connection to the file that is there now: a restored backup is another one."""
    inode = Path(path).stat().st_ino
    if _open.get("inode") != inode:
        from datasette.sql_functions import prepare_connection

        from storage.connection import bound, open_reader

        connection = open_reader(Path(path)).conn
        connection.text_factory = lambda raw: str(raw, "utf-8", "replace")
        prepare_connection(connection)
        bound(connection)
        _open.update(inode=inode, connection=connection)
    return _open["connection"]


def _answer(
    path: str, sql: str, params: Any, most: int | None, milliseconds: float
) -> tuple[tuple[str, ...], list[tuple[Any, ...]], bool]:
    connection = _connection(path)
    end = time.perf_counter() + milliseconds / 1000
    connection.set_progress_handler(lambda: time.perf_counter() >= end, 1000)
    try:
        cursor = connection.execute(sql, params if params is not None else {})
        columns = tuple(column[0] for column in cursor.description or ())
        rows = cursor.fetchall() if most is None else cursor.fetchmany(most + 1)
    finally:
        connection.set_progress_handler(None, 0)
    if sum(len(cell) for row in rows for cell in row if isinstance(cell, str | bytes)) > MOST_BYTES:
        raise MemoryError
    more = most is not None and len(rows) > most
    return columns, [tuple(row) for row in (rows[:most] if more else rows)], more
