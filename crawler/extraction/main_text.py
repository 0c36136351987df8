"""The text of an article, paragraphs separated by a blank line. Pure.

Publisher rules come first, else trafilatura runs on the parsed tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from lxml import html as lxml_html
from lxml.etree import ParserError, XPath
from trafilatura.settings import DEFAULT_CONFIG, Document, Extractor

from crawler.config.models import PublisherRules
from crawler.extraction.boilerplate import flatten_inline_floods, remove_boilerplate
from crawler.extraction.embedded_text import embedded_bodies
from crawler.extraction.line_breaks import split_at_empty_lines
from crawler.extraction.measures import Measures, body_of, letters_of, measure
from crawler.extraction.page import Page, text_of
from crawler.extraction.plain_elements import flatten_unknown_elements
from crawler.extraction.split_body import densest_element, is_one_article, merge_split_body
from crawler.extraction.structured_data import StructuredData
from crawler.extraction.trafilatura_patches import patched_trafilatura
from crawler.extraction.trimming import names_other_articles
from crawler.text.clean import one_line, unescaped
from crawler.text.tokens import words
from crawler.urls import site

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
# Below its own minimum of 250 characters trafilatura takes all text of the page for one paragraph; briefs are shorter.
_SHORT_TEXTS = deepcopy(DEFAULT_CONFIG)
_SHORT_TEXTS.set("DEFAULT", "MIN_EXTRACTED_SIZE", "1")
_SHORT_TEXTS.set("DEFAULT", "MIN_OUTPUT_SIZE", "1")
_MOST = 0.6  # share of a page's running text that a brief has
_WORDS = 40  # characters of a brief
_GLUED = 100  # characters of a text in one paragraph that may be a page's text run together
_PARTED = 0.6  # share of a reading's 3-grams that are in such a text
_ENOUGH = 250  # characters; trafilatura's own threshold for a text that needs no second try
_AGREE = 0.7  # similarity from which two texts are readings of one text; .6 to .8 make no difference on 477 pages
_MOST_BLOCKS = 2_000  # blocks of a page that are searched in a text
_SKIPPED = 5_000  # characters of a text between two blocks at most
_NEARLY_ALL = 0.9  # so much above _AGREE that the 3-grams agree too
_CORE = 100  # 3-grams: minimum size of the common core of all readings, long enough to be the article
_MIN_BODY = 120  # 3-grams from which an articleBody is not a cut teaser
_TAG = re.compile(r"<[a-zA-Z/!]")
_BREAK = "\u2028"  # Unicode's line separator
_EMPTY_LINE = re.compile(f"{_BREAK}[^\\S{_BREAK}]*{_BREAK}")
# The attribution of a pull quote is not part of the text; a figure's caption belongs to the image.
_BESIDE = XPath("//blockquote/following-sibling::*[1][self::cite] | //blockquote//cite | //figure//cite")


def join(parts: Iterable[str]) -> str:
    """Join paragraphs to a text; empty ones are left out."""
    return "\n\n".join(p for p in map(one_line, parts) if p)


@dataclass(frozen=True, slots=True, kw_only=True)
class MainText:
    """A text, its source ("rules", "trafilatura", "json-ld", "nothing"), and why it was chosen."""

    text: str
    source: str
    reason: str | None = None


def extract_main_text(page: Page, said: StructuredData, rules: PublisherRules) -> MainText:
    """Extract the text of the page, by the publisher's rules, else by trafilatura; modifies the page's tree.

    Boilerplate is removed first. trafilatura's fast mode is as good as its full one, but in rare cases it fails
    completely (docs/decisions/0009). So its text is compared with the densest part of the page; only if they disagree,
    the full mode and the page's own articleBody are compared too.
    """
    if rules.body and (text := _by_rules(page, rules)):
        return MainText(text=text, source="rules")
    tree = page.tree
    bodies = embedded_bodies(tree, said.titles) if shows_little(tree) else []
    drop(tree, rules.remove)
    for node in _BESIDE(tree):
        _drop(node)
    split_at_empty_lines(tree)
    flatten_unknown_elements(tree)
    flooded = flatten_inline_floods(tree)
    remove_boilerplate(tree, site(page.url))
    root = body_of(tree)
    measures = measure(root)
    joined = merge_split_body(root, measures)
    if joined:
        measures = measure(root)
    densest = densest_element(root, measures)
    dense = _flat(densest)
    short = _trafilatura(tree, page.url, fast=True, short=True)
    whole = len(short) >= _ENOUGH or _has_most(short, root, measures)
    fast = short if whole else _trafilatura(tree, page.url, fast=True)
    fast = _with_paragraphs(fast, (short, dense), measures)
    if len(fast) >= _ENOUGH and (_same_paragraphs(fast, dense) or dice(trigrams(fast), trigrams(dense)) >= _AGREE):
        found = MainText(text=fast, source="trafilatura", reason="joined parts" if joined else None)
    else:
        full = _with_paragraphs(_trafilatura(tree, page.url, fast=False), (fast, dense), measures)
        found = choose_candidate(fast, dense, full, article_body(said), whole=is_one_article(densest, measures))
    if bodies and len(found.text) < _ENOUGH:
        hidden = max((html_text(body) for body in bodies[:3]), key=len)
        if len(hidden) > 2 * len(found.text):
            return MainText(text=hidden, source="scripts", reason="the page shows no text without scripts")
    return replace(found, reason="a flood of inline tags was flattened") if flooded else found


def _same_paragraphs(a: str, b: str) -> bool:
    """Return whether nearly all of both texts is in paragraphs that they share: cheaper than their 3-grams."""
    shared = set(a.split("\n\n")) & set(b.split("\n\n"))
    return 2 * sum(map(len, shared)) >= _NEARLY_ALL * (len(a) + len(b))


def _with_paragraphs(text: str, others: Iterable[str], measures: Measures) -> str:
    """Return a reading with paragraphs where trafilatura made one of a whole page, as it does if it finds no body."""
    if len(text) < _GLUED or "\n\n" in text:
        return text
    words = trigrams(text)
    parted = (other for other in others if "\n\n" in other and overlap(trigrams(other), words) >= _PARTED)
    return next(parted, None) or _along_blocks(text, measures)


def _along_blocks(text: str, measures: Measures) -> str:
    """Return a text with paragraph breaks where the page's blocks begin and end, if next to all of it is in such blocks."""
    whole, at, inside = "".join(text.split()), 0, 0
    breaks: set[int] = set()
    for block in [node for node in measures.order if node in measures.leaves][:_MOST_BLOCKS]:
        line = letters_of(block)
        start = whole.find(line, at, at + len(line) + _SKIPPED) if line else -1
        if start >= 0:
            at = start + len(line)
            inside += len(line)
            breaks |= {start, at}
    if inside < _NEARLY_ALL * len(whole):
        return text
    pieces: list[str] = []
    seen = 0
    for word in text.split(" "):
        pieces.append(("\n\n" if seen in breaks else " ") + word)
        seen += len("".join(word.split()))
    return join("".join(pieces).split("\n\n"))


def shows_little(tree: Any) -> bool:
    """Return whether a page has next to no paragraphs outside of its scripts."""
    shown = 0
    for node in tree.iter("p", "article", "main", "section", "div", "td"):
        shown += len((node.text or "").strip())
        if node.tag == "p":
            shown += sum(len((child.text or "").strip()) + len((child.tail or "").strip()) for child in node)
        if shown > 4 * _ENOUGH:
            return False
    return True


def choose_candidate(fast: str, dense: str, full: str, body: str, *, whole: bool = False) -> MainText:
    """Choose among four texts of one page by what they have in common.

    They are: trafilatura's fast mode; the densest part of the page; trafilatura with its fallbacks, which include other
    articles that a page lists; and the publisher's own articleBody, which is often a cut teaser, so it counts only if
    it is long.
    """
    a, b, c, t = trigrams(fast), trigrams(dense), trigrams(full), trigrams(body)
    if len(t) >= _MIN_BODY and max(dice(t, a), overlap(t, a)) < 0.5:
        agreeing = max((full, dense), key=lambda text: dice(trigrams(text), t))
        if dice(trigrams(agreeing), t) >= _AGREE:
            return MainText(text=agreeing, source="trafilatura", reason="articleBody agrees")
        return MainText(text=body, source="json-ld", reason="no text on the page agrees with articleBody")
    more = len(b) >= 1.4 * len(a) and overlap(a, b) >= _AGREE and not _ends_before_others(fast, full)
    if more and len(c) >= 1.4 * len(a) and dice(b, c) >= _AGREE:
        return MainText(text=full, source="trafilatura", reason="a part of what both other readings have")
    if a and dice(a, c) >= 0.9:
        if more and whole:
            return MainText(text=dense, source="trafilatura", reason="the densest part is one article")
        return MainText(text=fast, source="trafilatura", reason="the full mode agrees")
    if len(a) >= _CORE and overlap(a, b) >= 0.85 and overlap(a, c) >= 0.85:
        return MainText(text=fast, source="trafilatura", reason="the common core of all")
    found = max((full, fast, body, dense), key=bool)
    return MainText(text=found, source="trafilatura" if found else "nothing", reason="the fast mode found less")


def _ends_before_others(part: str, whole: str) -> bool:
    """Return whether the longer text goes on with a heading like "You may also like" where the shorter one ends."""
    _, found, rest = whole.partition(part.rsplit("\n\n", 1)[-1])
    return bool(found) and any(names_other_articles(line) for line in rest.split("\n\n", 3)[:3])


def _has_most(text: str, root: Any, measures: Measures) -> bool:
    """Return whether a short text has most of what a page shows outside of links: it is a brief, not a part."""
    shown = measures.size[root] - measures.linked[root]
    return len(text) >= _WORDS and len(text) >= _MOST * (measures.prose[root] or shown)


@cache
def _options(fast: bool, short: bool) -> Extractor:
    """Return trafilatura's options; made once, as it reads each number of its configuration from text."""
    config = _SHORT_TEXTS if short else DEFAULT_CONFIG
    return Extractor(config=config, output_format="txt", fast=fast, comments=False)  # "python" makes a text too


def _trafilatura(tree: Any, url: str, *, fast: bool, short: bool = False) -> str:
    options = copy(_options(fast, short))
    options.url = url
    document = patched_trafilatura().bare_extraction(tree, options=options)
    return _flat(document.body) if isinstance(document, Document) and document.body is not None else ""


def _flat(node: Any) -> str:
    try:
        return join(paragraphs(node))
    except RecursionError:  # thousands of levels; the paragraphs can still be read
        return join(text_of(inner) for inner in node.iter("p", "head", "quote", "item", "li", "h2", "h3"))


def article_body(said: StructuredData) -> str:
    """Return the articleBody of the page's JSON-LD as paragraphs; "" if there is none."""
    value = said.article.get("articleBody")
    text = "\n".join(map(str, value)) if isinstance(value, list) else value if isinstance(value, str) else ""
    return html_text(unescaped(text)) if text else ""


def html_text(content: str | None) -> str:
    """Return the paragraphs of text that may be HTML, as in feeds and articleBody."""
    if not content:
        return ""
    if not _TAG.search(content):
        return join(re.split(r"\n\s*\n|\n", content))
    try:
        tree = lxml_html.fragment_fromstring(
            content, create_parent="div", parser=lxml_html.HTMLParser(encoding="utf-8", no_network=True)
        )
    except (ParserError, ValueError):
        return ""
    return _flat(tree)


def trigrams(text: str) -> frozenset[tuple[str, ...]]:
    """Return the text's word 3-grams, to compare two readings of one page.

    Words are separated by spaces; text in a script without spaces is split by `words`.
    """
    found: Sequence[str] = text.split()
    if len(text) > 20 * len(found):
        found = words(text)
    return frozenset(zip(found, found[1:], found[2:], strict=False))


def dice(a: frozenset[Any], b: frozenset[Any]) -> float:
    """The Dice coefficient of two sets."""
    return 2 * len(a & b) / (len(a) + len(b)) if a and b else 0.0


def overlap(part: frozenset[Any], whole: frozenset[Any]) -> float:
    """Return the share of one set that is in another."""
    return len(part & whole) / len(part) if part else 0.0


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
    """Return the elements of the first selector with a match, in document order; an invalid selector matches none."""
    for selector in selectors:
        try:
            found = tree.cssselect(selector)
        except Exception:  # noqa: S112 - cssselect raises many kinds; an invalid rule must not cost the article
            continue
        if found:
            return list(found)
    return []


def drop(tree: Any, selectors: Iterable[str]) -> None:
    """Remove every element that a selector matches; its tail text stays."""
    for selector in selectors:
        for node in select(tree, [selector]):
            _drop(node)


def _drop(node: Any) -> None:
    if node.getparent() is not None:
        node.drop_tree()


def paragraphs(node: Any) -> Iterator[str]:
    """Yield the blocks below a node, each as one paragraph; text between blocks or empty lines is a paragraph too."""
    loose: list[str] = [node.text or ""]
    for child in node:
        if not isinstance(child.tag, str):
            loose.append(child.tail or "")
            continue
        if child.tag in {"script", "style", "noscript", "iframe", "template"}:
            loose.append(child.tail or "")
            continue
        if (child.tag in _BLOCKS and not _is_inline_code(child)) or any(
            isinstance(d.tag, str) and d.tag in _BLOCKS for d in child.iterdescendants()
        ):
            yield from _lines(loose)
            loose = [child.tail or ""]
            if child.tag in {"row", "tr"}:
                yield " | ".join(filter(None, (text_of(cell) for cell in child)))
            else:
                yield from paragraphs(child)
        else:
            loose.append(_BREAK if child.tag in {"br", "lb"} else text_of_inline(child))
            loose.append(child.tail or "")
    yield from _lines(loose)


def _is_inline_code(node: Any) -> bool:
    """Return whether an element is code within a sentence and not a block of its own."""
    if node.tag != "code" or len(node) or "\n" in (node.text or "").strip():
        return False
    parent = node.getparent()
    before = node.getprevious()
    said = before.tail if before is not None else parent.text if parent is not None else None
    return bool((said or "").strip() or (node.tail or "").strip())


def _lines(loose: Iterable[str]) -> list[str]:
    """Split text at empty lines: two line breaks in a row, as in `one<br><br>two`, separate paragraphs."""
    return [line.replace(_BREAK, " ") for line in _EMPTY_LINE.split("".join(loose))]


def text_of_inline(node: Any) -> str:
    """Return the text of an inline element with its original spaces and line breaks."""
    parts = [node.text or ""]
    for child in node:
        if isinstance(child.tag, str) and child.tag not in {"script", "style"}:
            parts.append(_BREAK if child.tag in {"br", "lb"} else text_of_inline(child))
        parts.append(child.tail or "")
    return "".join(parts)
