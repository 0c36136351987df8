"""SQLite's errors as StorageError: one line with the file, the cause and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import DamagedDatabase, DatabaseBusy, DiskError, QueryTimeout, StorageError
from storage.sqlite.driver import sqlite3

BUSY_SECONDS = 60.0  # another program (a sqlite3 shell, a backup) may hold SQLite's write lock for a while


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Translate SQLite's errors into StorageError."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise storage_error(path, error) from error


# User messages for SQLite's primary result codes (sqlite.org/rescode.html). The error text is not searched: "no such
# table: fulltext" does not mean a full disk.
_CAUSES: dict[int, tuple[type[StorageError], str]] = {
    sqlite3.SQLITE_FULL: (
        DiskError,
        "the disk is full; nothing acknowledged is lost: make room and run the command again",
    ),
    sqlite3.SQLITE_READONLY: (
        DiskError,
        "read-only; newsdesk needs to write the file and its folder (reading commands still work)",
    ),
    sqlite3.SQLITE_BUSY: (
        DatabaseBusy,
        (
            f"another program has been writing for {BUSY_SECONDS:.0f} s; "
            "close it (a sqlite3 shell with an open transaction?) and try again"
        ),
    ),
    sqlite3.SQLITE_CANTOPEN: (DiskError, "cannot be opened; does its folder exist, and may newsdesk write there?"),
    sqlite3.SQLITE_INTERRUPT: (
        QueryTimeout,
        "this query takes too long here; narrow it: a source, a day, a rarer word",
    ),
    sqlite3.SQLITE_IOERR: (DiskError, "the disk failed ({text}); check it, then `newsdesk db check`"),
    sqlite3.SQLITE_CORRUPT: (
        DamagedDatabase,
        (
            "damaged ({text}); `newsdesk db restore BACKUP` brings a backup back, "
            "`sqlite3 {path} .recover` saves what can be read"
        ),
    ),
}
_SAME = {
    sqlite3.SQLITE_LOCKED: sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_PROTOCOL: sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_PERM: sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB: sqlite3.SQLITE_CORRUPT,
}

# Errors of the backup API have no code, only the exact texts of sqlite3_errstr.
_SAID = {
    "database or disk is full": sqlite3.SQLITE_FULL,
    "disk I/O error": sqlite3.SQLITE_IOERR,
    "database disk image is malformed": sqlite3.SQLITE_CORRUPT,
    "file is not a database": sqlite3.SQLITE_NOTADB,
    "database is locked": sqlite3.SQLITE_BUSY,
    "database table is locked": sqlite3.SQLITE_LOCKED,
    "attempt to write a readonly database": sqlite3.SQLITE_READONLY,
    "unable to open database file": sqlite3.SQLITE_CANTOPEN,
}


def storage_error(path: Path, error: Exception) -> StorageError:
    """The StorageError for an SQLite error on that file."""
    code = error_code(error)
    kind, text = _CAUSES.get(_SAME.get(code, code), (StorageError, "{text}"))
    return kind(f"{path}: {text.format(text=error, path=path)}")


def error_code(error: Exception) -> int:
    """SQLite's primary result code; -1 for errors of the Python module itself."""
    code = getattr(error, "sqlite_errorcode", None)
    return _SAID.get(str(error), -1) if code is None else int(code) & 0xFF
