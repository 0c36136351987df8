from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crawler.feeds.adaptive import RateModel, expected_rates, poll_interval, read_rhythm, update, window_turnover

HOUR, DAY = 3600.0, 86400.0
MONDAY = 1_793_577_600.0  # 2026-11-02


def watched(
    per_day: int,
    *,
    days: int = 14,
    hours: tuple[int, ...] = tuple(range(24)),
    weekdays: tuple[int, ...] = tuple(range(7)),
) -> RateModel:
    """A feed polled each hour that brings so many entries a day, in these hours and on these days only."""
    rhythm = update(None, [], MONDAY)
    for step in range(1, days * 24 + 1):
        now = MONDAY + step * HOUR
        opens = (step - 1) % 24 in hours and (step - 1) // 24 % 7 in weekdays
        count = round(per_day / len(hours)) if opens else 0
        rhythm = update(rhythm, [now - HOUR + (i + 1) * HOUR / (count + 1) for i in range(count)], now)
    return rhythm


def wait(rhythm: RateModel, now: float, window: int = 30) -> float:
    return poll_interval(rhythm, window, now, pace=HOUR, least=600, most=6 * HOUR)


def test_a_feed_four_times_as_busy_is_asked_twice_as_often() -> None:
    slow, fast = wait(watched(24), MONDAY + 14 * DAY, 500), wait(watched(96), MONDAY + 14 * DAY, 500)
    assert 0.9 * HOUR < slow < 1.1 * HOUR
    assert 1.8 < slow / fast < 2.2


def test_office_hours_are_learnt() -> None:
    rhythm = watched(40, hours=tuple(range(8, 18)))
    night, day = (wait(rhythm, MONDAY + 14 * DAY + hour * HOUR, 200) for hour in (20, 11))
    assert day < 0.6 * HOUR
    assert night > 2 * HOUR


def test_a_quiet_night_does_not_last_beyond_the_morning() -> None:
    rhythm = watched(200, hours=tuple(range(8, 18)))
    before_opening = wait(rhythm, MONDAY + 14 * DAY + 6 * HOUR, 200)
    assert before_opening < 2.5 * HOUR


def test_weekends_are_learnt() -> None:
    rhythm = watched(24, days=28, weekdays=(0, 1, 2, 3, 4))
    weekday, weekend = (
        expected_rates(rhythm, MONDAY + 28 * DAY + 12 * HOUR, 1)[0],
        expected_rates(rhythm, MONDAY + 33 * DAY + 12 * HOUR, 1)[0],
    )
    assert weekend < weekday / 2


def test_a_day_that_was_never_watched_is_like_the_others() -> None:
    rhythm = watched(48, days=3)
    assert expected_rates(rhythm, MONDAY + 4 * DAY, 1)[0] > 1


def test_a_small_window_is_asked_more_often_than_a_large_one() -> None:
    rhythm = watched(24)
    assert wait(rhythm, MONDAY + 14 * DAY, 10) < wait(rhythm, MONDAY + 14 * DAY, 100)


def test_a_burst_shortens_the_wait_at_once() -> None:
    rhythm, now = watched(24), MONDAY + 14 * DAY
    burst = update(rhythm, [now + HOUR - i for i in range(20)], now + HOUR)
    assert wait(burst, now + HOUR, 50) < wait(rhythm, now, 50) / 2


def test_the_first_window_tells_of_the_time_that_it_spans() -> None:
    now = MONDAY + 2 * DAY
    first = update(None, [now - i * HOUR for i in range(24)], now)
    assert 0.5 < sum(expected_rates(first, now, 24)) / 24 < 1.5


def test_the_rate_of_a_feed_that_fell_silent_fades() -> None:
    rhythm = watched(48)
    later = update(rhythm, [], MONDAY + 44 * DAY)
    assert expected_rates(later, MONDAY + 44 * DAY, 1)[0] < 0.5


def test_roll_time_is_the_time_of_a_burst_in_the_busiest_hour() -> None:
    assert window_turnover(watched(240), 10, MONDAY) < HOUR


@given(
    st.lists(st.floats(MONDAY - 40 * DAY, MONDAY + 3 * DAY), max_size=40),
    st.integers(0, 60),
    st.floats(0, 40 * DAY),
    st.sampled_from([3600.0, 6.0, 0.05]),
)
def test_any_history_gives_an_interval_within_the_clamps(
    times: list[float], window: int, passed: float, hour: float
) -> None:
    rhythm = update(None, times, MONDAY, hour=hour)
    rhythm = update(rhythm, times, MONDAY + passed * hour / 3600, hour=hour)
    assert read_rhythm(rhythm.to_json()) is not None
    found = poll_interval(rhythm, window, MONDAY + passed, pace=hour, least=hour / 6, most=6 * hour, hour=hour)
    assert hour / 6 <= found <= 6 * hour


def test_what_is_no_rhythm_is_learnt_anew() -> None:
    assert [read_rhythm(text) for text in ("[1,2]", "{", "null", "[1,1,[],[],[],[]]", '"x"', "")] == [None] * 6
