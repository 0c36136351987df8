"""Rows 28 and 29: a file of every schema there was is brought up to date, however often that is killed; a backup is whole while others write."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from storage import open_store
from storage.errors import MissingDatabase, NewerDatabase
from storage.maintenance import backup, check, restore
from storage.sql.articles import rebuild_index
from storage.sqlite.connection import open_writer as open_database
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.driver import sqlite3 as engine  # the one that the store uses
from storage.sqlite.migrations import APPLICATION_ID, SCHEMA, SET, migrations
from storage.writer import open_writer
from tests import torture
from tests.conftest import NOW, Desk, source
from tests.running import until
from tests.site import Site

LATER = {
    1: "watching",
    2: "flat_cost",
    3: "taken_away",
    4: "plain_names",
    5: "versions",
    6: "learned",
    7: "archives",
    8: "imported_versions",
    9: "posts",
    10: "pushes",
}  # the migration that came after each schema
ROWS = torture.times(500, 10_000)


def old_file(path: Path, schema: int) -> None:
    """A database as that version of newsdesk left it, with articles, addresses, versions, entries, fingerprints and their index."""
    db = SqliteDatabase(path, engine.connect(str(path)))
    db.conn.execute("PRAGMA journal_mode=WAL").fetchone()
    migrations.apply(db, stop_before=LATER[schema])
    db.conn.execute(f"PRAGMA application_id={APPLICATION_ID}")
    db.conn.execute(f"PRAGMA user_version={schema}")
    for key, value in (("database_id", "abc"), ("generation", "3"), ("schema", str(schema))):
        db.conn.execute("INSERT INTO meta VALUES (?, ?)", (key, value))
    for n in range(1, ROWS + 1):
        url = f"https://a.example/{n}"
        db.conn.execute(
            "INSERT INTO articles (uid, url, title, text, authors, story_id, first_seen_at, revision, content_hash) VALUES (?, ?, ?, ?, '[]', ?, '2026-11-01T00:00:00Z', ?, ?)",
            (
                f"u{n}",
                url,
                f"Title {n}",
                f"Words of article {n} about the harbour and the bridge",
                n,
                2 if n % 10 == 0 else 1,
                f"h{n}",
            ),
        )
        db.conn.execute(
            "INSERT INTO article_urls VALUES (?, ?, ?, 'final', '2026-11-01T00:00:00Z')", (f"a.example/{n}", url, n)
        )
        db.conn.execute("INSERT INTO changes (article_id, at, op) VALUES (?, '2026-11-01T00:00:00Z', 'new')", (n,))
        db.conn.execute("INSERT INTO fingerprints VALUES (?, ?, 20760)", (n * 7, n))
        if n % 10 == 0:
            for number in (1, 2):
                db.conn.execute(
                    "INSERT INTO revisions (article_id, number, text, seen_at) VALUES (?, ?, ?, '2026-11-01T00:00:00Z')",
                    (n, number, f"v{number} of {n}"),
                )
    db.conn.execute(
        "INSERT INTO feeds (url, source, kind, checked_at) VALUES ('https://a.example/rss', 'a', 'rss', '2026-11-01T00:00:00Z')"
    )
    rebuild_index(db)
    db.full_text.write()
    db.conn.commit()
    db.conn.close()


def told(path: Path) -> dict[str, str]:
    """A checksum of what people keep it for."""
    questions = {
        "articles": "SELECT id, uid, url, title, text, revision, first_seen_at, content_hash FROM articles ORDER BY id",
        "article_urls": "SELECT * FROM article_urls ORDER BY url_key",
        "revisions": "SELECT article_id, number, text, seen_at FROM revisions ORDER BY 1, 2",
        "changes": "SELECT seq, article_id, at, op FROM changes ORDER BY 1",
        "meta": "SELECT key, value FROM meta WHERE key <> 'schema' ORDER BY 1",
    }
    with sqlite3.connect(path) as db:
        found = {
            name: hashlib.sha256(repr(db.execute(sql).fetchall()).encode()).hexdigest()
            for name, sql in questions.items()
        }
    db.close()
    return found


@pytest.mark.parametrize("schema", sorted(LATER))
def test_row_28_every_schema_is_upgraded_whenever_it_is_killed(tmp_path: Path, schema: int) -> None:
    assert (
        len(migrations._migrations) == SCHEMA == max(LATER) + 1
    )  # a new migration needs a file of the schema before it
    origin = tmp_path / "origin.db"
    old_file(origin, schema)
    before = told(origin)
    path = tmp_path / "news.db"
    killed = 0
    for statement in range(1, 1000, torture.times(3, 1)):
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(origin, path)
        pid = os.fork()
        if pid == 0:
            _upgrade_until(path, statement)
        status = os.waitpid(pid, 0)[1]
        killed += os.WIFSIGNALED(status)
        if statement % torture.times(2, 1) == 0 or not os.WIFSIGNALED(status):
            open_writer(path).close()
            assert told(path) == before
            assert check(path) == []
            with open_store(path) as store:
                assert store.count(query="harbour bridge") == ROWS
        if not os.WIFSIGNALED(status):
            break
    assert killed > 10


def _upgrade_until(path: Path, statement: int) -> None:
    """In a child: open for writing, and be killed at that statement of it."""
    left = [statement]
    real = engine.connect

    def connect(*arguments: Any, **options: Any) -> Any:
        opened = real(*arguments, **options)

        def count(_: str) -> None:
            left[0] -= 1
            if left[0] <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

        opened.set_trace_callback(count)
        return opened

    engine.connect = connect
    try:
        open_database(path)
    finally:
        os._exit(0)


def test_row_21_a_file_whose_making_is_killed_is_made_anew(tmp_path: Path) -> None:
    """Its identity is written after its first table: what was killed between the two was taken for another program's file."""
    path = tmp_path / "news.db"
    for statement in range(1, 1000, torture.times(3, 1)):
        pid = os.fork()
        if pid == 0:
            _upgrade_until(path, statement)
        status = os.waitpid(pid, 0)[1]
        if path.exists():
            break
        with pytest.raises(MissingDatabase):
            open_store(path)
    assert statement > 30
    assert os.WIFSIGNALED(status)  # killed when it was whole already
    open_writer(path).close()
    assert check(path) == []
    assert not list(tmp_path.glob(".*"))


def test_a_log_without_its_file_is_not_played_into_a_new_one(tmp_path: Path) -> None:
    kept, path = tmp_path / "kept.db", tmp_path / "news.db"
    with open_writer(path) as writer:
        with writer.transaction():
            writer.db.conn.execute("INSERT INTO meta VALUES ('of', 'the lost file')")
        shutil.copyfile(f"{path}-wal", kept)
    path.unlink()
    kept.rename(f"{path}-wal")
    with open_writer(path) as writer:
        assert writer.meta("of") is None
    assert check(path) == []


def test_row_28_a_newer_file_is_refused_in_one_line(tmp_path: Path, desk: Desk) -> None:
    open_writer(desk.database).close()
    with sqlite3.connect(desk.database) as db:
        db.execute(f"PRAGMA user_version={SCHEMA + 1}")
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES (?, 'of_the_future', '2030-01-01')",
            (SET,),
        )
    db.close()
    with pytest.raises(NewerDatabase):
        open_writer(desk.database)
    desk.configure()
    for command in (("crawl",), ("list",), ("db", "migrate")):
        done = desk.run(*command)
        assert done.code in {1, 3}
        assert len(done.err.strip().splitlines()) == 1


def test_row_29_backups_while_a_crawl_writes_are_whole(desk: Desk, site: Site) -> None:
    runs = torture.times(2, 25)
    site.news(25 * runs)
    desk.configure(source(site), delay=0.02)
    crawl = desk.start("crawl")
    ended = threading.Event()

    def wait() -> None:
        crawl.wait()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    made = []
    assert until(lambda: desk.database.exists() and desk.rows("SELECT 1 FROM articles"), 60)
    for n in range(runs):
        acknowledged = {row["url"] for row in desk.rows("SELECT url FROM articles")}
        target = desk.folder / f"backup-{n}.db"
        assert desk.run("db", "backup", str(target)).code == 0
        assert check(target) == []
        with sqlite3.connect(target) as db:
            held = {row[0] for row in db.execute("SELECT url FROM articles")}
        db.close()
        assert acknowledged <= held
        made.append(target)
        time.sleep(0.3)
    assert ended.wait(120)
    restored = desk.run("db", "restore", str(made[-1]))
    assert restored.code == 0, restored.err
    assert desk.run("crawl").code == 0
    assert len(desk.rows("SELECT 1 FROM articles")) == 25 * runs


def test_row_29_a_restore_that_is_killed_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path, copy = tmp_path / "news.db", tmp_path / "copy.db"
    old_file(path, max(LATER))
    open_writer(path).close()
    backup(path, copy)
    with open_writer(path) as writer, writer.transaction():
        writer.db.conn.execute("UPDATE articles SET title = 'newer' WHERE id = 1")
    for delay in (0.0, 0.002, 0.005, 0.01, 0.02, 0.05):
        pid = os.fork()
        if pid == 0:
            try:
                restore(copy, path, NOW)
            finally:
                os._exit(0)
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert check(path) == []
        with open_store(path) as store:
            first = store.article(1)
            assert first is not None
            assert (
                first.title == "newer" or int(store.meta("generation") or 0) > 3
            )  # what was restored is told from what was there
    assert restore(copy, path, NOW) >= 4
    assert check(path) == []
