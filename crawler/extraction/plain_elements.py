"""Turn elements that extractors do not know into plain blocks: details, custom elements, tables for the layout. Pure."""

from __future__ import annotations

import re
from typing import Any

from crawler.extraction.measures import HEADINGS
from crawler.extraction.page import text_of

_IN_LAYOUT = ("p", "h1", "h2", "div", "article", "section")
# What opens the rest of a text; as a heading it would end the text.
_OPENS = re.compile(
    r"\W{0,3}(?:(?:read|show|see|view|load)?\s?(?:the )?(?:more|full (?:story|article|text)|all)|expand|continue(?: reading)?|"
    r"(?:mehr|alles)(?: lesen| anzeigen| erfahren)?|weiterlesen|aufklappen|ausklappen|(?:lire|voir|afficher)(?: la suite| plus)|plus|"
    r"(?:leer|ver|mostrar)?\s?más|(?:ler|ver|mostrar)?\s?mais|(?:leggi|mostra)(?: di più| tutto| altro)|lees (?:meer|verder)|meer|"
    r"l[äæ]s mere?|vis mere?|visa mer|les mer|czytaj (?:więcej|dalej)|więcej|подробнее|(?:читать )?(?:далее|дальше|полностью)|ещё|"
    r"показать(?: полностью| ещё)?|devamını oku|もっと見る|続きを読む|展开|显示更多|閱讀更多|더\s?보기)\W{0,3}",
    re.IGNORECASE,
)
_ROWS = 12  # rows of a table that may be for the layout


def flatten_unknown_elements(tree: Any) -> None:
    """Rename these elements to div, in place; their text and order stay, but for a summary that only says "more"."""
    tags = {node.tag for node in tree.iter() if isinstance(node.tag, str)}
    unknown = {tag for tag in tags if "-" in tag} | (tags & {"details", "center", "hgroup"})
    for node in list(tree.iter()) if unknown else ():
        if node.tag in unknown:
            node.tag = "div"
    for summary in list(tree.iter("summary")):
        if _OPENS.fullmatch(text_of(summary)) and summary.getparent() is not None:
            summary.drop_tree()
        else:
            summary.tag = "h4"
    for anchor in [link for heading in tree.iter(*HEADINGS) for link in heading.iter("a") if link.get("href") is None]:
        anchor.drop_tag()  # the target of a link, not one itself
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
