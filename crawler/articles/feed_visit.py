"""A feed entry without an address as the visit of a page. Pure, and cheap to import.

Its address of record is a tag URI (RFC 4151) made of the feed's address and the entry's identity. So it is unique in its
feed, stays the same as long as the feed keeps its guids, and can never be requested.
"""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import datetime
from urllib.parse import quote, urlsplit

from crawler.articles.page_response import PageResponse
from crawler.articles.visit import PageVisit
from crawler.extraction.extraction import Extraction
from crawler.urls import host_of
from storage.records import Entry, FeedArticle

MAX_SPECIFIC = 500  # characters of the part that names the entry
STORED = "its text is in the feed, which gives no address for it"


def tag_address(feed_url: str, identity: str) -> str:
    """Return the address of record of an entry, e.g. tag:www.example.org,2026:/feed.xml#item-7."""
    parts = urlsplit(feed_url)
    port = f":{parts.port}" if parts.port not in {None, 80, 443} else ""
    feed = quote(f"{port}{parts.path}" + (f"?{parts.query}" if parts.query else ""), safe="/?:@!$&'()*+,;=~%")
    name = quote(identity, safe="/?:@!$&'()*+,;=~")
    if len(name) > MAX_SPECIFIC:
        name = hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()[:32]
    return f"tag:{host_of(feed_url) or 'feed'},2026:{feed}#{name}"


def entry_visit(found: FeedArticle, entry_id: int, address: str, *, at: datetime) -> PageVisit:
    """Return the entry as the visit of a page, so that it is stored, revised and compared like any other.

    Args:
        found: its article.
        entry_id: its row.
        address: see tag_address.
        at: when its feed was polled.
    """
    article = dataclasses.replace(
        found.article,
        url=address,
        page_url=address,
        provenance={**found.article.provenance, "page": {"source": "feed", "raw": address}},
    )
    entry = Entry(id=entry_id, feed_url="", source=article.source, url=address, url_key=address, title=article.title)
    page = PageResponse(entry=entry, requested_url=address, url=address, at=at, answered_at=at, status=200)
    extraction = Extraction(url=address, completeness="feed")
    return PageVisit(page=page, source=article.source, extraction=extraction, article=article, grams=found.grams)
