"""Redirects: Scrapy's middleware, with the headers rebuilt for the target.

A source's own headers are not sent to another host, and validators only to the address they came from.
"""

from __future__ import annotations

from typing import Any, Self

from scrapy import Request
from scrapy.downloadermiddlewares.redirect import RedirectMiddleware as ScrapyRedirects

from crawler.engine.fetch_task import ArticleTask, FetchTask
from crawler.urls import ascii_host_url, canonical_url


class RedirectMiddleware(ScrapyRedirects):
    """Follows a redirect with headers made for its target."""

    @classmethod
    def from_crawler(cls, crawler: Any) -> Self:
        """Build it without Scrapy's search for a RefererMiddleware, which warns at each start that there is none."""
        middleware = cls(crawler.settings)
        middleware.crawler = crawler
        return middleware

    def handle_referer(self, request: Request, response: Any) -> None:  # noqa: ARG002 - Scrapy's signature
        """Send no Referer."""
        request.headers.pop("Referer", None)

    def process_response(
        self,
        request: Request,
        response: Any,
        spider: Any = None,  # noqa: ARG002 - Scrapy's signature
    ) -> Any:
        """Rebuild the headers of a redirected request, so that validators and the source's own headers do not leak."""
        location = response.headers.get("Location")
        if location and not location.isascii():
            response.headers["Location"] = ascii_host_url(location.decode("utf-8", "replace"))
        result = super().process_response(request, response)
        task: FetchTask | None = request.meta.get("task")
        if task is None or not isinstance(result, Request) or result is request:
            return result
        try:
            # robots.txt may forbid tracking parameters
            url = canonical_url(result.url) if isinstance(task, ArticleTask) else result.url
        except ValueError:
            url = result.url
        # else it would wait in the queue of the first host, and the delay of its own would not hold
        meta = {key: value for key, value in result.meta.items() if key != "download_slot"}
        return result.replace(url=url, headers=task.headers_for(url), meta=meta)
