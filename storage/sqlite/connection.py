"""One SQLite file, opened the safe way: is it ours, is it whole, WAL, synchronous FULL, foreign keys, BEGIN IMMEDIATE.

sqlite-utils takes pysqlite3 (SQLite 3.53) by itself where it is installed; this module takes the same one, so that a process has one SQLite
library and none of the versions with the WAL-reset bug (3.7.0 to 3.51.2) where a wheel exists.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlite_utils import Database
from sqlite_utils.db import sqlite3

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
from storage.sqlite.fts_index import WritingDatabase, flush
from storage.sqlite.migrations import APPLICATION_ID, SCHEMA, migrations

SQLITE_VERSION: str = sqlite3.sqlite_version
BUSY_SECONDS = 60.0  # another program (a sqlite3 shell, a backup) may hold SQLite's write lock for a while
MAX_HEAP = 268_435_456  # bytes that SQLite may hold for all readers of a server together
MAX_VALUE = 20_000_000  # bytes of a value, and of a row, in SQL of a stranger
_MAGIC = b"SQLite format 3\0"


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite says into what a user can act on."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise storage_error(path, error) from error


# What SQLite's primary result codes mean to a user; its words are not read: "no such table: fulltext" is no full disk (sqlite.org/rescode.html).
_CAUSES: dict[int, tuple[type[StorageError], str]] = {
    sqlite3.SQLITE_FULL: (
        DiskError, "the disk is full; nothing acknowledged is lost: make room and run the command again",
    ),
    sqlite3.SQLITE_READONLY: (
        DiskError, "read-only; newsdesk needs to write the file and its folder (reading commands still work)",
    ),
    sqlite3.SQLITE_BUSY: (
        DatabaseBusy, f"another program has been writing for {BUSY_SECONDS:.0f} s; close it (a sqlite3 shell with an open transaction?) and try again",
    ),
    sqlite3.SQLITE_CANTOPEN: (DiskError, "cannot be opened; does its folder exist, and may newsdesk write there?"),
    sqlite3.SQLITE_INTERRUPT: (
        QueryTimeout, "this query takes too long here; narrow it: a source, a day, a rarer word",
    ),
    sqlite3.SQLITE_IOERR: (DiskError, "the disk failed ({text}); check it, then `newsdesk db check`"),
    sqlite3.SQLITE_CORRUPT: (
        DamagedDatabase, "damaged ({text}); `newsdesk db restore BACKUP` brings a backup back, `sqlite3 {path} .recover` saves what can be read",
    ),
}  # fmt: skip
_SAME = {
    sqlite3.SQLITE_LOCKED: sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_PROTOCOL: sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_PERM: sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB: sqlite3.SQLITE_CORRUPT,
}

# The backup API's errors come without a code, in SQLite's own words (sqlite3_errstr), and in no others.
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
    """The StorageError for what SQLite raised about that file."""
    code = _code(error)
    kind, text = _CAUSES.get(_SAME.get(code, code), (StorageError, "{text}"))
    return kind(f"{path}: {text.format(text=error, path=path)}")


def _code(error: Exception) -> int:
    """SQLite's primary result code; -1 for what its Python module raised by itself."""
    code = getattr(error, "sqlite_errorcode", None)
    return _SAID.get(str(error), -1) if code is None else int(code) & 0xFF


def open_writer(path: Path) -> Any:
    """A writing connection; creates the file and its tables, applies additive migrations.

    Raises:
        StorageError: not ours, damaged, newer, read-only, on a full disk; the file is left as it was.
    """
    if not path.exists():
        _create(path)
    _inspect(path)
    with _opening(path):
        connection = sqlite3.connect(str(path), timeout=BUSY_SECONDS, check_same_thread=False)
        try:
            _check_version(path, connection)
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            connection.execute("PRAGMA synchronous=FULL")  # acknowledged means durable: measured 1 sync a commit
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute(
                "PRAGMA cache_size=-4096"
            )  # a process of months stays as large as it was; the system caches the file
            connection.execute("PRAGMA journal_size_limit=67108864")
            _functions(connection)
            _migrate(connection)
        except BaseException:
            connection.close()
            raise
    return WritingDatabase(connection)


def _create(path: Path) -> None:
    """Make the file aside, and give it its name when it is whole: what a kill leaves is never taken for another's, or for a cut one.

    Whoever makes a database holds its lock, so there is one at a time. A write-ahead log whose file is gone is taken away: SQLite, which does
    so for an empty file, would play it into a new one.
    """
    if not path.parent.exists():
        raise DiskError(f"{path}: the folder {path.parent} does not exist; make it, or name another file with --db")
    whole = path.resolve()  # a link may lead to where it shall be
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
        except FileExistsError:  # made without the lock, by another program: it is looked at as any that is there
            return
        except OSError:  # a file system without links
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


def open_reader(path: Path) -> Any:
    """A connection that cannot write; never creates.

    Raises:
        MissingDatabase: nothing is there.
        StorageError: not ours, damaged, newer.
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


def limit_untrusted_sql(connection: Any) -> None:
    """Let strangers' SQL make no huge value out of nothing: a single function over one cannot be cut off, and takes the process's memory."""
    connection.execute(f"PRAGMA hard_heap_limit={MAX_HEAP}")
    connection.set_authorizer(_allowed)
    if hasattr(connection, "setlimit"):  # pysqlite3 has none
        connection.setlimit(0, MAX_VALUE)  # SQLITE_LIMIT_LENGTH


def _allowed(action: int, _: str | None, name: str | None, *__: object) -> int:
    making = action == sqlite3.SQLITE_FUNCTION and name in {"randomblob", "zeroblob"}
    return int(sqlite3.SQLITE_DENY if making else sqlite3.SQLITE_OK)


def version_of(path: Path) -> int:
    """The schema that a file was written with.

    Raises:
        StorageError: nothing is there, or it is not a SQLite file.
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


def _connect_reader(path: Path) -> Any:
    """Read-only; a file on a read-only disk is opened as immutable, as its WAL index cannot be made there."""
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
    """Look at a file before SQLite does: it takes an empty one for a new database.

    Its bytes are not read: closing any descriptor of it drops the locks (POSIX) that every connection of this process holds, and the next
    reader to leave would take the write-ahead log away under them.
    """
    if path.is_dir():
        raise DiskError(f"{path}: is a folder; name the database file in it")
    if not os.access(path, os.R_OK):
        raise DiskError(f"{path}: cannot be read: Permission denied")
    if path.stat().st_size == 0:
        raise NotNewsdeskDatabase(
            f"{path}: the file is empty (0 bytes); a crash or a copy may have cut it: restore a backup, or delete it to start with an empty one"
        )


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    """As explained; what SQLite cannot open at all is looked at: a file that is no database is another's, and left alone."""
    try:
        with translate_errors(path):
            yield
    except DamagedDatabase:
        with path.open("rb") as file:  # nobody in this process can have it open
            if not file.read(16).startswith(_MAGIC):
                raise NotNewsdeskDatabase(
                    f"{path}: not a SQLite database; newsdesk leaves it alone: name another file with --db"
                ) from None
        raise


def _check_version(path: Path, connection: Any, *, empty_allowed: bool = True) -> None:
    """Refuse what is not ours; a writer may take a database without any table: a first crawl that was killed leaves one."""
    found = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if found != APPLICATION_ID and not (found == 0 and tables == 0 and empty_allowed):
        raise NotNewsdeskDatabase(
            f"{path}: a SQLite database, but not newsdesk's; newsdesk leaves it alone: name another file with --db"
        )
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA:
        raise NewerDatabase(
            f"{path}: written by a newer newsdesk (schema {version}, this one knows {SCHEMA}); install that version, or name another file"
        )
    if version < SCHEMA and not empty_allowed:
        raise OlderDatabase(
            f"{path}: written by an older newsdesk (schema {version}, this one reads {SCHEMA}); `newsdesk db migrate`, or the next crawl, brings it up to date"
        )


def _functions(connection: Any) -> None:
    """SQLite's lower() knows ASCII only; names are written in every script."""
    connection.create_function(
        "casefold", 1, lambda text: text.casefold() if isinstance(text, str) else text, deterministic=True
    )


def _migrate(connection: Any) -> None:
    """Additive migrations, and the file's identity, in one go; nothing where all is done."""
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
def transaction(path: Path, db: Any) -> Iterator[None]:
    """One BEGIN IMMEDIATE transaction: read-then-write in a deferred one fails at once when another writer was faster (measured)."""
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
def savepoint(db: Any) -> Iterator[None]:
    """One record inside a transaction: it alone is undone when it cannot be written."""
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
