"""The article of a feed entry without an address: its text is in the feed, and no request is made for it. Pure.

Its address of record is a tag URI (RFC 4151) made of the feed's address and the entry's identity. So it is unique in its
feed, stays the same as long as the feed keeps its guids, and can never be requested.
"""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import datetime
from urllib.parse import quote, urlsplit

from crawler.articles.assembly import assemble
from crawler.articles.near_duplicates import shingles
from crawler.articles.page_response import PageResponse
from crawler.articles.visit import PageVisit
from crawler.extraction.extraction import Extraction, Provenance
from crawler.extraction.extractor import extractor_name
from crawler.extraction.language import contradicts, text_language
from crawler.extraction.main_text import html_text
from crawler.extraction.metadata import language_tag
from crawler.text.dates import read_date
from crawler.urls import host_of
from storage.records import Entry, FeedArticle, FeedEntry

MAX_SPECIFIC = 500  # characters of the part that names the entry
STORED = "its text is in the feed, which gives no address for it"


def feed_article(listed: FeedEntry, *, source: str | None, language: str | None, now: datetime) -> FeedArticle | None:
    """Return the article of an entry; None if the entry has an address or no text.

    Args:
        listed: the entry.
        source: the source's id.
        language: of the feed, else of the source; used if the entry says none and the text is not clearly another's.
        now: when the feed was polled.
    """
    if listed.url is not None:
        return None
    text = html_text(listed.content) or listed.summary or ""
    if not text:
        return None
    entry = Entry(
        id=0, feed_url="", source=source, url="", url_key="", title=listed.title, authors=listed.authors,
        published_at=listed.published_at, published_raw=listed.published_raw,
        summary=listed.summary if listed.summary != text else None, tags=listed.tags,
        language=language_tag(listed.language or language or ""), image_url=listed.image_url,
    )  # fmt: skip
    written = contradicts(text, entry.language) if entry.language else text_language(text)
    modified = read_date(listed.updated_raw, now=now) if listed.updated_raw != listed.published_raw else None
    provenance: Provenance = {"text": {"source": "feed", "raw": None}}
    if written:
        provenance["language"] = {"source": "text", "raw": entry.language}
    extraction = Extraction(
        url="", text=text, completeness="feed", modified_at=modified, language=written, extractor=extractor_name(),
        provenance=provenance,
    )  # fmt: skip
    article = assemble(extraction, entry, source=source, language=None, now=now)
    return None if article is None else FeedArticle(article=article, grams=shingles(text))


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
