"""Several connections of one process, beside another program's."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

from storage.store import open_store
from storage.writer import open_writer
from tests.outputs.test_exports import article, put, verdict

OTHER = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('SELECT count(*) FROM articles').fetchone(); db.close()"


def test_a_second_reader_does_not_take_the_first_ones_locks_away(tmp_path: Path) -> None:
    """A process that read the file by hand lost its locks: the next program to leave took the log away, and a page said "damaged"."""
    path = tmp_path / "news.db"
    open_writer(tmp_path / "made.db").close()
    (tmp_path / "made.db").rename(path)
    with open_store(path) as first:
        assert list(first.articles()) == []
        for _ in range(3):
            open_store(path).close()
        log = Path(f"{path}-wal").stat().st_ino
        subprocess.run([sys.executable, "-c", OTHER, str(path)], check=True)
        assert Path(f"{path}-wal").stat().st_ino == log
        with open_writer(path) as writer:
            put(writer, verdict(1, article(1, "New", "The harbour is open again.")))
        assert len(list(first.articles())) == 1
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
