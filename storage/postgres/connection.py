"""Open a database on a server: check that it is newsdesk's, create the schema, apply migrations."""

from __future__ import annotations

import secrets

from storage.address import ServerAddress
from storage.errors import MissingDatabase, NewerDatabase, NotNewsdeskDatabase, OlderDatabase, StorageError
from storage.postgres.database import PostgresDatabase
from storage.postgres.functions import FUNCTIONS
from storage.postgres.migrations import ARCHIVES, MIGRATIONS, POSTS, PUSHES, SCHEMA
from storage.postgres.schema import INDEXES, OWN_TABLES, SCHEMA_NAME, TABLES
from storage.sql import meta
from storage.sql.versions import CURRENT, set_current

OLDEST = 15  # of PostgreSQL
MIGRATING = 0x4E444B32  # the key of the advisory lock: one migration at a time


def open_reader(address: ServerAddress) -> PostgresDatabase:
    """Open a connection that cannot write; never creates anything.

    Raises:
        MissingDatabase: there is no schema of newsdesk.
        StorageError: the server cannot be reached, or the schema is another program's, older or newer.
    """
    db = PostgresDatabase(address, read_only=True)
    try:
        version = _version(db)
    except BaseException:
        db.close()
        raise
    if version == SCHEMA:
        return db
    db.close()
    if version is None:
        raise _missing(address)
    raise OlderDatabase(
        f"{address}: written by an older newsdesk (schema {version}, this one reads {SCHEMA}); "
        "`newsdesk db migrate`, or the next crawl, brings it up to date"
    )


def open_writer(address: ServerAddress) -> PostgresDatabase:
    """Open a writing connection; create the schema and apply migrations, one process at a time.

    Raises:
        StorageError: the server cannot be reached, is older than PostgreSQL 15, or refuses; or the schema is another
            program's, or newer.
    """
    db = PostgresDatabase(address, read_only=False)
    try:
        if _version(db) != SCHEMA:
            with db.translate_errors():
                _migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def version_of(address: ServerAddress) -> int:
    """The schema version of a database.

    Raises:
        StorageError: the server cannot be reached, or nothing is stored there.
    """
    db = PostgresDatabase(address, read_only=True)
    try:
        version = _version(db)
    finally:
        db.close()
    if version is None:
        raise _missing(address)
    return version


def _missing(address: ServerAddress) -> MissingDatabase:
    return MissingDatabase(
        f"{address}: nothing is stored there yet; `newsdesk crawl` or `newsdesk run` creates the schema"
    )


def _version(db: PostgresDatabase) -> int | None:
    """The version of the schema; None if there is none.

    Raises:
        StorageError: it is not newsdesk's, or newer.
    """
    with db.translate_errors():
        row = db.conn.execute(
            "SELECT current_setting('server_version_num')::int, to_regnamespace(?) IS NOT NULL, "
            "  to_regclass('newsdesk.meta') IS NOT NULL, to_regclass('newsdesk.article_urls') IS NOT NULL",
            (SCHEMA_NAME,),
        ).fetchone()
        server, has_schema, has_meta, has_tables = row
        if server < OLDEST * 10_000:
            raise StorageError(f"{db.address}: PostgreSQL {server // 10_000}; newsdesk needs {OLDEST} or newer")
        if not has_schema:
            return None
        version = meta.value(db, "schema") if has_meta and has_tables else None
    if version is None or not version.isdecimal():
        raise NotNewsdeskDatabase(
            f"{db.address}: has a schema `{SCHEMA_NAME}` that is not newsdesk's; newsdesk leaves it alone: "
            "name another database"
        )
    if int(version) > SCHEMA:
        raise NewerDatabase(
            f"{db.address}: written by a newer newsdesk (schema {version}, this one knows {SCHEMA}); "
            "install that version, or name another database"
        )
    return int(version)


def _migrate(db: PostgresDatabase) -> None:
    """Create the schema, or bring it up to date, in one transaction under a lock."""
    db.conn.begin("", f"SELECT pg_advisory_xact_lock({MIGRATING})")
    try:
        version = _version(db)  # another process may have been first
        if version is None:
            _create(db)
        else:
            for older in range(version, SCHEMA):
                for statement in MIGRATIONS[older]:
                    db.conn.execute(statement)
        meta.set_value(db, "schema", str(SCHEMA))
    except BaseException:
        db.conn.rollback()
        raise
    db.conn.commit()


def _create(db: PostgresDatabase) -> None:
    db.conn.execute(f"CREATE SCHEMA {SCHEMA_NAME}")
    for statement in (*FUNCTIONS, TABLES, ARCHIVES, POSTS, PUSHES, OWN_TABLES, INDEXES):
        db.conn.execute(statement)
    for key, value in (("database_id", secrets.token_hex(8)), ("generation", "1")):
        meta.set_value(db, key, value)
    for name in CURRENT:
        set_current(db, name)
