"""Place a capture that is older than what is stored among the versions of its article. Pure.

The article itself stays as it is: only its history gains a version, or learns that one was there earlier.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from crawler.articles.before_rules import read_as_before
from crawler.articles.bounded_diff import changed_words
from crawler.articles.identity import find_stored, is_alternate_view
from crawler.articles.visit import PageVisit, StoredMatches
from storage.article import Article, Version
from storage.records import completeness_rank
from storage.utc import format_utc, parse_utc


def article_seen_later(visit: PageVisit, stored: StoredMatches) -> Article | None:
    """Return the stored article of a page that was captured before its stored version was last seen, or None.

    None also if the page has more of the text than is stored: it completes the article, whenever it was captured.
    """
    if visit.article is None or (known := find_stored(visit, stored)) is None:
        return None
    seen = known.last_same_at or known.fetched_at
    if seen is None or visit.page.at >= parse_utc(seen):
        return None
    return None if completeness_rank(visit.article.completeness) > completeness_rank(known.completeness) else known


def capture_of(visit: PageVisit, known: Article, stored: StoredMatches) -> Article | str:
    """Return the page as its stored article's rules read it, or why it is no version of it.

    Args:
        visit: the page.
        known: the result of article_seen_later.
        stored: the stored articles that it may be the same as.
    """
    if known.kind == "live":
        return "live page of which later posts are stored"
    then, _ = read_as_before(visit, known, stored.repeated)
    assert then.article is not None
    if completeness_rank(then.article.completeness) < completeness_rank(known.completeness):
        return "less than what is stored"
    return "address" if is_alternate_view(then, known) else then.article


def with_capture(versions: Sequence[Version], capture: Article, at: datetime) -> tuple[Version, ...]:
    """Return the versions of an article with one more capture of its page, whatever the order of arrival.

    A text that a version was seen with at that time, or next to it, is that version; a text within the time of another
    one divides it into what was seen before and after. Versions that `reprocess` made of a page belong to it. Only the
    first and the last time of a version are stored: of a page that goes back and forth between two texts, times in
    between may be missing if the captures arrive out of order.

    Args:
        versions: in order.
        capture: the page's article.
        at: when it was captured.

    Returns:
        The versions in order; a new one has the number 0.
    """
    seen = format_utc(at)
    groups = _by_page(versions)
    here = [group for group in groups if group[0].seen_at <= seen <= _last(group)]
    if any(_shows(group, capture) for group in here):
        return tuple(versions)
    new = [Version(number=0, article=capture, seen_at=seen, imported=True)]
    within = next((n for n, group in enumerate(groups) if group[0].seen_at <= seen < _last(group)), None)
    if within is not None:
        before, after = _divided(groups[within])
        groups[within : within + 1] = [before, new, after]
        return _counted(versions, groups)
    place = sum(group[0].seen_at <= seen for group in groups)
    if place and _shows(groups[place - 1], capture):
        groups[place - 1][-1] = dataclasses.replace(groups[place - 1][-1], last_same_at=seen)
    elif place < len(groups) and _shows(groups[place], capture):
        first = groups[place][0]
        groups[place][0] = dataclasses.replace(first, seen_at=seen, last_same_at=first.last_same_at or first.seen_at)
    else:
        groups.insert(place, new)
    return _counted(versions, groups)


def _by_page(versions: Sequence[Version]) -> list[list[Version]]:
    """The publisher's versions, each followed by other readings of the same page."""
    groups: list[list[Version]] = []
    for version in versions:
        if version.cause == "reprocess" and groups:
            groups[-1].append(version)
        else:
            groups.append([version])
    return groups


def _last(group: Sequence[Version]) -> str:
    """When the page was last seen so; a reprocess is no sight of it."""
    return max(version.last_same_at or group[0].seen_at for version in group)


def _shows(group: Sequence[Version], capture: Article) -> bool:
    return any(version.article.content_hash == capture.content_hash for version in group)


def _divided(group: Sequence[Version]) -> tuple[list[Version], list[Version]]:
    """What was seen first and what was seen last: two versions. The later one keeps the number, as it may be current."""
    *readings, kept = group
    first = group[0].seen_at
    after = dataclasses.replace(kept, seen_at=_last(group), cause="publisher")
    if not readings:
        return [dataclasses.replace(kept, number=0, last_same_at=None)], [after]
    readings[-1] = dataclasses.replace(readings[-1], last_same_at=first)
    return list(readings), [after]


def _counted(versions: Sequence[Version], groups: Sequence[Sequence[Version]]) -> tuple[Version, ...]:
    """The versions in order, with the words of the edits whose version before is another one now."""
    found = [version for group in groups for version in group]
    before = {new.number: old.article.content_hash for old, new in pairwise(versions)}
    counted = [dataclasses.replace(found[0], words_added=0, words_removed=0, silent=False)]
    for old, new in pairwise(found):
        if new.number and before.get(new.number) == old.article.content_hash:
            counted.append(new)
            continue
        added, removed = changed_words(old.article, new.article)
        silent = new.cause == "publisher" and old.article.modified_at == new.article.modified_at
        counted.append(dataclasses.replace(new, words_added=added, words_removed=removed, silent=silent))
    return tuple(counted)
