"""What several workers decide at the same moment, redirects between their hosts, and a fail-over."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks.prose import Prose
from crawler.engine.crawl.ingest import store_visit
from storage.postgres.holders import Holding
from storage.postgres.visits import end_visit, visit
from storage.records import Entry, FeedCheck, FeedEntry
from storage.store import open_store
from storage.writer import open_writer
from tests.conftest import NOW, Desk
from tests.postgres import Cluster, cluster, stored
from tests.running import together, until
from tests.visits import wire_copy
from tests.web_of_hosts import Web, overlaps

PAIRS = 60


def test_wire_copies_stored_at_the_same_moment_are_one_story() -> None:
    url, prose = cluster().new_database(), Prose(5)
    texts = ["\n\n".join(prose.text(250).split("\n")) for _ in range(PAIRS)]
    open_writer(url).close()
    barrier = threading.Barrier(2)

    def worker(source: str) -> None:
        with open_writer(url) as writer:
            for n, text in enumerate(texts):
                barrier.wait(30)
                with writer.transaction():
                    store_visit(writer, wire_copy(source, n, text))

    assert together(partial(worker, "a.example"), partial(worker, "b.example")) == []
    with open_store(url) as store:
        stories = store.db.conn.execute("SELECT story_id, count(*) FROM articles GROUP BY story_id").fetchall()
        assert [count for _, count in stories] == [2] * PAIRS
        assert store.totals()["copies"] == PAIRS


def test_a_host_of_another_worker_is_visited_only_while_nothing_of_it_is_under_way() -> None:
    url = cluster().new_database()
    listed = FeedEntry(identity="1", url="https://x.example/1", url_key="x.example/1", host="x.example", title="T")
    with open_writer(url) as first, open_writer(url) as second:
        check = FeedCheck(feed_url="https://x.example/rss", at=NOW, outcome="changed", listed=(listed,))
        with first.transaction():
            first.apply_check(check, None)
        one = Holding(first.address, command="crawl", delay=0.1)  # type: ignore[arg-type]
        other = Holding(first.address, command="run", delay=0.1)  # type: ignore[arg-type]
        one.attach(first.db)
        other.attach(second.db)
        try:

            def lease() -> list[Entry]:
                later = NOW + timedelta(minutes=10)
                return first.lease_entries(now=NOW, until=later, limit=5, per_host=3, sources=None, ignore_retry=True)

            assert until(lambda: first.db.owns("x.example"))
            assert len(lease()) == 1
            assert not visit(second.db, "x.example", 0.1)  # type: ignore[arg-type]  # it is requested just now
            first.release_leases()
            assert visit(second.db, "x.example", 0.1)  # type: ignore[arg-type]
            assert lease() == []  # the visitor requests it
            assert not visit(first.db, "x.example", 0.1)  # type: ignore[arg-type]
            end_visit(second.db, "x.example", 3)  # type: ignore[arg-type]
            assert lease() == []  # for one delay more
            assert until(lambda: len(lease()) == 1, 30)
        finally:
            other.close()
            one.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_redirects_keep_the_delay_of_the_host_that_they_lead_to(desk: Desk, tmp_path: Path, workers: int) -> None:
    """Each outlet's articles are at the next outlet's host: of two workers, half of the redirects lead to the other."""
    delay = 0.5
    web = Web(tmp_path, 8, 6, latency=0.1, redirects=True)
    desk.env["NEWSDESK_DB"] = url = cluster().new_database() if workers > 1 else str(desk.database)
    desk.configure(web.sources(), delay=delay)
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.workers", "run"],
            cwd=desk.folder,
            env=desk.environment(),
            stderr=subprocess.DEVNULL,
        )
        for _ in range(workers)
    ]
    try:
        assert until(lambda: stored(url) == 8 * 6, 120), stored(url)
        for process in running:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(30) for process in running] == [0] * workers
    finally:
        for process in running:
            process.kill()
            process.wait()
        web.close()
    assert overlaps(web.requests(), delay) == []


def test_nothing_acknowledged_is_lost_when_a_replica_takes_over(desk: Desk, tmp_path: Path) -> None:
    """A primary with a synchronous replica is killed; the replica is promoted; the worker goes on by itself."""
    primary = Cluster(durable=True)
    replica = Cluster(source=primary)
    primary.configure("synchronous_standby_names = '*'\nsynchronous_commit = on\n")
    web = Web(tmp_path, 10, 30, latency=0.05)
    worker: Any = None
    try:
        name = primary.new_database().rpartition("/")[2]
        both = f"127.0.0.1:{primary.port},127.0.0.1:{replica.port}"
        desk.env["NEWSDESK_DB"] = f"postgresql://news:secret@{both}/{name}?target_session_attrs=read-write"
        desk.configure(web.sources(), delay=0.5)
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.workers", "run"],
            cwd=desk.folder,
            env=desk.environment(),
            stderr=subprocess.DEVNULL,
        )
        acknowledged: list[int] = [0]

        def some() -> bool:
            acknowledged[0] = stored(primary.url(name))
            return acknowledged[0] > 20

        assert until(some)
        done = desk.run("export", "all.jsonl", "--format", "jsonl", "--since-cursor", "cursor.json")
        assert done.code == 0, done.err
        primary.stop()  # an immediate stop, as by kill -9 of all its processes
        replica.promote()
        assert stored(replica.url(name)) >= acknowledged[0]
        began = time.monotonic()
        before = stored(replica.url(name))
        assert until(lambda: stored(replica.url(name)) > before, 60)
        print(f"the worker went on after {time.monotonic() - began:.1f} s")
        assert until(lambda: stored(replica.url(name)) == 10 * 30, 90), stored(replica.url(name))
        assert worker.poll() is None
        done = desk.run("export", "more.jsonl", "--format", "jsonl", "--since-cursor", "cursor.json")
        assert done.code == 0, done.err
        assert "failed over since" in done.err
    finally:
        if worker is not None:
            worker.kill()
            worker.wait()
        web.close()
        replica.remove()
        primary.remove()
