"""A file at an http or https address, read in pieces, never all of it in memory or on disk. Pure.

A transfer that ends early goes on where it ended, if the server says that the file is still the same one (If-Range,
RFC 9110 section 13.1.5); otherwise the file has to be read anew.
"""

from __future__ import annotations

import hashlib
import io
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote, urlsplit

TRIES = 5  # connections in a row that brought nothing
_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)\Z")
_WAIT = 60.0  # the most seconds between two tries
_LATER = {429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Address:
    """A file of an import that is not on this machine."""

    url: str

    @property
    def name(self) -> str:
        """The last part of its path."""
        return unquote(urlsplit(self.url).path).replace("\\", "/").rstrip("/").rpartition("/")[2] or "archive"

    def __str__(self) -> str:
        return self.url


def is_address(name: str) -> bool:
    """Whether the name of a file is an address."""
    return name.lower().startswith(("http://", "https://"))


class RemoteFileChanged(OSError):  # noqa: N818 - named for what happened
    """The file is another one now, or may be: what was read of it belongs to the former one."""


class ConnectionEnded(OSError):  # noqa: N818 - named for what happened
    """The connection failed or ended before its body was complete; another try may succeed."""


class Body(Protocol):
    """A response whose body is read as it comes."""

    status: int
    headers: dict[str, str]  # names in lower case
    length: int | None  # of the body, in bytes

    def read(self, most: int) -> bytes:
        """Wait for bytes; empty at the end of a complete body.

        Raises:
            ConnectionEnded: the body is not complete.
            OSError: it can never be.
        """

    def close(self) -> None:
        """End the connection."""


Connect = Callable[[str, dict[str, str]], Body]  # address and headers; raises ConnectionEnded, or OSError if refused


class RemoteFile(io.RawIOBase):
    """Reads forwards; a seek begins another request at that byte."""

    def __init__(self, url: str, connect: Connect, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Request the file.

        Args:
            url: its address.
            connect: begins a request.
            sleep: waits between two tries.

        Raises:
            OSError: it cannot be had.
        """
        self.url = url
        self._connect, self._sleep = connect, sleep
        self._position = 0
        self._body: Body | None = None
        self._hash = hashlib.sha256()
        self._hashed = 0
        self.size: int | None = None
        self.validator = ""  # a strong ETag, else Last-Modified
        self._request()

    @property
    def sha256(self) -> str | None:
        """The hash of the file; None if it was not read from its beginning to its end."""
        return self._hash.hexdigest() if self._hashed == self.size else None

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """Whether its length is known; that a server knows no ranges shows with the first request for one."""
        return self.size is not None

    def tell(self) -> int:
        """The position of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another byte; the request for it is sent when it is read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size or 0}[whence]
        if base + offset != self._position:
            self._end()
            self._position = base + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what io.BufferedReader passes
        """Read what is there.

        Raises:
            RemoteFileChanged: it is another file now.
            OSError: it cannot be read further.
        """
        for attempt in range(TRIES):
            if self._position == self.size:
                return 0
            try:
                if self._body is None:
                    self._request()
                assert self._body is not None
                piece = self._body.read(len(buffer))
            except ConnectionEnded as error:
                self._end()
                if attempt == TRIES - 1:
                    raise OSError(0, f"{error.strerror}, at byte {self._position:,}") from error
                self._sleep(_pause(attempt))
                continue
            buffer[: len(piece)] = piece
            self._note(piece)
            if not piece and self.size is None:
                self.size = self._position
            return len(piece)
        raise AssertionError

    def close(self) -> None:
        """End the connection."""
        self._end()
        super().close()

    def _note(self, piece: bytes) -> None:
        if self._hashed == self._position:
            self._hash.update(piece)
            self._hashed += len(piece)
        self._position += len(piece)

    def _end(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    def _request(self) -> None:
        """Begin a request at the present position, with retries."""
        for attempt in range(TRIES):
            headers = {"Accept-Encoding": "identity"}
            if self._position:
                if not self.validator:
                    raise RemoteFileChanged(
                        0, "the server says neither ETag nor Last-Modified, so that it can only be read anew"
                    )
                headers |= {"Range": f"bytes={self._position}-", "If-Range": self.validator}
            try:
                body = self._connect(self.url, headers)
            except ConnectionEnded as error:
                if attempt == TRIES - 1:
                    raise OSError(0, error.strerror) from error
                self._sleep(_pause(attempt))
                continue
            if body.status in _LATER and attempt < TRIES - 1:
                body.close()
                self._sleep(_pause(attempt, body.headers.get("retry-after", "")))
                continue
            try:
                self._accept(body)
            except OSError:
                body.close()
                raise
            self._body = body
            return

    def _accept(self, body: Body) -> None:
        """Check that the response is the file, from the present position on.

        Raises:
            RemoteFileChanged: it is another one.
            OSError: it is none.
        """
        validator = _validator(body.headers)
        if self._position and body.status == 200:
            if validator == self.validator:
                raise OSError(0, "the server sends no parts of files (Range); download the file and name it")
            raise RemoteFileChanged(0, "it changed while it was read")
        if self._position:
            found = _RANGE.match(body.headers.get("content-range", ""))
            if body.status != 206 or found is None or int(found[1]) != self._position:
                raise OSError(0, f"the server answered a request from byte {self._position:,} with {body.status}")
            if found[2] not in {"*", str(self.size)}:
                raise RemoteFileChanged(0, "its length changed while it was read")
            return
        if body.status != 200:
            raise OSError(0, f"the server answered {body.status}")
        self.size, self.validator = body.length, validator


def _pause(attempt: int, retry_after: str = "") -> float:
    """The seconds until the next try: what the server says, else twice as many each time."""
    said = retry_after.isascii() and retry_after.isdigit()
    return min(_WAIT, float(retry_after) if said else 2.0 ** (attempt - 1))


def _validator(headers: dict[str, str]) -> str:
    etag = headers.get("etag", "")
    return etag if etag and not etag.startswith("W/") else headers.get("last-modified", "")
