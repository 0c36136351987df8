"""What extracting a stored page again would change, field by field. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from crawler.articles.bounded_diff import changed_words
from crawler.articles.near_duplicates import content_hash
from storage.article import Article

# The content of a page; the other fields of a record say when and where it was seen, or are derived from these.
FIELDS = (
    "kind",
    "completeness",
    "title",
    "subtitle",
    "authors",
    "published_at",
    "modified_at",
    "section",
    "tags",
    "language",
    "summary",
    "text",
    "image_url",
    "image_caption",
    "image_credit",
    "agency",
    "canonical_elsewhere",
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReprocessResult:
    """One stored page, extracted again."""

    stored: Article
    new: Article | None  # None if the page is not an article to this extractor
    problem: str | None = None
    error: str | None = None

    @property
    def changes(self) -> Mapping[str, tuple[Any, Any]]:
        """The fields that differ: (as stored, as extracted now)."""
        if self.new is None:
            return {}
        pairs = {name: (getattr(self.stored, name), getattr(self.new, name)) for name in FIELDS}
        return {name: pair for name, pair in pairs.items() if (pair[0] or None) != (pair[1] or None)}

    @property
    def words(self) -> tuple[int, int]:
        """Words added and removed over title, subtitle and text."""
        assert self.new is not None
        return changed_words(self.stored, self.new)


def merge_reextracted(stored: Article, new: Article) -> Article:
    """Return the record to write: the new extraction's fields, and everything else as stored.

    The text of a live page stays: its page of one moment shows the last posts only.
    """
    names = [*FIELDS, "published_raw", "word_count", "content_hash", "extractor", "provenance", "learned_version"]
    if stored.kind == "live":
        names = [name for name in names if name not in {"text", "word_count", "content_hash"}]
    taken = {name: getattr(new, name) for name in names}
    if stored.kind == "live":
        taken["content_hash"] = content_hash(new.title, new.subtitle, stored.text)
    return dataclasses.replace(stored, **taken)
