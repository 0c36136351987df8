"""Run a command and measure wall time, CPU, and memory with shared pages counted once (PSS), of all its processes.

Linux only. Grandchildren are counted too, also those whose parent ended before them: this process adopts them
(PR_SET_CHILD_SUBREAPER).
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SUBREAPER = 36
_LOOK = 0.25  # seconds between two samples of the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Resources that a command used."""

    wall_s: float
    cpu_s: float
    pss_mb: float
    code: int
    stderr: str


def run(command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 900) -> Usage:
    """Run a command until it and all its processes have ended."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    others = below(os.getpid())
    before, began = _cpu(), time.monotonic()
    log = cwd / "stderr.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **(env or {})}, stdout=subprocess.DEVNULL, stderr=errors
        )
    done = threading.Event()
    most = [0.0]
    watcher = threading.Thread(target=_watch, args=(others, done, most), daemon=True)
    watcher.start()
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    wall = time.monotonic() - began
    done.set()
    watcher.join()
    _reap(others)
    return Usage(
        wall_s=round(wall, 3),
        cpu_s=round(_cpu() - before, 3),
        pss_mb=round(most[0], 1),
        code=code,
        stderr=log.read_text(errors="replace")[-4000:],
    )


def _cpu() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def below(root: int) -> set[int]:
    """All descendants of a process."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(") ", 1)[1].split()[1])
            except OSError:  # it has just ended
                continue
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {root}


def _watch(others: set[int], done: threading.Event, most: list[float]) -> None:
    while not done.wait(_LOOK):
        total = 0
        for pid in below(os.getpid()) - others:
            try:
                total += int(Path(f"/proc/{pid}/smaps_rollup").read_text().split("\nPss:")[1].split()[0])
            except (OSError, IndexError):
                continue
        most[0] = max(most[0], total / 1024)


def _reap(others: set[int]) -> None:
    """Wait for remaining processes of the command; kill them after ten seconds."""
    until = time.monotonic() + 10
    while left := below(os.getpid()) - others:
        for pid in left:
            try:
                if os.waitpid(pid, os.WNOHANG)[0] == 0 and time.monotonic() > until:
                    os.kill(pid, 9)
            except (ChildProcessError, ProcessLookupError):  # not adopted yet
                continue
        time.sleep(0.02)


def machine() -> dict[str, Any]:
    model = next(
        (
            line.split(": ", 1)[1]
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "system": platform.system(),
    }
