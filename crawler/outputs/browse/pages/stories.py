"""One story: the outlets that ran it, when, how alike their texts are, and their headlines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from crawler.articles.near_duplicates import containment, shingles
from crawler.outputs.browse.pages.common import mark_of
from crawler.outputs.first_published import first_by_publisher_time, first_seen
from storage.article import Article
from storage.store import Store

MEMBERS = 100  # articles of one story
LONG = 20_000  # words of a text beyond which similarity is not measured


def story(store: Store, key: int, now: datetime) -> dict[str, Any] | None:  # noqa: ARG001 - all pages have one signature
    """The outlets of a story, who was first, and their headlines; None if there is none."""
    head = store.article(key)
    members = store.story(head.story_id if head and head.story_id else key)
    if not members:
        return None
    names = store.source_names()
    every, members = len(members), members[:MEMBERS]
    first, seen = first_by_publisher_time(members), first_seen(members)
    compared = first or seen
    base = _grams(compared)
    places, ends = _places(members)
    rows = []
    for member, place in zip(members, places, strict=True):
        grams = _grams(member)
        outlet = names.get(member.source or "", member.source or member.url)
        rows.append(
            {
                "article": member,
                "outlet": outlet,
                "mark": mark_of(outlet),
                "place": place,
                "compared": member is compared,
                "alike": containment(base, grams) if base and grams and member is not compared else None,
            }
        )
    return {
        "rows": rows,
        "every": every,
        "title": compared.title or "(no title)",
        "first": first,
        "seen": seen,
        "compared_outlet": names.get(compared.source or "", compared.source or compared.url),
        "first_outlet": names.get(first.source or "", first.source or first.url) if first else None,
        "seen_outlet": names.get(seen.source or "", seen.source or seen.url),
        "ends": ends,
    }


def _places(members: Sequence[Article]) -> tuple[list[float | None], tuple[str, str] | None]:
    """Where each article is on a line from the first publication to the last, in percent; and the ends of the line.

    The times of first sight are not on it: newsdesk may have seen all of them at once, days later.
    """
    times = [m.published if m.published_at and len(m.published_at) > 10 else None for m in members]
    known = [at for at in times if at is not None]
    if len(known) < 2 or max(known) == min(known):
        return [None] * len(members), None
    start, span = min(known), (max(known) - min(known)).total_seconds()
    places = [round(2 + 96 * (at - start).total_seconds() / span, 1) if at else None for at in times]
    texts = sorted(m.published_at or "" for m in members if m.published_at and len(m.published_at) > 10)
    return places, (texts[0], texts[-1])


def _grams(of: Article) -> frozenset[int]:
    return shingles(of.text) if of.text and of.word_count <= LONG else frozenset()
