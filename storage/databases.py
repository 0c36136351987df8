"""A database by its setting (`[storage] database`): the one place that knows whether it is a file or on a server."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from storage.address import DatabaseAddress
from storage.errors import MissingDatabase
from storage.holder import Holder
from storage.sqlite.lock import Lock
from storage.sqlite.lock import holder as _holder_of_file
from storage.store import Store, postgres_module
from storage.store import open_store as _open_store
from storage.writer import Writer
from storage.writer import open_writer as _open_writer

if TYPE_CHECKING:
    from storage.postgres.holders import Holding

_T = TypeVar("_T")


class Claim:
    """What this process holds: the lock of a file, or parts of the hosts of a shared store."""

    def __init__(self, lock: Lock | Holding) -> None:
        self._lock = lock if isinstance(lock, Lock) else None
        self._holding = None if isinstance(lock, Lock) else lock

    @property
    def leads(self) -> bool:
        """Whether this process does what one of several does: maintenance, watches, health."""
        return self._holding is None or self._holding.leads

    @property
    def worker(self) -> str:
        """The name of this worker, for its files; "" of the one writer of a file."""
        return "" if self._holding is None else self._holding.file_name

    @property
    def waits(self) -> bool:
        """Whether there are hosts that may be requested soon, as they were just taken over."""
        return self._holding is not None and self._holding.waits

    def may_request(self, host: str) -> bool:
        """Whether a host may be requested now."""
        return self._holding is None or self._holding.may_request(host)

    @property
    def shared(self) -> bool:
        """Whether there are other workers."""
        return self._holding is not None and self._holding.shared

    def visit(self, writer: Writer, host: str) -> float | None:
        """Reserve a host where a redirect leads to; None as long as another worker has requests to it.

        Returns:
            The seconds between two requests to the host.
        """
        return 0.0 if self._holding is None else self._holding.visit(writer.db, host)

    def end_visit(self, writer: Writer, host: str) -> None:
        """Give the host back, after one delay."""
        if self._holding is not None:
            self._holding.end_visit(writer.db, host)

    def note_delay(self, host: str, delay: float) -> None:
        """Note the delay of a host, for whoever takes its part over."""
        if self._holding is not None:
            self._holding.note_delay(host, delay)

    def attach(
        self,
        writer: Writer,
        busy: Callable[[], Collection[int]] = tuple,
        on_loss: Callable[[], None] = lambda: None,
    ) -> None:
        """Let a writer write as this process.

        Args:
            writer: the database.
            busy: the parts of the hosts with requests under way.
            on_loss: called when the lease of this worker has ended, before it begins anew.
        """
        if self._holding is not None:
            self._holding.attach(writer.db)
            self._holding.busy, self._holding.on_loss = busy, on_loss

    def set_configuration(self, configuration: str) -> None:
        """Record the hash of the source list that this process goes by."""
        if self._holding is not None and self._holding.configuration != configuration:
            self._holding.configuration = configuration
            self._holding.renew()

    def renew(self) -> None:
        """Look after the lease at once, as a write was refused."""
        if self._holding is not None:
            self._holding.renew()

    def close(self) -> None:
        """Release it; more than one call is harmless."""
        (self._lock or self._holding).close()  # type: ignore[union-attr]  # one of the two is there

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_reading(database: DatabaseAddress) -> Store:
    """Open a database that exists, for reading.

    Raises:
        StorageError: it does not exist, is not newsdesk's, or is of another version.
    """
    return _open_store(database)


def open_writing(database: DatabaseAddress) -> Writer:
    """Open a database for writing, and create it where it does not exist; lock it first.

    Raises:
        StorageError: it cannot be written, or is of another version.
    """
    return _open_writer(database)


def lock(
    database: DatabaseAddress, *, command: str, now: datetime, delay: float = 1.0, configuration: str = ""
) -> Claim:
    """Take the lock of a file, or a share of the hosts of a shared store.

    Args:
        database: the setting.
        command: what it is taken for; others are shown it.
        now: the clock.
        delay: seconds between two requests to a host that says nothing else.
        configuration: a hash of the source list.

    Raises:
        DatabaseLocked: others have it.
    """
    if isinstance(database, Path):
        return Claim(Lock(database, command=command, now=now))
    _open_writer(database).close()  # creates the schema
    module = postgres_module("holders", database)
    return Claim(module.Holding(database, command=command, delay=delay, configuration=configuration))


def exclusive(database: DatabaseAddress, *, command: str, now: datetime) -> Claim | _Shared:
    """Take the lock of a file for a command that requests nothing; a server's own locks are enough for such ones."""
    return Claim(Lock(database, command=command, now=now)) if isinstance(database, Path) else _Shared()


class _Shared:
    """No lock: every transaction on a server takes one."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def holders(database: DatabaseAddress) -> Sequence[Holder]:
    """The processes that hold a database; of a file one at most."""
    if isinstance(database, Path):
        found = _holder_of_file(database)
        return [found] if found else []
    return _of_server(database, lambda workers, db: workers.holders(db), [])


def served(database: DatabaseAddress, hosts: Collection[str]) -> set[str]:
    """Those of the hosts that a running process fetches from, which takes urgent entries within two seconds."""
    if isinstance(database, Path):
        found = _holder_of_file(database)
        serves = found is not None and found.command.startswith(("crawl", "run", "scrapy", "backfill", "fetch"))
        return set(hosts) if serves else set()
    return _of_server(database, lambda workers, db: workers.served_hosts(db, hosts), set())


def _of_server(database: DatabaseAddress, question: Callable[[Any, Any], _T], missing: _T) -> _T:
    """Ask the module of workers about a store; `missing` where it was not created."""
    workers = postgres_module("workers", database)
    try:
        with _open_store(database) as store, store.db.translate_errors():
            return question(workers, store.db)
    except MissingDatabase:
        return missing


def exists(database: DatabaseAddress) -> bool:
    """Whether it was created."""
    if isinstance(database, Path):
        return database.exists()
    try:
        _open_store(database).close()
    except MissingDatabase:
        return False
    return True


def quiet_since(database: DatabaseAddress, moment: datetime) -> bool:
    """Whether a file was not written to since then, or does not exist; False for a server.

    It opens nothing: a server would need a query, and what a file's log (`-wal`) has may be newer than the file.
    """
    if not isinstance(database, Path):
        return False
    for file in (database, Path(f"{database}-wal")):
        with contextlib.suppress(OSError):
            if file.stat().st_mtime > moment.timestamp():
                return False
    return True


def size_bytes(database: DatabaseAddress) -> int:
    """Its size in bytes, of a file with what is not checkpointed yet; 0 where it does not exist."""
    if not isinstance(database, Path):
        with _open_store(database) as store, store.db.translate_errors():
            return int(store.db.conn.execute("SELECT pg_database_size(current_database())").fetchone()[0])
    files = (database, database.with_name(f"{database.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
