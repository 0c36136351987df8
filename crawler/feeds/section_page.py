"""Read a section page like a feed: its links that look like articles of the same site. Pure.

For outlets without a feed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from lxml import html as lxml_html
from lxml.etree import ParserError

from crawler.errors import FeedError
from crawler.feeds.parsed_feed import ParsedFeed, make_entry, plain_text, unique_entries
from crawler.urls import is_root_or_section, join, site
from storage.records import FeedEntry

MAX_LINKS = 500  # of one section page; a page with more is an archive or an attack
_NOT_ARTICLES = re.compile(
    "/(?:tags?|topics?|author|authors|category|categories|section|search|login|signin|signup|register|subscribe|"
    "account|profile|about|contact|privacy|terms|cookies?|"
    r"newsletters?|rss|feeds?|live-tv|shop|jobs|advertis\w*|impressum|datenschutz|kontakt|page|archive|wp-\w+)(?:/|"
    r"$)|\.(?:jpe?g|png|gif|svg|webp|pdf|mp[34]|zip|css|js|xml|ico)$",
    re.IGNORECASE,
)
_DATED = re.compile(r"/(?:19|20)\d{2}[/-]?\d{1,2}(?:[/-]?\d{1,2})?/|[-/_](?:19|20)\d{6}\b")


def parse_html(text: str) -> Any:
    """Parse a decoded page to a tree; None if that is impossible."""
    try:
        return lxml_html.document_fromstring(
            text.encode("utf-8", "replace"),
            parser=lxml_html.HTMLParser(encoding="utf-8", huge_tree=True, no_network=True),
        )
    except (ParserError, ValueError):
        return None


def read(text: str, url: str, now: datetime) -> ParsedFeed:  # noqa: ARG001 - one signature for all readers
    """Return the article links of a section page, in the page's order.

    Raises:
        FeedError: not a page.
    """
    tree = parse_html(text)
    if tree is None:
        raise FeedError(f"{url}: cannot be read as a page")
    base = _base(tree, url)
    entries = _one_per_address(_article_links(tree, base))
    return ParsedFeed(
        kind="page",
        title=_site_name(tree) or plain_text(tree.findtext(".//title")),
        home=url,
        language=tree.get("lang") or None,
        entries=entries,
    )


def _one_per_address(entries: Iterator[FeedEntry]) -> tuple[FeedEntry, ...]:
    """Return one entry for all links to an article: its picture, headline and teaser are links to the same page."""
    found: dict[str, FeedEntry] = {}
    for entry in entries:
        if (first := found.setdefault(entry.url_key, entry)).title is None:
            found[entry.url_key] = entry if entry.title else first
    return unique_entries(found.values())


def _site_name(tree: Any) -> str | None:
    return next(
        (
            plain_text(node.get("content"))
            for node in tree.iter("meta")
            if (node.get("property") or "").lower() == "og:site_name"
        ),
        None,
    )


def _base(tree: Any, url: str) -> str:
    href = next((node.get("href") for node in tree.iter("base") if node.get("href")), None)
    return join(url, href) or url if href else url


def _article_links(tree: Any, base: str) -> Iterator[FeedEntry]:
    own = site(base)
    found = 0
    for anchor in tree.iter("a"):
        href = (anchor.get("href") or "").strip()
        if not href or href.startswith(("#", "javascript:", "mailto:", "tel:")):
            continue
        try:
            address = (join(base, href) or "").split("#")[0]
            if site(address) != own or not looks_like_article(address):
                continue
        except ValueError:
            continue
        title = plain_text(anchor.get("title") or " ".join("".join(anchor.itertext()).split()))
        yield make_entry(url=address, base=base, title=title if title and len(title) > 15 else None)
        found += 1
        if found >= MAX_LINKS:
            return


def looks_like_article(url: str) -> bool:
    """Return whether an address may be an article's: dated, numbered, or a slug; not a section, a tag or a file."""
    parts = urlsplit(url)
    if _NOT_ARTICLES.search(parts.path) or is_root_or_section(url):
        return False
    last = parts.path.rstrip("/").rsplit("/", 1)[-1]
    return bool(
        _DATED.search(url)
        or last.count("-") >= 3
        or re.search(r"\d{4,}", last)
        or re.search(r"(?:^|&)(?:id|p|artid|articleid|story|aid)=\d+", parts.query, re.IGNORECASE)
    )
