"""kill -9 at random moments of a crawl, a crawl right after each: nothing lost, nothing twice, nothing waiting for a lease."""

from __future__ import annotations

import hashlib
import random
import signal
import time

from storage.raw import read_raw
from tests.conftest import Desk, source
from tests.site import Site

COUNT = 100


def test_ten_kills_lose_nothing(desk: Desk, site: Site) -> None:
    site.news(COUNT)
    desk.configure(source(site), delay=0.02)
    chance = random.Random(7)
    for _ in range(10):
        running = desk.start("crawl")
        time.sleep(chance.uniform(0.3, 2.0))
        running.send_signal(signal.SIGKILL)
        running.wait()
    done = desk.run("crawl")
    assert done.code == 0, done.err
    assert len(desk.rows("SELECT 1 FROM articles")) == COUNT
    assert len(desk.rows("SELECT DISTINCT title FROM articles")) == COUNT
    assert desk.rows("SELECT DISTINCT state FROM entries") == [{"state": "fetched"}]
    for row in desk.rows("SELECT url, warc_file, warc_offset, raw_sha256 FROM articles"):
        raw = read_raw(desk.database, row["warc_file"], row["warc_offset"])
        assert (raw.url, hashlib.sha256(raw.body).hexdigest()) == (row["url"], row["raw_sha256"])
    checked = desk.run("db", "check")
    assert (checked.code, checked.out.strip()) == (0, "news.db: whole")


def test_no_worker_outlives_its_killed_parent(desk: Desk, site: Site) -> None:
    import subprocess

    site.news(30)
    desk.configure(source(site), delay=0.1)
    running = desk.start("crawl")
    deadline = time.monotonic() + 20
    while len(site.paths()) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    marker = str(desk.folder)
    for _ in range(60):
        listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
        environments = [
            line for line in listed.splitlines() if "forkserver" in line and _cwd(line.split()[0]) == marker
        ]
        if not environments:
            return
        time.sleep(0.1)
    raise AssertionError(environments)


def _cwd(pid: str) -> str:
    import os

    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""
