"""Little that is sent must not become much: not work in the event loop, not entries, not tags, not levels of a parser's calls."""

from __future__ import annotations

import asyncio
import gzip
import json
import tomllib
from datetime import UTC, datetime
from itertools import product
from string import ascii_lowercase
from typing import Any

import pytest

from crawler.config.source_file import unique_id
from crawler.engine.middlewares import robots
from crawler.engine.middlewares.robots import RobotsCacheEntry, RobotsMiddleware
from crawler.engine.workers import worker
from crawler.engine.workers.pool import WorkerPool
from crawler.extraction.extractor import extract
from crawler.extraction.page import read_page
from crawler.extraction.page_limits import MAX_LISTS
from crawler.feeds.jsonfeed import MOST_SHARED
from crawler.feeds.parsed_feed import size_of
from crawler.feeds.parser import MIN_ROOM, parse_feed
from crawler.feeds.robots import read_rules
from crawler.feeds.source_lists import MAX_FOLDERS, MAX_TAGS, read_any
from crawler.text.clean import MOST_LISTED
from crawler.urls import MAX_URL
from tests.conftest import Desk, source
from tests.site import Answer, Site

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
URL = "http://harbour.example/"


def wildcards(count: int = 1_990, length: int = 98) -> bytes:
    """Rules that each compare nearly to their ends at each place of a path."""
    endings = map("".join, product(ascii_lowercase[1:], repeat=3))
    rules = (f"Disallow: /*{'a' * (length - 6)}{ending}aa\n" for ending, _ in zip(endings, range(count), strict=False))
    return ("User-agent: *\n" + "".join(rules)).encode()


class _Watched(WorkerPool):
    """A pool that tells what it is given, and works at once."""

    def __init__(self) -> None:
        super().__init__(1, 10)
        self.given: list[Any] = []

    async def run(self, work: Any, *args: Any, source: str, seconds: float | None = None) -> Any:
        self.given.append(work)
        return work(*args)


@pytest.mark.parametrize(
    ("body", "path", "workers"),
    [
        (wildcards(), "a" * 3_900, True),
        (wildcards(), "a" * 20, False),
        (b"User-agent: *\n" + b"".join(b"Disallow: /%d/*\n" % n for n in range(60)), "a" * 3_900, False),
        (b"User-agent: *\n" + b"".join(b"Disallow: /a/%d\n" % n for n in range(1_990)), "a" * 3_900, False),
    ],
    ids=["much", "a short address", "few rules", "no wildcards"],
)
def test_rules_that_take_long_to_compare_are_compared_by_a_worker(body: bytes, path: str, workers: bool) -> None:
    pool = _Watched()
    middleware = object.__new__(RobotsMiddleware)
    middleware.crawler = type("C", (), {"spider": type("S", (), {"pool": pool})})
    rules = read_rules(body, "newsdesk")
    assert len(rules.rules) <= robots.FEW
    assert asyncio.run(middleware._allows(RobotsCacheEntry(until=0.0, rules=rules, wild=rules.wild), URL + path))
    assert (pool.given == [worker.allows]) is workers


def test_a_redirect_to_an_endless_address_is_not_followed(desk: Desk, site: Site) -> None:
    site.news(2)
    first = next(path for path in site.answers if "story" in path or "2026" in path)
    site.answers[first] = Answer(b"", status=302, headers={"Location": "/" + "a" * (MAX_URL + 100)})
    desk.configure(source(site))
    desk.run("crawl")
    rows = desk.rows("SELECT state, reason AS why FROM entries WHERE state <> 'fetched'")
    assert len(rows) == 1, rows
    assert "4,000 characters" in rows[0]["why"]
    assert not any(len(request.path) > MAX_URL for request in site.requests)


def authors(items: int = 650) -> bytes:
    names = [{"name": f"N{n:03d} " + "\U0001f600" * 290} for n in range(100)]
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "t", "authors": names}
    return json.dumps({**feed, "items": [{"id": str(n), "url": f"/a{n}"} for n in range(items)]}).encode()


def test_authors_of_a_whole_feed_are_few_and_short() -> None:
    parsed = parse_feed(authors(), URL, now=NOW)
    assert len(parsed.entries) == 650
    assert all(len(entry.authors) <= MOST_SHARED for entry in parsed.entries)
    assert sum(map(size_of, parsed.entries)) <= 650 * (MOST_LISTED + 200)


def test_authors_of_a_large_collaboration_are_kept() -> None:
    names = [{"name": f"Author Number {n}"} for n in range(90)]
    feed = {"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "url": "/1", "authors": names}]}
    assert len(parse_feed(json.dumps(feed).encode(), URL, now=NOW).entries[0].authors) == 90


def test_a_feed_comes_to_no_more_than_it_can_in_earnest() -> None:
    base = "http://harbour.example/" + "b" * 3_900 + "/"
    items = "".join(f"<entry><id>{n}</id><link href='{n}'/></entry>" for n in range(2_000))
    body = f"<feed xmlns='http://www.w3.org/2005/Atom' xml:base='{base}'><title>t</title>{items}</feed>".encode()
    parsed = parse_feed(body, URL, now=NOW)
    assert sum(map(size_of, parsed.entries)) <= max(MIN_ROOM, 3 * len(body))
    assert parsed.cut is None or "many times over" in parsed.cut


def test_a_map_of_fifty_thousand_is_read_whole() -> None:
    places = "".join(f"<url><loc>{URL}2026/11/22/a-story-of-the-harbour-{n}</loc></url>" for n in range(50_000))
    parsed = parse_feed(f"<urlset>{places}</urlset>".encode(), URL, now=NOW)
    assert (len(parsed.entries), parsed.cut) == (50_000, None)


def test_what_is_packed_has_the_time_of_what_is_in_it() -> None:
    pool = WorkerPool(1, 10)
    assert pool.seconds_for(gzip.compress(b"<urlset/>")) == 10
    assert pool.seconds_for(b"<urlset/>") < 3


def nested(folders: int) -> str:
    each = (f"<outline text='a{n}'><outline xmlUrl='{URL}{n}'/>" for n in range(folders))
    return "<opml><body>" + "".join(each)


def test_folders_in_folders_are_no_tags_without_end(desk: Desk) -> None:
    wanted = read_any(nested(300).encode(), "list.opml").wanted
    assert len(wanted) == 300
    assert all(len(one.tags) <= MAX_FOLDERS for one in wanted)
    assert wanted[-1].tags[-1] == "a299"
    one = "".join(f"<outline text='b{n}'><outline xmlUrl='{URL}same'/></outline>" for n in range(300))
    assert len(read_any(f"<opml><body>{one}".encode(), "list.opml").wanted[0].tags) == MAX_TAGS
    desk.configure()
    (desk.folder / "list.opml").write_text(nested(300))
    done = desk.run("sources", "import", "list.opml", timeout=40)
    assert done.code == 0, done.err
    written = (desk.folder / "newsdesk.toml").read_text()
    assert len(tomllib.loads(written)["source"]) == 300
    assert len(written) < 100_000


def test_ids_of_one_host_are_found_in_order_and_at_once() -> None:
    taken = dict.fromkeys(["a.org", "a.org-3"], 1)
    assert [unique_id("a.org", taken) for _ in range(3)] == ["a.org-2", "a.org-4", "a.org-5"]
    assert unique_id("b.org", taken) == "b.org"
    assert unique_id("b.org", taken) == "b.org-2"
    assert len({unique_id("c.org", taken) for _ in range(20_000)}) == 20_000


@pytest.mark.parametrize("markup", ["<ul><li>word", "<ol><li>word", "<dl><dd>word"])
@pytest.mark.parametrize("levels", [60, 600, 900])
def test_lists_in_lists_lose_no_article(markup: str, levels: int) -> None:
    text = "Words of the town council met again, and it was decided. " * 30
    page = f"<html><head><title>A title of it</title></head><body><article><h1>A title of it</h1><p>{text}</p>"
    found = extract(f"{page}{markup * levels}".encode(), URL + "2026/11/20/a-title", now=NOW)
    assert found is not None
    assert "town council met again" in found.text


def test_lists_as_newsrooms_write_them_stay() -> None:
    page = read_page(b"<p>x</p>" + b"<ul><li>a<ol><li>b</li></ol></li></ul>" * 100, URL)
    assert page is not None
    assert len(list(page.tree.iter("ul", "ol"))) == 200
    deep = read_page(b"<p>x</p>" + b"<ul><li>" * (MAX_LISTS + 30), URL)
    assert deep is not None
    assert len(list(deep.tree.iter("ul"))) == MAX_LISTS
