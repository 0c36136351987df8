"""A page, decoded and parsed once; every later step reads this tree. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from lxml import html as lxml_html
from lxml.etree import ElementDefaultClassLookup, ErrorTypes, ParserError, iterwalk
from trafilatura.utils import decode_file

from crawler.extraction.page_limits import LEVELS, enforce_limits, limit_lists, limit_tables
from crawler.feeds.decode import mostly_utf8, strict
from crawler.text.clean import clean_text
from crawler.text.unclosed_tags import close_unclosed
from crawler.urls import canonical_url, join

_GZIP = b"\x1f\x8b"
_ESCAPES = re.compile(rb"\x1b(?:\$[@B]|\([JI]|\$\([DCA])")  # ISO-2022-JP's changes of character set
# C1 controls as UTF-8: no text, but what UTF-8 that a server read as ISO 8859-1 and encoded again leaves.
_C1 = re.compile(rb"\xc2[\x80-\x9f]")
_DOUBLE = re.compile("(?:[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})+")
_SPACE = re.compile(r"\s+")
_BREAKS = {"br", "p", "div", "li"}
_HIDDEN = {"script", "style", "noscript", "template", "svg", "button", "select", "textarea", "iframe"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: address, decoded markup, tree, base address of its links, and what was cut."""

    url: str
    markup: str
    tree: Any
    base: str
    nodes: tuple[
        Any, ...
    ] = ()  # every element, in document order; the references keep lxml from creating the Python objects again
    cut: str | None = None

    def again(self) -> Page:
        """Parse the page again, for a step that needs it after text extraction modified its tree."""
        tree, _ = _parse(self.markup)
        return replace(self, tree=tree, nodes=tuple(tree.iter()))

    def link(self, href: str | None) -> str | None:
        """Return an address on this page as an absolute one; None if it is not http(s)."""
        if not href:
            return None
        try:
            return canonical_url(href, self.base)
        except ValueError:
            return None


# lxml.html calls a Python function for the class of every element; here all elements have the same class, which saves
# a twentieth of a page's processing time (measured).
_CLASSES = ElementDefaultClassLookup(element=lxml_html.HtmlElement, comment=lxml_html.HtmlComment)


def _parse(markup: str) -> tuple[Any, str | None]:
    parser = lxml_html.HTMLParser(
        encoding="utf-8", huge_tree=True, no_network=True, remove_comments=True, remove_pis=True
    )
    parser.set_element_class_lookup(_CLASSES)
    tree = lxml_html.document_fromstring(markup.encode("utf-8", "replace"), parser=parser)
    limit_tables(tree)
    limit_lists(tree)
    deep = any(error.type == ErrorTypes.ERR_RESOURCE_LIMIT for error in parser.error_log)
    return tree, f"cut where it is more than {LEVELS:,} levels deep" if deep else None


def read_page(body: bytes, url: str, charset: str | None = None) -> Page | None:
    """Decode and parse a page; None if there is nothing to parse.

    huge_tree lifts libxml2's limit of 256 levels, beyond which text is lost silently.

    Args:
        body: the page's bytes.
        url: its final address.
        charset: the one that the HTTP header names.
    """
    if not body.strip():
        return None
    text, packed = _decoded(body, charset)
    markup, cut = enforce_limits(clean_text(text, packed))
    markup = close_unclosed(markup)
    try:
        tree, deep = _parse(markup)
    except (ParserError, ValueError):
        return None
    href = next((node.get("href") for node in tree.iter("base") if node.get("href")), None)
    base = join(url, href) or url if href else url
    return Page(url=url, markup=markup, tree=tree, base=base, nodes=tuple(tree.iter()), cut=cut or deep)


def decode_page(body: bytes, charset: str | None = None) -> str:
    """Decode a page; see _decoded."""
    return _decoded(body, charset)[0]


def _decoded(body: bytes, charset: str | None) -> tuple[str, bytes | None]:
    """Return a page's text, and its bytes if they are valid UTF-8.

    Labels are often wrong, so the bytes come first: valid UTF-8 is UTF-8, also where some characters are cut. Then
    the header's charset counts if all bytes fit it, then trafilatura's detection, which gets bytes, never text: that
    way 19 of 19 pairs of label and encoding are decoded correctly, with the text of the HTTP library 11.
    """
    text = None
    if b"\x1b" in body and _ESCAPES.search(body):  # its bytes are ASCII, so valid UTF-8
        text = strict(body, "iso2022_jp_2")
    if text is None and (text := strict(body, "utf-8")) is not None:
        return (_DOUBLE.sub(_once_encoded, text) if _C1.search(body) else text), body
    if text is None and body[:2] != _GZIP:
        text = mostly_utf8(body, [charset] if charset else [])
    if text is None and charset:
        text = strict(body, charset)
    text = decode_file(body) if text is None else text
    return (_DOUBLE.sub(_once_encoded, text) if _C1.search(text.encode("utf-8", "replace")) else text), None


def _once_encoded(match: re.Match[str]) -> str:
    try:
        return match[0].encode("latin-1").decode("utf-8")
    except UnicodeError:
        return match[0]


def text_of(node: Any) -> str:
    """Return all text below a node in one line, without scripts and comments.

    Walks without recursion, because pages may nest thousands of levels deep.
    """
    if not isinstance(node.tag, str):
        return ""
    if not len(node):
        return " ".join((node.text or "").split()) if node.tag not in _HIDDEN else ""
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
