"""Find a page's elements by role (byline, author, intro, tags, date, caption, credit) in one walk. Pure.

Roles come from class, itemprop and rel. XPath with `contains(@class, …)` would read every element again for each
role; on real pages that took a tenth of the processing time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

ElementRoles = Mapping[str, list[Any]]
_TAGS = {"h1", "h2", "time", "figure"}
_PROPERTIES = {"datePublished": "published", "author": "person"}
_LONGEST = (
    1000  # characters of a class attribute that are read; a longer one is not a real class and would fill the cache
)
_OUTSIDE = {"aside", "footer", "nav"}
_ROLES = {
    "byline": re.compile(
        "by-?line|^(?:autoren|authors?|autor(?:en|es)?|auteurs?|autore|verfasser|writers?)"
        "(?:[-_](?:wrapper|list|names?|info|block))?$|(?:article|post|entry|story)(?:[-_]+(?:meta|header|info))?"
        "[-_]+(?:author|autor|auteur|autore|writer)s?",
        re.IGNORECASE,
    ),
    "author": re.compile(
        "(?:^|[-_])(?<!comment-)(?<!comment_)(?:author|autor|auteur|autore|writer|reporter|contributor|journalist)"
        "s?$|(?:author|autor|auteur|autore|byline|writer|reporter|contributor)s?[-_]+(?:name|link|title|text|item|"
        "list-?item)|(?:^|[-_])authorname|url fn|^fn$|no-link author|^author:",
        re.IGNORECASE,
    ),
    "intro": re.compile(
        r"article__intro|article-intro|standfirst|article__lead|article-lead|article__summary", re.IGNORECASE
    ),
    "subtitle": re.compile(r"sub-?(?:title|head|line)|(?:^|[-_])dek(?:$|[-_])|standfirst", re.IGNORECASE),
    "tags": re.compile(r"article__tags|article-tags|post-tags|tags?-list", re.IGNORECASE),
    "caption": re.compile("caption", re.IGNORECASE),
    "credit": re.compile("credit|copyright|bildrechte|fotograf", re.IGNORECASE),
}
# Every class name that matches one of the patterns above contains one of these.
_MAY_SAY = re.compile(
    "by|aut|verfasser|writer|reporter|contrib|journal|fn|intro|standfirst|lead|summary|sub|dek|tag|caption|credit|"
    "copyright|bildrechte|fotograf",
    re.IGNORECASE,
)


@lru_cache(maxsize=8192)
def _roles(words: str) -> frozenset[str]:
    """Return the roles of one element, from its class names."""
    return frozenset(role for word in words.split() for role in _said(word))


@lru_cache(maxsize=8192)
def _said(word: str) -> tuple[str, ...]:
    """Return the roles of one class name; cached, as pages repeat few names and nine of ten have no role."""
    if not _MAY_SAY.search(word):
        return ()
    return tuple(role for role, pattern in _ROLES.items() if pattern.search(word))


def find_roles(nodes: Iterable[Any]) -> ElementRoles:
    """Group a page's elements, given in document order, by role; asides, footers and menus are skipped.

    Keys: those of _ROLES, and "h1", "h2", "time", "figure", "published" (itemprop), "person" (itemprop author), "tag"
    (rel).
    """
    found: dict[str, list[Any]] = {
        name: [] for name in (*_ROLES, "h1", "h2", "time", "figure", "published", "person", "tag")
    }
    outside: set[Any] = set()
    for node in nodes:
        tag = node.tag
        if not isinstance(tag, str):
            continue
        if (tag in _OUTSIDE and node.find(".//h1") is None) or node.getparent() in outside:
            outside.add(node)
            continue
        if tag in _TAGS:
            found[tag].append(node)
        if words := f"{node.get('class', '')[:_LONGEST]} {node.get('id', '')[:_LONGEST]}".strip():
            for role in _roles(words):
                found[role].append(node)
        for role in _properties(node.get("itemprop"), node.get("rel")):
            found[role].append(node)
    return found


def _properties(prop: str | None, rel: str | None) -> Iterator[str]:
    if prop in _PROPERTIES:
        yield _PROPERTIES[prop]
    if rel:
        kinds = rel.split()
        if "author" in kinds:
            yield "author"
        elif "tag" in kinds:
            yield "tag"
