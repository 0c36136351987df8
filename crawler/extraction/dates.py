"""Publication date: declared by the page, in its address, below the headline, or guessed by htmldate. Pure.

The original string and its source are stored with the date. Midnight is often a default of the content system, so it
is read as a date without a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from crawler.config.models import PublisherRules
from crawler.extraction.element_roles import ElementRoles, drop_elsewhere
from crawler.extraction.main_text import select
from crawler.extraction.page import Page, text_of
from crawler.extraction.structured_data import StructuredData, text_value
from crawler.text.dates import read_date
from storage.utc import parse_utc

URL_DAYS = 2  # days by which a page's date may be later than the date in its address
_BEFORE, _NEAR = 20, 60  # elements before and after the headline in which a shown date is searched
_FIRST = 400  # elements that are searched on a page without a headline
_METAS = (
    "date",
    "dc.date.issued",
    "dc.date",
    "parsely-pub-date",
    "sailthru.date",
    "pubdate",
    "published",
    "publish-date",
    "publication_date",
    "datepublished",
    "cxenseparse:recs:publishtime",
)
_DAY_IN = re.compile(r"/(\d{4})[/-](\d{1,2})[/-](\d{1,2})(?:[/-]|$)|/(\d{4})(\d{2})(\d{2})(?:/|-)")
_SHOWN = re.compile(
    r"\d{4}-\d{2}-\d{2}(?![\dT])|\d{1,2}\.\s?\d{1,2}\.\s?\d{4}|\d{1,2} [|/] \d{1,2} [|/] \d{4}|"
    r"(?<![\d/])\d{1,2}/\d{1,2}/\d{4}(?![\d/])|"
    r"\d{1,2}\.?(?:st|nd|rd|th)?\s(?:de\s)?[^\W\d]{3,12}\.?,?\s(?:de\s)?\d{4}|"
    r"[^\W\d]{3,12}\.?\s\d{1,2}(?:st|nd|rd|th)?,?\s\d{4}|\d{4}\s?年\s?\d{1,2}\s?月\s?\d{1,2}\s?日"
)
_CHINESE = re.compile(r"(\d{4})\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})\s?日")
_PARTED = re.compile(r"(?<=\d) [|/] (?=\d)")
_LINE = "line under the headline"
_UPDATED = re.compile(r"updated|aktualisiert|actualizado|mis à jour|обновлено|modified|更新", re.IGNORECASE)
_MIDNIGHT = re.compile(r"T00:00:00(?:Z|[+-]\d{2}:\d{2})$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A date as stored (ISO 8601 in the zone of the page, or a date only), its source, and the raw value."""

    date: str
    source: str
    raw: str | None


def find_published(
    page: Page, said: StructuredData, rules: PublisherRules, marks: ElementRoles, now: datetime
) -> Published | None:
    """Return the date that the page declares or shows; None if only a guess could find one.

    A date without a time is replaced by a time on the same day from another source. Some declared dates move with each
    edit; then an earlier date in the address, or one by itself below the headline, is the publication date.
    """
    read = [found for source, raw in _declared(page, said, rules, marks) if (found := _read(source, raw, now))]
    if not read:
        return None
    first = read[0]
    if len(first.date) == 10:
        first = next((found for found in read if len(found.date) > 10 and found.date[:10] == first.date), first)
    day = day_in(page.url, now)
    if day and first.source == _LINE and first.date[:10] != day:  # the line may give the date of the event
        return Published(date=day, source="address", raw=page.url)
    if (
        not day and first.source != "json-ld"
    ):  # dates of other articles may be near a headline too, so datePublished takes precedence
        day = next((f.date[:10] for f in read if f.source == _LINE), None)
    elif not day:
        shown = {f.date[:10] for f in read if f.source == _LINE}
        day = shown.pop() if len(shown) == 1 else None
    if day and first.source != "rules" and (parse_utc(first.date) - parse_utc(day)).days > URL_DAYS:
        return next((f for f in read if f.date[:10] == day), Published(date=day, source="address", raw=page.url))
    return _local(first, read)


def _local(first: Published, read: list[Published]) -> Published:
    """Return the same moment with the offset of the outlet's own zone, if another source gives it: its day is shown."""
    if len(first.date) == 10 or not first.date.endswith("Z"):
        return first
    moment = parse_utc(first.date).replace(second=0)
    same = (
        f
        for f in read
        if len(f.date) > 10 and not f.date.endswith("Z") and parse_utc(f.date).replace(second=0) == moment
    )
    return next(same, first)


def _read(source: str, raw: str | None, now: datetime) -> Published | None:
    date = read_date(raw, now=now, keep_zone=True)
    if not date:
        return None
    if _MIDNIGHT.search(date):
        date = date[:10]
    return Published(date=date, source=source, raw=raw if raw != date else None)


def _declared(
    page: Page, said: StructuredData, rules: PublisherRules, marks: ElementRoles
) -> Iterator[tuple[str, str | None]]:
    yield from (("rules", _moment_of(node)) for node in select(page.tree, rules.published))
    yield "json-ld", text_value(said.article.get("datePublished"))
    yield "opengraph", said.first("article:published_time", "og:article:published_time")
    yield from (("markup", _moment_of(node)) for node in marks["published"][:1])
    yield from ((_LINE, raw) for raw in _shown(page, marks))
    yield from (("meta", said.first(name)) for name in _METAS)
    yield "json-ld", text_value(said.article.get("dateCreated"))
    yield from (("markup", _moment_of(node)) for node in _times(marks)[:3])


def _moment_of(node: Any) -> str | None:
    return node.get("datetime") or node.get("content") or text_of(node)


def _times(marks: ElementRoles) -> list[Any]:
    """Return the article's time elements: those in the closest container that the h1 shares with any.

    All time elements are returned if there is no h1, or no such container.
    """
    times = [node for node in marks["time"] if node.get("datetime")]
    for heading in marks["h1"][:1]:
        for holder in heading.iterancestors():
            if holder.tag in {"body", "html"}:
                break
            inside = [node for node in times if holder in set(node.iterancestors())]
            if inside:
                return inside
    return times


def _shown(page: Page, marks: ElementRoles) -> Iterator[str]:
    """Yield dates in short lines just before and after the headline; dates of an update come last.

    On a page without a headline, only lines that consist of a date count, in the first part of the page.
    """
    late: list[str] = []
    places = [page.nodes.index(heading) for heading in marks["h1"][:3]]
    others = set(marks["elsewhere"])
    around = (node for at in places for node in page.nodes[at : at + _NEAR] + page.nodes[max(0, at - _BEFORE) : at])
    for node in around if places else page.nodes[:_FIRST]:
        if node in others:
            continue
        for text in (
            node.text if isinstance(node.tag, str) and node.tag not in {"script", "style"} else None,
            node.tail,
        ):
            line = " ".join(text.split()) if text else ""
            if (
                not 8 <= len(line) <= 80
                or not (match := _SHOWN.search(line))
                or (not places and len(line) > len(match[0]) + 12)
            ):
                continue
            shown = _PARTED.sub(".", _CHINESE.sub(r"\1-\2-\3", match[0]))
            if _UPDATED.search(line):
                late.append(shown)
            else:
                yield shown
    yield from late


def day_in(url: str, now: datetime) -> str | None:
    """Return the date in an address's path: /2020/02/11/, /2020-02-11-, /20200211/."""
    match = _DAY_IN.search(urlsplit(url).path)
    return read_date("-".join(part for part in match.groups() if part), now=now) if match else None


def guess_day(page: Page, said: StructuredData, now: datetime) -> str | None:
    """Return the date that htmldate finds in the page's markup, comments and cards left out; changes the tree.

    The extensive search is off: on 477 pages it found nine more dates, of which seven were the first of January of a
    copyright line, and it loads dateparser, which costs a second and 60 MB per process.
    """
    from htmldate import find_date

    drop_elsewhere(page.tree)
    if any(node.get("datePublished") for node in said.nodes):  # those of other articles, as the page's own was no date
        for script in list(page.tree.iter("script")):
            if script.getparent() is not None:
                script.drop_tree()
    try:
        found = find_date(
            page.tree, url=page.url, original_date=True, extensive_search=False, max_date=now + timedelta(days=1)
        )
    except Exception:  # a guess must not cost the article
        return None
    day = read_date(found, now=now) if found else None
    return None if day and day.endswith("-01-01") else day  # the year of a copyright line
