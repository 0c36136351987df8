"""Learn when a feed publishes, and compute its poll interval. Pure; times are POSIX seconds, the clock is an argument.

A feed's rate is its mean, times a factor for the hour of the day, times a factor for the day of the week. All are
counts over the time watched, and fade. Two rules give the interval. Polls are spent where news is published: the
interval is proportional to one over the square root of the rate, which minimizes the mean delay for a number of
requests. And a burst of twenty times the expected entries must still fit into the feed's window.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass

HALF_LIFE = 10.0  # days after which a count has half its weight: a season changes, one weekend without news does not
PRIOR_WEIGHT = 6.0  # the prior that all hours, and all days, are alike, in entries
BURST_FACTOR = 20.0  # a burst is up to eight times the usual rate, which is only an estimate: the window must fit both
ONGOING_FACTOR = 4.0  # factor by which the rate of the last poll may still grow
MIN_BURST = 5.0  # entries in an hour that any feed may publish without warning
NEW_FEED_FACTOR = 3.0  # multiplies MIN_BURST for a new feed, decreasing during its first week
FIRST_LOOK = 14  # days of the first window that are used


@dataclass(frozen=True, slots=True, kw_only=True)
class RateModel:
    """Entries of a feed and hours it was watched, by hour of the day (UTC) and by weekday; all counts fade."""

    at: float  # when it was last updated
    hours: tuple[float, ...] = (0.0,) * 24
    days: tuple[float, ...] = (0.0,) * 7
    hours_watched: tuple[float, ...] = (0.0,) * 24
    days_watched: tuple[float, ...] = (0.0,) * 7
    boost: float = 1.0  # ratio of the last poll's entries to the expected ones

    def to_json(self) -> str:
        """Return the model as text for the store."""
        lists = (self.hours, self.days, self.hours_watched, self.days_watched)
        return json.dumps(
            [round(self.at), round(self.boost, 2), *([round(n, 2) for n in part] for part in lists)],
            separators=(",", ":"),
        )


def read_rhythm(text: str | None) -> RateModel | None:
    """Return the model from its stored text; None if there is none or it is invalid."""
    if not text:
        return None
    try:
        at, boost, *lists = json.loads(text)
        hours, days, hours_watched, days_watched = (tuple(map(float, part)) for part in lists)
        if (len(hours), len(days), len(hours_watched), len(days_watched)) != (24, 7, 24, 7):
            return None
        return RateModel(
            at=float(at),
            boost=float(boost),
            hours=hours,
            days=days,
            hours_watched=hours_watched,
            days_watched=days_watched,
        )
    except (ValueError, TypeError):  # e.g. edited by a user: the model is learned again
        return None


def update(
    known: RateModel | None, times: Iterable[float], now: float, *, since: float | None = None, hour: float = 3600.0
) -> RateModel:
    """Update the model with the result of a poll.

    Args:
        known: the model so far; None on the first poll, whose window then covers the time that it spans.
        times: when each new entry was published, in seconds; times in the future and late entries count as now.
        now: the clock, in seconds.
        since: from when on the poll covers everything; by default the previous poll.
        hour: seconds of an hour in the waiting times (config.models.Pace).
    """
    day = 24 * hour
    found = [min(time, now) for time in times]
    if known is None:
        since = max(min(found, default=now), now - FIRST_LOOK * day)
        found = [time for time in found if time >= since]
        known = RateModel(at=since)
    start = min(now, max(known.at, since or known.at))
    fade = 0.5 ** (max(0.0, now - known.at) / (HALF_LIFE * day))
    hours, days, hours_watched, days_watched = (
        [n * fade for n in part] for part in (known.hours, known.days, known.hours_watched, known.days_watched)
    )
    expected = _expected(known, start, now, hour)
    for time in found:
        at = time if time >= start else now
        hours[int(at // hour) % 24] += 1
        days[int(at // day) % 7] += 1
    at = max(start, now - 60 * day)
    while at < now:
        until = min(now, (at // hour + 1) * hour)
        part = (until - at) / hour
        hours_watched[int(at // hour) % 24] += part
        days_watched[int(at // day) % 7] += part
        at = until if until > at else now
    return RateModel(
        at=now,
        hours=tuple(hours),
        days=tuple(days),
        hours_watched=tuple(hours_watched),
        days_watched=tuple(days_watched),
        boost=min(10.0, max(1.0, (len(found) + 1) / (expected + 1))) if any(known.hours_watched) else 1.0,
    )


def _expected(rhythm: RateModel, start: float, now: float, hour: float) -> float:
    """Return the number of entries expected between two times, for a day at most."""
    steps = min(24, math.ceil((now - start) / hour) + 1)
    total, at = 0.0, start
    for rate in expected_rates(rhythm, start, steps, hour=hour):
        until = min(now, (at // hour + 1) * hour)
        total += rate * max(0.0, until - at) / hour
        at = until
    return total


def expected_rates(rhythm: RateModel, now: float, steps: int, *, hour: float = 3600.0) -> list[float]:
    """Return the expected entries per hour, for this hour and the following ones."""
    # The prior is half an entry in half a day, so that silence is learned slowly.
    mean = (sum(rhythm.hours) + 0.5) / (sum(rhythm.hours_watched) + 12.0)
    h, w = rhythm.hours, rhythm.hours_watched
    found = []
    for step in range(steps):
        at = int((now + step * hour) // hour)
        i, j, k = (at - 1) % 24, at % 24, (at + 1) % 24  # smooth over the neighbouring hours
        by_hour = (h[i] + 2 * h[j] + h[k] + 4 * PRIOR_WEIGHT / 6) / (
            (w[i] + 2 * w[j] + w[k]) * mean + 4 * PRIOR_WEIGHT / 6
        )
        d = at // 24 % 7
        by_day = (rhythm.days[d] + PRIOR_WEIGHT) / (rhythm.days_watched[d] * mean + PRIOR_WEIGHT)
        found.append(mean * by_hour * by_day)
    return found


def poll_interval(
    rhythm: RateModel, window: int, now: float, *, pace: float, least: float, most: float, hour: float = 3600.0
) -> float:
    """Return how long a feed may be left unpolled.

    Args:
        rhythm: its model.
        window: how many entries it lists.
        now: the clock, in seconds.
        pace: seconds for a feed with one entry per hour; a feed four times as busy is polled twice as often.
        least: the minimum, in seconds.
        most: the maximum, in seconds.
        hour: seconds of an hour.

    Returns:
        Seconds, between least and most.
    """
    known = min(1.0, sum(rhythm.hours_watched) / 168)
    sudden = MIN_BURST * (NEW_FEED_FACTOR + (1 - NEW_FEED_FACTOR) * known)
    longest = min(most, max(least, max(window, 1) / sudden * hour))
    passed, spent, filled, into = 0.0, 0.0, 0.0, now % hour
    boost = rhythm.boost
    for step, rate in enumerate(expected_rates(rhythm, now, math.ceil(longest / hour) + 1, hour=hour)):
        part = hour - into
        into = 0.0
        effort = math.sqrt(rate * boost) / pace
        seen = rhythm.hours_watched[int(now // hour + step) % 24]
        fill = (
            (rate + math.sqrt(rate / max(seen, 1.0))) * max(BURST_FACTOR, ONGOING_FACTOR * boost) / hour
        )  # includes the uncertainty of a few days' counts
        until = min(
            (1.0 - spent) / effort if effort > 0 else math.inf,
            (max(window, 1) - filled) / fill if fill > 0 else math.inf,
        )
        if until <= part:
            return min(longest, max(least, passed + until))
        passed += part
        spent += effort * part
        filled += fill * part
        boost = max(1.0, boost / 2)
        if passed >= longest:
            break
    return longest


def window_turnover(rhythm: RateModel, window: int, now: float, *, hour: float = 3600.0) -> float:
    """Return the seconds in which a feed's window may roll over, in a burst in the busiest hour of the week."""
    busiest = max(expected_rates(rhythm, now, 168, hour=hour))
    return max(window, 1) / (BURST_FACTOR * busiest) * hour
