"""A feed that changes its ids at each poll: what is stored of it, and what is taken for a gap."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crawler.config.models import Health, Schedule, Source
from crawler.feeds.revisit import KnownEntries, PollResponse, decide
from crawler.monitoring.health import DiskUsage, check_health
from storage.article import Article
from storage.maintenance import prune
from storage.records import BackfillResult, BackfillStep, Feed, FeedArticle, FeedCheck, FeedEntry, GapDetected
from storage.sql.entries import MAX_UNLINKED
from storage.sql.gaps import CAPPED, MAX_STEPS
from storage.utc import format_utc
from storage.writer import Writer
from tests import torture
from tests.conftest import NOW
from tests.feeds.test_revisit import PARSED

pytestmark = pytest.mark.integration  # a large archive or a browser

FEED = "https://a.org/rss"


@pytest.fixture
def store(new_store: Callable[[], Writer]) -> Writer:
    writer = new_store()
    writer.sync_sources([Source(id="a", name="A", url="https://a.org/", feeds=(FEED,))], {FEED: "a.org"}, NOW)
    return writer


def entry(guid: str, link: str | None, **more: Any) -> FeedEntry:
    key = (link or "").removeprefix("https://")
    said = f"{more}"
    return FeedEntry(
        identity=guid or key,
        guid=guid,
        url=link,
        url_key=key,
        host="a.org",
        title=f"Title of {link or guid}",
        fingerprint=said,
        **more,
    )


def poll(store: Writer, entries: list[FeedEntry], at: datetime = NOW) -> int:
    found = FeedCheck(
        feed_url=FEED, at=at, outcome="changed", listed=tuple(entries), window_size=len(entries), due_at=at
    )
    with store.transaction():
        return store.apply_check(found, "a").new


def count(store: Writer) -> int:
    return int(store.db.conn.execute("SELECT count(*) FROM entries").fetchone()[0])


def test_ids_that_change_at_each_poll_store_nothing_anew(store: Writer) -> None:
    for n in range(30):
        new = poll(store, [entry(f"{n}-{i}", f"https://a.org/s{i}") for i in range(20)], NOW + timedelta(minutes=n))
        assert new == (20 if n == 0 else 0)
    assert count(store) == 20
    assert poll(store, [entry(f"x-{i}", f"https://a.org/s{i}") for i in range(5, 25)]) == 5  # what is new comes in
    assert count(store) == 25


def test_a_changed_entry_is_found_under_its_changed_id(store: Writer) -> None:
    poll(store, [entry(f"1-{i}", f"https://a.org/s{i}") for i in range(4)])
    store.db.conn.execute("UPDATE entries SET state = 'fetched'")
    store.db.conn.commit()
    poll(store, [entry(f"2-{i}", f"https://a.org/s{i}", **({"summary": "other"} if i == 2 else {})) for i in range(4)])
    rows = store.db.conn.execute("SELECT url FROM entries WHERE state = 'pending'").fetchall()
    assert [row[0] for row in rows] == ["https://a.org/s2"]


def test_a_new_id_on_a_known_link_is_an_entry_where_most_ids_stay(store: Writer) -> None:
    poll(store, [entry(f"{i}", f"https://a.org/s{i}") for i in range(10)])
    assert poll(store, [entry("new" if i == 0 else f"{i}", f"https://a.org/s{i}") for i in range(10)]) == 1


def test_entries_that_share_one_link_keep_their_ids(store: Writer) -> None:
    poll(store, [entry(f"1-{i}", "https://a.org/changes") for i in range(5)])
    assert poll(store, [entry(f"2-{i}", "https://a.org/changes") for i in range(5)]) == 5


def test_an_honest_feed_of_thousands_and_a_first_map_of_fifty_thousand_lose_nothing(store: Writer) -> None:
    most = 50_000 if isinstance(store.address, Path) else torture.times(5_000, 50_000)  # a server takes its time
    for day in range(3):
        assert poll(store, [entry(f"{day}-{i}", f"https://a.org/{day}/s{i}") for i in range(5_000)]) == 5_000
    assert poll(store, [entry("", f"https://a.org/map/{i}") for i in range(most)]) == most


def test_entries_without_a_link_are_bounded_and_the_bound_is_told(store: Writer) -> None:
    for n in range(6):
        poll(store, [entry(f"{n}-{i}", None, content="x" * 5_000) for i in range(500)], NOW + timedelta(minutes=n))
    assert count(store) == MAX_UNLINKED
    assert store.db.conn.execute("SELECT count(*) FROM entries WHERE content IS NOT NULL").fetchone()[0] == 0
    assert [(g.state, g.filled_by) for g in store.gaps()] == [("lost", CAPPED)]
    feeds = store.failing_feeds(NOW)
    found = check_health(
        sources=[], trends=[], feeds=feeds, gaps_open=0, disk=DiskUsage(free=10**12, used=1), settings=Health(), expected=False, running=False,
        damage=None, now=NOW,
    )  # fmt: skip
    assert any("more than 2,000 entries without an address" in line for _, line in found.warnings)
    prune(store, now=NOW + timedelta(days=8), fetches_before=format_utc(NOW))
    assert count(store) == 0
    assert poll(store, [entry(f"y-{i}", None) for i in range(10)]) == 10


def test_entries_that_are_articles_of_their_feed_make_room_and_the_newest_stay(store: Writer) -> None:
    for n in range(4):
        poll(store, [entry(f"{n}-{i}", None, article=FeedArticle(article=Article(url=""))) for i in range(500)])
    store.db.conn.execute("UPDATE entries SET state = 'fetched'")
    store.db.conn.commit()
    assert poll(store, [entry("more", None)]) == 0
    prune(store, now=NOW + timedelta(days=6), fetches_before=format_utc(NOW))
    assert count(store) == MAX_UNLINKED
    prune(store, now=NOW + timedelta(days=8), fetches_before=format_utc(NOW))
    assert MAX_UNLINKED // 2 <= count(store) <= MAX_UNLINKED // 2 + 1
    assert store.known_entries(FEED, [entry("3-499", None)]) == {"3-499"}
    assert poll(store, [entry("more", None)]) == 1


def test_entries_without_a_link_whose_ids_change_at_each_poll_are_stored_once(store: Writer) -> None:
    for n in range(5):
        notes = [dataclasses.replace(entry(f"{n}-{i}", None, summary=f"{i}"), title=f"Note {i}") for i in range(20)]
        assert poll(store, notes) == (20 if n == 0 else 0)
    assert count(store) == 20


def test_a_few_entries_without_a_link_stay_however_old(store: Writer) -> None:
    poll(store, [entry(f"{i}", None) for i in range(50)])
    prune(store, now=NOW + timedelta(days=80), fetches_before=format_utc(NOW))
    assert count(store) == 50


def test_prune_takes_the_content_of_what_was_rejected(store: Writer) -> None:
    poll(
        store,
        [
            entry("1", "https://a.org/s1", content="<p>words</p>"),
            entry("2", "https://a.org/s2", content="<p>words</p>"),
        ],
    )
    store.db.conn.execute("UPDATE entries SET state = 'rejected' WHERE guid = '1'")
    store.db.conn.commit()
    assert prune(store, now=NOW, fetches_before=format_utc(NOW))["contents of rejected entries"] == 1
    rows = dict(store.db.conn.execute("SELECT guid, content FROM entries").fetchall())
    assert rows == {"1": None, "2": "<p>words</p>"}


def test_a_page_of_the_latest_bulletin_has_a_new_entry_with_each_title(store: Writer) -> None:
    for n, title in enumerate(["Storm hits coast", "Minister resigns"]):
        assert poll(store, [dataclasses.replace(entry(f"g{n}", "https://a.org/live"), title=title)]) == 1
    rows = store.db.conn.execute("SELECT title FROM entries ORDER BY id").fetchall()
    assert [row[0] for row in rows] == ["Storm hits coast", "Minister resigns"]


def step(name: str, gap_id: int, until: str = format_utc(NOW)) -> BackfillStep:
    return BackfillStep(
        source="a",
        since=format_utc(NOW),
        until=until,
        url=f"https://a.org/{name}",
        kind="sitemap",
        priority=2,
        feed_url=FEED,
        gap_id=gap_id,
        host="a.org",
    )


def lose(store: Writer, minutes: int, *names: str) -> bool:
    """Open a gap that ends so many minutes from now, with a step for each name."""
    until = format_utc(NOW + timedelta(minutes=minutes))

    def steps(gap_id: int) -> tuple[BackfillStep, ...]:
        return tuple(step(name, gap_id, until) for name in names or ("map",))

    with store.transaction():
        return store.open_gap(
            GapDetected(from_at=format_utc(NOW), to_at=until), steps, feed_url=FEED, source="a", now=NOW
        )


def lease(store: Writer) -> BackfillStep:
    return store.lease_steps(now=NOW, limit=1, sources=None, backfill=False, per_host=1)[0]


def apply(store: Writer, step: BackfillStep, **found: Any) -> None:
    with store.transaction():
        store.apply_step(step, BackfillResult(**found), NOW)


def gap_of(store: Writer) -> tuple[str, str | None]:
    (gap,) = store.gaps()
    return gap.state, gap.to_at


LATER = format_utc(NOW + timedelta(minutes=180))


def test_a_gap_that_grows_while_its_page_is_asked_is_asked_again(store: Writer) -> None:
    """What came back was looked through for the shorter time only."""
    lose(store, 60)
    step = lease(store)
    assert not lose(store, 180)
    apply(store, step, reached=True, filled_by="a sitemap")
    assert gap_of(store) == ("open", LATER)
    step = lease(store)
    assert step.until == LATER
    apply(store, step, reached=True, filled_by="a sitemap")
    assert gap_of(store) == ("filled", LATER)


def test_a_gap_that_grows_after_a_page_was_read_reads_it_again(store: Writer) -> None:
    lose(store, 60, "a", "b")
    apply(store, lease(store), reached=True, filled_by="a sitemap")
    lose(store, 180)
    read = []
    for _ in range(2):
        step = lease(store)
        read.append((step.url, step.until))
        assert gap_of(store) == ("open", LATER)
        apply(store, step, reached=True, filled_by="a sitemap")
    assert sorted(read) == [("https://a.org/a", LATER), ("https://a.org/b", LATER)]
    assert gap_of(store) == ("filled", LATER)


def test_pages_behind_one_that_was_asked_for_a_shorter_time_are_read_once(store: Writer) -> None:
    lose(store, 10, "a", "c")
    first = lease(store)
    lose(store, 20)
    apply(store, first, further=(dataclasses.replace(first, id=0, url="https://a.org/b"),))
    lose(store, 30)
    second = lease(store)
    apply(store, second, further=(dataclasses.replace(second, id=0, url="https://a.org/b"),))
    lose(store, 180)
    rows = store.db.conn.execute("SELECT url, until FROM backfill_steps ORDER BY url").fetchall()
    assert [tuple(row) for row in rows] == [(f"https://a.org/{name}", LATER) for name in "abc"]


def test_a_feed_has_one_open_gap(store: Writer) -> None:
    opened = [lose(store, n + 1) for n in range(5)]
    assert opened == [True, False, False, False, False]
    (gap,) = store.gaps()
    assert (gap.state, gap.to_at) == ("open", format_utc(NOW + timedelta(minutes=5)))
    assert store.db.conn.execute("SELECT until FROM backfill_steps").fetchall() == [
        (format_utc(NOW + timedelta(minutes=5)),)
    ]


KNOWN = Feed(
    url=FEED,
    source="a",
    kind="rss",
    window_size=10,
    last_success_at=format_utc(NOW - timedelta(hours=5)),
    interval_seconds=3600.0,
)


@pytest.mark.parametrize(
    ("hours", "overlap", "gap"),
    [
        ([1, 2, 3, 4], None, True), ([1, 2, 3, 30], None, True), ([20, 30, 40], None, False), ([20, 30, 1], None, False),
        ([1, 2, 3, 4], 0, True), ([None, None], 3, True), ([None, None], None, True), ([None, None], 0, False),
    ],
)  # fmt: skip
def test_a_gap_needs_evidence_of_loss(hours: list[int | None], overlap: int | None, gap: bool) -> None:
    """Entries of before the last poll under new ids are no loss; nor is a window without dates of a feed that never knows its own."""
    entries = tuple(
        dataclasses.replace(
            PARSED.entries[0],
            identity=str(n),
            published_at=format_utc(NOW - timedelta(hours=h)) if h is not None else None,
        )
        for n, h in enumerate(hours)
    )
    answer = PollResponse(status=200, body_hash="h2", parsed=dataclasses.replace(PARSED, entries=entries))
    found = decide(
        dataclasses.replace(KNOWN, entries_known=overlap),
        answer,
        schedule=Schedule(),
        every=None,
        now=NOW,
        seen=KnownEntries(),
    )
    assert (found.gap is not None) == gap


def test_an_index_that_names_other_maps_each_time_fills_nothing(store: Writer) -> None:
    for n in range(10):
        children = tuple(f"https://a.org/maps/{n}-{i}.xml" for i in range(50))
        found = FeedCheck(feed_url=FEED, at=NOW, outcome="changed", children=children, window_size=0, due_at=NOW)
        with store.transaction():
            store.apply_check(found, "a")
    assert store.db.conn.execute("SELECT count(*) FROM feeds WHERE parent_url IS NOT NULL").fetchone()[0] == 50
    store.db.conn.execute(
        "UPDATE feeds SET state = 'disabled', checked_at = ? WHERE parent_url IS NOT NULL", (format_utc(NOW),)
    )
    store.db.conn.commit()
    assert prune(store, now=NOW + timedelta(days=1), fetches_before=format_utc(NOW))["maps that no index names"] == 0
    assert prune(store, now=NOW + timedelta(days=8), fetches_before=format_utc(NOW))["maps that no index names"] == 50


def test_a_gap_is_looked_for_in_so_many_pages(store: Writer) -> None:
    with store.transaction():
        store.open_gap(
            GapDetected(from_at=format_utc(NOW), to_at=format_utc(NOW)),
            lambda gap_id: (step("map/0", gap_id),),
            feed_url=FEED,
            source="a",
            now=NOW,
        )
    for n in range(1, 40):
        (one, *_) = store.lease_steps(now=NOW, limit=1, sources=None, backfill=False, per_host=1)
        with store.transaction():
            store.apply_step(
                one, BackfillResult(further=tuple(step(f"map/{100 * n + i}", one.gap_id or 0) for i in range(100))), NOW
            )
    assert store.db.conn.execute("SELECT count(*) FROM backfill_steps").fetchone()[0] <= MAX_STEPS + 100
