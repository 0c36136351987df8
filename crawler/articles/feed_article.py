"""The article of a feed entry without an address: its text is in the feed, and no request is made for it. Pure."""

from __future__ import annotations

from datetime import datetime

from crawler.articles.assembly import assemble
from crawler.articles.near_duplicates import shingles
from crawler.extraction.extraction import Extraction, Provenance
from crawler.extraction.extractor import extractor_name
from crawler.extraction.language import contradicts, text_language
from crawler.extraction.main_text import html_text
from crawler.extraction.metadata import language_tag
from crawler.text.dates import read_date
from storage.records import Entry, FeedArticle, FeedEntry


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
