"""A page's structured data: JSON-LD (including invalid kinds), OpenGraph, meta elements. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crawler.extraction.page import Page, text_of
from crawler.text.clean import unescaped
from crawler.text.tokens import words

MAX_JSON = 1_000_000  # characters of one block; 5 MB of JSON-LD cost 700 MB (measured)
_ARTICLE = re.compile(
    "(?:article|blogposting|newsarticle|liveblogposting|reportage|backgroundnews|opinionnews|analysisnews|"
    "reviewnews|report|imagegallery|mediagallery)$",
    re.IGNORECASE,
)
_MEDIA = re.compile(r"(?:videoobject|podcastepisode|audioobject|recipe|review|webpage)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class StructuredData:
    """One page's structured data.

    `article` is the JSON-LD node that describes the page best, `meta` its meta elements by lower-case name.
    """

    article: Mapping[str, Any] = field(default_factory=dict)
    nodes: tuple[Mapping[str, Any], ...] = ()
    meta: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    titles: tuple[str, ...] = ()  # og:title, the title element and the first h1 elements, as they are

    def first(self, *names: str) -> str | None:
        """Return the first non-empty meta element of these names."""
        return next((value for name in names for value in self.meta.get(name, ()) if value), None)

    def types(self) -> set[str]:
        """Return the article's schema.org types in lower case."""
        return {name.lower() for name in _types(self.article)}


def read_structured_data(page: Page) -> StructuredData:
    """Collect the structured data of a page."""
    nodes = tuple(node for block in _blocks(page) for node in _flatten(block))
    meta = _meta(page)
    titles = (
        *meta.get("og:title", ()),
        page.tree.findtext(".//title") or "",
        *(text_of(node) for node in list(page.tree.iter("h1"))[:3]),
    )
    return StructuredData(article=_choose(nodes, page.url, titles), nodes=nodes, meta=meta, titles=titles)


def _meta(page: Page) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for node in page.tree.iter("meta"):
        name = (node.get("property") or node.get("name") or node.get("itemprop") or "").strip().lower()
        content = " ".join((node.get("content") or "").split())
        if name and content:
            found.setdefault(name, []).append(unescaped(content) if "&" in content else content)
    return {name: tuple(dict.fromkeys(values)) for name, values in found.items()}


def _blocks(page: Page) -> Iterator[Any]:
    for script in page.tree.iter("script"):
        kind = (script.get("type") or "").lower()
        if "ld+json" in kind and script.text and len(script.text) <= MAX_JSON:
            block = read_json(script.text)
            if block is not None:
                yield block


def read_json(text: str) -> Any:
    """Parse JSON as sites really send it; None if it cannot be parsed.

    Accepts comments or CDATA around it, trailing commas, raw newlines and HTML entities.
    """
    text = _unwrapped(text)
    for attempt in (lambda t: t, _mended, lambda t: _mended(unescaped(t))):
        try:
            return json.loads(attempt(text), strict=False)
        except (ValueError, RecursionError):
            continue
    try:  # two documents in one block: the first one counts
        return json.JSONDecoder(strict=False).raw_decode(text.lstrip())[0]
    except (ValueError, RecursionError):
        return None


def _unwrapped(text: str) -> str:
    """Remove a comment or CDATA section around the text and a semicolon after it.

    No regular expression is used, as some texts contain spaces by the hundred thousand.
    """
    text = text.strip()
    for opening in ("<!--", "//<![CDATA[", "// <![CDATA[", "<![CDATA["):
        text = text.removeprefix(opening).lstrip()
    if text.startswith("/*") and "*/" in text:
        text = text.split("*/", 1)[1].lstrip()
    for closing in ("-->", "]]>", "//", ";"):
        text = text.removesuffix(closing).rstrip()
    return text


def _mended(text: str) -> str:
    text = re.sub(r",(\s{0,200}[}\]])", r"\1", text)
    text = re.sub(r"([\[{,:])\s{0,200},", r"\1", text)
    return re.sub(r"\\(?![\"\\/bfnrtu])", r"\\\\", text)


def _flatten(block: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Yield every node that has a type, at any level."""
    if depth > 8:
        return
    if isinstance(block, list):
        for item in block:
            yield from _flatten(item, depth + 1)
    elif isinstance(block, dict):
        if "@type" in block:
            yield block
        for key in ("@graph", "mainEntity", "mainEntityOfPage", "itemListElement", "hasPart", "isPartOf"):
            if isinstance(block.get(key), dict | list) and not (
                key == "itemListElement" and "BreadcrumbList" in _types(block)
            ):
                yield from _flatten(block[key], depth + 1)


def _types(node: Mapping[str, Any]) -> list[str]:
    found = node.get("@type")
    return [str(name).rsplit("/", 1)[-1] for name in (found if isinstance(found, list) else [found]) if name]


def _choose(nodes: Iterable[Mapping[str, Any]], url: str, titles: Iterable[str]) -> Mapping[str, Any]:
    """Return the node that describes this page: an article with a headline, with the page's address or its title.

    Some pages describe the articles that they recommend too; of two articles the one that the page's own titles name
    counts, and one with the address of another page and another title does not.
    """
    said = [words for title in titles if (words := title_words(title))]

    def rank(node: Mapping[str, Any]) -> tuple[float, ...]:
        types = _types(node)
        article = any(_ARTICLE.search(name) for name in types)
        media = any(_MEDIA.search(name) for name in types)
        count = sum(1 for key in ("headline", "datePublished", "author", "articleBody", "description") if node.get(key))
        place = _place(node, url)
        named = _named(node, said)
        kind = 2 if article else int(media and bool(node.get("headline") or node.get("datePublished")))
        if place < 0 and said and named < _NAMED:
            kind = 0
        return kind, max(place, 0), round(named, 1), count

    best = max(nodes, key=rank, default=None)
    return best if best is not None and rank(best)[0] > 0 else {}


_NAMED = 0.3  # share of a headline's words in one of the page's titles from which it may be this page's


def _place(node: Mapping[str, Any], url: str) -> int:
    """Return 1 if a node gives the page's address, -1 if it gives another page's, 0 if it gives none."""
    address = text_value(node.get("url")) or text_value(node.get("mainEntityOfPage")) or text_value(node.get("@id"))
    if not address or not address.startswith(("http://", "https://")):
        return 0
    plain = [place.split("?", maxsplit=1)[0].split("#", maxsplit=1)[0].rstrip("/") for place in (address, url)]
    return 1 if plain[0] == plain[1] else -1


def _named(node: Mapping[str, Any], said: Iterable[set[str]]) -> float:
    """Return the share of a node's headline that is in one of the page's titles, the best of them."""
    headline = title_words(text_value(node.get("headline")) or text_value(node.get("name")) or "")
    return max((len(headline & words) / len(headline) for words in said if headline), default=0.0)


def title_words(title: str) -> set[str]:
    """Return the words of a title, in lower case, to compare it with others."""
    return set(words(title.casefold()[:1000].replace("-", " ")))


def text_value(value: Any) -> str | None:
    """Return a JSON-LD value as one line of text: a string, a node's name, @value, url or @id, a list's first."""
    if isinstance(value, list):
        return next((text for item in value if (text := text_value(item))), None)
    if isinstance(value, dict):
        return next(
            (text for key in ("name", "@value", "headline", "url", "@id") if (text := text_value(value.get(key)))), None
        )
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value)
    if "&" in text:
        text = unescaped(text)
    return " ".join(re.sub(r"</?[a-zA-Z][^<>]*>", "", text).split()) or None


def breadcrumbs(nodes: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names of the page's breadcrumb, home first."""
    for node in nodes:
        items = node.get("itemListElement")
        if "BreadcrumbList" in _types(node) and isinstance(items, list):
            placed = [item for item in items if isinstance(item, dict)]
            placed.sort(
                key=lambda item: (
                    int(item["position"]) if re.fullmatch("[0-9]{1,6}", str(item.get("position", ""))) else 0
                )
            )
            found = [
                text_value(item.get("name"))
                or text_value((item.get("item") or {}).get("name") if isinstance(item.get("item"), dict) else None)
                for item in placed
            ]
            return [name for name in found if name]
    return []


def url_value(value: Any) -> str | None:
    """Return the address in an image value."""
    if isinstance(value, list):
        return next((text for item in value if (text := url_value(item))), None)
    if isinstance(value, dict):
        return next((text for key in ("url", "contentUrl", "@id") if (text := url_value(value.get(key)))), None)
    return value if isinstance(value, str) and value else None
