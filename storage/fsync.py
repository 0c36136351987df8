"""Durable files: fsync, and temporary files that replace their target when complete."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import re
import tempfile
from pathlib import Path


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk.

    See fsync(2): a new name is durable only after its folder is synced.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def aside(target: Path) -> tuple[int, str]:
    """Create a temporary file next to a target that it will replace: (descriptor, name).

    It is locked while the descriptor is open, so that `delete_leftovers` spares it.

    Raises:
        OSError: it cannot be created.
    """
    while True:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, name
        os.close(descriptor)  # a concurrent delete_leftovers locked it first


def delete_leftovers(target: Path) -> None:
    """Delete temporary files of `aside` for a target, or for a dated backup of it, whose processes were killed."""
    made = re.compile(re.escape(f".{target.name}") + r"(?:\.backup-[0-9TZ]{1,20})?-[a-z0-9_]{8}")
    for path in target.parent.glob(f".{glob.escape(target.name)}*-*"):
        base = next(
            (path.name.removesuffix(end) for end in ("-wal", "-shm", "-journal") if path.name.endswith(end)), path.name
        )
        if made.fullmatch(base):
            with contextlib.suppress(OSError):
                _forget(path, path.with_name(base))


def _forget(path: Path, base: Path) -> None:
    """Delete a temporary file, or SQLite's -wal, -shm or -journal file of it, unless a process is writing it."""
    try:
        descriptor = os.open(base, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        path.unlink()
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises if a process is writing it
        path.unlink()
    finally:
        os.close(descriptor)
