"""Rows 22 and 23: what the disk, the system and other programs do to a crawl; and that it comes back by itself."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crawler.engine.workers import worker
from crawler.engine.workers.pool import WorkerPool
from storage.writer import Writer, open_writer
from tests.conftest import NOW, Desk, source
from tests.hostile import attacks
from tests.hostile.measure import open_files, tree
from tests.running import SCHEDULE, Running, until
from tests.site import Site


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Desk]:
    """A desk on a file system of its own that is soon full."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip("this machine does not let a test mount a small file system")
    yield Desk(folder)
    subprocess.run(["umount", "-l", str(folder)], check=False)


def remount(desk: Desk, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(desk.folder)], check=True)


def remounted(desk: Desk, options: str) -> bool:
    done = subprocess.run(["mount", "-o", f"remount,{options}", str(desk.folder)], check=False, capture_output=True)
    return done.returncode == 0


@pytest.fixture
def running(site: Site) -> Iterator[Callable[[Desk], Running]]:
    began: list[Running] = []

    def start(desk: Desk) -> Running:
        began.append(Running(desk))
        return began[-1]

    yield start
    for run in began:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()


def count(run: Running) -> int:
    rows = run.rows("SELECT count(*) AS n FROM articles")
    return int(str(rows[0]["n"])) if rows else 0


def test_row_22_every_acknowledged_article_was_synced_before(desk: Desk, site: Site) -> None:
    """The raw page is synced before the write-ahead log that points at it, and that before the next article is asked for."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    site.news(12)
    desk.configure(source(site), delay=0.4)
    trace = desk.folder / "trace"
    calls = "trace=write,pwrite64,fsync,fdatasync"
    command = ["strace", "-f", "-y", "-e", calls, "-s", "0", "-o", str(trace), *desk.command("crawl")]
    done = subprocess.run(command, cwd=desk.folder, env=desk.environment(), capture_output=True, text=True, check=False)
    if "ptrace" in done.stderr and done.returncode:
        pytest.skip("this machine does not let a test trace its own processes")
    assert done.returncode == 0, done.stderr
    seen = re.findall(r"(write|pwrite64|fsync|fdatasync)\(\d+<[^>]*?(\.warc\.gz|-wal)>", trace.read_text())
    assert len(desk.rows("SELECT 1 FROM articles")) == 12
    assert seen.count(("write", ".warc.gz")) >= 12
    unsynced = 0
    for call, file in seen:
        if file == ".warc.gz":
            unsynced = unsynced + 1 if call == "write" else 0
        elif "sync" in call:
            assert not unsynced
    assert not unsynced
    syncs = [file for call, file in seen if "sync" in call]
    assert syncs.count(".warc.gz") >= 9  # one an answer, but for the few that came while another was written
    for at, name in enumerate(syncs[:-1]):
        if name == ".warc.gz":
            assert "-wal" in syncs[at + 1 : at + 3]


def test_row_23_a_full_disk_is_waited_out(small: Desk, site: Site, running: Callable[[Desk], Running]) -> None:
    site.news(80)
    small.configure(source(site), extra=SCHEDULE, hour=6)
    run = running(small)
    assert until(lambda: "the disk is full" in run.text(), 40), run.text()
    before = count(run)
    time.sleep(1)
    assert run.process.poll() is None
    assert len(run.text().splitlines()) < 30
    remount(small, "size=60m")
    assert until(lambda: count(run) == 80, 40), run.text()
    assert count(run) >= before
    assert "can be written again" in run.text()
    assert run.stop() == 0
    assert small.run("db", "check").code == 0


def test_row_23_a_read_only_disk_is_told_in_one_line_and_read(small: Desk, site: Site) -> None:
    remount(small, "size=60m")
    site.news(10)
    small.configure(source(site))
    assert small.run("crawl").code == 0
    assert until(lambda: remounted(small, "ro"), 10)
    refused = small.run("crawl")
    assert refused.code == 1
    assert len(refused.err.strip().splitlines()) == 1
    assert small.run("fetch", site.base + "/2026/11/20/story-number-1").code == 1
    assert len(small.run("list", "--jsonl").out.splitlines()) == 10
    assert "Kremlin" not in small.run("search", "harbour").err
    assert until(lambda: remounted(small, "rw"), 10)
    site.news(20)
    assert small.run("crawl").code == 0
    assert len(small.rows("SELECT 1 FROM articles")) == 20


def test_row_23_a_lock_that_another_program_holds_is_waited_out(
    desk: Desk, site: Site, start: Callable[..., Running]
) -> None:
    site.news(30)
    desk.configure(source(site), extra=SCHEDULE, hour=6, delay=0.05)
    run = start()
    assert until(lambda: count(run) > 3, 20), run.text()
    with sqlite3.connect(desk.database, timeout=10, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(4)
        held = count(run)
        other.execute("ROLLBACK")
    other.close()
    assert run.process.poll() is None
    assert until(lambda: count(run) == 30, 30), run.text()
    assert held < 30
    assert run.stop() == 0


def test_row_23_too_few_files_cost_time_and_nothing_else(desk: Desk, tmp_path: Path) -> None:
    sites = [Site(f"127.0.11.{n + 1}") for n in range(60)]
    for n, site in enumerate(sites):
        site.news(1, start=n)
    desk.configure(*(source(site, id=f"s{n}") for n, site in enumerate(sites)), extra=SCHEDULE, hour=6)
    few = ["sh", "-c", 'ulimit -S -n 40; exec "$@"', "sh", *desk.command("run")]
    with (tmp_path / "run.log").open("w") as log:
        process = subprocess.Popen(few, cwd=desk.folder, env=desk.environment(), stderr=log)
    try:
        time.sleep(4)
        assert process.poll() is None, (tmp_path / "run.log").read_text()
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (4096, 4096))
        assert until(lambda: len(_rows(desk, "SELECT 1 FROM articles")) == 60, 60), (tmp_path / "run.log").read_text()[
            -2000:
        ]
    finally:
        process.terminate()
        assert process.wait(15) == 0
        for site in sites:
            site.close()
    assert "Traceback" not in (tmp_path / "run.log").read_text()
    assert not _rows(desk, "SELECT 1 FROM feeds WHERE state <> 'active'")


def _rows(desk: Desk, sql: str) -> list[dict[str, object]]:
    try:
        return desk.rows(sql)
    except sqlite3.OperationalError:
        return []


def test_row_23_a_page_that_takes_a_workers_memory_fails_alone(desk: Desk, site: Site) -> None:
    site.news(6)
    page = attacks.pages()["long"]
    site.answers["/2026/11/20/heavy"] = attacks.packed(page)
    items = site.answers["/feed.xml"].body.replace(
        b"<item>", b"<item><title>Heavy</title><link>/2026/11/20/heavy</link></item><item>", 1
    )
    site.answers["/feed.xml"].body = items
    desk.configure(source(site))
    desk.env["PYTHONPATH"] = f"{desk.folder}:{desk.environment()['PYTHONPATH']}"
    (desk.folder / "sitecustomize.py").write_text(
        "import crawler.engine.workers.worker as w\nw.MEMORY['RLIMIT_DATA'] = 140 * 1024 ** 2\n"
    )
    done = desk.run("crawl")
    assert done.code == 0
    assert len(desk.rows("SELECT 1 FROM articles")) == 6
    heavy = desk.rows("SELECT state, reason FROM entries WHERE url LIKE '%heavy'")[0]
    assert heavy["state"] in {"retry", "rejected", "gone"}
    assert "memory" in heavy["reason"] or "took the worker down" in heavy["reason"]


@pytest.mark.parametrize(("damage", "said"), [("zero", "empty"), ("cut", "damaged"), ("page", "damaged")])
def test_row_23_a_damaged_file_is_told_and_never_written(desk: Desk, site: Site, damage: str, said: str) -> None:
    site.news(30)
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    assert desk.run("db", "backup", "backup.db").code == 0
    with sqlite3.connect(desk.database) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    whole = desk.database.read_bytes()
    middle = len(whole) // 8192 * 4096
    broken = {
        "zero": b"",
        "cut": whole[: middle + 100],
        "page": whole[:4096] + os.urandom(4096 * 6) + whole[4096 * 7 :],
    }[damage]
    desk.database.write_bytes(broken)
    for command in (("crawl",), ("list",), ("db", "check")):
        done = desk.run(*command)
        assert done.code == 1, (command, done)
        assert said in done.out + done.err, (command, done)
        assert len(done.err.strip().splitlines()) <= 3
    assert desk.run("db", "restore", "backup.db").code == 0
    assert desk.run("db", "check").code == 0
    assert len(desk.rows("SELECT 1 FROM articles")) == 30


def test_row_23_a_pool_that_is_mended_leaves_nothing_behind(tmp_path: Path) -> None:
    async def mended() -> tuple[int, int, int, int]:
        pool = WorkerPool(2, 10.0)
        body = b"<rss><channel><title>x</title></channel></rss>"

        async def work() -> None:
            await pool.run(worker.read_feed, body, "https://a.example/f", "", NOW, "", source="a")

        await work()
        before = _children(), open_files(os.getpid())
        for _ in range(4):
            pool._drop()
            await work()
        await asyncio.sleep(3)
        after = _children(), open_files(os.getpid())
        pool.close()
        return *before, *after

    processes, files, processes_after, files_after = asyncio.run(mended())
    assert processes_after <= processes
    assert files_after <= files + 6


def _children() -> int:
    return len([pid for pid in tree(os.getpid()) if pid != os.getpid()])


def _failing(writer: Writer) -> None:
    assert writer.pages is not None
    with writer.transaction():
        writer.pages.add(b"x" * 10_000, NOW)
        raise RuntimeError("no room")


def test_row_23_pages_of_a_transaction_that_failed_are_taken_back(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "news.db")
    writer.enable_raw_pages()
    assert writer.pages is not None
    for _ in range(3):
        with pytest.raises(RuntimeError, match="no room"):
            _failing(writer)
    with writer.transaction():
        file, offset = writer.pages.add(b"y" * 100, NOW)
    size = (tmp_path / "news.db.warc" / file).stat().st_size
    writer.close()
    assert (offset, size) == (0, 100)
