from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from crawler.config.models import Schedule
from crawler.feeds.adaptive import update
from crawler.feeds.freshness import freshness_lifetime, next_allowed_time, retry_after, ttl_seconds
from crawler.feeds.parsed_feed import ParsedFeed, make_entry
from crawler.feeds.revisit import SOFT, KnownEntries, PollResponse, decide, is_full_fetch_due
from storage.records import Feed, FeedCheck, GapDetected
from storage.utc import format_utc
from tests.conftest import NOW

FEED = Feed(
    url="https://a.org/rss",
    source="a",
    kind="rss",
    final_url="https://a.org/rss",
    etag='W/"odd',
    last_modified="yesterday",
    body_hash="h1",
    interval_seconds=3600,
)
PARSED = ParsedFeed(kind="rss", entries=(make_entry(url="https://a.org/1", base="https://a.org/"),))


def checked(answer: PollResponse, feed: Feed = FEED, every: float | None = None) -> FeedCheck:
    return decide(feed, answer, schedule=Schedule(), every=every, now=NOW)


def test_304_is_success_and_keeps_the_validators() -> None:
    found = checked(PollResponse(status=304, final_url="https://a.org/rss"))
    assert (found.outcome, found.etag, found.last_modified, found.body_hash) == (
        "not_modified",
        'W/"odd',
        "yesterday",
        "h1",
    )


def test_304_updates_the_validators_it_brings() -> None:
    assert checked(PollResponse(status=304, final_url="https://a.org/rss", etag='"new"')).etag == '"new"'


def test_validators_are_stored_from_every_200_byte_for_byte() -> None:
    found = checked(
        PollResponse(
            status=200,
            final_url="https://b.org/rss",
            etag='"x y\\"',
            last_modified="Tuesday-ish",
            body_hash="h1",
            parsed=None,
        )
    )
    assert (found.outcome, found.etag, found.last_modified, found.final_url) == (
        "unchanged",
        '"x y\\"',
        "Tuesday-ish",
        "https://b.org/rss",
    )


def test_a_changed_body_lists_its_entries() -> None:
    found = checked(PollResponse(status=200, final_url="https://a.org/rss", body_hash="h2", parsed=PARSED))
    assert (found.outcome, len(found.listed), found.window_size) == ("changed", 1, 1)


@pytest.mark.parametrize(
    ("status", "outcome"), [(500, "failed"), (404, "failed"), (403, "failed"), (410, "gone"), (429, "failed")]
)
def test_errors_keep_what_was_known(status: int, outcome: str) -> None:
    found = checked(PollResponse(status=status))
    assert found.outcome == outcome
    assert found.etag is None
    assert found.error


def test_errors_back_off() -> None:
    first = checked(PollResponse(status=500)).due_at
    fifth = checked(PollResponse(status=500), dataclasses.replace(FEED, failures=4)).due_at
    assert first is not None
    assert fifth is not None
    assert fifth - NOW == 5 * (first - NOW)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("Sun, 22 Nov 2026 13:00:00 GMT", 3600),
        ("999999999", 31 * 86400),
        ("Sat, 21 Nov 2026 13:00:00 GMT", None),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_in_both_forms(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, now=NOW) == (None if seconds is None else NOW + timedelta(seconds=seconds))


def test_throttling_without_a_word_is_an_hour() -> None:
    assert checked(PollResponse(status=429)).not_before == NOW + timedelta(hours=1)
    assert checked(PollResponse(status=503, retry_after="7200")).not_before == NOW + timedelta(hours=2)


def test_every_is_the_operators_word_floored_by_min() -> None:
    assert checked(PollResponse(status=304), every=1200).due_at == NOW + timedelta(minutes=20)
    assert checked(PollResponse(status=304), every=5).due_at == NOW + timedelta(minutes=10)


def test_what_the_server_asks_for_lengthens_but_not_beyond_a_day() -> None:
    assert checked(PollResponse(status=304, fresh_for=7200)).due_at == NOW + timedelta(hours=2)
    assert checked(PollResponse(status=304, fresh_for=90 * 86400)).due_at == NOW + timedelta(days=1)
    assert checked(PollResponse(status=304, fresh_for=7200), every=1200).due_at == NOW + timedelta(minutes=20)


@pytest.mark.parametrize(
    ("cache_control", "expires", "age", "seconds"),
    [
        ("public, max-age=7200", None, None, 7200),
        ("max-age=7200", None, "200", 7000),
        ("no-cache, max-age=7200", None, None, 0),
        ("max-age=7200, no-store", None, None, 0),
        ("", "Sun, 22 Nov 2026 13:00:00 GMT", None, 3600),
        ("max-age=60", "Sun, 22 Nov 2026 13:00:00 GMT", None, 60),
        ("", "0", None, 0),
        ("max-age=soon", None, "old", 0),
    ],
)
def test_freshness_by_headers(cache_control: str, expires: str | None, age: str | None, seconds: float) -> None:
    assert freshness_lifetime(cache_control, expires=expires, date="Sun, 22 Nov 2026 12:00:00 GMT", age=age) == seconds


@pytest.mark.parametrize(
    ("ttl", "seconds"), [(600, 600), (3600, 3600), (60, 3600), (360, 21600), (1440, 86400), (5, 300), (0, 0), (None, 0)]
)
def test_ttl_is_minutes_unless_it_can_only_be_seconds(ttl: float | None, seconds: float) -> None:
    assert ttl_seconds(ttl) == seconds


def test_a_304_keeps_what_the_ttl_asked_for() -> None:
    parsed = dataclasses.replace(PARSED, ttl=120)
    first = checked(PollResponse(status=200, body_hash="h2", parsed=parsed))
    assert first.requested_interval == 7200
    again = checked(PollResponse(status=304), dataclasses.replace(FEED, requested_interval=first.requested_interval))
    assert again.due_at == NOW + timedelta(hours=2)


def test_skipped_hours_and_days_are_left_out() -> None:
    assert next_allowed_time(NOW, ("12", "13"), ()) == NOW + timedelta(hours=2)
    assert next_allowed_time(NOW, (), ("Sunday",)).weekday() == 0
    assert next_allowed_time(NOW, tuple(str(h) for h in range(24)), ()) == NOW
    assert next_allowed_time(NOW, ("24",), ("Noday", "")) == NOW


def test_404_ends_a_feed_only_after_30_failures_and_14_days() -> None:
    def outcome(failures: int, days: float) -> str:
        feed = dataclasses.replace(
            FEED, failures=99, not_found_count=failures, not_found_since=format_utc(NOW - timedelta(days=days))
        )
        return checked(PollResponse(status=404), feed).outcome

    assert [outcome(29, 13), outcome(28, 15), outcome(29, 15)] == ["failed", "failed", "gone"]


def test_a_permanent_move_is_believed_after_three_polls_and_seven_days() -> None:
    feed, addresses = FEED, []
    for day in (0, 3, 6, 8):
        now = NOW + timedelta(days=day)
        move = decide(
            feed,
            PollResponse(status=304, final_url="https://new.org/rss", moved=True),
            schedule=Schedule(),
            every=None,
            now=now,
        ).move
        feed = dataclasses.replace(
            feed, moved_to=move.to, moved_since=move.since, moved_polls=move.polls, effective_url=move.effective_url
        )
        addresses.append(move.effective_url)
    assert addresses == [None, None, None, "https://new.org/rss"]
    back = checked(PollResponse(status=404), feed)
    assert back.outcome == "failed"
    assert back.move.effective_url is None
    assert "old URL" in (back.error or "")


def test_a_move_that_is_not_for_good_or_changes_its_target_begins_anew() -> None:
    feed = dataclasses.replace(
        FEED, moved_to="https://new.org/rss", moved_since=format_utc(NOW - timedelta(days=9)), moved_polls=9
    )
    assert checked(PollResponse(status=304, final_url="https://other.org/rss", moved=True), feed).move.polls == 1
    assert checked(PollResponse(status=304, final_url=FEED.url), feed).move.to is None


def test_no_overlap_with_a_window_that_held_something_is_a_gap() -> None:
    feed = dataclasses.replace(FEED, window_size=10, last_success_at=format_utc(NOW - timedelta(hours=5)))
    entry = dataclasses.replace(PARSED.entries[0], published_at=format_utc(NOW - timedelta(hours=1)))
    answer = PollResponse(status=200, body_hash="h2", parsed=dataclasses.replace(PARSED, entries=(entry,)))

    def gap(feed: Feed, known: int) -> GapDetected | None:
        return decide(feed, answer, schedule=Schedule(), every=None, now=NOW, seen=KnownEntries(known=known)).gap

    found = gap(feed, 0)
    assert found is not None
    assert (found.from_at, found.to_at) == (format_utc(NOW - timedelta(hours=5)), format_utc(NOW - timedelta(hours=1)))
    assert gap(feed, 1) is None
    assert gap(dataclasses.replace(feed, window_size=0), 0) is None


def test_an_unconditional_request_goes_out_once_a_day() -> None:
    assert not is_full_fetch_due(FEED, now=NOW)
    young = dataclasses.replace(FEED, last_body_at=format_utc(NOW - timedelta(hours=23)))
    old = dataclasses.replace(FEED, last_body_at=format_utc(NOW - timedelta(hours=24)))
    assert [is_full_fetch_due(f, now=NOW) for f in (young, old)] == [False, True]


def test_validators_that_stayed_while_entries_came_lie() -> None:
    answer = PollResponse(status=200, etag=FEED.etag, body_hash="h2", parsed=PARSED, unconditional=True)
    assert checked(answer).validators_unreliable
    assert not checked(dataclasses.replace(answer, etag='"other"')).validators_unreliable
    assert not checked(dataclasses.replace(answer, unconditional=False)).validators_unreliable


def test_a_server_in_trouble_is_asked_again_before_its_window_rolls_over() -> None:
    busy = update(None, [NOW.timestamp() - 60 * n for n in range(50)], NOW.timestamp())
    feed = dataclasses.replace(FEED, failures=200, window_size=50, rate_model=busy.to_json())
    soft = checked(PollResponse(error="it did not answer in time", weight=SOFT), feed).due_at
    hard = checked(PollResponse(status=404), feed).due_at
    assert soft is not None
    assert hard is not None
    assert soft - NOW <= timedelta(minutes=30)
    assert hard - NOW == timedelta(days=1)


def test_a_pace_of_seconds_shortens_the_waiting_times() -> None:
    found = decide(FEED, PollResponse(status=429), schedule=Schedule(), every=None, now=NOW, hour=6)
    assert found.not_before == NOW + timedelta(seconds=6)


@pytest.mark.parametrize("least", [0.05, 1, 30, 59])
def test_no_interval_of_the_schedule_shortens_a_wait_after_429(least: float) -> None:
    found = decide(FEED, PollResponse(status=429), schedule=Schedule(default=least, min=least), every=None, now=NOW)
    assert found.not_before == NOW + timedelta(hours=1)


def test_timeouts_are_no_404s() -> None:
    feed = dataclasses.replace(FEED, failures=200, failing_since=format_utc(NOW - timedelta(days=60)))
    assert checked(PollResponse(status=404), feed).outcome == "failed"


def test_a_date_beyond_all_time_is_no_date() -> None:
    assert freshness_lifetime("", expires="Fri, 31 Dec 9999 23:59:59 -0500", date="Sun, 22 Nov 2026 12:00:00 GMT") == 0
    assert retry_after("Fri, 31 Dec 9999 23:59:59 -0500", now=NOW) is None


def test_skipped_hours_are_remembered_over_a_304() -> None:
    parsed = dataclasses.replace(PARSED, skip_hours=("12", "13"))
    first = checked(PollResponse(status=200, body_hash="h2", parsed=parsed))
    again = checked(
        PollResponse(status=304), dataclasses.replace(FEED, skip_schedule=first.skip_schedule, interval_seconds=60)
    )
    assert again.due_at is not None
    assert again.due_at.hour not in {12, 13}


def test_a_first_window_is_compared_with_nothing() -> None:
    """Nothing could be known of it: that is no sign of a feed that changes its ids, and hides no later gap."""
    answer = PollResponse(status=200, body_hash="h2", parsed=PARSED)
    assert checked(answer, dataclasses.replace(FEED, window_size=0)).entries_known is None
    assert checked(answer, dataclasses.replace(FEED, window_size=3)).entries_known == 0
