"""Parse feeds: RSS 0.9x to 2.0, RDF, Atom, JSON Feed, sitemaps and their indexes, section pages. Pure.

The flow: bytes -> decoded text (decode.py) -> its kind by the first element -> one reader per kind (here and in
sitemap.py, jsonfeed.py, section_page.py). To add a format: detect its kind in `_kind`, write a reader that returns a
ParsedFeed, and add it to `_READERS`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import cache, lru_cache, partial
from itertools import islice
from typing import Any

from crawler.errors import FeedError
from crawler.feeds import jsonfeed, section_page, sitemap
from crawler.feeds.decode import decode_feed
from crawler.feeds.parsed_feed import MAX_ENTRIES, ParsedFeed, make_entry, plain_text, size_of, unique_entries
from crawler.feeds.prolog import without_prolog
from crawler.text.dates import read_date
from crawler.text.markup import strip_attribute_floods
from crawler.urls import join
from storage.records import FeedEntry

_ROOT = re.compile(r"<(?:[\w.-]{1,100}:)?([A-Za-z_][\w.-]{0,100})")
_FEED_ROOTS = {"rss": "rss", "rdf": "rss", "channel": "rss", "feed": "atom", "entry": "atom"}
_HTML_ROOTS = {"html", "head", "body", "script", "div", "meta", "title", "p"}


def parse_feed(body: bytes, url: str, *, content_type: str = "", now: datetime, kind: str = "") -> ParsedFeed:
    """Parse a feed of any kind.

    Args:
        body: the bytes, without content-encoding.
        url: the address it came from, for relative links.
        content_type: the header, for its charset.
        now: the current time; dates more than a day later are ignored.
        kind: "page" if a section page is expected; otherwise it is detected.

    Returns:
        The feed with its entries in the original order and absolute links.

    Raises:
        FeedError: the body is empty, a web page, or of an unknown format.
    """
    if not body.strip():
        raise FeedError(f"{url}: the answer is empty where a feed was expected")
    try:
        text = decode_feed(body, content_type)
    except FeedError as error:
        raise FeedError(f"{url}: {error}") from error
    found = "page" if kind == "page" else _kind(text)
    reader = _READERS.get(found)
    if reader is None:
        what = (
            "a web page, not a feed; `newsdesk sources test` looks for the feeds it names"
            if found == "html"
            else "not a feed, a sitemap or a JSON feed"
        )
        raise FeedError(f"{url}: {what}")
    return _within(reader(text, url, now), max(MIN_ROOM, 3 * len(body)))


def _kind(text: str) -> str:
    """Detect the kind by the first element; "" if there is none."""
    head = text.lstrip("\ufeff \t\r\n")
    if head.startswith(("{", "[")):
        return "json"
    match = _ROOT.match(without_prolog(head)[:5000])
    if not match:
        return "sitemap" if re.match(r"https?://\S+\s*$", head.split("\n", 1)[0]) else ""
    root = match[1].lower()
    if root in {"urlset", "sitemapindex", "url", "sitemap"}:
        return "sitemap"
    if root in _FEED_ROOTS:
        return _FEED_ROOTS[root]
    if root in _HTML_ROOTS or re.match(r"\s*<!doctype html", text[:500], re.IGNORECASE):
        return "html"
    return (
        "rss" if re.search(r"<(?:[\w.-]+:)?(?:rss|feed|rdf|channel|item|entry)\b", text[:20000], re.IGNORECASE) else ""
    )


MAX_ITEMS = 10_000
MIN_ROOM = 4_000_000  # characters of its entries that any feed may have; a larger feed three times its bytes
MAX_SKIPS = 24  # hours of a day
MAX_AUTHOR = 1_000  # characters; a name and an address, or a list of both
_ITEM_END = re.compile(r"</(?:[\w.-]{1,20}:)?(?:item|entry)\s*>", re.IGNORECASE)


@cache
def _feedparser() -> Any:
    """Return feedparser with three patches: two save a third of a feed's time, one a minute for a long author."""
    import feedparser

    feedparser.api.PREFERRED_XML_PARSERS[:] = [
        "xml.sax.expatreader"
    ]  # otherwise it tries to import a parser from 2004 for each feed
    joined = lru_cache(maxsize=64)(
        feedparser.urls.make_safe_absolute_uri
    )  # otherwise called for each element, with the same base
    feedparser.mixin.make_safe_absolute_uri = joined
    mixin = feedparser.mixin._FeedParserMixin  # noqa: SLF001  # there is no public interface
    look_for_address = mixin._sync_author_detail  # noqa: SLF001

    def in_bounds(parser: Any, key: str = "author") -> None:
        """Cut long authors: the email pattern is quadratic, 30,000 letters take three seconds (measured)."""
        context = parser._get_context()  # noqa: SLF001
        if len(author := context.get(key) or "") > MAX_AUTHOR:
            context[key] = author[:MAX_AUTHOR]
        look_for_address(parser, key)

    mixin._sync_author_detail = in_bounds  # noqa: SLF001
    return feedparser


def _read_xml(text: str, url: str, now: datetime) -> ParsedFeed:
    """Parse RSS and Atom with feedparser, which knows most special cases and accepts XML that is not well-formed."""
    feedparser = _feedparser()
    text = without_prolog(text)
    if "<rss:item" in text:  # a prefix for RSS itself, which has no namespace
        text = re.sub(r"<(/?)rss:", r"<\1", text)
        text = text[max(0, text.find("<rss")) :]
    text, cut = _first_items(strip_attribute_floods(text))
    body = b'<?xml version="1.0" encoding="utf-8"?>' + text.encode("utf-8", "replace")
    try:
        found = feedparser.parse(
            io.BytesIO(body),
            response_headers={"content-type": "application/xml; charset=utf-8", "content-location": url},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except Exception as error:  # a parser of untrusted bytes: any exception is reported as an error of the feed
        raise FeedError(f"{url}: cannot be read as a feed: {type(error).__name__}: {error}") from error
    feed = found.feed
    if not found.entries and not found.version and not feed.get("title"):
        reason = found.get("bozo_exception")
        raise FeedError(f"{url}: cannot be read as a feed{f': {reason}' if reason else ''}")
    base = _link(feed) or url
    entries = [_entry(entry, join(url, base) or url, now) for entry in found.entries[:MAX_ENTRIES]]
    return ParsedFeed(
        kind="atom" if found.version.startswith("atom") else "rss",
        title=plain_text(feed.get("title"), html=_is_html(feed, "title")),
        home=_link(feed),
        language=feed.get("language") or None,
        ttl=_number(feed.get("ttl")),
        period=_period(feed),
        skip_hours=_skip(text, "skipHours", "hour"),
        skip_days=_skip(text, "skipDays", "day"),
        entries=unique_entries(entries),
        self_url=next((link.get("href") for link in feed.get("links", []) if link.get("rel") == "self"), None),
        hub=next((link.get("href") for link in feed.get("links", []) if link.get("rel") == "hub"), None),
        previous=next(
            (link.get("href") for link in feed.get("links", []) if link.get("rel") in {"prev-archive", "next"}), None
        ),
        cut=cut,
    )


def _within(parsed: ParsedFeed, room: int) -> ParsedFeed:
    """Cut the entries of a feed that expands to many times its size.

    A base, or the authors of a feed, are sent once but stored with each entry.
    """
    for number, entry in enumerate(parsed.entries):
        room -= size_of(entry)
        if room < 0:
            cut = f"its entries say many times over what it sent; the first {number:,} are read"
            return replace(parsed, entries=parsed.entries[:number], cut=parsed.cut or cut)
    return parsed


def _first_items(text: str) -> tuple[str, str | None]:
    """Return the part of a feed that is read: an item takes a third of a millisecond, and some feeds have 100,000."""
    if len(text) < MAX_ITEMS * len("<item></item>"):
        return text, None
    ends = (match.end() for match in _ITEM_END.finditer(text))
    end = next(islice(ends, MAX_ITEMS - 1, None), None)
    if end is None or _ITEM_END.search(text, end) is None:
        return text, None
    return text[:end], f"it lists more than {MAX_ITEMS:,} entries; the first {MAX_ITEMS:,} are read"


def _entry(entry: Any, base: str, now: datetime) -> FeedEntry:
    get = partial(
        dict.get, entry
    )  # feedparser's own get tries older names of a field first, which takes a tenth of a feed's time
    published = get("published")
    updated = get("updated", published)
    published_raw = published or updated or get("created")
    content = max((part.get("value", "") for part in get("content") or ()), key=len, default="")
    summary = get("summary") or ""
    if not content and len(summary) > 2000:  # the complete article is in <description>
        content = summary
    return make_entry(
        guid=get("id"),
        url=_link(entry, permalink=True),
        base=base,
        title=plain_text(get("title"), html=_is_html(entry, "title")),
        authors=_authors(entry),
        published_at=read_date(published_raw, now=now) or _parsed(entry, now),
        published_raw=published_raw,
        updated_raw=updated,
        summary=plain_text(summary, html=True) if summary != content else None,
        content=content or None,
        tags=[tag.get("term") or tag.get("label") or "" for tag in get("tags") or ()],
        language=get("language"),
        image_url=_image(entry),
    )


def _link(node: Any, *, permalink: bool = False) -> str | None:
    """Return the address of an entry or a feed; not an enclosure, and a guid only as a fallback with `permalink`."""
    for link in node.get("links", []):
        if (
            link.get("rel", "alternate") == "alternate"
            and link.get("href")
            and (link.get("type") or "text/html") in {"text/html", "application/xhtml+xml", "text/plain"}
        ):
            return str(link["href"])
    if node.get("link") and node.get("link") not in {e.get("href") for e in node.get("enclosures", [])}:
        return str(node["link"])
    for name in ("feedburner_origlink",):
        if node.get(name):
            return str(node[name])
    guid = str(node.get("id") or "")
    if permalink and guid.startswith(("http://", "https://")):
        return guid
    return None


def _authors(entry: Any) -> list[str]:
    """Return the author names; RSS defines author as an email address, but outlets write names."""
    names = [author.get("name") or "" for author in entry.get("authors", [])]
    if not any(names) and entry.get("author"):
        names = [entry["author"]]
    return [plain_text(name, html=True) or "" for name in names]


def _is_html(node: Any, name: str) -> bool:
    """Return whether a value is markup: it is declared so, or it is not declared as text and looks so."""
    kind = (node.get(f"{name}_detail") or {}).get("type", "")
    return "html" in kind or (
        kind != "text/plain" and bool(re.search(r"</[a-zA-Z]+>|<br\s*/?>", str(node.get(name) or "")))
    )


def _parsed(entry: Any, now: datetime) -> str | None:
    """Return the date parsed by feedparser, which knows more scripts and formats."""
    found = entry.get("published_parsed") or entry.get("updated_parsed")
    return read_date("{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}Z".format(*found[:6]), now=now) if found else None


def _image(entry: Any) -> str | None:
    for media in [*entry.get("media_content", []), *entry.get("media_thumbnail", []), *entry.get("enclosures", [])]:
        address = media.get("url") or media.get("href")
        if address and (media.get("medium") == "image" or (media.get("type") or "image").startswith("image")):
            return str(address)
    return None


def _number(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if 0 < found < 1e7 else None


_PERIODS = {"hourly": 3600.0, "daily": 86400.0, "weekly": 604800.0, "monthly": 2592000.0, "yearly": 31536000.0}


def _period(feed: Any) -> float | None:
    """Return sy:updatePeriod divided by sy:updateFrequency (RSS 1.0 syndication module), in seconds."""
    period = _PERIODS.get(str(feed.get("sy_updateperiod") or "").strip().lower())
    return period / (_number(feed.get("sy_updatefrequency")) or 1.0) if period else None


def _skip(text: str, outer: str, inner: str) -> tuple[str, ...]:
    """Return RSS 2.0's skipHours (GMT) or skipDays, which feedparser drops."""
    head = text[:50_000]
    begin = re.search(f"<{outer}>", head, re.IGNORECASE)
    end = re.search(f"</{outer}>", head, re.IGNORECASE)
    if begin is None or end is None:
        return ()
    found = re.findall(rf"<{inner}>([^<]{{1,12}})</{inner}>", head[begin.end() : end.start()], re.IGNORECASE)
    return tuple(value.strip() for value in found[:MAX_SKIPS])


_READERS: dict[str, Callable[[str, str, datetime], ParsedFeed]] = {
    "rss": _read_xml, "atom": _read_xml, "json": jsonfeed.read, "sitemap": sitemap.read, "page": section_page.read,
}  # fmt: skip
