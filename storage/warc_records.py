"""Raw pages as the records that they are, unchanged, for files of evidence."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.errors import StorageError
from storage.store import Store
from storage.warc import RawPlace, read_raw


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRecord:
    """One WARC record of a response, as a gzip member."""

    member: bytes
    url: str
    at: datetime
    status: int
    media_type: str
    digest: str  # of its payload, as sha1:BASE32 or as its header says


def read_record(place: RawPlace) -> RawRecord:
    """The record at a place, byte for byte, in a gzip member of its own.

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
    digest = _field(header, b"warc-payload-digest")
    kind = next((value for name, value in page.headers if name.lower() == "content-type"), "")
    return RawRecord(
        member=gzip.compress(header + block + b"\r\n\r\n", mtime=0),
        url=page.url,
        at=page.at,
        status=page.status,
        media_type=kind.partition(";")[0].strip().lower() or "text/html",
        digest=digest or _sha1(block.partition(b"\r\n\r\n")[2]),
    )


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
        payload = gzip.decompress(record.member).partition(b"\r\n\r\n")[2].partition(b"\r\n\r\n")[2]
        payload = payload.removesuffix(b"\r\n\r\n")
        if record.digest.startswith("sha1:") and record.digest != _sha1(payload):
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


def _sha1(payload: bytes) -> str:
    """A digest as WARC files have it."""
    return f"sha1:{base64.b32encode(hashlib.sha1(payload, usedforsecurity=False).digest()).decode()}"
