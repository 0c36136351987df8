from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crawler.config.models import Health
from crawler.monitoring.health import DiskUsage, HealthReport, check_health, typical_gap
from crawler.outputs.status import coverage_rows
from storage.utc import format_utc
from tests.conftest import NOW

GB = 1_000_000_000


def a_source(name: str = "a", **changes: Any) -> dict[str, Any]:
    return {"source": name, "enabled": 1, "feeds": 1, "feeds_failing": 0, "overdue_seconds": 0, **changes}


def a_trend(**changes: Any) -> dict[str, Any]:
    fields = dict.fromkeys(("author", "date", "full text"))
    return {
        "source": "a", "seen": [], "last_success_at": format_utc(NOW), "fields": fields, "words": None, "settled": 0, "forbidden": 0, "newest": 20, "newest_in_full": 20, "changed_since": format_utc(NOW - timedelta(hours=1)), **changes,
    }  # fmt: skip


def a_feed(**changes: Any) -> dict[str, Any]:
    known = {
        "url": "https://a.org/rss",
        "source": "a",
        "state": "active",
        "failures": 0,
        "failing_since": None,
        "last_error": None,
    }
    return {
        **known,
        "effective_url": None,
        "validators_unreliable": 0,
        "replacement": None,
        "parent_url": None,
        "capped": None,
        **changes,
    }


def assessed(**changes: Any) -> HealthReport:
    facts: dict[str, Any] = {
        "sources": [a_source()], "trends": [], "feeds": [], "gaps_open": 0, "disk": DiskUsage(free=100 * GB, used=GB), "settings": Health(),
        "expected": True, "running": True, "damage": None, "now": NOW, **changes,
    }  # fmt: skip
    return check_health(**facts)


def test_all_is_well() -> None:
    assert assessed() == HealthReport()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"running": False}, "is not running, though it was not stopped"),
        ({"sources": [a_source(feeds_failing=1), a_source("b")]}, "1 of 2 sources fail"),
        ({"sources": [a_source(overdue_seconds=4 * 3600)]}, "late by more than"),
        ({"disk": DiskUsage(free=100_000_000, used=GB)}, "only 100 MB are free"),
        ({"disk": DiskUsage(free=2 * GB, used=GB, growth=1.0 * GB)}, "full in 2.0 days"),
        ({"damage": "pages: page 3"}, "the database is damaged"),
    ],
    ids=["killed", "failing", "late", "disk", "disk soon", "damaged"],
)
def test_what_needs_a_person_is_unhealthy(changes: dict[str, Any], words: str) -> None:
    (line,) = assessed(**changes).unhealthy
    assert words in line


def test_a_single_failing_source_of_many_is_no_alarm() -> None:
    sources = [a_source(str(n), feeds_failing=int(n == 0)) for n in range(10)]
    assert assessed(sources=sources).unhealthy == ()


def test_lateness_counts_only_where_a_crawler_is_expected() -> None:
    assert assessed(sources=[a_source(overdue_seconds=10**6)], expected=False, running=False).unhealthy == ()


@pytest.mark.parametrize(
    ("feed", "words"),
    [
        ({"state": "gone", "last_error": "gone for good (410)"}, "is gone for good (410); polling stopped"),
        (
            {
                "failures": 9,
                "failing_since": format_utc(NOW - timedelta(days=2)),
                "last_error": "x",
                "replacement": 'feeds = ["n"]',
            },
            'put `feeds = ["n"]` into [[source]] id = "a"',
        ),
        ({"effective_url": "https://new.org/rss"}, "has moved to https://new.org/rss for good"),
        ({"validators_unreliable": 1}, "unreliable validators"),
        ({"capped": "it lists more than 2,000 entries without an address"}, "the rest is not stored"),
    ],
    ids=["gone", "failing", "moved", "lying", "capped"],
)
def test_feeds_in_trouble_are_named(feed: dict[str, Any], words: str) -> None:
    ((source, line),) = assessed(feeds=[a_feed(**feed)]).warnings
    assert source == "a"
    assert words in line


def test_a_feed_that_failed_for_an_hour_is_not_worth_a_line() -> None:
    assert assessed(feeds=[a_feed(failures=3, failing_since=format_utc(NOW - timedelta(hours=1)))]).warnings == ()


def hourly(days: int, silent_hours: float) -> list[str]:
    """First sights, newest first: one an hour, up to some hours ago."""
    return [format_utc(NOW - timedelta(hours=silent_hours + n)) for n in range(24 * days)]


def test_a_source_that_fell_silent_for_three_times_its_usual_gap_is_told() -> None:
    ((_, line),) = assessed(trends=[a_trend(seen=hourly(10, 5))]).warnings
    assert "0 new for 5h, 5× its usual gap" in line
    assert assessed(trends=[a_trend(seen=hourly(10, 2))]).warnings == ()


def test_silence_while_nobody_asked_is_not_the_sources() -> None:
    assert (
        assessed(trends=[a_trend(seen=hourly(10, 50), last_success_at=format_utc(NOW - timedelta(hours=49)))]).warnings
        == ()
    )


def test_nights_are_part_of_what_is_usual() -> None:
    seen = sorted(NOW - timedelta(days=d, hours=h) for d in range(10) for h in range(8))
    assert typical_gap(seen) == timedelta(hours=17)
    assert typical_gap(seen[:10]) is None


def test_a_field_that_vanished_names_the_template() -> None:
    fields = {"author": (0.95, 0.0), "date": (1.0, 1.0), "full text": None}
    ((_, line),) = assessed(trends=[a_trend(fields=fields)]).warnings
    assert "author 95 % → 0 % since" in line
    assert "the template changed?" in line


def test_shorter_texts_and_forbidden_articles_are_told() -> None:
    lines = [line for _, line in assessed(trends=[a_trend(words=(600, 90), settled=20, forbidden=20)]).warnings]
    assert any("600 → 90 words" in line for line in lines)
    assert any("robots.txt forbids 100 % of its articles: headlines only" in line for line in lines)


def a_day(day: str, **changes: Any) -> dict[str, Any]:
    counts = dict.fromkeys(("polls_ok", "polls_failed", "entries_new", "articles", "headline_only", "gaps_open"), 0)
    return {
        "source": "a",
        "day": day,
        "longest_blind_seconds": 600,
        "last_success_at": format_utc(NOW),
        **counts,
        **changes,
    }


def test_coverage_tells_a_quiet_day_from_one_on_which_nobody_watched() -> None:
    days = [
        a_day("2026-11-18", polls_ok=9, entries_new=3), a_day("2026-11-19", polls_ok=9), a_day("2026-11-20", longest_blind_seconds=86400),
        a_day("2026-11-21", polls_ok=2, longest_blind_seconds=30000, entries_new=1), a_day("2026-11-22", polls_ok=9, entries_new=1, gaps_open=1),
    ]  # fmt: skip
    assert [r["seen"] for r in coverage_rows(days, by="day", now=NOW)] == [
        "news",
        "no news",
        "not polled",
        "partial",
        "gap",
    ]
    (week, last) = coverage_rows(days, by="month", now=NOW), coverage_rows(days, by="week", now=NOW)
    assert (week[0]["month"], week[0]["polls_ok"], week[0]["days_blind"]) == ("2026-11", 29, 1)
    assert last[0]["week"] == "2026-11-16"


def test_a_crawler_that_stopped_is_blind_since() -> None:
    (row,) = coverage_rows([a_day("2026-11-22", polls_ok=1, last_success_at="2026-11-22T01:00:00Z")], by="day", now=NOW)
    assert row["longest_blind_seconds"] == 11 * 3600


@pytest.mark.parametrize(
    ("newest", "in_full", "forbidden", "told"),
    [(14, 0, 0, True), (5, 0, 0, True), (4, 0, 0, False), (20, 1, 0, False), (20, 0, 20, False)],
)
def test_a_source_without_any_full_text_is_told(newest: int, in_full: int, forbidden: int, told: bool) -> None:
    trend = a_trend(newest=newest, newest_in_full=in_full, settled=20, forbidden=forbidden)
    lines = [line for _, line in assessed(trends=[trend]).warnings]
    assert any(f"none of its newest {newest} articles could be read in full" in line for line in lines) == told
