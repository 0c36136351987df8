"""PostgreSQL serves each query of the hot path from an index: EXPLAIN of what a worker sends, on tables of some size."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from storage.article import Article
from storage.postgres.client import PostgresConnection
from storage.postgres.database import PostgresDatabase
from storage.records import Address, FeedCheck, FeedEntry, FetchLogEntry, Filter
from storage.verdicts import NewArticle
from storage.writer import Writer, open_writer
from tests.conftest import NOW
from tests.postgres import cluster

HOLDER = 1
LARGE = (
    "articles",
    "entries",
    "feeds",
    "fetches",
    "changes",
    "article_urls",
    "fingerprints",
    "revisions",
    "article_words",
)


@pytest.fixture(scope="module")
def store() -> Any:
    """Thousands of rows in each table that grows."""
    cluster()
    with open_writer(cluster().new_database()) as writer:
        _fill(writer)
        yield writer


def _fill(writer: Writer) -> None:
    run = writer.db.conn.execute
    run("INSERT INTO sources (id, name) SELECT 's' || n, 's' || n FROM generate_series(1, 500) n")
    run(
        "INSERT INTO feeds (url, source, kind, host, due_at) "
        "SELECT 'https://h' || n || '.org/rss', 's' || (n % 500 + 1), 'rss', 'h' || n || '.org', "
        "  CASE WHEN n % 2 = 0 THEN '2026-11-22T11:00:00Z' ELSE '2026-11-23T11:00:00Z' END "
        "FROM generate_series(1, 5000) n"
    )
    run(
        "INSERT INTO articles (uid, url, source, title, text, story_id, first_seen_at, published_at, content_hash, "
        "  recheck_at) "
        "SELECT 'u' || n, 'https://h' || n % 5000 || '.org/' || n, 's' || (n % 500 + 1), 'Title ' || n, 'text', n, "
        "  '2026-11-' || lpad((n % 20 + 1)::text, 2, '0') || 'T10:00:00Z', NULL, 'h' || n, '2026-12-01T00:00:00Z' "
        "FROM generate_series(1, 20000) n"
    )
    run(
        "INSERT INTO article_urls (url_key, url, article_id, kind, first_seen_at) "
        "SELECT 'k' || id, url, id, 'final', first_seen_at FROM articles"
    )
    run("INSERT INTO article_words SELECT id, '[]', to_tsvector('simple', title) FROM articles")
    run("INSERT INTO changes (seq, article_id, at, op) SELECT id, id, first_seen_at, 'new' FROM articles")
    run("INSERT INTO fingerprints SELECT n, n / 10 + 1, 20000 FROM generate_series(1, 50000) n")
    run(
        "INSERT INTO entries (feed_url, identity, url, url_key, host, source, first_seen_at, state, article_id) "
        "SELECT 'https://h' || n % 5000 || '.org/rss', 'i' || n, 'https://h' || n % 5000 || '.org/e' || n, 'e' || n, "
        "  'h' || n % 5000 || '.org', 's' || (n % 500 + 1), '2026-11-20T10:00:00Z', "
        "  CASE WHEN n % 4 = 0 THEN 'pending' ELSE 'fetched' END, NULL "
        "FROM generate_series(1, 40000) n"
    )
    run(
        "INSERT INTO fetches (at, url, host, status, bytes, ms, conditional, outcome) "
        "SELECT '2026-11-20T10:00:00Z', 'u', 'h', 200, 1, 1, 1, 'new' FROM generate_series(1, 20000)"
    )
    run("INSERT INTO holders (worker, host, pid, command, shares, until) VALUES ('w', 'h', 1, 'run', true, 'infinity')")
    run("ANALYZE")


@pytest.mark.parametrize("parts", [None, frozenset(range(0, 256, 4))])
def test_no_query_of_a_worker_reads_a_large_table_as_a_whole(
    store: Writer, monkeypatch: pytest.MonkeyPatch, parts: frozenset[int] | None
) -> None:
    sent: list[str] = []
    real = PostgresConnection._send

    def recorded(self: PostgresConnection, text: str) -> Any:
        sent.append(text)
        return real(self, text)

    assert isinstance(store.db, PostgresDatabase)
    store.db.worker = None if parts is None else SimpleNamespace(id=HOLDER, parts=parts, all_parts=parts)
    monkeypatch.setattr(PostgresConnection, "_send", recorded)
    until = NOW + timedelta(minutes=10)
    sources = [f"s{n}" for n in range(1, 501)]
    assert store.anything_due(NOW)
    assert store.lease_feeds(now=NOW, until=until, limit=64, due_only=True, sources=sources, done=["x"], per_host=1)
    leased = store.lease_entries(now=NOW, until=until, limit=64, per_host=3, sources=sources, ignore_retry=False)
    assert len(leased) == 64
    store.lease_rechecks(now=NOW, until=until, limit=20, sources=sources, busy={}, per_host=1)
    store.lease_urgent(now=NOW, until=until)
    store.lease_steps(now=NOW, limit=5, sources=sources, backfill=False, per_host=1)
    store.housekeep(now=NOW, in_flight=[leased[0].id], give_up_gaps=timedelta(days=7))
    listed = FeedEntry(identity="new", url="https://h1.org/new", url_key="new", host="h1.org", title="New")
    with store.transaction():
        check = FeedCheck(feed_url="https://h1.org/rss", at=NOW, outcome="changed", listed=(listed,), due_at=until)
        store.apply_check(check, "s1")
        store.articles_at((Address(url_key="k5", url="https://h5.org/5", kind="final"),))
        store.articles_with_text("s1", "h77")
        store.duplicate_candidates([5, 6, 7], NOW, "s1")
        url = f"https://h1.org/new-{parts is None}"
        article = Article(url=url, source="s1", title="New", text="words", content_hash="n")
        address = Address(url_key=url, url=url, kind="final")
        store.apply_verdict(
            NewArticle(
                at=NOW,
                entry_ids=(leased[0].id,),
                source="s1",
                article=article,
                addresses=(address,),
                fingerprints=(9, 8),
            )
        )
        store.insert_fetches(
            [FetchLogEntry(at=NOW, url="u", host="h", status=200, bytes=1, ms=1, conditional=False, outcome="new")]
        )
    list(store.changes(store.last_seq() - 5))
    list(store.search("title 77", Filter(limit=20)))
    list(store.articles(Filter(limit=20)))
    monkeypatch.undo()
    store.release_leases()
    store.db.worker = None
    whole = [
        (statement, line)
        for text in dict.fromkeys(sent)
        for statement in text.split("; ")
        if statement.startswith(("SELECT", "WITH", "UPDATE", "DELETE"))
        for (line,) in store.db.conn.execute(f"EXPLAIN {statement}")
        if any(f"Seq Scan on {table}" in line for table in LARGE)
    ]
    assert not whole, "\n".join(f"{line.strip()}: {statement}" for statement, line in whole)
