"""Files that are not newsdesk's own, that a kill left, or that others must not read; and answers that would lose an article."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from crawler.outputs.atomic_files import atomic_write
from storage.errors import DiskError
from storage.fsync import aside, delete_leftovers
from storage.maintenance import backup, backup_name, restore
from storage.sqlite.lock import Lock, holder
from storage.writer import open_writer
from tests.conftest import NOW, Desk, source
from tests.site import Answer, Request, Site, article_html, story


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("bits", [0o600, 0o640, 0o644])
def test_copies_may_be_read_by_whom_the_database_may_be_read_by(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "news.db"
    open_writer(path).close()
    path.chmod(bits)
    backup(path, tmp_path / "copy.db")
    assert mode(tmp_path / "copy.db") == bits
    (tmp_path / "copy.db").chmod(0o644)
    restore(tmp_path / "copy.db", path, NOW)
    assert mode(path) == bits
    path.unlink()
    (tmp_path / "copy.db").chmod(bits)
    restore(tmp_path / "copy.db", path, NOW)  # of a database that is lost
    assert mode(path) == bits


def test_raw_pages_may_be_read_by_whom_the_database_may_be_read_by(desk: Desk, site: Site) -> None:
    open_writer(desk.database).close()
    desk.database.chmod(0o600)
    site.news(1)
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    (file,) = (desk.folder / "news.db.warc").iterdir()
    assert mode(file) == 0o600


def test_a_copy_that_is_being_made_is_its_owners_alone(tmp_path: Path) -> None:
    descriptor, name = aside(tmp_path / "copy.db")
    assert mode(Path(name)) == 0o600
    os.close(descriptor)


def _killed(what: str, folder: Path) -> None:
    code = f"""
import os, signal, sys
from pathlib import Path
from storage import maintenance, fsync
from crawler.outputs import atomic_files
folder = Path(sys.argv[1])
fsync.sync = lambda path: os.kill(os.getpid(), signal.SIGKILL)
maintenance.sync = atomic_files.sync = fsync.sync
os.fsync = fsync.sync
{what}
"""
    done = subprocess.run([sys.executable, "-c", code, str(folder)], check=False, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


@pytest.mark.parametrize(
    ("what", "again"),
    [
        ("maintenance.backup(folder / 'news.db', folder / 'copy.db')", lambda f: backup(f / "news.db", f / "copy.db")),
        ("maintenance.restore(folder / 'other.db', folder / 'news.db', __import__('datetime').datetime.now(__import__('datetime').UTC))", lambda f: restore(f / "other.db", f / "news.db", NOW)),
        ("with atomic_files.atomic_write(folder / 'out.csv') as out: out.write(b'x')", lambda f: _export(f / "out.csv")),
    ],
    ids=["backup", "restore", "export"],
)  # fmt: skip
def test_what_a_kill_left_is_taken_away_by_the_next(tmp_path: Path, what: str, again: Callable[[Path], object]) -> None:
    open_writer(tmp_path / "news.db").close()
    backup(tmp_path / "news.db", tmp_path / "other.db")
    _killed(what, tmp_path)
    assert hidden(tmp_path)
    again(tmp_path)
    assert hidden(tmp_path) == []


def test_an_automatic_backup_that_was_killed_is_taken_away_by_the_next(tmp_path: Path) -> None:
    """Each has a name of its own, with its time in it."""
    path = tmp_path / "news.db"
    open_writer(path).close()
    descriptor, _ = aside(backup_name(path, NOW - timedelta(days=1)))
    os.close(descriptor)
    descriptor, written = aside(backup_name(path, NOW - timedelta(days=2)))
    Path(f"{written}-journal").touch()
    backup(path, backup_name(path, NOW))
    assert hidden(tmp_path) == sorted([Path(written).name, f"{Path(written).name}-journal"])  # it is being written
    os.close(descriptor)
    backup(path, backup_name(path, NOW + timedelta(days=1)))
    assert hidden(tmp_path) == []


def test_a_file_that_was_tidied_away_as_it_was_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.flock
    tidied: list[int] = []

    def late(descriptor: int, how: int) -> None:
        if not tidied:
            tidied.append(1)
            delete_leftovers(tmp_path / "out.csv")
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with atomic_write(tmp_path / "out.csv") as out:
        out.write(b"x")
    assert (tmp_path / "out.csv").read_bytes() == b"x"


def test_a_backup_for_reading_only_is_restored(tmp_path: Path) -> None:
    path = tmp_path / "news.db"
    open_writer(path).close()
    backup(path, tmp_path / "copy.db")
    (tmp_path / "copy.db").chmod(0o444)
    path.unlink()
    restore(tmp_path / "copy.db", path, NOW)
    assert mode(path) & stat.S_IWUSR
    open_writer(path).close()


def _export(path: Path) -> None:
    with atomic_write(path) as out:
        out.write(b"x")


def test_what_somebody_is_writing_is_left_alone(tmp_path: Path) -> None:
    descriptor, name = aside(tmp_path / "copy.db")
    (tmp_path / ".copy.db-mine").touch()  # another program's
    delete_leftovers(tmp_path / "copy.db")
    assert Path(name).exists()
    os.close(descriptor)
    delete_leftovers(tmp_path / "copy.db")
    assert hidden(tmp_path) == [".copy.db-mine"]


def test_a_lock_that_is_a_link_is_refused_and_its_target_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "news.db.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(DiskError, match="symbolic link"):
        Lock(tmp_path / "news.db", command="crawl", now=NOW)
    assert holder(tmp_path / "news.db") is None
    assert (tmp_path / "precious").read_text() == "mine"


STRAY = {
    "a name without a number": lambda folder, day: (folder / f"newsdesk-{day}-abc.warc.gz").touch(),
    "a folder": lambda folder, day: (folder / f"newsdesk-{day}-00001.warc.gz").mkdir(),
    "a link to nowhere": lambda folder, day: (folder / f"newsdesk-{day}-00001.warc.gz").symlink_to("nowhere"),
    "a link out": lambda folder, day: (folder / f"newsdesk-{day}-00001.warc.gz").symlink_to(folder.parent / "precious"),
    "a high number": lambda folder, day: (folder / f"newsdesk-{day}-99999999.warc.gz").touch(),
    "a copy": lambda folder, day: (folder / f"newsdesk-{day}-00001.warc.gz (copy)").touch(),
}


@pytest.mark.parametrize("stray", STRAY)
def test_a_stray_file_among_the_raw_pages_costs_no_article(desk: Desk, site: Site, stray: str) -> None:
    from datetime import UTC, datetime

    site.news(2)
    desk.configure(source(site))
    (desk.folder / "precious").write_text("mine")
    (desk.folder / "news.db.warc").mkdir()
    STRAY[stray](desk.folder / "news.db.warc", datetime.now(UTC).strftime("%Y%m%d"))
    done = desk.run("crawl")
    assert (done.code, "2 new" in done.err) == (0, True), done.err
    assert (desk.folder / "precious").read_text() == "mine"
    assert len(desk.rows("SELECT 1 FROM articles WHERE warc_file IS NOT NULL")) == 2
    assert desk.run("show", "1", "--raw").code == 0


def test_a_crawl_that_could_store_nothing_does_not_exit_0(desk: Desk, site: Site) -> None:
    """Somebody planted a trigger."""
    site.news(2)
    desk.configure(source(site))
    open_writer(desk.database).close()
    with sqlite3.connect(desk.database) as db:
        db.execute("CREATE TRIGGER planted BEFORE INSERT ON articles BEGIN SELECT RAISE(ABORT, 'no'); END")
    db.close()
    done = desk.run("crawl")
    assert done.code == 1, done.err
    assert "could not be stored" in done.err


def test_a_first_answer_of_304_loses_no_article(desk: Desk, site: Site) -> None:
    site.rss("/feed.xml", [{"title": "Story", "link": "/2026/11/20/story"}])
    page = article_html(site.base, "/2026/11/20/story", "Story", story(1)).encode()

    def answer(_: Request, before: int) -> Answer:
        return Answer(b"", status=304, etag=False) if before == 0 else Answer(page)

    site.live["/2026/11/20/story"] = answer
    desk.configure(source(site))
    desk.run("crawl")
    (entry,) = desk.rows("SELECT state, reason FROM entries")
    assert entry["state"] == "retry"
    assert "304" in entry["reason"]
    assert desk.run("fetch", f"{site.base}/2026/11/20/story").code == 0
    assert len(desk.rows("SELECT 1 FROM articles")) == 1
