"""Pages as a crawl hands them to the store, without a crawl."""

from __future__ import annotations

from crawler.articles.assembly import assemble
from crawler.articles.near_duplicates import shingles
from crawler.articles.page_response import PageResponse
from crawler.articles.visit import PageVisit
from crawler.extraction.extraction import Extraction
from storage.records import Entry
from storage.utc import format_utc
from tests.conftest import NOW


def wire_copy(source: str, n: int, text: str) -> PageVisit:
    url = f"https://{source}/{n}"
    entry = Entry(
        id=0, feed_url=f"https://{source}/feed", source=source, url=url, url_key=f"{source}/{n}", title=f"{source} {n}"
    )
    extraction = Extraction(url=url, title=f"{source} {n}", published_at=format_utc(NOW), text=text, language="en")
    article = assemble(extraction, entry, source=source, language="en", now=NOW)
    page = PageResponse(entry=entry, requested_url=url, url=url, at=NOW, answered_at=NOW, status=200)
    return PageVisit(page=page, source=source, extraction=extraction, article=article, grams=shingles(text))
