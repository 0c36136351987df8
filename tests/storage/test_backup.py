from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from storage.errors import DamagedDatabase, DiskError, StorageError
from storage.maintenance import backup, check, check_index, prune, reindex, restore
from storage.store import open_store
from storage.writer import Writer, open_writer
from tests.conftest import NOW
from tests.storage.test_store import apply, verdict


@pytest.fixture
def store(tmp_path: Path) -> Writer:
    writer = open_writer(tmp_path / "news.db")
    for n in range(20):
        apply(writer, verdict(n))
    return writer


def test_a_whole_file_has_no_problem(store: Writer) -> None:
    assert check(store.path) == []
    assert check_index(store) is None


def test_check_finds_what_is_missing(store: Writer) -> None:
    with store.transaction():
        store.db.conn.execute("DELETE FROM article_urls WHERE article_id = 3")
        store.db.conn.execute("DELETE FROM changes WHERE article_id = 4")
        store.db.conn.execute("INSERT INTO articles_fts (articles_fts) VALUES ('delete-all')")
    problems = check(store.path)
    assert any("address" in p for p in problems)
    assert any("changes" in p for p in problems)
    assert any("full-text index does not know" in p for p in problems)
    assert reindex(store) == 20
    assert [h.article.id for h in store.search("title 7")] == [8]


def test_check_finds_a_damaged_page(store: Writer) -> None:
    store.db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    store.close()
    body = bytearray(store.path.read_bytes())
    body[4096 * 6 : 4096 * 6 + 2000] = b"\xff" * 2000
    store.path.write_bytes(bytes(body))
    try:
        assert check(store.path)
    except StorageError as error:
        assert "damaged" in str(error)


def test_row_29_a_backup_taken_while_writing_is_whole(store: Writer, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        n = 100
        while not stop.is_set():
            apply(store, verdict(n))
            n += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for index in range(5):
            with open_store(store.path) as reader:
                acknowledged = reader.count()
            backup(store.path, tmp_path / f"{index}.db")
            assert check(tmp_path / f"{index}.db") == []
            with open_store(tmp_path / f"{index}.db") as copy:
                assert copy.count() >= acknowledged
    finally:
        stop.set()
        thread.join()


def test_row_29_restore_raises_the_generation_and_keeps_what_stood_there(store: Writer, tmp_path: Path) -> None:
    backup(store.path, tmp_path / "b.db")
    apply(store, verdict(99))
    store.close()
    assert restore(tmp_path / "b.db", store.path, NOW) == 2
    with open_store(store.path) as restored:
        assert (restored.count(), restored.meta("generation")) == (20, "2")
    (aside,) = tmp_path.glob("news.db.before-restore-*")
    with open_store(aside) as old:
        assert old.count() == 21
    assert restore(tmp_path / "b.db", store.path, NOW) == 3


def test_a_damaged_backup_is_not_restored(store: Writer, tmp_path: Path) -> None:
    store.close()
    (tmp_path / "bad.db").write_bytes(b"SQLite format 3\0" + b"\0" * 5000)
    before = store.path.read_bytes()
    with pytest.raises(StorageError):
        restore(tmp_path / "bad.db", store.path, NOW)
    assert store.path.read_bytes() == before


def test_a_backup_that_cannot_be_written_leaves_nothing(store: Writer, tmp_path: Path) -> None:
    with pytest.raises(DiskError):
        backup(store.path, tmp_path / "no" / "b.db")
    with pytest.raises(DiskError):
        backup(store.path, tmp_path)


def test_row_29_a_damaged_file_can_be_restored_over(store: Writer, tmp_path: Path) -> None:
    backup(store.path, tmp_path / "b.db")
    store.close()
    store.path.write_bytes(b"garbage")
    restore(tmp_path / "b.db", store.path, NOW)
    with open_store(store.path) as restored:
        assert restored.count() == 20


def test_prune_takes_the_ledger_and_no_article(store: Writer) -> None:
    with store.transaction():
        store.db.conn.execute(
            "INSERT INTO fetches (at, url, host, bytes, ms, conditional, outcome) VALUES ('2020-01-01T00:00:00Z', 'u', 'h', 1, 1, 0, 'x')"
        )
    found = prune(store, now=NOW, fetches_before="2026-01-01")
    assert found["fetches"] == 1
    assert store.count() == 20


def test_damaged_database_is_one_line() -> None:
    assert "\n" not in str(DamagedDatabase("x"))


def test_two_restores_of_a_lost_file_are_two_generations(store: Writer, tmp_path: Path) -> None:
    """A cursor of the history that was lost must not be taken for one of the new."""
    backup(store.path, tmp_path / "b.db")
    store.close()
    found = []
    for days in (0, 1):
        store.path.unlink()
        found.append(restore(tmp_path / "b.db", store.path, NOW + timedelta(days=days)))
    assert found[0] < found[1]
