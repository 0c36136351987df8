"""The decompressed bytes of a WARC file, with bounded memory. Pure.

A file is plain, or gzip: usually one gzip member a record, so that a record can be read by its offset, sometimes one
member for all.
"""

from __future__ import annotations

import zlib
from collections import deque
from contextlib import suppress
from typing import IO

PIECE = 1 << 16  # bytes that are read or decompressed at a time
_MAGIC = b"\x1f\x8b\x08"
_GZIP = 31  # zlib's number for a gzip member


class DamagedError(Exception):
    """The bytes of a file cannot be decompressed further."""


class ByteStream:
    """The bytes of one file in order, across its gzip members. What was read once is not kept."""

    def __init__(self, file: IO[bytes]) -> None:
        """Create it at the start of a file.

        Args:
            file: a binary file; it is only read forwards.
        """
        self._file = file
        self._raw_end = 0  # the offset in the file after what was read of it
        self._raw = self._read_raw()  # bytes as they are in the file, not yet decompressed
        self.packed = self._raw.startswith(_MAGIC)
        self._member: zlib._Decompress | None = None
        self._unread = bytearray()  # decompressed bytes
        self._begin = 0  # its position among all decompressed bytes
        self._members: deque[tuple[int, int]] = deque()  # of members in them: (position, offset in the file)

    @property
    def offset(self) -> int:
        """The offset in the file of the next byte; within a gzip member, of the member."""
        if not self.packed:
            return self._raw_end - len(self._raw) - len(self._unread)
        starts = [offset for position, offset in self._members if position <= self._begin]
        return starts[-1] if starts else self._raw_end - len(self._raw)

    def at_member(self) -> bool:
        """Whether the next byte can be found again by its offset: it is the first of its gzip member."""
        return not self.packed or any(position == self._begin for position, _ in self._members)

    def forget_members(self) -> None:
        """Forget the gzip members that were read: nothing before the next byte is given back any more."""
        while len(self._members) > 1 and self._members[1][0] <= self._begin:
            self._members.popleft()

    def ended(self) -> bool:
        """Whether no byte is left.

        Raises:
            DamagedError: the file goes on, but cannot be decompressed.
        """
        return not self._unread and not self._more()

    def begins_with(self, *prefixes: bytes) -> bool:
        """Whether the next bytes are one of these; damage after them is found when it is read."""
        with suppress(DamagedError):
            while (
                not self._unread.startswith(prefixes) and len(self._unread) < max(map(len, prefixes)) and self._more()
            ):
                pass
        return self._unread.startswith(prefixes)

    def line(self, most: int) -> bytes | None:
        """Read a line with its end; None if it is longer, and then nothing is read.

        Raises:
            DamagedError: the file cannot be decompressed.
        """
        seen = 0
        while (end := self._unread.find(b"\n", seen)) < 0:
            seen = len(self._unread)
            if seen > most or not self._more():
                end = seen - 1
                break
        if end + 1 > most:
            return None
        return self._take(end + 1)

    def read(self, count: int) -> bytes:
        """Read that many bytes; fewer only at the end of the file.

        Raises:
            DamagedError: the file cannot be decompressed.
        """
        while len(self._unread) < count and self._more():
            pass
        return self._take(min(count, len(self._unread)))

    def skip(self, count: int) -> int:
        """Leave out that many bytes; returns how many there were.

        Raises:
            DamagedError: the file cannot be decompressed.
        """
        left = count
        while left and not self.ended():
            left -= len(self._take(min(left, len(self._unread))))
            self.forget_members()
        return count - left

    def give_back(self, data: bytes) -> None:
        """Let bytes that were just read be read again."""
        self._unread[:0] = data
        self._begin -= len(data)

    def find_record(self, start: bytes) -> bool:
        """Go on to the next line, or the next gzip member, that begins with these bytes; False if there is none."""
        after_newline = False
        while True:
            try:
                if self.ended():
                    return False
                if (after_newline or self.at_member()) and self.begins_with(start):
                    return True
                end = self._unread.find(b"\n")
                stop = len(self._unread) if end < 0 else end + 1
                stop = min([stop, *(at - self._begin for at, _ in self._members if at > self._begin)])
                after_newline = self._take(stop).endswith(b"\n")
                self.forget_members()
            except DamagedError:
                if not self._next_member(start):
                    return False

    def _read_raw(self) -> bytes:
        piece = self._file.read(PIECE)
        self._raw_end += len(piece)
        return piece

    def _take(self, count: int) -> bytes:
        taken = bytes(self._unread[:count])
        del self._unread[:count]
        self._begin += count
        return taken

    def _more(self) -> bool:
        """Decompress one more piece; False at the end of the file."""
        if not self.packed:
            self._unread += self._raw
            taken, self._raw = bool(self._raw), self._read_raw()
            return taken
        before = len(self._unread)
        while len(self._unread) == before:
            if not self._raw:
                self._raw = self._read_raw()
            if self._member is None and not self._begin_member():
                return False
            self._decompress()
        return True

    def _begin_member(self) -> bool:
        while self._raw and not self._raw.strip(b"\0"):  # some writers fill the last block of a file
            self._raw = self._read_raw()
        if not self._raw:
            return False
        self._member = zlib.decompressobj(_GZIP)
        self._members.append((self._begin + len(self._unread), self._raw_end - len(self._raw)))
        return True

    def _decompress(self) -> None:
        assert self._member is not None
        if not self._raw:
            self._member = None
            raise DamagedError("the file ends inside a record: it is cut off")
        try:
            self._unread += self._member.decompress(self._raw, PIECE)
        except zlib.error as error:
            self._member = None
            raise DamagedError("its compressed bytes are damaged") from error
        self._raw = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        if self._member.eof:
            self._member = None

    def _next_member(self, start: bytes) -> bool:
        """After damage: go on to the next gzip member that begins with these bytes."""
        self._begin += len(self._unread)
        self._unread.clear()
        self._members.clear()
        self._member = None
        while True:
            found = self._raw.find(_MAGIC, 1)
            if found < 0:
                if not (rest := self._read_raw()):
                    self._raw = b""
                    return False
                self._raw = b"\0" + self._raw[-2:] + rest  # the magic number may begin in the piece before
                continue
            self._raw = self._raw[found:]
            if len(self._raw) < PIECE // 2:
                self._raw += self._read_raw()
            try:
                if zlib.decompressobj(_GZIP).decompress(self._raw, len(start)) == start:
                    return True
            except zlib.error:
                continue
