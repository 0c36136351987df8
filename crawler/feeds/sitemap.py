"""Parse sitemaps, news sitemaps and their indexes (sitemaps.org, Google News): text in, ParsedFeed out. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from lxml import etree

from crawler.errors import FeedError
from crawler.feeds.parsed_feed import MAX_ENTRIES, ParsedFeed, make_entry, plain_text, unique_entries
from crawler.feeds.prolog import without_prolog
from crawler.feeds.references import repair_references
from crawler.text.dates import day_first, read_date
from crawler.urls import canonical_url, join
from storage.records import FeedEntry
from storage.utc import parse_utc

MAX_CHILDREN = 2_000  # sitemaps opened per index; a larger index has lastmod, or belongs to backfill
MAX_ELEMENTS = 10_000  # elements read below one <url>; a news sitemap with images and video has some hundred
MAX_UNDATED = 1_000  # entries used of a sitemap without dates; as many as a news sitemap may contain
_BARE = re.compile(r"&[A-Za-z_][\w.-]{0,60}")  # what earlier versions lost of an address with a bare &
_NAME_DATE = re.compile(r"(?<!\d)((?:19|20)\d{2})[-_/]?(\d{1,2})(?:[-_/]?(\d{1,2}))?(?!\d)")


def read(text: str, url: str, now: datetime) -> ParsedFeed:
    """Parse a sitemap, an index, or a text file of addresses; namespaces are ignored, as many are wrong.

    Raises:
        FeedError: it is none of these.
    """
    if "<" not in text[:1000]:
        lines = [line.strip() for line in text.splitlines() if re.fullmatch(r"https?://\S+", line.strip())]
        return ParsedFeed(
            kind="sitemap", entries=unique_entries(make_entry(url=line, base=url) for line in lines[:MAX_ENTRIES])
        )
    root = _root(text, url)
    children: list[tuple[str, str | None]] = []
    found_entries: list[dict[str, str]] = []
    for node in root.iter():
        if not isinstance(node.tag, str):
            continue
        name = _local(node)
        if name == "sitemap" and (found := _fields(node)).get("loc"):
            if (address := _address(found["loc"], url)) is not None:
                children.append((address, found.get("lastmod")))
        elif name == "url" and (found := _fields(node)).get("loc") and len(found_entries) < MAX_ENTRIES:
            found_entries.append(found)
    order = day_first((f.get("publication_date") or f.get("lastmod") for f in found_entries), now=now)
    entries = [_entry(found, url, now, order) for found in found_entries]
    if not children and not entries and _local(root) not in {"urlset", "sitemapindex"}:
        raise FeedError(f"{url}: cannot be read as a sitemap")
    return ParsedFeed(
        kind="sitemap", entries=unique_entries(entries, texts=False), children=tuple(dict.fromkeys(children))
    )


def _address(loc: str, base: str) -> str | None:
    """Return a sitemap's address, if it can be requested."""
    address = join(base, loc)
    try:
        canonical_url(address or "")
    except ValueError:
        return None
    return address


def _root(text: str, url: str) -> Any:
    parser = etree.XMLParser(
        recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, encoding="utf-8"
    )
    try:
        root = etree.fromstring(repair_references(without_prolog(text)).encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise FeedError(f"{url}: cannot be read as a sitemap: {error}") from error
    if root is None:
        raise FeedError(f"{url}: cannot be read as a sitemap: no element in it")
    return root


def _local(node: Any) -> str:
    return str(node.tag).rsplit("}", 1)[-1].rsplit(":", 1)[-1].lower()


def _fields(node: Any) -> dict[str, str]:
    """Return the first text of each element below, by local name, without loc and title of images and videos.

    A nested `<url>` is skipped and read separately, so that no element is read for more than one.
    """
    found: dict[str, str] = {}
    below = [(node, child) for child in reversed(node)]
    seen = 0
    while below and seen < MAX_ELEMENTS:
        parent, child = below.pop()
        seen += 1
        if not isinstance(child.tag, str) or (name := _local(child)) in {"url", "sitemap"}:
            continue
        below += [(child, inner) for inner in reversed(child)]
        above = _local(parent)
        if above in {"image", "video"} and not (above == "image" and name == "loc"):
            continue
        key = "image" if above == "image" else name
        if key not in found and (text := " ".join(_text_of(child).split())):
            found[key] = text
    return found


def _text_of(node: Any) -> str:
    """Return the text of an element, up to its first child elements; a title may contain a CDATA section."""
    if not len(node):
        return node.text or ""
    said = (((child.text or "") if isinstance(child.tag, str) else "") + (child.tail or "") for child in node[:20])
    return "".join([node.text or "", *said])  # without the text of comments


def _entry(found: dict[str, str], base: str, now: datetime, order: bool | None) -> FeedEntry:
    raw = found.get("publication_date") or found.get("lastmod")
    return make_entry(
        url=found["loc"],
        base=base,
        title=plain_text(found.get("title")),
        published_at=read_date(raw, now=now, day_first=order),
        published_raw=raw,
        updated_raw=found.get("lastmod"),
        tags=[part.strip() for part in found.get("keywords", "").split(",")],
        language=found.get("language"),
        image_url=found.get("image"),
        former_urls=[_BARE.sub("", found["loc"])] if "&" in found["loc"] else (),
    )


def children_to_open(parsed: ParsedFeed, *, now: datetime, max_age: float) -> tuple[str, ...]:
    """Return the sitemaps of an index to open: not older than max_age by lastmod, else by the date in their name.

    Args:
        parsed: an index.
        now: the clock.
        max_age: seconds; older sitemaps are left to backfill.
    """
    oldest = now - timedelta(seconds=max_age)
    chosen = []
    for url, lastmod in parsed.children:
        day = read_date(lastmod, now=now + timedelta(days=2)) if lastmod else None
        if day is not None:
            if parse_utc(day) + timedelta(days=1 if len(day) == 10 else 0) >= oldest:
                chosen.append(url)
        elif (latest := _latest_by_name(url)) is None or latest >= oldest.strftime("%Y-%m-%d"):
            chosen.append(url)
    return tuple(chosen[:MAX_CHILDREN])


def children_in_range(parsed: ParsedFeed, *, since: datetime, until: datetime) -> tuple[str, ...]:
    """Return the sitemaps of an index that may have entries in a time range or have no date, the newest first."""
    chosen: list[tuple[str, str]] = []
    for url, lastmod in parsed.children:
        latest = _latest_by_name(url) or read_date(lastmod, now=until + timedelta(days=36500)) or "9999"
        first = _latest_by_name(url) and _first_by_name(url)
        if latest >= since.strftime("%Y-%m-%d") and (not first or first <= until.strftime("%Y-%m-%d")):
            chosen.append((latest, url))
    chosen.sort(reverse=True)
    return tuple(url for _, url in chosen[:MAX_CHILDREN])


def day_in_address(url: str) -> str | None:
    """Return the date in an article's address, as 2020-02-11; None if there is none."""
    match = _NAME_DATE.search(url)
    if not match or not match[3] or not 1 <= int(match[2]) <= 12 or not 1 <= int(match[3]) <= 31:
        return None
    return f"{match[1]}-{int(match[2]):02d}-{int(match[3]):02d}"


def _first_by_name(url: str) -> str | None:
    """Return the first day that a sitemap may cover, by its name."""
    latest = _latest_by_name(url)
    match = _NAME_DATE.search(url.rsplit("/", 1)[-1]) or _NAME_DATE.search(url)
    return latest and (latest if match and match[3] else f"{latest[:8]}01")


def _latest_by_name(url: str) -> str | None:
    """Return the last day that a sitemap may cover, by its name; None if the name has no date.

    For example, 2020-2.xml covers up to 2020-02-31.
    """
    match = _NAME_DATE.search(url.rsplit("/", 1)[-1]) or _NAME_DATE.search(url)
    if not match or not 1 <= int(match[2]) <= 12:
        return None
    return f"{match[1]}-{int(match[2]):02d}-{int(match[3]) if match[3] else 31:02d}"


def recent_entries(entries: tuple[FeedEntry, ...], *, now: datetime, max_age: float) -> tuple[FeedEntry, ...]:
    """Return the entries of a sitemap that a crawl uses: dated within max_age, or undated (up to MAX_UNDATED).

    The rest is left to backfill.
    """
    oldest = (now - timedelta(seconds=max_age)).strftime("%Y-%m-%dT%H:%M:%SZ")
    dated = tuple(
        e
        for e in entries
        if e.published_at
        and (e.published_at >= oldest or (len(e.published_at) == 10 and e.published_at >= oldest[:10]))
    )
    undated = tuple(
        e for e in entries if not e.published_at and (_latest_by_name(e.url or "") or oldest[:10]) >= oldest[:10]
    )
    return dated + undated[:MAX_UNDATED]
