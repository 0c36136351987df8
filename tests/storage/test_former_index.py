"""A full-text index of the former folding: written, deleted from and queried as it is, until `db migrate` rebuilds it."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from crawler.articles.key_versions import KEYS
from storage import upgrade
from storage.article import Article
from storage.errors import DiskError
from storage.maintenance import check, check_index, reindex
from storage.records import Address, Filter
from storage.sql.versions import CURRENT, outdated
from storage.store import open_store
from storage.verdicts import Alias, NewArticle, Revision
from storage.writer import Writer, open_writer
from tests.conftest import NOW, Desk
from tests.storage.test_store import apply

TEXTS = [
    "Пётр всё ещё ждёт парома",
    "Die Straße am Fluß",
    "ＮＨＫは２０２６年の計画を発表した",
    "Łukasz pójdzie",
    "λόγος και Αθήνα",
]


def former(path: Path) -> Writer:
    """A database of the first versions, as a newsdesk without versions left it."""
    with open_writer(path) as writer, writer.transaction():
        writer.db.conn.execute("DELETE FROM meta WHERE key IN ('url_keys', 'search_folding')")
    return open_writer(path)


def article(n: int, text: str) -> Article:
    return Article(
        url=f"https://a.org/{n}", source="a", title=f"Заголовок {n} об ёлке", text=text, authors=("Йёрг Ø",),
        content_hash=f"h{n} {text}", page_url=f"https://a.org/{n}", word_count=len(text.split()),
    )  # fmt: skip


def add(store: Writer, n: int, text: str) -> int:
    address = Address(url_key=f"a.org/{n}", url=f"https://a.org/{n}", kind="final")
    stored = apply(store, NewArticle(article=article(n, text), at=NOW, addresses=(address,), source="a"))
    assert stored is not None
    return stored


def edit(store: Writer, article_id: int, text: str, *, absorbs: int | None = None) -> None:
    revision = Revision(
        article=article(article_id, text),
        article_id=article_id,
        at=NOW,
        absorbs=absorbs,
        words_added=1,
        words_removed=1,
    )
    apply(store, revision)


def ids(store: Writer, query: str) -> set[int]:
    found = {hit.article.id for hit in store.search(query)}
    assert found == {hit.article.id for hit in store.articles(Filter(query=query))}
    assert store.count(query=query) == store.count(Filter(query=query)) == len(found)
    return found


def test_edits_merges_and_prunes_leave_a_former_index_intact(tmp_path: Path) -> None:
    with former(tmp_path / "news.db") as store:
        numbers = [add(store, n, text) for n, text in enumerate(TEXTS * 4, 1)]
        assert ids(store, "ещё") == {1, 6, 11, 16}
        assert ids(store, "еще") == set()
        assert ids(store, "Straße") == {2, 7, 12, 17}
        assert ids(store, "strasse") == set()
        for n in numbers[:5]:
            edit(store, n, f"{TEXTS[n - 1]}, Самолёт ß")
        edit(store, 6, "Ёжик ＡＢＣ", absorbs=16)
        apply(store, Alias(article=article(7, "Łódź"), article_id=7, at=NOW))
        store.prune_articles((NOW + timedelta(days=1)).isoformat(), ["none"], NOW)
        with store.transaction():
            store.db.conn.execute("UPDATE articles SET first_seen_at = '2020-01-01T00:00:00Z' WHERE id IN (11, 12, 13)")
        assert store.prune_articles("2021-01-01T00:00:00Z", [], NOW) == 3
        assert check_index(store) is None
        assert check(store.path) == []
        assert ids(store, "ещё") == {1}
        assert ids(store, "самолёт") == {1, 2, 3, 4, 5}
        assert ids(store, "самолет") == set()
        assert ids(store, "Ёжик") == {6}
        assert reindex(store) == 16  # `db check --rebuild-index` keeps the folding
        assert ids(store, "самолёт") == {1, 2, 3, 4, 5}
        assert outdated(store.db) == list(CURRENT)
    with open_store(tmp_path / "news.db") as reader:
        assert [hit.article.id for hit in reader.search("Ёжик")] == [6]
        assert [hit.article.id for hit in reader.search("ежик")] == []


def test_a_new_database_folds_from_the_first(tmp_path: Path) -> None:
    with open_writer(tmp_path / "news.db") as store:
        assert outdated(store.db) == []
        add(store, 1, TEXTS[0])
        assert ids(store, "еще") == ids(store, "ещё") == ids(store, "елка") | {1}
        edit(store, 1, "другое")
        assert ids(store, "еще") == set()
        assert check_index(store) is None
        for name in ("Йёрг Ø", "йерг o", "ЙЕРГ"):
            assert store.count(Filter(authors=(name,))) == 1
        assert store.count(Filter(authors=("иёрг",))) == 0


def test_migrate_rebuilds_the_index_and_makes_a_backup_first(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.configure()
    with former(desk.database) as store:
        for n, text in enumerate(TEXTS, 1):
            add(store, n, text)
    assert desk.run("search", "--json", "еще").out.strip() == "[]"
    assert "consider: `newsdesk db migrate`" in desk.run("doctor").out
    done = desk.run("db", "migrate")
    assert done.code == 0
    assert "5 articles" in done.err
    assert "min" in done.err
    assert "MB of disk" in done.err
    [kept] = tmp_path.glob("news.db.backup-*")
    assert kept.name in done.out
    assert desk.run("db", "check").code == 0
    assert "db migrate" not in desk.run("doctor").out
    for query, number in (("еще", 1), ("strasse", 2), ("NHK", 3), ("2026", 3), ("lukasz", 4), ("ΛΟΓΟΣ", 5)):
        with open_writer(desk.database) as store:
            assert ids(store, query) == {number}
    assert "nothing to do" in desk.run("db", "migrate").out
    assert desk.run("--db", str(kept), "search", "--json", "еще").out.strip() == "[]"
    assert '"id"' in desk.run("--db", str(kept), "search", "--json", "ещё").out
    with open_writer(desk.database) as store:
        edit(store, 1, "Ёж")
        assert ids(store, "еж") == {1}
        assert check_index(store) is None


def test_migrate_wants_the_room_that_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with former(tmp_path / "news.db") as store:
        add(store, 1, TEXTS[0])
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
        with pytest.raises(DiskError, match="make room"):
            upgrade.planned(store, NOW)


def test_a_rebuild_that_is_interrupted_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "news.db"
    with former(path) as store:
        add(store, 1, TEXTS[0])
        plan = upgrade.planned(store, NOW)
        assert plan is not None

        def broken(*_: object, **__: object) -> int:
            store.db.full_text.clear(fold_anew=True)
            raise KeyboardInterrupt

        monkeypatch.setattr(upgrade, "rebuild_index", broken)
        with pytest.raises(KeyboardInterrupt):
            upgrade.rewrite(store, plan, KEYS, NOW)
    with open_writer(path) as store:
        assert ids(store, "ещё") == {1}
        assert check_index(store) is None
        assert "search_folding" in outdated(store.db)
