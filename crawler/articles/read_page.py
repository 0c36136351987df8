"""One answered article request, read: what the page says, the article it makes with its feed entry, and what its text is found by. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from crawler.articles import failures
from crawler.articles.assembly import assemble
from crawler.articles.near_duplicates import shingles
from crawler.config.models import PublisherRules
from crawler.extraction.extraction import Extraction
from crawler.extraction.extractor import extract
from storage.records import Article, Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class PageResult:
    """What one page came to."""

    extraction: Extraction | None  # None: refused (403), and nothing on it says why
    article: Article | None  # None: neither page nor feed gives one; extraction.obstacle says why
    grams: frozenset[int] = frozenset()  # of the article's text; see dedupe.shingles


def read_page(
    body: bytes,
    url: str,
    status: int,
    *,
    entry: Entry,
    source: str | None,
    language: str | None,
    rules: PublisherRules,
    now: datetime,
) -> PageResult:
    """Read one page.

    Args:
        body: the page, content-encoding undone.
        url: its final address.
        status: what the server answered.
        entry: what the feed said of it.
        source: the source's id, None for a lone fetch.
        language: the source's language, where neither page nor feed says one.
        rules: what is known of the publisher's pages.
        now: when it was asked for.
    """
    extraction = failures.apply_status(extract(body, url, rules=rules, now=now), url, status)
    if extraction is None:
        return PageResult(extraction=None, article=None)
    article = assemble(extraction, entry, source=source, language=language, now=now)
    return PageResult(
        extraction=extraction, article=article, grams=shingles(article.text or "") if article else frozenset()
    )
