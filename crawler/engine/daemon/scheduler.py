"""Run the periodic jobs of the background crawler: APScheduler on Scrapy's event loop. Jobs fetch nothing themselves.

APScheduler follows the wall clock and stops firing when it is set back (measured). A watchdog on the loop's monotonic
clock therefore compares the two each second. If the wall clock was set back, every job and every due time is moved
with it; after a suspend, overdue work is spread once. Triggers are intervals in UTC, so no run is lost or doubled when
daylight saving time begins or ends.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from crawler.errors import unexpected

TICK = 1.0  # seconds between two checks for due work: a `fetch` waits for two at most
JUMP = 5.0  # seconds by which wall and monotonic clock may differ before it counts as a jump; NTP slews by far less
log = logging.getLogger("newsdesk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something that is done every so many seconds."""

    name: str
    seconds: float
    work: Callable[[], Awaitable[None]]


class SkipMissedTrigger(IntervalTrigger):  # type: ignore[misc]  # APScheduler is not typed
    """An interval trigger that skips missed runs.

    APScheduler lists every run since the last one, which takes minutes when a clock without a battery is set forward by
    years.
    """

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The next run: one interval after the last one, or after the last interval if that is later."""
        last = previous_fire_time and max(previous_fire_time, now - self.interval)
        return super().get_next_fire_time(last, now)  # type: ignore[no-any-return]


class JobScheduler:
    """Runs jobs, and keeps them running when the wall clock jumps."""

    def __init__(
        self,
        jobs: tuple[Job, ...],
        jumped: Callable[[float], Awaitable[None]],
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.jobs = jobs
        self.on_clock_jump = jumped
        self._wall, self._steady = wall, steady
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._watch: asyncio.TimerHandle | None = None
        self._seen = (0.0, 0.0)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start; call it on the running loop."""
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # a late job is reported by `status`
        for job in self.jobs:
            self._scheduler.add_job(
                functools.partial(_edge, job), SkipMissedTrigger(seconds=job.seconds, timezone=UTC), id=job.name,
                coalesce=True, misfire_grace_time=None, max_instances=1,
            )  # fmt: skip
        self._scheduler.start()
        self._seen = (self._wall(), self._steady())
        self._look()

    def _look(self) -> None:
        """The watchdog: detect a jump of the wall clock, or a suspend."""
        wall, steady = self._wall(), self._steady()
        apart = (wall - self._seen[0]) - (steady - self._seen[1])
        asleep = steady - self._seen[1] - TICK
        self._seen = (wall, steady)
        if abs(apart) > JUMP or asleep > JUMP:
            for job in self.jobs:
                self._scheduler.modify_job(
                    job.name, next_run_time=datetime.now(UTC) + timedelta(seconds=min(job.seconds, TICK))
                )
            task = asyncio.ensure_future(self.on_clock_jump(apart if apart < -JUMP else max(apart, asleep)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._watch = asyncio.get_running_loop().call_later(TICK, self._look)

    def now(self, name: str) -> None:
        """Run a job as soon as possible."""
        self._scheduler.modify_job(name, next_run_time=datetime.now(UTC))

    def stop(self) -> None:
        """Stop; running jobs are not waited for."""
        if self._watch is not None:
            self._watch.cancel()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)


async def _edge(job: Job) -> None:
    """Run a job once; an error is logged, and the job runs again at its next time."""
    try:
        await job.work()
    except Exception as error:
        log.error("%s could not be done: %s: %s", job.name, type(error).__name__, error, exc_info=unexpected(error))
