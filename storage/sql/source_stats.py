"""Statistics of sources, feeds, requests and the queue. Reads only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from storage.engine import Database
from storage.sql.gaps import CAPPED
from storage.sql.rows import dicts
from storage.utc import format_utc, parse_utc

USUAL_DAYS = 28  # from which the usual numbers of a source are computed
FORBIDDEN_DAYS = 3  # from which it is decided that robots.txt forbids everything
NEWEST = 20  # articles that show the current state

# The conditions of the partial indexes entries_owed and entries_refused, word for word, so that SQLite uses these.
_PENDING = "state IN ('pending', 'leased', 'retry', 'gone')"
_REJECTED = "state IN ('rejected', 'gone')"


def days(
    db: Database, *, sources: Sequence[str] = (), since: str | None = None, until: str | None = None
) -> list[dict[str, Any]]:
    """The days of sources, oldest first, with the last successful poll of each source (`last_success_at`).

    Args:
        db: a connection.
        sources: only these; all if empty.
        since: the first day, such as 2026-11-22.
        until: the last day.
    """
    cursor = db.conn.execute(
        "SELECT d.*, (SELECT max(f.last_success_at) FROM feeds f WHERE f.source = d.source) AS last_success_at "
        "FROM source_days d "
        "WHERE (:any OR d.source IN (SELECT value FROM json_each(:sources))) "
        "  AND (:since IS NULL OR d.day >= :since) "
        "  AND (:until IS NULL OR d.day <= :until) "
        "ORDER BY d.source, d.day",
        {"any": not sources, "sources": json.dumps(list(sources)), "since": since, "until": until},
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def source_trends(db: Database, now: datetime) -> list[dict[str, Any]]:
    """One row per enabled source: recent articles by first sight, and the shares with author, date and full text.

    The shares are of older and of the newest articles.
    """
    since = format_utc(now - timedelta(days=USUAL_DAYS))
    found = []
    settled = _settled(db, format_utc(now - timedelta(days=FORBIDDEN_DAYS))[:10])
    polled_at = dict(db.conn.execute("SELECT source, max(last_success_at) FROM feeds GROUP BY source").fetchall())
    # One pass over an index that has all these columns; otherwise an archive of a million articles would be read in
    # full.
    of: dict[str, list[Any]] = {}
    for source, *row in db.conn.execute(
        "SELECT source, first_seen_at, authors <> '[]', published_at IS NOT NULL, completeness = 'full', "
        "  word_count "
        "FROM articles "
        "WHERE first_seen_at >= ? "
        "ORDER BY first_seen_at DESC",
        (since,),
    ):
        of.setdefault(source, []).append(row)
    for (source,) in db.conn.execute("SELECT id FROM sources WHERE enabled = 1 ORDER BY id").fetchall():
        rows = of.get(source, [])[:3000]
        polled = polled_at.get(source)
        found.append(
            {
                "source": source,
                "seen": [row[0] for row in rows],
                "last_success_at": polled,
                "fields": {
                    name: _fill([row[i] for row in rows]) for i, name in ((1, "author"), (2, "date"), (3, "full text"))
                },
                "words": _medians([row[4] for row in rows if row[3]]),
                "newest": len(rows[:NEWEST]),
                "newest_in_full": sum(row[3] for row in rows[:NEWEST]) or _of_feeds(db, source),
                "settled": settled.get(source, (0, 0))[0],
                "forbidden": settled.get(source, (0, 0))[1],
                "changed_since": rows[min(len(rows), NEWEST) - 1][0] if rows else None,
            }
        )
    return found


def _of_feeds(db: Database, source: str) -> int:
    """How many of a source's newest articles have no page: their text in the feed is all there is."""
    sql = "SELECT url FROM articles WHERE source = ? ORDER BY first_seen_at DESC LIMIT ?"
    return sum(url.startswith("tag:") for (url,) in db.conn.execute(sql, (source, NEWEST)))


def _settled(db: Database, since: str) -> dict[str, tuple[int, int]]:
    """By source: entries completed in the last days, and those of them that robots.txt forbids."""
    found: dict[str, tuple[int, int]] = {}
    for source, kept, rejected in db.conn.execute(
        "SELECT source, articles + headline_only, rejected FROM source_days WHERE day >= ?", (since,)
    ):
        reasons = json.loads(rejected)
        settled, forbidden = found.get(source, (0, 0))
        found[source] = (settled + kept + sum(reasons.values()), forbidden + reasons.get("disallowed by robots.txt", 0))
    return found


def _fill(values: list[int]) -> tuple[float, float] | None:
    """(share of older articles, share of the newest); None if there are too few."""
    new, old = values[:NEWEST], values[NEWEST:]
    return (sum(old) / len(old), sum(new) / len(new)) if len(old) >= NEWEST else None


def _medians(values: list[int]) -> tuple[float, float] | None:
    new, old = sorted(values[:NEWEST]), sorted(values[NEWEST:])
    return (old[len(old) // 2], new[len(new) // 2]) if len(old) >= NEWEST else None


def request_stats(db: Database, now: datetime) -> dict[str, Any]:
    """Requests of the last day: their number, how many polls were conditional, and how servers responded."""
    since = format_utc(now - timedelta(days=1))
    row = db.conn.execute(
        "SELECT count(*), count(DISTINCT host), "
        "  count(*) FILTER "
        "    (WHERE entries_listed IS NOT NULL OR outcome IN ('not_modified', 'unchanged', 'changed')), "
        "  coalesce(sum(conditional), 0), count(*) FILTER (WHERE status = 304), "
        "  count(*) FILTER (WHERE status IN (429, 503)), coalesce(sum(bytes), 0) "
        "FROM fetches "
        "WHERE at >= ?",
        (since,),
    ).fetchone()
    names = ("requests", "hosts", "polls", "conditional", "not_modified", "throttled", "bytes")
    found = dict(zip(names, row, strict=True))
    found["hosts_throttled"] = db.conn.execute(
        "SELECT count(*) FROM (SELECT host FROM throttles WHERE hold_until > ? GROUP BY host HAVING count(*) > 1) AS h",
        (format_utc(now),),
    ).fetchone()[0]
    return found


def queue_stats(db: Database, now: datetime) -> dict[str, Any]:
    """What is pending: articles by state, the oldest of them, and feeds due."""
    pending = db.conn.execute(
        "SELECT count(*) FILTER (WHERE backfill = 0), count(*) FILTER (WHERE backfill = 1), "
        "  min(CASE WHEN backfill = 0 AND state IN ('pending', 'leased') THEN first_seen_at END) "
        "FROM entries "
        f"WHERE {_PENDING} AND state <> 'gone'"
    ).fetchone()
    feeds = db.conn.execute(
        "SELECT count(*), min(due_at) "
        "FROM feeds f "
        "JOIN sources s ON s.id = f.source "
        "WHERE s.enabled = 1 "
        "  AND f.state = 'active' "
        "  AND f.due_at <= ? "
        "  AND (f.not_before IS NULL OR f.not_before <= ?)",
        (format_utc(now), format_utc(now)),
    ).fetchone()
    rechecks = db.conn.execute("SELECT count(*) FROM articles WHERE recheck_at <= ?", (format_utc(now),)).fetchone()[0]
    following = db.conn.execute(
        "SELECT min(f.due_at) "
        "FROM feeds f "
        "JOIN sources s ON s.id = f.source "
        "WHERE s.enabled = 1 AND f.state = 'active' AND f.due_at > ?",
        (format_utc(now),),
    ).fetchone()[0]
    return {
        "pending": pending[0],
        "backfill_pending": pending[1],
        "oldest_pending_at": pending[2],
        "feeds_due": feeds[0],
        "latest_due_at": feeds[1],
        "next_due_at": following,
        "rechecks_due": rechecks,
        "gaps_open": db.conn.execute("SELECT count(*) FROM gaps WHERE state = 'open'").fetchone()[0],
    }


def failing_feeds(db: Database, now: datetime) -> list[dict[str, Any]]:
    """Feeds of enabled sources that fail, are gone, moved permanently, or have unreliable validators."""
    cursor = db.conn.execute(
        "SELECT f.url, f.source, f.state, f.failures, f.failing_since, f.last_error, f.last_success_at, "
        "  f.due_at, f.effective_url, f.validators_unreliable, f.replacement, f.kind, f.parent_url, "
        "  c.filled_by AS capped "
        "FROM feeds f "
        "JOIN sources s ON s.id = f.source "
        "LEFT JOIN ("
        "  SELECT DISTINCT feed_url, filled_by "
        "  FROM gaps "
        "  WHERE filled_by = ? AND found_at > ?) c ON c.feed_url = f.url "
        "WHERE s.enabled = 1 "
        "  AND f.state <> 'disabled' "
        "  AND (f.failures > 0 "
        "    OR f.state = 'gone' "
        "    OR f.effective_url IS NOT NULL "
        "    OR f.validators_unreliable = 1 "
        "    OR c.filled_by IS NOT NULL) "
        "ORDER BY f.failing_since NULLS LAST, f.url",
        (CAPPED, format_utc(now - timedelta(days=8))),
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


# Why an entry's page is not a complete article; the part after a semicolon is a consequence.
_REASON = "CASE WHEN instr(reason, ';') > 0 THEN substr(reason, 1, instr(reason, ';') - 1) ELSE reason END"


_VERDICTS = (
    f"SELECT source, {_REASON} AS why, count(*) "
    "FROM entries "
    f"WHERE {_REJECTED} AND source > '' AND reason IS NOT NULL "
    "GROUP BY 1, 2 "
    "UNION ALL "
    f"SELECT source, {_REASON} AS why, count(*) "
    "FROM entries "
    f"WHERE {_PENDING} "
    "  AND state = 'retry' "
    "  AND source > '' "
    "  AND verdict IN ('headline', 'retry') "
    "  AND reason IS NOT NULL "
    "GROUP BY 1, 2"
)


def _health_sql(*, of_one: bool) -> str:
    """The query of source_health. Each table is read once, not once per source."""
    one = "AND source = :source" if of_one else ""
    return (
        "WITH f AS ("
        "  SELECT source, count(*) FILTER (WHERE state = 'active') AS feeds, "
        "    count(*) FILTER (WHERE state <> 'disabled' AND (failures > 0 OR state = 'gone')) AS feeds_failing, "
        "    max(checked_at) AS checked_at, max(changed_at) AS changed_at, "
        "    min(CASE WHEN state = 'active' THEN due_at END) AS due_at "
        "  FROM feeds "
        f"  WHERE true {one} "
        "  GROUP BY source), "
        f"  a AS (SELECT source, count(*) AS articles FROM articles WHERE true {one} GROUP BY source), "
        "  i AS ("
        "    SELECT source, count(*) AS incomplete "
        "    FROM articles "
        f"    WHERE completeness <> 'full' {one} "
        "    GROUP BY source), "
        "  o AS ("
        "    SELECT source, count(*) AS queued "
        "    FROM entries "
        f"    WHERE {_PENDING} AND state <> 'gone' {one} "
        "    GROUP BY source), "
        "  r AS ("
        "    SELECT source, count(*) AS rejected "
        "    FROM entries "
        f"    WHERE {_REJECTED} {one} "
        "    GROUP BY source), "
        "  e AS ("
        "    SELECT source, url || ': ' || last_error AS last_error, "
        "      row_number() OVER (PARTITION BY source ORDER BY parent_url IS NOT NULL, checked_at DESC NULLS LAST, url) AS n "
        "    FROM feeds "
        "    WHERE last_error IS NOT NULL) "
        "SELECT s.id AS source, s.name, s.enabled, coalesce(f.feeds, 0) AS feeds, "
        "  coalesce(f.feeds_failing, 0) AS feeds_failing, f.checked_at, f.changed_at, f.due_at, "
        "  coalesce(a.articles, 0) AS articles, coalesce(i.incomplete, 0) AS incomplete, "
        "  coalesce(o.queued, 0) AS queued, coalesce(r.rejected, 0) AS rejected, e.last_error "
        "FROM sources s "
        "LEFT JOIN f ON f.source = s.id "
        "LEFT JOIN a ON a.source = s.id "
        "LEFT JOIN i ON i.source = s.id "
        "LEFT JOIN o ON o.source = s.id "
        "LEFT JOIN r ON r.source = s.id "
        "LEFT JOIN e ON e.source = s.id AND e.n = 1 "
        "WHERE (s.enabled = 1 OR a.articles > 0) AND (:source IS NULL OR s.id = :source) "
        "ORDER BY s.id"
    )


def source_health(db: Database, now: str, source: str | None = None) -> list[dict[str, Any]]:
    """One row per source, or the row of one source: feeds, last poll, stored and pending articles."""
    found = dicts(
        db,
        _health_sql(of_one=source is not None),
        {"source": source},
    )
    verdicts: dict[str, dict[str, int]] = {}
    for name, reason, count in db.conn.execute(_VERDICTS):
        verdicts.setdefault(name, {})[reason] = verdicts.get(name, {}).get(reason, 0) + count
    for row in found:
        row["verdicts"] = verdicts.get(row["source"], {})
        row["overdue_seconds"] = (
            max(0, int((parse_utc(now) - parse_utc(row["due_at"])).total_seconds())) if row["due_at"] else None
        )
    return found


def last_runs(db: Database, limit: int = 5) -> list[dict[str, Any]]:
    """The newest crawl runs."""
    return dicts(db, "SELECT * FROM crawl_runs ORDER BY id DESC LIMIT ?", (limit,))


def totals(db: Database) -> dict[str, int]:
    """The number of stored records."""
    tables = ("articles", "entries", "feeds", "revisions", "sources")
    found = {name: int(db.conn.execute(f"SELECT count(*) FROM {name}").fetchone()[0]) for name in tables}
    found["copies"] = int(db.conn.execute("SELECT count(*) FROM articles WHERE duplicate_of IS NOT NULL").fetchone()[0])
    return found
