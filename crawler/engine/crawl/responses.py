"""Small questions to one answer, and the decision in the writer's transaction. Not for asking: see spider.py."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from scrapy.http import Response

from crawler.engine.middlewares.decompression import GZIPPED
from storage.warc import RawPage


def raw_page(response: Response, at: datetime) -> RawPage:
    """The page as it came."""
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, values in response.headers.items()
        for value in values
    )
    return RawPage(
        url=response.url,
        at=at,
        status=response.status,
        headers=headers,
        body=response.body,
        packed=GZIPPED in response.flags,
    )


def header(headers: Any, name: str) -> str | None:
    """A response header, byte for byte as text."""
    value = headers.get(name)
    return value.decode("latin-1") if value else None


def media_of(response: Response) -> str | None:
    """The media type of what is no page; None where it may be one."""
    kind = (header(response.headers, "Content-Type") or "").split(";")[0].strip().lower()
    if not kind or "html" in kind or kind in {"text/plain", "application/octet-stream", "application/xml", "text/xml"}:
        return None
    return kind
