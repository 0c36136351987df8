"""What a body is on its way: packed with gzip, whole or cut off. Pure."""

from __future__ import annotations

import zlib

_MAGIC = b"\x1f\x8b"


class BrokenBody(OSError):  # noqa: N818 - named for what was met
    """A compressed body that ends before it is over (half a page to the defaults, RELIABILITY 3.1), is damaged, or unpacks beyond the limit."""


def is_packed(body: bytes) -> bool:
    """Whether these are the bytes of a gzip file (RFC 1952)."""
    return body.startswith(_MAGIC)


def unpacked(body: bytes, most: int) -> bytes:
    """Undo gzip.

    Args:
        body: one member or several (RFC 1952, 2.2); what stands behind the last and is none is left out, as browsers do.
        most: bytes that it may unpack to.

    Raises:
        BrokenBody: it has no end, is damaged, or is larger than that.
    """
    parts: list[bytes] = []
    room = most
    while is_packed(body):
        reader = zlib.decompressobj(wbits=31)
        try:
            part = reader.decompress(body, room + 1)
        except zlib.error as error:
            raise BrokenBody(f"the compressed body is damaged ({error})") from error
        if len(part) > room:
            raise BrokenBody("the answer is larger than [http] max_bytes")
        if not reader.eof:
            raise BrokenBody("the compressed body ends before it is over")
        parts.append(part)
        room -= len(part)
        body = reader.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)
