"""Feeds: what is configured, what is due, and what one poll found: the feed's row, its entries, its child maps.

Functions over one writing connection; each runs inside a transaction that the caller opened (storage.store).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from storage.records import Feed, FeedCheck, Listed, iso

NO_ADDRESS = "the feed gives no address for it"


class SourceLike(Protocol):
    """What the store needs to know of a source; the configuration's Source is one."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def url(self) -> str:
        """Its home page."""

    @property
    def language(self) -> str:
        """BCP 47."""

    @property
    def country(self) -> str:
        """ISO 3166."""

    @property
    def tags(self) -> tuple[str, ...]:
        """The user's tags."""

    @property
    def enabled(self) -> bool:
        """Whether it is crawled."""

    @property
    def feed_urls(self) -> tuple[tuple[str, str], ...]:
        """(kind, address) of all that is polled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCounts:
    """What a FeedCheck changed; `refused` of the new ones cannot be asked for."""

    new: int = 0
    changed: int = 0
    refused: int = 0


def sync_sources(db: Any, sources: Iterable[SourceLike], hosts: dict[str, str]) -> None:
    """Make the sources and feeds tables say what the configuration says; feeds that it no longer names are disabled, never deleted."""
    named: set[str] = set()
    ids: list[str] = []
    for s in sources:
        ids.append(s.id)
        db.conn.execute(
            "INSERT INTO sources (id, name, url, language, country, tags, enabled) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
            "name = excluded.name, url = excluded.url, language = excluded.language, country = excluded.country, tags = excluded.tags, enabled = excluded.enabled",
            (s.id, s.name, s.url or None, s.language or None, s.country or None, _list(s.tags), int(s.enabled)),
        )
        for kind, url in s.feed_urls:
            named.add(url)
            revived = db.conn.execute("SELECT 1 FROM feeds WHERE url = ? AND state = 'disabled'", (url,)).fetchone()
            db.conn.execute(
                "INSERT INTO feeds (url, source, kind, host) VALUES (?, ?, ?, ?) ON CONFLICT (url) DO UPDATE SET source = excluded.source, "
                "state = CASE state WHEN 'disabled' THEN 'active' ELSE state END",
                (url, s.id, kind, hosts.get(url, "")),
            )
            if revived:  # what it lists must be looked at anew, its child maps too
                db.conn.execute(
                    "UPDATE feeds SET etag = NULL, last_modified = NULL, body_hash = NULL WHERE url = ?", (url,)
                )
            db.conn.execute("UPDATE feeds SET source = ? WHERE parent_url = ? AND source IS NOT ?", (s.id, url, s.id))
            db.conn.execute(
                "UPDATE entries SET source = ? WHERE source IS NOT ? AND feed_url IN (SELECT url FROM feeds WHERE url = ? OR parent_url = ?)",
                (s.id, s.id, url, url),
            )
    db.conn.execute(
        "UPDATE sources SET enabled = 0 WHERE id NOT IN (SELECT value FROM json_each(?))", (json.dumps(ids),)
    )
    known = [row[0] for row in db.conn.execute("SELECT url FROM feeds WHERE parent_url IS NULL AND state = 'active'")]
    db.conn.executemany(
        "UPDATE feeds SET state = 'disabled' WHERE url = ? OR parent_url = ?",
        [(url, url) for url in known if url not in named],
    )


def lease_feeds(
    db: Any,
    *,
    now: datetime,
    until: datetime,
    limit: int,
    due_only: bool,
    sources: Sequence[str] | None,
    done: Sequence[str],
    per_host: int = 1000,
) -> list[Feed]:
    """Take up to `limit` feeds that may be asked now. `due_only` False ignores due times, but never a Retry-After (not_before).

    Args:
        db: the writing connection.
        now: the clock.
        until: when the lease ends by itself.
        limit: how many at the most.
        due_only: only feeds whose time has come.
        sources: only these; None for all that are enabled.
        done: feeds that this run has had already.
        per_host: so that one slow host does not fill what is in flight; what is leased of it already counts.
    """
    where = [
        "f.state = 'active'",
        "(f.leased_until IS NULL OR f.leased_until < :now)",
        "(f.not_before IS NULL OR f.not_before <= :now)",
    ]
    where.append("f.url NOT IN (SELECT value FROM json_each(:done))")
    if due_only:
        where.append("(f.due_at IS NULL OR f.due_at <= :now)")
    # A child map that failed is the index's word, not the operator's: it keeps its back-off even where due times are ignored.
    where.append("(f.parent_url IS NULL OR f.failures = 0 OR f.due_at IS NULL OR f.due_at <= :now)")
    where.append("s.enabled = 1" if sources is None else "f.source IN (SELECT value FROM json_each(:sources))")
    columns = ", ".join(f"f.{name}" for name in _FEED_COLUMNS)
    rows = db.conn.execute(
        f"SELECT {columns} FROM (SELECT f.*, row_number() OVER (PARTITION BY f.host ORDER BY f.due_at, f.url) AS host_rank "
        f"FROM feeds f JOIN sources s ON s.id = f.source WHERE {' AND '.join(where)}) f "
        "WHERE host_rank + (SELECT count(*) FROM feeds l WHERE l.host = f.host AND l.leased_until >= :now) <= :per_host "
        "ORDER BY f.due_at, f.url LIMIT :limit",
        {
            "now": iso(now),
            "done": json.dumps(list(done)),
            "sources": json.dumps(list(sources or ())),
            "limit": limit,
            "per_host": per_host,
        },
    ).fetchall()
    feeds = [Feed(**dict(zip(_FEED_COLUMNS, row, strict=True))) for row in rows]
    db.conn.executemany("UPDATE feeds SET leased_until = ? WHERE url = ?", [(iso(until), f.url) for f in feeds])
    return feeds


_FEED_COLUMNS = (
    "url", "source", "kind", "final_url", "etag", "last_modified", "body_hash", "due_at", "not_before", "interval_seconds",
    "checked_at", "changed_at", "failures", "last_error", "state", "parent_url",
)  # fmt: skip


def feed(db: Any, url: str) -> Feed | None:
    """The feed of that address."""
    row = db.conn.execute(f"SELECT {', '.join(_FEED_COLUMNS)} FROM feeds WHERE url = ?", (url,)).fetchone()
    return Feed(**dict(zip(_FEED_COLUMNS, row, strict=True))) if row else None


def apply_check(db: Any, check: FeedCheck, source: str | None) -> CheckCounts:
    """Write what one poll found: the feed's row, its new and changed entries, its child maps."""
    counts = CheckCounts()
    at = iso(check.at)
    if check.outcome == "changed":
        counts = _list_entries(db, check, source)
        for url in check.children:
            db.conn.execute(
                "INSERT INTO feeds (url, source, kind, host, parent_url) VALUES (?, ?, 'sitemap', ?, ?) "
                "ON CONFLICT (url) DO UPDATE SET state = CASE state WHEN 'disabled' THEN 'active' ELSE state END",
                (url, source, urlsplit(url).hostname or "", check.feed_url),
            )
        if check.children:
            db.conn.execute(
                "UPDATE feeds SET state = 'disabled' WHERE parent_url = ? AND url NOT IN (SELECT value FROM json_each(?))",
                (check.feed_url, json.dumps(check.children)),
            )
    failed = check.outcome in {"failed", "gone"}
    db.conn.execute(
        "UPDATE feeds SET leased_until = NULL, checked_at = :at, changed_at = CASE WHEN :new THEN :at ELSE changed_at END, "
        "kind = coalesce(:kind, kind), due_at = :due, not_before = :not_before, interval_seconds = coalesce(:interval, interval_seconds), last_error = :error, "
        "failures = CASE WHEN :failed THEN failures + 1 ELSE 0 END, state = CASE WHEN :outcome = 'gone' THEN 'gone' ELSE state END, "
        "final_url = CASE WHEN :failed THEN final_url ELSE :final END, etag = CASE WHEN :failed THEN etag ELSE :etag END, "
        "last_modified = CASE WHEN :failed THEN last_modified ELSE :modified END, body_hash = CASE WHEN :failed THEN body_hash ELSE coalesce(:hash, body_hash) END "
        "WHERE url = :url",
        {
            "at": at, "new": bool(counts.new), "kind": check.kind, "due": iso(check.due_at) if check.due_at else None,
            "not_before": iso(check.not_before) if check.not_before else None, "interval": check.interval_seconds, "error": check.error, "failed": failed,
            "outcome": check.outcome, "final": check.final_url, "etag": check.etag, "modified": check.last_modified, "hash": check.body_hash, "url": check.feed_url,
        },
    )  # fmt: skip
    if source:
        _count_day(db, source, at, ok=not failed, new=counts.new)
    return counts


def _list_entries(db: Any, check: FeedCheck, source: str | None) -> CheckCounts:
    new = changed = refused = 0
    for listed in check.listed:
        identity = listed.identity
        row = _known(db, check.feed_url, identity)
        if row and row[1] != listed.title and row[2] != listed.url_key and listed.guid and listed.url_key:
            # A guid whose title and link both changed is another article (measured: outlets number from 1 again); both are kept.
            identity = f"{identity} {listed.url_key}"
            row = _known(db, check.feed_url, identity)
        if row is None:
            _insert_entry(db, check, source, listed, identity)
            new += 1
            refused += listed.url is None
        elif row[3] != listed.fingerprint:
            _update_entry(db, row[0], listed, row[4])
            changed += 1
    return CheckCounts(new=new, changed=changed, refused=refused)


def _known(db: Any, feed_url: str, identity: str) -> Any:
    return db.conn.execute(
        "SELECT id, title, url_key, fingerprint, state FROM entries WHERE feed_url = ? AND identity = ?",
        (feed_url, identity),
    ).fetchone()


def _insert_entry(db: Any, check: FeedCheck, source: str | None, listed: Listed, identity: str) -> None:
    held = (
        db.conn.execute(
            "SELECT article_id FROM article_urls WHERE url_key = ? AND kind <> 'canonical'", (listed.url_key,)
        ).fetchone()
        if listed.url_key
        else None
    )
    state, reason = ("fetched", "already held") if held else ("pending", None)
    if not listed.url:
        state, reason = "rejected", NO_ADDRESS
    db.conn.execute(
        "INSERT INTO entries (feed_url, identity, guid, url, title, authors, published_at, published_raw, summary, state, reason, found_by, article_id, "
        "first_seen_at, source, url_key, host, content, fingerprint, tags, language, image_url) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            check.feed_url, identity, listed.guid, listed.url, listed.title, _list(listed.authors), listed.published_at, listed.published_raw,
            listed.summary, state, reason, check.found_by, held[0] if held else None, iso(check.at), source, listed.url_key, listed.host,
            listed.content, listed.fingerprint, _list(listed.tags), listed.language, listed.image_url,
        ),
    )  # fmt: skip


def _update_entry(db: Any, entry_id: int, listed: Listed, state: str) -> None:
    """The feed says something else of an entry that is known: what it says is taken over, and the article is owed again."""
    owed = listed.url and state != "leased"
    db.conn.execute(
        "UPDATE entries SET url = ?, title = ?, authors = ?, published_at = ?, published_raw = ?, summary = ?, content = ?, fingerprint = ?, tags = ?, url_key = ?, host = ?, "
        "state = CASE WHEN ? THEN 'pending' ELSE state END, attempts = CASE WHEN ? THEN 0 ELSE attempts END, retry_at = CASE WHEN ? THEN NULL ELSE retry_at END WHERE id = ?",
        (
            listed.url, listed.title, _list(listed.authors), listed.published_at, listed.published_raw, listed.summary, listed.content,
            listed.fingerprint, _list(listed.tags), listed.url_key, listed.host, owed, owed, owed, entry_id,
        ),
    )  # fmt: skip


def _count_day(db: Any, source: str, at: str, *, ok: bool, new: int) -> None:
    db.conn.execute(
        "INSERT INTO source_days (source, day, polls_ok, polls_failed, entries_new) VALUES (?, ?, ?, ?, ?) ON CONFLICT (source, day) DO UPDATE SET "
        "polls_ok = polls_ok + excluded.polls_ok, polls_failed = polls_failed + excluded.polls_failed, entries_new = entries_new + excluded.entries_new",
        (source, at[:10], int(ok), int(not ok), new),
    )


def _list(values: Iterable[str]) -> str:
    return json.dumps(list(values), ensure_ascii=False)
