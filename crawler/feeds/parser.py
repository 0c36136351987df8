"""Parse feeds: RSS 0.9x to 2.0, RDF, Atom, JSON Feed, sitemaps and their indexes, section pages. Pure.

The flow: bytes -> decoded text (decode.py) -> its kind by the first element -> one reader per kind (xml_feed.py,
sitemap.py, jsonfeed.py, section_page.py). To add a format: detect its kind in `_kind`, write a reader that returns a
ParsedFeed, and add it to `_READERS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from crawler.errors import FeedError
from crawler.feeds import jsonfeed, section_page, sitemap, xml_feed
from crawler.feeds.decode import decode_feed
from crawler.feeds.parsed_feed import ParsedFeed, size_of
from crawler.feeds.prolog import without_prolog

_ROOT = re.compile(r"<(?:[\w.-]{1,100}:)?([A-Za-z_][\w.-]{0,100})")
MIN_ROOM = 4_000_000  # characters of its entries that any feed may have; a larger feed three times its bytes
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


_READERS: dict[str, Callable[[str, str, datetime], ParsedFeed]] = {
    "rss": xml_feed.read, "atom": xml_feed.read, "json": jsonfeed.read, "sitemap": sitemap.read, "page": section_page.read,
}  # fmt: skip
