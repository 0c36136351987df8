"""`import --dask` with a cluster of two workers on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.archives.warcs import many, page, parts, record, written
from tests.conftest import ROOT, Desk
from tests.postgres import cluster as postgres
from tests.running import until

pytest.importorskip("distributed", reason="needs the extra `cluster`")


@dataclass(frozen=True)
class LocalCluster:
    scheduler_address: str
    workers: list[int]


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[LocalCluster]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.archives.local_cluster", str(tmp_path / "dask")],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        address, *workers = process.stdout.readline().split()
        yield LocalCluster(address, [int(worker) for worker in workers])
        process.communicate(timeout=60)


def test_a_cluster_makes_the_same_parts_also_where_a_worker_is_killed(desk: Desk, dask: LocalCluster) -> None:
    desk.configure()
    many(desk.folder / "in", files=3, pages=6)
    (desk.folder / "in" / "bad.wacz").write_bytes(b"PK\x03\x04")
    desk.run("import", "in", "--to", "serial", "--domain", "example")
    found: list[Any] = []
    arguments = ("import", "in", "--to", "parts", "--domain", "example", "--dask", dask.scheduler_address)
    running = threading.Thread(target=lambda: found.append(desk.run(*arguments)))
    running.start()
    assert until(lambda: list((desk.folder / "parts").glob(".part-*")))
    os.kill(dask.workers[0], signal.SIGKILL)
    running.join(90)
    (done,) = found
    assert done.code == 4
    assert "18 articles in parts" in done.err
    assert "bad.wacz: cannot be read as a WACZ file" in done.err
    assert parts(desk.folder / "parts") == parts(desk.folder / "serial")


def test_workers_write_into_one_server(desk: Desk, dask: LocalCluster) -> None:
    desk.configure(extra=f'[storage]\ndatabase = "{postgres().new_database()}"\n')
    many(desk.folder / "in")
    assert "2 files, 8 pages, 8 articles" in desk.run("import", "in", "--dask", dask.scheduler_address).err
    assert "8" in desk.run("list", "--limit", "1").err


def test_what_a_cluster_cannot_do_is_one_line(desk: Desk) -> None:
    desk.configure()
    written(desk.folder / "x.warc", [record("https://a.example/2026/story", page("One", 1))])
    for arguments, code, said in (
        (("--dask", "tcp://127.0.0.1:1"), 2, "a SQLite file has one writer"),
        (("--to", "p", "--limit", "3", "--dask", "tcp://127.0.0.1:1"), 2, "exclude one another"),
        (("--to", "p", "--dask", "tcp://127.0.0.1:1"), 1, "no Dask scheduler answers"),
    ):
        done = desk.run("import", "x.warc", *arguments)
        assert (done.code, said in done.err) == (code, True), done.err
    assert not desk.database.exists()
