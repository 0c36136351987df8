"""Markup that no newsroom writes, made bearable before anybody works on it: what would take minutes or a gigabyte costs a second. Pure.

What is cut is told, in provenance: a page is never shortened without a word. What gets past this ends at the worker's limits of time and memory.
"""

from __future__ import annotations

import re
from typing import Any

MAX_PAGE = (
    3 * 1024**2
)  # bytes that are parsed; the largest of 487 real pages has 2.1 MB, and 4 MB of text take 400 MB to work on
MAX_DATA = 1024**2  # characters of one block of structured data; 5 million took 700 MB
MAX_TAGS = 60_000  # the most of 487 real pages is 19,437; extraction takes 100,000 links 4 seconds
MAX_TAG = 20_000  # characters of one tag, from which its attributes are counted
MAX_ATTRIBUTES = 1_000  # libxml2 compares each with all before it: 100,000 take minutes
MAX_SPAN = 1_000  # columns or rows of a table's cell, as HTML itself says (colspan: at most 1,000)
MAX_TABLES = 8  # tables within one another: trafilatura walks all cells of each
LEVELS = 2_000  # of elements within elements; libxml2 gives up at 2,048

_ASIDE = re.compile(r"<(?:!--|(script|style)\b)", re.IGNORECASE)
_CLOSING = {
    None: re.compile("-->"),
    "script": re.compile(r"</script\s{0,99}>", re.IGNORECASE),
    "style": re.compile(r"</style\s{0,99}>", re.IGNORECASE),
}
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_BREAKS = re.compile(r"(?:<br\s{0,9}/?>\s*){3,}", re.IGNORECASE)
_LONG_TAG = re.compile(rf"<([a-zA-Z][\w:-]{{0,99}})(\s[^<>]{{{MAX_TAG},}})>")


def tame(markup: str) -> tuple[str, str | None]:
    """Markup of bearable size, with bearable numbers of tags and attributes, and what was cut of it, None where nothing was.

    Args:
        markup: a decoded page.
    """
    cut = None
    if len(markup) > MAX_PAGE:  # what nobody reads goes first
        markup = _without_asides(markup)
        if len(markup) > MAX_PAGE:
            markup, cut = markup[:MAX_PAGE], f"cut at {MAX_PAGE // 1024**2} MB"
    if max(map(len, markup.split("<"))) > MAX_TAG:
        markup = _LONG_TAG.sub(_without_attributes, markup)
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
    """Without comments, styles and scripts, structured data of a bearable size staying. One pass: what never closes stays, and is looked for once."""
    kept: list[str] = []
    at = 0
    never: set[str | None] = set()
    while (opening := _ASIDE.search(markup, at)) is not None:
        name = opening[1].lower() if opening[1] else None
        closing = None if name in never else _CLOSING[name].search(markup, opening.end())
        if closing is None:
            never.add(name)
            kept.append(markup[at : opening.end()])
            at = opening.end()
            continue
        kept.append(markup[at : opening.start()])
        data = name == "script" and "ld+json" in markup[opening.end() : opening.end() + 200].lower()
        if data and closing.start() - opening.end() <= MAX_DATA:
            kept.append(markup[opening.start() : closing.end()])
        at = closing.end()
    return "".join([*kept, markup[at:]])


def _without_attributes(tag: re.Match[str]) -> str:
    attributes = tag[2]
    many = len(_QUOTED.sub("", attributes).split()) > MAX_ATTRIBUTES
    return f"<{tag[1]}>" if many else tag[0]


def tame_tables(tree: Any) -> None:
    """Give cells a span that a table can have, and take tables apart that stand in many others."""
    for cell in tree.iter("td", "th"):
        for name in ("colspan", "rowspan"):
            span = cell.get(name)
            if span and (len(span) > 4 or not span.isdecimal() or int(span) > MAX_SPAN):
                del cell.attrib[name]
    tables = list(tree.iter("table"))
    if len(tables) <= MAX_TABLES:
        return
    depth: dict[Any, int] = {}
    for table in tables:
        outer = next(table.iterancestors("table"), None)
        depth[table] = 1 + depth.get(outer, 0)
    for table, levels in depth.items():
        if levels > MAX_TABLES:
            table.tag = "div"
