"""Author names from JSON-LD, byline markup, meta elements and the text. Pure.

Names are cleaned of "By", addresses, job titles and the outlet's own name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby, takewhile
from typing import Any

from crawler.extraction.element_roles import ElementRoles
from crawler.extraction.names import BY_ALONE, MOST, OUTLET_WORDS, OutletNames, clean_name
from crawler.extraction.page import Page, text_of
from crawler.extraction.structured_data import StructuredData, text_value

_METAS = (
    "article:author",
    "author",
    "parsely-author",
    "dc.creator",
    "byl",
    "sailthru.author",
    "citation_author",
    "articleauthor",
    "cxenseparse:author",
    "og:article:author",
)
# "By Anna Smith" on its own line under the headline, whatever its markup.
_BY_LINE = re.compile(
    "(?:By:?|BY:?|by:?|von|par|Von|Par|Por|Di|Door|Av|Af|Автор:?|Text:|Autor(?:in|en)?:?|Autore:|Auteur:|Posted by|"
    "Written by|Words by|Erstellt von)"
    r"\s+([^\W\d_][\w'’.-]+(?:\s+[^\W\d_][\w'’.-]*){1,4}?)"
    r"(?:\s*[,|•·–-].{0,60}|\s(?:am|on|at|in|le|el|für|for)\s.{0,60})?$"
)
_PERSON_PAGE = re.compile(
    "/(?:authors?|autor(?:es|en|in)?|auteurs?|autore|autori|writers?|people|staff|newsteam|journalists?|"
    "reporters?|columnists?|contributors?|redakteure?|producers?|profile|reviewers?|experts?|bios?)/[^/]|[?&]_?author=",
    re.IGNORECASE,
)
_NAME = re.compile(r"[^\W\d_a-zà-ÿ][\w'’.-]+(?: [^\W\d_][\w'’.-]*){1,4}")
_HALF = re.compile(r"\b(?:(?:first|last|given|family)[-_]?name|surname|(?:vor|nach)name)\b", re.IGNORECASE)
_CAPITAL = re.compile(r" [^\W\d_a-zà-ÿ][\w'’.-]+$")  # a family name at the end
_ONLY_NAMES = re.compile(r"[^\W\d_][\w'’.-]+ [^\W\d_][\w'’-]+(?:[ /][^\W\d_][\w'’.-]+){0,5}")
_SHORT_LINE = 80  # characters of a lead or label above a line of names
_BESIDE = 25  # elements after the headline
_SHORT_NAME = 40  # characters
_TWO_NAMES = re.compile(
    r"[^\W\d_a-z][^\W\dA-Z_][\w'’-]{1,20} (?:[^\W\d_]\.? |van |von |de |la |el |al-)?[^\W\d_a-z][\w'’-]{1,25}"
)
_DATED = re.compile(
    r"\b\d{1,2}[./]\s?\d{1,2}[./]\s?\d{2,4}|\b\d{1,2},? \d{4}\b|\b\d{4}-\d{2}-\d{2}|\b\d{1,2}\.? [^\W\d]{3,12} \d{4}"
)
_JOINS = re.compile(r"[ ,;/&|·•]{0,9}(?:and|und|et|y|e|och|og|en|и)?")  # between two names
_WRITTEN = re.compile(
    r"(?:Written|Words|Story|Text|Article) by:? ([^\W\d_a-zà-ÿ][\w'’.-]{0,30}(?: [^\W\d_][\w'’.-]{0,30}){1,4})"
)
_WRITTEN_BY = re.compile(
    r"(?:written |posted )?by|author|verfasst von|geschrieben von|von|écrit par|par|escrito por|por|scritto da|geschreven door|"
    r"автор|skrevet av|skriven av|napisane przez|yazan",
    re.IGNORECASE,
)
_LABEL = re.compile(r"(?:author|autor(?:in)?(?:/autor)?|auteur|autore|autor/a|автор|yazar|作者)\s*:?", re.IGNORECASE)
# Words of titles and labels, which a line of names has none of.
_LABELS = re.compile(
    r"\b(?:the|a|of|for|to|in|on|and your|your|our|this|how|what|why|best|top|key|quick|more|about|where|understanding|"
    r"set|news|info|image|title|help|desk|reset|request|download|password|example|project|coffee|free|admissions|contact|advertiser|disclosure|travel|tools|media|productivity|article|links?|learning|education|practices|development|analysis|studio|"
    r"der|die|das|und|für|von|im|le|la|les|des|du|pour)\b",
    re.IGNORECASE,
)
_FAR = 3000  # elements of a page that are searched
_BEFORE, _AFTER = 60, 120  # elements before and after the headline in which the article's own byline is searched
_NEAR = 150  # elements after the headline in which a "By Anna Smith" line is searched
_STRUCTURED = {"name", "givenName", "familyName"}


def find_authors(page: Page, said: StructuredData, marks: ElementRoles) -> tuple[tuple[str, ...], str, list[str]]:
    """Return all authors, the source of the names ("" if there are none), and the raw values.

    JSON-LD is the best source for persons, with two exceptions. Some sites list only the first author there; then a
    byline with those authors and more is used. Some sites list only the outlet there; then the byline names the person.
    """
    outlet = OutletNames(page.url, said)
    persons, bodies = _declared(said)
    by_rules = outlet.clean(persons) or _namesake(said, persons)
    byline, line = next(
        ((names, raw) for raw in _bylines(page, marks, near=True) if (names := outlet.clean(raw))), ((), [])
    )
    folded = {name.casefold() for name in byline}
    more = len(by_rules) < len(byline) <= len(by_rules) + 5 and all(name.casefold() in folded for name in by_rules)
    more = more and all(name in by_rules or _is_person(name) for name in byline)
    if by_rules and not more:
        return _in_full(said, by_rules, byline), "json-ld", persons
    if byline:
        return byline, "byline", line
    if names := outlet.clean(line := _line_below(marks)):
        return names, "line under the headline", line
    if names := outlet.clean(bodies):
        return names, "json-ld", bodies
    for values in (
        *([value for value in said.meta.get(key, ()) if "/" not in value] for key in _METAS),
        _labelled(said),
    ):
        if names := outlet.clean(values):
            return names, "meta", values
    far = (*_bylines(page, marks, near=False), _written_by(page))
    found = next(((names, "byline", raw) for raw in far if (names := outlet.clean(raw))), None)
    if found is not None:
        return found
    names = outlet.clean(line := _beside_date(page, marks))
    return (names, "line under the headline", line) if names else ((), "", [])


def _written_by(page: Page) -> list[str]:
    """Return the name of a line "Written by Anna Smith" anywhere on the page, as above a biography at its end."""
    texts = (node.text for node in page.nodes if node.tag not in {"script", "style"} and isinstance(node.tag, str))
    lines = (" ".join(text.split()) for text in texts if text and "by" in text)
    return next(([match[1]] for line in lines if (match := _WRITTEN.fullmatch(line))), [])


def _is_person(name: str) -> bool:
    """Return whether a name has a person's shape: first and family name, no word of labels or outlets."""
    return bool(_NAME.fullmatch(name) and _CAPITAL.search(name) and not _LABELS.search(name))


def _beside_date(page: Page, marks: ElementRoles) -> list[str]:
    """Return the name that stands alone beside a date just below the headline, whatever its markup."""
    for heading in marks["h1"][:1]:
        at = page.nodes.index(heading)
        lines = [
            line
            for node in page.nodes[at + 1 : at + _BESIDE]
            if isinstance(node.tag, str) and node.tag not in {"script", "style", "h2", "h3", "figcaption"}
            for text in (node.text, node.tail)
            if (line := " ".join((text or "").split()).strip(" |·•,-–—"))
        ]
        names = [len(line) <= _SHORT_NAME and bool(_TWO_NAMES.fullmatch(line)) and _is_person(line) for line in lines]
        for i in range(len(lines)):
            end = i + 1
            while names[i] and end < len(lines) and names[end]:
                end += 1
            if names[i] and any(_DATED.search(other) for other in lines[max(0, i - 1) : end + 2]):
                return lines[i:end][:MOST]
    return []


def _in_full(said: StructuredData, names: tuple[str, ...], byline: tuple[str, ...]) -> tuple[str, ...]:
    """Return names, a first name alone completed: JSON-LD says "Nils", the byline or the biography "Nils Holm"."""
    lives = [text_value(node.get("description")) or "" for node in said.nodes if "Person" in str(node.get("@type"))]
    known = [*byline, *(" ".join(life.split()[:2]).rstrip(",.:") for life in lives)]
    return tuple(
        next((full for full in known if name.istitle() and full.startswith(f"{name} ") and _is_person(full)), name)
        for name in names
    )


def guess_authors(url: str, said: StructuredData, text: str, headings: Collection[str]) -> tuple[tuple[str, ...], str]:
    """Return the names in the line above the text if it contains only names and is no heading, and that line.

    A guess: of the short lines further down nearly all are labels and headings.
    """
    short = takewhile(lambda line: len(line) < _SHORT_LINE, text.split("\n\n", 4)[:4])
    likely = (line for at, line in enumerate(short) if at < 2 or "/" in line)  # further down only several names
    line = next((line for line in likely if len(line) < 60 and _ONLY_NAMES.fullmatch(line)), "")
    named = len(text) > 2 * len(line) > 0 and _ONLY_NAMES.fullmatch(line) and (line.istitle() or line.isupper())
    if not named or line in headings or _LABELS.search(line):
        return (), ""
    names = OutletNames(url, said).clean(line.split("/"))
    return (names, line) if names else ((), "")


def _declared(said: StructuredData) -> tuple[list[str], list[str]]:
    """Return (persons, organisations) that the page's JSON-LD lists as authors."""
    persons: list[str] = []
    bodies: list[str] = []
    known = {str(node["@id"]): node for node in said.nodes if node.get("@id") and node.get("name")}
    for key in ("author", "creator"):
        for value in _each(said.article.get(key)):
            named = not isinstance(value, dict) or _STRUCTURED & set(value)
            node = value if named else known.get(str(value.get("@id")), value)
            names = _names(node)
            kind = str(node.get("@type")) if isinstance(node, dict) else ""
            (bodies if "Organization" in kind or "NewsMedia" in kind else persons).extend(names)
        if persons or bodies:
            break
    return persons[:MOST], bodies[:MOST]


def _namesake(said: StructuredData, persons: Iterable[str]) -> tuple[str, ...]:
    """Return a person who has the same name as the site: a blog's author, if JSON-LD says that it is a person."""
    typed = [
        value for key in ("author", "creator") for value in _each(said.article.get(key)) if isinstance(value, dict)
    ]
    sure = {name for value in typed if str(value.get("@type")).lower() == "person" for name in _names(value)}
    return tuple(
        name
        for name in persons
        if name in sure and clean_name(name) and _NAME.fullmatch(name) and not OUTLET_WORDS.search(name)
    )


def _labelled(said: StructuredData) -> list[str]:
    """Return what the page gives as a card's "Written by", as WordPress does: twitter:label1, twitter:data1."""
    pairs = ((said.first(f"twitter:label{at}") or "", said.first(f"twitter:data{at}")) for at in (1, 2))
    return [value for label, value in pairs if value and _WRITTEN_BY.fullmatch(label.strip())]


def _each(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _each(item)
    elif value:
        yield value


def _names(value: Any) -> list[str]:
    if isinstance(value, dict):
        if value.get("name"):
            return [name for item in _each(value["name"]) for name in _names(item)]
        joined = " ".join(str(value[key]) for key in ("givenName", "familyName") if value.get(key))
        return [joined] if joined else []
    text = text_value(value)
    return [text] if text and not text.startswith(("http://", "https://")) else []


def _bylines(page: Page, marks: ElementRoles, *, near: bool) -> Iterator[list[str]]:
    """Yield the texts of each byline: of the author elements inside it, else of the byline element itself.

    Args:
        page: the page.
        marks: its elements by role.
        near: search only around the headline; further on are the cards of other articles.
    """
    others = set(marks["elsewhere"])
    nodes = [node for node in (_around(page, marks) if near else page.nodes[:_FAR]) if node not in others]
    around = set(nodes)
    parts = (_named_part(node) for node in marks["author"] if node in around)
    people = [node for node in parts if node is not None] or [
        inner for node in marks["person"] if node in around for inner in node.iter() if inner.get("itemprop") == "name"
    ]
    if not people:  # fall back to links to a person's page
        links = (node for node in nodes if node.tag == "a" and _PERSON_PAGE.search(node.get("href") or ""))
        people = [a for a in links if near and _NAME.fullmatch(text_of(a))]
    people = people[:MOST]
    lines = [node for node in marks["byline"] if node in around and 2 < len(text_of(node)) <= 160][:MOST]
    for same in _side_by_side(lines, people):
        names = (_pieces(part) for line in same for part in _people_in(line, people))
        yield list(dict.fromkeys(name for name in names if name))
    for first in people:
        home = next((up for level, up in enumerate(first.iterancestors()) if level == 2), first)
        together = (node for node in people if node is first or home in set(node.iterancestors()))
        yield list(dict.fromkeys(text for node in together if (text := _pieces(node))))[:10]


def _side_by_side(lines: Iterable[Any], people: list[Any]) -> Iterator[list[Any]]:
    """Yield the byline elements, neighbours of one class with an author element each together: a box for each author."""
    for _, same in groupby(lines, key=lambda node: (node.getparent(), node.tag, node.get("class"))):
        found = list(same)
        if all(_people_in(line, people) != [line] for line in found):
            yield found
        else:
            yield from ([line] for line in found)


def _people_in(line: Any, people: list[Any]) -> list[Any]:
    """Return the author elements and links to authors inside a byline element, or the byline itself without any."""
    inside = [node for node in people if node is not line and line in set(node.iterancestors())]
    linked = (a for a in line.iter("a") if "/aut" in (a.get("href") or "") or "/people/" in (a.get("href") or ""))
    return inside or list(linked) or [line]


def _named_part(node: Any) -> Any | None:
    """Return an author element, or the part with the name where it holds more, as a biography."""
    if len(text_of(node)) <= 80:
        return node
    inner = (part for part in node.iter("a", "span", "h3", "h4", "p", "strong") if part is not node)
    return next((part for part in inner if _NAME.fullmatch(" ".join(text_of(part).split()))), None)


def _around(page: Page, marks: ElementRoles) -> tuple[Any, ...]:
    """Return the elements around the headline, or the first _FAR elements if there is no headline."""
    if not marks["h1"]:
        return page.nodes[:_FAR]
    at = page.nodes.index(marks["h1"][0])
    return page.nodes[max(0, at - _BEFORE) : at + _AFTER]


def _pieces(node: Any) -> str:
    """Return an author element's text, nested elements separated by " | ": "By | Anna Smith | Travel Editor"."""
    halves = [part for part in node.iter("span") if _HALF.search(part.get("class") or part.get("itemprop") or "")]
    if len(halves) == 2:  # first and family name
        name = " ".join(" ".join(text_of(half).split()) for half in halves)
        if set(text_of(node).split()) <= {*name.split(), "By", "by", ","}:
            return name
    pieces = [piece for text in node.itertext() if (piece := " ".join(text.split()).strip(" ,"))]
    if len(pieces) == 2 and all(" " not in piece for piece in pieces):
        return " ".join(pieces)
    return " | ".join(dict.fromkeys(pieces)) or node.get("content") or ""


def _line_below(marks: ElementRoles) -> list[str]:
    """Return the name from a line "By Anna Smith" shortly after the headline."""
    others = set(marks["elsewhere"])
    for heading in marks["h1"][:1]:
        for count, node in enumerate(heading.xpath("following::*")):
            if count > _NEAR:
                break
            if node in others:
                continue
            text = " ".join((node.text or "").split())
            if (
                len(text) <= 100
                and (match := _BY_LINE.match(text))
                and all(match[1].split()[i][0].isupper() for i in (0, -1))
            ):
                return [match[1]]
            if BY_ALONE.fullmatch(text) and len(node) and (names := _named_first(node)):
                return names
            if node.tail and _LABEL.fullmatch(text) and 3 < len(node.tail.strip()) < 60:
                return [node.tail]
    return []


def _named_first(node: Any) -> list[str]:
    """Return the texts of an element's first children, up to the first words between them that join no names."""
    names = []
    for part in node:
        name = _pieces(part)
        if not name[:1].isalpha() or name[:1].islower():
            break
        names.append(name)
        if not _JOINS.fullmatch(" ".join((part.tail or "").split())):
            break
    return names[:MOST]
