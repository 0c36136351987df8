"""Combine the content of a page and its feed entry into an Article. Pure.

The page takes precedence field by field; the feed fills what is missing. An interstitial has no content; then the
article comes from the feed, and its `completeness` shows this.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crawler.articles.near_duplicates import content_hash
from crawler.extraction.extraction import WALLS, Extraction
from crawler.extraction.main_text import html_text
from crawler.text.clean import limit_fields, one_line
from crawler.text.tokens import words
from storage.article import Article
from storage.posts import live_text
from storage.records import Entry
from storage.utc import format_utc, parse_utc

FEED_TEXT = 60  # words from which a feed's content is a text and not a teaser
_GUESSES = {"htmldate", "text", "line under the headline"}  # sources of the page that the feed is better than
RAW = 2_000  # characters of a raw value in provenance
DISAGREE = 86400.0  # seconds between the feed's date and the page's from which both are stored in provenance


def assemble(
    extraction: Extraction, entry: Entry, *, source: str | None, language: str | None, now: datetime
) -> Article | None:
    """Combine a page and its feed entry.

    Args:
        extraction: the content of the page.
        entry: the feed entry.
        source: the source's id, None for a lone fetch.
        language: the source's language, used if neither page nor feed has one.
        now: the current time.

    Returns:
        The article; None if neither page nor feed gives one (extraction.problem has the reason).
    """
    walled = extraction.problem in WALLS
    has_fields = not walled or _has_own_fields(extraction)
    if extraction.problem and not (walled and (entry.title or has_fields)):
        return None
    page: dict[str, Any] = {name: getattr(extraction, name) for name in _PAGE_FIELDS} if has_fields else {}
    provenance: _Provenance = dict(extraction.provenance) if has_fields else {}
    _drop_guesses(page, provenance, entry)
    _fill_from_feed(page, provenance, entry, language)
    for name in ("published_at", "modified_at"):
        page[name] = _utc(page.get(name))
    _better_date(page, entry, provenance)
    text, completeness = _choose_text(extraction, entry, provenance)
    if text and (posts := extraction.shown_posts):
        text = live_text(posts)
    provenance["page"] = {"source": "fetch", "raw": extraction.url}
    page = limit_fields(page)
    page["authors"], page["tags"] = tuple(page.get("authors") or ()), tuple(page.get("tags") or ())
    return Article(
        url=extraction.url,
        source=source,
        text=text or None,
        completeness=completeness,
        kind=extraction.kind if has_fields else "article",
        word_count=len(words(text)),
        content_hash=content_hash(page.get("title"), page.get("subtitle"), text),
        canonical_elsewhere=extraction.canonical_elsewhere if has_fields else None,
        extractor=extraction.extractor,
        provenance={name: {key: _as_said(value) for key, value in said.items()} for name, said in provenance.items()},
        page_url=extraction.url,
        fetched_at=format_utc(now),
        **page,
    )


_Provenance = dict[str, Mapping[str, str | None]]

_PAGE_FIELDS = (
    "title",
    "subtitle",
    "authors",
    "published_at",
    "published_raw",
    "modified_at",
    "section",
    "tags",
    "language",
    "summary",
    "image_url",
    "image_caption",
    "image_credit",
    "agency",
)


def _has_own_fields(extraction: Extraction) -> bool:
    """Return whether the page of an interstitial is the article's own and only its text is for subscribers."""
    source = (extraction.provenance.get("title") or {}).get("source")
    return extraction.problem == "paywall" and source in {"json-ld", "opengraph", "rules"}


def _drop_guesses(page: dict[str, Any], provenance: _Provenance, entry: Entry) -> None:
    """Remove fields that were guessed from the page's text or markup where the feed gives them."""
    for name, said in (("authors", entry.authors), ("published_at", entry.published_at)):
        if said and (provenance.get(name) or {}).get("source") in _GUESSES:
            page[name] = None
            if name == "published_at":
                page["published_raw"] = None
            provenance.pop(name)


def _fill_from_feed(page: dict[str, Any], provenance: _Provenance, entry: Entry, language: str | None) -> None:
    """Fill the fields that the page lacks from the feed entry, and a missing language from the source."""
    said = {
        "title": entry.title,
        "authors": entry.authors,
        "published_at": entry.published_at,
        "published_raw": entry.published_raw,
        "summary": entry.summary,
        "tags": entry.tags,
        "language": entry.language or language,
        "image_url": entry.image_url,
    }
    for name, value in said.items():
        if value and not page.get(name):
            page[name] = value
            provenance[name] = {"source": "feed" if name != "language" or entry.language else "source", "raw": None}


def _choose_text(extraction: Extraction, entry: Entry, provenance: _Provenance) -> tuple[str, str]:
    """Return (text, completeness): the page's text, or the feed's if it is longer or the page is an interstitial."""
    text, feed_text = extraction.text, html_text(entry.content)
    incomplete = extraction.completeness != "full"
    if extraction.problem in WALLS or (incomplete and len(words(feed_text)) > len(words(text))):
        text, completeness = _from_feed(feed_text, entry)
        provenance["text"] = {"source": "feed" if text else "nothing", "raw": extraction.problem}
        return text, completeness
    return text, extraction.completeness if text else _from_feed("", entry)[1]


def _as_said(value: str | None) -> str | None:
    """Return a raw value unchanged if it is printable and not too long, else cleaned and cut."""
    return value if value is None or (value.isprintable() and len(value) <= RAW) else one_line(value, RAW)


def _utc(date: str | None) -> str | None:
    return format_utc(parse_utc(date)) if date and len(date) > 10 else date


def _from_feed(text: str, entry: Entry) -> tuple[str, str]:
    if len(words(text)) >= FEED_TEXT:
        return text, "feed"
    return "", "teaser" if entry.summary else "headline"


def _better_date(page: dict[str, Any], entry: Entry, provenance: _Provenance) -> None:
    """Replace a date without a time by the feed's time near that date; a disagreement is stored in provenance."""
    mine, theirs = page.get("published_at"), entry.published_at
    if not mine or not theirs or mine == theirs:
        return
    if (
        len(mine) == 10
        and len(theirs) > 10
        and abs((parse_utc(theirs) - parse_utc(mine)).total_seconds()) < 2 * DISAGREE
    ):
        page["published_at"], page["published_raw"] = theirs, entry.published_raw
        provenance["published_at"] = {"source": "feed", "raw": entry.published_raw}
    elif abs((parse_utc(theirs) - parse_utc(mine)).total_seconds()) > DISAGREE:
        provenance["published_at_in_feed"] = {"source": "feed", "raw": entry.published_raw or theirs}
