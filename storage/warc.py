"""Raw pages in WARC 1.1 files next to the database (ISO 28500; warcio).

Each record is its own gzip member, so that it can be read by its offset.

A record is on the disk before the row that points at it is committed. A crash between the two leaves a record without a
row; the next writer sees that the file does not end where the database says, and starts a new file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import stat
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from storage.address import DatabaseAddress, ServerAddress
from storage.errors import DiskError, StorageError
from storage.fsync import sync
from storage.utc import format_utc

_OURS = re.compile(r"newsdesk-(?P<day>[0-9]{8})-(?:(?P<worker>[a-z0-9.-]{1,63})-)?(?P<number>[0-9]{5})\.warc\.gz")
ROTATE = 1024**3  # bytes; the usual size in web archives
# zlib level for a page that came uncompressed: 6 takes 3.9 ms for a page of 213 KB where 4 takes 2.3, and saves only
# a twentieth.
_LEVEL = 4
_STORED = 0  # for a page that came compressed: compressing it again gains nothing
# Headers for one client only, and headers that are wrong for a decompressed body.
_DROPPED = {
    "set-cookie",
    "set-cookie2",
    "content-encoding",
    "transfer-encoding",
    "content-length",
    "connection",
    "keep-alive",
    "proxy-authenticate",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPage:
    """One raw page. When read back, its body is decompressed and its headers are without cookies."""

    url: str
    at: datetime
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    packed: bool = False  # the body is gzip, as the server sent it

    def header(self, name: str) -> str:
        """The first header of that name, in any case; "" where there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPlace:
    """Where a raw page is, for any process: in a file next to the database, or in an imported archive."""

    path: Path
    offset: int
    size: int | None = None  # bytes that an archive must have
    sha256: str | None = None  # of the page, where another one may have come to its place


def warc_folder(database: DatabaseAddress) -> Path:
    """The folder of a database's raw pages; of a server, a local folder of this worker."""
    if isinstance(database, ServerAddress):
        return database.folder / f"{database.name}.warc"
    return database.with_name(f"{database.name}.warc")


class WarcWriter:
    """The raw pages of one database, for one writer. Appends; `sync` makes the appended records durable."""

    def __init__(
        self, database: DatabaseAddress, *, ends: Callable[[], str | None], software: str = "newsdesk", worker: str = ""
    ) -> None:
        """Create the writer; files are opened when they are needed.

        Args:
            database: the database.
            ends: "file:size", where the database says that the newest file ends.
            software: the name of the writing software, for the head of each file.
            worker: part of the names of files, where several workers share a database.
        """
        self._software = software
        self._worker = re.sub("[^a-z0-9.-]", "-", worker.lower())[:63]
        self.folder = warc_folder(database)
        self._database = database
        self._ends = ends  # "file:size" from the database
        self._file: IO[bytes] | None = None
        self._name = ""
        self._dirty = False
        self._began = 0  # size of the file in bytes when it was opened

    def add(self, record: bytes, at: datetime) -> tuple[str, int]:
        """Append one page's record (see warc_record), requested at that time.

        Returns:
            (file name, offset of its record in bytes).

        Raises:
            DiskError: it cannot be written; a partial record is removed.
        """
        try:
            file = self._open(at)
            offset = file.tell()
            self._write(file, offset, record)
        except OSError as error:
            raise _explained(self.folder, error) from error
        self._dirty = True
        return self._name, offset

    def _write(self, file: IO[bytes], offset: int, data: bytes) -> None:
        """Write all of it or nothing. Unbuffered, so that bytes refused by a full disk are not written later."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            os.ftruncate(file.fileno(), offset)
            file.seek(offset)
            raise

    def position(self) -> tuple[str, int] | None:
        """The current end of the file; None if no file is open."""
        return (self._name, self._file.tell()) if self._file is not None else None

    def truncate_to(self, mark: tuple[str, int] | None) -> None:
        """Remove what was appended since a position; of a file started since then, everything."""
        if self._file is None:
            return
        end = mark[1] if mark is not None and mark[0] == self._name else self._began
        with contextlib.suppress(OSError):  # a record without a row is harmless
            os.ftruncate(self._file.fileno(), end)
            self._file.seek(end)

    def sync(self) -> str | None:
        """Wait until appended records are on the disk; "file:size" for the database, None if nothing was appended."""
        if not self._dirty or self._file is None:
            return None
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _explained(self.folder, error) from error
        self._dirty = False
        return f"{self._name}:{self._file.tell()}"

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, at: datetime) -> IO[bytes]:
        """The file of a day: its newest, if it ends where the database says and has room, else a new one."""
        day = at.astimezone(UTC).strftime("%Y%m%d")
        if self._file is not None and self._name[: 9 + len(day)] >= f"newsdesk-{day}" and self._file.tell() < ROTATE:
            return self._file  # a response from before midnight may be written after one from after midnight
        if self._file is not None and self._dirty:
            os.fsync(self._file.fileno())  # the transaction that points at it is committed with the next file's sync
        self.close()
        self.folder.mkdir(exist_ok=True)
        known = self._files_of(day)
        if known and (size := known[-1].stat().st_size) < ROTATE and self._ends() == f"{known[-1].name}:{size}":
            file = known[-1].open("ab", buffering=0)
            if _is_free(file):
                self._name, self._file, self._began = known[-1].name, file, size
                return file
            file.close()
        self._file = self._new(day, _number(known[-1]) + 1 if known else 1)
        self._name, self._began = Path(self._file.name).name, 0
        self._write(self._file, 0, _member(_info(self._name, at, self._software)))
        sync(self.folder)  # makes the file's name durable
        return self._file

    def _files_of(self, day: str) -> list[Path]:
        """This worker's files of a day, oldest first."""
        found = ((_OURS.fullmatch(path.name), path) for path in files_in(self.folder))
        own = [path for m, path in found if m and m["day"] == day and (m["worker"] or "") == self._worker]
        return sorted(own, key=_number)

    def _new(self, day: str, number: int) -> IO[bytes]:
        """Create another file of a day; names that are taken by other files are skipped."""
        file_of = self._database if isinstance(self._database, Path) and self._database.exists() else None
        mode = stat.S_IMODE(file_of.stat().st_mode) & 0o666 if file_of else 0o644
        for n in range(number, number + 1000):
            with contextlib.suppress(FileExistsError):
                worker = f"{self._worker}-" if self._worker else ""
                path = self.folder / f"newsdesk-{day}-{worker}{n:05d}.warc.gz"
                file = path.open("xb", buffering=0)
                _is_free(file)
                path.chmod(mode)  # the pages are readable by the same users as the database
                return file
        raise FileExistsError(errno.EEXIST, "too many files of other programs", str(self.folder))


def _number(path: Path) -> int:
    return int(path.name.removesuffix(".warc.gz")[-5:])


def _is_free(file: IO[bytes]) -> bool:
    """Lock a file, unless another worker on this machine appends to it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def files_in(folder: Path) -> list[Path]:
    """The raw page files in a folder; other files are ignored."""
    return [
        path
        for path in folder.glob("newsdesk-*.warc.gz")
        if _OURS.fullmatch(path.name) and path.is_file() and not path.is_symlink()
    ]


def raw_place(database: DatabaseAddress, name: str, offset: int) -> RawPlace:
    """The place of a record in the folder of raw pages; names of other folders are not followed."""
    return RawPlace(path=(warc_folder(database) / Path(name).name).absolute(), offset=offset)


def read_raw(place: RawPlace) -> RawPage:
    """The page of one record.

    Raises:
        StorageError: the file is gone (retention, a copy of the database alone) or another one, or no record begins
            there, or that of another page.
    """
    from warcio.archiveiterator import ArchiveIterator

    path, offset = place.path, place.offset
    try:
        _check_archive(place)
        with path.open("rb") as file:
            file.seek(offset)
            record = next(iter(ArchiveIterator(file)), None)
            if record is not None and record.rec_type == "response":
                body = record.content_stream().read()
                if place.sha256 is None or hashlib.sha256(body).hexdigest() == place.sha256:
                    return RawPage(
                        url=record.rec_headers.get_header("WARC-Target-URI"),
                        at=datetime.fromisoformat(record.rec_headers.get_header("WARC-Date")),
                        status=int(record.http_headers.get_statuscode()),
                        headers=tuple(h for h in record.http_headers.headers if h[0] != "Content-Encoding"),
                        body=body,
                    )
                why = "it has another page there"
            else:
                why = "no page begins there"
    except StorageError:
        raise
    except FileNotFoundError:
        if place.size is not None:
            raise StorageError(
                f"{path}: the archive is not there; import it again from where it is, so that its pages are found"
            ) from None
        raise StorageError(
            f"{path}: the raw page is not there; [extract] raw_retain limits how long they are stored, "
            "and a backup of the database does not contain them; "
            "with several workers, the page is on the machine that its name names"
        ) from None
    except OSError as error:
        raise _explained(path, error) from error
    except Exception as error:  # warcio's own exceptions
        why = str(error)
    raise StorageError(
        f"{path}: nothing can be read at {offset} ({why}); is it the file that the database was made with?"
    )


def _check_archive(place: RawPlace) -> None:
    """Check that an archive is the file that was imported, before it is opened: opening a pipe would wait."""
    if place.size is None:
        return
    found = place.path.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_size != place.size:
        raise StorageError(
            f"{place.path}: its size is not that of the archive that was imported; import the file again where it is now"
        )


def older_files(database: DatabaseAddress, before: datetime) -> list[str]:
    """The names of files of days before a time."""
    limit = f"newsdesk-{before.astimezone(UTC):%Y%m%d}"
    return [p.name for p in sorted(files_in(warc_folder(database))) if p.name[: len(limit)] < limit]


def delete_files(database: DatabaseAddress, names: Sequence[str]) -> None:
    """Delete files by name."""
    for name in names:
        (warc_folder(database) / Path(name).name).unlink(missing_ok=True)


def raw_size(database: DatabaseAddress) -> int:
    """The size of all raw pages in bytes."""
    return sum(path.stat().st_size for path in files_in(warc_folder(database)))


def warc_record(page: RawPage) -> bytes:
    """The WARC record of a page, as one gzip member; a compressed body is stored as sent, with Content-Encoding."""
    return _member(_response(page), _STORED if page.packed else _LEVEL)


def _member(write: Callable[[Any], None], level: int = _LEVEL) -> bytes:
    plain = BytesIO()
    write(plain)
    packer = zlib.compressobj(level, zlib.DEFLATED, 31)
    return packer.compress(plain.getvalue()) + packer.flush()


def _response(page: RawPage) -> Callable[[Any], None]:
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    kept = [(name, value) for name, value in page.headers if name.lower() not in _DROPPED]
    if page.packed:
        kept.append(("Content-Encoding", "gzip"))
    kept.append(("Content-Length", str(len(page.body))))
    http = StatusAndHeaders(f"{page.status} {_REASONS.get(page.status, 'OK')}", kept, protocol="HTTP/1.1")

    def write(out: Any) -> None:
        writer = WARCWriter(out, gzip=False, warc_version="1.1")
        writer.write_record(
            writer.create_warc_record(
                page.url,
                "response",
                payload=BytesIO(page.body),
                length=len(page.body),
                http_headers=http,
                warc_headers_dict={"WARC-Date": format_utc(page.at)},
            )
        )

    return write


_REASONS = {200: "OK", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden"}


def _info(name: str, at: datetime, software: str) -> Callable[[Any], None]:
    from warcio.warcwriter import WARCWriter

    def write(out: Any) -> None:
        writer = WARCWriter(out, gzip=False, warc_version="1.1")
        about = {
            "software": f"{software} warcio/{version('warcio')}",
            "format": "WARC File Format 1.1",
        }
        record = writer.create_warcinfo_record(name, about)
        record.rec_headers.replace_header("WARC-Date", format_utc(at))
        writer.write_record(record)

    return write


def _explained(path: Path, error: OSError) -> StorageError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskError(
            f"{path}: the disk is full; nothing acknowledged is lost: "
            "make room, or set [extract] keep_raw = false, and run the command again"
        )
    return DiskError(
        f"{path}: raw pages cannot be written ({error.strerror or error}); "
        "let newsdesk write there, or set [extract] keep_raw = false"
    )
