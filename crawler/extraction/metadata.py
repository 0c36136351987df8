"""The metadata fields of an article and their provenance. Pure.

Publisher rules come first, then JSON-LD, OpenGraph, markup and meta elements, in an order that depends on the field.
The source and the raw value of each field are stored in provenance: {field: {"source", "raw"}}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from crawler.config.models import PublisherRules
from crawler.extraction.authors import find_authors
from crawler.extraction.dates import find_published
from crawler.extraction.element_roles import ElementRoles, find_roles
from crawler.extraction.extraction import Provenance
from crawler.extraction.images import first_text, put_image
from crawler.extraction.main_text import select
from crawler.extraction.names import OutletNames
from crawler.extraction.page import Page, text_of
from crawler.extraction.structured_data import StructuredData, breadcrumbs, text_value
from crawler.extraction.titles import find_title
from crawler.text.clean import one_line
from crawler.text.dates import read_date
from crawler.text.tokens import normalize

_Candidates = Iterable[tuple[str, str | None]]  # (source, raw value), the preferred one first
_PREFIX = re.compile(r"^(?:Opinion|Video|Gallery|Podcast|Photos?|Live|Watch|Analysis)\s*[|:]\s+", re.IGNORECASE)


def find_fields(
    page: Page, said: StructuredData, rules: PublisherRules, now: datetime
) -> tuple[dict[str, Any], Provenance]:
    """Return every field that the page gives, and the provenance of each."""
    marks = find_roles(page.nodes)
    fields: dict[str, Any] = {}
    provenance: Provenance = {}

    def put(name: str, candidates: _Candidates, clean: Callable[[str], str | None] = _clean_line) -> None:
        for source, raw in candidates:
            value = clean(raw) if raw else None
            if value:
                fields[name] = value
                provenance[name] = {"source": source, "raw": raw if raw != value else None}
                return

    article = said.article
    put("title", [("rules", _text(page, rules.title))])
    if not fields.get("title"):
        title, source, raw = find_title(page, said, marks["h1"])
        if title:
            fields["title"], provenance["title"] = title, {"source": source, "raw": raw if raw != title else None}
    headline = normalize(fields.get("title"))  # a page may have other h1 headings: its name, a box
    marks["h1"].sort(key=lambda node: normalize(text_of(node)) != headline)
    put(
        "subtitle",
        [
            ("rules", _text(page, rules.subtitle)),
            ("json-ld", text_value(article.get("alternativeHeadline"))),
            ("markup", first_text(_subtitles(marks))),
        ],
        lambda raw: _other(one_line(raw), fields.get("title")),
    )
    put("summary", _summaries(page, said, rules, marks), lambda raw: _PREFIX.sub("", one_line(raw))[:2000] or None)
    put("section", _sections(page, said, rules, fields.get("title")))
    put("language", _languages(page, said), language_tag)
    if published := find_published(page, said, rules, marks, now):
        fields["published_at"] = published.date
        provenance["published_at"] = {"source": published.source, "raw": published.raw}
    put("modified_at", _modified_dates(said), lambda raw: read_date(raw, now=now, keep_zone=True))
    _put_authors(fields, provenance, page, said, rules, marks)
    _put_tags(fields, provenance, _tags(page, said, rules, marks))
    put_image(fields, provenance, page, said, rules, marks)
    return fields, provenance


def _clean_line(raw: str) -> str | None:
    return one_line(raw) or None


def _summaries(page: Page, said: StructuredData, rules: PublisherRules, marks: ElementRoles) -> _Candidates:
    return [
        ("rules", _text(page, rules.summary)),
        ("markup", first_text(marks["intro"])),
        ("json-ld", text_value(said.article.get("description"))),
        ("opengraph", said.first("og:description")),
        ("meta", said.first("description", "twitter:description", "dc.description")),
    ]


def _languages(page: Page, said: StructuredData) -> _Candidates:
    return [
        ("markup", page.tree.get("lang") or page.tree.get("{http://www.w3.org/XML/1998/namespace}lang")),
        ("json-ld", _language(said.article.get("inLanguage"))),
        ("opengraph", said.first("og:locale")),
        ("meta", said.first("content-language", "dc.language", "language")),
    ]


def _modified_dates(said: StructuredData) -> _Candidates:
    return [
        ("json-ld", text_value(said.article.get("dateModified"))),
        ("opengraph", said.first("article:modified_time", "og:updated_time", "og:article:modified_time")),
    ]


def _put_authors(
    fields: dict[str, Any],
    provenance: Provenance,
    page: Page,
    said: StructuredData,
    rules: PublisherRules,
    marks: ElementRoles,
) -> None:
    raw = [text_of(node) for node in select(page.tree, rules.authors)]
    names = OutletNames(page.url, said).clean(raw)
    source = "rules"
    if not names:
        names, source, raw = find_authors(page, said, marks)
    if names:
        fields["authors"] = names
        provenance["authors"] = {"source": source, "raw": "; ".join(raw) if list(names) != raw else None}


def _put_tags(fields: dict[str, Any], provenance: Provenance, candidates: Iterable[tuple[str, list[str]]]) -> None:
    for source, raw in candidates:
        if values := tuple(dict.fromkeys(tag for item in raw if (tag := one_line(item)[:100]))):
            fields["tags"] = values
            provenance["tags"] = {"source": source, "raw": "; ".join(raw) if list(values) != raw else None}
            return


def _subtitles(marks: ElementRoles) -> list[Any]:
    """Return the line under the headline: a marked sibling of the first h1, or the next h2 in its header."""
    for heading in marks["h1"][:1]:
        marked = [
            node for node in heading.itersiblings() if node in marks["subtitle"] and node.tag in {"h2", "p", "div"}
        ]
        plain = [node for node in heading.itersiblings("h2") if next(heading.iterancestors("header"), None) is not None]
        return (marked or plain)[:1]
    return []


def _text(page: Page, selectors: tuple[str, ...]) -> str | None:
    return first_text(select(page.tree, selectors)) if selectors else None


def _other(text: str, title: str | None) -> str | None:
    return text if text and text.casefold() != (title or "").casefold() and 10 < len(text) <= 600 else None


def _sections(page: Page, said: StructuredData, rules: PublisherRules, title: str | None) -> _Candidates:
    """Return section candidates; breadcrumb 2 precedes articleSection, which on some sites is always "news"."""
    crumbs = [c for c in breadcrumbs(said.nodes) if c.casefold() != (title or "").casefold()]
    return [
        ("rules", _text(page, rules.section)),
        ("breadcrumb", crumbs[1] if len(crumbs) > 1 else None),
        ("json-ld", text_value(said.article.get("articleSection"))),
        ("opengraph", said.first("article:section", "og:article:section", "section")),
    ]


def _tags(page: Page, said: StructuredData, rules: PublisherRules, marks: ElementRoles) -> list[tuple[str, list[str]]]:
    keywords = said.article.get("keywords")
    listed = (
        [str(k) for k in keywords if isinstance(k, str)]
        if isinstance(keywords, list)
        else [str(keywords)]
        if isinstance(keywords, str)
        else []
    )
    ruled = [text_of(node) for node in select(page.tree, rules.tags)]
    linked = dict.fromkeys([*(a for node in marks["tags"] for a in node.iter("a")), *marks["tag"]])
    marked = [text for node in linked if (text := text_of(node))][:25]

    def parted(values: Iterable[str]) -> list[str]:
        return [part.strip() for value in values for part in re.split(r"[,;|]", value) if part.strip()][:50]

    return [
        ("rules", ruled),
        ("markup", [m.strip(" #,") for m in marked]),
        ("json-ld", parted(listed)),
        ("opengraph", parted(said.meta.get("article:tag", ()))),
        ("meta", parted(said.meta.get("news_keywords", ()) or said.meta.get("keywords", ()))),
    ]


def _language(value: Any) -> str | None:
    if isinstance(value, dict):
        return text_value(value.get("alternateName")) or text_value(value.get("name"))
    return text_value(value)


_LANGUAGES: Mapping[str, str] = {
    "english": "en",
    "german": "de",
    "deutsch": "de",
    "french": "fr",
    "russian": "ru",
    "spanish": "es",
    "chinese": "zh",
    "japanese": "ja",
    "italian": "it",
    "portuguese": "pt",
}


def language_tag(raw: str) -> str | None:
    """Return a BCP 47 tag: "en_US" becomes "en-US", "English" becomes "en"."""
    text = raw.strip().replace("_", "-")
    text = _LANGUAGES.get(text.casefold(), text)
    match = re.match(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$", text)
    return f"{text.split('-')[0].lower()}{text[len(text.split('-')[0]) :]}" if match else None
