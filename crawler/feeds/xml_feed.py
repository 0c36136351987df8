"""Parse RSS 0.9x to 2.0, RDF and Atom with feedparser: text in, ParsedFeed out. Pure."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from html.entities import name2codepoint
from itertools import islice
from typing import Any

from crawler.errors import FeedError
from crawler.feeds.feedparser_patches import ASIDES, patched_feedparser
from crawler.feeds.parsed_feed import MAX_ENTRIES, ParsedFeed, make_entry, plain_text, unique_entries
from crawler.feeds.prolog import without_prolog
from crawler.feeds.references import repair_references
from crawler.text.dates import day_first, read_date
from crawler.text.markup import strip_attribute_floods
from crawler.urls import host_of, join
from storage.records import FeedEntry

MAX_ITEMS = 10_000
MAX_SKIPS = 24  # hours of a day
LONG = 2_000  # characters from which a description is the complete article
_HAS_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,30}:")
_NAMED = re.compile(r"&([a-zA-Z][-.a-zA-Z0-9]{0,30})")
_ITEM_END = re.compile(r"</(?:[\w.-]{1,20}:)?(?:item|entry)\s*>", re.IGNORECASE)


def read(text: str, url: str, now: datetime) -> ParsedFeed:
    """Parse RSS and Atom with feedparser, which knows most special cases and accepts XML that is not well-formed.

    Raises:
        FeedError: it is neither.
    """
    text = without_prolog(text)
    if "<rss:item" in text:  # a prefix for RSS itself, which has no namespace
        text = re.sub(r"<(/?)rss:", r"<\1", text)
        text = text[max(0, text.find("<rss")) :]
    text, cut = _first_items(strip_attribute_floods(repair_references(text)))
    found = _parsed(text, url)
    feed, atom = found.feed, found.version.startswith("atom")
    home = _link(feed)
    base = _base(url, home or _related(feed, url, "self"), atom=atom)
    raws = [dict.get(entry, name) for entry in found.entries for name in ("published", "updated")]
    order = day_first(raws, now=now, language=feed.get("language"))
    entries = [_entry(entry, base, url, now, order) for entry in found.entries[:MAX_ENTRIES]]
    return ParsedFeed(
        kind="atom" if atom else "rss",
        title=plain_text(feed.get("title"), html=_is_html(feed, "title")),
        home=home and join(url, home),
        language=feed.get("language") or None,
        ttl=_number(feed.get("ttl")),
        period=_period(feed),
        skip_hours=_skip(text, "skipHours", "hour"),
        skip_days=_skip(text, "skipDays", "day"),
        entries=unique_entries(entries),
        self_url=_related(feed, url, "self"),
        hub=_related(feed, url, "hub"),
        previous=_related(feed, url, "prev-archive", "next"),
        cut=cut,
    )


def _parsed(text: str, url: str) -> Any:
    """Return feedparser's result; links stay as written, except those below an xml:base."""
    body = b'<?xml version="1.0" encoding="utf-8"?>' + text.encode("utf-8", "replace")
    try:
        found = patched_feedparser().parse(
            io.BytesIO(body),
            response_headers={"content-type": "application/xml; charset=utf-8"},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except Exception as error:  # a parser of untrusted bytes: any exception is reported as an error of the feed
        raise FeedError(f"{url}: cannot be read as a feed: {type(error).__name__}: {error}") from error
    if not found.entries and not found.version and not found.feed.get("title"):
        reason = found.get("bozo_exception")
        raise FeedError(f"{url}: cannot be read as a feed{f': {reason}' if reason else ''}")
    return found


def _base(url: str, said: str | None, *, atom: bool) -> str:
    """Return what relative links are relative to: in RSS the channel's link, in Atom the feed itself.

    An Atom feed on another host than its outlet's is relative to the outlet's page, too. `said` is that page, else the
    address that the feed says is its own.
    """
    site = join(url, said) or url
    return url if atom and host_of(site) == host_of(url) else site


def _first_items(text: str) -> tuple[str, str | None]:
    """Return the part of a feed that is read: an item takes a third of a millisecond, and some feeds have 100,000."""
    if len(text) < MAX_ITEMS * len("<item></item>"):
        return text, None
    ends = (match.end() for match in _ITEM_END.finditer(text))
    end = next(islice(ends, MAX_ITEMS - 1, None), None)
    if end is None or _ITEM_END.search(text, end) is None:
        return text, None
    return text[:end], f"it lists more than {MAX_ITEMS:,} entries; the first {MAX_ITEMS:,} are read"


def _entry(entry: Any, base: str, url: str, now: datetime, order: bool | None) -> FeedEntry:
    get = partial(
        dict.get, entry
    )  # feedparser's own get tries older names of a field first, which takes a tenth of a feed's time
    published = get("published")
    updated = get("updated", published)
    published_raw = published or updated or get("created")
    summary, content = _texts(entry)
    link, guid = _link(entry, permalink=True), get("id")
    xml_base = (get("title_detail") or {}).get("base") or url
    return make_entry(
        guid=guid,
        url=link,
        base=base,
        title=plain_text(get("title"), html=_is_html(entry, "title")),
        authors=_authors(entry),
        published_at=read_date(published_raw, now=now, day_first=order),
        published_raw=published_raw,
        updated_raw=updated,
        summary=plain_text(summary, html=True),
        content=content,
        tags=[tag.get("term") or tag.get("label") or "" for tag in get("tags") or ()],
        language=get("language"),
        image_url=_image(entry),
        former_urls=_former_links(link, guid, url),
        former_guid=join(xml_base, guid) if guid and not _HAS_SCHEME.match(guid) else None,
    )


def _texts(entry: Any) -> tuple[str | None, str | None]:
    """Return (summary, content): Media RSS describes the picture, iTunes the episode, so both are used last."""
    get = partial(dict.get, entry)
    content = max((part.get("value", "") for part in get("content") or ()), key=len, default="")
    summary = get("summary") or ""
    if content and summary == content:  # feedparser's copy of it
        summary = ""
    elif not content and len(summary) > LONG:  # the complete article is in <description>
        return None, summary
    if not summary:
        summary = next(filter(None, map(get, ASIDES)), "") or (not content and get("media_description")) or ""
    return summary or None, content or None


def _former_links(link: str | None, guid: str | None, url: str) -> Iterable[str]:
    """Yield the addresses that earlier versions read: relative to the feed's, with `&copy=` as ©=, or made of an id."""
    if link and not _HAS_SCHEME.match(link):
        yield join(url, link) or ""
    if link and "&" in link:
        yield _NAMED.sub(lambda m: chr(name2codepoint[m[1]]) if m[1] in name2codepoint else m[0], link)
    if not link and guid and not _HAS_SCHEME.match(guid):
        yield join(url, guid) or ""


_IANA = re.compile(r"https?://www\.iana\.org/assignments/(?:link-relations|relation)/", re.IGNORECASE)
_PAGES = {"text/html", "application/xhtml+xml", "text/plain"}


def _rel(link: Any) -> str:
    """Return a link's relation; it may be written as its IRI at IANA."""
    return _IANA.sub("", link.get("rel") or "alternate").strip().lower()


def _related(feed: Any, url: str, *names: str) -> str | None:
    found = next((link["href"] for link in feed.get("links", []) if _rel(link) in names and link.get("href")), None)
    return found and join(url, found)


def _link(node: Any, *, permalink: bool = False) -> str | None:
    """Return the address of an entry or a feed; not an enclosure, and a guid only as a fallback with `permalink`."""
    for link in node.get("links", []):
        kind = (link.get("type") or "text/html").split(";")[0].strip().lower()
        if _rel(link) == "alternate" and link.get("href") and kind in _PAGES:
            return str(link["href"])
    guid = str(node.get("id") or "")
    if (link := node.get("link")) and link != guid and link not in {e.get("href") for e in node.get("enclosures", [])}:
        return str(link)
    if node.get("feedburner_origlink"):
        return str(node["feedburner_origlink"])
    if permalink and guid.lower().startswith(("http://", "https://")):
        return guid
    return None


def _authors(entry: Any) -> list[str]:
    """Return the authors as written; RSS defines author as an email address, but outlets write names."""
    names = [author.get("name") or "" for author in entry.get("authors", [])]
    return names if any(names) or not entry.get("author") else [entry["author"]]


def _is_html(node: Any, name: str) -> bool:
    """Return whether a value is markup: it is declared so, or it is not declared as text and looks so."""
    kind = (node.get(f"{name}_detail") or {}).get("type", "")
    return "html" in kind or (
        kind != "text/plain" and bool(re.search(r"</[a-zA-Z]+>|<br\s*/?>", str(node.get(name) or "")))
    )


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
