"""Redirects: Scrapy's own, with what we send to one host kept from another, and validators kept with the address that gave them."""

from __future__ import annotations

from typing import Any, Self

from scrapy import Request
from scrapy.downloadermiddlewares.redirect import RedirectMiddleware as ScrapyRedirects

from crawler.engine.fetch_task import ArticleTask, FetchTask
from crawler.urls import canonical_url


class RedirectMiddleware(ScrapyRedirects):
    """Follows a redirect with headers made for where it leads."""

    @classmethod
    def from_crawler(cls, crawler: Any) -> Self:
        """As Scrapy's, without its look for a RefererMiddleware, which warns at each start that there is none."""
        middleware = cls(crawler.settings)
        middleware.crawler = crawler
        return middleware

    def handle_referer(self, request: Request, response: Any) -> None:  # noqa: ARG002 - Scrapy's signature
        """No Referer is sent."""
        request.headers.pop("Referer", None)

    def process_response(self, request: Request, response: Any, spider: Any = None) -> Any:  # noqa: ARG002 - Scrapy's signature
        """A redirected request is made anew: validators and the source's own headers go only where they belong."""
        result = super().process_response(request, response)
        task: FetchTask | None = request.meta.get("task")
        if task is None or not isinstance(result, Request) or result is request:
            return result
        try:
            url = (
                canonical_url(result.url) if isinstance(task, ArticleTask) else result.url
            )  # tracking parameters may be forbidden by robots.txt
        except ValueError:
            url = result.url
        return result.replace(url=url, headers=task.headers_for(url))
