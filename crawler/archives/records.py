"""Read the records of WARC files (ISO 28500): one pass, bounded memory, and a broken record ends nothing. Pure.

No library does this: warcio reads a header of 100 MB into memory and ends at the first broken record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

from crawler.archives.byte_stream import ByteStream, DamagedError

MAX_HEAD = 64 * 1024  # bytes of a record's header, and of a response's
MAX_LINE = 16 * 1024
_START = b"WARC/"
_LONGEST = 10**15  # bytes; a larger number in a header is no length


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordHead:
    """What the header of a response record says."""

    url: str
    at: datetime
    length: int  # bytes of its block


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseRecord:
    """A response as it was received: its HTTP head and body."""

    head: RecordHead
    block: bytes
    offset: int  # in the file
    seekable: bool  # the record can be read again by its offset


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedRecord:
    """A record that is not read; `broken` if the file is at fault."""

    offset: int
    reason: str
    broken: bool = False


Record = ResponseRecord | SkippedRecord


class _BrokenRecordError(Exception):
    pass


def read_records(
    file: IO[bytes], *, most: int, unwanted: Callable[[RecordHead], str | None] = lambda _: None
) -> Iterator[Record]:
    """Read the records of a WARC file in order, plain or gzip.

    Args:
        file: read forwards only.
        most: bytes of a body; a record with a longer one is skipped.
        unwanted: returns why the response with that header is not needed, for counts; its block is not kept.

    Yields:
        Each response, and why each other record was skipped. What is broken is skipped up to the next record.
    """
    stream = ByteStream(file)
    while True:
        offset = None
        try:
            if not _at_next(stream):
                return
            offset = stream.offset
            yield _record(stream, offset, most, unwanted)
        except (_BrokenRecordError, DamagedError) as error:
            at = stream.offset if offset is None else offset
            yield SkippedRecord(offset=at, reason=str(error), broken=True)
            if not stream.find_record(_START):
                return


def _at_next(stream: ByteStream) -> bool:
    """Go to the next record, over the empty lines between two; False at the end."""
    while stream.begins_with(b"\r\n", b"\n"):
        stream.line(2)
        stream.forget_members()
    stream.forget_members()
    return not stream.ended()


def _record(stream: ByteStream, offset: int, most: int, unwanted: Callable[[RecordHead], str | None]) -> Record:
    seekable = stream.at_member()
    fields = _header(stream)
    length = _length(fields)
    kind = fields.get("warc-type", "").lower()
    head, reason = None, f"{kind or 'untyped'} record"
    if kind == "response" and not fields.get("content-type", "application/http").startswith("application/http"):
        reason = "response that is not of HTTP"
    elif kind == "response":
        head = RecordHead(url=fields.get("warc-target-uri", "").strip("<> "), at=_date(fields), length=length)
        reason = unwanted(head) or ""
        if not reason and length > most + MAX_HEAD:
            reason = f"response longer than {most:,} bytes"
    if head is None or reason:
        if stream.skip(length) < length:
            raise _BrokenRecordError("the file ends inside a record")
        return SkippedRecord(offset=offset, reason=reason)
    block = stream.read(length)
    _check_end(stream, block, length)
    return ResponseRecord(head=head, block=block, offset=offset, seekable=seekable)


def _check_end(stream: ByteStream, block: bytes, length: int) -> None:
    """Check that the record ends where its length says: before empty lines, another record or the end.

    Raises:
        _BrokenRecordError: it does not; its block is read again, as another record may begin in it.
    """
    if len(block) == length:
        if stream.begins_with(b"\r\n", b"\n", _START) or stream.ended():
            return
        stream.give_back(block)
        raise _BrokenRecordError("its length does not fit")
    stream.give_back(block)
    raise _BrokenRecordError("the file ends inside a record")


def _header(stream: ByteStream) -> dict[str, str]:
    """Read a header up to its empty line; the first of fields with the same name counts."""
    if not stream.begins_with(_START):
        raise _BrokenRecordError("no record begins here")
    found: dict[str, str] = {}
    name, left = "", MAX_HEAD
    while True:
        line = stream.line(min(MAX_LINE, left))
        if line is None:
            stream.skip(1)  # what follows is not a record of this name
            raise _BrokenRecordError(f"its header is longer than {MAX_LINE:,} bytes a line or {MAX_HEAD:,} in all")
        left -= len(line)
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not text.strip():
            if not line:
                raise _BrokenRecordError("the file ends inside a header")
            return found
        if text[0] in " \t" and name:  # a folded field
            found[name] = f"{found[name]} {text.strip()}"
        elif ":" in text:
            name, _, value = text.partition(":")
            name = name.strip().lower()
            found.setdefault(name, value.strip())


def _length(fields: dict[str, str]) -> int:
    text = fields.get("content-length", "")
    if not (text.isascii() and text.isdigit()) or len(text) > 15 or int(text) > _LONGEST:
        raise _BrokenRecordError(f"its length is no number: {text[:40]!r}")
    return int(text)


def _date(fields: dict[str, str]) -> datetime:
    text = fields.get("warc-date", "")
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _BrokenRecordError(f"its date cannot be read: {text[:40]!r}") from None
