"""What outlives a loss of power, or a kill."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import re
import tempfile
from pathlib import Path


def sync(path: Path) -> None:
    """Wait until a file's bytes, or the names that a folder gives, are on the disk (fsync(2): a new name needs its folder synced)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def aside(target: Path) -> tuple[int, str]:
    """A new file beside a target, that is to take its place: (descriptor, name). Locked while the descriptor is open, for forget_leftovers.

    Raises:
        OSError: it cannot be made.
    """
    while True:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, name
        os.close(descriptor)  # somebody who tidied up locked it first


def delete_leftovers(target: Path) -> None:
    """Take away the files that `aside` made for a target, or for a dated backup of it, and whose makers were killed."""
    made = re.compile(re.escape(f".{target.name}") + r"(?:\.backup-[0-9TZ]{1,20})?-[a-z0-9_]{8}")
    for path in target.parent.glob(f".{glob.escape(target.name)}*-*"):
        base = next(
            (path.name.removesuffix(end) for end in ("-wal", "-shm", "-journal") if path.name.endswith(end)), path.name
        )
        if made.fullmatch(base):
            with contextlib.suppress(OSError):
                _forget(path, path.with_name(base))


def _forget(path: Path, base: Path) -> None:
    """Take away a file, or what SQLite keeps beside it, if nobody writes it."""
    try:
        descriptor = os.open(base, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        path.unlink()
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where somebody writes it
        path.unlink()
    finally:
        os.close(descriptor)
