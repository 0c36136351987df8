"""Questions to the ledgers: what was watched and found day by day, what is usual for a source, how our own requests were. Reads only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from storage.gaps import CAPPED
from storage.records import iso

USUAL_DAYS = 28  # that tell what is usual for a source
FORBIDDEN_DAYS = 3  # that tell whether robots.txt forbids all
NEWEST = 20  # articles that tell how it is now


def days(
    db: Any, *, sources: Sequence[str] = (), since: str | None = None, until: str | None = None
) -> list[dict[str, Any]]:
    """The days of sources, oldest first, with the last good poll of each source (`ok_at`).

    Args:
        db: a connection.
        sources: only these; all without.
        since: the first day, as 2026-11-22.
        until: the last day.
    """
    cursor = db.conn.execute(
        "SELECT d.*, (SELECT max(f.ok_at) FROM feeds f WHERE f.source = d.source) AS ok_at FROM source_days d "
        "WHERE (:any OR d.source IN (SELECT value FROM json_each(:sources))) AND (:since IS NULL OR d.day >= :since) AND (:until IS NULL OR d.day <= :until) "
        "ORDER BY d.source, d.day",
        {"any": not sources, "sources": json.dumps(list(sources)), "since": since, "until": until},
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def trends(db: Any, now: datetime) -> list[dict[str, Any]]:
    """A row a source that is enabled: articles of the last weeks with the times they were first seen, how often author, date and full text were there, then and now."""
    since = iso(now - timedelta(days=USUAL_DAYS))
    found = []
    settled = _settled(db, iso(now - timedelta(days=FORBIDDEN_DAYS))[:10])
    asked_at = dict(db.conn.execute("SELECT source, max(ok_at) FROM feeds GROUP BY source").fetchall())
    # One walk over an index that holds all of this; an archive of a million articles would be read through otherwise.
    of: dict[str, list[Any]] = {}
    for source, *row in db.conn.execute(
        "SELECT source, first_seen_at, authors <> '[]', published_at IS NOT NULL, completeness = 'full', word_count FROM articles "
        "WHERE first_seen_at >= ? ORDER BY first_seen_at DESC",
        (since,),
    ):
        of.setdefault(source, []).append(row)
    for (source,) in db.conn.execute("SELECT id FROM sources WHERE enabled = 1 ORDER BY id").fetchall():
        rows = of.get(source, [])[:3000]
        asked = asked_at.get(source)
        found.append(
            {
                "source": source, "seen": [row[0] for row in rows], "ok_at": asked,
                "fields": {name: _fill([row[i] for row in rows]) for i, name in ((1, "author"), (2, "date"), (3, "full text"))},
                "words": _medians([row[4] for row in rows if row[3]]), "newest": len(rows[:NEWEST]), "newest_in_full": sum(row[3] for row in rows[:NEWEST]), "settled": settled.get(source, (0, 0))[0], "forbidden": settled.get(source, (0, 0))[1],
                "changed_since": rows[min(len(rows), NEWEST) - 1][0] if rows else None,
            }
        )  # fmt: skip
    return found


def _settled(db: Any, since: str) -> dict[str, tuple[int, int]]:
    """For each source: entries that were settled in the last days, and those of them that robots.txt forbids."""
    found: dict[str, tuple[int, int]] = {}
    for source, kept, rejected in db.conn.execute(
        "SELECT source, articles + headline_only, rejected FROM source_days WHERE day >= ?", (since,)
    ):
        reasons = json.loads(rejected)
        settled, forbidden = found.get(source, (0, 0))
        found[source] = (settled + kept + sum(reasons.values()), forbidden + reasons.get("robots.txt forbids it", 0))
    return found


def _fill(values: list[int]) -> tuple[float, float] | None:
    """(share before, share of the newest); None where there are too few to tell."""
    new, old = values[:NEWEST], values[NEWEST:]
    return (sum(old) / len(old), sum(new) / len(new)) if len(old) >= NEWEST else None


def _medians(values: list[int]) -> tuple[float, float] | None:
    new, old = sorted(values[:NEWEST]), sorted(values[NEWEST:])
    return (old[len(old) // 2], new[len(new) // 2]) if len(old) >= NEWEST else None


def manners(db: Any, now: datetime) -> dict[str, Any]:
    """Our requests of the last day: how many, how many of the repeated polls were conditional or compared by hash, what servers said of them."""
    since = iso(now - timedelta(days=1))
    row = db.conn.execute(
        "SELECT count(*), count(DISTINCT host), coalesce(sum(listed IS NOT NULL OR outcome IN ('not_modified', 'unchanged', 'changed')), 0), coalesce(sum(conditional), 0), "
        "coalesce(sum(status = 304), 0), coalesce(sum(status IN (429, 503)), 0), coalesce(sum(bytes), 0) FROM fetches WHERE at >= ?",
        (since,),
    ).fetchone()
    names = ("requests", "hosts", "polls", "conditional", "not_modified", "throttled", "bytes")
    found = dict(zip(names, row, strict=True))
    found["hosts_left_alone"] = db.conn.execute(
        "SELECT count(*) FROM (SELECT host FROM throttles WHERE until > ? GROUP BY host HAVING count(*) > 1)",
        (iso(now),),
    ).fetchone()[0]
    return found


def queue(db: Any, now: datetime) -> dict[str, Any]:
    """What is owed: articles by their state, the oldest of them, feeds due and by how much the latest is late."""
    owed = db.conn.execute(
        "SELECT coalesce(sum(backfill = 0), 0), coalesce(sum(backfill = 1), 0), min(CASE WHEN backfill = 0 AND state IN ('pending', 'leased') THEN first_seen_at END) FROM entries "
        "WHERE state IN ('pending', 'leased', 'retry', 'gone') AND state <> 'gone'"
    ).fetchone()
    feeds = db.conn.execute(
        "SELECT count(*), min(due_at) FROM feeds f JOIN sources s ON s.id = f.source WHERE s.enabled = 1 AND f.state = 'active' AND f.due_at <= ? "
        "AND (f.not_before IS NULL OR f.not_before <= ?)",
        (iso(now), iso(now)),
    ).fetchone()
    rechecks = db.conn.execute("SELECT count(*) FROM articles WHERE recheck_at <= ?", (iso(now),)).fetchone()[0]
    following = db.conn.execute(
        "SELECT min(f.due_at) FROM feeds f JOIN sources s ON s.id = f.source WHERE s.enabled = 1 AND f.state = 'active' AND f.due_at > ?",
        (iso(now),),
    ).fetchone()[0]
    return {
        "owed": owed[0], "backfill_owed": owed[1], "oldest_owed_at": owed[2], "feeds_due": feeds[0], "latest_due_at": feeds[1], "next_due_at": following,
        "rechecks_due": rechecks, "gaps_open": db.conn.execute("SELECT count(*) FROM gaps WHERE state = 'open'").fetchone()[0],
    }  # fmt: skip


def troubled_feeds(db: Any, now: datetime) -> list[dict[str, Any]]:
    """Feeds of enabled sources that fail, are gone, have moved for good, or whose validators lie."""
    cursor = db.conn.execute(
        "SELECT f.url, f.source, f.state, f.failures, f.failing_since, f.last_error, f.ok_at, f.due_at, f.address, f.lies, f.successor, f.kind, f.parent_url, c.how AS capped "
        "FROM feeds f JOIN sources s ON s.id = f.source LEFT JOIN (SELECT DISTINCT feed_url, how FROM gaps WHERE how = ? AND found_at > ?) c ON c.feed_url = f.url "
        "WHERE s.enabled = 1 AND f.state <> 'disabled' AND (f.failures > 0 OR f.state = 'gone' OR f.address IS NOT NULL OR f.lies OR c.how IS NOT NULL) "
        "ORDER BY f.failing_since IS NULL, f.failing_since, f.url",
        (CAPPED, iso(now - timedelta(days=8))),
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
