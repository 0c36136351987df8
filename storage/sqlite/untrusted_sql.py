"""Run one untrusted SQL query: read-only, with limits of time and size.

It runs in a process that may be killed meanwhile (crawler/outputs/browse/sql_workers.py).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from storage.search_folding import fold
from storage.sql.searched import Searched
from storage.sql.versions import SEARCH_FOLDING, version
from storage.sqlite.connection import limit_untrusted_sql, open_reader
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.driver import sqlite3
from storage.sqlite.full_text import Fts5Syntax

MOST_BYTES = 64 * 1024**2  # of one result
_open: dict[int, sqlite3.Connection] = {}  # per process: the connection, by the inode of its file


def connect(path: str) -> sqlite3.Connection:
    """The connection to the current file: a restored backup is another file.

    Raises:
        StorageError: it cannot be read.
        OSError: there is no file.
    """
    inode = Path(path).stat().st_ino
    if inode not in _open:
        from datasette.sql_functions import prepare_connection

        connection = open_reader(Path(path)).conn
        connection.text_factory = lambda raw: str(raw, "utf-8", "replace")
        prepare_connection(connection)
        # Datasette's search form: words as the index has them
        connection.create_function("escape_fts", 1, lambda query: _match(str(query), _folding(connection)))
        limit_untrusted_sql(connection)
        _open.clear()
        _open[inode] = connection
    return _open[inode]


def _match(query: str, folding: int) -> str:
    """The part of a query that the index alone can answer; of none, an empty phrase, which finds nothing."""
    return Searched.compiled(query, Fts5Syntax(folding), "searched").ranked or '""'


def _folding(connection: sqlite3.Connection) -> int:
    return version(SqliteDatabase(Path(), connection), SEARCH_FOLDING)


def answer(
    path: str, sql: str, params: Any, most: int | None, milliseconds: float
) -> tuple[tuple[str, ...], list[tuple[Any, ...]], bool]:
    """Run one query.

    Args:
        path: the database.
        sql: one statement.
        params: its values, by name or in order; None for none.
        most: rows; None for all.
        milliseconds: the time limit.

    Returns:
        (columns, rows, whether there are more).

    Raises:
        MemoryError: the result has more than MOST_BYTES.
        sqlite3.Error: from SQLite; "interrupted" after the time limit.
    """
    connection = connect(path)
    if isinstance(params, dict) and "articles_fts MATCH" in sql and _folding(connection) > 1:
        params = {name: fold(value) if isinstance(value, str) else value for name, value in params.items()}
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
