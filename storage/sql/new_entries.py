"""Insert the new entries of one listing with few statements: a first sitemap lists 50,000 of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from storage.engine import Database
from storage.records import Entry, FeedEntry, FoundBy, json_list
from storage.utc import format_utc

NO_URL = "the feed gives no address for it"
_COLUMNS = (
    "feed_url", "identity", "guid", "url", "title", "authors", "published_at", "published_raw", "summary", "state",
    "reason", "found_by", "article_id", "first_seen_at", "source", "url_key", "host", "content", "fingerprint", "tags",
    "language", "image_url", "backfill",
)  # fmt: skip
_INSERT = (
    f"INSERT INTO entries ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) ON CONFLICT DO NOTHING"
)


def rejection_reason(listed: FeedEntry) -> str | None:
    """Why an entry is never fetched; None if it may be, or if its text is in the feed."""
    return listed.refused if listed.url or listed.article else NO_URL


def was_pruned(db: Database, url_key: str) -> bool:
    """Whether an article with that address was deleted by `prune`."""
    return db.conn.execute("SELECT 1 FROM pruned_urls WHERE url_key = ?", (url_key,)).fetchone() is not None


def add_brought(db: Database, article_id: int, entry: Entry, host: str, at: datetime) -> None:
    """Record that an article came from an archive or a spider; in a transaction of the caller.

    Args:
        db: a connection.
        article_id: the new article.
        entry: its address, source and found_by.
        host: of its address.
        at: when its page was captured.
    """
    db.conn.execute(
        "INSERT INTO entries ("
        "  feed_url, identity, url, url_key, host, source, found_by, backfill, state, verdict, article_id, first_seen_at) "
        "VALUES ('', ?, ?, ?, ?, ?, ?, ?, 'fetched', 'new', ?, ?) ON CONFLICT DO NOTHING",
        (
            f"{entry.found_by} {entry.url}",
            entry.url,
            entry.url_key,
            host,
            entry.source,
            entry.found_by,
            int(entry.found_by == "archive"),
            article_id,
            format_utc(at),
        ),
    )


class NewEntries:
    """The new entries of one listing of a feed or of a page; those of stored articles are inserted as fetched."""

    def __init__(
        self,
        db: Database,
        *,
        feed_url: str,
        source: str | None,
        at: datetime,
        found_by: FoundBy,
        backfill: bool = False,
    ) -> None:
        self._db = db
        self._feed_url, self._source = feed_url, source
        self._at, self._found_by, self._backfill = format_utc(at), found_by, backfill
        self._rows: list[tuple[Any, ...]] = []
        self._count = 0
        self._taken: set[str] = set()  # identities of the feed
        self._known: set[str] = set()  # url keys of any entry; for a backfill only, which adds none of these
        self._articles: dict[str, int] = {}  # by url key
        self._pruned: set[str] = set()  # url keys

    def look_up(self, listed: Sequence[FeedEntry]) -> None:
        """Look up what is stored of these entries; call it before `add`, with all of them."""
        if not listed:
            return
        keys = json.dumps(list({e.url_key for e in listed} - {""}))
        names = json.dumps(list({name for e in listed for name in _names(e)}))
        among = "IN (SELECT value FROM json_each(?))"
        ask = self._db.conn.execute
        stored = ask(
            f"SELECT url_key, article_id FROM article_urls WHERE url_key {among} AND kind <> 'canonical'", (keys,)
        )
        self._articles = dict(stored.fetchall())
        self._pruned = {row[0] for row in ask(f"SELECT url_key FROM pruned_urls WHERE url_key {among}", (keys,))}
        taken = ask(f"SELECT identity FROM entries WHERE feed_url = ? AND identity {among}", (self._feed_url, names))
        self._taken = {row[0] for row in taken}
        if self._found_by == "backfill":
            self._known = {row[0] for row in ask(f"SELECT url_key FROM entries WHERE url_key {among}", (keys,))}

    def add(self, listed: FeedEntry) -> int | None:
        """Insert an entry, unless it exists; the id of one whose text is in the feed, else None."""
        article_id = self._articles.get(listed.url_key) if listed.url_key else None
        if self._found_by == "backfill":
            if article_id is not None or listed.url_key in self._known:
                return None
            if listed.url_key:
                self._known.add(listed.url_key)
        # its own identity may be taken by another entry: outlets restart their numbering
        names = _names(listed) if self._found_by != "backfill" else (listed.identity,)
        identity = next((name for name in names if name not in self._taken), None)
        if identity is None:
            return None
        self._taken.add(identity)
        row = self._row(listed, identity, article_id)
        if listed.article is None:
            self._rows.append(row)
            return None
        self._flush()
        self._count += 1
        return int(self._db.conn.execute(f"{_INSERT} RETURNING id", row).fetchall()[0][0])

    def write(self) -> int:
        """Insert what was added; returns the number of new entries."""
        self._flush()
        return self._count

    def _flush(self) -> None:
        if self._rows:
            self._count += max(0, self._db.conn.executemany(_INSERT, self._rows).rowcount)
            self._rows.clear()

    def _row(self, listed: FeedEntry, identity: str, article_id: int | None) -> tuple[Any, ...]:
        state, reason = ("pending", None) if article_id is None else ("fetched", "already stored")
        if article_id is None and listed.url_key in self._pruned:
            state, reason = "rejected", "pruned"
        if why := rejection_reason(listed):
            state, reason = "rejected", why
        return (
            self._feed_url, identity, listed.guid, listed.url, listed.title, json_list(listed.authors),
            listed.published_at, listed.published_raw, listed.summary, state, reason, self._found_by, article_id,
            self._at, self._source, listed.url_key, listed.host, None if state == "rejected" else listed.content,
            listed.fingerprint, json_list(listed.tags), listed.language, listed.image_url, int(self._backfill),
        )  # fmt: skip


def _names(listed: FeedEntry) -> Collection[str]:
    """The identities that an entry may be stored under, the first one that is free is taken."""
    return (listed.identity, *listed.other_identities, f"{listed.identity} {listed.url_key}")
