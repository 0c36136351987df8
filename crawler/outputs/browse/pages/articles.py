"""One article, any version of it, its saved page, what an edit changed, and the list of edits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from crawler.articles.bounded_diff import Budget
from crawler.articles.read_page import charset_of
from crawler.extraction.page import decode_page
from crawler.outputs.browse.pages.common import Filters, mark_of, position
from crawler.outputs.diff import Piece, changed, diff_blocks, excerpt, word_diff
from storage.article import Article
from storage.store import Store
from storage.warc import read_raw

EDITS = 50
EXCERPTS = 600_000  # steps of comparison for all excerpts of a page together
ELSEWHERE = 8  # articles of its story beside an article
# What a saved page may not do even in its sandbox: be led elsewhere, or have names looked up.
_LEADING = re.compile(r"</?(?:meta|link|base)\b[^<>]*>?", re.IGNORECASE)
MOST_SAVED = 4 * 1024**2  # characters of a saved page that are shown


# All pages have one signature.
def article(store: Store, key: int, number: int | None, now: datetime) -> dict[str, Any] | None:  # noqa: ARG001
    """One article in its newest version or another one, with its versions and its story; None if there is none."""
    found = store.article(key)
    if found is None:
        return None
    versions = store.revisions(found.id)
    chosen = _chosen(found, versions, number)
    if chosen is None:
        return None
    before, after = _neighbours(versions, chosen["number"])
    story = store.story(found.story_id or found.id)
    names = store.source_names()
    outlet = names.get(found.source or "", found.source or "")
    original = store.article(found.duplicate_of) if found.duplicate_of else None
    return {
        "article": found,
        "version": chosen,
        "outlet": outlet,
        "mark": mark_of(outlet or found.url),
        "paragraphs": _paragraphs(chosen, before),
        "versions": list(reversed(list(pairwise(versions)))),
        "first": versions[0] if versions else None,
        "previous": before and before["number"],
        "next": after and after["number"],
        "story": [
            {"article": other, "outlet": names.get(other.source or "", other.source or "fetched alone")}
            for other in story
            if other.id != found.id
        ][:ELSEWHERE],
        "others": len(story) - 1,
        "original": original,
        "original_outlet": names.get(original.source or "", original.source or "") if original else None,
        "provenance": {name: dict(said) for name, said in found.provenance.items()},
        "addresses": store.addresses(found.id),
        "saved": bool(found.warc_file) and chosen["newest"],
    }


def _neighbours(
    versions: Sequence[Mapping[str, Any]], number: int
) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """The versions before and after one."""
    at = next((n for n, row in enumerate(versions) if row["number"] == number), len(versions))
    return (versions[at - 1] if 0 < at < len(versions) else None), (
        versions[at + 1] if at + 1 < len(versions) else None
    )


def _paragraphs(chosen: Mapping[str, Any], before: Mapping[str, Any] | None) -> list[tuple[str, bool]]:
    """The paragraphs of a version, and whether each is new in it or changed."""
    known = set((before["text"] or "").split("\n\n")) if before is not None else None
    return [(p, known is not None and p not in known) for p in (chosen["text"] or "").split("\n\n") if p.strip()]


def _chosen(found: Article, versions: Sequence[Mapping[str, Any]], number: int | None) -> dict[str, Any] | None:
    """The title, subtitle and text of a version; None if there is no such version."""
    if number is None or (number == found.revision and not versions):
        fields = {"title": found.title, "subtitle": found.subtitle, "text": found.text}
        return {"number": found.revision, "newest": True, **fields}
    row = next((row for row in versions if row["number"] == number), None)
    if row is None:
        return None
    newest = number == found.revision
    return {name: row[name] for name in ("number", "title", "subtitle", "text", "seen_at")} | {"newest": newest}


def saved_page(store: Store, key: int, now: datetime) -> str | None:  # noqa: ARG001
    """The page as it was fetched, for a sandbox: without meta, link and base elements; None if none is stored.

    Raises:
        StorageError: the file of raw pages cannot be read.
    """
    found = store.article(key)
    place = store.raw_place(found) if found is not None else None
    if place is None:
        return None
    raw = read_raw(place)
    return _LEADING.sub("", decode_page(raw.body, charset_of(raw.header("Content-Type")))[:MOST_SAVED])


def difference(store: Store, key: int, number: int, now: datetime) -> dict[str, Any] | None:  # noqa: ARG001
    """What changed from the previous version to this one; None if there is no such version."""
    found = store.article(key)
    rows = store.revisions(key)
    new = next((row for row in rows if row["number"] == number), None)
    old, later = _neighbours(rows, number)
    if found is None or new is None or old is None:
        return None
    earlier, _ = _neighbours(rows, old["number"])
    return {
        "article": found,
        "outlet": store.source_names().get(found.source or "", found.source or ""),
        "old": old,
        "new": new,
        "parts": list(diff_blocks(old, new)),
        "earlier": earlier and old["number"],
        "later": later and later["number"],
    }


def edits(store: Store, filters: Filters, now: datetime) -> dict[str, Any]:  # noqa: ARG001
    """Edits by publishers after publication, newest first."""
    rows = store.edits(
        sources=(filters["source"],) if filters.get("source") else (),
        silent=bool(filters.get("silent")),
        title=bool(filters.get("title")),
        limit=EDITS + 1,
        before=position(filters.get("before", "")),
    )
    more, rows = len(rows) > EDITS, rows[:EDITS]
    names = store.source_names()
    budget = Budget(EXCERPTS)
    for row in rows:
        row["excerpt"] = _telling_change(store, row, budget)
        row["outlet"] = names.get(row["source"] or "", row["source"]) or "fetched alone"
        row["mark"] = mark_of(row["outlet"])
        row["headline"] = (
            list(word_diff(row["old_title"] or "", row["title"] or "")) if row["old_title"] != row["title"] else None
        )
    return {
        "rows": rows,
        "older": f"{rows[-1]['seen_at']}~{rows[-1]['id']}" if more else None,
        "choices": list(names.items()),
        "filters": dict(filters),
    }


def _telling_change(store: Store, row: Mapping[str, Any], budget: Budget) -> list[Piece]:
    """The change of a text with the most words, numbers and names before others."""
    pair = store.version_pair(row["id"], row["number"])
    if pair is None:
        return []
    old, new = pair
    blocks = [pieces for name, pieces in changed(old, new, budget) if name == "text"]
    return excerpt(max(blocks, key=_weight)) if blocks else []


def _weight(pieces: Iterable[Piece]) -> int:
    """How much a changed paragraph says: its changed words, of which numbers and names count more."""
    words = [word for op, text in pieces if op != "equal" for word in text.split()]
    return sum(3 if any(c.isdigit() for c in word) or word[:1].isupper() else 1 for word in words)
