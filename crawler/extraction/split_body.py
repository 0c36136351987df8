"""The body of an article: the containers that a site splits it over, and the densest element. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from crawler.extraction.measures import BOX, HOLDS, PROSE, Measures

_FEW_LINKS = 0.05  # share of links that an article in one container has at most
_BETWEEN = {"h2", "h3", "h4", "blockquote", "p", "ul", "ol", "table", "pre"}  # elements of a body in parts


def merge_split_body(body: Any, measures: Measures) -> bool:
    """Merge the body of an article that a site splits over several similar containers; return whether it was split.

    Wired and The New Yorker split a long text into containers with advertisements between them. An extractor that
    searches for one container finds only half of it (docs/decisions/0009). Headings between the containers stay in
    their place; the containers of another article, below a headline of its own, stay out.
    """
    direct: defaultdict[Any, int] = defaultdict(int)
    for node in measures.order:
        if measures.prose[node] and node in measures.leaves and node is not body:
            direct[node.getparent()] += measures.prose[node]
    first = max(direct, key=direct.__getitem__, default=None)
    if first is None or first is body or not first.get("class"):
        return False
    within = next(first.iterancestors("article"), None)
    alike = [
        node
        for node in body.iter(first.tag)
        if node.get("class") == first.get("class") and next(node.iterancestors("article"), None) is within
    ]
    parts = _of_one_headline(body, [node for node in alike if direct[node] >= 2 * PROSE], direct)
    if len(parts) < 2 or sum(direct[part] for part in parts) < 1.25 * direct[first]:
        return False
    wanted = set(parts)
    above = {home for part in parts for home in part.iterancestors()}
    if not above.isdisjoint(wanted):
        return False
    start, end = (alike.index(part) for part in (parts[0], parts[-1]))
    between = alike[start : end + 1]
    known = set(between)
    _gather(
        [
            node
            for node in between
            if node in wanted or (measures.size[node] and node not in above and known.isdisjoint(node.iterancestors()))
        ]
    )
    return True


def _of_one_headline(body: Any, parts: list[Any], direct: Mapping[Any, int]) -> list[Any]:
    """Return the parts under one h1: those of the first article of a page that goes on with others."""
    if len(parts) < 2:
        return parts
    groups: list[list[Any]] = [[]]
    wanted = set(parts)
    for node in body.iter(parts[0].tag, "h1"):
        if node.tag == "h1" and groups[-1]:
            groups.append([])
        elif node in wanted:
            groups[-1].append(node)
    sizes = [sum(direct[part] for part in group) for group in groups]
    return next(group for group, size in zip(groups, sizes, strict=True) if size >= HOLDS * max(sizes))


def _gather(parts: list[Any]) -> None:
    """Put the content of several containers into the first one, in page order, with the lines between them."""
    home = parts[0]
    for part, lines in zip(parts[1:], _lines_between(parts), strict=True):
        for line in lines:
            line.tail = None
            home.append(line)
        if part.text and part.text.strip():
            last = home[-1] if len(home) else None
            if last is not None:
                last.tail = (last.tail or "") + part.text
        for child in list(part):
            home.append(child)


def _lines_between(parts: list[Any]) -> list[list[Any]]:
    """Return the headings and blocks between each container and the next, in one walk through the page."""
    last = set(parts[-1].iterancestors())
    common = next(up for up in parts[0].iterancestors() if up in last)
    wanted = set(parts)
    above = {home for part in parts for home in part.iterancestors()}
    inside: set[Any] = set()  # the containers, the lines, and what they hold
    found: list[list[Any]] = []
    boxes: dict[Any, int] = {}
    for node in common.iter():
        if node.getparent() in inside:
            inside.add(node)
        elif node in wanted:
            inside.add(node)
            found.append([])
        elif found and node.tag in _BETWEEN and node not in above:
            inside.add(node)
            found[-1].append(node)
            if (box := node.getparent()) not in above:
                node.set(BOX, str(boxes.setdefault(box, len(boxes))))
        if len(found) == len(parts):
            break
    return found[:-1]


def densest_element(body: Any, measures: Measures) -> Any:
    """Return the smallest element with most of the running text, as a second opinion.

    Descends as long as one child has four fifths of its parent's running text.
    """
    node = body
    while True:
        inner = next(
            (child for child in node if measures.prose.get(child, 0) >= 0.8 * max(1, measures.prose[node])), None
        )
        if inner is None or inner in measures.leaves:
            return node
        node = inner


def is_one_article(node: Any, measures: Measures) -> bool:
    """Return whether an element has nothing of a list of articles, of comments or of a whole page.

    It has few links and no headline, date or article element of its own.
    """
    return (
        node in measures.size
        and measures.linked[node] <= _FEW_LINKS * measures.size[node]
        and next(node.iter("h1", "article", "time"), None) is None
        and node.tag != "body"
    )
