"""newsdesk's Python API. Each name is loaded on first use, so the import is cheap; Scrapy runs only in a child process.

import crawler

article = crawler.fetch("https://www.themoscowtimes.com/…")
with crawler.open_store("news.db") as store:
    for hit in store.search("Idlib"):
        print(hit.article.title)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from crawler.version import __version__

if TYPE_CHECKING:
    from crawler.api import crawl, extract, fetch, fetch_many, parse_feed
    from crawler.articles.near_duplicates import group_stories
    from crawler.config.loader import load_config
    from crawler.errors import CrawlerError, FetchError
    from crawler.extraction.extraction import Extraction
    from crawler.feeds.discovery import discover_feeds
    from crawler.urls import canonical_url, url_key
    from storage.article import Article
    from storage.records import Filter
    from storage.store import open_store

_WHERE = {
    "Article": "storage.article",
    "CrawlerError": "crawler.errors",
    "Extraction": "crawler.extraction.extraction",
    "FetchError": "crawler.errors",
    "Filter": "storage.records",
    "canonical_url": "crawler.urls",
    "crawl": "crawler.api",
    "discover_feeds": "crawler.feeds.discovery",
    "extract": "crawler.api",
    "fetch": "crawler.api",
    "fetch_many": "crawler.api",
    "group_stories": "crawler.articles.near_duplicates",
    "load_config": "crawler.config.loader",
    "open_store": "storage.store",
    "parse_feed": "crawler.api",
    "url_key": "crawler.urls",
}

__all__ = [
    "Article",
    "CrawlerError",
    "Extraction",
    "FetchError",
    "Filter",
    "__version__",
    "canonical_url",
    "crawl",
    "discover_feeds",
    "extract",
    "fetch",
    "fetch_many",
    "group_stories",
    "load_config",
    "open_store",
    "parse_feed",
    "url_key",
]


def __getattr__(name: str) -> object:
    """Import a name on first use."""
    if name not in _WHERE:
        raise AttributeError(f"module 'crawler' has no attribute {name!r}")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
