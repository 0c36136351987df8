"""Ctrl-C ends a command with the exit code of the contract, whatever was being executed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

CODE = """
from crawler import cli
from crawler.outputs import terminal  # imported later, it would execute and so forget

def stopped(**_):
    exec("raise KeyboardInterrupt")

cli.cli.main = stopped
cli.main([])
"""


def test_an_interrupt_inside_of_an_exec_ends_with_130_and_not_by_the_signal(tmp_path: Path) -> None:
    (tmp_path / "stopped.py").write_text(CODE)
    done = subprocess.run(
        [sys.executable, "-m", "stopped"],
        check=False, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr.strip()) == (130, "newsdesk: interrupted")
