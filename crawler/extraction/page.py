"""A page as it came, decoded and parsed once; every later step reads this tree. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from lxml import html as lxml_html
from lxml.etree import ElementDefaultClassLookup, ErrorTypes, ParserError, iterwalk
from trafilatura.utils import decode_file

from crawler.extraction.page_limits import LEVELS, enforce_limits, limit_lists, limit_tables
from crawler.text.clean import clean_text
from crawler.urls import canonical_url, join

_SPACE = re.compile(r"\s+")
_BREAKS = {"br", "p", "div", "li"}
_HIDDEN = {"script", "style", "noscript", "template", "svg", "button", "select", "textarea", "iframe"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: its address, its text as decoded, its tree, the base for its links, and what was cut of it."""

    url: str
    markup: str
    tree: Any
    base: str
    nodes: tuple[
        Any, ...
    ] = ()  # every element, in document order: lxml makes an element's Python object anew when nobody holds it
    cut: str | None = None

    def again(self) -> Page:
        """The page parsed anew, for whoever looks at it after the text was taken out of its tree."""
        tree, _ = _parse(self.markup)
        return replace(self, tree=tree, nodes=tuple(tree.iter()))

    def link(self, href: str | None) -> str | None:
        """An address on this page, absolute; None for what is not http(s)."""
        if not href:
            return None
        try:
            return canonical_url(href, self.base)
        except ValueError:
            return None


# lxml.html asks a Python function for the class of every element it hands out; they are all the same here (measured: a twentieth of a page).
_CLASSES = ElementDefaultClassLookup(element=lxml_html.HtmlElement, comment=lxml_html.HtmlComment)


def _parse(markup: str) -> tuple[Any, str | None]:
    parser = lxml_html.HTMLParser(encoding="utf-8", huge_tree=True, no_network=True, remove_pis=True)
    parser.set_element_class_lookup(_CLASSES)
    tree = lxml_html.document_fromstring(markup.encode("utf-8", "replace"), parser=parser)
    limit_tables(tree)
    limit_lists(tree)
    deep = any(error.type == ErrorTypes.ERR_RESOURCE_LIMIT for error in parser.error_log)
    return tree, f"cut where it is more than {LEVELS:,} levels deep" if deep else None


def read_page(body: bytes, url: str) -> Page | None:
    """Decode and parse a page; None where there is nothing to parse.

    Bytes go to the decoder, never a str that somebody else decoded: 19 of 19 label and encoding pairs come out right so, 11 by the
    HTTP library's text (RELIABILITY 3.3). huge_tree lifts libxml2's limit of 256 levels, beyond which all text is lost without a word.
    """
    if not body.strip():
        return None
    markup, cut = enforce_limits(clean_text(decode_file(body)))
    try:
        tree, deep = _parse(markup)
    except (ParserError, ValueError):
        return None
    href = next((node.get("href") for node in tree.iter("base") if node.get("href")), None)
    base = join(url, href) or url if href else url
    return Page(url=url, markup=markup, tree=tree, base=base, nodes=tuple(tree.iter()), cut=cut or deep)


def text_of(node: Any) -> str:
    """All text below a node in one line, scripts left out; none of a comment. Walks without recursion: pages nest thousands of levels deep."""
    if not isinstance(node.tag, str):
        return ""
    parts: list[str] = [node.text or ""] if node.tag not in _HIDDEN else []
    walker = iterwalk(node, events=("start", "end", "comment", "pi"))
    for event, element in walker:
        if element is node:
            continue
        if event == "start":
            if element.tag in _HIDDEN:
                walker.skip_subtree()
            else:
                parts.append(" " + (element.text or "") if element.tag in _BREAKS else element.text or "")
        elif element.tail:
            parts.append(element.tail)
    return _SPACE.sub(" ", "".join(parts)).strip()
