"""A database by its setting (`[storage] database`): the one place that knows it is a file.

What a second engine needs is added here; callers pass the setting on and take no path of it apart.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from storage.sqlite.lock import Lock
from storage.store import Store
from storage.store import open_store as _open_store
from storage.writer import Writer
from storage.writer import open_writer as _open_writer


def open_reading(database: Path) -> Store:
    """Open a database that exists, for reading.

    Raises:
        StorageError: it does not exist, is not newsdesk's, or is of another version.
    """
    return _open_store(database)


def open_writing(database: Path) -> Writer:
    """Open a database for writing, and create it where it does not exist; lock it first.

    Raises:
        StorageError: it cannot be written, or is of another version.
    """
    return _open_writer(database)


def lock(database: Path, *, command: str, now: datetime) -> Lock:
    """Take the lock of a database.

    Args:
        database: the setting.
        command: what the lock is taken for; others are shown it.
        now: the clock.

    Raises:
        DatabaseLocked: another newsdesk has it.
    """
    return Lock(database, command=command, now=now)


def exists(database: Path) -> bool:
    """Whether it was created."""
    return database.exists()


def size_bytes(database: Path) -> int:
    """Its size in bytes, with what is not checkpointed yet; 0 where it does not exist."""
    files = (database, database.with_name(f"{database.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
