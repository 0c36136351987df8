"""Discover a site's feeds and sitemaps from its pages, common paths and robots.txt. Pure: bytes in, addresses out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from crawler.feeds.decode import decode_feed
from crawler.feeds.parsed_feed import plain_text
from crawler.feeds.robots import read_sitemaps
from crawler.feeds.section_page import parse_html
from crawler.urls import canonical_url, join, site

COMMON_PATHS = (
    "/feed",
    "/rss",
    "/rss.xml",
    "/feed.xml",
    "/atom.xml",
    "/index.xml",
    "/feeds",
    "/feed.json",
    "/rss/news",
    "/news/rss",
    "/?feed=rss2",
)
NEWS_MAPS = ("/news-sitemap.xml", "/sitemap-news.xml", "/sitemap_news.xml", "/sitemaps/news.xml")
_TYPES = {
    "application/rss+xml": "rss",
    "application/atom+xml": "atom",
    "application/feed+json": "json",
    "application/rdf+xml": "rss",
    "application/json": "json",
    "text/xml": "rss",
    "application/xml": "rss",
}
_LOOKS_LIKE_FEED = re.compile(
    r"(?:/(?:rss|feed|atom|rdf)s?(?:[/.?_-]|$)|\.(?:rss|atom|rdf)$|/(?:index|feed|rss|atom)\.(?:xml|json)$|"
    r"feedburner\.com/)",
    re.IGNORECASE,
)
# Words, as the name of an outlet may contain them: Commentary.
_COMMENTS = re.compile(
    r"(?<![^\W_])(?:comments?|kommentare?|commentaires?|comentarios?|comentários?|commenti|комментарии|комментариев)"
    r"(?![^\W_])",
    re.IGNORECASE,
)
_OF_PARTS = re.compile(r"/wp-json/|oembed|/tag/|/author/|trackback", re.IGNORECASE)
MAX_CANDIDATES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An address that may be a feed, with its declared kind and title."""

    url: str
    kind: str = ""
    title: str | None = None


def discover_feeds(body: bytes, url: str) -> list[Candidate]:
    """Return the feeds that a page links: `<link rel=alternate>` first, then links that look like feeds.

    Args:
        body: the page's bytes.
        url: its address.

    Returns:
        Candidates, best first, without comment feeds; empty if the page links none.

    Raises:
        FeedError: the page is a gzip file that cannot be unpacked completely.
    """
    tree = parse_html(decode_feed(body))
    if tree is None:
        return []
    href = next((node.get("href") for node in tree.iter("base") if node.get("href")), None)
    base = join(url, href) or url if href else url
    found: dict[str, Candidate] = {}
    for node in tree.iter("link", "a"):
        kind = _TYPES.get((node.get("type") or "").split(";")[0].strip().lower(), "")
        named = node.tag == "link" and "alternate" in (node.get("rel") or "").lower().split() and bool(kind)
        if kind == "json" and "feed" not in (node.get("href") or "") + (node.get("type") or ""):
            continue
        if not node.get("href") or not (named or (node.tag == "a" and _LOOKS_LIKE_FEED.search(node.get("href")))):
            continue
        try:
            address = join(base, node.get("href")) or ""
            canonical_url(address)
        except ValueError:
            continue
        title = plain_text(node.get("title") or "".join(node.itertext()), html=True)
        if not _OF_PARTS.search(address):
            found.setdefault(address, Candidate(url=address, kind=kind, title=title))
    outlet = f"{urlsplit(url).netloc} {tree.findtext('.//title') or ''}"
    return _without_comment_feeds(list(found.values()), outlet)[:MAX_CANDIDATES]


def _without_comment_feeds(found: list[Candidate], outlet: str) -> list[Candidate]:
    """Leave out feeds of comments; a word in every title, or every address, is in the name of the outlet."""
    by_address = [bool(_COMMENTS.search(each.url.split("://", 1)[1].partition("/")[2])) for each in found]
    by_title = [bool(_COMMENTS.search(each.title or "")) for each in found]
    if all(by_title) and (len(found) > 1 or _COMMENTS.search(outlet)):
        by_title = [False] * len(found)
    if all(by_address) and len(found) > 1:
        by_address = [False] * len(found)
    return [each for each, *named in zip(found, by_address, by_title, strict=True) if not any(named)]


def looks_like_feed(url: str) -> bool:
    """Return whether an address alone suggests a feed."""
    parts = urlsplit(url)
    return bool(_LOOKS_LIKE_FEED.search(f"{parts.netloc}{parts.path}") or re.search(r"(?:^|&)feed=", parts.query))


def common_feed_urls(url: str) -> list[Candidate]:
    """Return common addresses of feeds, for sites that do not link theirs."""
    return [Candidate(url=urljoin(url, path)) for path in COMMON_PATHS]


def robots_sitemaps(body: bytes, url: str) -> list[Candidate]:
    """Return the sitemaps listed in a robots.txt, news sitemaps first."""
    addresses = dict.fromkeys(address for loc in read_sitemaps(body) if (address := _requested(loc, url)))
    ranked = sorted(
        addresses,
        key=lambda address: (
            not re.search(r"news|nachrichten|actu", address, re.IGNORECASE),
            site(address) != site(url),
        ),
    )
    return [Candidate(url=address, kind="sitemap") for address in ranked[:MAX_CANDIDATES]]


def _requested(loc: str, base: str) -> str | None:
    try:
        return canonical_url(loc, base)
    except ValueError:
        return None


def common_sitemap_urls(url: str) -> list[Candidate]:
    """Return common addresses of news sitemaps, for sites that do not list theirs."""
    return [Candidate(url=urljoin(url, path), kind="sitemap") for path in NEWS_MAPS]
