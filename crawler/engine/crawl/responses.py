"""Convert Scrapy's responses and failures to the values that the rest of the crawl uses."""

from __future__ import annotations

from typing import Any

from scrapy.http import Response

from crawler.articles.page_response import PageFailure, PageResponse
from crawler.engine.fetch_task import ArticleTask
from crawler.engine.middlewares.address_guard import RequestRefused
from crawler.engine.middlewares.decompression import GZIPPED


def page_response(task: ArticleTask, response: Response) -> PageResponse:
    """Convert a response."""
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, values in response.headers.items()
        for value in values
    )
    return PageResponse(
        entry=task.entry,
        requested_url=task.url,
        url=response.url,
        redirects=tuple(response.meta.get("redirect_urls", ()))[1:],
        at=task.at,
        answered_at=task.now,
        conditional=bool(task.validators),
        status=response.status,
        headers=headers,
        body=response.body,
        gzipped=GZIPPED in response.flags,
    )


def page_failure(
    task: ArticleTask, reason: str, error: BaseException | None = None, *, permanent: bool = False
) -> PageResponse:
    """Convert a failure: there is no response.

    Args:
        task: the request.
        reason: why, as text to follow "URL: ".
        error: what Scrapy or a middleware raised.
        permanent: a retry would fail in the same way.
    """
    ours = error if isinstance(error, RequestRefused) else None
    failure = PageFailure(
        reason=reason, retry_after=ours.retry_after if ours else None, permanent=permanent,
        refused=ours is not None and ours.kind in {"guard", "robots"},
    )  # fmt: skip
    return PageResponse(entry=task.entry, requested_url=task.url, at=task.at, answered_at=task.now, failure=failure)


def header(headers: Any, name: str) -> str | None:
    """A response header as text, byte for byte (Latin-1)."""
    value = headers.get(name)
    return value.decode("latin-1") if value else None
