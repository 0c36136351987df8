"""A fault of newsdesk's own is logged with its traceback; what a user, a page, a disk or a network did never is."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from crawler.config.loader import load_config
from crawler.config.models import Pace
from crawler.engine.workers import worker
from crawler.engine.workers.pool import PageFailed, WorkerPool
from crawler.errors import FeedError, unexpected
from crawler.outputs.log_format import JsonLines, ShortLines, TextLines
from storage.errors import DiskError
from tests.conftest import Desk, source
from tests.site import Site

BROKEN = """
import sys
from crawler.engine.crawl.feed_responses import FeedPoller
async def answered(self, asked, response):
    return {}["a key that is not there"]
FeedPoller.on_response = answered
from crawler.cli import main
main(sys.argv[1:])
"""


def broken(desk: Desk, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BROKEN, *arguments],
        cwd=desk.folder, env=desk.environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_a_fault_is_one_line_and_its_traceback_with_v(desk: Desk, site: Site) -> None:
    site.news(1)
    desk.configure(source(site))
    done = broken(desk, "crawl")
    assert "cannot be read: KeyError" in done.stderr
    assert "Traceback" not in done.stderr
    done = broken(desk, "-v", "crawl")
    assert "Traceback (most recent call last)" in done.stderr
    assert "a key that is not there" in done.stderr
    assert "line 5, in answered" in done.stderr


def record(error: Exception | None, **more: object) -> logging.LogRecord:
    found = logging.LogRecord(
        "newsdesk", logging.ERROR, "x.py", 1, "it broke", None, (type(error), error, None) if error else None
    )
    vars(found).update(more)
    return found


def test_every_form_of_the_log_has_tracebacks() -> None:
    fault = record(KeyError("a"))
    assert "KeyError: 'a'" in TextLines().format(fault)
    assert "KeyError: 'a'" in json.loads(JsonLines().format(fault))["traceback"]
    assert "\n" not in JsonLines().format(fault)
    assert ShortLines(tracebacks=False).format(fault) == "newsdesk: it broke"
    assert ShortLines(tracebacks=True).format(fault).splitlines()[-1] == "KeyError: 'a'"
    remote = record(None, traceback="Traceback…\n  in a worker\x1b[31m")
    assert TextLines().format(remote).endswith("\n  in a worker[31m")
    assert json.loads(JsonLines().format(remote))["traceback"].startswith("Traceback…")
    assert "traceback" not in json.loads(JsonLines().format(record(None)))


def test_what_others_did_has_no_traceback() -> None:
    assert unexpected(DiskError("full")) is None
    assert unexpected(FeedError("none")) is None
    assert unexpected(ConnectionResetError()) is None
    assert isinstance(unexpected(KeyError("x")), KeyError)


def test_a_fault_in_a_worker_brings_its_traceback_along() -> None:
    error = worker.ExtractionError("KeyError: 'x'", "Traceback (most recent call last): …")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (str(again), again.trace) == ("KeyError: 'x'", "Traceback (most recent call last): …")

    async def run() -> None:
        pool = WorkerPool(1, 10)
        try:
            await pool.run(worker.read_feed, None, "https://a.example/f", "", datetime.now(UTC), "", source="a")
        finally:
            pool.close()

    with pytest.raises(PageFailed) as failed:
        asyncio.run(run())
    assert "read_feed" in failed.value.trace


@pytest.mark.parametrize("least", ["1s", "30s", "59s", "10m"])
def test_no_setting_shortens_the_waiting_times(desk: Desk, monkeypatch: pytest.MonkeyPatch, least: str) -> None:
    """An interval under a minute turned a host's hour after a 429 into minutes, and backups into twenty a day."""
    desk.configure(extra=f'[schedule]\nmin = "{least}"\ndefault = "{least}"\nmax = "10m"\n')
    config = load_config(desk.folder / "newsdesk.toml")
    assert config.pace == Pace(hour=3600)
    assert config.storage.backup_every(config.pace) == 86400
    for name in ("NEWSDESK_PACE__HOUR", "NEWSDESK_SCHEDULE__HOUR"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "6")
            with pytest.raises(Exception, match="sets nothing"):
                load_config(desk.folder / "newsdesk.toml")
