"""Runs commands in processes that are forked from one which has imported newsdesk already.

A command of its own Python spends a second on imports; a suite runs hundreds. What runs is the same: the command line's own entry in a process of
its own, with its own folder, environment, streams, signals and exit code. Long-lived crawlers, and what a test says of imports, memory or the
interpreter, run in a Python of their own (tests/running.py).
"""

from __future__ import annotations

import gc
import io
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Sequence
from multiprocessing import forkserver, util
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
_MOST = 1 << 20  # bytes of one request


class Forkserver:
    """The client's side: one server a test process, started with the first command."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            environment = {k: v for k, v in os.environ.items() if not k.startswith("NEWSDESK_")}
            environment["PYTHONPATH"] = str(ROOT)
            environment.pop("PYTHONDONTWRITEBYTECODE", None)
            self.server = subprocess.Popen(
                [sys.executable, "-P", "-m", "tests.forked", str(theirs.fileno())],
                env=environment, cwd=ROOT, pass_fds=[theirs.fileno()],
            )  # fmt: skip
        self._socket = ours
        self._sending = threading.Lock()
        self._news = threading.Condition()
        self._started: list[int] = []
        self._codes: dict[int, int] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _next(self) -> bytes:
        try:
            return self._socket.recv(_MOST)
        except ConnectionError:  # the server ended with a request unread
            return b""

    def _read(self) -> None:
        while message := self._next():
            said = json.loads(message)
            with self._news:
                if "code" in said:
                    self._codes[said["pid"]] = said["code"]
                else:
                    self._started.append(said["pid"])
                self._news.notify_all()

    def run(
        self, arguments: list[str], *, cwd: Path, env: dict[str, str], hour: float | None, stdin: str, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """As subprocess.run with captured text.

        Raises:
            subprocess.TimeoutExpired: it was killed after so many seconds.
        """
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write(stdin.encode())
            given.seek(0)
            request = json.dumps({"arguments": arguments, "cwd": str(cwd), "env": env, "hour": hour}).encode()
            with self._sending:
                before = len(self._started)
                socket.send_fds(self._socket, [request], [given.fileno(), out.fileno(), err.fileno()])
                with self._news:
                    self._news.wait_for(lambda: len(self._started) > before or self.server.poll() is not None, 60)
                    pid = self._started[before]
            with self._news:
                ended = self._news.wait_for(lambda: pid in self._codes, timeout)
            if not ended:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(arguments, timeout)
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(
                arguments, self._codes.pop(pid), out.read().decode("utf-8"), err.read().decode("utf-8")
            )

    def close(self) -> None:
        """End the server; a command that still runs goes on."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self.server.wait(10)
        self._socket.close()


_NOT_PRELOADED = {"crawler.engine.settings"}


def _preload() -> None:
    """What the commands import, but for the reactor, which is chosen when a crawl starts."""
    import importlib

    from crawler.startup import block_heavy_imports, collect_garbage_seldom

    collect_garbage_seldom()
    block_heavy_imports()
    for folder in ("crawler", "storage"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            if (
                file.stem not in {"__init__", "__main__"}
                and name not in _NOT_PRELOADED
                and "scrapy_commands" not in name
                and ".browse." not in name
            ):
                importlib.import_module(name)
    assert "twisted.internet.reactor" not in sys.modules
    sys.excepthook = sys.__excepthook__  # engine.workers.preload has set its own
    gc.collect()
    gc.freeze()


def _serve(channel: socket.socket) -> dict[str, Any]:
    """Fork for each request; returns it in the child alone."""
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the tests' Ctrl-C ends them, and so this
    watched: list[socket.socket | int] = [channel, wake]
    while True:
        ready, _, _ = select.select(watched, [], [])
        if wake in ready:
            os.read(wake, 4096)
            _reap(channel)
        if channel not in ready:
            continue
        request, fds, _, _ = socket.recv_fds(channel, _MOST, 3)
        if not request:
            os._exit(0)
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            channel.close()
            os.close(wake)
            os.close(woken)
            for number, fd in enumerate(fds):
                os.dup2(fd, number)
                os.close(fd)
            found: dict[str, Any] = json.loads(request)
            return found
        for fd in fds:
            os.close(fd)
        channel.send(json.dumps({"pid": pid}).encode())


def _reap(channel: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        channel.send(json.dumps({"pid": pid, "code": os.waitstatus_to_exitcode(status)}).encode())


def _become(request: dict[str, Any]) -> None:
    """Make this process what a new one would be."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    tempfile.tempdir = None
    random.seed()
    sys.argv = ["newsdesk", *request["arguments"]]
    sys.stdin = io.TextIOWrapper(io.FileIO(0, "rb", closefd=False), encoding="utf-8")
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "wb", closefd=False)), encoding="utf-8")
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(2, "wb", closefd=False)), encoding="utf-8", errors="backslashreplace", line_buffering=True
    )  # fmt: skip
    main = types.ModuleType("__main__")  # multiprocessing looks at it, and would import this file in each worker
    main.__spec__ = None
    sys.modules["__main__"] = main


def _prepare_workers_server() -> None:
    """Let multiprocessing's fork server be a fork of this process, as it is now, where it would be a Python of its own.

    Its imports and first pages take most of a second, and each command that reads a page has one. It is a child of the
    command as before, and forks, limits and ends the workers itself.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    pid = os.fork()
    if pid == 0:
        ours.close()
        _serve_workers(theirs)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    theirs.close()
    spawn = util.spawnv_passfds

    def start(path: bytes, arguments: Sequence[str], fds: Sequence[int]) -> int:
        nonlocal pid
        if not arguments[-1].startswith("from multiprocessing.forkserver import main") or len(fds) != 2 or not pid:
            return spawn(path, arguments, fds)
        socket.send_fds(ours, [b"start"], fds)
        ours.close()
        started, pid = pid, 0  # one that was killed is followed by a Python of its own
        return started

    vars(util)["spawnv_passfds"] = start


def _serve_workers(channel: socket.socket) -> NoReturn:
    """Wait for the fork server's socket and pipe, and be it; its modules are loaded."""
    try:
        request, fds, _, _ = socket.recv_fds(channel, 5, 2)
        channel.close()
        if request:  # else the command ended
            forkserver.main(fds[0], fds[1], [])
    finally:
        os._exit(0)


if __name__ == "__main__":
    _preload()
    asked = _serve(socket.socket(fileno=int(sys.argv[1])))
    _become(asked)
    _prepare_workers_server()
    from crawler.cli import main as newsdesk
    from crawler.config.models import Pace

    newsdesk(asked["arguments"], pace=Pace(hour=asked["hour"]) if asked["hour"] else None)
