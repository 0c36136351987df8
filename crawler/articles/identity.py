"""Find the stored article that a page belongs to: by address, publisher id, canonical link, or text. Pure."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from crawler.articles.near_duplicates import containment, content_hash, shingles
from crawler.articles.visit import PageVisit, StoredMatches
from crawler.text.tokens import normalize
from crawler.urls import canonical_url, is_amp, is_root_or_section, same_page, site, url_key
from storage.article import Article
from storage.utc import parse_utc

SAME_TEXT_WORDS = 60  # words from which two addresses of one outlet with the same text are merged,


SAME_TEXT_DAYS = timedelta(days=7)  # if they were published within this time of one another


AGREES = 0.8  # containment from which a page and the target of its canonical link have the same text


def find_stored(visit: PageVisit, stored: StoredMatches) -> Article | None:
    """Return the stored article of this page, or None.

    Matches by address, by the publisher's id, by a canonical link that the text confirms, or by text.
    """
    assert visit.article is not None
    requested = stored.articles.get(visit.page.entry.article_id or 0)
    by_kind = {
        kind: [a for a in visit.addresses if a.kind == kind]
        for kind in ("id", "final", "amp", "canonical", "requested", "feed")
    }
    for kind in ("id", "final", "amp"):
        for address in by_kind[kind]:
            if (found := stored.by_key.get(address.url_key)) and (
                kind == "id" or found[1] != "canonical" or _agrees(visit.article, stored.articles[found[0]])
            ):
                other = stored.articles[found[0]]
                return requested if requested and kind != "id" and _is_another(requested, other, visit) else other
    for kind in ("canonical", "requested", "feed"):
        for address in by_kind[kind]:
            if (found := stored.by_key.get(address.url_key)) and _agrees(visit.article, stored.articles[found[0]]):
                return stored.articles[found[0]]
    if requested and _agrees(visit.article, requested):
        return requested
    return next((other for other in stored.same_text if _same_text(visit.article, other)), None)


def merge_candidates(
    visit: PageVisit, known: Article, stored: StoredMatches
) -> tuple[Article, StoredMatches, int | None]:
    """Merge the requested article with the stored one that its address now leads to, if their texts agree.

    The older of the two stays, the younger is absorbed. An article with several versions is never absorbed, as its
    versions would be lost.

    Returns:
        The article that stays, the stored matches, and the id of the absorbed article (None if none is).
    """
    assert visit.article is not None
    requested = stored.articles.get(visit.page.entry.article_id or 0)
    if (
        requested is None
        or requested.id == known.id
        or requested.source != known.source
        or not _agrees(visit.article, requested)
    ):
        return known, stored, None
    stays, leaves = (requested, known) if requested.id < known.id else (known, requested)
    if leaves.revision > 1 or leaves.id in stored.versioned:
        return known, stored, None
    by_key = {key: (stays.id if found == leaves.id else found, kind) for key, (found, kind) in stored.by_key.items()}
    return stays, dataclasses.replace(stored, by_key=by_key), leaves.id


def _is_another(requested: Article, other: Article, visit: PageVisit) -> bool:
    """Return whether a requested article answered at its own address, whose key belongs to another article.

    That is so where a new version of the URL keys gives two stored articles one key.
    """
    if requested.id == other.id or canonical_url(requested.url) != canonical_url(visit.page.url):
        return False
    return not same_article(requested, other)


def same_article(a: Article, b: Article) -> bool:
    """Return whether two stored articles are one at two addresses of an outlet."""
    return a.source == b.source and a.content_hash == b.content_hash and _same_text(a, b)


def _agrees(mine: Article, other: Article) -> bool:
    """Return whether two texts are versions of one another; short ones are compared by title and text."""
    if content_hash(mine.title, None, mine.text) == content_hash(other.title, None, other.text):
        return bool(mine.title or mine.text)
    a, b = shingles(mine.text or ""), shingles(other.text or "")
    if a and b:
        return containment(a, b) >= AGREES
    return not (mine.text and other.text) and bool(mine.title) and normalize(mine.title) == normalize(other.title)


def _same_text(mine: Article, other: Article) -> bool:
    if mine.word_count < SAME_TEXT_WORDS or normalize(mine.title) != normalize(other.title) or mine.source is None:
        return False
    when, then = (
        (mine.published_at or mine.first_seen_at or mine.fetched_at),
        (other.published_at or other.first_seen_at),
    )
    return bool(when and then and abs(parse_utc(when) - parse_utc(then)) <= SAME_TEXT_DAYS)


def record_url(visit: PageVisit) -> str:
    """Return the address of record.

    It is the canonical link if that is of the same page, or the publisher's id confirms it; else the final address.
    """
    if visit.page.url.startswith("tag:"):  # an entry without an address
        return visit.page.url
    canonical = visit.extraction.canonical_url
    final = canonical_url(visit.page.url)
    if not canonical or is_root_or_section(canonical) or site(canonical) != site(final):
        return final
    if same_page(canonical, final):
        return canonical
    rules = visit.extraction.publisher_id
    return canonical if rules and rules in canonical and rules in final else final


def was_alternate_view(visit: PageVisit, known: Article, record: str) -> bool:
    """Return whether the stored text is from an AMP page or another address, and this page is at the one of record."""
    if not known.page_url:
        return False
    if same_page(known.page_url, known.url):
        return is_amp(known.page_url) and not is_amp(record) and not _shows_amp(visit)
    return url_key(record) == url_key(known.url)


def _shows_amp(visit: PageVisit) -> bool:
    return visit.extraction.is_amp or is_amp(visit.page.url)


def is_alternate_view(visit: PageVisit, known: Article) -> bool:
    """Return whether this is an AMP, print or redirected view of the stored page, by canonical link or address."""
    amp = _shows_amp(visit)
    if same_page(visit.page.url, known.url):
        return amp and not is_amp(known.page_url or known.url)
    canonical = visit.extraction.canonical_url
    return amp or bool(canonical and url_key(canonical) == url_key(known.url))


def available_url(record: str, known: Article, stored: StoredMatches) -> str:
    """Return the address to store.

    It follows the publisher (a new slug), but does not change to a mere variant or to another article's address.
    """
    owner = stored.by_key.get(url_key(record))
    if same_page(record, known.url) or (owner is not None and owner[0] != known.id):
        return known.url
    return record
