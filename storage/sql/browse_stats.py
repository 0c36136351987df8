"""Queries for the pages of `newsdesk browse`: filter options, articles per day, lag.

A page runs several of them, so each is fast.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from storage.engine import Database
from storage.utc import format_utc, parse_utc

_NEWEST = 1_000  # the articles of a source that lag and field completeness are computed from
_LONGEST = 7 * 86_400  # seconds: a longer lag means that the article was found by a search, not by polling


def source_names(db: Database) -> dict[str, str]:
    """The name of each source, in the order of the names."""
    return dict(db.conn.execute("SELECT id, name FROM sources ORDER BY lower(name), id").fetchall())


def source_tags(db: Database) -> dict[str, tuple[str, ...]]:
    """The tags of each source."""
    rows = db.conn.execute("SELECT id, tags FROM sources WHERE tags <> '[]'").fetchall()
    return {source: tuple(json.loads(tags or "[]")) for source, tags in rows}


def articles_per_day(db: Database, now: datetime, days: int, source: str | None = None) -> dict[str, dict[str, int]]:
    """By source, the number of articles published on each UTC day, or first seen if that time is unknown.

    Args:
        db: the connection.
        now: the clock.
        days: the number of days, including today.
        source: only this one.
    """
    calendar = [format_utc(now + timedelta(days=1 - back))[:10] for back in range(days + 1)]
    # seeks in the index articles_source only: a GROUP BY over the same rows takes fifteen times as long
    rows = db.conn.execute(
        "SELECT s.id, d.value, "
        "  ("
        "    SELECT count(*) FROM articles a "
        "    WHERE a.source = s.id "
        "      AND coalesce(a.published_at, a.first_seen_at) >= d.value "
        "      AND coalesce(a.published_at, a.first_seen_at) < d.value || '~') AS found "
        "FROM sources s "
        "CROSS JOIN json_each(:days) d "
        "WHERE (:source IS NULL OR s.id = :source)",
        {"days": json.dumps(calendar[1:]), "source": source},
    )
    found: dict[str, dict[str, int]] = {}
    for name, day, count in rows:
        if count:
            found.setdefault(name, {})[day] = count
    return found


def publication_lag(db: Database, source: str, now: datetime, days: int) -> list[tuple[str, float]]:
    """(day first seen, seconds from publication to first sight) of a source's newest articles.

    Only of articles with a known time, published after the source was first polled.
    """
    rows = db.conn.execute(
        "SELECT first_seen_at, published_at "
        "FROM articles a "
        "WHERE source = :source "
        "  AND coalesce(a.published_at, a.first_seen_at) >= :since "
        "  AND length(published_at) = 20 "
        "  AND published_at >= ("
        "    SELECT first_seen_at FROM articles "
        "    WHERE id = (SELECT min(id) FROM articles WHERE source = :source)) "
        "ORDER BY coalesce(a.published_at, a.first_seen_at) DESC "
        "LIMIT :most",
        {"source": source, "since": format_utc(now - timedelta(days=days)), "most": _NEWEST},
    )
    lags = ((row[0][:10], (parse_utc(row[0]) - parse_utc(row[1])).total_seconds()) for row in rows)
    return [(day, lag) for day, lag in lags if 0 <= lag <= _LONGEST]


def feeds(db: Database, source: str) -> list[dict[str, Any]]:
    """The feeds of a source, with their last poll."""
    cursor = db.conn.execute(
        "SELECT url, kind, state, checked_at, changed_at, due_at, failures, last_error, interval_seconds "
        "FROM feeds "
        "WHERE source = ? AND parent_url IS NULL "
        "ORDER BY url",
        (source,),
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def field_completeness(
    db: Database, now: datetime, days: int, source: str | None = None
) -> dict[str, dict[str, float]]:
    """By source, the shares of its recent articles with an author, a date, and their full text.

    With `source`, the shares of its newest articles only.
    """
    # served by that index alone; the query planner prefers a slower one
    which = f"articles {db.using_index('articles_seen')} WHERE first_seen_at >= :since AND source IS NOT NULL"
    if source is not None:
        when = "coalesce(a.published_at, a.first_seen_at)"
        which = (
            "("
            "  SELECT * FROM articles a "
            f"  WHERE source = :source AND {when} >= :since "
            f"  ORDER BY {when} DESC "
            f"  LIMIT {_NEWEST}) AS newest"
        )
    rows = db.conn.execute(
        "SELECT source, count(*), count(*) FILTER (WHERE authors <> '[]'), "
        "  count(*) FILTER (WHERE published_at IS NOT NULL), count(*) FILTER (WHERE completeness = 'full') "
        f"FROM {which} "
        "GROUP BY source",
        {"since": format_utc(now - timedelta(days=days)), "source": source},
    )
    return {
        row[0]: {name: row[i] / row[1] for i, name in ((2, "author"), (3, "date"), (4, "full text"))} for row in rows
    }
