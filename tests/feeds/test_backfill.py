from __future__ import annotations

from datetime import timedelta

import pytest

from crawler.config.models import Source
from crawler.feeds.backfill import ARCHIVE, PAGE, ROBOTS, SITEMAP, follow_step, initial_steps, steps_from_robots
from crawler.feeds.parsed_feed import ParsedFeed, make_entry
from crawler.feeds.sitemap import children_in_range, day_in_address
from storage.records import BackfillStep, Feed, FeedEntry
from storage.utc import format_utc
from tests.conftest import NOW

HOME = "https://a.org/"
SOURCE = Source(id="a", name="A", url=HOME, feeds=("https://a.org/feed/",), sitemaps=("https://a.org/news.xml",))
FEED = Feed(url="https://a.org/feed/", source="a", kind="rss")
STEP = BackfillStep(
    source="a",
    since=format_utc(NOW - timedelta(days=2)),
    until=format_utc(NOW),
    url="https://a.org/feed/?paged=2",
    kind="archive",
    priority=ARCHIVE,
    feed_url=FEED.url,
    gap_id=1,
)


def entry(n: int, hours: float | None) -> FeedEntry:
    return make_entry(
        url=f"/{n}", base=HOME, published_at=format_utc(NOW - timedelta(hours=hours)) if hours is not None else None
    )


def feed(*entries: FeedEntry, **more: object) -> ParsedFeed:
    return ParsedFeed(kind="rss", entries=entries, **more)  # type: ignore[arg-type]


def test_what_proves_most_is_asked_first() -> None:
    steps = initial_steps(SOURCE, (FEED,), since=NOW - timedelta(days=2), until=NOW, gap_id=1)
    assert [(s.priority, s.url) for s in steps] == [
        (ARCHIVE, "https://a.org/feed/?paged=2"),
        (SITEMAP, "https://a.org/news.xml"),
        (ROBOTS, "https://a.org/robots.txt"),
        (PAGE, HOME),
    ]
    assert {s.host for s in steps} == {"a.org"}


def test_an_archive_that_the_feed_names_goes_before_a_guess_and_a_backfill_asks_no_home_page() -> None:
    known = Feed(url="https://a.org/rss", source="a", kind="atom", archive_url="/2026/11.xml")
    steps = initial_steps(SOURCE, (known,), since=NOW - timedelta(days=2), until=NOW)
    assert [s.url for s in steps] == ["https://a.org/2026/11.xml", "https://a.org/news.xml", "https://a.org/robots.txt"]


def test_a_page_is_followed_backwards_until_something_known_or_older() -> None:
    first = follow_step(STEP, feed(entry(1, 1), entry(2, 20)), STEP.url, known_before=0)
    assert ([s.url for s in first.further], first.reached, len(first.listed)) == (
        ["https://a.org/feed/?paged=3"],
        False,
        2,
    )
    assert follow_step(STEP, feed(entry(1, 20)), STEP.url, known_before=1).reached
    assert follow_step(STEP, feed(entry(1, 20), entry(2, 100)), STEP.url, known_before=0).reached
    assert not follow_step(STEP, feed(entry(1, 20), entry(2, 49)), STEP.url, known_before=0).reached, (
        "a date may be from before it was listed"
    )


def test_entries_outside_of_the_time_are_left_and_undated_ones_of_an_archive_taken() -> None:
    found = follow_step(STEP, feed(entry(1, 1), entry(2, 80), entry(3, None), entry(4, -5)), STEP.url, known_before=0)
    assert [e.url for e in found.listed] == ["https://a.org/1", "https://a.org/3"]


def test_a_section_page_proves_nothing() -> None:
    page = BackfillStep(
        **{
            **{n: getattr(STEP, n) for n in ("source", "since", "until", "feed_url", "gap_id")},
            "url": HOME,
            "kind": "page",
            "priority": PAGE,
        }
    )
    assert not follow_step(page, feed(entry(1, None)), HOME, known_before=1).reached


def test_of_an_index_only_the_maps_of_the_time_are_opened_newest_first() -> None:
    children = tuple((f"https://a.org/map-2026-{month:02d}.xml", None) for month in range(1, 13))
    index = ParsedFeed(
        kind="sitemap", children=(*children, ("https://a.org/map-x.xml", None), ("https://a.org/old.xml", "2020-01-01"))
    )
    found = children_in_range(index, since=NOW - timedelta(days=30), until=NOW - timedelta(days=5))
    assert found == ("https://a.org/map-x.xml", "https://a.org/map-2026-11.xml", "https://a.org/map-2026-10.xml")
    step = follow_step(STEP, index, "https://a.org/sitemap.xml", known_before=0)
    assert not step.reached
    assert step.further[-1].url == "https://a.org/map-2026-11.xml"


def test_robots_names_maps_else_the_usual_places_are_asked() -> None:
    named = steps_from_robots(
        STEP, b"Sitemap: https://a.org/one.xml\nSitemap: javascript:alert(1)", "https://a.org/robots.txt"
    )
    assert [s.url for s in named.further] == ["https://a.org/one.xml"]
    assert all(s.kind == "sitemap" for s in steps_from_robots(STEP, b"", "https://a.org/robots.txt").further)


@pytest.mark.parametrize(
    ("url", "day"),
    [
        ("https://a.org/2026/03/09/x", "2026-03-09"),
        ("https://a.org/2026-13-01/x", None),
        ("https://a.org/2026/03/x", None),
        ("", None),
    ],
)
def test_the_day_in_an_address(url: str, day: str | None) -> None:
    assert day_in_address(url) == day
