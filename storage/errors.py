"""Errors of the database. Each message is one line: what happened, to which database, why, and what to do.

StorageError
 ├─ MissingDatabase      there is no file at that path, and a reader never creates one
 ├─ NotNewsdeskDatabase  not written by newsdesk, or empty
 ├─ NewerDatabase        written by a newer newsdesk
 ├─ OlderDatabase        written by an older newsdesk, and not migrated yet
 ├─ DamagedDatabase      SQLite cannot read it
 ├─ DiskError            full, read-only, or failing
 ├─ DatabaseBusy         another program holds SQLite's write lock
 │   └─ ServerUnavailable   the server cannot be reached, or ended the connection
 ├─ LeaseLost            this worker was suspended past its lease; what it has under way is not written
 ├─ QueryTimeout         a query took longer than its time limit
 └─ DatabaseLocked       another newsdesk process holds newsdesk's lock (exit 6)
"""

from __future__ import annotations


class StorageError(Exception):
    """Base class of all errors of the database."""

    exit_code = 1


class MissingDatabase(StorageError):  # noqa: N818  # named after the condition
    """There is no file at that path."""


class NotNewsdeskDatabase(StorageError):  # noqa: N818
    """Not a newsdesk database."""


class NewerDatabase(StorageError):  # noqa: N818
    """Written by a newer newsdesk."""


class OlderDatabase(StorageError):  # noqa: N818
    """Written by an older newsdesk; the next writer migrates it."""


class DamagedDatabase(StorageError):  # noqa: N818
    """The file is damaged."""


class DiskError(StorageError):
    """The disk is full, read-only or failing."""


class DatabaseBusy(StorageError):  # noqa: N818
    """Another program is writing."""


class ServerUnavailable(DatabaseBusy):
    """The server of the database cannot be reached, or ended the connection; it may come back."""


class LeaseLost(StorageError):  # noqa: N818
    """The lease of this worker ended, and others may have taken its hosts over; nothing is written."""


class QueryTimeout(StorageError):  # noqa: N818
    """A query took longer than its time limit."""


class DatabaseLocked(StorageError):  # noqa: N818
    """Another newsdesk process holds the lock of the database."""

    exit_code = 6
