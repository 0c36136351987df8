"""Run a command in a terminal of some size, and what it shows there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")


def in_terminal(
    command: Sequence[str],
    *,
    folder: Path,
    env: Mapping[str, str],
    width: int = 80,
    height: int = 24,
    keys: bytes = b"",
    seconds: float = 60,
) -> tuple[int, str]:
    """Run a command to its end: (exit code, all that it printed, without escape sequences).

    Args:
        command: the command.
        folder: its working directory.
        env: its environment.
        width: columns.
        height: lines.
        keys: typed once something was printed.
        seconds: the time that it has.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    given = {name: value for name, value in env.items() if name not in {"COLUMNS", "LINES"}}
    process = subprocess.Popen(
        command, cwd=folder, env={**given, "TERM": "xterm"}, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    printed = b""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
            if not chunk:
                break
            printed += chunk
            if keys:
                os.write(ours, keys)
                keys = b""
        elif process.poll() is not None:
            break
    else:
        process.kill()
    os.close(ours)
    lines = (line.rsplit("\x1b[2K", 1)[-1] for line in printed.decode("utf-8", "replace").split("\n"))  # erased before
    return process.wait(), _ESCAPES.sub("", "\n".join(lines))
