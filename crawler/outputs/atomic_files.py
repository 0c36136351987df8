"""Write files atomically and durably, and protect files that must not be overwritten."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from crawler.errors import CrawlerError, UsageError
from storage.fsync import aside, delete_leftovers, sync

STDOUT = Path("-")


def check_targets(targets: Sequence[Path], kept: Sequence[Path]) -> None:
    """Refuse to overwrite protected files, or to write two outputs into one file.

    Args:
        targets: the files to write.
        kept: files that no output may replace: the database, the configuration.

    Raises:
        UsageError: a target is protected, or is named twice.
    """
    lock = {_end_of(path): path for path in kept}
    taken: set[Path] = set()
    for target in targets:
        if target == STDOUT:
            continue
        end = _end_of(target)
        if end in lock:
            raise UsageError(f"{target} is newsdesk's own file; an output written there would destroy it: name another")
        if end in taken:
            raise UsageError(f"{target} is named twice; each output needs a file of its own")
        taken.add(end)


def _end_of(path: Path) -> Path:
    with suppress(OSError, RuntimeError):  # a symlink loop
        return path.resolve()
    return path.absolute()


class HashingFile:
    """A binary file that hashes what is written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.closed = False

    def write(self, data: Any) -> int:
        """Write a bytes-like object."""
        piece = bytes(data)
        self.hash.update(piece)
        return self._file.write(piece)

    def flush(self) -> None:
        """Flush the file."""
        self._file.flush()


@contextmanager
def atomic_write(
    path: Path, *, advice: str = "nothing was written; make room, or name another file"
) -> Iterator[HashingFile]:
    """A file that replaces its target atomically at the end, synced.

    `-` is stdout; a device or a pipe is written directly.

    Raises:
        CrawlerError: it cannot be written; no partial file is left.
    """
    if path == STDOUT:
        yield from _stream("stdout", sys.stdout.buffer if sys.stdout is not None else None)
        return
    if path.is_dir():
        raise CrawlerError(f"{path} is a folder; name the file to write")
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        with _reported(path, advice), path.open("wb") as file:
            yield from _stream(str(path), file)
        return
    end = _end_of(path)  # a symlink stays, and points to the new file
    if not end.parent.is_dir():
        raise CrawlerError(f"{path}: its folder does not exist; make it, or name another file")
    with _reported(path, advice):
        delete_leftovers(end)
        descriptor, name = aside(end)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield HashingFile(file)
                file.flush()
                os.fsync(file.fileno())
                Path(name).chmod(_mode(end))
                Path(name).replace(end)  # while it is locked: see delete_leftovers
            sync(end.parent)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _mode(path: Path) -> int:
    """The permissions of a file, or the defaults of a new one."""
    with suppress(OSError):
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def _stream(name: str, file: IO[bytes] | None) -> Iterator[HashingFile]:
    if file is None:
        raise CrawlerError(f"{name} is closed; name a file")
    out = HashingFile(file)
    try:
        yield out
        out.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CrawlerError(
            f"{name}: cannot be written: {error.strerror}; the output before it is not complete"
        ) from error
    with suppress(OSError, ValueError):  # a pipe cannot be synced
        os.fsync(file.fileno())


@contextmanager
def _reported(path: Path, advice: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CrawlerError(f"{path}: cannot be written: {error.strerror}; {advice}") from error
