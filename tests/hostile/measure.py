"""What a command and its processes took: the highest resident memory of each, sampled while it runs."""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass
class Peak:
    """`with Peak(pid) as peak: ...; peak.megabytes` is the highest of any process of that tree."""

    pid: int
    megabytes: float = 0.0
    worst: str = ""

    def __enter__(self) -> Self:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            for pid in tree(self.pid):
                found = _status(pid)
                mb = int(found.get("VmHWM", "0 kB").split()[0]) / 1024
                if mb > self.megabytes:
                    self.megabytes, self.worst = mb, f"{found.get('Name', '?')} {pid}"


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout
    below: dict[int, list[int]] = {}
    for line in listed.splitlines()[1:]:
        child, parent = map(int, line.split())
        below.setdefault(parent, []).append(child)
    found = [pid]
    for one in found:
        found += below.get(one, [])
    return found


def _status(pid: int) -> dict[str, str]:
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    except OSError:
        return {}


def waited(process: subprocess.Popen[str], seconds: float) -> float:
    """Wait for its end; how long it took."""
    started = time.monotonic()
    process.wait(seconds)
    return time.monotonic() - started


def open_files(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def resident(pid: int) -> float:
    """Megabytes that a process holds now."""
    return int(_status(pid)["VmRSS"].split()[0]) / 1024
