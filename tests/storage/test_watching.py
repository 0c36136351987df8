"""What the background crawler keeps: days, gaps and their steps, throttled hosts, and questions that stay cheap."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from crawler.config.models import Source
from storage.records import BackfillResult, BackfillStep, FeedCheck, FeedEntry, Filter, GapDetected
from storage.sql.source_days import blind_days
from storage.sqlite.database import SqliteDatabase
from storage.store import open_store
from storage.utc import format_utc
from storage.writer import Writer
from tests.conftest import NOW
from tests.storage.conftest import ONLY_SQLITE

FEEDS = ("https://a.org/1", "https://a.org/2", "https://a.org/3", "https://b.org/1")


@pytest.fixture
def store(new_store: Callable[[], Writer]) -> Writer:
    writer = new_store()
    writer.sync_sources(
        [Source(id="a", name="A", url="https://a.org/", feeds=FEEDS)], {url: url[8:13] for url in FEEDS}
    )
    return writer


def check(store: Writer, at: Any, outcome: str = "not_modified", **more: Any) -> None:
    with store.transaction():
        store.apply_check(FeedCheck(feed_url=FEEDS[0], at=at, outcome=outcome, due_at=at, **more), "a")  # type: ignore[arg-type]


def entry(n: int) -> FeedEntry:
    return FeedEntry(identity=f"g{n}", url=f"https://a.org/e{n}", url_key=f"a.org/e{n}", host="a.org", title=f"T{n}")


def lease(store: Writer, **more: Any) -> list[str]:
    which = {
        "now": NOW,
        "until": NOW + timedelta(minutes=10),
        "limit": 10,
        "due_only": True,
        "sources": None,
        "done": [],
        "per_host": 1,
    }
    return [f.url for f in store.lease_feeds(**{**which, **more})]


def test_each_day_that_nobody_watched_is_written_down_when_somebody_does_again(store: Writer) -> None:
    check(store, NOW - timedelta(days=3))
    check(store, NOW)
    days = [(d["day"], d["polls_ok"], d["longest_blind_seconds"]) for d in store.days()]
    assert days == [
        ("2026-11-19", 1, 43200),
        ("2026-11-20", 0, 86400),
        ("2026-11-21", 0, 86400),
        ("2026-11-22", 1, 43200),
    ]


def test_a_failed_poll_ends_no_blind_time(store: Writer) -> None:
    check(store, NOW - timedelta(hours=6))
    check(store, NOW - timedelta(hours=3), "failed", error="x")
    check(store, NOW)
    (day,) = store.days()
    assert (day["polls_ok"], day["polls_failed"], day["longest_blind_seconds"]) == (2, 1, 6 * 3600)


def test_a_clock_that_was_years_off_makes_no_endless_list() -> None:
    assert len(blind_days(NOW - timedelta(days=36500), NOW)) < 2000
    assert blind_days(NOW, NOW - timedelta(days=1)) == []


def test_hosts_take_turns_and_what_is_leased_counts(store: Writer) -> None:
    assert lease(store) == ["https://a.org/1", "https://b.org/1"]
    assert lease(store) == []
    assert lease(store, per_host=2) == ["https://a.org/2"]


def test_a_host_with_many_feeds_does_not_hide_the_others(store: Writer) -> None:
    many = tuple(f"https://many.org/{n:03d}" for n in range(200))
    store.sync_sources(
        [
            Source(id="m", name="M", url="https://many.org/", feeds=many),
            Source(id="z", name="Z", url="https://z.org/", feeds=("https://z.org/1",)),
        ],
        {**dict.fromkeys(many, "many.org"), "https://z.org/1": "z.org"},
    )
    assert "https://z.org/1" in lease(store, limit=4)


def test_two_throttled_addresses_hold_their_host(store: Writer) -> None:
    until = NOW + timedelta(minutes=5)
    with store.transaction():
        assert store.record_throttle(host="a.org", url="https://a.org/1", until=until, now=NOW) is None
        assert store.record_throttle(host="a.org", url="https://a.org/9", until=until, now=NOW) == until
    assert lease(store) == ["https://b.org/1"]
    assert "https://a.org/1" in lease(store, now=until)


def gap(store: Writer, *steps: str) -> int:
    found = GapDetected(from_at=format_utc(NOW - timedelta(hours=5)), to_at=format_utc(NOW))
    with store.transaction():
        return int(
            store.open_gap(
                found,
                lambda gap_id: [step(url, gap_id=gap_id, priority=n) for n, url in enumerate(steps)],
                feed_url=FEEDS[0],
                source="a",
                now=NOW,
            )
        )


def step(url: str, **more: Any) -> BackfillStep:
    return BackfillStep(
        source="a",
        since=format_utc(NOW - timedelta(hours=5)),
        until=format_utc(NOW),
        url=url,
        kind="sitemap",
        host="a.org",
        **{"priority": 1, "feed_url": url, **more},
    )


def steps(store: Writer, *, backfill: bool = False) -> list[BackfillStep]:
    return store.lease_steps(now=NOW, limit=10, sources=None, backfill=backfill, per_host=5)


def test_steps_are_walked_by_rank_and_a_page_that_reaches_back_closes_the_gap(store: Writer) -> None:
    gap(store, "https://a.org/s1", "https://a.org/s2")
    (first,) = steps(store)
    assert first.url == "https://a.org/s1"
    assert steps(store) == []
    with store.transaction():
        assert store.apply_step(first, BackfillResult(listed=(entry(1), entry(2)), filled_by="a sitemap"), NOW) == 2
    assert store.days()[0]["gaps_open"] == 1
    (second,) = steps(store)
    with store.transaction():
        assert (
            store.apply_step(
                second, BackfillResult(listed=(entry(2), entry(3)), reached=True, filled_by="a sitemap"), NOW
            )
            == 1
        )
    (found,) = store.gaps()
    assert (found.state, found.entries_found, found.filled_by) == ("filled", 3, "a sitemap")
    assert store.days()[0]["gaps_open"] == 0


def test_a_gap_without_a_way_is_lost_at_once_and_one_whose_ways_fail_in_the_end(store: Writer) -> None:
    gap(store)
    gap(store, "https://a.org/s1")
    for _ in range(5):
        (one,) = steps(store)
        with store.transaction():
            store.apply_step(one, BackfillResult(error="the server answered 500"), NOW)
    assert [g.state for g in store.gaps()] == ["lost", "lost"]


def test_a_page_that_leads_to_itself_is_walked_once(store: Writer) -> None:
    gap(store, "https://a.org/s1")
    (one,) = steps(store)
    with store.transaction():
        store.apply_step(one, BackfillResult(further=(step("https://a.org/s1", gap_id=one.gap_id),)), NOW)
    assert steps(store) == []


def test_a_backfill_keeps_to_itself_and_is_not_walked_twice(store: Writer) -> None:
    assert store.add_steps([step("https://a.org/s1")]) == 1
    assert steps(store) == []
    (one,) = steps(store, backfill=True)
    with store.transaction():
        store.apply_step(one, BackfillResult(listed=(entry(1),)), NOW)
    assert store.add_steps([step("https://a.org/s1")]) == 0
    owed: dict[str, Any] = {"now": NOW, "until": NOW, "limit": 5, "per_host": 5, "sources": None, "ignore_retry": True}
    assert store.lease_entries(**owed) == []
    assert [e.url for e in store.lease_entries(**owed, backfill=True)] == ["https://a.org/e1"]


def test_a_lease_that_ended_without_an_answer_comes_back(store: Writer) -> None:
    check(store, NOW, "changed", listed=(entry(1), entry(2)))
    leased = store.lease_entries(
        now=NOW, until=NOW + timedelta(minutes=10), limit=5, per_host=5, sources=None, ignore_retry=False
    )
    later = NOW + timedelta(minutes=11)
    store.housekeep(now=later, in_flight=[leased[0].id], give_up_gaps=timedelta(days=7))
    again = store.lease_entries(now=later, until=later, limit=5, per_host=5, sources=None, ignore_retry=False)
    assert [e.id for e in again] == [leased[1].id]


@ONLY_SQLITE
def test_what_is_asked_each_minute_or_second_reads_no_large_table_as_a_whole(store: Writer) -> None:
    said: list[str] = []
    assert isinstance(store.db, SqliteDatabase)
    store.db.conn.set_trace_callback(said.append)
    store.health(NOW)
    store.source_trends(NOW)
    store.queue_stats(NOW)
    store.failing_feeds(NOW)
    store.request_stats(NOW)
    store.anything_due(NOW)
    store.lease_feeds(now=NOW, until=NOW, limit=5, due_only=True, sources=["a"], done=["x"], per_host=1)
    store.housekeep(now=NOW, in_flight=[], give_up_gaps=timedelta(days=7))
    store.db.conn.set_trace_callback(None)
    for sql in said:
        if sql.lstrip().upper().startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
            plan = [row[3] for row in store.db.conn.execute(f"EXPLAIN QUERY PLAN {sql}")]
            whole = [
                line for line in plan if line in {f"SCAN {t}" for t in ("entries", "articles", "fetches", "e", "a")}
            ]
            assert not whole, f"{sql}: {whole}"


@ONLY_SQLITE
def test_the_articles_of_one_source_are_read_in_the_order_of_their_index(store: Writer) -> None:
    said: list[str] = []
    assert isinstance(store.db, SqliteDatabase)
    store.db.conn.set_trace_callback(said.append)
    list(store.articles(Filter(sources=("a",), limit=5)))
    store.facts_of_newest(Filter(sources=("a",)), most=5)
    store.db.conn.set_trace_callback(None)
    plans = [[row[3] for row in store.db.conn.execute(f"EXPLAIN QUERY PLAN {sql}")] for sql in said if "shown" in sql]
    assert len(plans) == 2
    for plan in plans:
        read = plan.index("SEARCH a USING COVERING INDEX articles_source (source=?)")
        assert plan[read + 1] == "USE TEMP B-TREE FOR LAST TERM OF ORDER BY"  # of those at the same second


def test_one_map_of_an_index_does_not_close_a_gap_that_another_may_fill(store: Writer) -> None:
    gap_id = gap(store, "https://a.org/index.xml")
    (index,) = steps(store)
    maps = tuple(step(f"https://a.org/{name}.xml", gap_id=gap_id, priority=0) for name in ("sport", "politics"))
    with store.transaction():
        store.apply_step(index, BackfillResult(further=maps), NOW)
    (sport, politics) = steps(store)
    with store.transaction():
        store.apply_step(sport, BackfillResult(reached=True, filled_by="a sitemap"), NOW)
    assert store.gaps()[0].state == "open"
    with store.transaction():
        store.apply_step(politics, BackfillResult(listed=(entry(1),)), NOW)
    assert (store.gaps()[0].state, store.gaps()[0].entries_found) == ("filled", 1)


def test_a_page_that_lists_what_another_did_leads_nowhere(store: Writer) -> None:
    def page(number: int) -> BackfillStep:
        return step(f"https://a.org/feed?paged={number}", feed_url="https://a.org/feed")

    store.add_steps([page(2)])
    for number in (3, 4):
        (one,) = steps(store, backfill=True)
        with store.transaction():
            store.apply_step(one, BackfillResult(further=(page(number),), page_hash="the same"), NOW)
    assert steps(store, backfill=True) == []


def test_steps_of_a_host_wait_for_the_one_under_way(store: Writer) -> None:
    store.add_steps([step(f"https://a.org/m{n}") for n in range(3)])
    which: dict[str, Any] = {"now": NOW, "limit": 10, "sources": None, "backfill": True, "per_host": 1}
    assert len(store.lease_steps(**which)) == 1
    assert store.lease_steps(**which) == []


def test_what_a_backfill_left_is_news_when_a_poll_lists_it(store: Writer) -> None:
    store.add_steps([step(FEEDS[0])])
    (one,) = steps(store, backfill=True)
    with store.transaction():
        store.apply_step(one, BackfillResult(listed=(entry(1),)), NOW)
        counts = store.apply_check(
            FeedCheck(feed_url=FEEDS[0], at=NOW, outcome="changed", listed=(entry(1),), due_at=NOW), "a"
        )
    assert counts.new == 1
    owed = store.lease_entries(now=NOW, until=NOW, limit=5, per_host=5, sources=None, ignore_retry=False)
    assert [e.url for e in owed] == ["https://a.org/e1"]


def test_nothing_is_due_of_sources_that_are_disabled_and_an_ended_lease_is(store: Writer) -> None:
    assert store.anything_due(NOW)
    lease(store, per_host=9)
    assert not store.anything_due(NOW)
    assert store.anything_due(NOW + timedelta(minutes=11))
    store.sync_sources([Source(id="a", name="A", url="https://a.org/", feeds=FEEDS, enabled=False)], {})
    assert not store.anything_due(NOW + timedelta(minutes=11))


@ONLY_SQLITE
def test_a_reader_of_the_same_process_drops_no_lock_of_the_writer(store: Writer) -> None:
    check(store, NOW)
    with open_store(store.path) as reader:
        reader.totals()
    another = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM feeds').fetchone(); c.close()"
    subprocess.run([sys.executable, "-c", another, str(store.path)], check=True)
    assert store.path.with_name(f"{store.path.name}-shm").exists()
    check(store, NOW + timedelta(hours=1))
    with open_store(store.path) as reader:
        assert reader.feed(FEEDS[0]).last_success_at == format_utc(NOW + timedelta(hours=1))  # type: ignore[union-attr]
