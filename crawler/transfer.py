"""What a body is on its way: packed with gzip, whole or cut off. Pure."""

from __future__ import annotations

import zlib

_MAGIC = b"\x1f\x8b"
_SLICE = 1 << 16  # bytes
MEMBERS = 1000  # servers send one; a body of a million empty ones would be unpacked for minutes


class BrokenBody(OSError):  # noqa: N818 - named for what was met
    """A compressed body that ends before it is over (half a page to the defaults, RELIABILITY 3.1), is damaged, or unpacks beyond the limit."""


def is_packed(body: bytes) -> bool:
    """Whether these are the bytes of a gzip file (RFC 1952)."""
    return body.startswith(_MAGIC)


def unpacked(body: bytes, most: int) -> bytes:
    """Undo gzip; see unpack."""
    return unpack(body, most)[0]


def unpack(body: bytes, most: int) -> tuple[bytes, bool]:
    """Undo gzip.

    Args:
        body: one member or several (RFC 1952, 2.2); what stands behind the last and is none is left out, as browsers do.
        most: bytes that it may unpack to.

    Returns:
        What was packed, and whether it was one member with nothing behind it.

    Raises:
        BrokenBody: it has no end, is damaged, is larger than that, or of more than MEMBERS members.
    """
    parts: list[bytes] = []
    room, at, members = most, 0, 0
    while is_packed(body[at : at + 2]):
        members += 1
        if members > MEMBERS:
            raise BrokenBody(f"the compressed body is made of more than {MEMBERS} parts")
        reader = zlib.decompressobj(wbits=31)
        while not reader.eof:
            piece = body[at : at + _SLICE]  # what is behind a member is copied: a little, not all that is left
            if not piece:
                raise BrokenBody("the compressed body ends before it is over")
            try:
                part = reader.decompress(piece, room + 1)
            except zlib.error as error:
                raise BrokenBody(f"the compressed body is damaged ({error})") from error
            room -= len(part)
            if room < 0:
                raise BrokenBody("the answer is larger than [http] max_bytes")
            parts.append(part)
            at += len(piece) - len(reader.unused_data)
    return b"".join(parts), members == 1 and at == len(body)
