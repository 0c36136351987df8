"""One page in, one Extraction out: what the page says, by itself, without the feed and without what is held. Pure; runs in worker processes.

bytes -> Page (one parse) -> structured data -> fields -> text -> what kind of page it is (judgement.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from crawler.articles import judgement
from crawler.articles.body import find_body, words
from crawler.articles.dedupe import normal
from crawler.articles.fields import Provenance, find_fields, person
from crawler.articles.page import Page, read_page
from crawler.articles.structured import Structured, read_structured
from crawler.feeds.moments import read_date
from crawler.settings import PublisherRules
from crawler.urls import canonical_url, site


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What one page says. Times are ISO 8601 UTC text, or a day alone; everything but the address may be missing."""

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
    obstacle: str | None = None  # why the page is no article: "consent wall", "soft 404", …; see judgement.py
    publisher_id: str | None = None
    extractor: str = ""
    provenance: Provenance = field(default_factory=dict)


@lru_cache(maxsize=1)
def extractor_name() -> str:
    """What extracted a text, for the record."""
    return f"newsdesk 1, trafilatura {version('trafilatura')}"


def extract(
    body: bytes, url: str, *, rules: PublisherRules | None = None, now: datetime | None = None
) -> Extraction | None:
    """Extract one page.

    Args:
        body: the page as it came, content-encoding undone.
        url: its final address.
        rules: what is known of the publisher's pages.
        now: the clock; no date later than a day from now is taken.

    Returns:
        What it says; None where there is nothing to read. `obstacle` tells a wall or an error page from an article.
    """
    rules = rules or PublisherRules()
    now = now or datetime.now(UTC)
    page = read_page(body, url)
    if page is None:
        return None
    said = read_structured(page)
    fields, provenance = find_fields(page, said, rules, now)
    text, origin = find_body(page, rules)
    _fill_in(page, said, fields, provenance, now)
    text = _without_heading(text, fields)
    provenance["text"] = {"source": origin, "raw": None}
    canonical, elsewhere = _canonical(page, said)
    agency, agency_source = _agency(fields.get("authors", ()), text)
    if agency:
        provenance["agency"] = {"source": agency_source, "raw": None}
    kind = judgement.kind_of(said, fields, text, url)
    obstacle = judgement.obstacle(page, said, fields, text)
    published = provenance.get("published_at", {})
    return Extraction(
        url=url,
        canonical_url=canonical,
        canonical_elsewhere=elsewhere,
        is_amp=page.tree.get("amp") is not None or page.tree.get("\u26a1") is not None or "⚡" in page.markup[:300],
        text=text if obstacle is None else "",
        agency=agency,
        kind=kind,
        completeness=judgement.completeness(said, text) if obstacle is None else "headline",
        obstacle=obstacle,
        publisher_id=publisher_id(url, rules) or (publisher_id(canonical, rules) if canonical else None),
        extractor=extractor_name(),
        published_raw=published.get("raw") or fields.get("published_at"),
        provenance=provenance,
        **fields,
    )


def publisher_id(url: str | None, rules: PublisherRules) -> str | None:
    """The publisher's own id of an article, from its address; None where no rule names one or it does not fit."""
    if not url or not rules.id:
        return None
    match = re.search(rules.id, url)
    return (match[1] if match.groups() else match[0]) if match else None


def _fill_in(page: Page, said: Structured, fields: dict[str, Any], provenance: Provenance, now: datetime) -> None:
    """Ask trafilatura's metadata for what structured data left out; it costs a third of an extraction, so only then."""
    missing = [name for name in ("title", "authors", "published_at") if not fields.get(name)]
    if not missing or (missing == ["authors"] and said.article):
        return
    from trafilatura.metadata import extract_metadata

    try:
        found = extract_metadata(page.tree, page.url)
    except Exception:  # a metadata guess must not cost the article
        return
    if not fields.get("title") and found.title:
        fields["title"], provenance["title"] = found.title, {"source": "trafilatura", "raw": None}
    if not fields.get("authors") and found.author:
        people = tuple(name for part in found.author.split("; ") if (name := person(part, found.sitename or "")))
        if people:
            fields["authors"], provenance["authors"] = people, {"source": "trafilatura", "raw": found.author}
    if not fields.get("published_at") and found.date and (day := read_date(found.date, now=now)):
        fields["published_at"], provenance["published_at"] = day[:10], {"source": "trafilatura", "raw": found.date}


def _without_heading(text: str, fields: dict[str, Any]) -> str:
    """The text without headline and subtitle at its head, where the body's container holds them too."""
    said = {normal(fields.get("title")), normal(fields.get("subtitle"))} - {""}
    paragraphs = text.split("\n\n")
    while len(paragraphs) > 1 and normal(paragraphs[0]) in said:
        paragraphs.pop(0)
    return "\n\n".join(paragraphs)


def _canonical(page: Page, said: Structured) -> tuple[str | None, str | None]:
    """(the canonical link on the page's own site, the one elsewhere)."""
    hrefs = [
        node.get("href") for node in page.tree.iter("link") if "canonical" in (node.get("rel") or "").lower().split()
    ]
    for href in [*hrefs, said.first("og:url") if not hrefs else None]:
        address = page.link(href)
        if address:
            try:
                return (address, None) if site(address) == site(canonical_url(page.url)) else (None, address)
            except ValueError:
                return None, None
    return None, None


_AGENCIES = {
    "Reuters": r"reuters", "AP": r"ap|(?:the )?associated press|ap news", "AFP": r"afp|agence france[- ]presse", "dpa": r"dpa|deutsche presse-agentur", "TASS": r"tass|тасс",
    "Interfax": r"interfax|интерфакс", "RIA Novosti": r"ria novosti|риа новости", "PA": r"pa|pa media|press association", "EFE": r"efe|agencia efe", "ANSA": r"ansa",
    "Xinhua": r"xinhua|新华社", "Kyodo": r"kyodo(?: news)?|共同通信", "Yonhap": r"yonhap|연합뉴스", "Bloomberg": r"bloomberg(?: news)?", "APA": r"apa", "Anadolu": r"aa|anadolu(?: agency)?",
    "UPI": r"upi", "IANS": r"ians", "PTI": r"pti|press trust of india", "Ukrinform": r"ukrinform", "Belga": r"belga", "NTB": r"ntb", "TT": r"tt(?: nyhetsbyrån)?", "ČTK": r"čtk|ctk",
}  # fmt: skip
_AUTHOR_AGENCY = {
    name: re.compile(rf"^(?:the )?(?:{pattern})(?:$|[\s,/]+(?:staff|news|agency)?$)", re.IGNORECASE)
    for name, pattern in _AGENCIES.items()
}
_TEXT_AGENCY = {
    name: re.compile(
        rf"(?:^.{{0,60}}?[(\[](?:{pattern})[)\]]|[(\[](?:{pattern})[)\]]\s*$|^.{{0,40}}\b(?:{pattern})\s*[-–—]\s)",
        re.IGNORECASE | re.DOTALL,
    )
    for name, pattern in _AGENCIES.items()
}


def _agency(authors: tuple[str, ...], text: str) -> tuple[str | None, str]:
    """The wire service that wrote it: from the byline, else from "(Reuters)" at the text's start or end."""
    for name, pattern in _AUTHOR_AGENCY.items():
        if any(pattern.match(part.strip()) for author in authors for part in re.split(r"[/,]| with ", author)):
            return name, "byline"
    head, tail = text[:120], text[-40:]
    for name, pattern in _TEXT_AGENCY.items():
        if pattern.search(head) or (("(" in tail or "[" in tail) and pattern.search(tail)):
            return name, "text"
    return None, ""


def word_count(text: str) -> int:
    """Words of a text; each character of an unspaced script counts as one."""
    return len(words(text))
