"""Row 27: names that do not resolve, hosts that are down, feeds that move or end: what is still listed when they come back comes in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Desk, source
from tests.hostile.internet import PLAN
from tests.hostile.test_ssrf import Wired
from tests.running import SCHEDULE, Running, until
from tests.site import Answer, Site


def test_row_27_an_hour_without_names_loses_nothing(tmp_path: Path, site: Site) -> None:
    """An hour by the schedule's own measure, at which months are rehearsed."""
    desk = Wired(tmp_path, names={"news.test": [["93.184.216.34"]]})
    plan = {
        "names": desk.names,
        "server": ["127.0.0.1", site.server.server_address[1]],
        "log": str(tmp_path / "log"),
        "dead": str(tmp_path / "dead"),
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    desk.env[PLAN] = str(tmp_path / "plan.json")
    site.base = "http://news.test"
    site.news(3)
    desk.configure(source(site, more='every = "2s"'), extra=SCHEDULE, hour=6)
    run = Running(desk)
    try:
        assert until(lambda: len(run.rows("SELECT 1 FROM articles")) == 3, 20), run.text()
        (tmp_path / "dead").touch()
        site.news(9)
        unresolved = [{"last_error": "its host name cannot be resolved"}]
        assert until(lambda: run.rows("SELECT last_error FROM feeds") == unresolved, 20), run.text()
        (tmp_path / "dead").unlink()
        assert until(lambda: len(run.rows("SELECT 1 FROM articles")) == 9, 20), run.text()
        assert until(lambda: run.rows("SELECT state, failures FROM feeds") == [{"state": "active", "failures": 0}], 20)
        assert run.stop() == 0
    finally:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()


def test_the_delay_of_a_host_counts_from_when_a_request_left(tmp_path: Path, site: Site) -> None:
    """Not from when it left the queue: a name that took longer than the delay let the next request follow at once."""
    desk = Wired(tmp_path, names={"news.test": [["93.184.216.34"]]})
    plan = {
        "names": desk.names,
        "server": ["127.0.0.1", site.server.server_address[1]],
        "log": str(tmp_path / "log"),
        "slow": {"news.test": 2},
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    desk.env[PLAN] = str(tmp_path / "plan.json")
    site.base = "http://news.test"
    site.news(2)
    desk.configure(source(site), delay=1)
    assert desk.run("crawl").code == 0
    assert len(desk.rows("SELECT 1 FROM articles")) == 2
    times = [request.at for request in site.requests]
    assert len(times) == 4
    assert times[1] - times[0] > 0.5, times


def test_row_27_a_feed_that_moves_for_good_keeps_its_entries(
    desk: Desk, site: Site, start: Callable[..., Running]
) -> None:
    site.news(4)
    desk.configure(source(site, more='every = "1s"'), extra=SCHEDULE, hour=6)
    run = start()
    assert until(lambda: len(run.rows("SELECT 1 FROM articles")) == 4, 20), run.text()
    site.answers["/new.xml"] = site.answers["/feed.xml"]
    site.answers["/feed.xml"] = Answer(b"", 301, headers={"Location": f"{site.base}/new.xml"})
    assert until(lambda: len(site.paths()) > 12, 30)
    assert run.stop() == 0
    assert len(run.rows("SELECT 1 FROM articles")) == 4
    assert len([path for path in site.paths() if "story" in path]) == 4
