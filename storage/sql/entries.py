"""The entries table: which listed entries are new, changed, or never fetched.

Functions over one writing connection; each runs inside a transaction of the caller (storage.writer).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlite_utils.db import Database

from storage.records import FeedCheck, FeedEntry, FoundBy, format_utc, json_list
from storage.sql.rows import dicts

MAX_UNLINKED = 2_000  # the most entries without an address stored for one feed; with an address there is no limit
NO_URL = "the feed gives no address for it"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCounts:
    """What a FeedCheck changed; `refused` counts the new entries that are never fetched, by reason."""

    new: int = 0
    changed: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    capped: int = 0  # entries that were not stored: see MAX_UNLINKED


def known_entries(db: Database, feed_url: str, listed: Sequence[FeedEntry]) -> set[str]:
    """The identities of listed entries that the feed has listed before; one with a new guid is known by its address."""
    rows = db.conn.execute(
        "SELECT identity, url_key "
        "FROM entries "
        "WHERE feed_url = :feed "
        "  AND (identity IN (SELECT value FROM json_each(:ids)) "
        "    OR (url_key IN (SELECT value FROM json_each(:keys)) AND url_key <> ''))",
        {
            "feed": feed_url,
            "ids": json.dumps([e.identity for e in listed]),
            "keys": json.dumps([e.url_key for e in listed]),
        },
    ).fetchall()
    ids, keys = {row[0] for row in rows}, {row[1] for row in rows if row[1]}
    return {e.identity for e in listed if e.identity in ids or e.url_key in keys}


def upsert_entries(db: Database, check: FeedCheck, source: str | None) -> CheckCounts:
    """Write the new and changed entries of one poll."""
    new = changed = capped = 0
    refused: Counter[str] = Counter()
    renamed = _renamed(db, check)
    room: int | None = None  # for entries without an address; counted on first use
    for listed in check.listed:
        identity = renamed.get(listed.identity, listed.identity)
        row = _known(db, check.feed_url, identity)
        if row and row[1] != listed.title and row[2] != listed.url_key and listed.guid and listed.url_key:
            # A guid whose title and link both changed is another article (measured: outlets restart their numbering at
            # 1); both are stored.
            identity = f"{identity} {listed.url_key}"
            row = _known(db, check.feed_url, identity)
        if row is None and not listed.url_key:
            room = room if room is not None else MAX_UNLINKED - _unlinked(db, check.feed_url)
            if room <= 0:
                capped += 1
                continue
            room -= 1
        if row is None:
            insert_entry(
                db,
                feed_url=check.feed_url,
                source=source,
                listed=listed,
                at=check.at,
                found_by=check.found_by,
                identity=identity,
            )
            new += 1
            refused.update(filter(None, [rejection_reason(listed)]))
        # first found by a backfill, which the daemon leaves alone; now it is listed as news
        elif row[5] and row[4] != "fetched":
            db.conn.execute("UPDATE entries SET backfill = 0, found_by = ? WHERE id = ?", (check.found_by, row[0]))
            new += 1
        elif row[3] != listed.fingerprint:
            _update_entry(db, row[0], listed, row[4])
            changed += 1
    return CheckCounts(new=new, changed=changed, refused=refused, capped=capped)


def _renamed(db: Database, check: FeedCheck) -> dict[str, str]:
    """New guids of entries that are known by their address: identity -> stored identity.

    If more than half of a feed's guids are new while their links and titles are known, the feed changes its guids at
    each poll, and every poll would be stored anew. A page that always shows the latest bulletin is no such case: it has
    a new title with each guid.
    """
    ids = {listed.identity for listed in check.listed}
    places = Counter(listed.url_key for listed in check.listed if listed.url_key)
    known = {identity for identity, _, _ in _rows(db, check.feed_url, "identity", ids)}
    unknown = [listed for listed in check.listed if listed.identity not in known and places[listed.url_key] == 1]
    if 2 * len(unknown) <= len(check.listed):
        return {}
    rows = _rows(db, check.feed_url, "url_key", {u.url_key for u in unknown})
    stored = {(key, said): identity for identity, key, said in rows}
    moved = {u.identity: stored[u.url_key, _said(u)] for u in unknown if (u.url_key, _said(u)) in stored}
    return moved if 2 * len(moved) > len(check.listed) else {}


def _said(listed: FeedEntry) -> str:
    return listed.title or listed.fingerprint


def _rows(db: Database, feed_url: str, column: str, values: set[str]) -> list[tuple[str, str, str]]:
    """(identity, url_key, title or fingerprint) of a feed's entries with one of these values in a column.

    Oldest last.
    """
    found: list[tuple[str, str, str]] = db.conn.execute(
        "SELECT identity, url_key, coalesce(title, fingerprint) "
        "FROM entries "
        f"WHERE feed_url = ? AND {column} IN (SELECT value FROM json_each(?)) "
        "ORDER BY id DESC",
        (feed_url, json.dumps(list(values))),
    ).fetchall()
    return found


def _unlinked(db: Database, feed_url: str) -> int:
    """The number of stored entries of a feed without an address."""
    # The plus keeps the query planner from the index on url_key, where such entries of all feeds have the same key.
    sql = "SELECT count(*) FROM entries WHERE feed_url = ? AND +url_key = ''"
    return int(db.conn.execute(sql, (feed_url,)).fetchone()[0])


def rejection_reason(listed: FeedEntry) -> str | None:
    """Why an entry is never fetched; None if it may be."""
    return listed.refused if listed.url else NO_URL


def _known(db: Database, feed_url: str, identity: str) -> Any:
    return db.conn.execute(
        "SELECT id, title, url_key, fingerprint, state, backfill FROM entries WHERE feed_url = ? AND identity = ?",
        (feed_url, identity),
    ).fetchone()


def insert_entry(
    db: Database,
    *,
    feed_url: str,
    source: str | None,
    listed: FeedEntry,
    at: datetime,
    found_by: FoundBy,
    identity: str | None = None,
    backfill: bool = False,
) -> int:
    """Insert an entry, unless it exists; if its article is stored, it is inserted as fetched.

    Returns:
        1 if it was inserted, else 0.
    """
    stored = (
        db.conn.execute(
            "SELECT article_id FROM article_urls WHERE url_key = ? AND kind <> 'canonical'", (listed.url_key,)
        ).fetchone()
        if listed.url_key
        else None
    )
    if found_by == "backfill" and (
        stored
        or db.conn.execute("SELECT 1 FROM entries WHERE url_key = ? AND url_key <> ''", (listed.url_key,)).fetchone()
    ):
        return 0
    state, reason = ("fetched", "already stored") if stored else ("pending", None)
    if not stored and was_pruned(db, listed.url_key):
        state, reason = "rejected", "pruned"
    if why := rejection_reason(listed):
        state, reason = "rejected", why
    added = db.conn.execute(
        "INSERT INTO entries (feed_url, identity, guid, url, title, authors, published_at, published_raw, "
        "  summary, state, reason, found_by, article_id, first_seen_at, source, url_key, host, content, "
        "  fingerprint, tags, language, image_url, backfill) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        (
            feed_url, identity or listed.identity, listed.guid, listed.url, listed.title, json_list(listed.authors),
            listed.published_at, listed.published_raw, listed.summary, state, reason, found_by,
            stored[0] if stored else None, format_utc(at), source, listed.url_key, listed.host,
            None if state == "rejected" else listed.content, listed.fingerprint, json_list(listed.tags),
            listed.language, listed.image_url, int(backfill),
        ),
    )  # fmt: skip
    return int(added.rowcount)


def entry(db: Database, entry_id: int) -> dict[str, Any] | None:
    """An entry's row."""
    found = dicts(db, "SELECT * FROM entries WHERE id = ?", (entry_id,))
    return found[0] if found else None


def backfill_keys(db: Database) -> list[str]:
    """The url keys of entries found by backfills."""
    rows = db.conn.execute("SELECT DISTINCT url_key FROM entries WHERE backfill = 1 AND url_key <> ''")
    return [row[0] for row in rows]


def count_known(db: Database, keys: Sequence[str]) -> int:
    """How many of these url keys are stored as articles or entries."""
    sql = (
        "SELECT EXISTS (SELECT 1 FROM article_urls WHERE url_key = :key) "
        "  OR EXISTS (SELECT 1 FROM entries WHERE url_key = :key)"
    )
    return sum(db.conn.execute(sql, {"key": key}).fetchone()[0] for key in keys)


def was_pruned(db: Database, url_key: str) -> bool:
    """Whether an article with that address was deleted by `prune`."""
    return db.conn.execute("SELECT 1 FROM pruned_urls WHERE url_key = ?", (url_key,)).fetchone() is not None


def _update_entry(db: Database, entry_id: int, listed: FeedEntry, state: str) -> None:
    """Update an entry that its feed changed, and make its article pending again."""
    pending = listed.url and state != "leased" and not was_pruned(db, listed.url_key)
    db.conn.execute(
        "UPDATE entries "
        "SET url = ?, title = ?, authors = ?, published_at = ?, published_raw = ?, summary = ?, content = ?, "
        "  fingerprint = ?, tags = ?, url_key = ?, host = ?, state = CASE WHEN ? THEN 'pending' ELSE state END, "
        "  attempts = CASE WHEN ? THEN 0 ELSE attempts END, retry_at = CASE WHEN ? THEN NULL ELSE retry_at END "
        "WHERE id = ?",
        (
            listed.url, listed.title, json_list(listed.authors), listed.published_at, listed.published_raw,
            listed.summary, listed.content, listed.fingerprint, json_list(listed.tags), listed.url_key, listed.host,
            pending, pending, pending, entry_id,
        ),
    )  # fmt: skip
