"""Remove boilerplate (menus, share buttons, related links, captions, promotions) before text extraction. Pure.

Structure decides first: how much running text an element contains, and how much of it is links. Class names only
decide about elements with little of the page's running text, so a misleading class name can cost a box, but never
the article.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from lxml.etree import strip_tags

from crawler.extraction.measures import HEADINGS, HOLDS, REMOVED, Measures, body_of, measure
from crawler.extraction.other_elements import find_appeals, find_copies, find_hidden, find_next_articles
from crawler.extraction.text_links import belongs_to_text, unlink

_LONGEST = 1000  # characters of an element's class names and id whose rate is remembered
_LINKS = 0.9  # share of links from which a block is a link and not a sentence
_LINK_LINE = 200  # characters; a longer line made of links is an article with many quotations
_NEVER_TEXT = (
    "script", "style", "noscript", "svg", "button", "template", "select", "textarea", "iframe", "link", "meta", "input",
    "object", "embed", "canvas", "audio", "video", "source",
)  # fmt: skip
_DATA = "application/ld+json"  # that trafilatura reads where a page shows no text
_INLINE = (
    "b",
    "i",
    "em",
    "strong",
    "span",
    "font",
    "u",
    "s",
    "small",
    "big",
    "sub",
    "sup",
    "mark",
    "a",
    "code",
    "tt",
    "ins",
    "del",
    "abbr",
    "cite",
    "q",
    "wbr",
)
_FLOOD = 1000  # inline children of one element
_BESIDE_TAGS = {"figcaption", "aside", "nav", "footer", "dialog", "menu"}
_BESIDE_ROLES = {"navigation", "complementary", "dialog", "banner", "contentinfo", "search"}


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|[_-])(?:{'|'.join(alternatives)})(?:$|[_-])")  # of lower-case names


# Never part of the article, whatever the element contains.
_NAMES = _words(
    r"newsletters?|newsletter-?\w+|recirc\w*|outbrain\w*|taboola\w*|advert\w*|"
    r"ad(?:s|box|slot|unit|wrapper|container)?|sponsor(?:ed|s)?|affiliate\w*",
    r"shar(?:e|ing)(?:s|r|rs|bar|buttons?|links?|tools?)?|sharedaddy|addthis\w*",
    r"social(?:-?(?:bar|share|links?|icons?|buttons?|media|follow|nav|placeholder|sharing))?",
    r"comments|commentlist|comment-?(?:list|section|form|area|box|count|thread|wrapper)|disqus\w*",
    r"breadcrumbs?|pagination|pager|menu|navbar|toolbar|skip-?link",
    r"cookies?|consent|gdpr|subscri(?:be|ption)(?:s|rs?|-?\w+)?|sign-?up|login|donat(?:e|ion)s?",
    r"figcaption|captions?|media-?info|credits?|copyright|bylines?|dateline|timestamp|pub-?date",
    r"bio|author-?(?:bio|box|info|card|details?)|about-?(?:the-?)?author",
    r"tags|tag-?list|keywords|print-?only|visually-?hidden|sr-?only|screen-?reader(?:-?text)?",
    r"modal|popup|lightbox|ratings?|poll|survey|feedback|placeholder",
)
# Boilerplate if the element contains links; otherwise a standfirst, a pull quote or a box ("teaser" is German for
# standfirst).
_NAMES_OF_LINKS = _words(
    r"related\w*|recommend\w*|read-?more\w*|more-?(?:stories|news|articles|links|on|from)|see-?also|also-?read|"
    r"you-?may\w*|promos?|promotions?",
    "sidebars?|widgets?|topics|trending|popular|most-?(?:read|viewed|popular|shared|recent|commented)|"
    r"latest(?:-?\w+)?",
    r"teasers?|carousel|toc|table-?of-?contents|quiz",
)
# Class names for a block's tags or display state; they do not say what the block is.
_STATE = re.compile(
    "^elementor-widget$|^(?:tag|category|has|is|js|format|status|type|post|label|u|no|with|without|and)[-:_]|"
    "[-_](?:hidden|open|closed|enabled|disabled|active|embed)$",
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LEAD = re.compile(
    r"\W*(?:more on (?:this|the)|you (?:may|might) also (?:like|be interested)|auch interessant|das könnte (?:sie|dich)|"
    r"más (?:información|noticias|sobre)|по теме|смотрите также|см\. также|διαβάστε (?:επίσης|ακόμα)|δείτε (?:επίσης|ακόμα)|اقرأ أيضا|"
    r"إقرأ أيضا|あわせて読みたい|こちらもおすすめ|관련\s?기사|read (?:more|also|next)|also read|related|see (?:also|more)|more(?: on| from)?:|don['’]t miss|"
    "watch(?: now| also| more)?:|in (?:pictures|pics|photos):|click here|sign up|subscribe|"
    "lire aussi|à lire|voir aussi|lesen sie|lies auch|mehr (?:zum|dazu|lesen)|mehr:|siehe auch|"
    "leia (?:também|mais)|veja (?:também|mais)|lee también|lea también|leer más|te puede interesar|leggi anche|"
    "approfondisci|"
    "lees (?:ook|meer)|læs (?:også|mere)|les også|läs (?:också|mer|även)|czytaj (?:też|także|również)|"
    r"zobacz (?:też|także)|čtěte|přečtěte|читайте (?:также|ещё|еще)|см\. также|ayrıca oku|関連記事|相关阅读|延伸閱讀)",
    re.IGNORECASE,
)


def remove_boilerplate(tree: Any, own: str = "") -> None:
    """Remove boilerplate elements from the tree, in place.

    Args:
        tree: the page.
        own: its site; a paragraph that is a link to another site is part of the text.
    """
    body = body_of(tree)
    inside = body.iter(*_NEVER_TEXT)
    above = (node for node in tree.iterfind("head/*") if node.tag in _NEVER_TEXT and node.get("type") != _DATA)
    for node in [*inside, *above]:  # trafilatura's patterns would read each of them several times
        if (parent := node.getparent()) is not None:
            node.drop_tree() if node.tail else parent.remove(node)
    measures = measure(body)
    kept = {holder for heading in body.iter("h1") for holder in (heading, *heading.iterancestors())} | {body}
    gone: set[Any] = set()
    dropped = []
    classes = [node.get("class") for node in measures.order]
    ids = [node.get("id") for node in measures.order]
    others = find_hidden(measures, classes) | find_appeals(measures, classes, ids) | find_next_articles(body, measures)
    copies = find_copies(measures)
    kept = {node for node in kept if node not in others and others.isdisjoint(node.iterancestors())}
    lines = []
    limits = _Limits(measures)
    for node, names, own_id in zip(measures.order, classes, ids, strict=True):
        if gone and node.getparent() in gone:
            gone.add(node)
            continue
        leaf = node in measures.leaves
        if leaf and _is_text_link(node, measures, own) and node not in others:
            lines.append(node)
        elif node not in kept and (
            node in others
            or (node in copies and copies[node] not in gone)
            or _is_boilerplate(node, names, own_id, measures, limits)
            or (leaf and _points_elsewhere(node, measures))
        ):
            gone.add(node)
            dropped.append(node)
    for node in dropped:
        if (parent := node.getparent()) is not None:
            parent.set(REMOVED, "")
            node.drop_tree()
    unlink(lines)


class _Limits:
    """How much text an element must have to be no boilerplate, whatever its name."""

    def __init__(self, measures: Measures) -> None:
        body = measures.order[0]
        every = measures.size[body] - measures.linked[body]
        self.prose = max(1.0, HOLDS * measures.prose[body])
        # Chinese paragraphs, for example, are as short as labels: then all text outside of links counts.
        self.text = HOLDS * every if measures.prose[body] < 0.5 * every else float("inf")


def _is_boilerplate(node: Any, names: str | None, own: str | None, measures: Measures, limits: _Limits) -> bool:
    """Return whether tag, role, class names or id mark an element as boilerplate.

    An element with a large part of the page's running text is never boilerplate.
    """
    if measures.prose[node] >= limits.prose:
        return False
    tag = node.tag
    if tag in _BESIDE_TAGS or node.get("role") in _BESIDE_ROLES:
        return True
    if own and tag in HEADINGS:  # a heading's id is made of its words
        own = None
    if not names and not own:
        return False
    every = f"{names or ''} {own}" if own else names or ""
    said = _rate(every) if len(every) <= _LONGEST else _rate.__wrapped__(every)
    if not said:
        return False
    size, linked = measures.size[node], measures.linked[node]
    return size - linked < limits.text and (said == 2 or linked >= 0.2 * size)


@lru_cache(maxsize=16384)
def _rate(names: str) -> int:
    """Return the highest rate of several names."""
    return max((_says(name[:101]) for name in names.split()), default=0)


@lru_cache(maxsize=32768)
def _says(name: str) -> int:
    """Rate one class name or id: 2 never article, 1 boilerplate if the element contains links, 0 no evidence."""
    name = _CAMEL.sub("-", name).lower()
    if len(name) < 2 or len(name) > 100 or _STATE.search(name):
        return 0
    return 2 if _NAMES.search(name) else int(bool(_NAMES_OF_LINKS.search(name)))


def _points_elsewhere(node: Any, measures: Measures) -> bool:
    """Return whether a paragraph, item or heading is only a link, or "Read more:" with a link."""
    if _is_only_link(node, measures):
        return True
    size = measures.size[node]
    if not size:
        return False
    return 0.3 * size < measures.linked[node] and size < 300 and bool(_LEAD.match("".join(node.itertext())[:80]))


def _is_text_link(node: Any, measures: Measures, own: str) -> bool:
    return _is_only_link(node, measures) and belongs_to_text(node, measures, own)


def _is_only_link(node: Any, measures: Measures) -> bool:
    size = measures.size[node]
    return 0 < size < _LINK_LINE and measures.linked[node] >= _LINKS * size


def flatten_inline_floods(tree: Any) -> bool:
    """Remove the inline tags, not their text, from elements with 1,000 or more of them; return whether there were any.

    A paragraph of 14,000 `<b>` takes trafilatura 17 seconds; only the text of such elements is used anyway.
    """
    flooded = [
        node for node in tree.iter() if len(node) >= _FLOOD and sum(child.tag in _INLINE for child in node) >= _FLOOD
    ]
    for node in flooded:
        strip_tags(node, *_INLINE)
    return bool(flooded)
