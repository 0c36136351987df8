"""SQL of strangers, answered in processes that can be killed: SQLite cannot interrupt one function, and instr() over megabytes takes minutes.

Each process has a read-only connection of its own and the limits of a reader (storage.sqlite.connection.bound). A question that its time limit does not
end is ended with its process, which is replaced.
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

WORKERS = 3  # questions at a time
GRACE = 2.0  # seconds after its time limit, until a question's process is killed
MEMORY = 1024**3  # bytes of address space of one process
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__, "datasette.sql_functions"])


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

    async def run(
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
                except (RuntimeError, BrokenProcessPool):  # the system had no process left, or somebody ended them
                    if pool is self._pool:
                        await asyncio.to_thread(self.close)
                    if not again:
                        raise
        return columns, [Row.of(columns, row) for row in rows], more

    def _ready(self) -> ProcessPool:
        """The processes, started if they are not there."""
        if self._pool is None:
            start_servers()
            self._pool = ProcessPool(
                max_workers=WORKERS, initializer=_begin, initargs=(str(self.path),), context=_CONTEXT
            )
        return self._pool

    def close(self) -> None:
        """End the processes."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()
            with contextlib.suppress(FutureTimeout, TimeoutError):
                pool.join(timeout=5)


def _begin(path: str) -> None:
    """In a new process, before its first question: what takes long must not take of that one's time."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server's to answer
    limit("RLIMIT_AS", MEMORY)
    with contextlib.suppress(StorageError, OSError):  # the question will meet it too, and say so
        connect(path)
