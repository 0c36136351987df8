"""Find that a page is one of several that an article is split over: "Page 1 of 3", or a link to its second page. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from crawler.extraction.element_roles import is_elsewhere
from crawler.extraction.page import Page

_OF = re.compile(
    r"\W{0,3}(?:page|seite|página|pagina|strona|stránka|strana|sida|side|sivu|oldal|sayfa|страница|стр\.?|сторінка|"
    r"ページ|第)\s{0,3}(\d{1,2})\s{0,3}(?:页|頁|ページ)?\s{0,3}(?:of|von|sur|de|di|van|z|ze|av|af|из|з|/|／|-|,\s?共)\s{0,3}"
    r"(\d{1,2})\s{0,3}(?:页|頁|ページ)?\W{0,3}|\W{0,3}(\d{1,2})\s{0,3}/\s{0,3}(\d{1,2})\s{0,3}(?:页|頁|ページ)\W{0,3}",
    re.IGNORECASE,
)
_LONGEST = 40  # characters of such a line
_PAGE = re.compile(
    r"(?:[?&](?:page|p|pg|seite|pagina|pagenum|paged|start_page)=|[/,_-](?:page|seite|p|pagina)?[/,_-]?)0?([2-9]|[1-9]\d)/?$",
    re.IGNORECASE,
)
_PAGER = re.compile(
    r"(?:^|[\s_-])(?:page-?(?:links?|nav\w*|numbers?|list)|pages|pagination|pager|paging|seiten)(?:$|[\s_-])",
    re.IGNORECASE,
)
_FRACTION = re.compile(r"(\d{1,2})\s{0,3}/\s{0,3}(\d{1,2})")
_TWO_NUMBERS = re.compile(r"\d[^\d\0]{1,20}\d")
_NEVER_SHOWN = {"script", "style", "option"}
_MOST = 60  # pages of one article


def find_page_number(page: Page) -> tuple[int, int] | None:
    """Return (this page's number, how many there are); None for a page that is not one of several.

    A link of rel=next counts only if its address is this page's with a page number: on blogs it leads to the next
    article. Where no line says how many there are, the highest number that is linked counts.
    """
    said = _said(page.nodes)
    if said is not None:
        return said
    links = [
        node
        for node in page.tree.iter("a", "link")
        if (href := node.get("href") or "").rstrip("/")[-1:].isdigit() and _PAGE.search(href)
    ]
    if not any(_is_next(node) for node in links):
        return None
    own, here = _split(page.url)
    numbers = {node: number for node in links if (number := _number(page.link(node.get("href")) or "", own))}
    if here + 1 not in {number for node, number in numbers.items() if _is_next(node)}:
        return None
    return here, min(max(numbers.values()), _MOST)


def _is_next(node: Any) -> bool:
    """Return whether a link leads to another page by its rel, or stands among the links to this article's pages."""
    if "next" in (node.get("rel") or "").lower().split():
        return True
    if node.tag != "a":
        return False
    for _ in range(4):
        if node is None:
            return False
        if _is_pager(node):
            return True
        node = node.getparent()
    return False


def _is_pager(node: Any) -> bool:
    return _names_pager((node.get("class") or "")[:500])


@lru_cache(maxsize=1000)
def _names_pager(classes: str) -> bool:
    return _PAGER.search(classes) is not None  # a page has hundreds of links and few class names


def _said(nodes: Sequence[Any]) -> tuple[int, int] | None:
    """Return the numbers of a line that is only "Page 1 of 3"."""
    shown = [node for node in nodes if node.tag not in _NEVER_SHOWN]
    texts = [text for node in shown for text in (node.text, node.tail)]
    joined = "\0".join([text if text and 2 < len(text) <= 3 * _LONGEST else "" for text in texts])
    place = last = 0
    for match in _TWO_NUMBERS.finditer(joined):  # one search for all elements
        start, end = joined.rfind("\0", last, match.start()) + 1, joined.find("\0", match.end())
        if start <= last and last:
            continue  # further numbers of the same text
        place, last = place + joined.count("\0", last, start), start
        line = " ".join(joined[start : end if end >= 0 else None].split())
        found = _OF.fullmatch(line) if len(line) <= _LONGEST else None
        if (found or _FRACTION.fullmatch(line)) and (numbers := _numbers(shown[place // 2], found, line)):
            return numbers
    return None


def _numbers(node: Any, match: re.Match[str] | None, line: str) -> tuple[int, int] | None:
    if match is None and _in_pager(node):
        match = _FRACTION.fullmatch(line)
    if match is None or any(is_elsewhere(up) for up in (node, *node.iterancestors())):  # comments have pages too
        return None
    here, count = (int(number) for number in match.groups() if number)
    return (here, count) if 1 <= here <= count and 2 <= count <= _MOST else None


def _in_pager(node: Any) -> bool:
    return any(_is_pager(up) for up in (node, node.getparent()) if up is not None)


def _split(url: str) -> tuple[str, int]:
    """Return an address without its page number, and the number (1 if it has none)."""
    match = _PAGE.search(url)
    return (url[: match.start()], int(match[1])) if match else (url, 1)


def _number(place: str, own: str) -> int | None:
    """Return the page number of an address that is `own` with a number; None for any other."""
    match = _PAGE.search(place)
    if not match or urlsplit(place).hostname != urlsplit(own).hostname:
        return None
    return int(match[1]) if place[: match.start()].rstrip("/?") == own.rstrip("/?") else None
