"""What is asked of a large archive costs what it costs in a small one: counted in steps of SQLite's machine, not in seconds."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks import archive, growth
from storage.records import Entry, Filter
from storage.sql.fingerprints import WINDOW
from storage.sqlite import full_text
from storage.store import open_store
from storage.writer import Writer, open_writer

pytestmark = pytest.mark.integration  # a large archive or a browser

SMALL, LARGE = 1_000, 4_000


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("archives")
    for size in (SMALL, LARGE):
        archive.build(folder / f"{size}.db", size)
    return folder / f"{SMALL}.db", folder / f"{LARGE}.db"


def steps(db: Any, ask: Callable[[], Any]) -> int:
    """Steps of SQLite's machine, by the ten."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 10
        return 0

    db.conn.set_progress_handler(step, 10)
    ask()
    db.conn.set_progress_handler(None, 0)
    return count


@pytest.mark.parametrize("name", ["list", "list_folded", "show"])
def test_questions_cost_the_same_in_a_larger_archive(archives: tuple[Path, Path], name: str) -> None:
    costs = []
    for path in archives:
        with open_store(path) as store:
            ask = {
                "list": lambda store=store: list(store.articles(Filter(limit=50))),
                "list_folded": lambda store=store: list(store.articles(Filter(limit=50, fold_copies=True))),
                "show": lambda store=store: (
                    store.article(77),
                    store.revisions(77),
                    store.addresses(77),
                    store.story(77),
                ),
            }[name]
            costs.append(steps(store.db, ask))
    assert costs[1] < 1.3 * costs[0] + 200


def test_storing_costs_the_same_in_a_larger_archive(
    archives: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "MORE", 20)
    costs = []
    for path in archives:
        counted = [0]
        real = open_writer

        def open_counting(path: Path, counted: list[int] = counted, real: Any = real) -> Any:
            writer = real(path)

            def step() -> int:
                counted[0] += 10
                return 0

            writer.db.conn.set_progress_handler(step, 10)
            return writer

        monkeypatch.setattr(growth, "open_writer", open_counting)
        growth.storing(path, seed=SMALL)
        monkeypatch.setattr(growth, "open_writer", real)
        costs.append(counted[0])
    assert costs[1] < 1.6 * costs[0]  # a scan would make it four times; more copies are found in a larger archive


def test_a_filter_is_asked_of_the_index_or_of_the_best_hits_with_the_same_answer(
    archives: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    since = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with open_store(archives[1]) as store:
        for which in (
            Filter(since=since),
            Filter(sources=(archive.source(3), archive.source(4))),
            Filter(since=since, fold_copies=True),
        ):
            everything = [hit.article.id for hit in store.search("government", which)]
            assert everything
            assert len(everything) == store.count(which, "government")
            first = [hit.article.id for hit in store.search("government", Filter(**{**_fields(which), "limit": 7}))]
            assert first == everything[:7]
            monkeypatch.setattr(full_text, "_NARROW", 0)
            assert [hit.article.id for hit in store.search("government", which)] == everything
            monkeypatch.undo()


def _fields(which: Filter) -> dict[str, Any]:
    return {name: getattr(which, name) for name in Filter.__dataclass_fields__}


def test_what_has_the_words_in_its_headline_comes_first(archives: tuple[Path, Path]) -> None:
    with open_store(archives[0]) as store:
        hits = ["government" in (hit.article.title or "").casefold() for hit in store.search("government")]
    assert True in hits
    assert False in hits
    assert hits == sorted(hits, reverse=True)


def test_folded_answers_agree_with_their_count_and_hide_no_story(archives: tuple[Path, Path]) -> None:
    with open_store(archives[0]) as store:
        for which in (
            Filter(fold_copies=True),
            Filter(fold_copies=True, sources=tuple(archive.source(n) for n in range(50))),
        ):
            hits = list(store.articles(which))
            assert len(hits) == store.count(which)
            every = {hit.article.id for hit in store.articles(Filter(**{**_fields(which), "fold_copies": False}))}
            shown = {hit.article.id for hit in hits}
            folded = every - shown
            assert folded
            assert sum(hit.copies for hit in hits) >= len(folded)
            assert all((store.article(key) or hits[0].article).duplicate_of in every for key in folded)


def test_fingerprints_that_no_look_up_asks_for_are_forgotten(tmp_path: Path) -> None:
    archive.build(tmp_path / "news.db", 200)
    with open_writer(tmp_path / "news.db") as writer:
        now = datetime.now(UTC)
        held = writer.db.conn.execute("SELECT count(*) FROM fingerprints").fetchone()[0]
        assert writer.delete_expired_fingerprints(now) == 0
        with writer.transaction():
            writer.db.conn.execute(
                "UPDATE articles SET first_seen_at = ? WHERE id <= 100",
                ((now - WINDOW - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),),
            )
        assert writer.delete_expired_fingerprints(now) == 0  # all revised today
        with writer.transaction():
            writer.db.conn.execute(
                "UPDATE fingerprints SET seen_day = seen_day - 40 WHERE article_id <= 100 OR article_id = 150"
            )
            writer.db.conn.execute(
                "UPDATE articles SET first_seen_at = '2000-01-01T00:00:00Z' WHERE id = 180"
            )  # a clock that was wrong
        gone = writer.delete_expired_fingerprints(now + timedelta(days=10_000))  # and one that is
        assert 0 < gone < held
        assert writer.db.conn.execute("SELECT min(article_id) FROM fingerprints").fetchone()[0] == 101


def test_an_archive_of_the_schema_before_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    archive.build(path, 100)
    db = sqlite3.connect(path)
    db.executescript(
        "DROP INDEX entries_next; DROP INDEX fingerprints_article; CREATE INDEX fingerprints_day ON fingerprints(seen_day); DROP INDEX articles_seen; CREATE INDEX articles_seen ON articles(first_seen_at); "
        "DELETE FROM _sqlite_migrations WHERE name = 'flat_cost'; PRAGMA user_version = 2; INSERT INTO fingerprints VALUES (1, 1, 5), (2, 2, 99000)"
    )
    db.close()
    with open_writer(path) as writer:
        names = {row[0] for row in writer.db.conn.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
        assert {"fingerprints_article", "articles_seen"} <= names
        assert "fingerprints_day" not in names
        assert writer.db.conn.execute("SELECT count(*) FROM fingerprints WHERE seen_day = 5").fetchone()[0] == 0
        assert (
            writer.db.conn.execute("SELECT count(*) FROM fingerprints").fetchone()[0] > 100
        )  # one day in the future is no clock


def _owe(writer: Writer, hosts: int, each: int) -> None:
    rows = [
        (
            f"feed-{h}",
            f"{h}-{n}",
            f"https://h{h}.example/{n}",
            f"h{h}.example/{n}",
            f"h{h}.example",
            f"2026-11-{1 + n % 28:02d}T00:00:00Z",
        )
        for h in range(hosts)
        for n in range(each)
    ]
    with writer.transaction():
        writer.db.conn.executemany(
            "INSERT INTO entries (feed_url, identity, url, url_key, host, published_at, first_seen_at, source) VALUES (?, ?, ?, ?, ?, ?, '2026-11-20T00:00:00Z', 's')",
            rows,
        )


def _lease(writer: Writer, **more: Any) -> list[Entry]:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    how = {
        "now": now,
        "until": now + timedelta(minutes=10),
        "limit": 30,
        "per_host": 3,
        "sources": ["s"],
        "ignore_retry": False,
    }
    return writer.lease_entries(**{**how, **more})


def _lease_into(found: list[Entry], writer: Writer) -> None:
    found.extend(_lease(writer))


def test_what_is_asked_next_costs_the_same_however_much_is_owed(tmp_path: Path) -> None:
    costs = []
    for each in (20, 400):
        with open_writer(tmp_path / f"{each}.db") as writer:
            _owe(writer, 5, each)
            found: list[Entry] = []
            costs.append(steps(writer.db, functools.partial(_lease_into, found, writer)))
            assert len(found) == 15
            assert {entry.published_at for entry in found[:5]} == {
                "2026-11-01T00:00:00Z"
            }  # the oldest of each host first
    assert costs[1] < 1.2 * costs[0]


@pytest.mark.parametrize("state", ["pending", "retry"])
def test_of_entries_with_one_address_the_first_is_asked_for_alone(tmp_path: Path, state: str) -> None:
    with open_writer(tmp_path / "news.db") as writer:
        _owe(writer, 1, 2)
        with writer.transaction():
            writer.db.conn.execute(
                "UPDATE entries SET url_key = 'one', state = ?, retry_at = '2026-11-21T00:00:00Z'", (state,)
            )
        assert [entry.id for entry in _lease(writer)] == [1]
        assert _lease(writer) == []
