"""Workers of one store that are killed and suspended, and a server that is stopped, in any order: nothing is lost.

A web in a process of its own records every request; a follower reads `changes` all the time. `make torture` runs ten
minutes of it.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from storage.store import open_store
from tests import torture
from tests.conftest import Desk
from tests.postgres import Cluster, stored, why_not
from tests.running import until
from tests.web_of_hosts import Web, overlaps

WORKERS = 3
HOSTS, ARTICLES, DELAY = 40, 45, 0.5
LEASE = 8.0
EVENTS = ["kill"] * 40 + ["stop"] * 20 + ["server"] * 10  # in ten minutes

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


class Follower(threading.Thread):
    """Follows `changes` as an export with a cursor does: seq > the last one."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.seen, self.ends = url, [0], False

    def run(self) -> None:
        while not self.ends:
            try:
                with open_store(self.url) as store:
                    while not self.ends:
                        rows = store.db.conn.execute(
                            "SELECT seq FROM changes WHERE seq > ? ORDER BY seq", (self.seen[-1],)
                        )
                        self.seen += [row[0] for row in rows]
                        time.sleep(0.05)
            except Exception:  # the server was stopped
                time.sleep(0.2)


def _start(desk: Desk, number: int) -> subprocess.Popen[bytes]:
    with (desk.folder / f"log-{number}").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.workers", "run"],
            cwd=desk.folder,
            env=desk.environment(),
            stdout=log,
            stderr=log,
        )


@torture.only
@pytest.mark.timeout(1500)
def test_nothing_is_lost_stored_twice_or_missed(desk: Desk, tmp_path: Path) -> None:
    draw = random.Random(torture.SEED)
    seconds = torture.SECONDS
    events = [e for e in EVENTS if draw.random() < seconds / 600]
    draw.shuffle(events)
    server = Cluster(durable=True)
    url = server.new_database()
    web = Web(tmp_path, HOSTS, ARTICLES, latency=0.05, spread=seconds * 0.9)
    desk.env |= {"NEWSDESK_DB": url, "LEASE": str(LEASE)}
    desk.configure(web.sources('every = "10s"'), delay=DELAY, extra='[schedule]\nmin = "5s"\n')
    follower = Follower(url)
    workers = [_start(desk, n) for n in range(WORKERS)]
    stopped: list[tuple[float, subprocess.Popen[bytes]]] = []
    try:
        assert until(lambda: stored(url) > 0)
        follower.start()
        began = time.monotonic()
        for number, event in enumerate(events):
            time.sleep(max(0.0, began + (number + 1) * seconds / (len(events) + 1) - time.monotonic()))
            for due, process in stopped:
                if due <= time.monotonic() or event == "kill":
                    process.send_signal(signal.SIGCONT)
            stopped = [(due, p) for due, p in stopped if due > time.monotonic() and event != "kill"]
            chosen = draw.randrange(WORKERS)
            if event == "kill":
                workers[chosen].kill()
                workers[chosen].wait()
                workers[chosen] = _start(desk, chosen)
            elif event == "stop":
                workers[chosen].send_signal(signal.SIGSTOP)
                stopped.append((time.monotonic() + LEASE * 1.4, workers[chosen]))
            else:
                server.stop()
                server.start()
        for _, process in stopped:
            process.send_signal(signal.SIGCONT)
        assert until(lambda: stored(url) == HOSTS * ARTICLES, 240), f"{stored(url)} of {HOSTS * ARTICLES}"
        assert [process.poll() for process in workers] == [None] * WORKERS
        time.sleep(1)
        follower.ends = True
        follower.join()
        for process in workers:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(60) for process in workers] == [0] * WORKERS
        with open_store(url) as store:
            rows = store.db.conn.execute("SELECT seq FROM changes ORDER BY seq").fetchall()
            assert [0, *(row[0] for row in rows)] == follower.seen
            assert [row[0] for row in rows] == list(range(1, len(rows) + 1))  # without gaps
            twice = store.db.conn.execute(
                "SELECT count(*) FROM (SELECT url FROM article_urls GROUP BY url HAVING count(DISTINCT article_id) > 1) AS t"
            )
            assert twice.fetchone()[0] == 0
            assert store.db.conn.execute("SELECT count(*) FROM entries WHERE state <> 'fetched'").fetchone()[0] == 0
        requests = web.requests()
        assert overlaps(requests, DELAY) == []
        paths = [(r.host, r.path) for r in requests if r.path.startswith("/a/")]
        print(
            f"{len(events)} events, {len(requests)} requests, {len(paths) - len(set(paths))} articles requested again"
        )
        assert "deadlock detected" not in server.log()
        logs = "".join((desk.folder / f"log-{n}").read_text() for n in range(WORKERS))
        assert "Traceback" not in logs
    finally:
        follower.ends = True
        for process in workers:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
        web.close()
        server.remove()
