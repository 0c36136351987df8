"""One request, from what is owed: which address, with which headers, on whose behalf. The only thing that rides in request.meta."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.cookiejar import LoadError, MozillaCookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request as UrllibRequest

from scrapy import Request

from crawler.config.models import Source
from crawler.config.value_types import resolve_env
from crawler.errors import ConfigError
from crawler.urls import canonical_url, site
from storage.records import BackfillStep, Entry, Feed

FEED_ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.1"
PAGE_ACCEPT = "text/html, application/xhtml+xml, */*;q=0.1"


@dataclass(slots=True, kw_only=True, eq=False)
class Asked:
    """A feed or an entry that is being asked for."""

    url: str
    at: datetime
    source: Source | None
    feed: Feed | None = None
    entry: Entry | None = None
    step: BackfillStep | None = None  # of a gap or a backfill: a page that lists older articles
    unconditional: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def now(self) -> datetime:
        """The moment it is asked at, by a clock that nobody sets: what a server says of waiting counts from its answer, not from the lease."""
        return self.at + timedelta(seconds=time.monotonic() - self.started)

    @property
    def validators(self) -> dict[str, str]:
        """What was given with the body that is held, byte for byte."""
        held = self.feed or self.entry
        if held is None or self.unconditional:
            return {}
        found = {"If-None-Match": held.etag, "If-Modified-Since": held.last_modified}
        return {name: value for name, value in found.items() if value}

    def headers_for(self, url: str) -> dict[str, str]:
        """The headers of a request to that address: validators only to the address that gave them, a source's own only to its own site."""
        headers = {"Accept": FEED_ACCEPT if self.feed else PAGE_ACCEPT}
        if self.feed:  # an idle connection a host kept open took 3,009 files for 3,000 hosts; each poll ends its own
            headers["Connection"] = "close"
        given_by = self.feed.final_url or self.feed.url if self.feed else self.url
        if url == given_by:
            headers.update(self.validators)
        if self.source and _own(self.source, url):
            headers.update({name: resolve_env(value) for name, value in self.source.headers})
            if self.source.cookies and (cookie := _cookies(self.source.cookies, url)):
                headers["Cookie"] = cookie
        return headers

    def request(self, *, maxsize: int = 0, **callbacks: Any) -> Request:
        """The request, as Scrapy wants it; maxsize in bytes, 0 for the default."""
        meta: dict[str, Any] = {"asked": self}
        if maxsize:
            meta["download_maxsize"] = maxsize
        return Request(self.url, headers=self.headers_for(self.url), meta=meta, dont_filter=True, **callbacks)


def _own(source: Source, url: str) -> bool:
    """Whether an address is the source's own; what is sent in the open must not have been meant for TLS."""
    own = [a for a in (source.url, *(address for _, address in source.feed_urls)) if a]
    same = [a for a in own if site(a) == site(url)]
    return bool(same) and (url.startswith("https:") or any(a.startswith("http:") for a in same))


def _cookies(path: str, url: str) -> str | None:
    """The Cookie header for an address from a cookies.txt (Netscape's format)."""
    jar = MozillaCookieJar(str(Path(path).expanduser()))
    try:
        jar.load(ignore_discard=True, ignore_expires=False)
    except (OSError, LoadError) as error:
        raise ConfigError(f"{path}: cannot be read as a cookies.txt: {error}") from error
    request = UrllibRequest(url)
    jar.add_cookie_header(request)
    return request.get_header("Cookie")


def ask_feed(feed: Feed, source: Source | None, now: datetime, *, unconditional: bool = False) -> Asked:
    """A poll of a feed, at exactly the address that is configured, or where it has moved for good."""
    return Asked(url=feed.effective_url or feed.url, at=now, source=source, feed=feed, unconditional=unconditional)


def ask_step(step: BackfillStep, source: Source | None, now: datetime) -> Asked:
    """A request for a page that lists older articles."""
    feed = Feed(url=step.url, source=step.source, kind="page" if step.kind == "page" else "feed")
    return Asked(url=step.url, at=now, source=source, feed=feed, step=step)


def ask_entry(entry: Entry, source: Source | None, now: datetime, *, unconditional: bool = False) -> Asked:
    """A request for an article, without tracking parameters.

    Raises:
        ValueError: the entry's address cannot be asked for.
    """
    return Asked(url=canonical_url(entry.url), at=now, source=source, entry=entry, unconditional=unconditional)


def netloc(url: str) -> str:
    """scheme://host:port, as robots.txt is counted by."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
