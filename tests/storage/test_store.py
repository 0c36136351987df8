"""The store's contract: what every method keeps, on a real file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crawler.config.models import Source
from storage.article import Article
from storage.errors import (
    DamagedDatabase,
    DatabaseLocked,
    MissingDatabase,
    NewerDatabase,
    NotNewsdeskDatabase,
    StorageError,
)
from storage.records import Address, Entry, FeedCheck, FeedEntry, FetchLogEntry, Filter
from storage.sql.entries import CheckCounts
from storage.sqlite.lock import Lock, holder
from storage.sqlite.migrations import SCHEMA
from storage.store import open_store
from storage.utc import format_utc
from storage.verdicts import FullerView, NewArticle, NotFound, Revision, Verdict
from storage.writer import Writer, open_writer
from tests.conftest import NOW
from tests.storage.conftest import ONLY_SQLITE
from tests.verdicts import made

FEED = "https://a.org/rss"


@pytest.fixture
def store(new_store: Callable[[], Writer]) -> Writer:
    writer = new_store()
    writer.sync_sources(
        [Source(id="a", name="A", url="https://a.org/", feeds=(FEED,), language="en", country="GB", tags=("x",))],
        {FEED: "a.org"},
    )
    return writer


def listed(n: int, **changes: Any) -> FeedEntry:
    values = {
        "identity": f"g{n}",
        "guid": f"g{n}",
        "url": f"https://a.org/{n}",
        "url_key": f"a.org/{n}",
        "host": "a.org",
        "title": f"T{n}",
        "fingerprint": "f",
        "published_at": f"2026-11-20T{n % 24:02d}:00:00Z",
    }
    return FeedEntry(**{**values, **changes})


def poll(store: Writer, *entries: FeedEntry, at: datetime = NOW, **changes: Any) -> CheckCounts:
    values = {
        "feed_url": FEED,
        "at": at,
        "outcome": "changed",
        "kind": "rss",
        "final_url": FEED,
        "etag": '"e"',
        "body_hash": "h",
        "due_at": at + timedelta(hours=1),
        "interval_seconds": 3600.0,
        "listed": entries,
    }
    with store.transaction():
        return store.apply_check(FeedCheck(**{**values, **changes}), "a")


def lease(store: Writer, **changes: Any) -> list[Entry]:
    values = {
        "now": NOW,
        "until": NOW + timedelta(minutes=10),
        "limit": 100,
        "per_host": 100,
        "sources": ["a"],
        "ignore_retry": True,
    }
    return store.lease_entries(**{**values, **changes})


def verdict(n: int, outcome: str = "new", *, entry: int | None = None, **changes: Any) -> Verdict:
    article = Article(
        url=f"https://a.org/{n}",
        source="a",
        title=f"Title {n}",
        text=f"Text number {n}",
        authors=("Ada",),
        published_at=f"2026-11-20T{n % 24:02d}:00:00Z",
        content_hash=f"h{n}",
        page_url=f"https://a.org/{n}",
        language="en",
    )
    values = {
        "outcome": outcome,
        "at": NOW,
        "entry_ids": (entry,) if entry else (),
        "article": article,
        "addresses": (Address(url_key=f"a.org/{n}", url=f"https://a.org/{n}", kind="final"),),
        "source": "a",
    }
    return made(**{**values, **changes})


def apply(store: Writer, found: Verdict) -> int | None:
    with store.transaction():
        return store.apply_verdict(found)


def test_new_entries_are_owed_once_and_listed_again_they_are_not_new(store: Writer) -> None:
    assert poll(store, listed(1), listed(2)) == CheckCounts(new=2)
    assert poll(store, listed(1), listed(2)) == CheckCounts()
    assert [e.title for e in lease(store)] == ["T1", "T2"]
    assert lease(store) == []


def test_an_edited_entry_is_owed_again(store: Writer) -> None:
    poll(store, listed(1))
    apply(store, verdict(1, entry=lease(store)[0].id))
    assert poll(store, listed(1, title="T1 updated", fingerprint="other")) == CheckCounts(changed=1)
    again = lease(store)
    assert [(e.title, e.article_id) for e in again] == [("T1 updated", 1)]


def test_a_reused_guid_is_another_entry(store: Writer) -> None:
    poll(store, listed(1))
    assert (
        poll(
            store, listed(1, url="https://a.org/other", url_key="a.org/other", title="Quite another", fingerprint="x")
        ).new
        == 1
    )
    assert (
        poll(store, listed(1, url="https://a.org/other", url_key="a.org/other", title="Quite another", fingerprint="x"))
        == CheckCounts()
    )


def test_entries_with_one_key_are_asked_for_once_and_settled_together(store: Writer) -> None:
    poll(store, listed(1), listed(2, url="https://www.a.org/1", url_key="a.org/1"))
    leased = lease(store)
    assert len(leased) == 1
    apply(store, verdict(1, entry=leased[0].id))
    assert lease(store) == []
    assert {(r["state"], r["article_id"]) for r in (store.entry(1), store.entry(2)) if r} == {("fetched", 1)}


def test_an_entry_of_a_held_address_is_not_asked_for(store: Writer) -> None:
    apply(store, verdict(1))
    poll(store, listed(1))
    assert lease(store) == []
    entry = store.entry(1)
    assert entry is not None
    assert (entry["state"], entry["article_id"]) == ("fetched", 1)


def test_an_address_only_claimed_by_a_canonical_link_is_still_asked_for(store: Writer) -> None:
    apply(
        store,
        verdict(
            1,
            addresses=(
                Address(url_key="a.org/amp/1", url="https://a.org/amp/1", kind="final"),
                Address(url_key="a.org/1", url="https://a.org/1", kind="canonical"),
            ),
        ),
    )
    poll(store, listed(1))
    assert len(lease(store)) == 1


def test_leases_end_and_are_given_back_at_once_when_their_holder_is_gone(store: Writer) -> None:
    poll(store, listed(1))
    assert len(lease(store)) == 1
    assert store.release_leases() == 1
    assert len(lease(store)) == 1


def test_retries_wait_but_a_crawl_without_due_asks_them_and_never_before_retry_after(store: Writer) -> None:
    poll(store, listed(1), listed(2))
    first, second = lease(store)
    later = NOW + timedelta(hours=1)
    apply(store, verdict(1, "failed", entry=first.id, article=None, reason="500", retry_at=later))
    apply(store, verdict(2, "failed", entry=second.id, article=None, reason="503", retry_at=later, not_before=later))
    assert lease(store, ignore_retry=False) == []
    assert [e.id for e in lease(store, ignore_retry=True)] == [first.id]
    store.release_leases()
    assert {e.id for e in lease(store, now=later + timedelta(seconds=1), ignore_retry=False)} == {first.id, second.id}


def test_newest_takes_the_newest(store: Writer) -> None:
    poll(store, *(listed(n) for n in range(1, 9)))
    assert [e.title for e in lease(store, newest=2, limit=2)] == ["T7", "T8"]


def test_per_host_counts_what_is_leased_already(store: Writer) -> None:
    poll(store, *(listed(n) for n in range(1, 9)))
    assert len(lease(store, per_host=3)) == 3
    assert lease(store, per_host=3) == []


def test_feeds_are_leased_when_due_and_never_before_retry_after(store: Writer) -> None:
    now: dict[str, Any] = {"now": NOW, "until": NOW + timedelta(minutes=1), "limit": 10, "sources": None, "done": []}
    assert [f.url for f in store.lease_feeds(**now, due_only=True)] == [FEED]
    poll(store, listed(1))
    assert store.lease_feeds(**now, due_only=True) == []
    held = store.lease_feeds(**now, due_only=False)[0]
    assert (held.etag, held.body_hash, held.final_url) == ('"e"', "h", FEED)
    poll(store, outcome="failed", error="503", not_before=NOW + timedelta(hours=2))
    assert store.lease_feeds(**now, due_only=False) == []
    failed = store.feed(FEED)
    assert failed is not None
    assert (failed.failures, failed.etag, failed.last_error) == (1, '"e"', "503")


def test_a_gone_feed_is_asked_no_more(store: Writer) -> None:
    poll(store, outcome="gone", error="gone for good (410)")
    assert (
        store.lease_feeds(now=NOW + timedelta(days=400), until=NOW, limit=10, sources=None, done=[], due_only=False)
        == []
    )


def test_an_edit_keeps_both_versions(store: Writer) -> None:
    apply(store, verdict(1))
    assert store.revisions(1) == []
    new = verdict(1, "revised", article_id=1, words_added=2, words_removed=1, silent=True)
    assert isinstance(new, Revision)
    import dataclasses

    apply(
        store, dataclasses.replace(new, article=dataclasses.replace(new.article, text="Another text", content_hash="x"))
    )
    first, second = store.revisions(1)
    assert (first["number"], first["text"], second["number"], second["text"], second["silent"]) == (
        1,
        "Text number 1",
        2,
        "Another text",
        1,
    )
    article = store.article(1)
    assert article is not None
    assert (article.revision, article.text, article.first_seen_at) == (2, "Another text", format_utc(NOW))
    assert [h.article.id for h in store.search("another")] == [1]
    assert list(store.search("number")) == []
    assert [c["op"] for c in store.changes()] == ["revised"]
    assert store.edits()[0]["words_added"] == 2


def test_ids_are_never_reused_and_uids_are_stable(store: Writer) -> None:
    apply(store, verdict(1))
    article = store.article(1)
    assert article is not None
    assert len(article.uid) == 32
    with store.transaction():
        for table in ("changes", "article_urls", "articles"):
            store.db.conn.execute(f"DELETE FROM {table}")
    assert apply(store, verdict(2)) == 2


def test_a_vanished_article_keeps_its_text_and_may_come_back(store: Writer) -> None:
    import dataclasses

    apply(store, verdict(1))
    missing = NotFound(at=NOW, article_id=1, source="a", reason="not found (404)")
    apply(store, missing)
    apply(store, dataclasses.replace(missing, at=NOW + timedelta(minutes=1)))
    assert store.vanished() == []
    assert store.first_not_found_at(1) == format_utc(NOW)
    apply(store, dataclasses.replace(missing, at=NOW + timedelta(hours=1), vanished=True))
    article = store.article(1)
    assert article is not None
    assert (article.vanished_reason, article.text) == ("not found (404)", "Text number 1")
    assert store.vanished()[0]["id"] == 1
    apply(store, verdict(1, "same", article=None, article_id=1))
    back = store.article(1)
    assert back is not None
    assert back.vanished_at is None
    assert [r[0] for r in store.db.conn.execute("SELECT op FROM changes ORDER BY seq")] == [
        "new",
        "vanished",
        "restored",
    ]


def test_one_bad_record_is_undone_alone(store: Writer) -> None:
    with store.transaction():
        for n in (1, 2, 1):
            try:
                with store.savepoint():
                    store.apply_verdict(verdict(n))
            except sqlite3.IntegrityError:
                continue
            except Exception as error:
                assert "unique" in str(error).lower()
    assert store.count() == 2


def test_filters(store: Writer) -> None:
    for n in range(1, 6):
        apply(store, verdict(n))

    def ids(**which: object) -> list[int]:
        return [h.article.id for h in store.articles(Filter(**which))]  # type: ignore[arg-type]

    assert ids() == [5, 4, 3, 2, 1]
    assert ids(limit=2) == [5, 4]
    assert ids(sources=("a",)) == [5, 4, 3, 2, 1]
    assert ids(sources=("b",)) == []
    assert (
        ids(tags=("x",)) == ids(countries=("gb",)) == ids(languages=("EN",)) == ids(authors=("ad",)) == [5, 4, 3, 2, 1]
    )
    assert ids(since="2026-11-20T04:00:00Z") == [5, 4]
    assert ids(until="2026-11-20T04:00:00Z") == [3, 2, 1]
    assert ids(kinds=("opinion",)) == []
    assert ids(changed=True) == []
    assert store.count(Filter(limit=1)) == 5


def test_copies_fold_only_where_their_original_is_in_the_same_answer(store: Writer) -> None:
    import dataclasses

    apply(store, verdict(1))
    copy = verdict(2)
    assert isinstance(copy, NewArticle)
    apply(
        store,
        dataclasses.replace(
            copy,
            article=dataclasses.replace(copy.article, duplicate_of=1, story_id=1, text="Only the copy says giraffe"),
        ),
    )
    folded = [(h.article.id, h.copies) for h in store.articles(Filter(fold_copies=True))]
    assert folded == [(1, 1)]
    assert [(h.article.id, h.copies) for h in store.search("giraffe", Filter(fold_copies=True))] == [(2, 0)]
    assert store.count(Filter(fold_copies=True)) == 1
    assert [a.id for a in store.story(1)] == [1, 2]


def test_fingerprints_find_twins_within_the_window(store: Writer) -> None:
    apply(store, verdict(1, fingerprints=(1, 2, 2**64 - 1)))
    assert [t.id for t in store.duplicate_candidates([2, 2**64 - 1, 9], NOW)] == [1]
    assert store.duplicate_candidates([2, 9], NOW) == []
    assert store.duplicate_candidates([1, 2], NOW + timedelta(days=31)) == []


def test_the_ledger_keeps_each_request(store: Writer) -> None:
    request = FetchLogEntry(
        at=NOW, url="https://a.org/", host="a.org", status=200, bytes=5, ms=7, conditional=True, outcome="new"
    )
    with store.transaction():
        store.insert_fetches([request])
    assert store.db.conn.execute("SELECT at, status, conditional FROM fetches").fetchone() == (format_utc(NOW), 200, 1)


def test_a_reader_reads_while_the_writer_writes(store: Writer) -> None:
    apply(store, verdict(1))
    with open_store(store.address) as reader, store.transaction():
        store.apply_verdict(verdict(2))
        assert reader.count() == 1
    with open_store(store.address) as reader:
        assert reader.count() == 2


@ONLY_SQLITE
def test_settings_of_the_connection(store: Writer) -> None:
    ask = {
        name: store.db.conn.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "user_version")
    }
    assert ask == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "user_version": SCHEMA}


class TestFiles:
    def test_a_reader_never_creates(self, tmp_path: Path) -> None:
        with pytest.raises(MissingDatabase, match="NEWSDESK_DB"):
            open_store(tmp_path / "none.db")
        assert not (tmp_path / "none.db").exists()

    @pytest.mark.parametrize(
        ("content", "kind"),
        [(b"", NotNewsdeskDatabase), (b"not a database at all, but long enough to be one" * 10, NotNewsdeskDatabase)],
        ids=["empty", "text"],
    )
    def test_a_file_that_is_not_ours_is_left_untouched(
        self, tmp_path: Path, content: bytes, kind: type[StorageError]
    ) -> None:
        file = tmp_path / "x.db"
        file.write_bytes(content)
        for opening in (open_store, open_writer):
            with pytest.raises(kind) as caught:
                opening(file)
            assert "\n" not in str(caught.value)
        assert file.read_bytes() == content
        assert [p.name for p in tmp_path.iterdir()] == ["x.db"]

    def test_anothers_database_is_left_untouched(self, tmp_path: Path) -> None:
        file = tmp_path / "x.db"
        with sqlite3.connect(file) as db:
            db.execute("CREATE TABLE mine (a)")
        db.close()
        before = file.read_bytes()
        for opening in (open_store, open_writer):
            with pytest.raises(NotNewsdeskDatabase):
                opening(file)
        assert file.read_bytes() == before

    @ONLY_SQLITE
    def test_a_newer_file_is_refused(self, store: Writer) -> None:
        store.db.conn.execute(f"PRAGMA user_version={SCHEMA + 1}")
        store.close()
        for opening in (open_store, open_writer):
            with pytest.raises(NewerDatabase, match="newer newsdesk"):
                opening(store.path)

    @ONLY_SQLITE
    def test_a_truncated_file_is_said_to_be_damaged(self, store: Writer) -> None:
        for n in range(200):
            apply(store, verdict(n))
        store.db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        store.close()
        whole = store.path.read_bytes()
        store.path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(DamagedDatabase, match="restore"):
            list(open_store(store.path).articles())

    def test_a_killed_first_start_can_be_taken_up(self, tmp_path: Path) -> None:
        with sqlite3.connect(tmp_path / "x.db") as db:
            db.execute("PRAGMA journal_mode=WAL")
        db.close()
        open_writer(tmp_path / "x.db").close()
        assert open_store(tmp_path / "x.db").count() == 0


class TestLock:
    def test_one_holds_and_the_other_is_told_who(self, tmp_path: Path) -> None:
        with (
            Lock(tmp_path / "n.db", command="crawl", now=NOW),
            pytest.raises(DatabaseLocked, match=r"newsdesk crawl.*pid \d+ on .* since 2026-11-22T12:00:00Z") as caught,
        ):
            Lock(tmp_path / "n.db", command="run", now=NOW)
        assert caught.value.exit_code == 6
        assert holder(tmp_path / "n.db") is None

    def test_a_lone_fetch_is_waited_for(self, tmp_path: Path) -> None:
        with Lock(tmp_path / "n.db", command="fetch", now=NOW), pytest.raises(DatabaseLocked):
            Lock(tmp_path / "n.db", command="crawl", now=NOW, patience=0.3)


def test_two_sources_that_list_one_address_do_not_block_one_another(store: Writer) -> None:
    other = "https://b.org/rss"
    sources = [Source(id="a", name="A", feeds=(FEED,), enabled=False), Source(id="b", name="B", feeds=(other,))]
    store.sync_sources(sources, {})
    poll(store, listed(1))
    with store.transaction():
        store.apply_check(FeedCheck(feed_url=other, at=NOW, outcome="changed", listed=(listed(1),)), "b")
    assert [e.source for e in lease(store, sources=["b"])] == ["b"]


def test_a_source_with_another_id_takes_its_owed_entries_along(store: Writer) -> None:
    poll(store, listed(1))
    store.sync_sources([Source(id="renamed", name="A", feeds=(FEED,))], {})
    assert len(lease(store, sources=["renamed"])) == 1
    assert dict(store.db.conn.execute("SELECT id, enabled FROM sources").fetchall()) == {"a": 0, "renamed": 1}


def test_a_map_that_is_gone_stays_gone_and_one_that_was_dropped_comes_back(store: Writer) -> None:
    index: dict[str, Any] = {"kind": "sitemap", "children": ("https://a.org/1.xml", "https://a.org/2.xml")}
    poll(store, **index)
    with store.transaction():
        store.apply_check(
            FeedCheck(feed_url="https://a.org/1.xml", at=NOW, outcome="gone", error="gone for good (410)"), "a"
        )
    poll(store, kind="sitemap", children=("https://a.org/1.xml",))
    poll(store, **index)
    states = dict(store.db.conn.execute("SELECT url, state FROM feeds WHERE parent_url IS NOT NULL").fetchall())
    assert states == {"https://a.org/1.xml": "gone", "https://a.org/2.xml": "active"}


def test_a_fuller_view_of_the_newest_version_is_that_version(store: Writer) -> None:
    import dataclasses

    apply(store, verdict(1))
    new = verdict(1, "revised", article_id=1)
    assert isinstance(new, Revision)
    cut = dataclasses.replace(new.article, text="Cut …", completeness="teaser")
    apply(store, dataclasses.replace(new, article=cut))
    full = dataclasses.replace(new.article, text="The whole of it")
    apply(store, FullerView(at=NOW, article_id=1, article=full))
    assert [r["text"] for r in store.revisions(1)] == ["Text number 1", "The whole of it"]


def test_a_worse_view_tells_nothing_of_the_article(store: Writer) -> None:
    apply(store, verdict(1))
    apply(store, verdict(1, "same", article=None, article_id=1, shows_less=True))
    article = store.article(1)
    assert article is not None
    assert article.last_same_at is None


def test_attempts_count_in_a_row(store: Writer) -> None:
    poll(store, listed(1))
    for outcome in ("failed", "failed", "gone"):
        (entry,) = lease(store, now=NOW + timedelta(days=1))
        apply(store, verdict(1, outcome, entry=entry.id, article=None, addresses=(), retry_at=NOW))
    (entry,) = lease(store, now=NOW + timedelta(days=1))
    assert (entry.consecutive_attempts("failed"), entry.consecutive_attempts("gone")) == (0, 1)


def test_names_and_days_are_found_as_people_write_them(store: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses
    import time

    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    one = verdict(1)
    assert isinstance(one, NewArticle)
    apply(
        store,
        dataclasses.replace(
            one,
            article=dataclasses.replace(
                one.article, authors=("Иван Петров",), published_at="2020-02-11", language="pt-BR"
            ),
        ),
    )
    for which in (
        {"authors": ("иван",)},
        {"languages": ("pt",)},
        {"languages": ("pt-br",)},
        {"since": "2020-02-11T05:00:00Z"},
        {"until": "2020-02-12T05:00:00Z"},
    ):
        assert store.count(Filter(**which)) == 1, which
    for which in ({"languages": ("en",)}, {"since": "2020-02-12T05:00:00Z"}, {"until": "2020-02-11T05:00:00Z"}):
        assert store.count(Filter(**which)) == 0, which
    monkeypatch.undo()
    time.tzset()


@ONLY_SQLITE
def test_leasing_stays_quick_with_many_owed(store: Writer) -> None:
    poll(store, *(listed(n, identity=f"x{n}", url=f"https://a.org/{n}", url_key=f"a.org/{n}") for n in range(3000)))
    plan = " ".join(
        str(row)
        for row in store.db.conn.execute(
            "EXPLAIN QUERY PLAN SELECT host, count(*) FROM entries WHERE state = 'leased' GROUP BY host"
        )
    )
    assert "entries_leased" in plan
    assert len(lease(store, limit=50)) == 50


def test_a_reader_that_looks_who_holds_does_not_turn_a_writer_away(tmp_path: Path) -> None:
    import threading

    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            holder(tmp_path / "n.db")

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(100):
            Lock(tmp_path / "n.db", command="crawl", now=NOW).close()
    finally:
        stop.set()
        thread.join()


def test_a_file_of_the_first_schema_is_told_to_readers_and_brought_up_to_date_by_a_writer(tmp_path: Path) -> None:
    from storage.sqlite import migrations
    from storage.sqlite.first_schema import TABLES

    path = tmp_path / "old.db"
    db = sqlite3.connect(path)
    for statement in TABLES.split(";\n"):
        db.execute(statement)
    db.execute(
        "CREATE TABLE _sqlite_migrations (migration_set TEXT, name TEXT, applied_at TEXT, PRIMARY KEY (migration_set, name))"
    )
    db.execute("INSERT INTO _sqlite_migrations VALUES ('newsdesk', 'first_tables', '2026-11-01')")
    db.execute(f"PRAGMA application_id={migrations.APPLICATION_ID}")
    db.execute("PRAGMA user_version=1")
    db.execute("INSERT INTO meta VALUES ('generation', '1')")
    db.execute(
        "INSERT INTO feeds (url, source, kind, checked_at) VALUES ('https://a.org/rss', 'a', 'rss', '2026-11-01T00:00:00Z')"
    )
    db.commit()
    db.close()
    with pytest.raises(StorageError, match="db migrate"):
        open_store(path)
    open_writer(path).close()
    with open_store(path) as store:
        feed = store.feed("https://a.org/rss")
        assert feed is not None
        assert (feed.last_success_at, feed.window_size) == ("2026-11-01T00:00:00Z", 0)
