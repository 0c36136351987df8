"""What the shell completes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT, Desk, source


def completed(desk: Desk, *words: str) -> list[str]:
    """What bash would offer for the last word."""
    env = {
        **desk.environment(),
        "_NEWSDESK_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("newsdesk", *words)),
        "COMP_CWORD": str(len(words)),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-m", "crawler"], cwd=desk.folder, env=env, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("cr",), {"crawl"}),
        (("crawl", "ha"), {"harbour-post"}),
        (("crawl", "tag:w"), {"tag:world"}),
        (("list", "--source", "le"), {"ledger"}),
        (("search", "--tag", ""), {"world"}),
        (("watch", "test", "id"), {"idlib"}),
        (("sources", "disable", "le"), {"ledger"}),
        (("search", "--so"), {"--sort", "--source"}),
    ],
)
def test_what_is_offered(desk: Desk, words: tuple[str, ...], offered: set[str]) -> None:
    desk.configure(
        source("http://127.0.0.1:9", id="harbour-post", more='tags = ["world"]'),
        source("http://127.0.0.2:9", id="ledger"),
        '[[watch]]\nname = "idlib"\nquery = "Idlib"\n',
    )
    assert set(completed(desk, *words)) == offered


def test_a_configuration_that_cannot_be_read_offers_nothing(desk: Desk) -> None:
    (desk.folder / "newsdesk.toml").write_text("not toml [")
    assert completed(desk, "crawl", "x") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(desk: Desk, shell: str) -> None:
    env = {**desk.environment(), "_NEWSDESK_COMPLETE": f"{shell}_source", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "crawler"], cwd=desk.folder, env=env, capture_output=True, text=True, check=False
    )
    assert "newsdesk" in done.stdout
