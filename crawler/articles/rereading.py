"""What a stored article is to today's extractor, so that only the publisher's changes count as edits. Pure.

A new release reads pages differently. If the stored raw page is there, it is read again and replaces the stored version
in the comparison (`reread_version`). If it is not, the stored words are put into the form of the new reading
(`in_form_of`): whatever a release may change takes the new form, and what is in doubt counts as read differently.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from crawler.articles.bounded_diff import changed_words
from crawler.articles.near_duplicates import content_hash, fingerprints, shingles
from crawler.articles.reading_forms import text_in_form, title_in_form
from crawler.articles.reprocess import merge_reextracted
from crawler.text.tokens import words
from storage.article import Article
from storage.records import completeness_rank
from storage.verdicts import Rereading

_AS_MUCH = 0.8  # share of the stored words from which a page shows as much

if TYPE_CHECKING:
    from crawler.articles.page_result import PageResult


def is_stale(known: Article, new: Article) -> bool:
    """Return whether another extractor than today's read the stored version."""
    return bool(known.extractor and new.extractor) and known.extractor != new.extractor


def admits_edit(known: Article, new: Article) -> bool:
    """Return whether the page's own modified time changed, and not only the reading of it."""
    raw = (known.provenance.get("modified_at") or {}).get("raw"), (new.provenance.get("modified_at") or {}).get("raw")
    return known.modified_at != new.modified_at and (raw[0] is None or raw[0] != raw[1])


def reread_version(known: Article, new: Article, found: PageResult | None) -> Rereading | None:
    """Return the stored version as today's extractor reads its raw page.

    Args:
        known: the stored article, read by another extractor.
        new: the new page's article.
        found: the stored raw page, read again.

    Returns:
        The version; None if that page could not be read, or shows less to this extractor than what is stored.
    """
    if found is None or found.article is None or shows_less(known, found.article):
        return None
    article = merge_reextracted(known, found.article)
    if _from_feed(known, "text") and _from_feed(article, "text"):  # the feed of that time is not stored
        article = dataclasses.replace(
            article, text=text_in_form(known.text, new.text, clear=False), word_count=known.word_count
        )
    if _from_feed(known, "title") and _from_feed(article, "title"):
        article = dataclasses.replace(article, title=title_in_form(known, new))
    prints = fingerprints(found.grams)
    article = dataclasses.replace(article, learned_version=known.learned_version)
    return _rereading(known, _hashed(article), prints)


def in_form_of(known: Article, new: Article, *, clear: bool) -> Rereading:
    """Return the stored version as today's extractor would have read its page, which is not there any more.

    Args:
        known: the stored article, read by another extractor.
        new: the new page's article.
        clear: nothing in the page makes an extractor lose words inside a paragraph, and the page admits an edit.
    """
    same_page = known.raw_sha256 is not None and known.raw_sha256 == new.raw_sha256
    article = dataclasses.replace(
        known,
        title=new.title if same_page else title_in_form(known, new),
        subtitle=new.subtitle,  # taken from several places, and often not at all
        text=new.text if same_page else text_in_form(known.text, new.text, clear=clear),
        extractor=new.extractor,
    )
    article = _hashed(dataclasses.replace(article, word_count=len(words(article.text or ""))))
    return _rereading(known, article, fingerprints(shingles(article.text or "")))


def _rereading(known: Article, article: Article, prints: tuple[int, ...]) -> Rereading:
    added, removed = changed_words(known, article)
    return Rereading(article=article, fingerprints=prints, words_added=added, words_removed=removed)


def _hashed(article: Article) -> Article:
    return dataclasses.replace(article, content_hash=content_hash(article.title, article.subtitle, article.text))


def shows_less(known: Article, new: Article) -> bool:
    """Return whether a page has less of the article than what is stored.

    A lower completeness alone is a reading: the first of three pages was once called full, with the same text.
    """
    lower = completeness_rank(new.completeness) < completeness_rank(known.completeness)
    return lower and len(words(new.text or "")) < _AS_MUCH * len(words(known.text or ""))


def _from_feed(article: Article, name: str) -> bool:
    return (article.provenance.get(name) or {}).get("source") == "feed"
