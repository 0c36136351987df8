"""The files of an import: named, in folders, in lists, and inside of WACZ files."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from io import BufferedReader
from pathlib import Path
from typing import IO, cast

from crawler.archives.remote_file import Address, RemoteFileChanged, is_address
from crawler.errors import CrawlerError, UsageError

Source = Path | Address  # of an import
ENDINGS = (".warc", ".warc.gz", ".wacz")
_UNREADABLE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError)  # of the module zipfile
_MAX_MEMBERS = 100_000  # files in one WACZ


def archive_files(names: Sequence[str]) -> list[Source]:
    """The files that arguments name, without repetition: files, addresses, folders and, after an @, lists of them.

    Raises:
        UsageError: a name is no such file, or a folder has none.
    """
    found: dict[Source, None] = {}
    for name in names:
        for path in _named(name):
            found.setdefault(path)
    return list(found)


def part_of(files: Sequence[Source], part: tuple[int, int]) -> list[Source]:
    """Every N-th file from the I-th on, where `part` is (I, N) and I counts from 1."""
    return list(files[part[0] - 1 :: part[1]])


def _named(name: str) -> Iterator[Source]:
    if name.startswith("@"):
        yield from _listed(Path(name[1:]))
        return
    if is_address(name):
        yield Address(name)
        return
    path = Path(name)
    if path.is_dir():
        inside = sorted(each for each in path.rglob("*") if each.name.lower().endswith(ENDINGS) and each.is_file())
        if not inside:
            raise UsageError(f"{path}: no file in this folder ends in {', '.join(ENDINGS)}; name the files")
        yield from inside
    elif path.is_file():
        yield path
    else:
        raise UsageError(f"{path}: no such file or folder; name WARC or WACZ files, folders of them, or @LIST")


def _listed(path: Path) -> Iterator[Source]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"{path}: the list cannot be read ({reason}); write one file on each line") from error
    for line in map(str.strip, lines):
        if line and not line.startswith("#"):
            if line.startswith("@"):
                raise UsageError(f"{path}: a list cannot name another one: {line}; name both on the command line")
            absolute = Path(line).is_absolute() or is_address(line)
            yield from _named(line if absolute else str(path.parent / line))


@contextmanager
def opened(path: Source, connected: BufferedReader | None = None) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """The WARC files that are a file or inside of it, each with its name inside ("" where the file itself is one).

    Args:
        path: the file.
        connected: the file, if it is not on this machine; the caller closes it.

    Raises:
        CrawlerError: the file cannot be read.
        RemoteFileChanged: it is another one now.
    """
    try:
        with nullcontext(connected) if connected is not None else cast("Path", path).open("rb") as file:
            head = file.peek(4)[:4]
            yield _inside(path, file) if head == b"PK\x03\x04" else iter([("", file)])
    except RemoteFileChanged:
        raise
    except OSError as error:
        raise CrawlerError(f"{path}: cannot be read ({error.strerror or error}); the other files are") from error


def _inside(path: Source, file: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    """The WARC files in a WACZ file (WACZ 1.1.1); a WACZ in it is left out."""
    try:
        with zipfile.ZipFile(file) as zipped:
            for info in zipped.infolist()[:_MAX_MEMBERS]:
                if info.filename.lower().endswith((".warc", ".warc.gz")):
                    with zipped.open(info) as member:
                        yield info.filename, cast("IO[bytes]", _Member(member))
    except _UNREADABLE as error:
        raise CrawlerError(f"{path}: cannot be read as a WACZ file ({error}); the other files are") from error


class _Member:
    """A file in a zip file whose damage is an OSError, like that of any file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, count: int = -1) -> bytes:
        """Read.

        Raises:
            OSError: it is damaged from here on.
        """
        try:
            return self._file.read(count)
        except _UNREADABLE as error:
            raise OSError(0, f"a file in it is damaged: {error}") from error


def sha256_of(path: Path) -> str:
    """The hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
