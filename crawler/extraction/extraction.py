"""What one page says, as a value. Pure, and cheap to import; extractor.py makes it."""

from __future__ import annotations

from dataclasses import dataclass, field

Provenance = dict[str, dict[str, str | None]]

# A page asked for again after an hour, six hours, a day: the article is behind it (DESIGN, Walls).
WALLS = ("consent wall", "login wall", "paywall", "needs JavaScript")
# No article stands at such an address now.
NON_ARTICLES = ("soft 404", "section page", "bot challenge", "empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What one page says. Times are ISO 8601 text in the zone that the page wrote, or a day alone; everything but the address may be missing."""

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
    image_url: str | None = None
    image_caption: str | None = None
    image_credit: str | None = None
    agency: str | None = None
    kind: str = "article"
    completeness: str = "full"
    problem: str | None = None  # why the page is no article: "consent wall", "soft 404", …; see judgement.py
    publisher_id: str | None = None
    extractor: str = ""
    provenance: Provenance = field(default_factory=dict)
