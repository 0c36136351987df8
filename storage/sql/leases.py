"""Leases of entries and rechecks: each has an end, and leases of a dead process are released at once.

Functions over one writing connection; each runs inside a transaction of the caller (storage.writer).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from storage.engine import Database
from storage.records import Entry
from storage.sql.backfill_steps import release_steps
from storage.sql.throttles import throttled_hosts
from storage.utc import format_utc


def release_leases(db: Database, hosts: str = "") -> int:
    """Release all leases of a dead process; called right after taking the lock, or the parts of its hosts.

    `hosts` is a condition on the column host; by default, that it belongs to this process.
    """
    mine = hosts or db.leased_by_this_worker("host")
    feeds = db.conn.execute(f"UPDATE feeds SET leased_until = NULL WHERE leased_until IS NOT NULL AND {mine}").rowcount
    entries = db.conn.execute(
        f"UPDATE entries SET state = 'pending', leased_until = NULL WHERE state = 'leased' AND {mine}"
    ).rowcount
    if mine == "true":  # else they end by themselves: an article's row has no host
        db.conn.execute("UPDATE articles SET recheck_leased_until = NULL WHERE recheck_leased_until IS NOT NULL")
    release_steps(db, mine)
    return int(feeds) + int(entries)


def release_unrequested(db: Database, *, entries: Sequence[int], feeds: Sequence[str], steps: Sequence[int]) -> None:
    """Release leases of this process that led to no request."""
    mine = db.leased_by_this_worker("host")
    db.conn.executemany(
        "UPDATE entries SET state = 'pending', leased_until = NULL "
        f"WHERE id = ? AND state = 'leased' AND leased_until IS NOT NULL AND {mine}",
        [(entry_id,) for entry_id in entries],
    )
    db.conn.executemany(f"UPDATE feeds SET leased_until = NULL WHERE url = ? AND {mine}", [(url,) for url in feeds])
    db.conn.executemany(
        f"UPDATE backfill_steps SET state = 'pending' WHERE id = ? AND state = 'leased' AND {mine}",
        [(step_id,) for step_id in steps],
    )


def _when(alias: str) -> str:
    return f"coalesce({alias}.published_at, {alias}.first_seen_at)"


def _open(alias: str) -> str:
    """Entries that are pending now or later: the condition of the partial index entries_next, word for word."""
    return f"({alias}.state = 'pending' OR ({alias}.state IN ('retry', 'gone') AND {alias}.retry_at IS NOT NULL))"


def _due(alias: str) -> str:
    """Entries that may be fetched now."""
    return (
        f"({alias}.state = 'pending' "
        f"  OR ({alias}.state = 'retry' AND ({alias}.retry_at <= :now OR :all)) "
        f"  OR ({alias}.state = 'gone' AND {alias}.retry_at <= :now)) "
        f"AND ({alias}.not_before IS NULL OR {alias}.not_before <= :now) "
        f"AND {alias}.url IS NOT NULL"
    )


# Not if another feed's entry of the same article is leased, or waits for its retry.
_LEASABLE = (
    f"{_open('e')} "
    f"AND {_due('e')} "
    "AND NOT EXISTS ("
    "  SELECT 1 FROM entries o "
    "  WHERE o.url_key = e.url_key "
    "    AND o.url_key <> '' "
    "    AND o.id <> e.id "
    "    AND (o.state = 'leased' "
    "      OR (o.state IN ('retry', 'gone') AND (o.not_before > :now OR (o.retry_at > :now AND NOT :all)))))"
)


def _selected(alias: str, given: Collection[str]) -> str:
    """The conditions of the given arguments of lease_entries: sources, skip, skip_keys, and throttled hosts."""
    conditions = {
        "throttled": f"{alias}.host NOT IN (SELECT value FROM json_each(:throttled))",
        "sources": f"{alias}.source IN (SELECT value FROM json_each(:sources))",
        "skip_keys": f"({alias}.url_key = '' OR {alias}.url_key NOT IN (SELECT value FROM json_each(:skip_keys)))",
        "skip": f"{alias}.id NOT IN (SELECT CAST(value AS BIGINT) FROM json_each(:skip))",
    }
    return " AND ".join([f"{alias}.backfill = :backfill", *(conditions[name] for name in conditions if name in given)])


def _leasable(given: Collection[str]) -> str:
    """Entries that may be leased, one per article: of entries with one url key only the first is fetched.

    The others are completed with it.
    """
    return (
        f"{_LEASABLE} "
        f"AND {_selected('e', given)} "
        "AND (e.url_key = '' OR NOT EXISTS ("
        "  SELECT 1 FROM entries o "
        "  WHERE o.url_key = e.url_key "
        "    AND o.id < e.id "
        f"    AND {_due('o')} "
        f"    AND {_selected('o', given)}))"
    )


# Each of the following selects (id, host_rank, host): a host's entries are leased in the order of host_rank.
_ONLY = (
    "SELECT e.id, 1 AS host_rank, e.host "
    "FROM entries e "
    "WHERE e.state = 'pending' AND e.id IN (SELECT CAST(value AS BIGINT) FROM json_each(:only))"
)


def _newest_of_each_source(where: str) -> str:
    """The newest entries of each source, on any host."""
    return (
        "SELECT id, row_number() OVER (PARTITION BY host ORDER BY at, id) AS host_rank, host "
        "FROM ("
        f"  SELECT e.id, e.host, {_when('e')} AS at, "
        f"    row_number() OVER (PARTITION BY e.source ORDER BY {_when('e')} DESC, e.id) AS source_rank "
        "  FROM entries e "
        f"  WHERE {where}) AS ranked "
        "WHERE source_rank <= :newest"
    )


def _chosen_entries(chosen: str, tables: str = "") -> str:
    """The rows of chosen entries, as far as their hosts have free slots; `tables` are common table expressions."""
    return (
        f"WITH RECURSIVE {tables} "
        f"chosen AS MATERIALIZED ({chosen}), "
        "room AS (SELECT host, count(*) AS taken FROM entries WHERE state = 'leased' GROUP BY host) "
        f"SELECT {', '.join(_ENTRY_COLUMNS)} "
        "FROM chosen c "
        "CROSS JOIN entries e "
        "LEFT JOIN room r ON r.host = c.host "
        "LEFT JOIN articles a ON a.id = e.article_id "
        "WHERE e.id = c.id AND c.host_rank + coalesce(r.taken, 0) <= :per_host "
        f"ORDER BY c.host_rank, {_when('e')} "
        "LIMIT :limit"
    )


def lease_entries(
    db: Database,
    *,
    now: datetime,
    until: datetime,
    limit: int,
    per_host: int,
    sources: Sequence[str] | None,
    ignore_retry: bool,
    newest: int | None = None,
    only: Sequence[int] = (),
    skip: Sequence[int] = (),
    skip_keys: Sequence[str] = (),
    backfill: bool = False,
) -> list[Entry]:
    """Lease up to `limit` pending entries, at most `per_host` of one host.

    Oldest first, so that the article of a story that is stored first is more likely the one published first.

    `per_host` includes existing leases, so that a slow host does not occupy all slots. `sources` None means all.
    `ignore_retry` includes entries whose retry is not due yet, as `crawl` without --due does. `newest` leases only the
    N newest of each source that were never fetched, `only` only these ids, of any source. `skip` leaves out these ids,
    `skip_keys` other entries with these url keys: a run fetches each entry once. `backfill` leases only entries found
    by the command `backfill`, the others are leased without it.
    """
    lists = {
        "throttled": list(throttled_hosts(db, now)) or None,
        "sources": sources,
        "skip": skip or None,
        "skip_keys": skip_keys or None,
    }
    where = _leasable([name for name, values in lists.items() if values is not None])
    tables, chosen = "", _newest_of_each_source(f"{where} AND {db.of_this_worker('e.host')}")
    if newest is None:
        tables, oldest = db.oldest_of_each_host(pending=_open("e"), leasable=where)
        rank = f"row_number() OVER (PARTITION BY x.host ORDER BY {_when('x')}, x.id) AS host_rank"
        chosen = f"SELECT x.id, {rank}, x.host {oldest}"
    values: dict[str, Any] = {name: json.dumps(list(values or ())) for name, values in lists.items()}
    values.update(
        now=format_utc(now), all=ignore_retry, per_host=per_host, newest=newest, limit=limit, backfill=int(backfill)
    )
    if only:
        tables, chosen = "", _ONLY
        values.update(only=json.dumps(list(only)), per_host=10**9)
    rows = db.conn.execute(_chosen_entries(chosen, tables), values).fetchall()
    db.conn.executemany(
        "UPDATE entries SET state = 'leased', leased_until = ? WHERE id = ?",
        [(format_utc(until), row[0]) for row in rows],
    )
    return [_entry(row) for row in rows]


_ENTRY_FIELDS = (
    "id", "feed_url", "source", "url", "url_key", "title", "authors", "published_at", "published_raw", "summary",
    "content", "tags", "language", "image_url", "attempts", "verdict", "reason", "first_seen_at", "found_by",
    "article_id", "backfill",
)  # fmt: skip


_ENTRY_COLUMNS = (*(f"e.{name}" for name in _ENTRY_FIELDS), "a.first_seen_at", "a.etag", "a.last_modified")


def _entry(row: Sequence[Any]) -> Entry:
    found = dict(zip((*_ENTRY_FIELDS, "article_seen_at", "etag", "last_modified"), row, strict=True))
    found["backfill"] = bool(found["backfill"])
    found["authors"], found["tags"] = tuple(json.loads(found["authors"])), tuple(json.loads(found["tags"]))
    return Entry(**found)


def entry_of(db: Database, article_id: int) -> Entry | None:
    """A stored article's feed entry, the earliest with a title; None if it was never listed."""
    row = db.conn.execute(
        f"SELECT {', '.join(_ENTRY_COLUMNS)} "
        "FROM entries e "
        "LEFT JOIN articles a ON a.id = e.article_id "
        "WHERE e.article_id = ? "
        "ORDER BY e.title IS NULL, e.found_by = 'user', e.id "
        "LIMIT 1",
        (article_id,),
    ).fetchone()
    return _entry(row) if row else None


def lease_rechecks(
    db: Database,
    *,
    now: datetime,
    until: datetime,
    limit: int,
    sources: Sequence[str] | None,
    busy: Mapping[str, int],
    per_host: int,
) -> list[Entry]:
    """Lease stored articles whose recheck is due, as entries without a row of their own (id 0).

    They come after new entries of their host.

    Args:
        db: the writing connection.
        now: the clock.
        until: when the lease expires.
        limit: the most articles.
        sources: only these; None for all.
        busy: host -> requests in flight.
        per_host: the most requests of one host, including those in flight.
    """
    where = (
        "a.recheck_at <= :now "
        "AND (a.recheck_leased_until IS NULL OR a.recheck_leased_until < :now) "
        "AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.article_id = a.id AND e.state = 'leased')"
    )
    if sources is not None:
        where += " AND a.source IN (SELECT value FROM json_each(:sources))"
    rows = db.conn.execute(
        "SELECT a.id, a.source, a.url, a.etag, a.last_modified, a.first_seen_at, a.first_not_found_at, "
        "  (SELECT max(p.at) FROM posts p WHERE p.article_id = a.id AND p.removed IS NULL) "
        "FROM articles a "
        f"WHERE {where} "
        "ORDER BY a.recheck_at "
        "LIMIT :limit",
        {"now": format_utc(now), "sources": json.dumps(list(sources or ())), "limit": 100 * limit},
    ).fetchall()
    counts = {**busy, **dict.fromkeys(throttled_hosts(db, now), per_host)}
    chosen: list[Any] = []
    for row in rows:
        host = urlsplit(row[2]).hostname or ""
        if counts.get(host, 0) < per_host and len(chosen) < limit and db.owns(host):
            counts[host] = counts.get(host, 0) + 1
            chosen.append(row)
    rows = chosen
    db.conn.executemany(
        "UPDATE articles SET recheck_leased_until = ? WHERE id = ?", [(format_utc(until), row[0]) for row in rows]
    )
    return [_recheck(db, row) for row in rows]


def _recheck(db: Database, row: Sequence[Any]) -> Entry:
    """A stored article as an entry without a row of its own, with the fields that only its feed supplied."""
    article_id, source, url, etag, last_modified, seen_at, first_not_found_at, newest_post_at = row
    said = entry_of(db, article_id) or Entry(id=0, feed_url="", source=source, url=url, url_key="")
    return replace(
        said,
        id=0,
        feed_url="",
        source=source,
        url=url,
        url_key="",
        article_id=article_id,
        etag=etag,
        last_modified=last_modified,
        article_seen_at=seen_at,
        newest_post_at=newest_post_at,
        verdict="gone" if first_not_found_at else None,
        attempts=1 if first_not_found_at else 0,
        reason=None,
        found_by="feed",
        backfill=False,
    )


def return_expired(db: Database, *, now: datetime, in_flight: Sequence[int]) -> int:
    """Release expired leases that are not in flight: their result could not be written."""
    rows = db.conn.execute(
        "UPDATE entries "
        "SET state = 'pending', leased_until = NULL "
        "WHERE state = 'leased' AND leased_until < ? "
        "  AND id NOT IN (SELECT CAST(value AS BIGINT) FROM json_each(?)) "
        f"  AND {db.leased_by_this_worker('host')}",
        (format_utc(now), json.dumps(list(in_flight))),
    )
    return int(rows.rowcount)


def has_due_work(db: Database, *, now: datetime) -> bool:
    """Whether a feed, an entry or a step is due, according to the indexes alone."""
    feed = (
        "SELECT 1 FROM feeds f "
        "JOIN sources s ON s.id = f.source AND s.enabled = 1 "
        "WHERE f.state = 'active' "
        "  AND (f.leased_until IS NULL OR f.leased_until < :now) "
        "  AND (f.not_before IS NULL OR f.not_before <= :now) "
        f"  AND {db.of_this_worker('f.host')}"
    )
    mine = db.of_this_worker("host")
    questions = (
        f"{feed} AND f.due_at <= :now",
        f"{feed} AND f.due_at IS NULL",
        (
            "SELECT 1 FROM entries "
            f"WHERE state = 'pending' AND backfill = 0 AND (not_before IS NULL OR not_before <= :now) AND {mine}"
        ),
        f"SELECT 1 FROM entries WHERE retry_at <= :now AND backfill = 0 AND state IN ('retry', 'gone') AND {mine}",
        (
            "SELECT 1 FROM backfill_steps "
            f"WHERE state = 'pending' AND gap_id IS NOT NULL AND (retry_at IS NULL OR retry_at <= :now) AND {mine}"
        ),
    )
    return any(db.conn.execute(f"{question} LIMIT 1", {"now": format_utc(now)}).fetchone() for question in questions)


def count_pending(db: Database, *, now: datetime, sources: Sequence[str] | None, ignore_retry: bool) -> int:
    """The number of entries that could be leased now."""
    where = f"{_LEASABLE} AND e.backfill = 0" + (
        " AND e.source IN (SELECT value FROM json_each(:sources))" if sources is not None else ""
    )
    row = db.conn.execute(
        f"SELECT count(*) FROM entries e WHERE {where}",
        {"now": format_utc(now), "all": ignore_retry, "sources": json.dumps(list(sources or ()))},
    ).fetchone()
    return int(row[0])


_URGENT = "feed_url = '' AND found_by = 'user' AND state = 'pending'"


def add_urgent_entry(db: Database, *, url: str, url_key: str, host: str, source: str | None, now: datetime) -> int:
    """Queue an address that a user requests: an entry found by the user, pending at once. Returns its id."""
    db.conn.execute(
        "INSERT INTO entries (feed_url, identity, url, url_key, host, source, found_by, first_seen_at) "
        "VALUES ('', ?, ?, ?, ?, ?, 'user', ?) "
        "ON CONFLICT (feed_url, identity) DO UPDATE "
        "SET state = 'pending', reason = NULL, attempts = 0, retry_at = NULL, not_before = NULL, "
        "  leased_until = NULL, url = excluded.url",
        (url, url, url_key, host, source, format_utc(now)),
    )
    return int(db.conn.execute("SELECT id FROM entries WHERE feed_url = '' AND identity = ?", (url,)).fetchone()[0])


def has_urgent(db: Database) -> bool:
    """Whether a user waits for an entry."""
    sql = f"SELECT 1 FROM entries WHERE {_URGENT} AND {db.of_this_worker('host')} LIMIT 1"
    return db.conn.execute(sql).fetchone() is not None


def lease_urgent(db: Database, *, now: datetime, until: datetime) -> list[Entry]:
    """Lease every entry that a user waits for."""
    sql = f"SELECT id FROM entries WHERE {_URGENT} AND {db.of_this_worker('host')}"
    ids = [row[0] for row in db.conn.execute(sql).fetchall()]
    return (
        lease_entries(
            db, now=now, until=until, limit=len(ids), per_host=len(ids), sources=None, ignore_retry=True, only=ids
        )
        if ids
        else []
    )
