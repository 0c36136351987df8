"""Leave out of a text what repeats on its source's pages: appeals, newsletter boxes, "most read". Pure.

The words of a paragraph say that it repeats; its place says that it is not the article's. What repeats inside the
article's own container, in the article's own kind of element, stays: a standing first paragraph, a dateline, a
disclosure, background that several stories share.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from crawler.extraction.measures import BOX, HEADINGS, REMOVED, body_of, letters_of, measure
from crawler.extraction.trimming import is_appeal
from crawler.text.paragraph_ids import block_id

_PROSE = 40  # characters without spaces from which a line is a sentence and not a label
_KNOWN = 0.5  # share of a page's own prose whose elements must be found
_PARAGRAPH = (("p", ""),)
_MOST = 3_000  # lines of a text that is looked at
_LOOSE = 200  # lines without an element of their own that are searched in others
_LONG = 500  # characters of a class attribute
_LISTS = ("ul", "ol", "dl", "table", "tbody", "tr", "li", "td")
_NUMBERED = re.compile(r"\d|^(?:first|last|odd|even)$|[-_](?:first|last|odd|even)$")
_INLINE = {"a", "b", "em", "i", "strong", "u", "span", "small"}
_END = re.compile(r"[.!?…。！？؟।\"'”’»)]\s*$")
# What a publisher says about an article is part of it, whatever repeats.
_NOTICE = re.compile(
    r"\W{0,3}(?:(?:an?|the|this|in an?)? ?(?:earlier|previous|original|prior) (?:version|edition) of (?:this|the)|"
    r"in einer (?:früheren|vorherigen|ersten) (?:version|fassung)|(?:une|dans une) version (?:précédente|antérieure)|"
    r"una versión (?:anterior|previa)|(?:в|во)? ?(?:предыдущей|прежней|более ранней) версии|corrections?|clarifications?|editor(?:['’]?s|ial)? note|disclosures?|full disclosure|conflicts? of interest|"
    r"updated?\b|this (?:article|story|piece) (?:was|has been) (?:amended|corrected|updated)|"
    r"berichtigung|korrektur|anmerkung der redaktion|hinweis der redaktion|transparenzhinweis|offenlegung|"
    r"rectificati(?:f|on)|précision|note de la rédaction|correcci[óo]n|fe de err[ao]tas|nota (?:del editor|de la redacci[óo]n)|"
    r"corre[çc](?:[ãa]o|zione)|errata|rettifica|nota (?:da reda[çc][ãa]o|della redazione)|correctie|rectificatie|rettelse|"
    r"rättelse|oikaisu|sprostowanie|oprava|düzeltme|исправлени|уточнени|поправк|от редакции|примечание редакции|виправлення|"
    r"διόρθωση|訂正|更正|勘误|정정|تصحيح)",
    re.IGNORECASE,
)


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
    if len(lines) > _MOST or not any(
        _is_prose(line) and not repeats for line, repeats in zip(lines, known, strict=True)
    ):
        return text, ()
    page = _find(body_of(tree), lines, known)
    if page is None:
        return text, ()
    gone = {at for at, repeats in enumerate(known) if repeats and not _NOTICE.match(lines[at]) and page.is_beside(at)}
    gone -= page.labels_of_article(gone)
    left = tuple(line for at, line in enumerate(lines) if at in gone)
    return "\n\n".join(line for at, line in enumerate(lines) if at not in gone), left


def _is_prose(line: str) -> bool:
    return len("".join(line.split())) >= _PROSE


@dataclass(slots=True)
class _Page:
    """Where the lines of a text are on its page."""

    lines: Sequence[str]
    elements: Sequence[Any]  # of each line; None if it is not found
    first: int = 0  # the first line of the page's own prose
    end: int = 0  # the last line that is not known to be beside the article
    holders: set[Any] = field(default_factory=set)  # the elements that hold lines of the page's own
    prose: list[Any] = field(default_factory=list)  # the elements of those lines
    numbers: set[str] = field(default_factory=set)  # the boxes that such lines were moved out of
    shared: set[Any] = field(default_factory=set)  # boxes of several repeated lines
    _kinds: dict[Any, set[tuple[Any, ...]]] = field(default_factory=dict)

    def hold(self, element: Any | None) -> None:
        """Add the elements around one with text of the article."""
        if element is None or element in self.holders:
            return
        self.prose.append(element)
        self.numbers |= {number} if (number := element.get(BOX)) is not None else set()
        while element is not None and element not in self.holders:
            self.holders.add(element)
            element = element.getparent()

    def is_beside(self, at: int) -> bool:
        """Return whether a repeated line is in a box of its own or, below the article, in another kind of element."""
        element = self.elements[at]
        if element is None or element in self.holders:
            return False
        if (number := element.get(BOX)) is not None:
            return number not in self.numbers
        box = self.box(element)
        if box is not element and box in self.shared:
            return True
        kind = _kind(element, box)
        other = kind not in self.kinds(box.getparent())
        if box is not element:
            return other
        return at > self.end and ((other and kind != _PARAGRAPH) or _is_emphasized(element))

    def kinds(self, around: Any | None) -> set[tuple[Any, ...]]:
        """Return the kinds of the elements with text of the article that an element holds."""
        if around not in self._kinds:
            self._kinds[around] = found = set()
            for element in self.prose:
                top = element
                while (up := top.getparent()) is not None and up is not around:
                    top = up
                if up is not None:
                    found.add(_kind(element, top))
        return self._kinds[around]

    def box(self, element: Any) -> Any:
        """Return the largest element around a line that holds no text of the article."""
        while (up := element.getparent()) is not None and up not in self.holders:
            element = up
        return element

    def labels_of_article(self, gone: Collection[int]) -> set[int]:
        """Return the lines that are a heading of the article: a label alone in its box, with nothing removed from there."""
        boxes: dict[Any, list[int]] = {}
        for at in gone:
            boxes.setdefault(self.box(self.elements[at]), []).append(at)
        return {
            at
            for box, inside in boxes.items()
            for at in inside
            if self.first < at < self.end
            and (
                all(self.elements[one].tag in HEADINGS for one in inside)
                or (len(inside) == 1 and not (_END.search(self.lines[at]) and _is_prose(self.lines[at])))
            )
            and not any(node.get(REMOVED) is not None for node in box.iter())
        }


def _find(body: Any, lines: Sequence[str], known: Sequence[bool]) -> _Page | None:
    """Find the lines of a text on its page; None if most of the page's own prose is not in elements of its own."""
    leaves = {letters_of(leaf): leaf for leaf in measure(body).leaves}
    squeezed = ["".join(line.split()) for line in lines]
    page = _Page(lines, [leaves.get(line) for line in squeezed])
    own = [at for at, repeats in enumerate(known) if not repeats and _is_prose(lines[at])]
    found = [at for at in own if page.elements[at] is not None]
    loose = [squeezed[at] for at in own if page.elements[at] is None][:_LOOSE]
    long = [(words, leaf) for words, leaf in leaves.items() if len(words) >= _PROSE][: 4 * _LOOSE] if loose else []
    around = [leaf for line in loose for words, leaf in long if line in words]
    if len(found) + len(around) < _KNOWN * len(own):
        return None
    page.first = own[0]
    for element in (*around, *(page.elements[at] for at in found)):
        page.hold(element)
    homes = {element.getparent() for element in page.prose}
    page.end = max(
        at for at, repeats in enumerate(known) if not repeats and own[-1] <= at and _at_home(page.elements[at], homes)
    )
    for at, repeats in enumerate(known):
        # a standing first paragraph leads into the article
        if not repeats or (at < page.first and _is_prose(lines[at]) and not is_appeal(lines[at])):
            page.hold(page.elements[at])
    boxes = Counter(page.box(element) for element in set(page.elements) - page.holders - {None})
    page.shared = {box for box, inside in boxes.items() if inside > 1}
    return page


def _at_home(element: Any | None, homes: Collection[Any]) -> bool:
    """Return whether a line is in a container of the article's prose, as an item or cell too; so is one that is not found."""
    if element is None:
        return True
    return element.getparent() in homes or any(
        up.getparent() in homes for _, up in zip(range(3), element.iterancestors(*_LISTS), strict=False)
    )


def _kind(element: Any, top: Any) -> tuple[Any, ...]:
    """Return tag and classes of an element and of those around it, up to one of them.

    Classes with a number or a place ("last") are left out: page builders give them to every paragraph.
    """
    found = []
    while True:
        names = [name for name in element.get("class", "")[:_LONG].split() if not _NUMBERED.search(name)]
        found.append((element.tag, " ".join(names)))
        if element is top:
            return tuple(found)
        element = element.getparent()


def _is_emphasized(element: Any) -> bool:
    """Return whether a paragraph is wholly bold, italic or a link."""
    return (
        len(element) == 1
        and element[0].tag in _INLINE
        and not (element.text or "").strip()
        and not (element[0].tail or "").strip()
    )
