"""Whole crawls against a real site on a real port."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from storage.utc import parse_utc
from tests.conftest import Desk, source
from tests.site import Answer, Request, Site, article_html, story


def articles(desk: Desk) -> list[dict[str, Any]]:
    return desk.rows("SELECT * FROM articles ORDER BY id")


def entries(desk: Desk) -> dict[str, dict[str, Any]]:
    return {r["url"].split("/", 3)[3] if r["url"] else r["identity"]: r for r in desk.rows("SELECT * FROM entries")}


def test_each_new_article_is_fetched_once_and_the_second_crawl_asks_feeds_only(desk: Desk, site: Site) -> None:
    site.news(5)
    desk.configure(source(site))
    first = desk.run("crawl")
    assert first.code == 0, first.err
    assert len(articles(desk)) == 5
    assert site.requests[0].path == "/robots.txt"
    assert [r.path for r in site.requests].count("/robots.txt") == 1
    assert len(site.paths()) == len(set(site.paths())) == 6
    assert all(
        r.headers["user-agent"].startswith("newsdesk/") and "cookie" not in r.headers and "referer" not in r.headers
        for r in site.requests
    )
    site.requests.clear()
    second = desk.run("crawl")
    assert second.code == 0
    assert site.paths() == ["/feed.xml"]
    assert site.paths(status=304) == ["/feed.xml"]
    assert len(articles(desk)) == 5
    assert site.most_in_flight == 1


def test_without_validators_an_unchanged_body_is_told_by_its_hash(desk: Desk, site: Site) -> None:
    site.news(2)
    site.answers["/feed.xml"].etag = False
    desk.configure(source(site))
    desk.run("crawl")
    site.requests.clear()
    assert desk.run("crawl").code == 0
    assert site.paths() == ["/feed.xml"]
    assert desk.rows("SELECT body_hash FROM feeds")[0]["body_hash"]


def test_validators_go_back_byte_for_byte_and_only_to_the_address_that_gave_them(desk: Desk, site: Site) -> None:
    site.news(1, feed="/real.xml")
    site.answers["/real.xml"].etag = False
    site.answers["/real.xml"].headers = {"ETag": 'W/"odd \\"one', "Last-Modified": "some time on Tuesday"}
    site.answers["/feed.xml"] = Answer(status=301, headers={"Location": "/real.xml"}, etag=False)
    desk.configure(source(site))
    desk.run("crawl")
    site.requests.clear()
    desk.run("crawl")
    by_path = {r.path: r.headers for r in site.requests}
    assert "if-none-match" not in by_path["/feed.xml"]
    assert by_path["/real.xml"]["if-none-match"] == 'W/"odd \\"one'
    assert by_path["/real.xml"]["if-modified-since"] == "some time on Tuesday"


def test_robots_txt_is_obeyed_and_tracking_parameters_are_stripped_before_asking(desk: Desk, site: Site) -> None:
    site.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /secret/\nDisallow: *?utm\n", kind="text/plain")
    site.page("/2026/story-one-two-three", "An open story", story(1))
    site.page("/secret/story-one-two-three", "A closed story", story(2))
    site.rss(
        "/feed.xml",
        [
            {"title": "An open story", "link": "/2026/story-one-two-three?utm_source=rss"},
            {"title": "A closed story", "link": "/secret/story-one-two-three"},
        ],
    )
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    assert [a["title"] for a in articles(desk)] == ["An open story"]
    assert "/secret/story-one-two-three" not in site.paths()
    assert "/2026/story-one-two-three" in site.paths()
    assert desk.rows("SELECT url FROM article_urls")[0]["url"].endswith("?utm_source=rss")
    assert entries(desk)["secret/story-one-two-three"]["reason"] == "disallowed by robots.txt"


def test_a_robots_txt_that_fails_defers_the_host(desk: Desk, site: Site) -> None:
    site.news(1)
    site.answers["/robots.txt"] = Answer(status=503)
    desk.configure(source(site))
    done = desk.run("crawl")
    assert done.code == 5
    assert "robots.txt answers 503" in done.out
    assert site.paths() == []
    site.answers["/robots.txt"] = Answer(status=404)
    assert desk.run("crawl").code == 0  # nothing may be asked yet
    assert site.paths() == []


def test_not_found_soft_404_and_redirects(desk: Desk, site: Site) -> None:
    site.page("/2026/the-real-story-here", "The real story", story(1))
    site.answers["/2026/the-old-address-here"] = Answer(status=301, headers={"Location": "/2026/the-real-story-here"})
    site.answers["/2026/soft-missing-story"] = Answer(
        b"<title>The Post</title><h1>Oops!</h1><h2>We couldn't find your page.</h2>"
    )
    site.answers["/2026/round-and-round-it"] = Answer(status=302, headers={"Location": "/2026/round-and-round-it"})
    links = ("the-old-address-here", "soft-missing-story", "hard-missing-story", "round-and-round-it")
    site.rss("/feed.xml", [{"title": name, "link": f"/2026/{name}"} for name in links])
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    assert [a["url"] for a in articles(desk)] == [f"{site.base}/2026/the-real-story-here"]
    found = entries(desk)
    assert {r["url"].rsplit("/", 1)[1] for r in desk.rows("SELECT url FROM article_urls")} == {
        "the-old-address-here",
        "the-real-story-here",
    }
    assert (found["2026/soft-missing-story"]["state"], found["2026/soft-missing-story"]["reason"]) == (
        "rejected",
        "soft 404",
    )
    assert (found["2026/hard-missing-story"]["state"], found["2026/hard-missing-story"]["reason"]) == (
        "gone",
        "not found (404)",
    )
    assert found["2026/round-and-round-it"]["state"] == "retry", found["2026/round-and-round-it"]["reason"]
    assert "circle" in found["2026/round-and-round-it"]["reason"]


def test_an_edited_entry_is_asked_for_again_conditionally_and_becomes_a_revision(desk: Desk, site: Site) -> None:
    site.page("/2026/a-story-that-changes", "A story", story(1))
    items = [{"title": "A story", "link": "/2026/a-story-that-changes", "guid": "1"}]
    site.rss("/feed.xml", items)
    desk.configure(source(site))
    desk.run("crawl")
    site.rss("/feed.xml", [{**items[0], "title": "A story, updated"}])
    desk.run("crawl")
    assert site.paths(status=304) == ["/2026/a-story-that-changes"]
    site.page("/2026/a-story-that-changes", "A story", [*story(1)[:3], "A last paragraph that is quite new."])
    site.rss("/feed.xml", [{**items[0], "title": "A story, updated again"}])
    desk.run("crawl")
    assert [(a["revision"], a["title"]) for a in articles(desk)] == [(2, "A story")]
    assert [r["number"] for r in desk.rows("SELECT number FROM revisions ORDER BY number")] == [1, 2]
    diff = desk.run("show", "1", "--diff")
    assert "quite new.+}" in diff.out
    assert "[-" in diff.out


def test_the_consent_wall_is_never_the_text_and_the_article_is_asked_again_later(desk: Desk, site: Site) -> None:
    site.answers["/2026/a-story-behind-a-wall"] = Answer(
        b"<title>Privacy</title><h1>We value your privacy</h1><p>Accept all cookies to continue.</p>"
    )
    site.rss(
        "/feed.xml",
        [{"title": "A walled headline", "link": "/2026/a-story-behind-a-wall", "summary": "What the feed said of it."}],
    )
    desk.configure(source(site))
    done = desk.run("crawl")
    assert "consent wall" in done.out
    (article,) = articles(desk)
    assert (article["title"], article["completeness"], article["text"], article["summary"]) == (
        "A walled headline",
        "teaser",
        None,
        "What the feed said of it.",
    )
    assert "walled" in desk.run("search", "walled").out.lower()
    site.requests.clear()
    desk.run("crawl")
    assert site.paths() == ["/feed.xml"]


def test_server_errors_and_broken_transfers_are_tried_again_and_lose_nothing(desk: Desk, site: Site) -> None:
    page = article_html(site.base, "/2026/broken-at-first-sight", "A story", story(1)).encode()

    def short(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 90000\r\n\r\n" + page)

    def cut_gzip(handler: Any) -> None:
        body = gzip.compress(page)[:-30]
        handler.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
            % len(body)
            + body
        )

    site.answers["/2026/broken-at-first-sight"] = Answer(raw=short)
    site.answers["/2026/gzip-cut-in-the-middle"] = Answer(raw=cut_gzip)
    site.answers["/2026/server-error-for-now"] = Answer(status=500)
    site.answers["/2026/asked-to-come-later"] = Answer(status=503, headers={"Retry-After": "3600"})
    names = ("broken-at-first-sight", "gzip-cut-in-the-middle", "server-error-for-now", "asked-to-come-later")
    site.rss("/feed.xml", [{"title": n, "link": f"/2026/{n}"} for n in names])
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    assert articles(desk) == []
    assert {r["state"] for r in desk.rows("SELECT state FROM entries")} == {"retry"}
    for name in names:
        site.page(f"/2026/{name}", f"Story {name}", story(len(name)))
    site.requests.clear()
    assert desk.run("crawl").code == 0
    assert len(articles(desk)) == 3
    assert "/2026/asked-to-come-later" not in site.paths()


def test_a_slow_page_ends_in_time(desk: Desk, site: Site) -> None:
    site.page("/2026/a-slow-story-indeed", "Slow", story(1))
    site.answers["/2026/a-slow-story-indeed"].delay = 30
    site.rss("/feed.xml", [{"title": "Slow", "link": "/2026/a-slow-story-indeed"}])
    desk.configure(source(site), extra="")
    desk.env["NEWSDESK_HTTP__TIMEOUT"] = "1"
    started = time.monotonic()
    assert desk.run("crawl").code == 0
    assert time.monotonic() - started < 25
    assert "in time" in entries(desk)["2026/a-slow-story-indeed"]["reason"]


def test_some_and_all_failed(desk: Desk, site: Site) -> None:
    site.news(1)
    site.answers["/page.xml"] = Answer(b"<!doctype html><html><body>maintenance</body></html>")
    desk.configure(
        source(site),
        source("http://127.0.0.1:9", id="refused"),
        source(site, feeds=("/page.xml",), id="webpage"),
        source(site, feeds=("/missing.xml",), id="missing"),
    )
    done = desk.run("crawl")
    assert done.code == 4
    for said in ("the connection was refused", "a web page, not a feed", "the server answered 404"):
        assert said in done.out
    assert desk.run("crawl", "refused", "webpage").code == 5
    assert "newsdesk demo" in desk.run("crawl", "refused").err
    assert desk.run("crawl", "nobody").code == 3


def test_a_source_without_a_feed_says_what_to_do(desk: Desk) -> None:
    desk.configure('[[source]]\nid = "bare"\nurl = "http://127.0.0.1:9/"\n')
    done = desk.run("crawl")
    assert done.code == 5
    assert "no feeds, sitemaps or pages" in done.out
    assert "newsdesk sources add" in done.out


def test_limit_takes_the_newest_and_tells_what_waits(desk: Desk, site: Site) -> None:
    site.news(8)
    desk.configure(source(site))
    done = desk.run("crawl", "--limit", "3")
    assert "5 more wait" in done.err
    assert sorted(a["title"] for a in articles(desk)) == [f"Story number {n} of the week" for n in (5, 6, 7)]
    desk.run("crawl")
    assert len(articles(desk)) == 8


def test_two_crawls_at_once_the_second_exits_6_and_others_work_meanwhile(desk: Desk, site: Site) -> None:
    site.news(60)  # half a minute: it goes on while others ask
    site.page("/2026/asked-for-by-hand-now", "Asked for by hand", story(99))
    desk.configure(source(site), delay=0.5)
    first = desk.start("crawl")
    try:
        _until(lambda: len(site.paths()) > 3)
        started = time.monotonic()
        second = desk.run("crawl")
        assert second.code == 6
        assert time.monotonic() - started < 20  # it waits for nobody
        assert f"pid {first.pid}" in second.err
        assert "newsdesk crawl" in second.err
        assert desk.run("list").code == 0
        assert desk.run("search", "story").code == 0
        fetched = desk.run("fetch", f"{site.base}/2026/asked-for-by-hand-now", "--json")
        assert fetched.code == 0, fetched.err
        assert json.loads(fetched.out)[0]["title"] == "Asked for by hand"
        assert first.poll() is None
    finally:
        first.send_signal(signal.SIGINT)
        first.wait(timeout=60)
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    assert len(articles(desk)) == 61


def test_a_running_crawl_stops_at_a_signal_and_the_next_one_goes_on(desk: Desk, site: Site) -> None:
    site.news(10)
    desk.configure(source(site), delay=0.4)
    running = desk.start("crawl")
    _until(lambda: len(site.paths()) > 3)
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=20) == 130
    assert not desk.rows("SELECT 1 FROM entries WHERE state = 'leased'")
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    assert len(articles(desk)) == 10


def test_the_guard_refuses_what_is_not_public(desk: Desk, site: Site) -> None:
    site.news(1)
    desk.configure(source(site))
    text = (desk.folder / "newsdesk.toml").read_text().replace('allow_networks = ["127.0.0.0/8", "::1/128"]', "")
    (desk.folder / "newsdesk.toml").write_text(text)
    done = desk.run("crawl")
    assert done.code == 5
    assert "not a public address" in done.out
    assert site.requests == []
    localhost = desk.run("fetch", site.base.replace("127.0.0.1", "localhost") + "/x", "--no-store")
    assert localhost.code == 5
    assert "not a public address" in localhost.err or "port" in localhost.err
    assert site.requests == []


def test_a_redirect_to_a_private_address_is_refused(desk: Desk, site: Site) -> None:
    site.answers["/2026/go-somewhere-else-now"] = Answer(status=302, headers={"Location": "http://10.1.2.3/secret"})
    site.answers["/2026/go-to-a-local-file"] = Answer(status=302, headers={"Location": "file:///etc/hostname"})
    site.rss(
        "/feed.xml",
        [{"title": "x", "link": "/2026/go-somewhere-else-now"}, {"title": "y", "link": "/2026/go-to-a-local-file"}],
    )
    desk.configure(source(site))
    desk.run("crawl")
    assert articles(desk) == []
    assert "10.1.2.3 is not a public address" in entries(desk)["2026/go-somewhere-else-now"]["reason"]


def test_nothing_is_lost_to_a_merge(desk: Desk, site: Site) -> None:
    boilerplate = ["Watch our latest videos here, every day.", "Subscribe to the channel for more."]
    pages = {
        "/2026/canonical-to-another-outlet": ("Wire story", story(1), {"canonical": "https://wire.example.net/story"}),
        "/2026/canonical-to-home-page-1": ("Home one", story(2), {"canonical": f"{site.base}/"}),
        "/2026/canonical-to-home-page-2": ("Home two", story(3), {"canonical": f"{site.base}/"}),
        "/video/first-of-the-two-111": ("First video", boilerplate, {}),
        "/video/second-of-the-two-222": ("Second video", boilerplate, {}),
        "/horoscope/2026-11-20-taurus": (
            "Your horoscope",
            story(4),
            {"canonical": f"{site.base}/horoscope/your-daily-horoscope-here"},
        ),
        "/horoscope/2026-11-21-taurus": (
            "Your horoscope",
            story(5),
            {"canonical": f"{site.base}/horoscope/your-daily-horoscope-here"},
        ),
        "/horoscope/2026-11-22-taurus": (
            "Your horoscope",
            story(6),
            {"canonical": f"{site.base}/horoscope/your-daily-horoscope-here"},
        ),
    }
    for path, (title, text, more) in pages.items():
        site.page(path, title, text, **more)
    site.rss("/feed.xml", [{"title": title, "link": path} for path, (title, _, _) in pages.items()])
    desk.configure(source(site))
    desk.run("crawl")
    assert sorted(a["url"] for a in articles(desk)) == sorted(site.base + path for path in pages)
    assert {a["canonical_elsewhere"] for a in articles(desk)} == {None, "https://wire.example.net/story"}
    assert desk.run("db", "check").code == 0


def test_sources_own_headers_go_to_its_own_hosts_only(desk: Desk, site: Site) -> None:
    other = Site()
    try:
        other.page("/2026/over-there-a-story-is", "Over there", story(2))
        site.answers["/2026/leads-to-another-host"] = Answer(
            status=302, headers={"Location": f"{other.base}/2026/over-there-a-story-is"}
        )
        site.page("/2026/a-story-with-a-token", "Here", story(1))
        site.rss(
            "/feed.xml",
            [
                {"title": "a", "link": "/2026/leads-to-another-host"},
                {"title": "b", "link": "/2026/a-story-with-a-token"},
            ],
        )
        desk.configure(source(site, more='headers = { X-Token = "env:MY_TOKEN" }'))
        desk.env["MY_TOKEN"] = "s3cret"
        desk.run("crawl")
        assert {r.headers.get("x-token") for r in site.requests if r.path != "/robots.txt"} == {"s3cret"}
        assert {r.headers.get("x-token") for r in other.requests} == {None}
        assert b"s3cret" not in desk.database.read_bytes()
    finally:
        other.close()


def test_section_pages_are_polled_where_an_outlet_has_no_feed(desk: Desk, site: Site) -> None:
    for n in range(3):
        site.page(f"/2026/11/20/section-story-number-{n}", f"Section story number {n}", story(n))
    links = "".join(f'<a href="/2026/11/20/section-story-number-{n}">Section story number {n}</a>' for n in range(3))
    site.answers["/news"] = Answer(f"<html><body>{links}</body></html>".encode())
    desk.configure(f'[[source]]\nid = "post"\nurl = "{site.base}/"\npages = ["{site.base}/news"]\n')
    assert desk.run("crawl").code == 0
    assert len(articles(desk)) == 3
    assert {r["found_by"] for r in desk.rows("SELECT found_by FROM entries")} == {"page"}


def test_a_delay_of_zero_is_still_one_request_at_a_time(desk: Desk, site: Site) -> None:
    site.news(12)
    for path, answer in site.answers.items():
        if path.startswith("/2026"):
            answer.delay = 0.03
    desk.configure(source(site), delay=0)
    assert desk.run("crawl").code == 0
    assert len(articles(desk)) == 12
    assert site.most_in_flight == 1


def test_rechecks_come_at_their_ages_and_find_a_silent_edit(desk: Desk, site: Site) -> None:
    site.news(2)
    desk.configure(source(site, more="recheck = [3, 1000]"))
    desk.run("crawl")
    first = {a["id"]: a for a in articles(desk)}
    site.page("/2026/11/20/story-number-1", "Story number 1 of the week", [*story(1)[:3], "Quite another end of it."])
    time.sleep(3.2)
    site.requests.clear()
    assert "1 revised" in desk.run("crawl").err
    assert [r.status for r in site.requests if "story-number-0" in r.path] == [304]
    assert [(a["title"], a["revision"]) for a in articles(desk) if a["revision"] > 1] == [
        ("Story number 1 of the week", 2)
    ]
    for a in articles(desk):
        assert parse_utc(a["recheck_at"]) == parse_utc(first[a["id"]]["first_seen_at"]) + timedelta(seconds=1000)
    site.requests.clear()
    desk.run("crawl")
    assert site.paths() == ["/feed.xml"]


def test_include_and_exclude(desk: Desk, site: Site) -> None:
    site.news(2)
    site.rss(
        "/feed.xml",
        [
            {"title": "s", "link": "/2026/11/20/story-number-0"},
            {"title": "x", "link": "/sport/2026/a-match-was-played"},
        ],
    )
    desk.configure(source(site, more="exclude = ['/sport/']"))
    desk.run("crawl")
    assert len(articles(desk)) == 1
    assert "/sport/2026/a-match-was-played" not in site.paths()


def _until(ready: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "it did not get so far"
        time.sleep(0.05)


@pytest.mark.parametrize("status", [401, 402])
def test_a_paywalled_answer_with_a_title_is_kept_as_headline(desk: Desk, site: Site, status: int) -> None:
    site.answers["/2026/pay-before-you-read-me"] = Answer(b"<h1>Subscribe</h1>", status)
    site.rss("/feed.xml", [{"title": "Pay first", "link": "/2026/pay-before-you-read-me"}])
    desk.configure(source(site))
    desk.run("crawl")
    assert [(a["title"], a["completeness"]) for a in articles(desk)] == [("Pay first", "headline")]


def test_a_footer_that_stands_under_every_article_makes_no_stories(desk: Desk, site: Site) -> None:
    footer = "The Test Post is an independent newspaper that was founded by its readers, and it depends on them every single day of the year: if what we report matters to you, then please think about a small gift towards the cost of our work in the field, because without such gifts there would be nobody left at the harbour to ask the questions that need to be asked of those who decide for all of us."
    items = []
    for number in range(9):
        own = " ".join(f"harbour{number}news{word}" for word in range(50)) + "."
        site.page(f"/2026/11/20/brief-number-{number}", f"Brief number {number}", [own, footer])
        items.append(
            {
                "title": f"Brief number {number}",
                "link": f"/2026/11/20/brief-number-{number}",
                "date": "Fri, 20 Nov 2026 08:00:00 GMT",
            }
        )
    site.rss("/feed.xml", items)
    desk.configure(source(site))
    desk.run("crawl")
    assert len(desk.rows("SELECT id FROM articles")) == 9
    assert desk.rows("SELECT id FROM articles WHERE story_id <> id") == []


def test_the_process_that_writes_loads_no_extraction(desk: Desk, site: Site) -> None:
    site.news(1)
    desk.configure(source(site))
    heavy = (
        "trafilatura",
        "htmldate",
        "justext",
        "courlan",
        "feedparser",
        "apscheduler",
        "crawler.extraction.extractor",
    )
    code = (
        "import sys; from crawler.cli import run\n"
        "try:\n run(['-q', 'crawl'])\nexcept SystemExit as end:\n assert not end.code, end.code\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    for _ in range(2):  # with an article, and with nothing new
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=desk.folder, env=desk.environment(), capture_output=True, check=True
        )
        assert done.stdout.strip() == b"[]"


def test_as_many_pages_of_a_host_are_requested_at_once_as_per_host_says(desk: Desk, site: Site) -> None:
    """Three were leased at a time whatever it said, so that workers waited."""
    site.news(12)
    together = threading.Barrier(6)

    def answer(request: Request, _: int) -> Answer:
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(20)
        return site.answers[request.path]

    site.live |= {path: answer for path in site.answers if "/story" in path}
    desk.configure(source(site))
    settings = desk.folder / "newsdesk.toml"
    settings.write_text(settings.read_text().replace("jitter = 0", "jitter = 0\nper_host = 6"))
    assert desk.run("crawl").code == 0
    assert not together.broken
    assert site.most_in_flight == 6
    assert desk.rows("SELECT count(*) AS n FROM articles") == [{"n": 12}]


def test_a_crawl_that_will_read_pages_prepares_its_workers_before_the_slow_imports(desk: Desk, site: Site) -> None:
    site.news(1)
    desk.configure(source(site))
    code = (
        "import sys; from crawler.engine.workers import pool; from crawler.cli import run\n"
        "start = pool.start_servers\n"
        "pool.start_servers = lambda: (print('scrapy' in sys.modules), start())\n"
        "try:\n run(['-q', *sys.argv[1:]])\nexcept SystemExit as end:\n assert not end.code, end.code\n"
    )

    def prepared(*arguments: str) -> str:
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, cwd=desk.folder, env=desk.environment(), capture_output=True, check=True)
        return done.stdout.decode().split("\n")[0]

    assert prepared("crawl") == "False"  # a new file
    assert prepared("crawl") == ""  # just written to, and nothing is new
    long_ago = time.time() - 3600
    os.utime(desk.database, (long_ago, long_ago))
    assert prepared("crawl") == "False"
    assert prepared("fetch", "--no-store", "--text", f"{site.base}/2026/11/20/story-number-0") == "False"
