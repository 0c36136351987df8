"""Turn elements that extractors do not know into plain blocks: details, custom elements, tables for the layout. Pure."""

from __future__ import annotations

from typing import Any

_IN_LAYOUT = ("p", "h1", "h2", "div", "article", "section")
_ROWS = 12  # rows of a table that may be for the layout


def flatten_unknown_elements(tree: Any) -> None:
    """Rename these elements to div, in place; their text and order stay."""
    for node in list(tree.iter()):
        tag = node.tag
        if not isinstance(tag, str):
            continue
        if "-" in tag or tag in {"details", "center", "hgroup"}:
            node.tag = "div"
        elif tag == "summary":
            node.tag = "h4"
    for table in list(tree.iter("table")):
        if _is_layout(table):
            for node in [table, *table.iter("tbody", "thead", "tr", "td", "th")]:
                node.tag = "div"


def _is_layout(table: Any) -> bool:
    """Return whether a table arranges a page: few rows, and headings or several paragraphs in a cell."""
    rows = list(table.iter("tr"))
    if not 0 < len(rows) <= _ROWS or next(table.iter("th", "caption"), None) is not None:
        return False
    if next(table.iter("h1"), None) is not None:
        return True
    return any(len([child for child in cell if child.tag in _IN_LAYOUT]) > 1 for cell in table.iter("td"))
