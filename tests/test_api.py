from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

import crawler
import storage
from crawler.config.loader import load_config
from crawler.errors import FetchError
from tests.conftest import ROOT, Desk, source
from tests.site import Site, story


def test_the_public_names_are_these() -> None:
    assert crawler.__all__ == [
        "Article",
        "CrawlerError",
        "Extraction",
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
    for name in set(crawler.__all__) - {"__version__"}:
        assert getattr(crawler, name).__doc__, name
    for name in ("open_store", "StorageError", "Article", "Entry", "Feed", "FeedCheck", "Verdict", "CrawlRun"):
        assert getattr(storage, name)


def test_importing_crawler_is_cheap() -> None:
    code = "import sys, crawler, storage; print([m for m in sys.modules if m.split('.')[0] in ('scrapy', 'twisted', 'trafilatura', 'lxml', 'sqlite_utils', 'click', 'rich', 'feedparser')])"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
        ).stdout.strip()
        == "[]"
    )


def test_fetch_twice_in_a_loop_and_in_threads(desk: Desk, site: Site) -> None:
    url = site.page("/2026/a-story-by-itself-here", "A story by itself", story(1))
    desk.configure(source(site))
    config, database = load_config(desk.folder / "newsdesk.toml"), desk.folder / "api.db"
    first = crawler.fetch(url, config=config, database=database)
    assert (first.id, first.title, first.source) == (1, "A story by itself", "post")

    async def inside() -> crawler.Article:
        return crawler.fetch(url, config=config, database=database)

    assert asyncio.run(inside()).id == 1
    found: list[object] = []
    thread = threading.Thread(
        target=lambda: found.extend(
            crawler.fetch_many([url, f"{site.base}/gone-for-good-story"], config=config, store=False)
        )
    )
    thread.start()
    thread.join()
    assert isinstance(found[0], crawler.Article)
    assert isinstance(found[1], FetchError)
    assert "not found (404)" in str(found[1])
    with pytest.raises(crawler.CrawlerError, match="not a public address"):
        crawler.fetch("http://127.0.0.1:9/x", database=database)


def test_crawl_returns_its_run_and_the_store_answers(desk: Desk, site: Site) -> None:
    site.news(3)
    desk.configure(source(site))
    run = crawler.crawl(config=desk.folder / "newsdesk.toml", database=desk.database, limit=2)
    assert (run.exit_code, run.total("articles_new"), run.sources[0].waiting) == (0, 2, 1)
    with crawler.open_store(desk.database) as store:
        assert [hit.article.title for hit in store.search("week")] == [
            "Story number 2 of the week",
            "Story number 1 of the week",
        ] or store.count() == 2
    with pytest.raises(crawler.CrawlerError, match="no source is called"):
        crawler.crawl("nobody", config=desk.folder / "newsdesk.toml", database=desk.database)


def test_pure_verbs() -> None:
    assert (
        crawler.parse_feed(
            b"<rss><channel><title>x</title><item><title>t</title><link>http://a.org/1</link></item></channel></rss>",
            "http://a.org/rss",
        )
        .entries[0]
        .title
        == "t"
    )
    page = "<article><h1>A headline</h1>" + "".join(f"<p>{p}</p>" for p in story(3)) + "</article>"
    found = crawler.extract(page.encode(), "https://a.org/2026/a-story-here-now")
    assert found is not None
    assert found.title == "A headline"
    assert crawler.extract(b"", "https://a.org/") is None
    assert crawler.url_key("https://www.a.org/x?utm_source=y") == crawler.url_key("http://a.org/x/")
