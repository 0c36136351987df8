"""Run untrusted SQL in processes that can be killed.

SQLite cannot interrupt a single function, and instr() over megabytes takes minutes.

Each process has its own read-only connection with the limits of storage.sqlite.connection.limit_untrusted_sql. A query
that outlasts its time limit is killed with its process, which is replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import signal
from collections.abc import Sequence
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, overload

from pebble import ProcessExpired, ProcessPool

from crawler.startup import limit, start_servers
from storage.errors import StorageError
from storage.sqlite.untrusted_sql import answer, connect

WORKERS = 3  # concurrent queries
GRACE = 2.0  # seconds between a query's time limit and the killing of its process
MEMORY = 1024**3  # bytes of address space of one process
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__, "datasette.sql_functions"])


class Killed(Exception):  # noqa: N818  # named after the condition
    """A query took longer than its time limit, and its process was killed."""


class Row(tuple[Any, ...]):  # noqa: SLOT001  # a tuple allows only empty slots
    """A row like sqlite3.Row: access by number, by name, and as a tuple."""

    columns: tuple[str, ...]

    @classmethod
    def of(cls, columns: tuple[str, ...], values: Sequence[Any]) -> Row:
        """Make a row."""
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
    """The worker processes of one server, for one database."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pool: ProcessPool | None = None
        self._turns = asyncio.Semaphore(WORKERS)  # waiting in pebble's own queue would count against the time limit

    async def run(
        self, sql: str, params: Any, *, most: int | None, milliseconds: float
    ) -> tuple[tuple[str, ...], list[Row], bool]:
        """Run one query.

        Args:
            sql: one statement.
            params: its values, by name or in order.
            most: rows; None for all.
            milliseconds: the time limit.

        Returns:
            (columns, rows, whether there are more).

        Raises:
            Killed: it could not be interrupted.
            sqlite3.Error: from SQLite; "interrupted" after the time limit.
        """
        async with self._turns:
            for again in (True, False):
                pool = self._ready()
                try:
                    future = pool.schedule(
                        answer,
                        args=(str(self.path), sql, params, most, milliseconds),
                        timeout=milliseconds / 1000 + GRACE,
                    )
                    columns, rows, more = await asyncio.wrap_future(future)
                    break
                except (FutureTimeout, TimeoutError, ProcessExpired, CancelledError) as error:
                    raise Killed("interrupted") from error
                # the system had no process left, or the processes were killed
                except (RuntimeError, BrokenProcessPool):
                    if pool is self._pool:
                        await asyncio.to_thread(self.close)
                    if not again:
                        raise
        return columns, [Row.of(columns, row) for row in rows], more

    def _ready(self) -> ProcessPool:
        """The pool of processes, started on first use."""
        if self._pool is None:
            start_servers()
            self._pool = ProcessPool(
                max_workers=WORKERS, initializer=_begin, initargs=(str(self.path),), context=_CONTEXT
            )
        return self._pool

    def close(self) -> None:
        """Stop the processes."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()
            with contextlib.suppress(FutureTimeout, TimeoutError):
                pool.join(timeout=5)


def _begin(path: str) -> None:
    """Set up a new process before its first query, so that the setup does not count against the query's time limit."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server handles it
    limit("RLIMIT_AS", MEMORY)
    with contextlib.suppress(StorageError, OSError):  # the query will meet the same error and report it
        connect(path)
