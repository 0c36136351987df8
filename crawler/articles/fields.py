"""The fields of an article beside its text, each by evidence in a fixed order: publisher rules, JSON-LD, OpenGraph, byline markup, trafilatura. Pure.

Where a value came from and what stood there is kept in provenance: {field: {"source", "raw"}}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from lxml.etree import XPath

from crawler.articles.body import select, tidy
from crawler.articles.page import Page, text_of, with_class
from crawler.articles.structured import Structured, address_value, breadcrumbs, names, text_value
from crawler.feeds.moments import read_date
from crawler.settings import PublisherRules

Provenance = dict[str, dict[str, str | None]]
_H1 = XPath("//h1[normalize-space()]")
_SUBTITLE = XPath(
    "(//header//h1/following-sibling::h2 | //h1/following-sibling::*[self::h2 or self::p][contains(@class, 'sub') or contains(@class, 'dek') or contains(@class, 'standfirst')])[normalize-space()][1]"
)
_INTRO = with_class(
    "article__intro article-intro standfirst article__lead article-lead article__summary",
    tags="*[self::div or self::p or self::h2 or self::section]",
)
_BYLINE = XPath(
    "//*[contains(@class, 'byline') or contains(@class, 'Byline')]//a[contains(@class, 'author') or contains(@href, '/author')][normalize-space()][not(ancestor::aside) and not(ancestor::footer)]"
    " | //a[contains(concat(' ', @rel, ' '), ' author ')][normalize-space()][not(ancestor::aside) and not(ancestor::footer)]"
    " | //*[@itemprop='author']//*[@itemprop='name'][normalize-space()]"
)
_TAGS = XPath(
    "//*[contains(@class, 'article__tags') or contains(@class, 'article-tags') or contains(@class, 'post-tags') or contains(@class, 'tags-list') or contains(@class, 'tag-list')]//a[normalize-space()]"
    " | //a[contains(concat(' ', @rel, ' '), ' tag ')][normalize-space()]"
)
_FIGURE = XPath("//figure[.//img][not(ancestor::aside) and not(ancestor::nav) and not(ancestor::a[.//h2 or .//h3])]")
_CAPTION = with_class(
    "caption", within=".", tags="*[self::span or self::div or self::p or self::figcaption or self::em]"
)
_CREDIT = with_class(
    "credit copyright",
    within=".",
    tags="*[self::span or self::div or self::p or self::small or self::cite or self::em]",
)
_TIME = XPath("//*[@itemprop='datePublished'] | //time[@datetime][not(ancestor::aside) and not(ancestor::footer)]")
_PREFIX = re.compile(r"^(?:Opinion|Video|Gallery|Podcast|Photos?|Live|Watch|Analysis)\s*[|:]\s+", re.IGNORECASE)
_BY = re.compile(
    r"^(?:by|von|par|por|di|door|av|af|от)[:\s]+|^(?:written|reported)\s+by\s+|^(?:автор|текст)\s*:\s*", re.IGNORECASE
)
_NOT_NAMES = re.compile(
    r"^(?:https?:|@|www\.)|^(?:admin|editor|staff|redaktion|newsroom|unknown|none|null|anonymous|author|general)$|\S+@\S+",
    re.IGNORECASE,
)


def find_fields(
    page: Page, said: Structured, rules: PublisherRules, now: datetime
) -> tuple[dict[str, Any], Provenance]:
    """Every field that the page gives, and where each came from."""
    fields: dict[str, Any] = {}
    provenance: Provenance = {}

    def put(
        name: str,
        candidates: Iterable[tuple[str, str | None]],
        clean: Callable[[str], str | None] = lambda v: tidy(v) or None,
    ) -> None:
        for source, raw in candidates:
            value = clean(raw) if raw else None
            if value:
                fields[name] = value
                provenance[name] = {"source": source, "raw": raw if raw != value else None}
                return

    article = said.article
    site_name = said.first("og:site_name") or text_value(article.get("publisher")) or ""
    put("title", [("rules", _text(page, rules.title)), ("json-ld", text_value(article.get("headline")) or text_value(article.get("name"))), ("opengraph", said.first("og:title")), ("h1", _first_text(_H1(page.tree))), ("meta", said.first("twitter:title", "dc.title", "title")), ("title", page.tree.findtext(".//title"))], lambda raw: without_site(tidy(raw)[:2000], site_name) or None)  # fmt: skip
    put(
        "subtitle",
        [
            ("rules", _text(page, rules.subtitle)),
            ("json-ld", text_value(article.get("alternativeHeadline"))),
            ("markup", _first_text(_SUBTITLE(page.tree))),
        ],
        lambda raw: _other(tidy(raw), fields.get("title")),
    )
    put(
        "summary",
        [
            ("rules", _text(page, rules.summary)),
            ("markup", _first_text(_INTRO(page.tree))),
            ("json-ld", text_value(article.get("description"))),
            ("opengraph", said.first("og:description")),
            ("meta", said.first("description", "twitter:description", "dc.description")),
        ],
        lambda raw: _PREFIX.sub("", tidy(raw))[:2000] or None,
    )
    put("section", _sections(page, said, rules, fields.get("title")))
    put(
        "language",
        [
            ("markup", page.tree.get("lang") or page.tree.get("{http://www.w3.org/XML/1998/namespace}lang")),
            ("json-ld", _language(article.get("inLanguage"))),
            ("opengraph", said.first("og:locale")),
            ("meta", said.first("content-language", "dc.language", "language")),
        ],
        language_tag,
    )
    put("published_at", _dates(page, said, rules), lambda raw: read_date(raw, now=now))
    put(
        "modified_at",
        [
            ("json-ld", text_value(article.get("dateModified"))),
            ("opengraph", said.first("article:modified_time", "og:updated_time", "og:article:modified_time")),
        ],
        lambda raw: read_date(raw, now=now),
    )
    _put_list(fields, provenance, "authors", _authors(page, said, rules), lambda raw: person(raw, site_name))
    _put_list(fields, provenance, "tags", _tags(page, said, rules), lambda raw: tidy(raw)[:100] or None)
    _put_image(fields, provenance, page, said, rules)
    return fields, provenance


def _put_list(
    fields: dict[str, Any],
    provenance: Provenance,
    name: str,
    candidates: Iterable[tuple[str, list[str]]],
    clean: Callable[[str], str | None],
) -> None:
    for source, raw in candidates:
        values = (
            tuple(dict.fromkeys(value for item in raw for part in split_names(item) if (value := clean(part))))
            if name == "authors"
            else tuple(dict.fromkeys(v for item in raw if (v := clean(item))))
        )
        if values:
            fields[name] = values
            provenance[name] = {"source": source, "raw": "; ".join(raw) if list(values) != raw else None}
            return


def _text(page: Page, selectors: tuple[str, ...]) -> str | None:
    return _first_text(select(page.tree, selectors)) if selectors else None


def _first_text(nodes: Iterable[Any]) -> str | None:
    return next((text for node in nodes if (text := text_of(node) or node.get("content"))), None)


def without_site(title: str, site_name: str) -> str:
    """A title without the site's name at its end (or its start): "Headline - The Moscow Times" and "Headline | Opinion - The Moscow Times"."""
    if not site_name:
        return title
    name = re.escape(site_name)
    found = re.sub(
        rf"(?:\s*[|\-–—•·:»]\s*(?:[^|\-–—•·»]{{1,25}}\s*[|•·»]\s*)?{name}(?:\.\w{{2,5}})?\s*)+$|^{name}\s*[|\-–—•·:]\s*",
        "",
        title,
        flags=re.IGNORECASE,
    )
    found = (
        re.sub(r"\s+\|\s+(?:opinion|news|video|analysis)$", "", found, flags=re.IGNORECASE) if found != title else found
    )
    return found or title


def _other(text: str, title: str | None) -> str | None:
    return text if text and text.casefold() != (title or "").casefold() and 10 < len(text) <= 600 else None


def _sections(page: Page, said: Structured, rules: PublisherRules, title: str | None) -> list[tuple[str, str | None]]:
    """Breadcrumb 2 first: articleSection is "news" on every page of some sites."""
    crumbs = [c for c in breadcrumbs(said.nodes) if c.casefold() != (title or "").casefold()]
    return [
        ("rules", _text(page, rules.section)),
        ("breadcrumb", crumbs[1] if len(crumbs) > 1 else None),
        ("json-ld", text_value(said.article.get("articleSection"))),
        ("opengraph", said.first("article:section", "og:article:section", "section")),
    ]


def _dates(page: Page, said: Structured, rules: PublisherRules) -> list[tuple[str, str | None]]:
    ruled = [
        node.get("datetime") or node.get("content") or text_of(node) for node in select(page.tree, rules.published)
    ]
    marked = [node.get("datetime") or node.get("content") or text_of(node) for node in _TIME(page.tree)[:3]]
    metas = (
        "article:published_time",
        "og:article:published_time",
        "date",
        "dc.date.issued",
        "dc.date",
        "parsely-pub-date",
        "sailthru.date",
        "pubdate",
        "publish-date",
        "publication_date",
        "datepublished",
        "cxenseparse:recs:publishtime",
        "last-modified",
    )
    return [
        *(("rules", raw) for raw in ruled),
        ("json-ld", text_value(said.article.get("datePublished"))),
        ("opengraph", said.first(*metas[:2])),
        *(("meta", said.first(name)) for name in metas[2:-1]),
        ("json-ld", text_value(said.article.get("dateCreated"))),
        *(("markup", raw) for raw in marked),
    ]


def _authors(page: Page, said: Structured, rules: PublisherRules) -> list[tuple[str, list[str]]]:
    """The byline where it names all that the metadata does and more: sites that put only the first author into it."""
    structured = (names(said.article.get("author")) or names(said.article.get("creator")))[:20]
    if not structured:
        structured = [
            n
            for key in (
                "article:author",
                "author",
                "parsely-author",
                "dc.creator",
                "byl",
                "sailthru.author",
                "citation_author",
            )
            for n in said.meta.get(key, ())
            if not n.startswith("http")
        ][:10]
    byline = list(dict.fromkeys(text_of(node) or node.get("content") or "" for node in _BYLINE(page.tree)))[:10]
    ruled = [text_of(node) for node in select(page.tree, rules.authors)]
    folded = {b.casefold() for b in byline}
    more = byline and len(byline) > len(structured) and all(s.casefold() in folded for s in structured)
    return [
        ("rules", ruled),
        ("byline", byline if more else []),
        ("json-ld" if said.article.get("author") else "meta", structured),
        ("byline", byline),
    ]


def split_names(raw: str) -> list[str]:
    """One author value that holds several names."""
    if len(raw) > 400:
        return []
    return re.split(r"\s*(?:;|\||\n|\s&\s|\sand\s|\sund\s|\set\s|\sy\s|,(?!\s*(?:Jr|Sr|PhD|M\.?D|II|III)\b))\s*", raw)


def person(raw: str, site_name: str = "") -> str | None:
    """A name as it is kept: no "By", no address, no site's name."""
    text = _BY.sub("", tidy(raw)).strip(" ,;|·•-–—:")
    if (
        not text
        or len(text) > 80
        or _NOT_NAMES.search(text)
        or text.casefold() == site_name.casefold()
        or not re.search(r"[^\W\d_]", text)
    ):
        return None
    return text


def _tags(page: Page, said: Structured, rules: PublisherRules) -> list[tuple[str, list[str]]]:
    keywords = said.article.get("keywords")
    listed = (
        [str(k) for k in keywords if isinstance(k, str)]
        if isinstance(keywords, list)
        else [str(keywords)]
        if isinstance(keywords, str)
        else []
    )
    ruled = [text_of(node) for node in select(page.tree, rules.tags)]
    marked = [text_of(node) for node in _TAGS(page.tree)][:25]

    def parted(values: Iterable[str]) -> list[str]:
        return [part.strip() for value in values for part in re.split(r"[,;|]", value) if part.strip()][:50]

    return [
        ("rules", ruled),
        ("markup", [m.strip(" #,") for m in marked]),
        ("json-ld", parted(listed)),
        ("opengraph", parted(said.meta.get("article:tag", ()))),
        ("meta", parted(said.meta.get("news_keywords", ()) or said.meta.get("keywords", ()))),
    ]


def _put_image(
    fields: dict[str, Any], provenance: Provenance, page: Page, said: Structured, rules: PublisherRules
) -> None:
    """The lead image, its caption and its credit: of the figure that stands between headline and text, else what the metadata names."""
    figure = next(iter(_FIGURE(page.tree)[:1]), None)
    ruled = next((node.get("src") or node.get("content") for node in select(page.tree, rules.image)), None)
    marked = figure is not None and next(
        (
            img.get("src") or img.get("data-src")
            for img in figure.iter("img")
            if not (img.get("src") or "").startswith("data:")
        ),
        None,
    )
    for source, raw in (
        ("rules", ruled),
        ("figure", marked),
        ("json-ld", address_value(said.article.get("image"))),
        ("opengraph", said.first("og:image", "og:image:url", "twitter:image", "twitter:image:src")),
    ):
        if raw and (address := page.link(raw)):
            fields["image_url"] = address
            provenance["image_url"] = {"source": source, "raw": raw if raw != address else None}
            break
    caption, credit = _text(page, rules.caption), _text(page, rules.credit)
    if not rules.caption and figure is not None:
        holder = next(iter(figure.iter("figcaption")), figure)
        credit = credit or next((t for n in _CREDIT(holder) if (t := text_of(n))), None)
        parts = [n for n in _CAPTION(holder) if n is not holder]
        caption = (
            next((t for n in parts if (t := text_of(n))), None)
            if parts
            else (text_of(holder) if holder.tag == "figcaption" else None)
        )
        if caption and credit and caption != credit and caption.endswith(credit):
            caption = caption.removesuffix(credit).rstrip(" |(/-–—")
        if caption == credit:
            caption = None
    for name, value, source in (
        ("image_caption", caption, "rules" if rules.caption else "figure"),
        ("image_credit", credit, "rules" if rules.credit else "figure"),
    ):
        if value and (text := tidy(value)):
            fields[name] = text[:2000]
            provenance[name] = {"source": source, "raw": None}


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
    """A BCP 47 tag: "en_US" is "en-US", "English" is "en"."""
    text = raw.strip().replace("_", "-")
    text = _LANGUAGES.get(text.casefold(), text)
    match = re.match(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$", text)
    return f"{text.split('-')[0].lower()}{text[len(text.split('-')[0]) :]}" if match else None
