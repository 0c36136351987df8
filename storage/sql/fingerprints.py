"""The fingerprints table: hashes of phrases, to find copies of a story. Rows too old to be queried are deleted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from storage.engine import Database
from storage.records import DuplicateCandidate
from storage.utc import format_utc, parse_utc

# Syndication is bounded in time; a rolling window keeps the cost of a lookup constant (DUPLICATES: 14 to 30 days).
WINDOW = timedelta(days=30)
# the most articles of one source within the window: updates of a wire story stay below, a footer does not
_COMMON_OF_SOURCE = 4
_COMMON = 50  # a fingerprint in more articles than this is from a footer, not from a story

# Rows of articles are read for `likely` only: reading all that share some phrase took a millisecond.
_SHARED = (
    "WITH found AS MATERIALIZED ("
    "  SELECT hash, article_id FROM fingerprints "
    "  WHERE hash IN (SELECT CAST(value AS BIGINT) FROM json_each(:prints)) AND seen_day >= :since), "
    "rare AS MATERIALIZED (SELECT hash FROM found GROUP BY hash HAVING count(*) <= :common), "
    "likely AS MATERIALIZED ("
    "  SELECT article_id FROM found "
    "  WHERE hash IN (SELECT hash FROM rare) "
    "  GROUP BY article_id "
    "  HAVING count(*) >= :least), "
    "footer AS MATERIALIZED ("
    "  SELECT f.hash FROM found f "
    "  JOIN articles a ON a.id = f.article_id AND a.source = :source "
    "  WHERE f.article_id IN (SELECT article_id FROM likely) "
    "  GROUP BY f.hash "
    "  HAVING count(*) > :common_of_source) "
    "SELECT article_id, count(*) AS shared "
    "FROM found "
    "WHERE article_id IN (SELECT article_id FROM likely) "
    "  AND hash IN (SELECT hash FROM rare) AND hash NOT IN (SELECT hash FROM footer) "
    "GROUP BY article_id "
    "HAVING count(*) >= :least "
    "ORDER BY shared DESC, article_id "
    "LIMIT 20"
)


def duplicate_candidates(
    db: Database, prints: Sequence[int], *, now: datetime, source: str | None = None, at_least: int = 2
) -> list[DuplicateCandidate]:
    """Stored articles that share at least that many fingerprints, most shared first.

    A fingerprint that occurs in many articles, or in several of the same source, is from a footer and does not count
    (DUPLICATES: footers of 60 to 80 words give unrelated stories a containment of .2 to .42).
    """
    if not prints:
        return []
    since = int((now - WINDOW).timestamp() // 86400)
    hashes = json.dumps([_signed(p) for p in prints])
    rows = db.conn.execute(
        _SHARED,
        {
            "prints": hashes,
            "since": since,
            "common": _COMMON,
            "common_of_source": _COMMON_OF_SOURCE,
            "source": source,
            "least": at_least,
        },
    ).fetchall()
    ids = json.dumps([row[0] for row in rows])
    found = db.conn.execute(
        "SELECT a.id, a.story_id, o.id, o.source, o.url, a.source, a.url, a.text "
        "FROM articles a "
        "LEFT JOIN articles o ON o.id = a.duplicate_of "
        "WHERE a.text IS NOT NULL AND a.id IN (SELECT CAST(value AS BIGINT) FROM json_each(?)) "
        "ORDER BY a.id",
        (ids,),
    )
    names = ("id", "story_id", "copy_of", "copy_of_source", "copy_of_url", "source", "url", "text")
    return [DuplicateCandidate(**dict(zip(names, row, strict=True))) for row in found]


def add(db: Database, article_id: int, prints: Iterable[int], at: datetime) -> None:
    """Store the fingerprints of an article's text, as seen at that time."""
    day = int(at.timestamp() // 86400)
    db.conn.executemany(
        "INSERT INTO fingerprints (hash, article_id, seen_day) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(_signed(p), article_id, day) for p in prints],
    )


def delete(db: Database, article_id: int) -> None:
    """Delete an article's fingerprints, as its text changed."""
    db.conn.execute("DELETE FROM fingerprints WHERE article_id = ?", (article_id,))


def delete_expired(db: Database, now: datetime) -> int:
    """Delete fingerprints too old to be queried, so that lookups stay fast in a large archive; returns their number."""
    newest = db.conn.execute("SELECT max(first_seen_at) FROM articles").fetchone()[0]
    if newest is None:
        return 0
    since = min(now, parse_utc(newest) + timedelta(days=1)) - WINDOW  # in case the clock ran ahead
    last = db.conn.execute(
        "SELECT max(id) "
        "FROM articles "
        "WHERE first_seen_at = (SELECT max(first_seen_at) FROM articles WHERE first_seen_at < ?)",
        (format_utc(since),),
    ).fetchone()
    if last[0] is None:
        return 0
    # The fingerprints of a later revision have that revision's day, and stay.
    gone = db.conn.execute(
        "DELETE FROM fingerprints WHERE article_id <= ? AND seen_day < ?", (last[0], int(since.timestamp() // 86400))
    )
    return int(gone.rowcount)


def _signed(value: int) -> int:
    """A 64-bit hash as SQLite's signed integer."""
    return value - (1 << 64) if value >= 1 << 63 else value
