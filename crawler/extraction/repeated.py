"""Leave out of a text what repeats on its source's pages: appeals, newsletter boxes, "most read". Pure.

The words of a paragraph say that it repeats; its place says that it is not the article's. What repeats inside the
article's own container, in the article's own kind of element, stays: a standing first paragraph, a dateline, a
disclosure, background that several stories share.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from crawler.extraction.measures import BOX, HEADINGS, REMOVED, body_of, measure
from crawler.extraction.trimming import is_appeal

_PROSE = 40  # characters without spaces from which a line is a sentence and not a label
_LETTERS = re.compile(r"(?:[^\W\d_]\W{0,9}){3}")  # that a line has if it is counted
_KNOWN = 0.5  # share of a page's own prose whose elements must be found
_PARAGRAPH = (("p", None),)
_INLINE = {"a", "b", "em", "i", "strong", "u", "span", "small"}
_END = re.compile(r"[.!?…。！？؟।\"'”’»)]\s*$")
# What a publisher says about an article is part of it, whatever repeats.
_NOTICE = re.compile(
    r"\W{0,3}(?:corrections?|clarifications?|editor(?:['’]?s|ial)? note|disclosures?|full disclosure|conflicts? of interest|"
    r"updated?\b|this (?:article|story|piece) (?:was|has been) (?:amended|corrected|updated)|"
    r"berichtigung|korrektur|anmerkung der redaktion|hinweis der redaktion|transparenzhinweis|offenlegung|"
    r"rectificati(?:f|on)|précision|note de la rédaction|correcci[óo]n|fe de err[ao]tas|nota (?:del editor|de la redacci[óo]n)|"
    r"corre[çc](?:[ãa]o|zione)|errata|rettifica|nota (?:da reda[çc][ãa]o|della redazione)|correctie|rectificatie|rettelse|"
    r"rättelse|oikaisu|sprostowanie|oprava|düzeltme|исправлени|уточнени|поправк|от редакции|примечание редакции|виправлення|"
    r"διόρθωση|訂正|更正|勘误|정정|تصحيح)",
    re.IGNORECASE,
)


def block_ids(text: str) -> tuple[int, ...]:
    """Return the id of each paragraph of a text, in order, without those of less than three letters.

    An id is 63 bits of a hash of the words as they are; other numbers or dates give another id.
    """
    return tuple(block_id(line) for line in text.split("\n\n") if _LETTERS.search(line))


def block_id(line: str) -> int:
    """Return the id of one paragraph."""
    digest = hashlib.blake2b(" ".join(line.split()).encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1  # fits SQLite's and PostgreSQL's integers


def leave_out(tree: Any, text: str, blocks: Iterable[int], repeated: frozenset[int]) -> tuple[str, tuple[str, ...]]:
    """Return a text without the repeated paragraphs that are not the article's, and those paragraphs.

    Args:
        tree: the page, as it is after boilerplate was removed.
        text: the page's text.
        blocks: the ids of its paragraphs.
        repeated: the ids of the paragraphs that repeat on pages of its source.
    """
    if not repeated or repeated.isdisjoint(blocks):
        return text, ()
    lines = text.split("\n\n")
    known = [block_id(line) in repeated for line in lines]
    own = [at for at, line in enumerate(lines) if not known[at] and _is_prose(line)]
    if not own:
        return text, ()
    page = _Page.of(body_of(tree), lines, known, own)
    if page is None:
        return text, ()
    gone = {at for at, line in enumerate(lines) if known[at] and not _NOTICE.match(line) and page.is_beside(at)}
    gone -= page.lone_labels(gone)
    left = tuple(line for at, line in enumerate(lines) if at in gone)
    return "\n\n".join(line for at, line in enumerate(lines) if at not in gone), left


def _is_prose(line: str) -> bool:
    return len("".join(line.split())) >= _PROSE


def _is_sentence(line: str) -> bool:
    return _is_prose(line) and bool(_END.search(line))


@dataclass(slots=True)
class _Page:
    """Where the lines of a text are on its page."""

    lines: Sequence[str]
    elements: Sequence[Any]  # of each line; None if it is not found
    holders: set[Any]  # the elements that hold prose of this page's own
    prose: list[Any]  # the elements of that prose
    first: int  # lines of its own prose
    last: int
    shared: set[Any] = field(default_factory=set)  # boxes of several repeated lines

    @classmethod
    def of(cls, body: Any, lines: Sequence[str], known: Sequence[bool], own: Sequence[int]) -> _Page | None:
        """Find the lines; None if most of the page's own prose is not in elements of its own."""
        leaves = {"".join("".join(leaf.itertext()).split()): leaf for leaf in measure(body).leaves}
        squeezed = ["".join(line.split()) for line in lines]
        elements = [leaves.get(line) for line in squeezed]
        found = sum(elements[at] is not None for at in own)
        loose = [squeezed[at] for at in own if elements[at] is None]
        around = [leaf for line in loose for words, leaf in leaves.items() if line in words]
        if found + len(around) < _KNOWN * len(own):
            return None
        page = cls(lines, elements, set(), [], own[0], own[-1])
        for element in (*around, *(elements[at] for at, repeats in enumerate(known) if not repeats)):
            page.hold(element)
        for at in range(page.first):  # a standing first paragraph leads into the article
            if known[at] and _is_sentence(lines[at]) and not is_appeal(lines[at]):
                page.hold(elements[at])
        boxes = Counter(page.box(element) for element in set(elements) - page.holders - {None})
        page.shared = {box for box, lines_inside in boxes.items() if lines_inside > 1}
        return page

    def hold(self, element: Any | None) -> None:
        """Add the elements around one with prose."""
        if element is not None and element not in self.holders:
            self.prose.append(element)
            self.holders |= {element, *element.iterancestors()}

    def is_beside(self, at: int) -> bool:
        """Return whether a repeated line is in a box of its own or, below the article, in another kind of element."""
        element = self.elements[at]
        if element is None or element in self.holders:
            return False
        if (number := element.get(BOX)) is not None:
            return all(holder.get(BOX) != number for holder in self.holders)
        box = self.box(element)
        if box is not element and box in self.shared:
            return True
        other = _kind(element, box) not in self.kinds(box.getparent())
        if box is not element:
            return other
        return at > self.last and ((other and _kind(element, box) != _PARAGRAPH) or _is_emphasized(element))

    def kinds(self, around: Any | None) -> set[tuple[Any, ...]]:
        """Return the kinds of the elements with this page's own prose that an element holds."""
        found = set()
        for element in self.prose:
            top = element
            while (up := top.getparent()) is not None and up is not around:
                top = up
            if up is not None:
                found.add(_kind(element, top))
        return found

    def box(self, element: Any) -> Any:
        """Return the largest element around a line that holds no prose of this page's own."""
        while (up := element.getparent()) is not None and up not in self.holders:
            element = up
        return element

    def lone_labels(self, gone: Collection[int]) -> set[int]:
        """Return the lines among the article's that are a heading of it: a label alone in its box, with nothing removed."""
        boxes: dict[Any, list[int]] = {}
        for at in gone:
            boxes.setdefault(self.box(self.elements[at]), []).append(at)
        return {
            at
            for box, inside in boxes.items()
            for at in inside
            if len(inside) == 1
            and self.first < at < self.last
            and (self.elements[at].tag in HEADINGS or not _is_sentence(self.lines[at]))
            and not any(node.get(REMOVED) is not None for node in box.iter())
        }


def _kind(element: Any, top: Any) -> tuple[Any, ...]:
    """Return tag and class of an element and of those around it, up to one of them."""
    found = [(element.tag, element.get("class"))]
    while element is not top:
        element = element.getparent()
        found.append((element.tag, element.get("class")))
    return tuple(found)


def _is_emphasized(element: Any) -> bool:
    """Return whether a paragraph is wholly bold, italic or a link."""
    return (
        len(element) == 1
        and element[0].tag in _INLINE
        and not (element.text or "").strip()
        and not (element[0].tail or "").strip()
    )
