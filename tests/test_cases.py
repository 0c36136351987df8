"""The given cases, each one input and the right value; they are built from public reports and not in the repository."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler.extraction.extraction import Extraction
from crawler.feeds.parsed_feed import ParsedFeed
from storage.records import FeedEntry
from tests.conftest import Desk, source
from tests.site import Answer, Site, rss

_ROW = re.compile(r"\| (.+?) \| (.+?) \| (.+?) \| (?:ok|WRONG) \|")
_CALL = re.compile(r"crawler\.\w+\(open\('(input\.\w+)','rb'\)\.read\(\), '([^']+)'\)")
PAGES = ("50", "53", "60", "62", "67", "70", "71", "74", "80", "84")
FEEDS: dict[str, Callable[[ParsedFeed], list[object]]] = {
    "01": lambda feed: [len(feed.entries), [str(entry.title).partition(":")[0] for entry in feed.entries]],
    "02": lambda feed: [len(feed.entries)],
    "04": lambda feed: [value for entry in feed.entries for value in (entry.summary, entry.content)],
    "09": lambda feed: [entry.authors for entry in feed.entries],
    "11": lambda feed: [entry.published_at for entry in feed.entries],
    "13": lambda feed: [entry.published_at for entry in feed.entries],
    "15": lambda feed: [entry.published_at for entry in feed.entries],
    "17": lambda feed: [entry.published_at for entry in feed.entries],
    "20": lambda feed: [feed.title, _number_3(feed).title, (_number_3(feed).summary or "").split()[0]],
    "25": lambda feed: [entry.title for entry in feed.entries],
    "29": lambda feed: [entry.url for entry in feed.entries],
    "33": lambda feed: [feed.entries[0].url, feed.entries[0].guid],
    "37": lambda feed: [entry.authors for entry in feed.entries],
    "40": lambda feed: [entry.url for entry in feed.entries],
}


@pytest.fixture
def cases(corpus: Path) -> Path:
    folder = corpus / "cases"
    if not folder.is_dir():
        pytest.skip(f"the cases are not at {folder}")
    return folder


def folder_of(cases: Path, number: str) -> Path:
    return next(folder for folder in cases.iterdir() if folder.name.startswith(f"{number}-"))


def expected(folder: Path) -> list[tuple[str, str]]:
    """What is asked of a case, and the right value as text."""
    rows = [
        match
        for line in (folder / "expected.md").read_text(encoding="utf-8").splitlines()
        if (match := _ROW.match(line))
    ]
    assert rows
    return [(row[1], row[3].strip("'\"")) for row in rows]


def call(folder: Path) -> tuple[bytes, str]:
    """The input's bytes and its address, as the case says how to read it."""
    match = _CALL.search((folder / "expected.md").read_text(encoding="utf-8"))
    assert match
    return (folder / match[1]).read_bytes(), match[2]


@pytest.mark.parametrize("number", PAGES)
def test_a_page(cases: Path, number: str) -> None:
    folder = folder_of(cases, number)
    found = crawler.extract(*call(folder))
    assert found is not None
    assert [(what, asked_of(found, what)) for what, _ in expected(folder)] == expected(folder)


def asked_of(found: Extraction, what: str) -> str:
    if what.startswith("text holds "):
        return str(what.removeprefix("text holds ").strip("'\"") in found.text)
    if what.startswith("times of paragraph"):
        return str(found.text.count(found.text.split("\n\n")[0]))
    if what.startswith("completeness is "):
        return str(found.completeness == what.removeprefix("completeness is "))
    return str(getattr(found, what))


@pytest.mark.parametrize("number", FEEDS)
def test_a_feed(cases: Path, number: str) -> None:
    folder = folder_of(cases, number)
    feed = crawler.parse_feed(*call(folder))
    assert list(map(str, FEEDS[number](feed))) == [right for _, right in expected(folder)]


def _number_3(feed: ParsedFeed) -> FeedEntry:
    return feed.entries[3]


def test_discovery(cases: Path) -> None:
    folder = folder_of(cases, "47")
    assert str([found.url for found in crawler.discover_feeds(*call(folder))]) == expected(folder)[0][1]


@pytest.mark.parametrize("number", ["85", "87"])
def test_addresses(cases: Path, number: str) -> None:
    for what, right in expected(folder_of(cases, number)):
        if what == "key of both spellings":
            both = ("https://straße.example/a", "https://xn--strae-oqa.example/a")
            assert str(len(set(map(crawler.url_key, both))) == 1) == right
        elif match := re.fullmatch(r"(\w+=\w+) and (\w+=\w+) have one key", what):
            keys = {crawler.url_key(f"https://news.example.org/read?{query}") for query in match.groups()}
            assert str(len(keys) == 1) == right, what
        else:
            assert crawler.canonical_url(what) == right


@pytest.mark.parametrize("number", ["107", "109"])
def test_search(cases: Path, number: str, desk: Desk, site: Site) -> None:
    folder = folder_of(cases, number)
    items = []
    for line in (folder / "input.md").read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"/(\w+): (.+?) / (.+)", line):
            site.page(f"/2026/11/20/{match[1]}", match[2], [match[3]] * 3)
            items.append({"title": match[2], "link": f"/2026/11/20/{match[1]}"})
    site.rss("/feed.xml", items)
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    for query, right in expected(folder):
        found = json.loads(desk.run("search", "--json", query).out or "[]")
        assert str([row["url"].rsplit("/", 1)[1] for row in found]) == right, query


def test_a_comments_date_and_name_do_not_beat_the_feeds(cases: Path, desk: Desk, site: Site) -> None:
    """Case 102, whose input is a description."""
    comment = "<section id='comments'><div class='comment'><span class='author'>gull</span><time datetime='2026-11-23T20:09:00Z'>now</time><p>Well said.</p></div></section>"
    text = "".join(
        f"<p>The lamp of the lighthouse is replaced in spring, and boats keep away from the mole, part {n}.</p>"
        for n in range(4)
    )
    page = f"<html><head><title>Lamp to be replaced</title></head><body><article><h1>Lamp to be replaced</h1>{text}</article>{comment}</body></html>"
    site.answers["/lamp-to-be-replaced"] = Answer(page.encode())
    feed = rss(
        site.base,
        [{"title": "Lamp to be replaced", "link": "/lamp-to-be-replaced", "date": "Fri, 20 Nov 2026 08:00:00 GMT"}],
    )
    feed = feed.replace("<rss ", '<rss xmlns:dc="http://purl.org/dc/elements/1.1/" ').replace(
        "</item>", "<dc:creator>Ada Quill</dc:creator></item>"
    )
    site.answers["/feed.xml"] = Answer(feed.encode(), kind="text/xml")
    assert _stored(desk, site, [what for what, _ in expected(folder_of(cases, "102"))]) == [
        [right for _, right in expected(folder_of(cases, "102"))]
    ]


def test_items_without_a_link_are_articles(cases: Path, desk: Desk, site: Site) -> None:
    """Case 104, whose input is a description."""
    text = "The lighthouse keeper reads the barometer every hour and writes it down. " * 12
    items = "".join(
        f"<item><title>Bulletin {n}</title><guid isPermaLink='false'>b-{n}</guid><description>Number {n}. {text}</description></item>"
        for n in range(3)
    )
    site.answers["/feed.xml"] = Answer(
        f"<rss version='2.0'><channel><title>Post</title>{items}</channel></rss>".encode(), kind="text/xml"
    )
    right = [value for _, value in expected(folder_of(cases, "104"))]
    articles = _stored(desk, site, ["title"])
    found = json.loads(desk.run("search", "--json", "barometer").out or "[]")
    assert [str(len(desk.rows("SELECT 1 FROM entries"))), str(len(articles)), str(len(found))] == right


def _stored(desk: Desk, site: Site, fields: list[str]) -> list[list[Any]]:
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    return [[row[field] for field in fields] for row in desk.rows("SELECT * FROM articles ORDER BY id")]
