"""Author names from JSON-LD, byline markup, meta elements and the text. Pure.

Names are cleaned of "By", addresses, job titles and the outlet's own name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from crawler.extraction.agencies import agency_of
from crawler.extraction.element_roles import ElementRoles
from crawler.extraction.page import Page, text_of
from crawler.extraction.structured_data import StructuredData, text_value
from crawler.text.clean import one_line

MOST = 20  # names per article; more is a masthead
_BY = re.compile(
    r"^(?:by|von|par|por|di|da|door|av|af|от|van|przez|yazan|haber|text|texte|texto|testo|tekst|foto)(?:\s*+:)?"
    r"\s++(?=\S)|^(?:written|reported|posted|published)\s++by(?:\s*+:)?\s++|"
    r"^(?:автор|текст|autor|author|autore|auteur|autorin|verfasser|escrito por|publicado por|written by)\s*:\s*|"
    r"^作者\s*[:：]\s*|^文\s*[:：/]\s*",
    re.IGNORECASE,
)
_AND = re.compile(
    r"\s{0,9}(?:;|\||\n|\s[&+]\s|\s(?:and|und|et|y|e|i|og|och|en|ja|ve|и|та|és|a)\s(?=\w+\s\w|\w+$)|"
    r",(?!\s*(?:Jr|Sr|PhD|M\.?D|II|III)\b)|、)\s{0,9}"
)
_NOT_NAMES = re.compile(
    r"https?:|^@|www\.|^(?:admin|editor|editorial|staff|redaktion|redazione|redacción|redacção|redactie|redakce|"
    "redakcja|newsroom|unserer redaktion|news|nachrichten|unknown|none|null|anonymous|author|general|"
    "no author|guest|"
    "twitter|facebook|instagram|linkedin|email|e-mail|mail|follow|weiter|mehr|more|updated|published|share|"
    "website|view|reporter|correspondent|journalist|contributor|photographer|autor|autorin|autor/in|edit)$|"
    r"\S@\S|^\(|(?:image|photo|foto|getty)\s*:|^(?:zeige alle|view all|see all|all posts|weitere artikel|more from|"
    r"alle artikel|read more|posts by)|\bcookies?\b|^posted\b|^updated\b|\d{1,2}[:.]\d{2}|\d{4}",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"\s{1,9}@\w{1,60}$|\s{1,9}(?:기자|특파원|記者|特派員)$|\s{0,9}\((?:text|words|foto|photos?|pictures)[^()]{0,300}\)$",
    re.IGNORECASE,
)
_SMALL = re.compile(r"[a-zà-ÿ]{1,12}$")  # "and", "mit", "unserer": not a name when the value has several parts
_SLUG = re.compile(r"[a-z]+(?:-[a-z]+)+$")
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
_JOB = re.compile(
    r"\b(?:reporter|writer|editor|correspondent|journalist|columnist|producer|redakteur(?:in)?|"
    "korrespondent(?:in)?|reporter(?:in)?|ressort|team lead|contributor|staff|desk)$",
    re.IGNORECASE,
)
# "By Anna Smith" on its own line under the headline, whatever its markup.
_BY_LINE = re.compile(
    "(?:By|BY|by|von|par|Von|Par|Por|Di|Door|Av|Af|Автор:?|Text:|Autor(?:in)?:|Autore:|Auteur:)"
    r"\s+([^\W\d_][\w'’.-]+(?:\s+[^\W\d_][\w'’.-]*){1,4})(?:\s*[,|•·–-].{0,60})?$"
)
_PERSON_PAGE = re.compile(
    "/(?:authors?|autor(?:es|en|in)?|auteurs?|autore|autori|writers?|people|staff|newsteam|journalists?|"
    "reporters?|columnists?|contributors?|redakteure?)/[^/]",
    re.IGNORECASE,
)
_NAME = re.compile(r"[^\W\d_a-zà-ÿ][\w'’.-]+(?: [^\W\d_][\w'’.-]*){1,4}")
_ONLY_NAMES = re.compile(r"[^\W\d_][\w'’.-]+ [^\W\d_][\w'’-]+(?:[ /][^\W\d_][\w'’.-]+){0,5}")
_LABEL = re.compile(r"(?:author|autor(?:in)?(?:/autor)?|auteur|autore|autor/a|автор|yazar|作者)\s*:?", re.IGNORECASE)
_FAR = 3000  # elements of a page that are searched
_BEFORE, _AFTER = 60, 120  # elements before and after the headline in which the article's own byline is searched
_NEAR = 80  # elements after the headline in which a "By Anna Smith" line is searched
_STRUCTURED = {"name", "givenName", "familyName"}


def find_authors(page: Page, said: StructuredData, marks: ElementRoles) -> tuple[tuple[str, ...], str, list[str]]:
    """Return all authors, the source of the names ("" if there are none), and the raw values.

    JSON-LD is the best source for persons, with two exceptions. Some sites list only the first author there; then a
    byline with those authors and more is used. Some sites list only the outlet there; then the byline names the person.
    """
    outlet = OutletNames(page.url, said)
    persons, bodies = _declared(said)
    by_rules = outlet.clean(persons)
    byline, line = next(
        ((names, raw) for raw in _bylines(page, marks, near=True) if (names := outlet.clean(raw))), ((), [])
    )
    folded = {name.casefold() for name in byline}
    more = len(by_rules) < len(byline) <= len(by_rules) + 5 and all(name.casefold() in folded for name in by_rules)
    if by_rules and not more:
        return by_rules, "json-ld", persons
    if byline:
        return byline, "byline", line
    if names := outlet.clean(line := _line_below(marks)):
        return names, "line under the headline", line
    if names := outlet.clean(bodies):
        return names, "json-ld", bodies
    for key in _METAS:
        values = [value for value in said.meta.get(key, ()) if not value.startswith("http")]
        if names := outlet.clean(values):
            return names, "meta", values
    return next(
        ((names, "byline", raw) for raw in _bylines(page, marks, near=False) if (names := outlet.clean(raw))),
        ((), "", []),
    )


def guess_authors(url: str, said: StructuredData, text: str) -> tuple[tuple[str, ...], str]:
    """Return the names in one of the first paragraphs if it contains only names, and that paragraph."""
    outlet = OutletNames(url, said)
    for line in text.split("\n\n")[:4]:
        named = len(line) < 60 and _ONLY_NAMES.fullmatch(line) and (line.istitle() or line.isupper())
        if named and (names := outlet.clean(line.split("/"))):
            return names, line
    return (), ""


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
    around = _around(page, marks) if near else set(page.nodes[:_FAR])
    around_links = (
        [
            node
            for node in page.nodes
            if node.tag == "a" and node in around and _PERSON_PAGE.search(node.get("href") or "")
        ]
        if near
        else []
    )
    people = [node for node in marks["author"] if node in around and len(text_of(node)) <= 80] or [
        inner for node in marks["person"] if node in around for inner in node.iter() if inner.get("itemprop") == "name"
    ]
    if not people:  # fall back to links to a person's page
        people = [a for a in around_links if _NAME.fullmatch(" ".join(text_of(a).split()))]
    people = people[:MOST]
    for line in [node for node in marks["byline"] if node in around and 2 < len(text_of(node)) <= 160][:MOST]:
        inside = [node for node in people if node is not line and line in set(node.iterancestors())]
        linked = [a for a in line.iter("a") if "/aut" in (a.get("href") or "") or "/people/" in (a.get("href") or "")]
        yield list(dict.fromkeys(text for node in inside or linked or [line] if (text := _pieces(node))))
    for first in people:
        home = next((up for level, up in enumerate(first.iterancestors()) if level == 2), first)
        together = (node for node in people if node is first or home in set(node.iterancestors()))
        yield list(dict.fromkeys(text for node in together if (text := _pieces(node))))[:10]


def _around(page: Page, marks: ElementRoles) -> set[Any]:
    """Return the elements around the headline, or the first _FAR elements if there is no headline."""
    if not marks["h1"]:
        return set(page.nodes[:_FAR])
    at = page.nodes.index(marks["h1"][0])
    return set(page.nodes[max(0, at - _BEFORE) : at + _AFTER])


def _pieces(node: Any) -> str:
    """Return an author element's text, nested elements separated by " | ": "By | Anna Smith | Travel Editor"."""
    pieces = [piece for text in node.itertext() if (piece := " ".join(text.split()).strip(" ,"))]
    if len(pieces) == 2 and all(" " not in piece for piece in pieces):  # first and family name
        return " ".join(pieces)
    return " | ".join(dict.fromkeys(pieces)) or node.get("content") or ""


def _line_below(marks: ElementRoles) -> list[str]:
    """Return the name from a line "By Anna Smith" shortly after the headline."""
    for heading in marks["h1"][:1]:
        for count, node in enumerate(heading.xpath("following::*")):
            if count > _NEAR:
                break
            text = " ".join((node.text or "").split())
            if (
                len(text) <= 100
                and (match := _BY_LINE.match(text))
                and all(match[1].split()[i][0].isupper() for i in (0, -1))
            ):
                return [match[1]]
            if node.tail and _LABEL.fullmatch(text) and 3 < len(node.tail.strip()) < 60:
                return [node.tail]
    return []


class OutletNames:
    """The names of an outlet, which are never authors."""

    def __init__(self, url: str, said: StructuredData) -> None:
        host = (urlsplit(url).hostname or "").removeprefix("www.")
        names = {
            host,
            host.rsplit(".", 1)[0],
            host.split(".")[-2] if "." in host else host,
            said.first("og:site_name"),
            text_value(said.article.get("publisher")),
        }
        names |= {text_value(node.get("name")) for node in said.nodes if "WebSite" in str(node.get("@type"))}
        self.names = {folded for name in names if name and len(folded := _fold(name)) > 1}
        self.host = host
        self.label = host.split(".")[-2] if "." in host else host

    def clean(self, raw: Iterable[str]) -> tuple[str, ...]:
        """Return the names in these texts without repetitions; a slug of a name already found does not count again."""
        found: dict[str, str] = {}
        for item in raw:
            parts = split_names(item)
            if len(parts) > 1 and "|" not in item and any(self.is_it(part) for part in parts[:1]):
                continue  # "hessenschau.de, Frankfurt, Germany" is an imprint
            for part in parts:
                name = clean_name(part)
                if (
                    len(parts) > 1
                    and name
                    and (_JOB.search(name) or any(char.isdigit() for char in name) or _SMALL.match(name))
                ):
                    continue
                if name and not self.is_it(name) and not any(name in other.split() for other in found.values()):
                    if _SLUG.match(name):
                        name = name.replace("-", " ").title()
                    found.setdefault(_fold(name), name)
        people = [name for name in found.values() if not agency_of(name)]
        return tuple(people or found.values())[
            :MOST
        ]  # "Anna Smith, Associated Press": the agency is a field of its own

    def is_it(self, name: str) -> bool:
        """Return whether a name is the outlet's."""
        return (
            _fold(name) in self.names
            or (len(self.host) > 4 and self.host in name.casefold())
            or self.label in name.casefold().split()
        )


def _fold(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def split_names(raw: str) -> list[str]:
    """Split an author value into names; empty if the value is a paragraph."""
    if len(raw) > 400:
        return []
    return [part for part in _AND.split(_BY.sub("", " ".join(raw.split()))) if part]


def clean_name(raw: str) -> str | None:
    """Return a name without "By", job title and address; None if it is not a name."""
    text = _TITLE.sub("", _BY.sub("", one_line(raw)).strip(" ,;|·•-–—:/")).strip(" ,;|·•-–—:/")
    if (
        not text
        or len(text) > 80
        or _NOT_NAMES.search(text)
        or not re.search(r"[^\W\d_]", text)
        or len(text.split()) > 7
    ):
        return None
    return text
