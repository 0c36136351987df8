"""Parse JSON Feed 1.0 and 1.1 (jsonfeed.org): text in, ParsedFeed out. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from html import escape
from typing import Any

from crawler.errors import FeedError
from crawler.feeds.parsed_feed import MAX_ENTRIES, ParsedFeed, make_entry, plain_text, unique_entries
from crawler.text.dates import day_first, read_date
from crawler.urls import join
from storage.records import FeedEntry

MOST_SHARED = 10  # authors of the feed that are used for each entry without its own


def read(text: str, url: str, now: datetime) -> ParsedFeed:
    """Parse a JSON feed.

    Raises:
        FeedError: not JSON, nested too deeply, or without a list of items.
    """
    try:
        document = json.loads(text.lstrip("\ufeff"), strict=False, parse_int=_number)
    except RecursionError as error:
        raise FeedError(f"{url}: not valid JSON: nested too deep") from error
    except ValueError as error:
        raise FeedError(f"{url}: not valid JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise FeedError(f"{url}: JSON, but not a JSON feed (no list of items)")
    if (
        "jsonfeed.org" not in str(document.get("version", ""))
        and not document.get("feed_url")
        and not any(isinstance(item, dict) and "id" in item for item in document["items"])
    ):
        raise FeedError(f"{url}: JSON, but not a JSON feed (no version of jsonfeed.org)")
    items = [item for item in document["items"][:MAX_ENTRIES] if isinstance(item, dict)]
    fallback = _authors(document)[:MOST_SHARED]
    home = _text(document.get("home_page_url"))
    base = (home and join(url, home)) or url
    raws = [_text(item.get(name)) for item in items for name in ("date_published", "date_modified")]
    order = day_first(raws, now=now, language=_text(document.get("language")))
    return ParsedFeed(
        kind="json",
        title=plain_text(_text(document.get("title"))),
        home=home,
        language=_text(document.get("language")),
        entries=unique_entries(_entry(item, base, url, fallback, now, order) for item in items),
        self_url=_text(document.get("feed_url")),
        previous=_text(document.get("next_url")),
    )


def _number(digits: str) -> int | str:
    """Parse an integer; one with 100 digits or more stays text, as Python refuses to convert thousands of digits."""
    return int(digits) if len(digits) < 100 else digits


def _entry(
    item: Mapping[str, Any], base: str, url: str, fallback: list[str], now: datetime, order: bool | None
) -> FeedEntry:
    raw = _text(item.get("date_published")) or _text(item.get("date_modified"))
    html = _text(item.get("content_html"))
    text = _text(item.get("content_text"))
    link = _text(item.get("url")) or _text(item.get("external_url"))
    guid = _text(item.get("id"))
    return make_entry(
        guid=guid,
        url=link or (guid if guid and guid.lower().startswith(("http://", "https://")) else None),
        base=base,
        title=plain_text(_text(item.get("title"))),
        authors=_authors(item) or fallback,
        published_at=read_date(raw, now=now, day_first=order),
        published_raw=raw,
        updated_raw=_text(item.get("date_modified")),
        summary=plain_text(_text(item.get("summary"))),
        content=html or (text and _as_content(text)),
        tags=[tag for tag in _list(item.get("tags")) if isinstance(tag, str)],
        language=_text(item.get("language")),
        image_url=_text(item.get("image")) or _text(item.get("banner_image")),
        former_urls=[join(url, link)] if link else (),
    )


def _as_content(text: str) -> str:
    """Return plain text as an entry's content; as paragraphs if it could be read as markup."""
    if "<" not in text:
        return text
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n") if part.strip())


def _authors(node: Mapping[str, Any]) -> list[str]:
    """Return version 1.1's authors, else 1.0's author."""
    return _people(node.get("authors")) or _people(node.get("author"))


def _people(value: Any) -> list[str]:
    """Return the names in one person or a list of them, each an object, as in the specification, or just a name."""
    people = value if isinstance(value, list) else [value]
    names = (_text(person.get("name")) if isinstance(person, dict) else _text(person) for person in people)
    return [name for name in names if name]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    """Return a string or a number as text; the specification warns that ids may be either."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None
