"""An item of a Scrapy spider as an article: what the item gives, and nothing else. Pure.

Items of zyte-common-items (Article, PageContent, WebPage) and dicts with newsdesk's or those names of fields are read
alike; see FIELDS.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urljoin

from crawler.articles.near_duplicates import content_hash, shingles
from crawler.articles.page_response import PageResponse
from crawler.articles.visit import PageVisit
from crawler.extraction.extraction import Extraction
from crawler.extraction.main_text import html_text, join
from crawler.extraction.metadata import language_tag
from crawler.text.clean import limit_fields
from crawler.text.dates import read_date
from crawler.text.tokens import words
from crawler.urls import canonical_url, url_key
from storage.article import Article
from storage.records import Entry
from storage.utc import format_utc

# By field of an article: the names that an item may give it under, the first one that has a value wins.
FIELDS = {
    "title": ("title", "headline"),
    "subtitle": ("subtitle",),
    "authors": ("authors", "author"),
    "published_at": ("published_at", "datePublished", "datePublishedRaw", "published_raw"),
    "modified_at": ("modified_at", "dateModified", "dateModifiedRaw"),
    "section": ("section",),
    "tags": ("tags",),
    "language": ("language", "inLanguage"),
    "summary": ("summary", "description"),
    "image_url": ("image_url", "mainImage"),
}
_TEXT = ("text", "articleBody", "itemMain")
_HTML_TEXT = "articleBodyHtml"
_ITEM = {"source": "item", "raw": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapedItem:
    """What an item gives."""

    url: str
    canonical_url: str | None = None
    html: bytes | None = None  # the page, which is read in a worker
    text: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)  # of the article, cleaned; without those it does not give


def read_item(values: Mapping[str, Any], now: datetime) -> ScrapedItem:
    """Read the fields of an item.

    Args:
        values: the item as a dict, with its nested items as dicts.
        now: the current time; later dates are left out.

    Raises:
        ValueError: it has no address, or neither a page nor a text nor a headline; the message says which.
    """
    address = values.get("url")
    if not isinstance(address, str) or not address.startswith(("http://", "https://")):
        raise ValueError("it has no url that begins with http:// or https://")
    url = canonical_url(address)
    html, text = values.get("html"), _first(values, _TEXT)
    if isinstance(html, str):
        html = html.encode("utf-8", "replace")
    if text is None and isinstance(values.get(_HTML_TEXT), str):
        text = html_text(values[_HTML_TEXT])
    if not isinstance(html, bytes) or text is not None:
        html = None
    found = {name: _read(name, _first(values, names), url, now) for name, names in FIELDS.items()}
    fields = {name: value for name, value in limit_fields(found).items() if value}
    if html is None and text is None and "title" not in fields:
        raise ValueError("it has neither html nor text nor title")
    return ScrapedItem(
        url=url,
        canonical_url=_http(values.get("canonicalUrl") or values.get("canonical_url"), url),
        html=html,
        text=None if text is None else join(re.split(r"\n", str(text))),
        fields=fields,
    )


def item_page(item: ScrapedItem, source: str | None, now: datetime) -> PageResponse:
    """The item as the response of a request, without its page if it gives its text."""
    entry = Entry(id=0, feed_url="", source=source, url=item.url, url_key=url_key(item.url), found_by="spider")
    body = item.html or b""
    return PageResponse(
        entry=entry, requested_url=item.url, url=item.url, at=now, answered_at=now, status=200,
        headers=(("Content-Type", "text/html"),), body=body,
    )  # fmt: skip


def text_visit(item: ScrapedItem, page: PageResponse) -> PageVisit:
    """The visit of an item that gives its text."""
    text = item.text or ""
    completeness = "full" if text else "headline"
    article = Article(
        url=item.url, source=page.entry.source, text=text or None, completeness=completeness, page_url=item.url,
        word_count=len(words(text)), fetched_at=format_utc(page.at),
        provenance={"page": {"source": "item", "raw": item.url}, "text": _ITEM},
    )  # fmt: skip
    extraction = Extraction(url=item.url, canonical_url=item.canonical_url, text=text, completeness=completeness)
    visit = PageVisit(page=page, source=page.entry.source, extraction=extraction, article=article, grams=shingles(text))
    return with_fields(visit, item)


def with_fields(visit: PageVisit, item: ScrapedItem) -> PageVisit:
    """The visit with the fields that the item gives, before those that its page gave."""
    article = visit.article
    if article is None:
        return visit
    provenance = {**article.provenance, **dict.fromkeys(item.fields, _ITEM)}
    article = dataclasses.replace(article, **item.fields, provenance=provenance)
    hashed = content_hash(article.title, article.subtitle, article.text)
    return dataclasses.replace(visit, article=dataclasses.replace(article, content_hash=hashed))


def _first(values: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((values[name] for name in names if values.get(name)), None)


def _read(name: str, value: Any, url: str, now: datetime) -> Any:
    """The value of a field in the form in which it is stored; None if it is of another type."""
    if name in {"authors", "tags"}:
        each = value if isinstance(value, list | tuple | set) else [value]
        names = [part.get("name") if isinstance(part, Mapping) else part for part in each]
        return tuple(part for part in names if isinstance(part, str))
    if isinstance(value, Mapping):
        value = value.get("url")
    if name.endswith("_at"):
        return _time(value, now)
    if not isinstance(value, str):
        return None
    if name == "language":
        return language_tag(value)
    return _http(value, url) if name == "image_url" else value


def _http(value: Any, base: str) -> str | None:
    """An address, if it is one that could be requested."""
    try:
        return canonical_url(urljoin(base, value)) if isinstance(value, str) else None
    except ValueError:
        return None


def _time(value: Any, now: datetime) -> str | None:
    try:
        return _stored_time(value, now)
    except (ValueError, OverflowError):
        return None


def _stored_time(value: Any, now: datetime) -> str | None:
    if isinstance(value, datetime):
        return format_utc(value.astimezone(UTC)) if value.tzinfo else value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return read_date(value, now=now) if isinstance(value, str) else None
