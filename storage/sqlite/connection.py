"""Open the SQLite file safely: check that it is an intact newsdesk database, set WAL, synchronous FULL, foreign keys.

sqlite-utils uses pysqlite3 (SQLite 3.53) where it is installed; this module uses the same one, so that a process has
one SQLite library and, where a wheel exists, no version with the WAL-reset bug (3.7.0 to 3.51.2).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from sqlite_utils.db import Database

from storage.errors import (
    DamagedDatabase,
    DatabaseBusy,
    DiskError,
    MissingDatabase,
    NewerDatabase,
    NotNewsdeskDatabase,
    OlderDatabase,
    QueryTimeout,
    StorageError,
)
from storage.fsync import sync
from storage.search_folding import fold_all
from storage.sqlite.driver import sqlite3
from storage.sqlite.fts_index import WritingDatabase, flush
from storage.sqlite.migrations import APPLICATION_ID, SCHEMA, migrations

SQLITE_VERSION: str = sqlite3.sqlite_version
BUSY_SECONDS = 60.0  # another program (a sqlite3 shell, a backup) may hold SQLite's write lock for a while
MAX_HEAP = 268_435_456  # bytes that SQLite may allocate for all readers of a server together
MAX_VALUE = 20_000_000  # bytes of a value, and of a row, in untrusted SQL
_MAGIC = b"SQLite format 3\0"


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
    code = _code(error)
    kind, text = _CAUSES.get(_SAME.get(code, code), (StorageError, "{text}"))
    return kind(f"{path}: {text.format(text=error, path=path)}")


def _code(error: Exception) -> int:
    """SQLite's primary result code; -1 for errors of the Python module itself."""
    code = getattr(error, "sqlite_errorcode", None)
    return _SAID.get(str(error), -1) if code is None else int(code) & 0xFF


def open_writer(path: Path) -> WritingDatabase:
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
    return WritingDatabase(connection)


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
        raise DiskError(f"{path}: cannot be made: {error.strerror}") from error
    finally:
        with suppress(OSError):
            _delete_with_wal(aside)


def _delete_with_wal(path: Path, *, but_itself: bool = False) -> None:
    for suffix in ("-wal", "-shm", "-journal") if but_itself else ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def open_reader(path: Path) -> Database:
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
    return Database(connection)


def limit_untrusted_sql(connection: sqlite3.Connection) -> None:
    """Keep untrusted SQL from creating huge values.

    A single function call on one cannot be interrupted, and may use up the memory of the process.
    """
    connection.execute(f"PRAGMA hard_heap_limit={MAX_HEAP}")
    connection.set_authorizer(_allowed)
    if hasattr(connection, "setlimit"):  # pysqlite3 has none
        connection.setlimit(0, MAX_VALUE)  # SQLITE_LIMIT_LENGTH


def _allowed(action: int, _: str | None, name: str | None, *__: object) -> int:
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
        if _code(error) not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
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
        raise DiskError(f"{path}: cannot be read: Permission denied")
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
    """Add folded(): SQLite's lower() supports ASCII only."""
    connection.create_function(
        "folded", 1, lambda text: fold_all(text).casefold() if isinstance(text, str) else text, deterministic=True
    )


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


@contextmanager
def transaction(path: Path, db: WritingDatabase) -> Iterator[None]:
    """One BEGIN IMMEDIATE transaction.

    In a deferred one, a read followed by a write fails at once if another writer was faster (measured).
    """
    with translate_errors(path):
        db.conn.execute("BEGIN IMMEDIATE")
        try:
            yield
            flush(db)
        except BaseException:
            db.pending.clear()
            if db.conn.in_transaction:
                db.conn.execute("ROLLBACK")
            raise
        db.conn.execute("COMMIT")


@contextmanager
def savepoint(db: WritingDatabase) -> Iterator[None]:
    """One record inside a transaction: it alone is rolled back if it cannot be written."""
    db.conn.execute("SAVEPOINT record")
    before = len(db.pending)
    try:
        yield
    except BaseException:
        del db.pending[before:]
        if db.conn.in_transaction:
            db.conn.execute("ROLLBACK TO record")
            db.conn.execute("RELEASE record")
        raise
    db.conn.execute("RELEASE record")
