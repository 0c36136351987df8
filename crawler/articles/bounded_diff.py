"""Differences between two texts, with a limit on the work. Pure.

difflib gives the most readable result, but is cubic if words repeat: a kilobyte of "yes no yes" takes minutes. So its
steps are counted, and a comparison with too many of them returns None.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence

from crawler.text.tokens import words
from storage.article import Article

STEPS = (
    3_000_000  # of difflib's innermost loop: a quarter of a second; a usual article of a thousand words takes 100,000
)
Opcode = tuple[str, int, int, int, int]  # as difflib's


class _Exhausted(Exception):  # noqa: N818 - not an error: it ends a comparison
    pass


class Budget:
    """The steps that are left for a group of comparisons."""

    def __init__(self, steps: int = STEPS) -> None:
        self.left = steps


class _Counted(difflib.SequenceMatcher[str]):
    budget: Budget
    a: Sequence[str]
    b2j: dict[str, list[int]]

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> difflib.Match:
        """Like difflib's, but counts the work before doing it."""
        found = self.b2j
        end = len(self.a) if ahi is None else ahi
        self.budget.left -= end - alo + sum(len(found.get(self.a[i], ())) for i in range(alo, end))
        if self.budget.left < 0:
            raise _Exhausted
        return super().find_longest_match(alo, ahi, blo, bhi)


def diff_opcodes(old: Sequence[str], new: Sequence[str], budget: Budget) -> list[Opcode] | None:
    """Return how `new` differs from `old`, as difflib's opcodes; None if that takes more steps than are left.

    Args:
        old: words, or paragraphs.
        new: likewise.
        budget: the steps that are left; the steps of this comparison are subtracted.
    """
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    matcher = _Counted(None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False)
    matcher.budget = budget
    try:
        middle = matcher.get_opcodes()
    except _Exhausted:
        return None
    found: list[Opcode] = [("equal", 0, head, 0, head)] if head else []
    found += [(op, i1 + head, i2 + head, j1 + head, j2 + head) for op, i1, i2, j1, j2 in middle]
    if tail:
        found.append(("equal", len(old) - tail, len(old), len(new) - tail, len(new)))
    return found


def changed_words(before: Article, after: Article) -> tuple[int, int]:
    """Return (words added, words removed) between two versions of an article, over title, subtitle and text."""
    texts = ({"title": a.title, "subtitle": a.subtitle, "text": a.text} for a in (before, after))
    return count_changed_words(*texts)


def count_changed_words(before: Mapping[str, str | None], after: Mapping[str, str | None]) -> tuple[int, int]:
    """Return (words added, words removed) between two versions, over title, subtitle and text.

    If an ordered comparison is too expensive, the words are counted without their order.
    """
    added = removed = 0
    budget = Budget()
    for name in ("title", "subtitle", "text"):
        old, new = words(before.get(name) or ""), words(after.get(name) or "")
        found = diff_opcodes(old, new, budget)
        if found is None:
            a, b = Counter(old), Counter(new)
            added, removed = added + (b - a).total(), removed + (a - b).total()
            continue
        for op, i1, i2, j1, j2 in found:
            if op != "equal":
                added, removed = added + j2 - j1, removed + i2 - i1
    return added, removed
