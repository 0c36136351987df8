"""PostgreSQL's errors as StorageError: one line with the database, the cause and what to do; never a password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from storage.address import ServerAddress, secrets_of
from storage.errors import (
    DatabaseBusy,
    DiskError,
    MissingDatabase,
    NotNewsdeskDatabase,
    QueryTimeout,
    ServerUnavailable,
    StorageError,
)

# By SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html), or its class of two characters.
_CAUSES: dict[str, tuple[type[StorageError], str]] = {
    "28": (
        StorageError,
        (
            "the server refuses the login ({text}); put the password into the configuration file, NEWSDESK_DB, PGPASSWORD "
            "or a pgpass file"
        ),
    ),
    "3D000": (MissingDatabase, "there is no such database ({text}); `createdb NAME` makes one"),
    "42501": (StorageError, "the role may not do this ({text}); newsdesk needs to own its schema `newsdesk`"),
    "42P01": (NotNewsdeskDatabase, "a table is missing ({text}); another program changed the schema `newsdesk`"),
    "3F000": (NotNewsdeskDatabase, "there is no schema `newsdesk` ({text})"),
    "25006": (
        DiskError,
        (
            "the server is read-only, perhaps a replica; name the primary, or all servers with "
            "?target_session_attrs=read-write (reading commands still work)"
        ),
    ),
    "53100": (
        DiskError,
        "the server's disk is full; nothing acknowledged is lost: make room and run the command again",
    ),
    "53": (ServerUnavailable, "the server has no room for this ({text})"),
    "57014": (QueryTimeout, "this query takes too long here; narrow it: a source, a day, a rarer word"),
    "55P03": (DatabaseBusy, "another session has been writing for a minute; see pg_stat_activity"),
    "40": (DatabaseBusy, "another session was in the way ({text}); the command can be run again"),
    "57": (ServerUnavailable, "the server ended the connection ({text})"),
    "58": (DiskError, "the server's disk failed ({text})"),
    "XX001": (DiskError, "the server found damaged data ({text})"),
    "08": (ServerUnavailable, "the server cannot be reached ({text})"),
    "25P03": (ServerUnavailable, "the server ended a transaction that was idle for too long"),
}


@contextmanager
def translate_errors(address: ServerAddress) -> Iterator[None]:
    """Translate psycopg's errors into StorageError."""
    try:
        yield
    except psycopg.Error as error:
        raise storage_error(address, error) from None  # the error's own text may have the connection string


def storage_error(address: ServerAddress, error: psycopg.Error) -> StorageError:
    """The StorageError for an error of PostgreSQL, or of the way to it."""
    text = _one_line(address, error)
    state = error.sqlstate or ""
    if isinstance(error, psycopg.OperationalError) and not state:
        state = _state_of(text)
    kind, message = _CAUSES.get(state) or _CAUSES.get(state[:2]) or (StorageError, "{text}")
    return kind(f"{address}: {message.format(text=text)}")


# libpq reports what the server answered to a login, and what the network did, as text only (libpq has no SQLSTATE for
# a connection that never was).
_SAID = (
    ("password authentication failed", "28P01"),
    ("no password supplied", "28P01"),
    ("no pg_hba.conf entry", "28000"),
    ("authentication failed", "28000"),
    ('role "', "28000"),
    ("does not exist", "3D000"),
    ("too many clients", "53300"),
    ("remaining connection slots", "53300"),
    ("not allowed to connect", "28000"),
    ("session is read-only", "25006"),
    ("hot standby mode is disabled", "57P03"),
)


def _state_of(text: str) -> str:
    return next((state for said, state in _SAID if said in text), "08006")


def _one_line(address: ServerAddress, error: psycopg.Error) -> str:
    text = (error.diag.message_primary if error.sqlstate else None) or str(error)
    text = " ".join(text.split()).removeprefix("connection failed: ").removeprefix("connection is bad: ")
    for secret in secrets_of(address.url):
        text = text.replace(secret, "***")
    return text
