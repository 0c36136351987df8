"""What another reading of a kept page would change, field by field. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from crawler.articles.bounded_diff import count_changed_words
from storage.records import Article

# What a page says; the rest of a record is when and where it was seen, or follows from these.
FIELDS = (
    "kind", "completeness", "title", "subtitle", "authors", "published_at", "modified_at", "section", "tags", "language", "summary", "text", "image_url", "image_caption", "image_credit",
    "agency", "canonical_elsewhere",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReprocessResult:
    """One kept page, read again."""

    stored: Article
    new: Article | None  # None where the page is no article to this extractor
    problem: str | None = None
    error: str | None = None

    @property
    def changes(self) -> Mapping[str, tuple[Any, Any]]:
        """The fields that differ: (as held, as read now)."""
        if self.new is None:
            return {}
        pairs = {name: (getattr(self.stored, name), getattr(self.new, name)) for name in FIELDS}
        return {name: pair for name, pair in pairs.items() if (pair[0] or None) != (pair[1] or None)}

    @property
    def words(self) -> tuple[int, int]:
        """Words added and removed over title, subtitle and text."""
        assert self.new is not None
        return count_changed_words(
            *({name: getattr(a, name) for name in ("title", "subtitle", "text")} for a in (self.stored, self.new))
        )


def merge_reextracted(stored: Article, new: Article) -> Article:
    """The record to write: what the page says by the new reading; everything else as it is held."""
    taken = {
        name: getattr(new, name)
        for name in (*FIELDS, "published_raw", "word_count", "content_hash", "extractor", "provenance")
    }
    return dataclasses.replace(stored, **taken)
