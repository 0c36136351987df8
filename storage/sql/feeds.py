"""The feeds table: configured feeds, and the result of a poll: the feed's row, its entries, its child sitemaps.

Functions over one writing connection; each runs inside a transaction of the caller (storage.writer).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

from storage.engine import Database
from storage.records import Feed, FeedCheck, json_list
from storage.sql.entries import CheckCounts, upsert_entries
from storage.sql.feed_rows import feed_columns, feed_from_row
from storage.sql.source_days import count_rejected, watch_day
from storage.utc import format_utc, format_utc_ceil, parse_utc


class SourceRow(Protocol):
    """The fields of a source that the database needs; Source of the configuration has them."""

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
        """BCP 47 language code."""

    @property
    def country(self) -> str:
        """ISO 3166 country code."""

    @property
    def tags(self) -> tuple[str, ...]:
        """The user's tags."""

    @property
    def enabled(self) -> bool:
        """Whether it is crawled."""

    @property
    def feed_urls(self) -> tuple[tuple[str, str], ...]:
        """(kind, address) of each feed."""


def regroup(db: Database, source: str, now: str) -> None:
    """Log a change for each article of a source, as it may match other filters now.

    A cursor with --tag or --country reads them.
    """
    db.conn.execute(
        "INSERT INTO changes (article_id, at, op) SELECT id, ?, 'regrouped' FROM articles WHERE source = ? ORDER BY id",
        (now, source),
    )


def sync_sources(db: Database, sources: Iterable[SourceRow], hosts: dict[str, str], now: str) -> None:
    """Update the sources and feeds tables to match the configuration.

    Feeds that it no longer contains are disabled, never deleted.
    """
    named: set[str] = set()
    ids: list[str] = []
    known = {row[0]: (row[1], row[2]) for row in db.conn.execute("SELECT url, source, state FROM feeds").fetchall()}
    chosen_by = {
        row[0]: (row[1], row[2]) for row in db.conn.execute("SELECT id, tags, country FROM sources").fetchall()
    }
    for s in sources:
        ids.append(s.id)
        if s.id in chosen_by and chosen_by[s.id] != (json_list(s.tags), s.country or None):
            regroup(db, s.id, now)
        db.conn.execute(
            "INSERT INTO sources (id, name, url, language, country, tags, enabled) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE "
            "SET name = excluded.name, url = excluded.url, "
            "  language = excluded.language, country = excluded.country, tags = excluded.tags, "
            "  enabled = excluded.enabled",
            (s.id, s.name, s.url or None, s.language or None, s.country or None, json_list(s.tags), int(s.enabled)),
        )
        for kind, url in s.feed_urls:
            if url in named:  # a feed of two sources belongs to the first
                continue
            named.add(url)
            stored = known.get(url)
            if stored is None:
                db.conn.execute(
                    "INSERT INTO feeds (url, source, kind, host) VALUES (?, ?, ?, ?)",
                    (url, s.id, kind, hosts.get(url, "")),
                )
            elif stored != (s.id, "active"):
                _adopt(db, url, s.id, revived=stored[1] == "disabled")
    db.conn.execute(
        "UPDATE sources SET enabled = 0 WHERE id NOT IN (SELECT value FROM json_each(?))", (json.dumps(ids),)
    )
    watched = [
        row[0] for row in db.conn.execute("SELECT url FROM feeds WHERE parent_url IS NULL AND state <> 'disabled'")
    ]
    db.conn.executemany(
        "UPDATE feeds SET state = 'disabled' WHERE url = ? OR parent_url = ?",
        [(url, url) for url in watched if url not in named],
    )


def _adopt(db: Database, url: str, source: str, *, revived: bool) -> None:
    """Move a known feed to another source, or enable it again, with its child sitemaps and entries."""
    db.conn.execute(
        "UPDATE feeds SET source = ?, state = CASE state WHEN 'disabled' THEN 'active' ELSE state END WHERE url = ?",
        (source, url),
    )
    if revived:  # so that its next response is read in full, and its child sitemaps are found again
        db.conn.execute("UPDATE feeds SET etag = NULL, last_modified = NULL, body_hash = NULL WHERE url = ?", (url,))
    db.conn.execute(
        "UPDATE feeds SET source = ? WHERE parent_url = ? AND source IS DISTINCT FROM ?", (source, url, source)
    )
    db.conn.execute(
        "UPDATE entries "
        "SET source = ? "
        "WHERE source IS DISTINCT FROM ? AND feed_url IN (SELECT url FROM feeds WHERE url = ? OR parent_url = ?)",
        (source, source, url, url),
    )


def last_poll_at(db: Database) -> datetime | None:
    """When a feed was last polled, by the clock of that time."""
    found = db.conn.execute("SELECT max(checked_at) FROM feeds").fetchone()[0]
    return parse_utc(found) if found else None


def set_archive(db: Database, url: str, archive_url: str, kind: str) -> None:
    """Set the address that lists a feed's older entries."""
    db.conn.execute("UPDATE feeds SET archive_url = ?, kind = ? WHERE url = ?", (archive_url, kind, url))


def set_replacement(db: Database, url: str, line: str | None, now: datetime) -> None:
    """Store the suggested replacement line for the source list; None if nothing was found."""
    db.conn.execute(
        "UPDATE feeds SET replacement = ?, replacement_searched_at = ? WHERE url = ?", (line, format_utc(now), url)
    )


def feeds_to_replace(db: Database, *, now: datetime, day: timedelta) -> list[Feed]:
    """Feeds that failed for a day, or are gone, and whose replacement was not searched since."""
    rows = db.conn.execute(
        f"SELECT {feed_columns('f')} "
        "FROM feeds f "
        "JOIN sources s ON s.id = f.source "
        "WHERE s.enabled = 1 "
        "  AND f.parent_url IS NULL "
        "  AND f.state <> 'disabled' "
        "  AND (f.state = 'gone' OR f.failing_since <= :since) "
        "  AND (f.replacement_searched_at IS NULL OR f.replacement_searched_at <= :since) "
        "ORDER BY f.replacement_searched_at NULLS FIRST "
        "LIMIT 3",
        {"since": format_utc(now - day)},
    ).fetchall()
    return [feed_from_row(row) for row in rows]


def _success(check: FeedCheck, at: str, *, changed: bool) -> dict[str, Any]:
    """The columns that a successful poll sets; those that it does not know stay."""
    known = {
        "kind": check.kind,
        "interval_seconds": check.interval_seconds,
        "body_hash": check.body_hash,
        "window_size": check.window_size,
        "requested_interval": check.requested_interval,
        "entries_known": check.entries_known,
        "last_body_at": format_utc_ceil(check.last_body_at) if check.last_body_at else None,
        "changed_at": at if changed else None,
    }
    values: dict[str, Any] = {
        "final_url": check.final_url,
        "etag": check.etag,
        "last_modified": check.last_modified,
        "failures": 0,
        "failing_since": None,
        "not_found_count": 0,
        "not_found_since": None,
        "last_success_at": at,
        "rate_model": check.rate_model,
        "replacement": None,
        **{name: value for name, value in known.items() if value is not None},
    }
    if check.window_size is not None:
        values.update(archive_url=check.archive_url, skip_schedule=check.skip_schedule)
    return values


def _store_children(db: Database, check: FeedCheck, source: str | None) -> None:
    """Store the child sitemaps of an index, and disable those that it no longer names."""
    for url in check.children:
        db.conn.execute(
            "INSERT INTO feeds (url, source, kind, host, parent_url) VALUES (?, ?, 'sitemap', ?, ?) "
            "ON CONFLICT (url) DO UPDATE SET state = CASE feeds.state WHEN 'disabled' THEN 'active' ELSE feeds.state END",
            (url, source, urlsplit(url).hostname or "", check.feed_url),
        )
    if check.children:
        db.conn.execute(
            "UPDATE feeds SET state = 'disabled' WHERE parent_url = ? AND url NOT IN (SELECT value FROM json_each(?))",
            (check.feed_url, json.dumps(check.children)),
        )
        # An index may name other sitemaps each time: one that was never polled has no data to lose.
        db.conn.execute(
            "DELETE FROM feeds "
            "WHERE parent_url = ? AND state = 'disabled' AND checked_at IS NULL AND leased_until IS NULL",
            (check.feed_url,),
        )


def apply_check(db: Database, check: FeedCheck, source: str | None) -> CheckCounts:
    """Write the result of a poll: the feed's row, its new and changed entries, its child sitemaps."""
    counts = CheckCounts()
    at = format_utc(check.at)
    if check.outcome == "changed":
        counts = upsert_entries(db, check, source)
        _store_children(db, check, source)
    failed = check.outcome in {"failed", "gone"}
    if source:
        watch_day(db, source, check.at, ok=not failed, new=counts.new)
        for reason, number in counts.refused.items():
            count_rejected(db, source, at, reason, number)
    values: dict[str, Any] = {
        "leased_until": None,
        "checked_at": at,
        "due_at": format_utc_ceil(check.due_at) if check.due_at else None,
        "last_error": check.error,
        "validators_unreliable": int(check.validators_unreliable),
        "not_before": format_utc_ceil(check.not_before) if check.not_before else None,
        "effective_url": check.move.effective_url,
        "moved_to": check.move.to,
        "moved_since": check.move.since,
        "moved_polls": check.move.polls,
    }
    if failed:
        values["state"] = "gone" if check.outcome == "gone" else "active"
    else:
        values.update(_success(check, at, changed=bool(counts.new)))
    assignments = ", ".join(f"{name} = :{name}" for name in values)
    if not failed:
        assignments += ", first_success_at = coalesce(first_success_at, :checked_at)"
    else:
        assignments += ", failures = failures + 1, failing_since = coalesce(failing_since, :checked_at)"
        if check.not_found:
            assignments += (
                ", not_found_count = not_found_count + 1, not_found_since = coalesce(not_found_since, :checked_at)"
            )
    db.conn.execute(f"UPDATE feeds SET {assignments} WHERE url = :url", {**values, "url": check.feed_url})
    return counts
