"""One question of a stranger's, in SQL: read-only, with limits of time and size. For a process that may be killed meanwhile (crawler/outputs/browse/sql_workers.py)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from storage.sqlite.connection import limit_untrusted_sql, open_reader

MOST_BYTES = 64 * 1024**2  # of one answer
_open: dict[str, Any] = {}  # of this process: the connection, and the file that it is of


def connect(path: str) -> Any:
    """The connection to the file that is there now: a restored backup is another one.

    Raises:
        StorageError: it cannot be read.
        OSError: nothing is there.
    """
    inode = Path(path).stat().st_ino
    if _open.get("inode") != inode:
        from datasette.sql_functions import prepare_connection

        connection = open_reader(Path(path)).conn
        connection.text_factory = lambda raw: str(raw, "utf-8", "replace")
        prepare_connection(connection)
        limit_untrusted_sql(connection)
        _open.update(inode=inode, connection=connection)
    return _open["connection"]


def answer(
    path: str, sql: str, params: Any, most: int | None, milliseconds: float
) -> tuple[tuple[str, ...], list[tuple[Any, ...]], bool]:
    """Answer one question.

    Args:
        path: the database.
        sql: one statement.
        params: its values, by name or in order; None for none.
        most: rows; None for all.
        milliseconds: after which it is interrupted.

    Returns:
        (columns, rows, whether there are more).

    Raises:
        MemoryError: the answer has more than MOST_BYTES.
        sqlite3.Error: what SQLite says of it; "interrupted" where it took too long.
    """
    connection = connect(path)
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
