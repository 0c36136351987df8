"""The headline: what JSON-LD, OpenGraph, the h1 and the title element say, compared, without the site's name. Pure.

No witness wins alone: some sites give their own name or a tagline in one of them, or another article's headline.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from crawler.extraction.page import Page, text_of
from crawler.extraction.structured_data import StructuredData, text_value
from crawler.text.clean import one_line
from crawler.text.tokens import normalize, words
from crawler.urls import host_of

_LONGEST = 2000  # characters
_HEADINGS = 4  # h1 elements of a page that are compared
_ALIKE = 0.15  # share of words in common from which two titles are about one article
_SAME = 0.4  # the same, from which a page's only h1 is preferred to what it says for other sites
_WORD = re.compile(r"\w+")
_SMALL = frozenset(
    [
        "the",
        "a",
        "an",
        "of",
        "and",
        "in",
        "on",
        "for",
        "to",
        "der",
        "die",
        "das",
        "und",
        "le",
        "la",
        "les",
        "de",
        "el",
        "los",
        "y",
        "il",
    ]
)
_SEPARATOR = re.compile(
    r"\s{0,9}[|•·»｜ㅣ丨]\s{0,9}|\s{1,9}[-–—:]\s{1,9}|\s{0,9}[-–—:]\s{1,9}|\s{1,9}[-–—]|(?<=[^\x00-\x7f])[_-](?=[^\x00-\x7f])"
)
# "Headline-section|site" in scripts without spaces around a hyphen
_ATTACHED = re.compile(r"(?<=[^\x00-\x7f])[-_](?:[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{1,6})$")
_AFTER_HEAD = re.compile(r"\s{0,9}(?:[|•·»｜ㅣ丨:–—(\[_]|-\s|\s-)")
_BEFORE_TAIL = re.compile(r"(?:[|•·»｜ㅣ丨:–—_]|\s-)\s{0,9}$")
_BEFORE_SECTION = re.compile(r"\s{0,9}[|•·»｜ㅣ丨–—-]\s{0,9}$")
_LETTERS = 5  # letters of a label in a script without spaces
_SECTION = 25  # maximum characters of a section name between headline and site name
_WIDGETS = re.compile(
    r"(?:original text|rate this translation|main )?menu|original text|search|[\w-]{0,40}navigation[\w-]{0,40}|navigation|log ?in|sign (?:in|up)|"
    r"cookies?.{0,30}|loading.{0,5}|share|newsletter|advertisement|home|home ?page",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Witnesses:
    """The titles of a page without its site's name; "" where there is none."""

    data: str  # JSON-LD
    graph: str  # og:title
    headings: Sequence[str]  # h1, in page order
    other: str  # twitter:title and the like
    title: str  # the title element
    site: str  # its name


def find_title(page: Page, said: StructuredData, headings: Iterable[Any]) -> tuple[str, str, str]:
    """Return the headline, its source and the raw value; empty if the page has none.

    Args:
        page: the page.
        said: its structured data.
        headings: its h1 elements.
    """
    name = _site_name(page, said)
    lines = [one_line(text_of(node)) for node in list(headings)[:_HEADINGS]]
    raw = {
        "json-ld": text_value(said.article.get("headline")) or text_value(said.article.get("name")) or "",
        "opengraph": said.first("og:title") or "",
        "h1": next((line for line in lines if line), ""),
        "meta": said.first("twitter:title", "dc.title", "title") or "",
        "title": page.tree.findtext(".//title") or "",
    }
    section = said.first("article:section") or text_value(said.article.get("articleSection")) or ""
    host = host_of(page.url).removeprefix("www.")
    seen = {
        source: _without_end(without_site(without_site(one_line(value)[:_LONGEST], name), host), section)
        for source, value in raw.items()
    }
    witnesses = _Witnesses(
        data=seen["json-ld"],
        graph=seen["opengraph"],
        headings=[line for line in lines if _may_be_headline(line, name)],
        other=seen["meta"],
        title=seen["title"],
        site=name,
    )
    chosen = _choose(witnesses) or seen["h1"]
    source = next((source for source, value in seen.items() if value == chosen), "h1")
    return chosen[:_LONGEST], source, raw[source]


def _choose(seen: _Witnesses) -> str:
    data = "" if _is_site(seen.data, seen) else seen.data
    others = [line for line in (seen.graph, seen.title, *seen.headings[:1]) if line]
    # The title element has the site's name, which may have a word in common with anything.
    named = [line for line in (seen.graph, *seen.headings[:1]) if line] or others
    if data and max((_shared(data, line) for line in named), default=1.0) < _ALIKE and _agree(others):
        data = ""  # a tagline, or another article
    if data:
        # The same but for punctuation, as in "Kicker - headline" and "Kicker: headline": data are written by programs.
        same = _WORD.findall(seen.graph.casefold()) == _WORD.findall(data.casefold())
        chosen = seen.graph if same and ":" in seen.graph else data
    else:
        chosen = _without_data(seen)
    head = next((line for line in seen.headings if _starts(chosen, line)), None)
    if head is None and not data:
        head = next((line for line in seen.headings if _ends(chosen, line)), None)
    if head is not None:
        return head
    if not data and len(seen.headings) == 1 and _shared(seen.headings[0], chosen) >= _SAME:
        line = seen.headings[0]
        return chosen if _starts(line, chosen) or _ends(line, chosen) else line
    return chosen


def _is_site(line: str, seen: _Witnesses) -> bool:
    """Return whether a title is the site's name: the title element is "Headline - North Post", and the h1 its head."""
    if line and normalize(line) == normalize(seen.site):
        return bool(seen.headings or normalize(seen.title) not in {"", normalize(line)})
    return bool(line) and _ends(seen.title, line, least=0) and any(_starts(seen.title, head) for head in seen.headings)


def _agree(titles: Sequence[str]) -> bool:
    """Return whether two of the titles are alike."""
    return any(_shared(one, other) >= _ALIKE for at, one in enumerate(titles) for other in titles[at + 1 :])


def _without_data(seen: _Witnesses) -> str:
    """Return the title where JSON-LD gives none."""
    graph = "" if _is_site(seen.graph, seen) else seen.graph
    head = max(seen.headings, key=lambda line: _shared(line, seen.title), default="")
    if _shared(head, seen.title) >= _ALIKE and (not graph or _shared(graph, seen.title) < _ALIKE):
        return head
    return graph or seen.other or (head if not seen.title else seen.title)


def _without_end(title: str, section: str) -> str:
    """Return a title without the page's section after a separator: "Headline | District"."""
    head = title[: -len(section)] if section and title.casefold().endswith(section.casefold()) else ""
    separator = _BEFORE_SECTION.search(head)
    return head[: separator.start()].rstrip() or title if separator else title


def _may_be_headline(line: str, site_name: str) -> bool:
    """Return whether an h1 may be a headline: not the site's name, a menu or a widget."""
    return _several_words(line) and normalize(line) != normalize(site_name) and not _WIDGETS.fullmatch(line.strip())


def _several_words(line: str) -> bool:
    """Return whether a line is more than a label; in scripts without spaces, four letters are."""
    return len(_WORD.findall(line)) > 1 if line.isascii() else len(line.split()) > 1 or len(line) > _LETTERS


def _site_name(page: Page, said: StructuredData) -> str:
    name = said.first("og:site_name") or text_value(said.article.get("publisher"))
    if name:
        return name
    host = host_of(page.url).removeprefix("www.")
    sites = (text_value(node.get("name")) for node in said.nodes if "WebSite" in str(node.get("@type")))
    return next((site for site in sites if site), host)


def _shared(one: str, other: str) -> float:
    """Return the share of the shorter title's words that are in the other one."""
    a, b = (set(words(title.casefold().replace("-", " "))) for title in (one, other))
    a, b = a - _SMALL or a, b - _SMALL or b
    return len(a & b) / min(len(a), len(b)) if a and b else 0.0


def _starts(whole: str, head: str) -> bool:
    """Return whether a title begins with another of at least two words, and a separator follows."""
    whole, head = whole.casefold(), head.casefold()
    return _several_words(head) and whole.startswith(head) and bool(_AFTER_HEAD.match(whole[len(head) :]))


def _ends(whole: str, tail: str, least: int = 2) -> bool:
    """Return whether a title ends with another of at least two words, after a separator."""
    whole, tail = whole.casefold(), tail.casefold()
    return (
        (least < 2 or _several_words(tail)) and whole.endswith(tail) and bool(_BEFORE_TAIL.search(whole[: -len(tail)]))
    )


def without_site(title: str, site_name: str) -> str:
    """Return a title without the site's name at its end or start.

    Examples: "Headline - The Moscow Times" and "Headline | Opinion - The Moscow Times".
    """
    name = site_name.casefold().strip()
    if not name:
        return title
    found = title
    for opening, closing in ("()", "[]", "（）", "【】"):
        if found.casefold().endswith(f"{opening}{name}{closing}"):
            found = found[: -len(name) - 2].rstrip() or found
    if found.casefold().endswith(name) and (before := found[: -len(name)].rstrip()) and before[-1] in "|-–—•·:»｜ㅣ丨_":
        found = _without_section(before.rstrip("|-–—•·:»｜ㅣ丨_ "))  # a name may contain a separator
    for _ in range(4):
        places = list(_SEPARATOR.finditer(found))
        if not places or not _names_site(found[places[-1].end() :], name):
            break
        found = _without_section(found[: places[-1].start()].rstrip())
    first = _SEPARATOR.search(found)
    if first and _names_site(found[: first.start()], name):
        found = found[first.end() :].lstrip()
    return found or title


def _without_section(title: str) -> str:
    """Return a title without the section at its end: "Headline | Opinion"."""
    if attached := _ATTACHED.search(title):
        return title[: attached.start()]
    places = list(_SEPARATOR.finditer(title))
    last = places[-1] if places else None
    return title[: last.start()] if last and "|" in last[0] and len(title) - last.end() <= _SECTION else title


def _names_site(part: str, name: str) -> bool:
    """Return whether a part of a title is the site's name, with or without its top-level domain."""
    part = part.casefold().strip()
    return part == name or (part.startswith(f"{name}.") and len(part) - len(name) <= 6)
