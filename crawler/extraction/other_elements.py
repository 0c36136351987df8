"""Find elements that are not the page's article whatever their links: unseen ones, copies, appeals, other articles. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from crawler.extraction.measures import HOLDS, Measures, letters_of
from crawler.extraction.trimming import is_appeal

_ARTICLE = 400  # characters of running text of an article that another one may follow
_COPY = 300  # characters of running text that two elements have in common by copying, not by chance
_UNSEEN = re.compile(r"(?:^|;)\s{0,9}(?:display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden)", re.IGNORECASE)
_UNSEEN_CLASS = re.compile(
    r"(?:^|\s)(?:visually-?hidden|sr-only|screen-?reader(?:-?text|-?only)?|u-hidden|d-none|is-hidden)(?:$|\s)"
)
_LONG_STYLE = 500  # characters of a style or class attribute that are read
_GIVING = re.compile("contribut|donat|support|membership|fundrais|appeal|spende|soutien|apoya")


def find_hidden(measures: Measures, classes: Sequence[str | None]) -> set[Any]:
    """Return the elements that are not shown; none if they are much of the text, as where sections open by a click.

    Args:
        measures: of the body.
        classes: the class attribute of each of its elements.
    """
    hidden = {node for node in measures.order if _is_hidden(node)}
    names = {names for names in set(classes) if names and _names_hidden(names)}
    if names:
        hidden |= {node for node, own in zip(measures.order, classes, strict=True) if own in names}
    text = sum(measures.prose[node] for node in hidden)
    return hidden if text < HOLDS * measures.prose[measures.order[0]] else set()


def find_appeals(measures: Measures, classes: Sequence[str | None], ids: Sequence[str | None]) -> set[Any]:
    """Return the boxes that ask for money, by name and words; beside a brief such a box is most of the page's text."""
    found = set()
    for names in (classes, ids):
        asking = {name for name in set(names) if name and _may_ask(name)}
        if asking:
            found |= {node for node, own in zip(measures.order, names, strict=True) if own in asking}
    return {node for node in found if measures.size[node] and is_appeal("".join(node.itertext()))}


@lru_cache(maxsize=8192)
def _may_ask(name: str) -> bool:
    return bool(_GIVING.search(name[:_LONG_STYLE].lower()))


def find_next_articles(body: Any, measures: Measures) -> set[Any]:
    """Return the articles below the page's own, as a page that loads on while one scrolls has them.

    Each is an element of the same kind as the page's own article, with a headline and running text of its own.
    """
    headlines = [node for node in body.iter("h1") if measures.size.get(node)]
    if len(headlines) < 2:
        return set()
    kinds = {
        (up.tag, up.get("class"), up.get("itemtype")): up
        for up in headlines[0].iterancestors()
        if measures.prose.get(up, 0) >= _ARTICLE and (up.get("class") or up.tag == "article")
    }
    found = set()
    for headline in headlines[1:]:
        for up in headline.iterancestors():
            own = kinds.get((up.tag, up.get("class"), up.get("itemtype")))
            if (
                own is not None
                and own is not up
                and 0 < measures.prose[up] <= 4 * measures.prose[own]
                and own not in set(up.iterancestors())
            ):
                found.add(up)
                break
    return found


def find_copies(measures: Measures) -> dict[Any, Any]:
    """Return elements that repeat the text of an earlier one: some pages have the body for wide and narrow screens."""
    first: dict[tuple[int, int], Any] = {}
    found: dict[Any, Any] = {}
    for node, prose in measures.prose.items():
        if prose < _COPY or node in measures.leaves or any(up in found for up in node.iterancestors()):
            continue
        key = (measures.size[node], measures.prose[node])
        other = first.setdefault(key, node)
        if other is not node and other not in set(node.iterancestors()) and letters_of(other) == letters_of(node):
            found[node] = other
    return found


def _is_hidden(node: Any) -> bool:
    """Return whether an element is not shown (HTML standard, `hidden`; inline style)."""
    style = node.get("style")
    if style and _UNSEEN.search(style[:_LONG_STYLE]):
        return True
    hidden = node.get("hidden")
    return hidden is not None and hidden.strip().lower() != "until-found"


@lru_cache(maxsize=8192)
def _names_hidden(names: str) -> bool:
    return bool(_UNSEEN_CLASS.search(names[:_LONG_STYLE]))
