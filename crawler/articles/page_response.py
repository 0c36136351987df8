"""The result of one article request: a response, or why there was none. Values only, so archives fit too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.records import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFailure:
    """Why a request got no response, or why its response could not be read."""

    reason: str  # as an end to "URL: "
    retry_after: float | None = None  # seconds, requested by the server or robots.txt
    permanent: bool = False  # the page itself is at fault: the next request would fail in the same way
    refused: bool = False  # it was not sent: robots.txt or the address guard


@dataclass(frozen=True, slots=True, kw_only=True)
class PageResponse:
    """One article request and its response."""

    entry: Entry
    requested_url: str
    url: str = ""  # where redirects ended
    redirects: tuple[str, ...] = ()  # the addresses in between
    at: datetime  # when it was requested
    answered_at: datetime
    conditional: bool = False  # validators were sent
    status: int | None = None  # None: no response
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    rendered: bool = False  # the body is the document that its scripts made, in a browser
    gzipped: bool = False  # the body is still gzipped; every other Content-Encoding is decoded
    failure: PageFailure | None = None

    def header(self, name: str) -> str | None:
        """Return the first header of that name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def other_media_type(self) -> str | None:
        """The media type of a response that is not a page; None if it may be one."""
        kind = (self.header("Content-Type") or "").split(";")[0].strip().lower()
        plain = {"text/plain", "application/octet-stream", "application/xml", "text/xml"}
        return None if not kind or "html" in kind or kind in plain else kind
