"""Rows 24 and 25 from outside: the machine sleeps, its clock is set, two are started at once; see also engine/test_scheduler.py."""

from __future__ import annotations

import functools
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import torture
from tests.conftest import Desk, source
from tests.faults.shifted import CLOCK
from tests.running import SCHEDULE, Running, until
from tests.site import Site


def polls(site: Site) -> int:
    return sum(r.path == "/feed.xml" for r in site.requests)


def _one_ended(runs: list[Running]) -> bool:
    return any(run.process.poll() is not None for run in runs)


def test_row_24_of_two_started_at_once_exactly_one_runs(desk: Desk, site: Site, start: Callable[..., Running]) -> None:
    site.news(1)
    desk.configure(source(site), extra=SCHEDULE, hour=6)
    for _ in range(torture.times(3, 20)):
        pair = [start(), start()]
        assert until(functools.partial(_one_ended, pair), 6)
        codes = [r.process.poll() for r in pair]
        assert sorted(codes, key=str) == [6, None]
        winner = pair[codes.index(None)]
        assert f"pid {winner.process.pid}" in winner.text()
        assert until(functools.partial(winner.rows, "SELECT 1 FROM meta WHERE key = 'pruned_at'"), 8)
        assert winner.stop() == 0


def test_row_25_after_a_sleep_there_is_one_poll_and_not_a_burst(
    desk: Desk, site: Site, start: Callable[..., Running]
) -> None:
    site.news(2)
    desk.configure(source(site, more='every = "2s"'), extra=SCHEDULE, hour=6)
    run = start()
    assert until(lambda: polls(site) >= 2)
    run.process.send_signal(signal.SIGSTOP)
    time.sleep(7)
    before = polls(site)
    run.process.send_signal(signal.SIGCONT)
    assert until(lambda: polls(site) > before, 6)
    time.sleep(1)
    assert polls(site) <= before + 2
    assert run.stop() == 0


class Shifted(Desk):
    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "tests.faults.shifted", *arguments]


@pytest.mark.parametrize("jump", [-3600, 315360000, 3600][: torture.times(2, 3)])  # an hour, ten years
def test_row_25_a_clock_that_is_set_stops_nothing(tmp_path: Path, site: Site, jump: int) -> None:
    desk, clock = Shifted(tmp_path), tmp_path / "clock"
    clock.write_text("0")
    desk.env[CLOCK] = str(clock)
    site.news(2)
    desk.configure(source(site, more='every = "2s"'), extra=SCHEDULE, hour=6)
    run = Running(desk)
    try:
        assert until(lambda: polls(site) >= 2, 20), run.text()
        beside = tmp_path / "clock.new"
        beside.write_text(str(jump))
        beside.replace(clock)
        before = polls(site)
        assert until(lambda: polls(site) >= before + 3, 25), run.text()
        site.news(3)
        assert until(lambda: len(run.rows("SELECT 1 FROM articles")) == 3, 20), run.text()
        assert "clock" in run.text()
        assert run.stop() == 0
    finally:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
    assert "Traceback" not in run.text()
    assert {row["published_at"] for row in desk.rows("SELECT published_at FROM articles")} == {"2026-11-20T08:00:00Z"}
