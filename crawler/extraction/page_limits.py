"""Limit pathological markup before extraction, so that it takes a second, not minutes or a gigabyte. Pure.

Cuts are reported in provenance. Whatever exceeds these limits ends at the worker's time and memory limits.
"""

from __future__ import annotations

import re
from typing import Any

from crawler.text.markup import NonTextStripper, strip_attribute_floods

MAX_PAGE = (
    3 * 1024**2
)  # characters that are parsed; the largest of 487 real pages has 2.1 MB, and 4 MB of text take 400 MB to process
MAX_DATA = 1024**2  # characters of one block of structured data; 5 million took 700 MB
MAX_TAGS = 60_000  # the most of 487 real pages is 19,437; extraction of 100,000 links takes 4 seconds
MAX_SPAN = 1_000  # columns or rows of a table cell, as in the HTML standard (colspan: at most 1,000)
MAX_LISTS = 50  # nesting depth of lists: trafilatura recurses into each
MAX_TABLES = 8  # nesting depth of tables: trafilatura walks all cells of each
LEVELS = 2_000  # nesting depth of elements; libxml2 gives up at 2,048

_ASIDES = NonTextStripper("script", "style")
_BREAKS = re.compile(r"(?:<br\s{0,9}/?>\s*){3,}", re.IGNORECASE)


def enforce_limits(markup: str) -> tuple[str, str | None]:
    """Limit the size of markup and its numbers of tags and attributes; return it and what was cut, if anything.

    Args:
        markup: a decoded page.
    """
    cut = None
    if len(markup) > MAX_PAGE:  # comments, styles and scripts go first
        markup = _without_asides(markup)
        if len(markup) > MAX_PAGE:
            markup, cut = markup[:MAX_PAGE], f"cut at {MAX_PAGE // 1024**2} MB"
    markup = strip_attribute_floods(markup)
    if markup.count("<") <= MAX_TAGS:
        return markup, cut
    markup = _BREAKS.sub("<br><br>", _without_asides(markup))
    if markup.count("<") <= MAX_TAGS:
        return markup, cut
    pieces = markup.split("<", MAX_TAGS)
    if len(pieces) <= MAX_TAGS:
        return markup, cut
    return "<".join(pieces[:-1]), f"cut at {MAX_TAGS:,} tags"


def _without_asides(markup: str) -> str:
    """Return markup without comments, styles and scripts, except structured data up to MAX_DATA."""
    return _ASIDES.strip(markup, _instead)


def _instead(name: str, whole: str) -> str:
    data = name == "script" and "ld+json" in whole[:200].lower()
    return whole if data and len(whole) <= MAX_DATA else ""


def limit_tables(tree: Any) -> None:
    """Remove cell spans above the limit, and flatten tables that are nested too deeply."""
    for cell in tree.iter("td", "th"):
        for name in ("colspan", "rowspan"):
            span = cell.get(name)
            if span and (len(span) > 4 or not span.isdecimal() or int(span) > MAX_SPAN):
                del cell.attrib[name]
    _flatten(tree, ("table",), MAX_TABLES)


def limit_lists(tree: Any) -> None:
    """Flatten lists that are nested too deeply."""
    _flatten(tree, ("ul", "ol", "dl"), MAX_LISTS, parts=("li", "dt", "dd"))


def _flatten(tree: Any, names: tuple[str, ...], most: int, parts: tuple[str, ...] = ()) -> None:
    """Turn elements nested more than `most` levels in their kind, and their parts, into plain blocks."""
    found = list(tree.iter(*names))
    if len(found) <= most:
        return
    depth: dict[Any, int] = {}
    for element in found:
        outer = next(element.iterancestors(*names), None)
        depth[element] = 1 + depth.get(outer, 0)
    for element, levels in depth.items():
        if levels > most:
            element.tag = "div"
            for part in element.iterchildren(*parts) if parts else ():
                part.tag = "div"
