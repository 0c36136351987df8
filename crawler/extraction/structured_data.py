"""A page's structured data: JSON-LD (including invalid kinds), OpenGraph, meta elements. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crawler.extraction.page import Page
from crawler.text.clean import unescaped

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

    def first(self, *names: str) -> str | None:
        """Return the first non-empty meta element of these names."""
        return next((value for name in names for value in self.meta.get(name, ()) if value), None)

    def types(self) -> set[str]:
        """Return the article's schema.org types in lower case."""
        return {name.lower() for name in _types(self.article)}


def read_structured_data(page: Page) -> StructuredData:
    """Collect the structured data of a page."""
    nodes = tuple(node for block in _blocks(page) for node in _flatten(block))
    return StructuredData(article=_choose(nodes, page.url), nodes=nodes, meta=_meta(page))


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


def _choose(nodes: Iterable[Mapping[str, Any]], url: str) -> Mapping[str, Any]:
    """Return the node that describes this page: an article with a headline, preferably one with the page's address."""

    def rank(node: Mapping[str, Any]) -> tuple[int, ...]:
        types = _types(node)
        article = any(_ARTICLE.search(name) for name in types)
        media = any(_MEDIA.search(name) for name in types)
        address = str(
            text_value(node.get("url")) or text_value(node.get("mainEntityOfPage")) or text_value(node.get("@id")) or ""
        )
        said = sum(1 for key in ("headline", "datePublished", "author", "articleBody", "description") if node.get(key))
        return (
            2 if article else int(media and bool(node.get("headline") or node.get("datePublished"))),
            int(
                bool(address)
                and address.split("?", maxsplit=1)[0].rstrip("/") == url.split("?", maxsplit=1)[0].rstrip("/")
            ),
            said,
        )

    best = max(nodes, key=rank, default=None)
    return best if best is not None and rank(best)[0] > 0 else {}


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
