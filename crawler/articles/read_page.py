"""Read one response: its extraction, the article with the feed entry's data, and 3-grams of the text. Pure."""

from __future__ import annotations

import dataclasses
from datetime import datetime

from crawler.articles import failures
from crawler.articles.assembly import assemble
from crawler.articles.near_duplicates import shingles
from crawler.articles.page_result import PageResult
from crawler.config.models import PublisherRules
from crawler.extraction.extractor import extract
from crawler.feeds.decode import CHARSET
from storage.records import Entry


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
    content_type: str = "",
    repeated: frozenset[int] = frozenset(),
    before: frozenset[int] | None = None,
    posts: bytes | None = None,
) -> PageResult:
    """Read one page.

    Args:
        body: the page, without content-encoding.
        url: its final address.
        status: its HTTP status.
        entry: its feed entry.
        source: the source's id, None for a lone fetch.
        language: the source's language, used if neither page nor feed has one.
        rules: the publisher's rules.
        now: when it was requested.
        content_type: the header, for its charset.
        repeated: the paragraphs that repeat on pages of its source; see extractor.extract.
        before: those that its stored version was read without.
        posts: the document with the posts of a live page; see extractor.extract.
    """
    extraction = failures.apply_status(
        extract(
            body,
            url,
            rules=rules,
            now=now,
            charset=charset_of(content_type),
            repeated=repeated,
            before=before,
            posts=posts,
        ),
        url,
        status,
    )
    if extraction is None:
        return PageResult(extraction=None, article=None)
    article = assemble(extraction, entry, source=source, language=language, now=now)
    other = None
    if extraction.text_before is not None and extraction.text_before != extraction.text:
        read_before = dataclasses.replace(extraction, text=extraction.text_before)
        other = assemble(read_before, entry, source=source, language=language, now=now)
    return PageResult(
        extraction=extraction,
        article=article,
        before=other,
        grams=shingles(article.text or "") if article else frozenset(),
        comments=comments_in_text(body),
    )


def comments_in_text(body: bytes) -> bool:
    """Return whether HTML comments are beside words, as in `text<!-- -->text`; some extractors lose what follows."""
    end = 0
    while (start := body.find(b"<!--", end)) >= 0:
        before = body[max(end, start - 80) : start].rstrip()
        end = body.find(b"-->", start + 4) + 3
        if end < 3:
            return False
        after = body[end : end + 80].lstrip()
        if (not before.endswith(b">") and before) or (not after.startswith(b"<") and after):
            return True
    return False


def charset_of(content_type: str) -> str | None:
    """The charset of a Content-Type header; None where it names none."""
    match = CHARSET.search(content_type)
    return match[1] if match else None
