"""Extract one page, without the feed and without the store. Pure; runs in worker processes.

bytes -> Page (one parse) -> structured data -> fields -> text -> page type (page_type.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Any

from crawler.config.models import PublisherRules
from crawler.extraction import page_type
from crawler.extraction.agencies import find_agency
from crawler.extraction.authors import guess_authors
from crawler.extraction.dates import guess_day
from crawler.extraction.extraction import Extraction, Provenance
from crawler.extraction.images import captions
from crawler.extraction.language import contradicts, text_language
from crawler.extraction.main_text import extract_main_text
from crawler.extraction.metadata import find_fields
from crawler.extraction.page import Page, read_page
from crawler.extraction.structured_data import StructuredData, read_structured_data
from crawler.text.tokens import normalize
from crawler.urls import canonical_url, site


@lru_cache(maxsize=1)
def extractor_name() -> str:
    """Return the extractor's name and version, as stored with each text."""
    return f"newsdesk 3, trafilatura {version('trafilatura')}"


def extract(
    body: bytes, url: str, *, rules: PublisherRules | None = None, now: datetime | None = None
) -> Extraction | None:
    """Extract one page.

    Args:
        body: the page's bytes, without content-encoding.
        url: its final address.
        rules: the publisher's rules.
        now: the current time; dates more than a day later are ignored.

    Returns:
        The extraction; its `problem` is None for an article. None if there is nothing to parse.
    """
    rules = rules or PublisherRules()
    now = now or datetime.now(UTC)
    page = read_page(body, url)
    if page is None:
        return None
    said = read_structured_data(page)
    fields, provenance = find_fields(page, said, rules, now)
    canonical, elsewhere = _canonical(page, said)
    amp = _is_amp(page)
    below_pictures = captions(page)
    main = extract_main_text(page, said, rules)
    whole = cache(page.again)  # one page in three is parsed again
    text = _without_heading(main.text, fields)
    _fill_in(url, whole, said, fields, provenance, text, now)
    provenance["text"] = {"source": main.source, "raw": page.cut or main.reason}
    agency = _put_agency(fields, provenance, text)
    kind = page_type.article_kind(said, fields, text, url)
    text = _append_captions(text, below_pictures) if kind == "gallery" else text
    obstacle = page_type.page_problem(whole, said, fields, text, url)
    text, completeness = page_type.strip_offers(said, text) if obstacle is None else ("", "headline")
    return Extraction(
        url=url,
        canonical_url=canonical,
        canonical_elsewhere=elsewhere,
        is_amp=amp,
        text=text,
        agency=agency,
        kind=kind,
        completeness=completeness,
        problem=obstacle,
        publisher_id=publisher_id(url, rules) or (publisher_id(canonical, rules) if canonical else None),
        extractor=extractor_name(),
        published_raw=provenance.get("published_at", {}).get("raw") or fields.get("published_at"),
        provenance=provenance,
        **fields,
    )


def publisher_id(url: str | None, rules: PublisherRules) -> str | None:
    """Return the publisher's own article id from an address; None if no rule defines one or it does not match."""
    if not url or not rules.id:
        return None
    match = re.search(rules.id, url)
    return (match[1] if match.groups() else match[0]) if match else None


def _fill_in(
    url: str,
    whole: Callable[[], Page],
    said: StructuredData,
    fields: dict[str, Any],
    provenance: Provenance,
    text: str,
    now: datetime,
) -> None:
    """Guess missing fields; each guess is expensive, so only what is missing is guessed."""
    if not fields.get("authors"):
        names, line = guess_authors(url, said, text)
        if names:
            fields["authors"], provenance["authors"] = names, {"source": "text", "raw": line}
    if not fields.get("published_at") and (day := guess_day(whole(), now)):
        fields["published_at"], provenance["published_at"] = day, {"source": "htmldate", "raw": None}
    declared = fields.get("language")
    written = contradicts(text, declared) if declared else text_language(text)
    if written:
        provenance["language"] = {"source": "text", "raw": declared}
        fields["language"] = written


def _put_agency(fields: dict[str, Any], provenance: Provenance, text: str) -> str | None:
    """Find the news agency that wrote the text, and store where it is named."""
    agency, source = find_agency(fields, provenance, text)
    if agency:
        provenance["agency"] = {"source": source, "raw": None}
    return agency


def _append_captions(text: str, captions_below: Iterable[str]) -> str:
    """Return the text of a gallery with the captions of its pictures."""
    more = [caption for caption in captions_below if caption not in text]
    if len(more) <= 1:  # one caption is the lead image's, which has its own field
        return text
    return "\n\n".join(filter(None, (text, *more)))


def _is_amp(page: Page) -> bool:
    """Return whether the page is an AMP version."""
    return page.tree.get("amp") is not None or page.tree.get("\u26a1") is not None or "⚡" in page.markup[:300]


def _without_heading(text: str, fields: dict[str, Any]) -> str:
    """Return the text without headline and subtitle at its start, where the body's container includes them."""
    said = {normalize(fields.get("title")), normalize(fields.get("subtitle"))} - {""}
    paragraphs = text.split("\n\n")
    title = normalize(fields.get("title"))
    at = next((i for i, paragraph in enumerate(paragraphs[:5]) if title and normalize(paragraph) == title), None)
    if at is not None and len(paragraphs) > at + 1:  # above the headline is a kicker, a date or a byline
        del paragraphs[: at + 1]
    while len(paragraphs) > 1 and normalize(paragraphs[0]) in said:
        paragraphs.pop(0)
    return "\n\n".join(paragraphs)


def _canonical(page: Page, said: StructuredData) -> tuple[str | None, str | None]:
    """Return (the canonical link on the page's own site, the canonical link to another site)."""
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
