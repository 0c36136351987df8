"""What is known of a database before it is opened."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from storage import databases
from storage.address import parse_address
from tests.conftest import NOW


def test_a_file_is_quiet_since_its_last_write(tmp_path: Path) -> None:
    path, log, moment = tmp_path / "news.db", tmp_path / "news.db-wal", NOW - timedelta(minutes=10)
    assert databases.quiet_since(path, moment)  # it does not exist
    path.touch()
    os.utime(path, (NOW.timestamp(), (moment - timedelta(seconds=1)).timestamp()))
    assert databases.quiet_since(path, moment)
    log.touch()
    os.utime(log, (NOW.timestamp(), (moment + timedelta(seconds=1)).timestamp()))
    assert not databases.quiet_since(path, moment)  # what was written is still in its log
    assert not databases.quiet_since(parse_address("postgresql://127.0.0.1/news"), moment)  # only a query would show it
