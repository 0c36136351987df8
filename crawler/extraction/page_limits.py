"""Markup that no newsroom writes, made bearable before anybody works on it: what would take minutes or a gigabyte costs a second. Pure.

What is cut is told, in provenance: a page is never shortened without a word. What gets past this ends at the worker's limits of time and memory.
"""

from __future__ import annotations

import re
from typing import Any

from crawler.text.markup import NonTextStripper, strip_attribute_floods

MAX_PAGE = (
    3 * 1024**2
)  # characters that are parsed; the largest of 487 real pages has 2.1 MB, and 4 MB of text take 400 MB to work on
MAX_DATA = 1024**2  # characters of one block of structured data; 5 million took 700 MB
MAX_TAGS = 60_000  # the most of 487 real pages is 19,437; extraction takes 100,000 links 4 seconds
MAX_SPAN = 1_000  # columns or rows of a table's cell, as HTML itself says (colspan: at most 1,000)
MAX_LISTS = 50  # lists within one another: trafilatura calls itself for each
MAX_TABLES = 8  # tables within one another: trafilatura walks all cells of each
LEVELS = 2_000  # of elements within elements; libxml2 gives up at 2,048

_ASIDES = NonTextStripper("script", "style")
_BREAKS = re.compile(r"(?:<br\s{0,9}/?>\s*){3,}", re.IGNORECASE)


def enforce_limits(markup: str) -> tuple[str, str | None]:
    """Markup of bearable size, with bearable numbers of tags and attributes, and what was cut of it, None where nothing was.

    Args:
        markup: a decoded page.
    """
    cut = None
    if len(markup) > MAX_PAGE:  # what nobody reads goes first
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
    """Without comments, styles and scripts, structured data of a bearable size staying."""
    return _ASIDES.strip(markup, _instead)


def _instead(name: str, whole: str) -> str:
    data = name == "script" and "ld+json" in whole[:200].lower()
    return whole if data and len(whole) <= MAX_DATA else ""


def limit_tables(tree: Any) -> None:
    """Give cells a span that a table can have, and take tables apart that stand in many others."""
    for cell in tree.iter("td", "th"):
        for name in ("colspan", "rowspan"):
            span = cell.get(name)
            if span and (len(span) > 4 or not span.isdecimal() or int(span) > MAX_SPAN):
                del cell.attrib[name]
    _flatten(tree, ("table",), MAX_TABLES)


def limit_lists(tree: Any) -> None:
    """Take lists apart that stand in many others."""
    _flatten(tree, ("ul", "ol", "dl"), MAX_LISTS, parts=("li", "dt", "dd"))


def _flatten(tree: Any, names: tuple[str, ...], most: int, parts: tuple[str, ...] = ()) -> None:
    """Make plain blocks of elements that stand in more than so many of their kind, and of their parts."""
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
