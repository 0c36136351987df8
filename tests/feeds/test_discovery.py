from __future__ import annotations

import gzip

import pytest

from crawler.errors import FeedError
from crawler.feeds.discovery import discover_feeds, looks_like_feed, robots_sitemaps


def test_discover_feeds_reads_what_a_page_names() -> None:
    page = b"""<html><head><base href="https://a.org/x/"><link rel="alternate" type="application/rss+xml" title="All" href="/rss"><link rel="alternate" type="application/atom+xml" href="atom.xml">
    <link rel="alternate" type="application/rss+xml" title="Comments" href="/comments/feed"><link rel="alternate" hreflang="de" href="/de"><link rel="alternate" type="application/json" href="/wp-json/1">
    </head><body><a href="/feeds/news.xml">RSS</a><a href="/rss/news">feed</a></body></html>"""
    assert [(c.url, c.kind) for c in discover_feeds(page, "https://a.org/")] == [
        ("https://a.org/rss", "rss"),
        ("https://a.org/x/atom.xml", "atom"),
        ("https://a.org/feeds/news.xml", ""),
        ("https://a.org/rss/news", ""),
    ]


def test_a_page_that_names_none_gives_none() -> None:
    assert discover_feeds(b"<html><body>hello</body></html>", "https://a.org/") == []
    assert discover_feeds(b"", "https://a.org/") == []


def test_news_sitemaps_come_first() -> None:
    robots = b"User-agent: *\nSitemap: https://a.org/sitemap.xml\nsitemap: /news-sitemap.xml\n"
    assert [c.url for c in robots_sitemaps(robots, "https://a.org/robots.txt")] == [
        "https://a.org/news-sitemap.xml",
        "https://a.org/sitemap.xml",
    ]


def test_looks_like_feed() -> None:
    assert looks_like_feed("https://a.org/rss")
    assert looks_like_feed("https://feeds.feedburner.com/x")
    assert looks_like_feed("https://a.org/?feed=rss2")
    assert not looks_like_feed("https://a.org/")


def test_a_home_page_that_ends_in_the_middle_of_its_gzip_is_told() -> None:
    cut = gzip.compress(b"<html>" + b"x" * 9_000)[:40]
    with pytest.raises(FeedError):
        discover_feeds(cut, "https://a.example/")
