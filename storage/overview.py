"""Questions of the pages of `newsdesk browse`: what there is to choose from, a source's weeks, its lag. Reads only, and small: a page asks several of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from storage.records import iso

_LAGS = 3_000  # of a source's newest articles, for its lag
_LONGEST = 7 * 86_400  # seconds: what was found later than this was looked for, not watched


def choices(db: Any) -> dict[str, list[Any]]:
    """What articles can be chosen by: sources as (id, name), tags, languages."""
    return {
        "sources": [
            tuple(row) for row in db.conn.execute("SELECT id, name FROM sources ORDER BY name COLLATE NOCASE, id")
        ],
        "tags": [
            row[0] for row in db.conn.execute("SELECT DISTINCT t.value FROM sources s, json_each(s.tags) t ORDER BY 1")
        ],
        "languages": [
            row[0] for row in db.conn.execute("SELECT DISTINCT language FROM sources WHERE language > '' ORDER BY 1")
        ],
    }


def published(db: Any, since: str, source: str | None = None) -> dict[str, dict[str, int]]:
    """For each source how many of its articles were published on each UTC day from a day on; where the time is unknown, first seen.

    Args:
        db: the connection.
        since: the first day.
        source: this one alone.
    """
    rows = db.conn.execute(
        "SELECT s.id, substr(coalesce(a.published_at, a.first_seen_at), 1, 10) AS day, count(*) FROM sources s CROSS JOIN articles a "
        "ON a.source = s.id AND coalesce(a.published_at, a.first_seen_at) >= :since "  # the index articles_source alone
        "WHERE :source IS NULL OR s.id = :source GROUP BY s.id, day",
        {"since": since, "source": source},
    )
    found: dict[str, dict[str, int]] = {}
    for name, day, count in rows:
        found.setdefault(name, {})[day] = count
    return found


def lags(db: Any, source: str, now: datetime, days: int) -> list[tuple[str, float]]:
    """(day it was first seen, seconds from the publisher's own time to ours) of a source's newest articles; of those whose time is known, and that were published since it is watched."""
    rows = db.conn.execute(
        "SELECT first_seen_at, unixepoch(first_seen_at) - unixepoch(published_at) AS lag FROM articles a "
        "WHERE source = :source AND coalesce(a.published_at, a.first_seen_at) >= :since AND length(published_at) = 20 "
        "AND published_at >= (SELECT first_seen_at FROM articles WHERE id = (SELECT min(id) FROM articles WHERE source = :source)) "
        "ORDER BY coalesce(a.published_at, a.first_seen_at) DESC LIMIT :most",
        {"source": source, "since": iso(now - timedelta(days=days)), "most": _LAGS},
    )
    return [(row[0][:10], float(row[1])) for row in rows if 0 <= row[1] <= _LONGEST]


def feeds(db: Any, source: str) -> list[dict[str, Any]]:
    """The feeds of a source, as they were last answered."""
    cursor = db.conn.execute(
        "SELECT url, kind, state, checked_at, changed_at, due_at, failures, last_error, interval_seconds FROM feeds WHERE source = ? AND parent_url IS NULL ORDER BY url",
        (source,),
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def fills(db: Any, now: datetime, days: int) -> dict[str, dict[str, float]]:
    """For each source: the shares of its articles of the last days that have an author, a date, their full text."""
    rows = db.conn.execute(
        "SELECT source, count(*), sum(authors <> '[]'), sum(published_at IS NOT NULL), sum(completeness = 'full') FROM articles "
        "WHERE first_seen_at >= ? AND source IS NOT NULL GROUP BY source",  # answered by the index articles_seen alone
        (iso(now - timedelta(days=days)),),
    )
    return {
        row[0]: {name: row[i] / row[1] for i, name in ((2, "author"), (3, "date"), (4, "full text"))} for row in rows
    }
