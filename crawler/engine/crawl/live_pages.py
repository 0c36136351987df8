"""The posts of a live page at an address of their own, which a publisher's rule names."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urljoin

from scrapy import Request

from crawler.articles.page_response import PageFailure, PageResponse
from crawler.articles.visit import PageVisit
from crawler.config.models import Source
from crawler.engine.fetch_task import ArticleTask, FeedTask
from crawler.urls import canonical_url
from storage.records import Feed


def posts_address(visit: PageVisit, source: Source | None) -> str | None:
    """Return where a page's posts are; None if it is no live page, or no rule says so."""
    extraction = visit.extraction
    if source is None or not source.article.posts or extraction.kind != "live" or not extraction.url:
        return None
    number = source.article.publisher_id(extraction.url) or extraction.publisher_id
    if "{id}" in source.article.posts and not number:
        return None
    return canonical_url(urljoin(extraction.url, source.article.posts.replace("{id}", number or "")))


async def fetch_posts(
    address: str,
    task: ArticleTask,
    download: Callable[[Request], Awaitable[Any]],
    describe: Callable[[BaseException, str], str],
) -> bytes | str:
    """Request the posts, like any address: guard, robots.txt and delay apply; returns the document, or what failed.

    Args:
        address: of the posts.
        task: the request of the page.
        download: of the engine.
        describe: says why a request failed.
    """
    request = FeedTask(url=address, at=task.at, source=task.source, feed=Feed(url=address, source=None, kind="feed"))
    try:
        response = await download(request.request())
    except Exception as error:  # whatever a server or the network did
        return f"its posts at {address}: {describe(error, address)}"
    if response.status != 200:
        return f"its posts at {address}: the server answered {response.status}"
    return bytes(response.body)


def without_posts(page: PageResponse, reason: str) -> PageResponse:
    """The response as a failure that is tried again: without its posts, a live page would seem to have lost its text."""
    return dataclasses.replace(page, status=None, body=b"", failure=PageFailure(reason=reason))
