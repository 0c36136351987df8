"""What a source's operator gave for it alone, a header or a cookie, goes to that source's own hosts and into no log, dump, database or archive."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest

from tests.conftest import Desk, source
from tests.site import Answer, Site, story

TOKEN, COOKIE, FROM_ENV = "Bearer 7731-told-to-one", "s3ss10n-4711", "env-s3cret-9090"


@pytest.fixture
def spoken(tmp_path: Path) -> tuple[Desk, Site, Site, str]:
    """A source with secrets that leads, by redirect, link, sitemap and robots.txt, to somebody else; and all that was said meanwhile."""
    desk, own, other = Desk(tmp_path), Site("127.0.13.1"), Site("127.0.13.2")
    own.news(2)
    own.answers["/2026/away"] = Answer(b"", 302, headers={"Location": f"{other.base}/2026/caught"})
    other.page("/2026/caught", "Caught", story(5))
    own.answers["/moved.xml"] = Answer(b"", 301, headers={"Location": f"{other.base}/feed.xml"})
    other.rss("/feed.xml", [{"title": "Theirs", "link": "/2026/theirs"}])
    other.page("/2026/theirs", "Theirs", story(6))
    own.answers["/map.xml"] = Answer(
        f"<sitemapindex><sitemap><loc>{other.base}/map.xml</loc></sitemap></sitemapindex>".encode(), kind="text/xml"
    )
    items = [
        {"title": "n0", "link": "/2026/11/20/story-number-0"},
        {"title": "away", "link": "/2026/away"},
        {"title": "broken", "link": "/2026/missing"},
    ]
    own.rss("/feed.xml", items)
    (tmp_path / "cookies.txt").write_text(
        f"# Netscape HTTP Cookie File\n127.0.13.1\tFALSE\t/\tFALSE\t{int(time.time()) + 9999}\tsid\t{COOKIE}\n"
    )
    desk.env["THEIR_KEY"] = FROM_ENV
    more = f'headers = {{ Authorization = "{TOKEN}", X-Key = "env:THEIR_KEY" }}\ncookies = "{tmp_path}/cookies.txt"\nsitemaps = ["{own.base}/map.xml"]'
    desk.configure(source(own, feeds=("/feed.xml", "/moved.xml"), more=more))
    said = ""
    for command in (("-v", "crawl"), ("config", "show"), ("config", "show", "--origin"), ("doctor",), ("status", "--json"), ("sources", "list", "--json"), ("sources", "export"), ("export", "--format", "jsonl", "-"), ("-v", "fetch", f"{own.base}/2026/11/20/story-number-1")):  # fmt: skip
        done = desk.run(*command)
        said += f"{command}\n{done.out}\n{done.err}\n"
    own.close()
    other.close()
    return desk, own, other, said


def test_secrets_go_to_their_own_hosts_only(spoken: tuple[Desk, Site, Site, str]) -> None:
    _, own, other, _ = spoken
    assert [r for r in own.requests if r.headers.get("authorization") == TOKEN and r.headers.get("x-key") == FROM_ENV]
    assert [r for r in own.requests if COOKIE in r.headers.get("cookie", "")]
    assert other.requests
    for request in other.requests:
        assert not {"authorization", "x-key", "cookie"} & request.headers.keys(), request


def test_secrets_stand_in_no_output_database_or_archive(spoken: tuple[Desk, Site, Site, str]) -> None:
    desk, _, _, said = spoken
    for secret in (TOKEN, COOKIE, FROM_ENV):
        assert secret not in said
        for path in desk.folder.rglob("*"):
            if path.is_file() and path.name not in {"newsdesk.toml", "cookies.txt"}:
                data = path.read_bytes()
                if path.suffix == ".gz":
                    data = gzip.decompress(data)
                assert secret.encode() not in data, path
