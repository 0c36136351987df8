"""Links that belong to the text: in a list that a sentence announces, to other sites, of a heading to itself. Pure."""

from __future__ import annotations

from typing import Any

from crawler.extraction.measures import HEADINGS, Measures
from crawler.urls import host_of

_TITLE_WORDS = 4  # words of a link to another site that is part of the text
_SENTENCE = 30  # characters of a sentence that announces a list


def belongs_to_text(node: Any, measures: Measures, own: str) -> bool:
    """Return whether a line that is only a link is part of the text.

    Args:
        node: a heading, paragraph or item.
        measures: of the page.
        own: the page's site.
    """
    if node.tag in HEADINGS:
        return _links_within(node)
    return _is_announced(node, measures) or (node.tag in {"p", "li"} and _leaves_site(node, own))


def unlink(nodes: list[Any]) -> None:
    """Turn these lines' links into text, as trafilatura removes lists of links."""
    for node in nodes:
        for link in list(node.iter("a")):
            link.drop_tag()


def _is_announced(item: Any, measures: Measures) -> bool:
    """Return whether an item's list follows a sentence that ends in a colon: it belongs to the text."""
    home = item.getparent()
    item = home if item.tag == "p" and home is not None and home.tag == "li" and len(home) == 1 else item
    listed = item if item.tag == "li" else None
    while listed is not None and listed.tag not in {"ul", "ol"}:
        listed = listed.getparent()
    before = listed.getprevious() if listed is not None else None
    if before is None or before.tag not in {"p", "div"} or before not in measures.leaves:
        return False
    said = "".join(before.itertext()).strip()
    return len(said) >= _SENTENCE and said.endswith((":", "："))


def _leaves_site(node: Any, own: str) -> bool:
    """Return whether all links of a line lead to other sites, and it has the words of a sentence or title."""
    hosts = [host_of(link.get("href") or "") for link in node.iter("a")]
    return (
        bool(own and hosts)
        and all(host and not f".{host}".endswith(f".{own}") for host in hosts)
        and len("".join(node.itertext()).split()) >= _TITLE_WORDS
    )


def _links_within(heading: Any) -> bool:
    """Return whether a heading only links to itself; such a link leads nowhere else."""
    return all(bool((link.get("href") or "").partition("#")[2]) for link in heading.iter("a"))
