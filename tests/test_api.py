from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from datetime import UTC, datetime

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


def test_crawl_yields_its_articles_on_request(desk: Desk, site: Site) -> None:
    site.news(3)
    desk.configure(source(site))
    config, database = desk.folder / "newsdesk.toml", desk.database
    titles = {f"Story number {n} of the week" for n in range(3)}
    assert {article.title for article in crawler.crawl(config=config, database=database, articles=True)} == titles
    assert list(crawler.crawl(config=config, database=database, articles=True)) == []
    site.news(40)
    first = crawler.crawl(config=config, database=database, articles=True)
    assert next(first).title not in titles
    first.close()  # type: ignore[attr-defined]  # a generator
    rest = [article.title for article in crawler.crawl(config=config, database=database, articles=True)]
    with crawler.open_store(database) as store:
        assert store.count() == 40
        assert len(rest) < 40
    with pytest.raises(crawler.CrawlerError, match="no source is called"):
        next(crawler.crawl("nobody", config=config, database=database, articles=True))


def test_an_article_for_programs_and_notebooks(desk: Desk, site: Site) -> None:
    site.news(3)
    desk.configure(source(site))
    crawler.crawl(config=desk.folder / "newsdesk.toml", database=desk.database)
    with crawler.open_store(desk.database) as store:
        article = next(store.articles()).article
        table, frame = store.articles().to_arrow(), store.search("story", crawler.Filter(limit=2)).to_pandas()
    exported = json.loads(desk.run("list", "--json", "--limit", "1").out)[0]
    assert article.to_dict() == exported
    assert article.published == datetime.fromisoformat(article.published_at or "")
    assert article.first_seen is not None
    assert article.first_seen.tzinfo is UTC
    assert article.vanished is None
    assert len(repr(article)) < 300
    assert table.num_rows == 3
    assert table["published"].to_pylist()[0] == article.published
    assert (len(frame), str(frame["published"].dtype)[:14]) == (2, "datetime64[us,")
    odd = crawler.Article(url="javascript:alert(1)", title="<b>x</b>", text="a & b " * 100, published_at="2020-02-11")
    shown = odd._repr_html_()
    assert "javascript" not in shown
    assert "&lt;b&gt;x&lt;/b&gt;" in shown
    assert len(shown) < 1_000
    assert odd.published == datetime(2020, 2, 11, tzinfo=UTC)


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
