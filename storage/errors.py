"""What can go wrong with the file, as one tree. Every message is one line: what, which, why, what to do.

StorageError
 ├─ MissingDatabase    nothing is at that path, and a reader never creates
 ├─ NotNewsdeskDatabase            a file that newsdesk did not write, or an empty one
 ├─ NewerDatabase      written by a newer newsdesk
 ├─ OlderDatabase      written by an older newsdesk, and not brought up to date yet
 ├─ DamagedDatabase    SQLite cannot make sense of it
 ├─ DiskError        full, read-only, or failing
 ├─ DatabaseBusy       another program holds SQLite's own write lock
 ├─ QueryTimeout       a reader's question took longer than it may
 └─ DatabaseLocked       another newsdesk holds our lock (exit 6)
"""

from __future__ import annotations


class StorageError(Exception):
    """The root."""

    exit_code = 1


class MissingDatabase(StorageError):  # noqa: N818 - named for what was met
    """Nothing is at that path."""


class NotNewsdeskDatabase(StorageError):  # noqa: N818
    """Not a newsdesk database."""


class NewerDatabase(StorageError):  # noqa: N818
    """Written by a newer newsdesk."""


class OlderDatabase(StorageError):  # noqa: N818
    """Written by an older newsdesk; the next writer brings it up to date."""


class DamagedDatabase(StorageError):  # noqa: N818
    """The file is damaged."""


class DiskError(StorageError):
    """The disk is full, read-only or failing."""


class DatabaseBusy(StorageError):  # noqa: N818
    """Another program is writing."""


class QueryTimeout(StorageError):  # noqa: N818
    """A question took longer than its asker may wait."""


class DatabaseLocked(StorageError):  # noqa: N818
    """Another newsdesk holds the database."""

    exit_code = 6
