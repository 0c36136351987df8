"""The lock of one database: only one newsdesk process writes.

flock on a file next to it, so the kernel releases the lock however the process ends (kill -9 too).
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from storage.errors import DatabaseLocked, DiskError
from storage.holder import Holder
from storage.utc import format_utc

PATIENCE = 30.0  # seconds to wait for a lone `fetch`, which ends soon; any other holder is reported at once


class Lock:
    """The lock, taken on construction and released by close."""

    def __init__(self, database: Path, *, command: str, now: datetime, patience: float = PATIENCE) -> None:
        """Take the lock.

        Raises:
            DatabaseLocked: another process holds it; the message has its pid, host, command and start time.
            DiskError: the lock file cannot be written.
        """
        self.path = _lock_path(database)
        self._file = _open(self.path)
        started = time.monotonic()
        while not _try(self._file):
            locked_by = holder(database)
            # Without a holder or its name: another process is checking the lock, or is just writing its name.
            limit = (
                patience
                if locked_by and locked_by.command == "fetch"
                else 0.0
                if locked_by and locked_by.pid
                else min(1.0, patience)
            )
            if time.monotonic() - started > limit:
                os.close(self._file)
                raise DatabaseLocked(_locked_message(database, locked_by))
            time.sleep(0.02)
        note = json.dumps(
            {"pid": os.getpid(), "host": socket.gethostname(), "command": command, "since": format_utc(now)}
        )
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, note.encode(), 0)

    def close(self) -> None:
        """Release the lock; more than one call is harmless."""
        if self._file >= 0:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def holder(database: Path) -> Holder | None:
    """The current holder of that database's lock; None if it is free."""
    path = _lock_path(database)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if _try(descriptor, fcntl.LOCK_SH):
            return None
        found = json.loads(os.pread(descriptor, 4096, 0) or b"{}")
        return Holder(
            pid=int(found.get("pid", 0)),
            host=str(found.get("host", "?")),
            command=str(found.get("command", "?")),
            since=str(found.get("since", "?")),
        )
    except (ValueError, OSError):
        return Holder(pid=0, host="?", command="?", since="?")
    finally:
        os.close(descriptor)


def _lock_path(database: Path) -> Path:
    return database.with_name(f"{database.name}.lock")


def _open(path: Path) -> int:
    try:
        # O_NOFOLLOW: the target of a link would be truncated.
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise DiskError(f"the lock {path} is a symbolic link, which newsdesk does not follow; delete it") from error
        raise DiskError(
            f"cannot write the lock {path}: {error.strerror}; "
            "newsdesk needs a folder that it can write to (--db names another)"
        ) from error


def _try(descriptor: int, how: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locked_message(database: Path, locked_by: Holder | None) -> str:
    who = locked_by.named() if locked_by and locked_by.pid else "another newsdesk"
    return f"{database} is locked by {who}; wait for it, stop it, or name another file with --db"
