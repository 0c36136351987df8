"""A page read with the rules of its stored version, so that what was learned since is not taken for an edit. Pure.

If the rules of that time are kept, both versions are read with them. If not, paragraphs that ever were left out of the
source's texts are ignored on both sides.
"""

from __future__ import annotations

import dataclasses

from crawler.articles.bounded_diff import count_changed_words
from crawler.articles.near_duplicates import content_hash, fingerprints, shingles
from crawler.articles.visit import PageVisit
from crawler.text.paragraph_ids import block_id
from crawler.text.tokens import words
from crawler.urls import same_page
from storage.article import Article
from storage.verdicts import Alias, FullerView, Rereading, Revision, Unchanged, Verdict


def read_as_before(visit: PageVisit, known: Article, repeated: frozenset[int]) -> tuple[PageVisit, Rereading | None]:
    """Return the visit with the page as the rules of the stored version read it.

    Args:
        visit: the page, read with today's rules.
        known: its stored version.
        repeated: all paragraphs that texts of its source were ever read without.

    Returns:
        The visit; and the stored version without repeated paragraphs if it must be compared so.
    """
    new, rules = visit.article, visit.learned
    if new is None or known.learned_version == new.learned_version:
        return visit, None
    if rules.before is not None and rules.before_version == known.learned_version:
        text = visit.before.text if visit.before is not None else new.text
        return _with_text(visit, text, known.learned_version), None
    ignored = repeated | rules.blocks
    mine, theirs = _without(new.text, ignored), _without(known.text, ignored)
    if "".join((mine or "").split()) == "".join((theirs or "").split()):
        return _with_text(visit, known.text, known.learned_version), None
    compared = reading(known, theirs, None) if theirs != known.text else None
    return _with_text(visit, mine, None), compared


def with_todays_text(verdict: Verdict, then: PageVisit, visit: PageVisit, known: Article) -> Verdict:
    """Return the verdict on a stored article, with what today's rules make of the page, to be written after it.

    Args:
        verdict: made with the rules of the stored version.
        then: the page, read with those rules.
        visit: the same, read with today's.
        known: the stored version.
    """
    if then is visit or visit.article is None or then.article is None:
        return verdict
    if isinstance(verdict, Unchanged) and not same_page(visit.page.url, known.page_url or known.url):
        return verdict  # another view of it, whose text never replaces the stored one
    if isinstance(verdict, FullerView):
        article = _in_text(verdict.article, visit.article.text, visit.article.learned_version)
        return dataclasses.replace(verdict, article=article, fingerprints=visit.prints)
    if isinstance(verdict, Alias | Revision) and verdict.article is not None:
        stored = verdict.article
    elif isinstance(verdict, Unchanged) and then.article.content_hash == known.content_hash:
        stored = known
    else:
        return verdict
    today = reading(stored, visit.article.text, visit.article.learned_version, prints=visit.prints)
    left_out = visit.article.provenance.get("left_out")
    provenance = {name: said for name, said in stored.provenance.items() if name != "left_out"}
    provenance |= {"left_out": left_out} if left_out else {}
    today = dataclasses.replace(today, article=dataclasses.replace(today.article, provenance=provenance))
    return dataclasses.replace(verdict, then=today)


def reading(
    article: Article, text: str | None, version: int | None, *, prints: tuple[int, ...] | None = None
) -> Rereading:
    """Return an article with another reading of its text."""
    added, removed = count_changed_words({"text": article.text}, {"text": text})
    changed = _in_text(article, text, version)
    found = fingerprints(shingles(text or "")) if prints is None else prints
    return Rereading(article=changed, fingerprints=found, words_added=added, words_removed=removed)


def _with_text(visit: PageVisit, text: str | None, version: int | None) -> PageVisit:
    assert visit.article is not None
    return dataclasses.replace(visit, article=_in_text(visit.article, text, version))


def _in_text(article: Article, text: str | None, version: int | None) -> Article:
    return dataclasses.replace(
        article,
        text=text,
        word_count=len(words(text or "")),
        content_hash=content_hash(article.title, article.subtitle, text),
        learned_version=version,
    )


def _without(text: str | None, blocks: frozenset[int]) -> str | None:
    if not text:
        return text
    return "\n\n".join(line for line in text.split("\n\n") if block_id(line) not in blocks)
