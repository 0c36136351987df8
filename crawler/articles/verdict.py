"""Decide what one article request means for the store (`decide`), from its result and the stored articles. Pure.

The questions, in this order: Is there a page? Is it an article? Is it stored already (by address, publisher's id,
canonical link, same text)? Has it changed? Did another outlet publish it before?
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from crawler.articles import failures
from crawler.articles.before_rules import read_as_before, with_todays_text
from crawler.articles.bounded_diff import changed_words
from crawler.articles.failures import BLOCKED_RETRIES
from crawler.articles.identity import (
    available_url,
    find_stored,
    is_alternate_view,
    merge_candidates,
    record_url,
    was_alternate_view,
)
from crawler.articles.live import compare_posts, with_posts
from crawler.articles.near_duplicates import MIN_CONTAINMENT, containment, fingerprints, shingles
from crawler.articles.rereading import admits_edit, in_form_of, is_stale, reread_version, shows_less
from crawler.articles.visit import PageVisit, StoredMatches
from crawler.extraction.extraction import WALLS
from crawler.urls import canonical_url, same_page, site, url_key
from storage.article import Article
from storage.posts import PostChanges, in_time, live_text
from storage.records import DuplicateCandidate, completeness_rank
from storage.utc import parse_utc
from storage.verdicts import Alias, FullerView, NewArticle, NotArticle, Retry, Revision, Unchanged, Verdict

CONTAINED_AT_HOME = 0.8  # containment from which two articles of one source are the same story


def decide(visit: PageVisit, stored: StoredMatches) -> Verdict:
    """Decide what one article request means.

    Args:
        visit: its result, with the page extracted and assembled.
        stored: the stored articles that the page may be a version, an address or a copy of.
    """
    page = visit.page
    none = failures.without_page(page, visit.recheck_at, hour=visit.hour, not_found_since=stored.not_found_since)
    if none is not None:
        return none
    if visit.forbidden:
        return failures.forbidden(page.entry, page.at, visit.recheck_at, hour=visit.hour)
    if visit.article is None:
        return _no_article(visit)
    known = find_stored(visit, stored)
    if known is not None:
        return _decide_stored(visit, *merge_candidates(visit, known, stored))
    return _new_article(visit, stored)


def needs_rereading(visit: PageVisit, stored: StoredMatches) -> Article | None:
    """Return the stored article whose raw page must be read again before the decision; usually None.

    That is an article that this page is a version of, that another extractor read, and that this page shows with
    another text. The caller reads the raw page again and puts the result into `visit.rereads`.
    """
    new = visit.article
    if (
        new is None
        or visit.extraction.posts
        or not any(is_stale(known, new) for known in (*stored.articles.values(), *stored.same_text))
    ):
        return None
    known = find_stored(visit, stored)
    if known is None:
        return None
    known = merge_candidates(visit, known, stored)[0]
    if not is_stale(known, new) or known.warc_file is None or known.id in visit.rereads:
        return None
    new = read_as_before(visit, known, stored.repeated)[0].article or new
    return known if not shows_less(known, new) and new.content_hash != known.content_hash else None


def _answered(visit: PageVisit, **more: Any) -> dict[str, Any]:
    """Return the fields of any verdict on a page that was read."""
    entry = visit.page.entry
    ids = (entry.id,) if entry.id else ()
    return {"at": visit.page.at, "entry_ids": ids, "source": visit.source, "addresses": visit.addresses, **more}


def _blocked_until(visit: PageVisit, verdict: str) -> datetime | None:
    """Return when a blocked page is requested again, by its number of such verdicts; None after the last retry."""
    attempts = visit.page.entry.consecutive_attempts(verdict)
    if attempts >= len(BLOCKED_RETRIES):
        return None
    return visit.page.at + timedelta(hours=BLOCKED_RETRIES[attempts] * visit.hour / 3600)


def _no_article(visit: PageVisit) -> Retry | NotArticle:
    """A soft 404, a bot challenge, a section page, or a login page without a title in the feed: not an article."""
    reason = visit.extraction.problem or "empty"
    said = _answered(
        visit, addresses=(), article_id=visit.page.entry.article_id, reason=reason, recheck_at=visit.recheck_at
    )
    later = _blocked_until(visit, "retry") if reason in {*WALLS, "bot challenge"} else None
    return Retry(**said, outcome="retry", retry_at=later, not_before=later) if later else NotArticle(**said)


def _decide_stored(visit: PageVisit, known: Article, stored: StoredMatches, absorbs: int | None) -> Verdict:
    """A stored article was requested again; both versions are compared as one extractor with one set of rules reads them."""
    assert visit.article is not None
    if visit.extraction.posts and (known.kind == "live" or known.id in stored.posts):
        return _decide_live(visit, known, stored, absorbs)
    then, reduced = read_as_before(visit, known, stored.repeated)
    assert then.article is not None
    base = None
    if is_stale(known, then.article):
        base = reread_version(known, then.article, visit.rereads.get(known.id))
    compared = base or reduced
    verdict = _compare(then, compared.article if compared else known, stored, absorbs)
    if base is not None or (reduced is not None and isinstance(verdict, Revision) and verdict.reread is None):
        verdict = dataclasses.replace(verdict, reread=compared)
    return with_todays_text(verdict, then, visit, known)


def _compare(
    visit: PageVisit, known: Article, stored: StoredMatches, absorbs: int | None
) -> Alias | FullerView | Revision | Unchanged:
    """It is unchanged, edited, or a better or worse view."""
    assert visit.article is not None
    new, record = visit.article, record_url(visit)
    recheck = visit.next_recheck(_first_seen(known, visit), visit.newest_post_at)
    said = _answered(visit, article_id=known.id, absorbs=absorbs, recheck_at=recheck)
    rank, stored_rank = (completeness_rank(a.completeness) for a in (new, known))
    blocked = bool(visit.extraction.problem) and rank == stored_rank and known.completeness != "full"
    if rank < stored_rank or (blocked and (new.content_hash == known.content_hash or not visit.page.entry.id)):
        return _shows_less(visit, said)
    if blocked:  # still blocked, but the feed entry changed
        later = _blocked_until(visit, "headline")
        said |= {"retry_at": later, "not_before": later, "reason": visit.extraction.problem}
    url = available_url(record, known, stored)
    if rank > stored_rank:
        fuller = dataclasses.replace(_with_story(visit, stored), url=url)
        return FullerView(**said | {"reason": "more of it than before"}, article=fuller, fingerprints=visit.prints)
    if new.content_hash == known.content_hash:
        return _same(visit, known, said)
    if is_alternate_view(visit, known):
        return Alias(**said | {"reason": "another address of it"})
    if was_alternate_view(visit, known, record):
        return Alias(**said | {"reason": "the address of record"}, article=dataclasses.replace(new, url=url))
    return _revision(visit, known, url, said)


def _decide_live(visit: PageVisit, known: Article, stored: StoredMatches, absorbs: int | None) -> Verdict:
    """A live page was requested again: added posts are an update, changed and removed ones an edit."""
    before = stored.posts.get(known.id, ())
    changes, posts = compare_posts(before, visit.extraction.shown_posts)
    visit = with_posts(visit, posts)
    assert visit.article is not None
    verdict = _compare(visit, known, stored, absorbs)
    if isinstance(verdict, Revision):
        same_headline = (known.title, known.subtitle) == (visit.article.title, visit.article.subtitle)
        if same_headline and not changes.edits:
            counted: dict[str, Any] = {
                "cause": "live",
                "silent": False,
                "words_added": changes.words_added,
                "words_removed": 0,
            }
        else:  # the added posts are an update of their own
            kept = live_text(in_time([*(each.post for each in before), *changes.added])) if before else known.text
            added, removed = changed_words(dataclasses.replace(known, text=kept), visit.article)
            counted = {"cause": "publisher", "words_added": added, "words_removed": removed}
        verdict = dataclasses.replace(verdict, reread=None, **counted)
    elif getattr(verdict, "article", None) is None:  # nothing of it is stored
        changes = PostChanges(missing=changes.missing)
    return dataclasses.replace(verdict, posts=changes)


def _first_seen(known: Article, visit: PageVisit) -> datetime:
    return parse_utc(known.first_seen_at) if known.first_seen_at else visit.page.at


def _revision(visit: PageVisit, known: Article, url: str, said: dict[str, Any]) -> Revision:
    """The text or the headline changed: the publisher's edit, or another extractor's result for the same page."""
    new = visit.article
    assert new is not None
    # For a page that a user requested or an archive has, no feed repeats the feed's fields.
    of_feed = {} if visit.page.entry.of_feed else _only_of_feed(known, new)
    # Where its raw page is not there: words that only one reading has are the publisher's if the page admits an edit.
    admitted = admits_edit(known, new)
    base = in_form_of(known, new, clear=admitted and not visit.comments) if is_stale(known, new) else None
    before = base.article if base else known
    reread = before.content_hash == new.content_hash
    added, removed = changed_words(known if reread else before, new)
    return Revision(
        **said,
        article=dataclasses.replace(new, url=url, **of_feed),
        fingerprints=visit.prints,
        silent=not admitted and not reread,
        cause="reprocess" if reread else "publisher",
        words_added=added,
        words_removed=removed,
        imported=visit.page.entry.found_by == "archive",
        reread=None if reread or before.content_hash == known.content_hash else base,
    )


def _shows_less(visit: PageVisit, said: dict[str, Any]) -> Unchanged:
    """The page shows less than is stored, or is blocked again: the article stays, a blocked page is retried."""
    problem = visit.extraction.problem
    later = _blocked_until(visit, "headline") if problem and visit.page.entry.id else None
    reason = problem and f"{problem}; what is stored is kept"
    return Unchanged(**said | {"reason": reason}, shows_less=True, retry_at=later, not_before=later)


def _same(visit: PageVisit, known: Article, said: dict[str, Any]) -> Alias | Unchanged:
    """Nothing changed; but the page at the address of record replaces another view of it, for its other fields."""
    assert visit.article is not None
    final, canonical, record = visit.page.url, visit.extraction.canonical_url, record_url(visit)
    first_at_record = (
        known.page_url and not same_page(known.page_url, known.url) and url_key(final) == url_key(known.url)
    )
    promoted = (
        known.url != record
        and canonical
        and url_key(canonical) == url_key(final)
        and url_key(final) != url_key(known.url)
    )
    if (first_at_record or promoted) and not visit.extraction.is_amp:
        article = dataclasses.replace(visit.article, url=record)
        return Alias(**said | {"reason": "the address of record"}, article=article)
    if any(url_key(final) == a.url_key for a in visit.addresses) and url_key(final) != url_key(known.url):
        return Alias(**said | {"reason": "another address of it"})
    return Unchanged(**said)


def prints_of(article: Article) -> tuple[int, ...]:
    """Return the fingerprints of an article's text."""
    return fingerprints(shingles(article.text or ""))


def _new_article(visit: PageVisit, stored: StoredMatches) -> NewArticle:
    """A new article, with its story and, if another outlet published it before, the original."""
    taken = stored.by_key.get(url_key(record := record_url(visit)))
    owned = taken and (taken[1] != "canonical" or stored.articles[taken[0]].url == record)
    url = canonical_url(visit.page.url) if owned else record
    article = dataclasses.replace(_with_story(visit, stored), url=url)
    seen = visit.page.at.replace(microsecond=0)  # as first_seen_at will be stored
    said = _answered(visit, recheck_at=visit.next_recheck(seen, visit.newest_post_at))
    if article.completeness == "full":
        posts = PostChanges(added=visit.extraction.shown_posts) if visit.extraction.posts else None
        return NewArticle(**said, article=article, fingerprints=visit.prints, posts=posts)
    problem = visit.extraction.problem
    later = _blocked_until(visit, "headline") if problem else None
    return NewArticle(
        **said, article=article, reason=problem or f"only a {article.completeness}",
        retry_at=later, not_before=later,
    )  # fmt: skip


def _with_story(visit: PageVisit, stored: StoredMatches) -> Article:
    """Return the page's article with its story and the other outlet's article that it copies.

    A copy of a copy is a copy of the original: otherwise, which of three alike articles comes first would decide how
    many copies the original has.
    """
    assert visit.article is not None
    match = _best_match(visit, stored.candidates)
    if match is None:
        return visit.article
    original = match.id
    elsewhere = _is_elsewhere(visit, match.source, match.url)
    if match.copy_of is not None and match.copy_of_url is not None:
        original = match.copy_of
        elsewhere = elsewhere and _is_elsewhere(visit, match.copy_of_source, match.copy_of_url)
    return dataclasses.replace(visit.article, story_id=match.story_id, duplicate_of=original if elsewhere else None)


def _is_elsewhere(visit: PageVisit, source: str | None, url: str) -> bool:
    """Return whether a stored article is another outlet's; an unknown source is its site."""
    return (source is None or source != visit.source) and site(url) != site(visit.page.url)


def _best_match(visit: PageVisit, candidates: Sequence[DuplicateCandidate]) -> DuplicateCandidate | None:
    """Return the stored text that contains this one or is contained in it: the best match, the oldest of equals.

    For articles of the same source, nearly all must match: they share a footer, or repeat background paragraphs.
    """
    measured = [(containment(visit.grams, shingles(other.text)), -other.id, other) for other in candidates]
    alike = [
        found
        for found in measured
        if found[0] >= (CONTAINED_AT_HOME if visit.source and found[2].source == visit.source else MIN_CONTAINMENT)
    ]
    return max(alike, key=lambda found: found[:2])[2] if alike else None


_FEED_FIELDS = ("summary", "authors", "tags", "section", "published_at", "published_raw", "language", "image_url")


def _only_of_feed(stored: Article, page: Article) -> dict[str, Any]:
    """Return the fields of a stored article that its page alone lacks; they came from a feed."""
    return {name: getattr(stored, name) for name in _FEED_FIELDS if not getattr(page, name) and getattr(stored, name)}
