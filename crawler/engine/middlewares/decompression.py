"""Decompress bodies; an incomplete body is a broken transfer."""

from __future__ import annotations

from typing import Any, Self

from scrapy import Request
from scrapy.http import Response

from crawler.content_encoding import DecodeError, decode_body, is_gzip
from crawler.engine.fetch_task import ArticleTask

GZIPPED = "packed"  # a response's flag: its body is still compressed with gzip


class DecompressionMiddleware:
    """Decompresses a body, or rejects it where its end is missing.

    An article's page with gzip, by far the most common encoding, stays compressed: the worker decompresses it, and the
    raw page is stored as it was sent. Scrapy's own middleware takes half of a deflated body for the complete one, and
    guesses the charset of each page that it decompresses, which nothing here needs (measured: 1.5 ms per page).
    """

    def __init__(self, maxsize: int) -> None:
        self.maxsize = maxsize

    @classmethod
    def from_crawler(cls, crawler: Any) -> Self:
        """Called by Scrapy."""
        return cls(crawler.settings.getint("DOWNLOAD_MAXSIZE"))

    def process_response(self, request: Request, response: Any) -> Any:
        """Decompress the body as its headers say."""
        request.meta["wire_bytes"] = len(response.body)
        said = b",".join(response.headers.getlist("Content-Encoding")).decode("latin-1").lower().split(",")
        encodings = [name for part in said if (name := part.strip())]
        if not encodings or not response.body:
            return response
        body, flags, headers = response.body, response.flags, response.headers.copy()
        del headers["Content-Encoding"]
        task = request.meta.get("task")
        if isinstance(task, ArticleTask) and encodings in (["gzip"], ["x-gzip"]) and is_gzip(body):
            flags = [*flags, GZIPPED]
        else:
            try:
                body = decode_body(body, encodings, request.meta.get("download_maxsize") or self.maxsize)
            except DecodeError:
                if response.status < 300:
                    raise
                return response  # for a redirect or an error the status and headers are enough
        return Response(
            response.url, status=response.status, headers=headers, body=body, flags=flags, request=response.request,
            certificate=response.certificate, ip_address=response.ip_address, protocol=response.protocol,
        )  # fmt: skip
