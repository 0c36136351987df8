"""Polling policies compared on a simulated fortnight of feeds: requests, entries missed, delay until first sight.

    python -m benchmarks.polling [--feeds 2000] [--days 14] [--seed 1] [--json FILE]

The simulation: feeds with log-normal rates (median 8 entries a day, one in twenty above 200, one in twenty below one in
three days; the standard deviation of the log-rates is 2.4 for the real feeds of the test data, 2.0 here), a profile by
hour (von Mises, concentration 0.5 to 3: from round the clock to office hours) and by weekday, bursts of three to eight
times the rate for up to two hours, windows of 10 to 50 entries, one feed in ten that is down for hours or days and
returns. A window always contains the entries of eleven minutes, so that polls every ten minutes, the shortest interval,
would see all. Poll times are those of one crawler without delays of its own. Every policy sees the same feeds and is
counted from the second day on: a policy has a day to learn.

`missed`: entries that left their window unseen; a poll every ten minutes would have found them. `missed_while_dead`:
entries that were published, or left their window, while their feed was down; counted separately. `missed_unrecorded`:
either kind, without a poll that could detect the gap (no overlap with the window before). "ours" runs
crawler/feeds/revisit.py itself with its default settings; "ours_at_fixed30" is the same with `[schedule] default` tuned
until it makes as many requests as "fixed30". "ours_third_pushed": every
third feed has a hub that pushes each entry within two seconds. miniflux: entry_frequency, a week's mean, 5 minutes to 24 hours, 3
failures stop a feed permanently. mediacloud: 12 hours at first; overlap of 67 % and more on two polls adds 10 minutes,
under 33 % subtracts 60; its minimum is set to 10 minutes (its own default minimum of 12 hours never shortens); linear
back-off.
"""

from __future__ import annotations

import argparse
import bisect
import functools
import json
import math
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crawler.config.models import Schedule
from crawler.feeds.parsed_feed import ParsedFeed
from crawler.feeds.revisit import SOFT, KnownEntries, PollResponse, decide
from crawler.feeds.websub import PUSHED
from storage.records import Feed, FeedEntry
from storage.utc import format_utc

HOUR, DAY = 3600.0, 86400.0
START = datetime(2026, 11, 2, tzinfo=UTC).timestamp()  # a Monday
FLOOR = 600.0


@dataclass
class World:
    """One feed: its entries by time of publication, its window, and when it was down."""

    entries: list[float]
    window: int
    dead: list[tuple[float, float]] = field(default_factory=list)

    def alive(self, at: float) -> bool:
        return not any(start <= at < end for start, end in self.dead)

    def shown(self, entry: float) -> float:
        """When an entry could first be seen: published, and its feed not down."""
        return next((end for start, end in self.dead if start <= entry < end), entry)

    def listed(self, at: float) -> tuple[int, int]:
        """The index range of the entries in the window at a time: (from, to)."""
        end = bisect.bisect_right(self.entries, at)
        return max(0, end - self.window), end


def make_feed(rng: random.Random, days: int) -> World:
    daily = min(400.0, math.exp(rng.gauss(math.log(8), 2.0)))
    peak, focus = rng.uniform(0, 24), rng.uniform(0.5, 3)
    profile = [math.exp(focus * math.cos(2 * math.pi * (h / 4 - peak) / 24)) for h in range(96)]
    mean = sum(profile) / 96
    weekend = rng.choice([1.0, 0.7, 0.5, 0.2])
    end = START + days * DAY
    bursts: list[tuple[float, float, float]] = []
    at = START
    while (at := at + rng.expovariate(1 / (4 * DAY))) < end:
        bursts.append((at, at + rng.uniform(0.5, 2) * HOUR, rng.uniform(3, 8)))

    def rate(at: float) -> float:
        by_hour = profile[int(at / HOUR % 24 * 4)] / mean
        by_day = weekend if int((at - START) // DAY) % 7 >= 5 else 1.0
        burst = max((times for start, stop, times in bursts if start <= at < stop), default=1.0)
        return daily / DAY * by_hour * by_day * burst

    highest = daily / DAY * max(profile) / mean * 8
    at, entries = START - 3 * DAY, []
    while (at := at + rng.expovariate(highest)) < end:
        if rng.random() < rate(at) / highest:
            entries.append(at)
    densest = max((bisect.bisect_right(entries, e + 660) - i for i, e in enumerate(entries)), default=0)
    window = next((w for w in sorted({rng.choice([10, 15, 20, 25, 30, 50]), 30, 40, 50}) if w > densest), 0)
    if not window:  # no feed lists more than 50: entries beyond that are removed
        window = 50
        kept: list[float] = []
        for entry in entries:
            if len(kept) < 49 or entry - kept[-49] > 660:
                kept.append(entry)
        entries = kept
    feed = World(entries, window)
    if rng.random() < 0.1:
        begin = START + rng.uniform(1, days - 1) * DAY
        feed.dead = [(begin, begin + math.exp(rng.uniform(math.log(2), math.log(120))) * HOUR)]
    return feed


class Fixed:
    def __init__(self, minutes: float) -> None:
        self.seconds = minutes * 60

    def start(self) -> None:
        pass

    def next(self, at: float, answer: list[float] | None, new: int) -> float:
        return self.seconds


class EntryFrequency:
    """miniflux 2.2: the minutes of a week, divided by the week's entries."""

    def start(self) -> None:
        self.failures = 0
        self.seen: list[float] = []

    def next(self, at: float, answer: list[float] | None, new: int) -> float:
        if answer is None:
            self.failures += 1
            return math.inf if self.failures >= 3 else 24 * HOUR if not self.seen else self._wait(at)
        self.failures = 0
        self.seen = [t for t in self.seen if t > at - 7 * DAY] + (answer[len(answer) - new :] if new else [])
        return self._wait(at)

    def _wait(self, at: float) -> float:
        weekly = sum(t > at - 7 * DAY for t in self.seen)
        return min(DAY, max(300.0, 7 * DAY / weekly)) if weekly else DAY


class Overlap:
    """Media Cloud rss-fetcher: by the share of known entries in a window."""

    def start(self) -> None:
        self.wait, self.failures, self.last = 12 * HOUR, 0, 0.5

    def next(self, at: float, answer: list[float] | None, new: int) -> float:
        if answer is None:
            self.failures += 1
            return min(DAY, self.wait * self.failures)
        self.failures = 0
        if answer:
            overlap = 1 - new / len(answer)
            if overlap >= 0.67 and self.last >= 0.67:
                self.wait += 600
            elif overlap < 0.33 and self.last < 0.33:
                self.wait -= HOUR
            self.last = overlap
            self.wait = min(DAY, max(FLOOR, self.wait))
        return self.wait


class Ours:
    """crawler/feeds/revisit.py, as the crawler calls it."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule

    def start(self) -> None:
        self.feed = Feed(url="https://a.example/feed", source="a", kind="rss")

    def next(self, at: float, answer: list[float] | None, new: int) -> float:
        now = datetime.fromtimestamp(at, UTC)
        if answer is None:
            got = PollResponse(error="it did not answer in time", weight=SOFT)
            seen = KnownEntries()
        elif not new and self.feed.body_hash is not None:
            got, seen = PollResponse(status=304), KnownEntries()
        else:
            listed = tuple(_entry(t) for t in answer)
            got = PollResponse(status=200, body_hash=str(at), parsed=ParsedFeed(kind="rss", entries=listed))
            seen = KnownEntries(known=len(answer) - new, times=tuple(answer[len(answer) - new :]))
        found = decide(self.feed, got, schedule=self.schedule, every=None, now=now, seen=seen)
        ok = found.outcome != "failed"
        self.feed = replace(
            self.feed,
            rate_model=found.rate_model or self.feed.rate_model,
            window_size=found.window_size if found.window_size is not None else self.feed.window_size,
            body_hash=found.body_hash if ok else self.feed.body_hash,
            failures=0 if ok else self.feed.failures + 1,
            last_success_at=format_utc(now) if ok else self.feed.last_success_at,
            interval_seconds=found.interval_seconds or self.feed.interval_seconds,
            failing_since=None if ok else self.feed.failing_since or format_utc(now),
        )
        assert found.due_at is not None
        return found.due_at.timestamp() - at


_ENTRIES: dict[float, FeedEntry] = {}


def _entry(at: float) -> FeedEntry:
    """A cached entry: only its time matters here."""
    if at not in _ENTRIES:
        _ENTRIES[at] = FeedEntry(identity=str(at), url=None, published_at=format_utc(datetime.fromtimestamp(at, UTC)))
    return _ENTRIES[at]


@dataclass
class Score:
    requests: int = 0
    items: int = 0
    missed: int = 0
    missed_while_dead: int = 0
    missed_unrecorded: int = 0
    delays: list[float] = field(default_factory=list)


def run_feed(feed: World, policy: Any, offset: float, end: float, score: Score) -> None:
    policy.start()
    at, seen_to, begun = START + offset, 0, False
    counted_from = START + DAY
    while at < end:
        score.requests += at >= counted_from
        if not feed.alive(at):
            at += policy.next(at, None, 0)
            continue
        low, high = feed.listed(at)
        if begun:
            first_new = max(low, seen_to)
            lost = range(seen_to, low)
            recorded = low >= seen_to > 0
            for index in lost:
                if feed.entries[index] >= counted_from:
                    score.items += 1
                    leaves = feed.entries[index + feed.window]  # when the next entry takes its place
                    could = feed.alive(feed.entries[index]) and feed.alive(leaves)
                    score.missed += could
                    score.missed_while_dead += not could
                    score.missed_unrecorded += not recorded
            for entry in feed.entries[first_new:high]:
                if entry >= counted_from:
                    score.items += 1
                    score.delays.append(at - feed.shown(entry))
        new = high - max(low, seen_to) if begun else high - low
        begun, seen_to = True, high
        at += policy.next(at, feed.entries[low:high], new)


def simulate(feeds: list[World], make: Callable[[], Any], days: int, seed: int) -> Score:
    rng, score = random.Random(seed + 1), Score()
    for feed in feeds:
        run_feed(feed, make(), rng.uniform(0, HOUR), START + days * DAY, score)
    return score


def simulate_pushed(feeds: list[World], days: int, seed: int) -> Score:
    """Our policy where every third feed is pushed: its entries are seen within two seconds, its polls are rare."""
    rng, score = random.Random(seed + 1), Score()
    end, counted_from = START + days * DAY, START + DAY
    for number, feed in enumerate(feeds):
        offset = rng.uniform(0, HOUR)
        if number % 3:
            run_feed(feed, Ours(Schedule()), offset, end, score)
            continue
        polls = Score()
        run_feed(feed, Fixed(PUSHED * 60), offset, end, polls)
        score.requests += polls.requests
        shown = [entry for entry in feed.entries if counted_from <= entry < end]
        score.items += len(shown)
        score.delays += [2.0] * len(shown)
    return score


def row(score: Score) -> dict[str, float]:
    delays = sorted(score.delays)
    return {
        "requests": score.requests,
        "items": score.items,
        "missed": score.missed,
        "missed_while_dead": score.missed_while_dead,
        "missed_unrecorded": score.missed_unrecorded,
        "mean_delay_s": round(statistics.fmean(delays), 1),
        "p95_delay_s": round(delays[int(len(delays) * 0.95)], 1),
    }


def tuned(feeds: list[World], requests: int, days: int, seed: int) -> tuple[Score, float]:
    """The policy "ours" with the `default` that makes that many requests, within one per cent.

    Bisection on a tenth of the feeds, then on all.
    """
    low, high = 120.0, 6 * HOUR
    sample, share = feeds[::10], 0.0
    fixed = simulate(sample, lambda: Fixed(30), days, seed).requests
    for _ in range(7):
        share = math.sqrt(low * high)
        spent = simulate(sample, functools.partial(Ours, replace(Schedule(), default=share)), days, seed).requests
        low, high = (share, high) if spent > fixed else (low, share)
    pace = math.sqrt(low * high)
    for _ in range(6):
        score = simulate(feeds, functools.partial(Ours, replace(Schedule(), default=pace)), days, seed)
        off = score.requests / requests
        if abs(off - 1) <= 0.01:
            break
        pace *= off**1.5
    return score, pace


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--feeds", type=int, default=2000)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE", help="- is stdout")
    chosen = parser.parse_args()
    rng = random.Random(chosen.seed)
    feeds = [make_feed(rng, chosen.days) for _ in range(chosen.feeds)]
    policies: dict[str, Callable[[], Any]] = {
        "fixed15": lambda: Fixed(15),
        "fixed30": lambda: Fixed(30),
        "fixed60": lambda: Fixed(60),
        "miniflux": EntryFrequency,
        "mediacloud": Overlap,
        "ours": lambda: Ours(Schedule()),
    }
    found: dict[str, dict[str, float]] = {}
    for name, make in policies.items():
        began = time.monotonic()
        found[name] = row(simulate(feeds, make, chosen.days, chosen.seed))
        print(f"{name:16} {_line(found[name])}  ({time.monotonic() - began:.0f} s)", file=sys.stderr)
    found["ours_third_pushed"] = row(simulate_pushed(feeds, chosen.days, chosen.seed))
    print(f"{'ours_third_pushed':16} {_line(found['ours_third_pushed'])}", file=sys.stderr)
    score, pace = tuned(feeds, int(found["fixed30"]["requests"]), chosen.days, chosen.seed)
    found["ours_at_fixed30"] = {**row(score), "default_s": round(pace)}
    print(f"{'ours_at_fixed30':16} {_line(found['ours_at_fixed30'])}  (default = {pace / 60:.0f} min)", file=sys.stderr)
    document = json.dumps(
        {"feeds": chosen.feeds, "days": chosen.days, "seed": chosen.seed, "policies": found}, indent=1
    )
    if chosen.json == "-":
        print(document)
    elif chosen.json:
        Path(chosen.json).write_text(document + "\n", encoding="utf-8")
    return 0


def _line(found: dict[str, float]) -> str:
    return (
        f"{found['requests']:>9,} requests  {found['missed']:>6,} missed  {found['missed_while_dead']:>6,} while dead  "
        f"{found['missed_unrecorded']:>5,} unrecorded  mean {found['mean_delay_s'] / 60:6.1f} min  p95 "
        f"{found['p95_delay_s'] / 60:6.1f} min"
    )


if __name__ == "__main__":
    sys.exit(main())
