"""Several machines: processes that share one store on PostgreSQL, and a web that records every request."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from storage.errors import LeaseLost
from storage.postgres.holders import Holding
from storage.writer import open_writer
from tests.conftest import Desk
from tests.postgres import cluster, stored
from tests.running import until
from tests.web_of_hosts import Web, host, overlaps

DELAY = 0.5


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Callable[..., Web]]:
    with ExitStack() as stack:

        def serve(hosts: int, articles: int, **more: Any) -> Web:
            made = Web(tmp_path, hosts, articles, **more)
            stack.callback(made.close)
            return made

        yield serve


@pytest.fixture
def shared(desk: Desk) -> Desk:
    """A desk whose database is on the server."""
    desk.env["NEWSDESK_DB"] = cluster().new_database()
    return desk


@pytest.fixture
def start(shared: Desk) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    running: list[subprocess.Popen[bytes]] = []

    def run(*arguments: str) -> subprocess.Popen[bytes]:
        with (shared.folder / f"log-{len(running)}").open("wb") as log:
            running.append(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.workers", *arguments], cwd=shared.folder,
                    env=shared.environment(), stdout=log, stderr=log,
                )
            )  # fmt: skip
        return running[-1]

    yield run
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait()


def workers(desk: Desk) -> list[dict[str, Any]]:
    done = desk.run("status", "--json")
    found: list[dict[str, Any]] = json.loads(done.out)["workers"] if done.out else []
    return found


def test_three_workers_share_the_hosts_and_one_that_dies_is_replaced(
    shared: Desk, start: Callable[..., subprocess.Popen[bytes]], web: Callable[..., Web]
) -> None:
    outlets = web(24, 12, latency=0.02)
    shared.configure(outlets.sources(), delay=DELAY)
    running = [start("run")]
    assert until(lambda: stored(shared.env["NEWSDESK_DB"]) > 5)
    running += [start("run"), start("run")]
    assert until(lambda: len(found := workers(shared)) == 3 and min(w["parts"] for w in found) > 80, 40)
    running[1].kill()
    assert until(lambda: len(found := workers(shared)) == 2 and sum(w["parts"] for w in found) == 256, 40)
    assert any(w["took_over"] for w in workers(shared))
    assert until(lambda: stored(shared.env["NEWSDESK_DB"]) == 24 * 12, 60)
    assert overlaps(outlets.requests(), DELAY) == []
    done = shared.run("crawl")
    assert done.code == 6
    assert "`newsdesk run` (pid" in done.err
    began = time.monotonic()
    done = shared.run("fetch", f"http://{host(3)}:{outlets.port}/a/500", "--json")
    assert done.code == 0, done.err
    assert time.monotonic() - began < 20  # a worker takes it within two seconds; the machine is busy
    for process in (running[0], running[2]):
        process.send_signal(signal.SIGTERM)
    assert [process.wait(30) for process in (running[0], running[2])] == [0, 0]
    assert workers(shared) == []
    paths = [(r.host, r.path) for r in outlets.requests() if r.path.startswith("/a/")]
    assert len(paths) - len(set(paths)) <= 3  # what the dead one had under way


def test_a_worker_that_slept_past_its_lease_has_its_writes_refused(
    shared: Desk, start: Callable[..., subprocess.Popen[bytes]], web: Callable[..., Web]
) -> None:
    outlets = web(12, 30, latency=0.05)
    shared.configure(outlets.sources(), delay=DELAY)
    first = start("run")
    assert until(lambda: stored(shared.env["NEWSDESK_DB"]) > 5)
    second = start("run")
    assert until(lambda: len(found := workers(shared)) == 2 and min(w["parts"] for w in found) > 100, 40)
    first.send_signal(signal.SIGSTOP)
    assert until(lambda: any(w["parts"] == 256 for w in workers(shared)), 40)
    first.send_signal(signal.SIGCONT)
    assert until(lambda: stored(shared.env["NEWSDESK_DB"]) == 12 * 30, 90)
    assert until(lambda: len(found := workers(shared)) == 2 and min(w["parts"] for w in found) > 100, 40)
    assert overlaps(outlets.requests(), DELAY) == []
    assert first.poll() is None
    assert second.poll() is None


def test_the_server_is_restarted_and_the_workers_go_on(
    shared: Desk, start: Callable[..., subprocess.Popen[bytes]], web: Callable[..., Web]
) -> None:
    outlets = web(10, 20, latency=0.05)
    shared.configure(outlets.sources(), delay=DELAY)
    running = start("run")
    assert until(lambda: stored(shared.env["NEWSDESK_DB"]) > 5)
    cluster().stop()
    time.sleep(3)
    cluster().start()
    assert until(lambda: stored(shared.env["NEWSDESK_DB"]) == 10 * 20, 60)
    assert running.poll() is None
    assert overlaps(outlets.requests(), DELAY) == []


def test_a_source_list_that_differs_is_named(
    shared: Desk, start: Callable[..., subprocess.Popen[bytes]], web: Callable[..., Web]
) -> None:
    outlets = web(3, 2)
    shared.configure(outlets.sources(), delay=DELAY)
    start("run")
    start("run")
    assert until(lambda: len(workers(shared)) == 2)
    other = Desk(shared.folder / "other", env=dict(shared.env))
    other.folder.mkdir()
    other.configure(outlets.sources('tags = ["x"]'), delay=DELAY)
    process = subprocess.Popen(
        [sys.executable, "-m", "crawler", "run"], cwd=other.folder, env=other.environment(), stderr=subprocess.DEVNULL
    )
    try:
        assert until(lambda: len(workers(shared)) == 3)
        done = shared.run("status")
        lines = [line for line in done.out.splitlines() if "DIFFERS" in line]
        assert len(lines) == 1
        assert f"-{process.pid}:" in lines[0]
    finally:
        process.kill()
        process.wait()


def test_leases_are_shared_given_back_and_fenced(monkeypatch: pytest.MonkeyPatch) -> None:
    address = cluster().new_database()
    with open_writer(address) as writer, open_writer(address) as other:
        made: list[Holding] = []

        def hold() -> Holding:
            made.append(Holding(writer.address, command="run", delay=0.1, lease=1.5))  # type: ignore[arg-type]
            return made[-1]

        first, second = hold(), hold()
        first.attach(writer.db)
        second.attach(other.db)
        try:
            assert until(lambda: len(first.parts) == len(second.parts) == 128)
            assert not first.parts & second.parts
            monkeypatch.setattr(second, "_renew", lambda: time.sleep(3600))  # it is suspended
            assert until(lambda: len(first.parts) == 256, 20)
            assert second.parts == frozenset()
            with pytest.raises(LeaseLost), other.transaction():
                other.db.conn.execute("INSERT INTO meta VALUES ('late', '1')")
            assert writer.meta("late") is None
        finally:
            first.close()
