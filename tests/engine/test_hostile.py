"""What strangers send, and what a run makes of it: it ends, tells, and loses nothing else. Each case hung or broke a crawl once."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

import pytest

from tests.conftest import Desk, source
from tests.site import Answer, Site, article_html, story


def page(body: str) -> bytes:
    return f"<!doctype html><html><head><title>A page of its own</title></head><body>{body}</body></html>".encode()


@pytest.fixture
def mixed(desk: Desk, site: Site) -> Desk:
    """One good story beside the hostile ones."""
    site.page("/2026/a-good-story-to-keep", "A good story", story(1))
    desk.configure(source(site))
    return desk


def crawl(desk: Desk, site: Site, **pages: Answer) -> dict[str, dict[str, Any]]:
    for name, answer in pages.items():
        site.answers[f"/2026/a-hostile-page-{name}"] = answer
    site.rss(
        "/feed.xml",
        [{"title": n, "link": f"/2026/a-hostile-page-{n}"} for n in pages]
        + [{"title": "good", "link": "/2026/a-good-story-to-keep"}],
    )
    started = time.monotonic()
    done = desk.run("crawl", timeout=60)
    assert done.code == 0, done.err
    assert time.monotonic() - started < 45
    assert [r["title"] for r in desk.rows("SELECT title FROM articles WHERE url LIKE '%good%'")] == ["A good story"]
    assert not desk.rows("SELECT 1 FROM entries WHERE state = 'leased'")
    return {r["url"].rsplit("-", 1)[1]: r for r in desk.rows("SELECT * FROM entries")}


def test_pages_that_trip_a_parser_fail_alone(mixed: Desk, site: Site) -> None:
    text = "".join(f"<p>{p}</p>" for p in story(3))
    found = crawl(
        mixed,
        site,
        deep=Answer(page("<div>" * 1500 + text)),
        base=Answer(page(text).replace(b"<head>", b'<head><base href="http://[x">')),
        crumb=Answer(
            page(text).replace(
                b"<head>",
                '<head><script type="application/ld+json">{"@type":"BreadcrumbList","itemListElement":[{"position":"²","name":"x"}]}</script>'.encode(),
            )
        ),
        retry=Answer(b"later", 503, headers={"Retry-After": "\u00b2".encode("latin-1").decode("latin-1")}),
        canonical=Answer(article_html(site.base, "/x", "Odd canonical", story(4), canonical="http://[::1").encode()),
        nul=Answer(page(text + "\0\ufffe<p>more of it</p>")),
        bomb=Answer(gzip.compress(b"0" * 40_000_000), headers={"Content-Encoding": "gzip"}),
        notgzip=Answer(b"hello", headers={"Content-Encoding": "gzip"}),
        closes=Answer(raw=lambda handler: None),
    )
    assert all(r["state"] in {"fetched", "retry", "rejected"} for r in found.values())
    assert not [
        r["reason"] for r in found.values() if r["reason"] and ("Error" in r["reason"] or "twisted" in r["reason"])
    ]
    assert found["deep"]["state"] == "fetched", found["deep"]["reason"]
    assert found["base"]["state"] == "fetched"


def test_a_sitemap_index_cannot_poison_the_database(desk: Desk, site: Site) -> None:
    site.news(1)
    maps = "".join(
        f"<sitemap><loc>{loc}</loc></sitemap>"
        for loc in (
            "mailto:a@b.org",
            "http://e.example:99999/x.xml",
            "http://[x",
            "javascript:alert(1)",
            "file:///etc/hostname",
        )
    )
    site.answers["/index.xml"] = Answer(f"<sitemapindex>{maps}</sitemapindex>".encode(), kind="text/xml")
    desk.configure(
        f'[[source]]\nid = "post"\nurl = "{site.base}/"\nfeeds = ["{site.base}/feed.xml"]\nsitemaps = ["{site.base}/index.xml"]\n'
    )
    for _ in range(2):
        assert desk.run("crawl").code == 0
    assert len(desk.rows("SELECT 1 FROM articles")) == 1
    assert not desk.rows("SELECT 1 FROM feeds WHERE parent_url IS NOT NULL")


def test_a_secret_that_is_not_set_fails_its_source_only(desk: Desk, site: Site) -> None:
    site.news(1)
    desk.configure(
        source(site),
        source(site, id="secret", feeds=("/other.xml",), more='headers = { Authorization = "env:NOT_SET_ANYWHERE" }'),
    )
    done = desk.run("crawl")
    assert done.code == 4
    assert (
        "NOT_SET_ANYWHERE is not set"
        in desk.rows("SELECT last_error FROM feeds WHERE source = 'secret'")[0]["last_error"]
    )
    assert len(desk.rows("SELECT 1 FROM articles")) == 1


def test_a_batch_that_is_all_refused_does_not_end_the_run(desk: Desk, site: Site) -> None:
    site.news(10)
    desk.configure(source(site, more="exclude = ['number-[0-6]$']"))
    assert desk.run("crawl").code == 0
    assert len(desk.rows("SELECT 1 FROM articles")) == 3
    assert not desk.rows("SELECT 1 FROM entries WHERE state = 'pending'")
    assert json.loads(desk.rows("SELECT rejected FROM source_days")[0]["rejected"]) == {
        "left out by the source's exclude patterns": 7
    }


def test_row_27_an_outage_of_many_crawls_loses_no_article(desk: Desk, site: Site) -> None:
    site.page("/2026/a-story-in-an-outage", "A story", story(1))
    kept = site.answers["/2026/a-story-in-an-outage"]
    site.answers["/2026/a-story-in-an-outage"] = Answer(status=500)
    site.rss("/feed.xml", [{"title": "A story", "link": "/2026/a-story-in-an-outage"}])
    desk.configure(source(site))
    for _ in range(14):
        desk.run("crawl")
    assert [r["state"] for r in desk.rows("SELECT state FROM entries")] == ["retry"]
    site.answers["/2026/a-story-in-an-outage"] = kept
    desk.run("crawl")
    assert len(desk.rows("SELECT 1 FROM articles")) == 1


def test_a_huge_robots_txt_is_read_in_part(desk: Desk, site: Site) -> None:
    site.news(1)
    site.answers["/robots.txt"] = Answer(
        b"User-agent: *\nDisallow: /private/\n" + b"# nothing\n" * 1_000_000, kind="text/plain"
    )
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    assert len(desk.rows("SELECT 1 FROM articles")) == 1


def test_hostile_entries_are_told_and_never_asked_for(desk: Desk, site: Site) -> None:
    links = (
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://a.org/x",
        "http://a.org:99999/",
        "",
        "data:text/html,x",
    )
    items = "".join(f"<item><title>t{n}</title><link>{link}</link></item>" for n, link in enumerate(links))
    site.answers["/feed.xml"] = Answer(
        f"<rss><channel><title>x</title>{items}</channel></rss>".encode(), kind="text/xml"
    )
    desk.configure(source(site))
    done = desk.run("crawl")
    assert f"{len(links)} × the feed gives no address for it" in done.out
    assert site.paths() == ["/feed.xml"]
