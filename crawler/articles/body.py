"""The text of an article: paragraphs separated by a blank line. Publisher rules where there are any, else trafilatura on the one parsed tree. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

from lxml.etree import XPath
from trafilatura import bare_extraction
from trafilatura.settings import DEFAULT_CONFIG

from crawler.articles.page import Page, text_of
from crawler.feeds.repair import clean_text
from crawler.settings import PublisherRules

_BLOCKS = {
    "p",
    "head",
    "list",
    "item",
    "quote",
    "table",
    "row",
    "cell",
    "code",
    "pre",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "blockquote",
    "section",
    "figure",
    "dl",
    "dt",
    "dd",
    "tr",
    "td",
}
# Who is quoted is set beside a pull quote, not in the text; a figure's caption belongs to the image.
_BESIDE = XPath("//blockquote/following-sibling::*[1][self::cite] | //blockquote//cite | //figure//cite")
_SPACES = re.compile(r"[ \t\r\n\f\v\u00a0\u2000-\u200a\u202f\u3000]+")
# Invisible, or turning the order of what follows: not text. Zero-width joiners stay, Persian and emoji need them.
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufff9-\ufffb]")


def tidy(text: str) -> str:
    """One paragraph: what is not text taken out, spaces folded."""
    return _SPACES.sub(" ", _INVISIBLE.sub("", clean_text(text))).strip()


def join(parts: Iterable[str]) -> str:
    """The text of paragraphs, empty ones left out."""
    return "\n\n".join(p for p in map(tidy, parts) if p)


def find_body(page: Page, rules: PublisherRules) -> tuple[str, str]:
    """The text and where it came from: "rules", "trafilatura", or ("", "nothing")."""
    if rules.body:
        text = _by_rules(page, rules)
        if text:
            return text, "rules"
    tree = deepcopy(page.tree)
    drop(tree, rules.remove)
    for node in _BESIDE(tree):
        _drop(node)
    document = bare_extraction(tree, url=page.url, include_comments=False, with_metadata=False, config=DEFAULT_CONFIG)
    if document is None or document.body is None:
        return "", "nothing"
    try:
        text = join(paragraphs(document.body))
    except RecursionError:  # thousands of levels: the paragraphs are there all the same
        text = join(text_of(node) for node in document.body.iter("p", "head", "quote", "item"))
    return text, "trafilatura" if text else "nothing"


def _by_rules(page: Page, rules: PublisherRules) -> str:
    found: list[str] = []
    for block in select(page.tree, rules.body):
        copied = deepcopy(block)
        copied.tail = None
        drop(copied, rules.remove)
        try:
            found += paragraphs(copied)
        except RecursionError:
            found += [text_of(node) for node in copied.iter("p", "h2", "h3", "li", "blockquote")]
    return join(found)


def select(tree: Any, selectors: Iterable[str]) -> list[Any]:
    """The elements of the first selector that finds any, in document order; a selector that cannot be read finds none."""
    for selector in selectors:
        try:
            found = tree.cssselect(selector)
        except Exception:  # noqa: S112 - cssselect's own family of errors; a rule that is wrong must not cost the article
            continue
        if found:
            return list(found)
    return []


def drop(tree: Any, selectors: Iterable[str]) -> None:
    """Take out every element that a selector finds; the text behind it stays."""
    for selector in selectors:
        for node in select(tree, [selector]):
            _drop(node)


def _drop(node: Any) -> None:
    if node.getparent() is not None:
        node.drop_tree()


def paragraphs(node: Any) -> Iterator[str]:
    """The blocks below a node, each as one paragraph; text between blocks is one too."""
    loose: list[str] = [node.text or ""]
    for child in node:
        if not isinstance(child.tag, str):
            loose.append(child.tail or "")
            continue
        if child.tag in {"script", "style", "noscript", "iframe", "template"}:
            loose.append(child.tail or "")
            continue
        if child.tag in _BLOCKS or any(isinstance(d.tag, str) and d.tag in _BLOCKS for d in child.iterdescendants()):
            yield "".join(loose)
            loose = [child.tail or ""]
            if child.tag in {"row", "tr"}:
                yield " | ".join(filter(None, (text_of(cell) for cell in child)))
            else:
                yield from paragraphs(child)
        else:
            loose.append(" " if child.tag in {"br", "lb"} else text_of_inline(child))
            loose.append(child.tail or "")
    yield "".join(loose)


def text_of_inline(node: Any) -> str:
    """The text of an inline element, spaces as they are."""
    parts = [node.text or ""]
    for child in node:
        if isinstance(child.tag, str) and child.tag not in {"script", "style"}:
            parts.append(" " if child.tag in {"br", "lb"} else text_of_inline(child))
        parts.append(child.tail or "")
    return "".join(parts)


_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")


def words(text: str) -> list[str]:
    """Words as they are counted and compared: runs of letters and digits, each character of an unspaced script by itself."""
    if text.isascii():
        return _WORD.findall(text)
    return _WORD.findall(_CJK.sub(r" \g<0> ", text))
