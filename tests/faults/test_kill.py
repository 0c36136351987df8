"""kill -9 at random moments of a crawl, a crawl right after each: nothing lost, nothing twice, nothing waiting for a lease."""

from __future__ import annotations

import hashlib
import random
import signal
import sqlite3
import time

from storage.warc import raw_place, read_raw
from tests import torture
from tests.conftest import Desk, source
from tests.site import Site


def test_row_21_no_kill_loses_or_doubles_an_article(desk: Desk, site: Site) -> None:
    kills = torture.times(6, 100)
    count = 10 * kills
    site.news(count)
    desk.configure(source(site), delay=0.02)
    chance = random.Random(torture.SEED)
    acknowledged: dict[str, str] = {}
    for _ in range(kills):
        running = desk.start("crawl")
        time.sleep(chance.uniform(0.3, 2.0))
        running.send_signal(signal.SIGKILL)
        running.wait()
        if desk.database.exists():
            held = {row["url"]: row["text"] for row in _articles(desk)}
            assert acknowledged.items() <= held.items()
            acknowledged = held
            assert desk.run("db", "check").code == 0
    done = desk.run("crawl", timeout=600)
    assert done.code == 0, done.err
    assert acknowledged.items() <= {row["url"]: row["text"] for row in _articles(desk)}.items()
    assert len(desk.rows("SELECT 1 FROM articles")) == count
    assert len(desk.rows("SELECT DISTINCT title FROM articles")) == count
    assert desk.rows("SELECT DISTINCT state FROM entries") == [{"state": "fetched"}]
    for row in desk.rows("SELECT url, warc_file, warc_offset, raw_sha256 FROM articles"):
        raw = read_raw(raw_place(desk.database, row["warc_file"], row["warc_offset"]))
        assert (raw.url, hashlib.sha256(raw.body).hexdigest()) == (row["url"], row["raw_sha256"])
    checked = desk.run("db", "check")
    assert (checked.code, checked.out.strip()) == (0, "news.db: ok")


def _articles(desk: Desk) -> list[dict[str, str]]:
    try:
        return desk.rows("SELECT url, text FROM articles")
    except sqlite3.OperationalError:  # killed before there were tables
        return []


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
