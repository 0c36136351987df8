"""Open the SQLite file safely: check that it is an intact newsdesk database, set WAL, synchronous FULL, foreign keys.

sqlite-utils uses pysqlite3 (SQLite 3.53) where it is installed; this module uses the same one, so that a process has
one SQLite library and, where a wheel exists, no version with the WAL-reset bug (3.7.0 to 3.51.2).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from sqlite_utils.db import Database

from storage.errors import (
    DamagedDatabase,
    DiskError,
    MissingDatabase,
    NewerDatabase,
    NotNewsdeskDatabase,
    OlderDatabase,
)
from storage.fsync import sync
from storage.search_folding import fold_all
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.driver import sqlite3
from storage.sqlite.errors import BUSY_SECONDS, error_code, translate_errors
from storage.sqlite.migrations import APPLICATION_ID, SCHEMA, migrations
from storage.utc import format_utc, parse_utc

SQLITE_VERSION: str = sqlite3.sqlite_version
MAX_HEAP = 268_435_456  # bytes that SQLite may allocate for all readers of a server together
MAX_VALUE = 20_000_000  # bytes of a value, and of a row, in untrusted SQL
_MAGIC = b"SQLite format 3\0"


def open_writer(path: Path) -> SqliteDatabase:
    """Open a writing connection; create the file and its tables, apply additive migrations.

    Raises:
        StorageError: not a newsdesk database, damaged, newer, read-only, or on a full disk; the file is left as it was.
    """
    if not path.exists():
        _create(path)
    _inspect(path)
    with _opening(path):
        connection = sqlite3.connect(str(path), timeout=BUSY_SECONDS, check_same_thread=False)
        try:
            _check_version(path, connection)
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            # a commit is durable when acknowledged: measured 1 sync per commit
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            # Keeps the memory of a long-running process constant; the operating system caches the file.
            connection.execute("PRAGMA cache_size=-4096")
            connection.execute("PRAGMA journal_size_limit=67108864")
            _functions(connection)
            _migrate(connection)
        except BaseException:
            connection.close()
            raise
    return SqliteDatabase(path, connection)


def _create(path: Path) -> None:
    """Create the file under a temporary name and rename it when complete.

    After a crash there is no partial file that could be taken for a foreign or truncated one.

    The creator holds the lock of the database, so there is one at a time. A write-ahead log without its file is
    deleted: SQLite, which deletes that of an empty file, would replay it into a new one.
    """
    if not path.parent.exists():
        raise DiskError(f"{path}: the folder {path.parent} does not exist; make it, or name another file with --db")
    whole = path.resolve()  # the path may be a link to the real location
    aside = whole.with_name(f".{whole.name}-new")
    try:
        _delete_with_wal(aside)
        with translate_errors(path):
            connection = sqlite3.connect(str(aside))
            try:
                connection.execute("PRAGMA synchronous=FULL")
                _migrate(connection)
            finally:
                connection.close()
        _delete_with_wal(whole, but_itself=True)
        try:
            os.link(aside, whole)
        except FileExistsError:  # created meanwhile by another program without the lock: checked like any existing file
            return
        except OSError:  # the file system has no hard links
            aside.rename(whole)
        sync(whole.parent)
    except OSError as error:
        raise DiskError(f"{path}: cannot be made: {error.strerror}; name another file with --db") from error
    finally:
        with suppress(OSError):
            _delete_with_wal(aside)


def _delete_with_wal(path: Path, *, but_itself: bool = False) -> None:
    for suffix in ("-wal", "-shm", "-journal") if but_itself else ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def open_reader(path: Path) -> SqliteDatabase:
    """Open a connection that cannot write; never creates a file.

    Raises:
        MissingDatabase: there is no file.
        StorageError: not a newsdesk database, damaged, or newer.
    """
    if not path.exists():
        raise MissingDatabase(
            f"no database at {path}; `newsdesk crawl` makes one there, or name yours with --db or NEWSDESK_DB"
        )
    _inspect(path)
    with _opening(path):
        connection = _connect_reader(path)
        connection.execute("PRAGMA query_only=ON")
        _functions(connection)
        _check_version(path, connection, empty_allowed=False)
    return SqliteDatabase(path, connection)


def limit_untrusted_sql(connection: sqlite3.Connection) -> None:
    """Keep untrusted SQL from creating huge values, and from what would let it forge a push.

    A single function call on one cannot be interrupted, and may use up the memory of the process.
    """
    connection.execute(f"PRAGMA hard_heap_limit={MAX_HEAP}")
    connection.set_authorizer(_allowed)
    if hasattr(connection, "setlimit"):  # pysqlite3 has none
        connection.setlimit(0, MAX_VALUE)  # SQLITE_LIMIT_LENGTH


def _allowed(action: int, table: str | None, name: str | None, *_: object) -> int:
    if action == sqlite3.SQLITE_READ and table == "pushes" and name in {"secret", "token"}:
        return int(sqlite3.SQLITE_IGNORE)  # NULL instead
    making = action == sqlite3.SQLITE_FUNCTION and name in {"randomblob", "zeroblob"}
    return int(sqlite3.SQLITE_DENY if making else sqlite3.SQLITE_OK)


def version_of(path: Path) -> int:
    """The schema version that a file was written with.

    Raises:
        StorageError: there is no file, or it is not a SQLite file.
    """
    if not path.exists():
        raise MissingDatabase(f"no database at {path}; `newsdesk crawl` makes one there")
    _inspect(path)
    with _opening(path):
        connection = _connect_reader(path)
        try:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
        finally:
            connection.close()


def _connect_reader(path: Path) -> sqlite3.Connection:
    """Connect read-only; on a read-only disk as immutable, as the WAL index cannot be created there."""
    name = f"file:{quote(str(path.resolve()))}"
    connection = sqlite3.connect(f"{name}?mode=ro", uri=True, timeout=BUSY_SECONDS, check_same_thread=False)
    try:
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if error_code(error) not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
            raise
        connection = sqlite3.connect(f"{name}?mode=ro&immutable=1", uri=True, check_same_thread=False)
    return connection


def _inspect(path: Path) -> None:
    """Check a file before SQLite does, as SQLite takes an empty one for a new database.

    Its bytes are not read: closing any descriptor of the file drops the POSIX locks of all connections of this process,
    and the next reader to close would delete the write-ahead log that they use.
    """
    if path.is_dir():
        raise DiskError(f"{path}: is a folder; name the database file in it")
    if not os.access(path, os.R_OK):
        raise DiskError(
            f"{path}: cannot be read: Permission denied; change its permissions, or name another file with --db"
        )
    if path.stat().st_size == 0:
        raise NotNewsdeskDatabase(
            f"{path}: the file is empty (0 bytes); a crash or a copy may have cut it: "
            "restore a backup, or delete it to start with an empty one"
        )


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    """Translate errors as translate_errors does; report a file that is no SQLite database as NotNewsdeskDatabase."""
    try:
        with translate_errors(path):
            yield
    except DamagedDatabase:
        with path.open("rb") as file:  # no connection of this process can have it open
            if not file.read(16).startswith(_MAGIC):
                raise NotNewsdeskDatabase(
                    f"{path}: not a SQLite database; newsdesk leaves it alone: name another file with --db"
                ) from None
        raise


def _check_version(path: Path, connection: sqlite3.Connection, *, empty_allowed: bool = True) -> None:
    """Refuse a database that is not newsdesk's, or newer, or, for a reader, older.

    A writer accepts a database without tables, as a killed first crawl may leave one.
    """
    found = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if found != APPLICATION_ID and not (found == 0 and tables == 0 and empty_allowed):
        raise NotNewsdeskDatabase(
            f"{path}: a SQLite database, but not newsdesk's; newsdesk leaves it alone: name another file with --db"
        )
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA:
        raise NewerDatabase(
            f"{path}: written by a newer newsdesk (schema {version}, this one knows {SCHEMA}); "
            "install that version, or name another file"
        )
    if version < SCHEMA and not empty_allowed:
        raise OlderDatabase(
            f"{path}: written by an older newsdesk (schema {version}, this one reads {SCHEMA}); "
            "`newsdesk db migrate`, or the next crawl, brings it up to date"
        )


def _functions(connection: sqlite3.Connection) -> None:
    """Add folded(): SQLite's lower() supports ASCII only; and shifted(), a time by so many seconds later."""
    connection.create_function(
        "folded", 1, lambda text: fold_all(text).casefold() if isinstance(text, str) else text, deterministic=True
    )
    connection.create_function("shifted", 2, _shifted)


def _shifted(time: str, seconds: int) -> str:
    return format_utc(parse_utc(time) + timedelta(seconds=seconds))


def _migrate(connection: sqlite3.Connection) -> None:
    """Apply additive migrations and set the file's identity, if anything is pending."""
    db = Database(connection)
    if connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA and not migrations.pending(db):
        return
    migrations.apply(db)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA user_version={SCHEMA}")
    for key, value in (("database_id", secrets.token_hex(8)), ("generation", "1"), ("schema", str(SCHEMA))):
        connection.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO NOTHING", (key, value))
    connection.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (str(SCHEMA),))
    connection.execute("COMMIT")
