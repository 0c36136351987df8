"""The lead image of an article, its caption and its credit. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from crawler.config.models import PublisherRules
from crawler.extraction.element_roles import ElementRoles
from crawler.extraction.extraction import Provenance
from crawler.extraction.main_text import html_text, select
from crawler.extraction.page import Page, text_of
from crawler.extraction.structured_data import StructuredData, url_value
from crawler.text.clean import one_line

_CAPTION = re.compile(r"(?:^|[\s_-])captions?(?:[_-]{1,2}(?:text|content|body))?(?:$|\s)|[a-z]Caption(?:$|\s)")
_CREDIT = re.compile("credit|copyright|bildrechte|fotograf|photographer|source", re.IGNORECASE)
_SHORTEST = 20  # characters of a caption that is more than a label
_LONGEST = 5_000
# Pictures that stand for a missing one: the outlet's logo on every page that is shared.
_PLACEHOLDER = re.compile(
    r"(?:^|[/_.-])(?:place-?holder|default|no-?(?:image|photo|picture|img)|missing|blank|spacer|logo|fallback|"
    r"(?:social|share|sharing|facebook|twitter|og|opengraph)[_-]?(?:image|logo|default|card|share|img)?(?:[_-]?default)?|"
    r"1x1|pixel|transparent|avatar|favicon|apple-touch-icon)(?:[_-]?\d{1,4}(?:x\d{1,4})?)?"
    r"(?:[_-](?:image|logo|default|social|share|og|large|small|square|new|v\d))*\.(?:png|jpe?g|gif|svg|webp|avif)(?:$|[?#])",
    re.IGNORECASE,
)


def put_image(
    fields: dict[str, Any],
    provenance: Provenance,
    page: Page,
    said: StructuredData,
    rules: PublisherRules,
    marks: ElementRoles,
) -> None:
    """Set the lead image, its caption and its credit, from the article's figure, else from the metadata."""
    figure = next((node for node in marks["figure"] if _leads(node)), None)
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
        ("json-ld", url_value(said.article.get("image"))),
        ("opengraph", said.first("og:image", "og:image:url", "twitter:image", "twitter:image:src")),
    ):
        if raw and (source == "rules" or not _PLACEHOLDER.search(raw)) and (address := page.link(raw)):
            fields["image_url"] = address
            provenance["image_url"] = {"source": source, "raw": raw if raw != address else None}
            break
    caption, credit = first_text(select(page.tree, rules.caption)), first_text(select(page.tree, rules.credit))
    if not rules.caption and figure is not None:
        holder = next(iter(figure.iter("figcaption")), figure)
        credit = credit or first_text(inside(holder, marks["credit"]))
        parts = inside(holder, marks["caption"])
        caption = first_text(parts) if parts else (text_of(holder) if holder.tag == "figcaption" else None)
        if caption and credit and caption != credit and caption.endswith(credit):
            caption = caption.removesuffix(credit).rstrip(" |(/-–—")
        if caption == credit:
            caption = None
    for name, value, source in (
        ("image_caption", caption, "rules" if rules.caption else "figure"),
        ("image_credit", credit, "rules" if rules.credit else "figure"),
    ):
        if value and (text := one_line(value)):
            fields[name] = text[:2000]
            provenance[name] = {"source": source, "raw": None}


def captions(page: Page) -> list[str]:
    """Return the captions of a page's pictures, in order, without repetitions: most of a gallery's text.

    A caption is a figcaption, an element whose class is "…caption", or the value of data-caption.
    """
    found: list[str] = []
    inside: set[Any] = set()
    for node in page.nodes:
        if not isinstance(node.tag, str):
            continue
        marked = node.tag == "figcaption" or bool(_CAPTION.search((node.get("class") or "")[:500]))
        if node.getparent() in inside or marked:
            inside.add(node)
        if marked and node.getparent() not in inside and node.tag not in {"script", "style"}:
            found.append(_without_credit(node))
        if data := node.get("data-caption") or node.get("data-sub-html"):
            found.append(html_text(data[:_LONGEST]))
    return list(dict.fromkeys(text for text in map(one_line, found) if len(text) > _SHORTEST))


def _without_credit(caption: Any) -> str:
    """Return a caption without the photographer's name, which has an element of its own."""
    copied = deepcopy(caption)
    copied.tail = None
    for part in list(copied.iter()):
        named = isinstance(part.tag, str) and (part.tag == "small" or _CREDIT.search((part.get("class") or "")[:500]))
        if named and part is not copied and part.getparent() is not None:
            part.drop_tree()
    return text_of(copied)


def _leads(figure: Any) -> bool:
    """Return whether a figure may be the article's: it contains an image and is not a card that links elsewhere."""
    if next(figure.iter("img"), None) is None:
        return False
    return not any(next(link.iter("h2", "h3"), None) is not None for link in figure.iterancestors("a"))


def inside(holder: Any, nodes: Iterable[Any]) -> list[Any]:
    """Return the nodes that are below a holder."""
    return [node for node in nodes if node is not holder and holder in set(node.iterancestors())]


def first_text(nodes: Iterable[Any]) -> str | None:
    """Return the text, or the content attribute, of the first node that has any."""
    return next((text for node in nodes if (text := text_of(node) or node.get("content"))), None)
