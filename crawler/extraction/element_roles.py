"""Find a page's elements by role (byline, author, intro, tags, date, caption, credit) in one walk. Pure.

Roles come from class, itemprop and rel. XPath with `contains(@class, …)` would read every element again for each
role; on real pages that took a tenth of the processing time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

ElementRoles = Mapping[str, list[Any]]
_TAGS = {"h1", "h2", "time", "figure"}
_PROPERTIES = {"datePublished": "published", "author": "person"}
_LONGEST = (
    1000  # characters of a class attribute that are read; a longer one is not a real class and would fill the cache
)
_LEVELS = 4  # elements around a byline in which a card's headline is searched
_OF_ARTICLE = re.compile(r"(?:^|[\s_-])(?:entry|post|article|story|content|byline|meta)(?:$|[\s_-])", re.IGNORECASE)
_MENU = re.compile(r"(?:^|[\s_-])(?:nav(?:bar|igation)?|menu)(?:$|[\s_-])", re.IGNORECASE)
_OUTSIDE = {"aside", "footer", "nav", "form", "header"}
# Comments, cards and boxes: what stands there is other people's or another article's.
# Patterns for lower-case names: without IGNORECASE a search takes a sixth of the time.
_ELSEWHERE = re.compile(
    r"^(?:comments?|kommentare?|commentaires?|comentarios?|commenti|comentários|reacties|replies|respond|disqus\w*|commentlist|related|recommended|recirc\w*|trending|teasers?|carousel)$|"
    r"^(?:comments?|kommentare?|commentaires?|comentarios?)(?:__|--)\w+$|"
    r"^comments?[-_]?(?:list|body|threads?|sections?|items?|meta|authors?|content|form|wrap\w*|area|text|box|container|"
    r"respond|\d+)$|^(?:reader|user)-?comments?$|"
    r"(?:^|[-_])(?:related|recommended|more|trending|popular|latest|similar|next|other)[-_]?"
    r"(?:articles?|stories|story|posts?|news|content|reads?|items?|links?|list)$"
)
_ROLES = {
    "byline": re.compile(
        "by-?line|autoren?-?zeile|author-?line|^(?:autoren|authors?|autor(?:en|es)?|auteurs?|autore|verfasser|writers?)"
        "(?:[-_](?:wrapper|list|names?|info|block))?$|(?:article|post|entry|story)(?:[-_]+(?:meta|header|info))?"
        "[-_]+(?:author|autor|auteur|autore|writer)s?"
    ),
    "author": re.compile(
        "(?:^|[-_])(?<!comment-)(?<!comment_)(?:author|autor|auteur|autore|writer|reporter|contributor|journalist)"
        "s?$|(?:author|autor|auteur|autore|byline|writer|reporter|contributor)s?[-_]+(?:name|link|title|text|item|"
        "list-?item)|(?:^|[-_])authorname|url fn|^fn$|no-link author|^author:|(?:^|[-_])p-author$|"
        r"(?:^|[-_])authors?[-_]*(?:wrap\w*|box\w*|bio\w*|info|content|card|container|section|meta|details?|template)|"
        "(?:^|_)author_author"
    ),
    "intro": re.compile(r"article__intro|article-intro|standfirst|article__lead|article-lead|article__summary"),
    "subtitle": re.compile(r"sub-?(?:title|head|line)|(?:^|[-_])dek(?:$|[-_])|standfirst"),
    "tags": re.compile(r"article__tags|article-tags|post-tags|tags?-list"),
    "caption": re.compile("caption"),
    "credit": re.compile("credit|copyright|bildrechte|fotograf"),
}
_NO_ROLE: tuple[bool, frozenset[str]] = (False, frozenset())
# Every class name that matches one of the patterns above contains one of these.
_MAY_SAY = re.compile(
    "by|aut|verfasser|writer|reporter|contrib|journal|fn|intro|standfirst|lead|summary|sub|dek|tag|caption|credit|"
    "copyright|bildrechte|fotograf|comment|coment|kommentar|reacties|repl|respond|disqus|related|recommend|recirc|trending|"
    "teaser|carousel|more|popular|latest|similar|next|other"
)


@lru_cache(maxsize=8192)
def _role_of(words: str) -> tuple[bool, frozenset[str]]:
    """Return whether class names and an id say comments or other articles, and the roles that they say.

    Cached, as pages repeat names; nine of ten say nothing, which one search finds.
    """
    words = words.lower()
    if not _MAY_SAY.search(words):
        return _NO_ROLE
    said = [found for name in words.split() if (found := _role_of_name(name)) is not _NO_ROLE]
    return (any(other for other, _ in said), frozenset().union(*(roles for _, roles in said))) if said else _NO_ROLE


@lru_cache(maxsize=8192)
def _role_of_name(name: str) -> tuple[bool, frozenset[str]]:
    """Return the same for one name in lower case; pages of all sites share most of those that say anything."""
    if not _MAY_SAY.search(name):
        return _NO_ROLE
    roles = frozenset(role for role, pattern in _ROLES.items() if pattern.search(name))
    other = bool(_ELSEWHERE.search(name))
    return (other, roles) if other or roles else _NO_ROLE


def _is_outside(node: Any) -> bool:
    """Return whether a footer, menu or box is beside the article; an article's own is not (HTML standard, `footer`).

    A site's header has its menu; many show today's date there.
    """
    if node.tag not in {"footer", "header"}:
        return True
    if _OF_ARTICLE.search(node.get("class", "")) or next(node.iterancestors("article"), None) is not None:
        return False
    if node.tag == "footer":
        return True
    has_menu = node.find(".//nav") is not None or _MENU.search(node.get("class", ""))
    return bool(has_menu) and node.find(".//h2") is None and next(node.iterancestors("main"), None) is None


def _joined(names: str | None, own: str | None) -> str:
    """Return an element's class names and id."""
    words = f"{names or ''} {own}" if own else names or ""
    return words if len(words) <= _LONGEST else words[:_LONGEST]


def find_roles(nodes: Iterable[Any]) -> ElementRoles:
    """Group a page's elements, given in document order, by role; asides, footers and menus are skipped.

    So are comments, and boxes and cards of other articles, unless the headline stands in them.

    Keys: those of _ROLES, and "h1", "h2", "time", "figure", "published" (itemprop), "person" (itemprop author), "tag"
    (rel), and "elsewhere", the elements that were skipped.
    """
    found: dict[str, list[Any]] = {
        name: [] for name in (*_ROLES, "h1", "h2", "time", "figure", "published", "person", "tag")
    }
    outside: set[Any] = set()
    for node in nodes:
        tag = node.tag
        if node in outside or not isinstance(tag, str):
            continue
        names, own = node.get("class"), node.get("id")
        other, roles = _role_of(_joined(names, own)) if names or own else _NO_ROLE
        said = node.get("itemprop")
        if ((other or (tag in _OUTSIDE and _is_outside(node))) and node.find(".//h1") is None) or said == "comment":
            outside.update(inner for inner in node.iter() if isinstance(inner.tag, str))
            continue
        if tag in _TAGS:
            found[tag].append(node)
        for role in roles:
            found[role].append(node)
        if said in _PROPERTIES:
            found[_PROPERTIES[said]].append(node)
        if (rel := node.get("rel")) is not None and (linked := _of_rel(rel)) is not None:
            found[linked].append(node)
    known: dict[Any, bool | None] = {}
    for role in ("author", "byline", "person", "published", "time"):
        found[role] = [node for node in found[role] if not _is_in_card(node, known)]
    found["elsewhere"] = list(outside)
    return found


def is_elsewhere(node: Any) -> bool:
    """Return whether an element's class names or id say that it holds comments or other articles."""
    return _role_of(_joined(node.get("class"), node.get("id")))[0]


def _is_in_card(node: Any, known: dict[Any, bool | None]) -> bool:
    """Return whether an element stands in a card of another article: beside a headline that links to it.

    Args:
        node: the element.
        known: what was found for the elements around others, as hundreds may stand in one.
    """
    for _, up in zip(range(_LEVELS), node.iterancestors(), strict=False):
        if up not in known:
            known[up] = _is_card(up)
        if (card := known[up]) is not None:
            return card
    return False


def _is_card(element: Any) -> bool | None:
    """Return whether an element is another article's card; None if what is around it may say so."""
    if element.tag in {"body", "main", "article"} or element.find(".//h1") is not None:
        return False
    links = (next(heading.iter("a"), None) for heading in element.iter("h2", "h3", "h4"))
    return True if any(link is not None and (link.get("href") or "#")[0] != "#" for link in links) else None


def _of_rel(rel: str) -> str | None:
    """Return the role that a link's rel names."""
    kinds = rel.split()
    return "author" if "author" in kinds else "tag" if "tag" in kinds else None


def drop_elsewhere(tree: Any) -> None:
    """Remove comments, and boxes and cards of other articles, from a tree, so that no guess takes their dates."""
    for node in list(tree.iter()):
        if not isinstance(node.tag, str) or node.getparent() is None or node.tag in {"body", "head"}:
            continue
        other = (node.tag in _OUTSIDE and _is_outside(node)) or node.get("itemprop") == "comment" or is_elsewhere(node)
        if other and node.find(".//h1") is None:
            node.drop_tree()
