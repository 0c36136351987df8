from __future__ import annotations

from datetime import timedelta

import pytest

from crawler.feeds.listing import ParsedFeed, listed
from crawler.feeds.revisit import Answer, check, retry_after
from crawler.settings import Schedule
from storage.records import Feed
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
PARSED = ParsedFeed(kind="rss", entries=(listed(url="https://a.org/1", base="https://a.org/"),))


def checked(answer: Answer, feed: Feed = FEED, every: float | None = None):
    return check(feed, answer, schedule=Schedule(), every=every, now=NOW)


def test_304_is_success_and_keeps_the_validators() -> None:
    found = checked(Answer(status=304, final_url="https://a.org/rss"))
    assert (found.outcome, found.etag, found.last_modified, found.body_hash) == (
        "not_modified",
        'W/"odd',
        "yesterday",
        "h1",
    )


def test_304_updates_the_validators_it_brings() -> None:
    assert checked(Answer(status=304, final_url="https://a.org/rss", etag='"new"')).etag == '"new"'


def test_validators_are_stored_from_every_200_byte_for_byte() -> None:
    found = checked(
        Answer(
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
    found = checked(Answer(status=200, final_url="https://a.org/rss", body_hash="h2", parsed=PARSED))
    assert (found.outcome, len(found.listed), found.due_at) == ("changed", 1, NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("status", "outcome"), [(500, "failed"), (404, "failed"), (403, "failed"), (410, "gone"), (429, "failed")]
)
def test_errors_keep_what_was_known(status: int, outcome: str) -> None:
    found = checked(Answer(status=status))
    assert found.outcome == outcome
    assert found.etag is None
    assert found.error


def test_errors_back_off() -> None:
    import dataclasses

    first = checked(Answer(status=500)).due_at
    fifth = checked(Answer(status=500), dataclasses.replace(FEED, failures=4)).due_at
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
    assert checked(Answer(status=429)).not_before == NOW + timedelta(hours=1)
    assert checked(Answer(status=503, retry_after="7200")).not_before == NOW + timedelta(hours=2)


def test_every_is_the_operators_word_floored_by_min() -> None:
    assert checked(Answer(status=304), every=1200).due_at == NOW + timedelta(minutes=20)
    assert checked(Answer(status=304), every=5).due_at == NOW + timedelta(minutes=10)


def test_max_age_lengthens_but_not_with_no_cache() -> None:
    assert checked(Answer(status=304, cache_control="public, max-age=7200")).due_at == NOW + timedelta(hours=2)
    assert checked(Answer(status=304, cache_control="no-cache, max-age=7200")).due_at == NOW + timedelta(hours=1)
