"""`db copy` moves all records between the engines and back: row for row, also after an interruption, or a window."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from benchmarks import archive
from storage import copying
from storage.copying import copy
from storage.errors import StorageError
from storage.maintenance import check
from storage.records import Filter
from storage.store import open_store
from storage.writer import open_writer
from tests import torture
from tests.postgres import cluster

ARTICLES = torture.times(1_500, 100_000)
INTERNAL = {
    "articles_fts_data",
    "articles_fts_idx",
    "articles_fts_docsize",
    "articles_fts_config",
    "_sqlite_migrations",
    "sqlite_stat1",
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with copies, versions and entries."""
    path = tmp_path_factory.mktemp("archive") / "news.db"
    archive.build(path, ARTICLES)
    with open_writer(path) as writer:
        writer.db.conn.execute("DELETE FROM fetches WHERE id > 1000")  # ids that are never given again
        writer.db.conn.commit()
    return path


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with sqlite3.connect(path) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {
            n: sorted(map(tuple, db.execute(f"SELECT * FROM {n}")), key=repr)
            for n in names
            if n not in INTERNAL and n != "articles_fts"
        }
    db.close()
    return found


def test_there_and_back_is_the_same_row_for_row(small: Path, tmp_path: Path) -> None:
    server = cluster().new_database()
    said: list[str] = []
    with open_store(small) as source, open_writer(server) as target:
        assert copy(source, target, since=None, say=said.append)["articles"] == ARTICLES
    back = tmp_path / "back.db"
    with open_store(server) as source, open_writer(back) as target:
        copy(source, target, since=None, say=said.append)
        words = [hit.article.id for hit in source.search("government", Filter(limit=None))]
        assert {hit.article.id for hit in target.search("government", Filter(limit=None))} == set(words)
    before, after = tables(small), tables(back)
    for name in before:
        assert before[name] == after[name], name
    assert check(back) == []


def test_an_interrupted_copy_goes_on(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = cluster().new_database()
    real, calls = copying._index, [0]

    def killed(*given: object) -> None:
        calls[0] += 1
        if calls[0] == 2:
            raise KeyboardInterrupt
        real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(copying, "_index", killed)
    with open_store(small) as source, open_writer(server) as target, pytest.raises(KeyboardInterrupt):
        copy(source, target, since=None, say=lambda _: None)
    monkeypatch.setattr(copying, "_index", real)
    inserted: list[str] = []
    with open_store(small) as source, open_writer(server) as target:
        assert target.count() == copying.BATCH  # what was written before stays
        copy(source, target, since=None, say=inserted.append)
        assert target.count() == ARTICLES


def test_a_database_with_records_is_left_alone(small: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    archive.build(other, 60)
    with open_store(small) as source, open_writer(other) as target, pytest.raises(StorageError, match="has records"):
        copy(source, target, since=None, say=lambda _: None)


def test_what_another_program_changed_meanwhile_is_found(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = cluster().new_database()
    real = copying._finish

    def meddled(source: object, target: object, *more: object) -> object:
        target.db.conn.execute("UPDATE articles SET title = 'x' WHERE id = 3")  # type: ignore[attr-defined]
        return real(source, target, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(copying, "_finish", meddled)
    with (
        open_store(small) as source,
        open_writer(server) as target,
        pytest.raises(StorageError, match="articles differs"),
    ):
        copy(source, target, since=None, say=lambda _: None)


def test_a_window_has_its_articles_and_what_they_refer_to(small: Path, tmp_path: Path) -> None:
    with open_store(small) as source:
        times = sorted(hit.article.first_seen_at or "" for hit in source.articles(Filter()))
        since = times[-len(times) // 10]
        wanted = {hit.article.id for hit in source.articles(Filter(seen_since=since))}
        window = tmp_path / "window.db"
        with open_writer(window) as target:
            copy(source, target, since=since, say=lambda _: None)
            ids = {hit.article.id for hit in target.articles(Filter())}
            assert wanted <= ids
            assert len(ids) < len(times) / 2
    assert check(window) == []
