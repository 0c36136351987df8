"""The result of extracting one page. Pure, and cheap to import; extractor.py creates it."""

from __future__ import annotations

from dataclasses import dataclass, field

from storage.posts import INTRO, Post

Provenance = dict[str, dict[str, str | None]]

# An article is behind these pages: they are requested again after 1, 6 and 24 hours.
WALLS = ("consent wall", "login wall", "paywall", "needs JavaScript")
# Problems of pages that are not an article.
NON_ARTICLES = ("soft 404", "section page", "bot challenge", "empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """The content of one page; every field except the address may be missing.

    Times are ISO 8601 text in the zone of the page, or a date only.
    """

    url: str
    canonical_url: str | None = None
    canonical_elsewhere: str | None = None
    is_amp: bool = False
    title: str | None = None
    subtitle: str | None = None
    authors: tuple[str, ...] = ()
    published_at: str | None = None
    published_raw: str | None = None
    modified_at: str | None = None
    section: str | None = None
    tags: tuple[str, ...] = ()
    language: str | None = None
    summary: str | None = None
    text: str = ""
    text_before: str | None = (
        None  # as the rules of its stored version have it, if these are others; see extractor.extract
    )
    blocks: tuple[int, ...] = ()  # the ids of all its paragraphs, also of those left out; see paragraph_ids.block_ids
    image_url: str | None = None
    image_caption: str | None = None
    image_credit: str | None = None
    agency: str | None = None
    kind: str = "article"
    completeness: str = "full"
    problem: str | None = None  # why the page is not an article: "consent wall", "soft 404", …; see page_type.py
    publisher_id: str | None = None
    extractor: str = ""
    posts: tuple[Post, ...] = ()  # of a live page, in order of time
    intro: str = ""  # of a live page with posts: its text without them
    provenance: Provenance = field(default_factory=dict)

    @property
    def shown_posts(self) -> tuple[Post, ...]:
        """The posts of a live page, its intro first; empty if it is no live page."""
        first = (Post(key=INTRO, at=None, title=None, text=self.intro),) if self.posts and self.intro else ()
        return (*first, *self.posts)
