"""Decompress HTTP bodies, and detect those that are incomplete. No input or output."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Sequence
from typing import Any

_Reader = tuple[Callable[[bytes, int], bytes], Callable[[], bool]]  # a step, and whether the stream has ended
_MAGIC = b"\x1f\x8b"
_FRAME = b"\x28\xb5\x2f\xfd"  # the magic number of zstd
_UNASKED = {"compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip", "aes128gcm"}  # IANA's other content codings
_SLICE = 1 << 16  # bytes
MAX_GZIP_MEMBERS = 1000  # servers send one; decompressing a body of a million empty ones would take minutes


class DecodeError(OSError):
    """A compressed body that is cut off, is damaged, or decompresses beyond the limit.

    Scrapy's defaults take a body that is cut off for a complete page (RELIABILITY 3.1).
    """


def is_gzip(body: bytes) -> bool:
    """Whether these are the bytes of a gzip file (RFC 1952)."""
    return body.startswith(_MAGIC)


def decode_body(body: bytes, encodings: Sequence[str], most: int) -> bytes:
    """Undo the content encodings of a response (RFC 9110, 8.4), the last one first.

    An unknown word ("utf-8", "none") is ignored, as browsers do.

    Args:
        body: as it was sent.
        encodings: from the headers, in lower case.
        most: bytes that it may decompress to, at each step.

    Raises:
        DecodeError: see gunzip; or an encoding that was not requested.
    """
    for encoding in reversed(encodings):
        if encoding in {"gzip", "x-gzip"} and is_gzip(body):
            body = gunzip(body, most)[0]
        elif encoding in _STREAMS:
            body = _streamed(body, _STREAMS[encoding](body), most)
        elif encoding in {"gzip", "x-gzip"}:
            raise DecodeError("its body says that it is compressed, and is not")
        elif encoding in _UNASKED:
            raise DecodeError(f"the answer is compressed with {encoding!r}, which was not requested")
    return body


def _deflate(body: bytes) -> _Reader:
    """Deflate in zlib's format as RFC 9110, 8.4.1.2 says, or raw, as many servers send it."""
    wrapped = len(body) > 1 and body[0] & 15 == 8 and int.from_bytes(body[:2]) % 31 == 0  # RFC 1950, 2.2
    reader = zlib.decompressobj(wbits=15 if wrapped else -15)
    return reader.decompress, lambda: reader.eof


def _brotli(_: bytes) -> _Reader:
    import brotli  # on first use, like zstd below

    reader = brotli.Decompressor()
    return lambda data, most: reader.process(data, output_buffer_limit=most), reader.is_finished


def _zstd(_: bytes) -> _Reader:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    def fresh() -> Any:
        return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: 23})  # RFC 9659: 8 MB

    reader, frames = fresh(), 1

    def step(data: bytes, most: int) -> bytes:
        nonlocal reader, frames
        found = b"" if reader.eof else bytes(reader.decompress(data, most))
        # RFC 8878, 3: a stream may have several frames
        while reader.eof and reader.unused_data.startswith(_FRAME) and len(found) < most:
            frames += 1
            if frames > MAX_GZIP_MEMBERS:
                raise DecodeError(f"the compressed body is made of more than {MAX_GZIP_MEMBERS} parts")
            rest, reader = reader.unused_data, fresh()
            found += reader.decompress(rest, most - len(found))
        return found

    return step, lambda: reader.eof


_STREAMS: dict[str, Callable[[bytes], _Reader]] = {"deflate": _deflate, "br": _brotli, "zstd": _zstd}


def _streamed(body: bytes, reader: _Reader, most: int) -> bytes:
    """Decompress a complete stream."""
    step, ended = reader
    found = b""
    try:
        part = found = step(body, most + 1)
        while part and not ended() and len(found) <= most:
            part = step(b"", most + 1 - len(found))
            found += part
        whole = ended()
    except DecodeError:
        raise
    except Exception as error:  # each library has its own exception class
        raise DecodeError(f"the compressed body is damaged ({_plainly(error)})") from error
    if len(found) > most:
        del found, part  # the error's traceback would keep these bytes in memory
        raise DecodeError("the answer is larger than [http] max_bytes")
    if not whole:
        raise DecodeError("the compressed body ends before it is over")
    return found


def _plainly(error: Exception) -> str:
    """The message without zlib's "Error -3 while decompressing data"."""
    return str(error).rsplit(": ", 1)[-1]


def gunzip(body: bytes, most: int) -> tuple[bytes, bool]:
    """Undo gzip.

    Args:
        body: one member or several (RFC 1952, 2.2); bytes after the last member are ignored, as browsers do.
        most: bytes that it may decompress to.

    Returns:
        The decompressed bytes, and whether the body was exactly one member.

    Raises:
        DecodeError: the body is cut off, damaged, larger than `most`, or has more than MAX_GZIP_MEMBERS members.
    """
    parts: list[bytes] = []
    room, at, members = most, 0, 0
    while is_gzip(body[at : at + 2]):
        members += 1
        if members > MAX_GZIP_MEMBERS:
            raise DecodeError(f"the compressed body is made of more than {MAX_GZIP_MEMBERS} parts")
        reader = zlib.decompressobj(wbits=31)
        while not reader.eof:
            piece = body[at : at + _SLICE]  # in slices, because zlib copies what follows a member
            if not piece:
                raise DecodeError("the compressed body ends before it is over")
            try:
                part = reader.decompress(piece, room + 1)
            except zlib.error as error:
                raise DecodeError(f"the compressed body is damaged ({_plainly(error)})") from error
            room -= len(part)
            if room < 0:
                del part
                parts.clear()  # the error's traceback would keep these bytes in memory
                raise DecodeError("the answer is larger than [http] max_bytes")
            parts.append(part)
            at += len(piece) - len(reader.unused_data)
    return b"".join(parts), members == 1 and at == len(body)
