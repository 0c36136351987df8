"""One request to make: its address, its headers, and its feed, step or entry. Stored in request.meta["task"]."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.cookiejar import LoadError, MozillaCookieJar
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit
from urllib.request import Request as UrllibRequest

from scrapy import Request

from crawler.config.models import Source
from crawler.config.value_types import resolve_env
from crawler.errors import ConfigError
from crawler.urls import ascii_host_url, canonical_url, site
from storage.records import BackfillStep, Entry, Feed

FEED_ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.1"
PAGE_ACCEPT = "text/html, application/xhtml+xml, */*;q=0.1"


@dataclass(slots=True, kw_only=True, eq=False)
class _Task:
    """One request to make."""

    url: str
    at: datetime  # when it was leased
    source: Source | None
    unconditional: bool = False
    started: float = field(default_factory=time.monotonic)

    accept: ClassVar[str] = FEED_ACCEPT

    @property
    def now(self) -> datetime:
        """The time now, by the monotonic clock.

        Retry-After and freshness count from the response, not from the lease.
        """
        return self.at + timedelta(seconds=time.monotonic() - self.started)

    @property
    def cached(self) -> Feed | Entry | None:
        """The feed or entry whose validators are sent."""
        return None

    @property
    def validated_url(self) -> str:
        """The address that the validators came from; they are sent to no other."""
        return self.url

    @property
    def validators(self) -> dict[str, str]:
        """The validators that came with the stored body, byte for byte."""
        if self.unconditional or self.cached is None:
            return {}
        found = {"If-None-Match": self.cached.etag, "If-Modified-Since": self.cached.last_modified}
        return {name: value for name, value in found.items() if value}

    def headers_for(self, url: str) -> dict[str, str]:
        """The headers of a request to `url`.

        Validators are sent only to the address they came from, the source's own headers only to the source's own site.
        """
        headers = {"Accept": self.accept}
        # 3,000 hosts took 3,009 file descriptors with one idle connection each, so polls do not keep connections alive
        if self.accept == FEED_ACCEPT:
            headers["Connection"] = "close"
        if url == self.validated_url:
            headers.update(self.validators)
        if self.source and _own(self.source, url):
            headers.update({name: resolve_env(value) for name, value in self.source.headers})
            if self.source.cookies and (cookie := _cookies(self.source.cookies, url)):
                headers["Cookie"] = cookie
        return headers

    def request(self, *, maxsize: int = 0, **callbacks: Any) -> Request:
        """Build the Scrapy request; maxsize in bytes, 0 for the default."""
        meta: dict[str, Any] = {"task": self}
        if maxsize:
            meta["download_maxsize"] = maxsize
        return Request(
            ascii_host_url(self.url), headers=self.headers_for(self.url), meta=meta, dont_filter=True, **callbacks
        )


@dataclass(slots=True, kw_only=True, eq=False)
class FeedTask(_Task):
    """A poll of a feed: exactly the configured address, or the one it has permanently moved to."""

    feed: Feed

    @property
    def cached(self) -> Feed:
        """The feed whose validators are sent."""
        return self.feed

    @property
    def validated_url(self) -> str:
        """The address that the validators came from; they are sent to no other."""
        return self.feed.final_url or self.feed.url


@dataclass(slots=True, kw_only=True, eq=False)
class StepTask(_Task):
    """A page that lists older articles, of a gap or a backfill."""

    step: BackfillStep


@dataclass(slots=True, kw_only=True, eq=False)
class ArticleTask(_Task):
    """An article, requested without tracking parameters."""

    entry: Entry
    accept: ClassVar[str] = PAGE_ACCEPT

    @property
    def cached(self) -> Entry:
        """The entry whose validators are sent."""
        return self.entry


FetchTask = FeedTask | StepTask | ArticleTask


def _own(source: Source, url: str) -> bool:
    """Whether the source's own headers may be sent to an address.

    The address must be on the source's own site, and use https unless the source itself has an http address there.
    """
    own = [a for a in (source.url, *(address for _, address in source.feed_urls)) if a]
    same = [a for a in own if site(a) == site(url)]
    return bool(same) and (url.startswith("https:") or any(a.startswith("http:") for a in same))


def _cookies(path: str, url: str) -> str | None:
    """The Cookie header for an address, from a cookies.txt in Netscape's format."""
    jar = MozillaCookieJar(str(Path(path).expanduser()))
    try:
        jar.load(ignore_discard=True, ignore_expires=False)
    except (OSError, LoadError) as error:
        raise ConfigError(
            f"{path}: cannot be read as a cookies.txt: {error}; export it in Netscape's format"
        ) from error
    request = UrllibRequest(url)
    jar.add_cookie_header(request)
    return request.get_header("Cookie")


def feed_task(feed: Feed, source: Source | None, now: datetime, *, unconditional: bool = False) -> FeedTask:
    """Make the task of a poll."""
    return FeedTask(url=feed.effective_url or feed.url, at=now, source=source, feed=feed, unconditional=unconditional)


def step_task(step: BackfillStep, source: Source | None, now: datetime) -> StepTask:
    """Make the task of a page that lists older articles."""
    return StepTask(url=step.url, at=now, source=source, step=step)


def article_task(entry: Entry, source: Source | None, now: datetime, *, unconditional: bool = False) -> ArticleTask:
    """Make the task of an article.

    Raises:
        ValueError: the entry's address cannot be requested.
    """
    if source is not None and source.article.posts and entry.newest_post_at is not None:
        unconditional = True  # the page may be the same while its posts, which are elsewhere, are others
    return ArticleTask(url=canonical_url(entry.url), at=now, source=source, entry=entry, unconditional=unconditional)


def netloc(url: str) -> str:
    """scheme://host:port, the key by which robots.txt files are cached."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
