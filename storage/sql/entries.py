"""The entries table: which listed entries are new, changed, or never fetched.

Functions over one writing connection; each runs inside a transaction of the caller (storage.writer).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from storage.engine import Database
from storage.records import FeedCheck, FeedEntry, json_list
from storage.sql.new_entries import NO_URL, NewEntries, rejection_reason, was_pruned
from storage.sql.rows import dicts

MAX_UNLINKED = 2_000  # the most entries without an address stored for one feed; with an address there is no limit
_LETTERS = re.compile(r"[^\W_]{1,100}")
_REFERENCE = re.compile(r"&?[A-Za-z]{0,31};|&[A-Za-z]{1,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCounts:
    """What a FeedCheck changed; `refused` counts the new entries that are never fetched, by reason."""

    new: int = 0
    changed: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    capped: int = 0  # entries that were not stored: see MAX_UNLINKED
    unlinked: tuple[tuple[int, FeedEntry], ...] = ()  # new and changed entries that are an article of their own, by id


@dataclass(frozen=True, slots=True)
class _Stored:
    """An entry's row, as far as the next poll needs it."""

    id: int
    identity: str
    url: str | None
    url_key: str
    title: str | None
    published_raw: str | None
    fingerprint: str
    state: str
    reason: str | None
    backfill: int
    article_id: int | None


def known_entries(db: Database, feed_url: str, listed: Sequence[FeedEntry]) -> set[str]:
    """The identities of listed entries that the feed has listed before; one with a new guid is known by its address."""
    keys = {row.url_key for row in _rows(db, feed_url, "url_key", {e.url_key for e in listed} - {""})}
    stored = _stored_entries(db, feed_url, listed)
    return {e.identity for e in listed if e.identity in stored or e.url_key in keys}


def upsert_entries(db: Database, check: FeedCheck, source: str | None) -> CheckCounts:
    """Write the new and changed entries of one poll."""
    new = changed = capped = 0
    refused: Counter[str] = Counter()
    unlinked: list[tuple[int, FeedEntry]] = []
    stored = _stored_entries(db, check.feed_url, check.listed)
    room: int | None = None  # for entries without an address; counted on first use
    added = NewEntries(db, feed_url=check.feed_url, source=source, at=check.at, found_by=check.found_by)
    added.look_up([listed for listed in check.listed if listed.identity not in stored])
    for listed in check.listed:
        row = stored.get(listed.identity)
        entry_id = row.id if row else None
        if row is not None and listed.url is None and row.article_id and row.url and row.identity == listed.identity:
            listed = replace(listed, url=row.url, url_key=row.url_key, article=None)  # noqa: PLW2901 - it had a link
        if row is None and not listed.url_key:
            room = room if room is not None else MAX_UNLINKED - _unlinked(db, check.feed_url)
            if room <= 0:
                capped += 1
                continue
            room -= 1
        if row is None:
            entry_id = added.add(listed)
            refused.update(filter(None, [rejection_reason(listed)]))
        # first found by a backfill, which the daemon leaves alone; now it is listed as news
        elif row.backfill and row.state != "fetched":
            db.conn.execute("UPDATE entries SET backfill = 0, found_by = ? WHERE id = ?", (check.found_by, row.id))
            new += 1
        elif row.fingerprint == listed.fingerprint and (row.url is None) == (listed.url is None):
            continue
        else:
            edited = _is_edited(row, listed)
            _update_entry(db, row, listed, edited=edited)
            changed += edited
        if entry_id is not None and listed.article is not None:
            unlinked.append((entry_id, listed))
    new += added.write()
    return CheckCounts(new=new, changed=changed, refused=refused, capped=capped, unlinked=tuple(unlinked))


def _stored_entries(db: Database, feed_url: str, listed: Sequence[FeedEntry]) -> dict[str, _Stored]:
    """The rows of listed entries by the entries' identities; each row is of one entry.

    An entry is found by its identity, else by one that it had in another poll or an earlier version, if its title is
    the same, else by its address, if its guid alone is new.
    """
    names = {name for e in listed for name in (e.identity, *e.other_identities)}
    by_name = {row.identity: row for row in _rows(db, feed_url, "identity", names)}
    found: dict[str, _Stored] = {}
    taken: set[int] = set()

    def take(e: FeedEntry, row: _Stored | None) -> None:
        if row is not None and e.identity not in found and row.id not in taken:
            found[e.identity] = row
            taken.add(row.id)

    for e in listed:
        row = by_name.get(e.identity)
        if row is not None and not _is_another(row, e):
            take(e, row)
    for same in (lambda row, e: row.title == e.title, _is_read_anew):
        for e in (e for e in listed if e.identity not in found):
            rows = (by_name.get(name) for name in e.other_identities)
            take(e, next((row for row in rows if row is not None and row.id not in taken and same(row, e)), None))
    for e, row in _renamed(db, feed_url, listed, set(found)):
        take(e, row)
    return found


def _is_another(row: _Stored, listed: FeedEntry) -> bool:
    """Whether a row with the identity of a listed entry is of another one: its title and its link both differ.

    Measured: outlets restart their numbering at 1; pages of briefs have one address, and an anchor for each.
    """
    if (
        not listed.url_key
        or row.title == listed.title
        or _address(row.url_key, row.url) == _address(listed.url_key, listed.url)
    ):
        return False
    return not _is_read_anew(row, listed)


def _address(url_key: str, url: str | None) -> tuple[str, str]:
    return url_key, (url or "").partition("#")[2]


def _is_read_anew(row: _Stored, listed: FeedEntry) -> bool:
    """Whether two titles that differ may be two readings of the same bytes, by another version of the parsers."""
    if _same_reading(row, listed):
        return False
    old, new = row.title or "", listed.title or ""
    return _words(old) == _words(new) or any(
        old.encode(charset, "ignore") == new.encode("utf-8", "ignore") for charset in ("cp1251", "cp1252", "latin-1")
    )


def _words(title: str) -> str:
    """A title without the references and signs that readings of it differ in."""
    return "".join(_LETTERS.findall(_REFERENCE.sub("", title))).lower()


def _same_reading(row: _Stored, listed: FeedEntry) -> bool:
    """Whether both were read by the same version of the feed parsers; see crawler.feeds.parsed_feed.READING."""
    return _reading(row.fingerprint) == _reading(listed.fingerprint)


def _reading(fingerprint: str) -> str:
    version, colon, _ = fingerprint.partition(":")
    return version if colon and version.isdigit() else ""


def _is_edited(row: _Stored, listed: FeedEntry) -> bool:
    """Whether a feed changed an entry whose fingerprint differs; with another version of the parsers, it may not have.

    Then the date and the words of the title decide.
    """
    if _same_reading(row, listed):
        return row.fingerprint != listed.fingerprint or row.url is None
    return row.published_raw != listed.published_raw or not _is_read_anew(row, listed)


def _renamed(
    db: Database, feed_url: str, listed: Sequence[FeedEntry], known: set[str]
) -> list[tuple[FeedEntry, _Stored]]:
    """Entries with new guids that are known by their address, or without one by their fingerprint.

    If more than half of a feed's guids are new while their links and titles are known, the feed changes its guids at
    each poll, and every poll would be stored anew. A page that always shows the latest bulletin is no such case: it has
    a new title with each guid.
    """
    places = Counter(e.url_key or e.fingerprint for e in listed)
    unknown = [e for e in listed if e.identity not in known and places[e.url_key or e.fingerprint] == 1]
    if 2 * len(unknown) <= len(listed):
        return []
    rows = _rows(db, feed_url, "url_key", {e.url_key for e in unknown} - {""})
    if prints := {e.fingerprint for e in unknown if not e.url_key}:
        rows += [row for row in _rows(db, feed_url, "fingerprint", prints) if not row.url_key]
    stored = {(row.url_key, row.title or row.fingerprint): row for row in rows}
    moved = [(e, row) for e in unknown if (row := stored.get((e.url_key, e.title or e.fingerprint))) is not None]
    return moved if 2 * len(moved) > len(listed) else []


def _rows(db: Database, feed_url: str, column: str, values: set[str]) -> list[_Stored]:
    """A feed's entries with one of these values in a column, oldest last."""
    rows = db.conn.execute(
        "SELECT id, identity, url, url_key, title, published_raw, fingerprint, state, reason, backfill, "
        "  article_id "
        "FROM entries "
        f"WHERE feed_url = ? AND {column} IN (SELECT value FROM json_each(?)) "
        "ORDER BY id DESC",
        (feed_url, json.dumps(list(values))),
    )
    return [_Stored(*row) for row in rows]


def _unlinked(db: Database, feed_url: str) -> int:
    """The number of stored entries of a feed without an address."""
    # The concatenation keeps the query planner from the index on url_key, where such entries of all feeds have the same key.
    sql = "SELECT count(*) FROM entries WHERE feed_url = ? AND (url_key || '') = ''"
    return int(db.conn.execute(sql, (feed_url,)).fetchone()[0])


def entry(db: Database, entry_id: int) -> dict[str, Any] | None:
    """An entry's row."""
    found = dicts(db, "SELECT * FROM entries WHERE id = ?", (entry_id,))
    return found[0] if found else None


def backfill_urls(db: Database) -> list[str]:
    """The addresses of entries found by backfills, one for each url key."""
    rows = db.conn.execute("SELECT min(url) FROM entries WHERE backfill = 1 AND url_key <> '' GROUP BY url_key")
    return [row[0] for row in rows]


def _update_entry(db: Database, row: _Stored, listed: FeedEntry, *, edited: bool) -> None:
    """Update an entry, and make its article pending again if its feed changed it.

    What only another version of the parsers reads in the same bytes is not requested again, unless it is an address
    that gave no article. Of several entries at one address, one is requested.
    """
    moved = row.url_key != listed.url_key and row.state in {"rejected", "gone", "retry"}
    pending = (
        listed.url is not None
        and (edited or moved)
        and row.state != "leased"
        and not was_pruned(db, listed.url_key)
        and not _is_pending(db, row.id, listed.url_key)
    )
    state, reason = ("pending", None) if pending else (row.state, row.reason)
    if listed.url is None and row.url is not None and listed.article is None:  # its address was none
        state, reason = "rejected", NO_URL
    new_state = state != row.state
    db.conn.execute(
        "UPDATE entries "
        "SET url = ?, title = ?, authors = ?, published_at = ?, published_raw = ?, summary = ?, content = ?, "
        "  fingerprint = ?, tags = ?, url_key = ?, host = ?, state = ?, reason = ?, "
        "  attempts = CASE WHEN ? THEN 0 ELSE attempts END, retry_at = CASE WHEN ? THEN NULL ELSE retry_at END "
        "WHERE id = ?",
        (
            listed.url, listed.title, json_list(listed.authors), listed.published_at, listed.published_raw,
            listed.summary, listed.content, listed.fingerprint, json_list(listed.tags), listed.url_key, listed.host,
            state, reason, new_state, new_state, row.id,
        ),
    )  # fmt: skip


def _is_pending(db: Database, entry_id: int, url_key: str) -> bool:
    """Whether another entry at the same address is pending: its request serves both."""
    sql = "SELECT 1 FROM entries WHERE url_key = ? AND id <> ? AND state = 'pending' AND url IS NOT NULL"
    return db.conn.execute(sql, (url_key, entry_id)).fetchone() is not None


def pending_articles(db: Database, feed_url: str) -> dict[str, int]:
    """The ids of a feed's entries without an address that are not stored as articles yet, by identity."""
    sql = "SELECT identity, id FROM entries WHERE feed_url = ? AND (url_key || '') = '' AND state = 'pending' AND url IS NULL"
    return dict(db.conn.execute(sql, (feed_url,)).fetchall())


def reject_pruned(db: Database, entry_id: int) -> None:
    """Complete an entry whose article was deleted by `prune`."""
    db.conn.execute("UPDATE entries SET state = 'rejected', reason = 'pruned' WHERE id = ?", (entry_id,))
