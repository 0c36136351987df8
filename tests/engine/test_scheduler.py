"""The clock: set back, set forward, stopped; and summer time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from crawler.config.models import Source
from crawler.engine.daemon.scheduler import Job, JobScheduler, SkipMissedTrigger
from storage.records import FeedCheck
from storage.utc import format_utc
from storage.writer import open_writer
from tests.conftest import NOW


class Clock:
    def __init__(self) -> None:
        self.set_by = 0.0
        self.asleep = 0.0

    def wall(self) -> float:
        return time.time() + self.set_by + self.asleep

    def steady(self) -> float:
        return time.monotonic() + self.asleep


async def watched(change: str, seconds: float) -> tuple[list[float], int]:
    """Runs of a job each second while the clock does something after a while; the jumps told, and the runs after it."""
    clock, jumps, runs = Clock(), [], []

    async def jumped(by: float) -> None:
        jumps.append(by)

    async def work() -> None:
        runs.append(time.monotonic())

    keeper = JobScheduler((Job(name="work", seconds=1.0, work=work),), jumped, wall=clock.wall, steady=clock.steady)
    keeper.start()
    await asyncio.sleep(1.5)
    setattr(clock, change, seconds)
    # What a clock that was set back does to APScheduler: its next run is an hour away.
    keeper._scheduler.modify_job("work", next_run_time=datetime.now(UTC) + timedelta(hours=1))
    before = len(runs)
    await asyncio.sleep(3.5)
    keeper.stop()
    return jumps, len(runs) - before


@pytest.mark.parametrize(("change", "seconds"), [("set_by", -3600.0), ("set_by", 3600.0), ("asleep", 60.0)])
def test_row_25_jobs_go_on_whatever_the_clock_does(change: str, seconds: float) -> None:
    jumps, runs = asyncio.run(watched(change, seconds))
    assert len(jumps) == 1
    assert abs(jumps[0] - seconds) < 2
    assert runs >= 2


def test_row_25_a_job_that_is_years_late_is_done_once_and_at_once() -> None:
    """A machine without a battery wakes in 1970 and hears the time a minute later; the slots since were counted one by one."""
    runs = []

    async def work() -> None:
        runs.append(1)

    async def main() -> None:
        jobs = (Job(name="work", seconds=60.0, work=work), Job(name="tick", seconds=30.0, work=work))
        keeper = JobScheduler(jobs, _nothing)
        keeper.start()
        for job in jobs:
            keeper._scheduler.modify_job(job.name, next_run_time=datetime(1970, 1, 1, tzinfo=UTC))
        await asyncio.sleep(0.2)
        keeper.stop()

    asyncio.run(main())
    assert len(runs) == 2


def test_a_job_that_fails_is_tried_again() -> None:
    runs = []

    async def work() -> None:
        runs.append(1)
        raise ValueError("once more")

    async def main() -> None:
        keeper = JobScheduler((Job(name="work", seconds=0.3, work=work),), _nothing)
        keeper.start()
        await asyncio.sleep(1.2)
        keeper.stop()

    asyncio.run(main())
    assert len(runs) >= 2


async def _nothing(_: float) -> None:
    return


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", "2026-03-29"),
        ("Europe/Berlin", "2026-10-25"),
        ("America/New_York", "2026-11-01"),
        ("Australia/Lord_Howe", "2026-10-04"),
    ],
)
def test_row_25_no_slot_is_lost_or_doubled_when_the_clocks_change(zone: str, day: str) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)) - timedelta(hours=6)
    trigger = SkipMissedTrigger(seconds=900, timezone=UTC, start_date=start.astimezone(UTC))
    fired, last = [], None
    for _ in range(96):
        last = trigger.get_next_fire_time(last, (last or start).astimezone(UTC))
        assert last is not None
        fired.append(last.timestamp())
    assert {b - a for a, b in pairwise(fired)} == {900.0}


def test_row_25_what_is_due_moves_with_a_clock_that_was_set_back_and_a_catch_up_is_spread(tmp_path: Path) -> None:
    store = open_writer(tmp_path / "news.db")
    urls = [f"https://h{n}.org/rss" for n in range(40)]
    store.sync_sources(
        [Source(id="a", name="A", url="https://a.org/", feeds=tuple(urls))], {url: url[8:-4] for url in urls}
    )
    with store.transaction():
        for url in urls:
            store.apply_check(
                FeedCheck(feed_url=url, at=NOW, outcome="not_modified", due_at=NOW + timedelta(minutes=10)), "a"
            )
    store.adjust_clock(-3600, NOW - timedelta(hours=1), 60)
    due = {row[0] for row in store.db.conn.execute("SELECT due_at FROM feeds")}
    assert due == {format_utc(NOW - timedelta(minutes=50))}
    store.adjust_clock(7200, NOW + timedelta(hours=1), 60)
    spread = sorted(row[0] for row in store.db.conn.execute("SELECT due_at FROM feeds"))
    assert format_utc(NOW + timedelta(hours=1)) <= spread[0]
    assert spread[-1] <= format_utc(NOW + timedelta(hours=1, minutes=1))
    assert len(set(spread)) > 10
    store.close()
