"""What a fetched page means for what is kept: the decision, as a Verdict. Pure: what is held is handed in, what follows is handed out.

In this order: is it an article at all; is it one we hold (by address, publisher's id, canonical link, same text); has it changed; did
another outlet run it before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta

from crawler.articles.assembly import only_of_feed
from crawler.articles.bounded_diff import count_changed_words
from crawler.articles.identity import _find_held, _free, _one_of_two, _other_view, _was_other_view, record_address
from crawler.articles.near_duplicates import MIN_CONTAINMENT, containment, fingerprints, shingles
from crawler.articles.visit import PageVisit, StoredMatches
from crawler.extraction.extraction import WALLS
from crawler.text.tokens import normalize
from crawler.urls import canonical_url, site, url_key
from storage.records import COMPLETENESS, Article, DuplicateCandidate, Verdict, parse_utc

WALL_RETRIES = (1.0, 6.0, 24.0)  # hours after which a walled page is asked for again (DESIGN, Walls)
GONE_RETRIES = (1.0, 6.0, 24.0)  # some outlets list an article before its page answers
CONTAINED_AT_HOME = 0.8  # containment from which two articles of one source are one story


def decide(visit: PageVisit, held: StoredMatches, *, now: datetime) -> Verdict:
    """Decide what one page is.

    Args:
        visit: the page, extracted and assembled.
        held: what it may be a version, an address or a copy of.
        now: the clock.
    """
    entry_ids = (visit.entry.id,) if visit.entry.id else ()
    if visit.article is None:
        return _no_article(visit, entry_ids, now)
    known = _find_held(visit, held)
    base = Verdict(outcome="same", at=now, entry_ids=entry_ids, addresses=visit.addresses, source=visit.source)
    if known is not None:
        known, held, absorbs = _one_of_two(visit, known, held)
        return _held_again(visit, known, held, dataclasses.replace(base, absorbs=absorbs), now)
    return _new_article(visit, held, base, now)


def _no_article(visit: PageVisit, entry_ids: tuple[int, ...], now: datetime) -> Verdict:
    """Not found, challenge, section page, or a wall without so much as a title in the feed: the entry stays an entry."""
    reason = visit.extraction.problem or "empty"
    tries = visit.entry.consecutive_attempts("retry")
    base = Verdict(
        outcome="rejected", at=now, entry_ids=entry_ids, reason=reason, source=visit.source, article_id=visit.entry.article_id, recheck_at=visit.recheck_at
    )  # fmt: skip
    if reason in {*WALLS, "bot challenge"} and tries < len(WALL_RETRIES):
        later = now + timedelta(hours=WALL_RETRIES[tries] * visit.hour / 3600)
        return dataclasses.replace(base, outcome="retry", retry_at=later, not_before=later)
    return base


def _held_again(visit: PageVisit, known: Article, held: StoredMatches, base: Verdict, now: datetime) -> Verdict:
    """Another look at a held article: the same, an edit, a better or a worse view of it."""
    assert visit.article is not None
    new = visit.article
    base = dataclasses.replace(base, article_id=known.id, recheck_at=_next_recheck(visit, known, now))
    rank, held_rank = (COMPLETENESS.index(a.completeness) for a in (new, known))
    walled = bool(visit.extraction.problem) and rank == held_rank and known.completeness != "full"
    if rank < held_rank or (walled and (new.content_hash == known.content_hash or not visit.entry.id)):
        return _walled_again(visit, base, now)
    if walled:  # still walled, but the feed says something else of it
        again = _walled_again(visit, base, now)
        base = dataclasses.replace(
            base, retry_at=again.retry_at, not_before=again.not_before, reason=visit.extraction.problem
        )
    record = record_address(visit)
    if rank > held_rank:
        whole = dataclasses.replace(_with_story(visit, held), url=_free(record, known, held))
        return dataclasses.replace(
            base,
            outcome="new",
            replace=True,
            article=whole,
            fingerprints=visit.prints,
            reason="more of it than before",
        )
    if new.content_hash == known.content_hash:
        return _same(visit, known, base)
    if _other_view(visit, known):
        return dataclasses.replace(base, outcome="address", reason="another address of it")
    if _was_other_view(known, record):
        kept = dataclasses.replace(new, url=_free(record, known, held))
        return dataclasses.replace(
            base,
            outcome="address",
            replace=True,
            article=kept,
            fingerprints=visit.prints,
            reason="the address of record",
        )
    added, removed = count_changed_words(_version(known), _version(new))
    # Where a person asked for the page, no feed repeats what it said of it.
    said = only_of_feed(known, new) if visit.entry.found_by == "user" else {}
    kept = dataclasses.replace(new, url=_free(record, known, held), **said)
    silent = new.modified_at == known.modified_at
    # Another extractor reads the same page otherwise: no edit by a publisher, unless the page says so itself or has another headline.
    other = known.extractor is not None and known.extractor != new.extractor
    same_bytes = known.raw_sha256 is not None and known.raw_sha256 == new.raw_sha256
    reread = other and (same_bytes or (silent and normalize(known.title) == normalize(new.title)))
    return dataclasses.replace(
        base,
        outcome="revised",
        article=kept,
        fingerprints=visit.prints,
        silent=silent and not reread,
        cause="reprocess" if reread else "publisher",
        words_added=added,
        words_removed=removed,
    )


def _walled_again(visit: PageVisit, base: Verdict, now: datetime) -> Verdict:
    """A page that shows less than what is held, or the same wall again: nothing is learned of the article, and a wall is asked again."""
    obstacle = visit.extraction.problem
    base = dataclasses.replace(base, worse=True, reason=obstacle and f"{obstacle}; what is held is kept")
    tries = visit.entry.consecutive_attempts("headline")
    if not obstacle or not visit.entry.id or tries >= len(WALL_RETRIES):
        return base
    later = now + timedelta(hours=WALL_RETRIES[tries] * visit.hour / 3600)
    return dataclasses.replace(base, outcome="headline", retry_at=later, not_before=later)


def _same(visit: PageVisit, known: Article, base: Verdict) -> Verdict:
    """Nothing changed; but the page at the address of record is preferred to another view of it, for its other fields."""
    assert visit.article is not None
    first_at_record = (
        known.page_url and url_key(known.page_url) != url_key(known.url) and url_key(visit.final) == url_key(known.url)
    )
    promoted = (
        known.url != record_address(visit)
        and visit.extraction.canonical_url
        and url_key(visit.extraction.canonical_url) == url_key(visit.final)
        and url_key(visit.final) != url_key(known.url)
    )
    if (first_at_record or promoted) and not visit.extraction.is_amp:
        return dataclasses.replace(
            base,
            outcome="address",
            replace=True,
            article=dataclasses.replace(visit.article, url=record_address(visit)),
            reason="the address of record",
        )
    if any(url_key(visit.final) == a.url_key for a in base.addresses) and url_key(visit.final) != url_key(known.url):
        return dataclasses.replace(base, outcome="address", reason="another address of it")
    return base


def _version(article: Article) -> dict[str, str | None]:
    return {"title": article.title, "subtitle": article.subtitle, "text": article.text}


def prints_of(article: Article) -> tuple[int, ...]:
    """The fingerprints of an article's text."""
    return fingerprints(shingles(article.text or ""))


def _new_article(visit: PageVisit, held: StoredMatches, base: Verdict, now: datetime) -> Verdict:
    """Not held: a new article, with its story and the original it copies, if another outlet ran it before."""
    taken = held.by_key.get(url_key(record := record_address(visit)))
    url = canonical_url(visit.final) if taken and taken[1] != "canonical" else record
    article = dataclasses.replace(_with_story(visit, held), url=url)
    verdict = dataclasses.replace(
        base,
        outcome="new",
        article=article,
        fingerprints=visit.prints,
        recheck_at=_next_recheck(visit, None, now),
    )
    if article.completeness == "full":
        return verdict
    tries = visit.entry.consecutive_attempts("headline")
    later = (
        now + timedelta(hours=WALL_RETRIES[tries] * visit.hour / 3600)
        if tries < len(WALL_RETRIES) and visit.extraction.problem
        else None
    )
    return dataclasses.replace(
        verdict,
        outcome="headline",
        reason=visit.extraction.problem or f"only a {article.completeness}",
        retry_at=later,
        not_before=later,
    )


def _with_story(visit: PageVisit, held: StoredMatches) -> Article:
    """The page's article, with the story that its text belongs to and the other outlet's article that it copies."""
    assert visit.article is not None
    original = _original(visit, held.twins)
    if original is None:
        return visit.article
    elsewhere = original.source != visit.source and site(original.url) != site(visit.final)
    return dataclasses.replace(
        visit.article, story_id=original.story_id, duplicate_of=original.id if elsewhere else None
    )


def _original(visit: PageVisit, twins: Sequence[DuplicateCandidate]) -> DuplicateCandidate | None:
    """The held text that contains this one, or is contained in it; the fullest match, the oldest of equals.

    Of the article's own source nearly all must agree: its articles share a footer, and a desk repeats its background paragraphs.
    """
    measured = [(containment(visit.grams, shingles(twin.text)), -twin.id, twin) for twin in twins]
    alike = [
        found
        for found in measured
        if found[0] >= (CONTAINED_AT_HOME if visit.source and found[2].source == visit.source else MIN_CONTAINMENT)
    ]
    return max(alike, key=lambda found: found[:2])[2] if alike else None


def _next_recheck(visit: PageVisit, known: Article | None, now: datetime) -> datetime | None:
    seen = parse_utc(known.first_seen_at) if known and known.first_seen_at else now
    return next_recheck(visit.rechecks, seen, now)


def next_recheck(ages: Sequence[float], seen: datetime, now: datetime) -> datetime | None:
    """The next age, in seconds, at which an article is asked for again, counted from when it was first seen; None after the last."""
    return next((due for age in ages if (due := seen + timedelta(seconds=age)) > now), None)
