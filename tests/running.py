"""A background crawler under test."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.conftest import Desk

SCHEDULE = '[schedule]\ndefault = "2s"\nmin = "1s"\nmax = "4s"\n'


def until(true: Callable[[], object], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.1)
    return False


def together(*jobs: Callable[[], object]) -> list[BaseException]:
    """Run functions at the same time, each in a thread of its own; returns what they raised."""
    failures: list[BaseException] = []

    def run(job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


class Running:
    """A background crawler and its log."""

    def __init__(self, desk: Desk, *arguments: str) -> None:
        self.desk = desk
        self.log = desk.folder / "run.log"
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                desk.command("run", *arguments), cwd=desk.folder, env=desk.environment(), stderr=log
            )

    def text(self) -> str:
        return self.log.read_text()

    def rows(self, sql: str) -> list[dict[str, object]]:
        try:
            return self.desk.rows(sql)
        except sqlite3.OperationalError:  # not there yet
            return []

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@contextmanager
def browsing(desk: Any, *arguments: str) -> Iterator[str]:
    """`newsdesk browse` on a free port, until the block ends; its address, without a slash at the end."""
    server = subprocess.Popen(
        desk.command("browse", "--port", "0", *arguments),
        cwd=desk.folder,
        env=desk.environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    try:
        yield server.stderr.readline().split()[0].rstrip("/")
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)
        said = server.stderr.read()
        server.stderr.close()
        assert "Traceback" not in said, said
