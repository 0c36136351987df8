"""The HTTP response of a WARC record: its status, headers and body. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO

from crawler.archives.records import MAX_HEAD
from crawler.content_encoding import DecodeError, decode_body

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_PAGES = {"text/html", "application/xhtml+xml"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedResponse:
    """One response, its body as it was sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """The first header of that name, in lower case; "" where there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def reason_skipped(self) -> str | None:
        """Why it is no page to read; None if it is one."""
        if self.status != 200:
            return f"response with status {self.status}"
        kind = self.header("content-type").split(";")[0].strip().lower()
        if kind not in _PAGES and not (not kind and self.body[:512].lstrip()[:1] == b"<"):
            return "response that is no HTML page"
        return None


def parse_response(block: bytes) -> ArchivedResponse | None:
    """Split a record's block into status, headers and body; None if it is not an HTTP response."""
    status = _STATUS.match(block)
    end = _HEAD_END.search(block, 0, MAX_HEAD)
    if status is None or end is None:
        return None
    headers: list[tuple[str, str]] = []
    for line in block[: end.start()].decode("latin-1").splitlines()[1:]:
        name, colon, value = line.partition(":")
        if line[:1] in " \t" and headers:
            headers[-1] = (headers[-1][0], f"{headers[-1][1]} {line.strip()}")
        elif colon:
            headers.append((name.strip(), value.strip()))
    return ArchivedResponse(status=int(status[1]), headers=tuple(headers), body=block[end.end() :])


def decoded_body(response: ArchivedResponse, most: int) -> bytes:
    """The body without transfer and content encodings; many archives store it without and keep the headers.

    Args:
        response: its headers say how the body is encoded.
        most: bytes that it may decompress to.

    Raises:
        DecodeError: it is damaged, or decompresses beyond the limit.
    """
    body = response.body
    if "chunked" in response.header("transfer-encoding").lower():
        body = _without_chunks(body)
    encodings = [part.strip() for part in response.header("content-encoding").lower().split(",") if part.strip()]
    looks_plain = body[:512].lstrip()[:1] == b"<"
    body = body if looks_plain else decode_body(body, encodings, most)
    if len(body) > most:
        raise DecodeError("the answer is larger than [http] max_bytes")
    return body


def _without_chunks(body: bytes) -> bytes:
    """Undo the chunked transfer coding (RFC 9112, 7.1); a body that is not chunked stays as it is."""
    from warcio.bufferedreaders import ChunkedDataException, ChunkedDataReader

    try:
        return bytes(ChunkedDataReader(BytesIO(body)).read(len(body)))
    except ChunkedDataException as error:
        raise DecodeError(f"its chunks are damaged ({error})") from error
