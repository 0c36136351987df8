"""Raw pages as the records that they are, unchanged, for files of evidence."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from storage.errors import StorageError
from storage.store import Store
from storage.warc import RawPage, RawPlace, read_raw


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRecord:
    """One WARC record of a response."""

    page: RawPage
    header: bytes
    block: bytes  # the HTTP response

    def member(self) -> bytes:
        """The record as a gzip member of its own."""
        return gzip.compress(self.header + self.block + b"\r\n\r\n", mtime=0)

    @property
    def media_type(self) -> str:
        """Of its page, in lower case."""
        return self.page.header("Content-Type").partition(";")[0].strip().lower() or "text/html"

    @property
    def record_id(self) -> str:
        """Its WARC-Record-ID."""
        return _field(self.header, b"warc-record-id") or ""

    @property
    def digest(self) -> str:
        """The digest of its payload as its header says it, else as sha1:BASE32."""
        return _field(self.header, b"warc-payload-digest") or self.computed_digest

    @property
    def computed_digest(self) -> str:
        """The digest of its payload, as sha1:BASE32."""
        payload = self.block.partition(b"\r\n\r\n")[2]
        return f"sha1:{base64.b32encode(hashlib.sha1(payload, usedforsecurity=False).digest()).decode()}"


def read_record(place: RawPlace) -> RawRecord:
    """The record at a place, byte for byte.

    Raises:
        StorageError: as read_raw does.
    """
    from warcio.bufferedreaders import DecompressingBufferedReader

    page = read_raw(place)  # checks that it is the page that it should be
    try:
        with place.path.open("rb") as file:
            file.seek(place.offset)
            header, block = _parts(DecompressingBufferedReader(file))
    except OSError as error:
        raise StorageError(f"{place.path}: cannot be read ({error.strerror or error}); check the disk") from error
    return RawRecord(page=page, header=header, block=block)


def problems_of_raw_pages(store: Store) -> Iterator[str]:
    """Read every raw page, and compare it with its hash and with the digest in its record; a line for each that is wrong."""
    for article_id, number, place in store.raw_versions():
        what = f"raw page of article {article_id}, version {number}"
        if place is None:
            yield f"{what}: its archive is not known; import it again"
            continue
        try:
            record = read_record(place)
        except StorageError as error:
            yield f"{what}: {error}"
            continue
        if record.digest.startswith("sha1:") and record.digest != record.computed_digest:
            yield f"{what}: {place.path} is damaged at {place.offset}: the digest of its record does not fit"


def _parts(stream: Any) -> tuple[bytes, bytes]:
    """The header of the next record and its block, as they are."""
    header = b""
    while line := stream.readline():
        header += line
        if not line.strip():
            break
    left, pieces = int(_field(header, b"content-length") or 0), []
    while left and (piece := stream.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return header, b"".join(pieces)


def _field(header: bytes, name: bytes) -> str:
    for line in header.splitlines():
        if line.lower().startswith(name + b":"):
            return line.partition(b":")[2].strip().decode("utf-8", "replace")
    return ""
