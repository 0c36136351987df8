"""The versions and addresses of articles, and the edits of publishers."""

from __future__ import annotations

import json
from typing import Any

from storage.article import Article
from storage.engine import NO_LIMIT, Database
from storage.sql import posts
from storage.sql.rows import COLUMNS, article_from_row, dicts


def _seen(row: str) -> str:
    """When a version was seen: a page that was read again, when it was last seen as it is. Versions are in this order."""
    return f"CASE {row}.cause WHEN 'reprocess' THEN coalesce({row}.last_same_at, {row}.seen_at) ELSE {row}.seen_at END"


def is_before(before: str, row: str) -> str:
    """The condition that one row of revisions is the version before another row."""
    return (
        f"{before}.article_id = {row}.article_id AND {before}.number = ("
        "  SELECT q.number FROM revisions q "
        f"  WHERE q.article_id = {row}.article_id AND ({_seen('q')}, q.number) < ({_seen(row)}, {row}.number) "
        f"  ORDER BY {_seen('q')} DESC, q.number DESC LIMIT 1)"
    )


def revisions(db: Database, article_id: int) -> list[dict[str, Any]]:
    """The versions of an article in the order in which they were seen; empty if it was never edited."""
    found = dicts(
        db, f"SELECT * FROM revisions r WHERE r.article_id = ? ORDER BY {_seen('r')}, r.number", (article_id,)
    )
    return posts.with_texts(db, article_id, found)


def version_pair(db: Database, article_id: int, number: int) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """A version of an article after the one before it; None if there is no such version, or it is the first."""
    row = db.conn.execute(
        f"SELECT p.number FROM revisions r JOIN revisions p ON {is_before('p', 'r')} "
        "WHERE r.article_id = ? AND r.number = ?",
        (article_id, number),
    ).fetchone()
    if row is None:
        return None
    found = dicts(db, "SELECT * FROM revisions WHERE article_id = ? AND number IN (?, ?)", (article_id, row[0], number))
    by_number = {version["number"]: version for version in posts.with_texts(db, article_id, found)}
    return by_number[row[0]], by_number[number]


def edit(db: Database, article_id: int, number: int) -> dict[str, Any] | None:
    """One version of an article, with the headline of the one before it as `title_before`."""
    row = db.conn.execute(
        "SELECT r.title, p.title, r.words_added, r.words_removed, r.silent, r.seen_at "
        f"FROM revisions r JOIN revisions p ON {is_before('p', 'r')} "
        "WHERE r.article_id = ? AND r.number = ?",
        (article_id, number),
    ).fetchone()
    names = ("title", "title_before", "words_added", "words_removed", "silent", "seen_at")
    return dict(zip(names, row, strict=True)) if row else None


def edits(
    db: Database,
    *,
    since: str | None,
    sources: tuple[str, ...],
    silent: bool,
    title: bool,
    min_words: int,
    live: bool = False,
    limit: int | None = None,
    before: tuple[str, int] | None = None,
) -> list[dict[str, Any]]:
    """Edits by publishers, or updates of live pages, newest first: each later revision with the one before it."""
    conditions = {
        "r.seen_at >= :since": since is not None,
        "r.silent = 1": silent,
        "p.title IS DISTINCT FROM r.title": title,
        "r.words_added + r.words_removed >= :words": min_words > 0,
        "a.source IN (SELECT value FROM json_each(:sources))": bool(sources),
        "r.seen_at <= :before_at AND (r.seen_at, r.article_id) < (:before_at, :before_id)": before is not None,
    }
    tables = f"revisions r JOIN revisions p ON {is_before('p', 'r')} JOIN articles a ON a.id = r.article_id"
    if sources:  # starts from the edited articles of the source: its edits are sparse in the list of all edits
        tables = (
            f"(SELECT e.id FROM articles e {db.using_index('articles_edited')} "
            "  WHERE e.source IN (SELECT value FROM json_each(:sources)) AND e.revision > 1 "
            "  UNION SELECT i.article_id FROM revisions i WHERE i.imported = 1) edited "
            "CROSS JOIN articles a CROSS JOIN revisions r CROSS JOIN revisions p"
        )
        conditions |= {f"a.id = edited.id AND r.article_id = a.id AND {is_before('p', 'r')}": True}
    where = " AND ".join(["r.cause = :cause", *(c for c, wanted in conditions.items() if wanted)])
    sql = (
        "SELECT a.id, a.source, a.url, r.number, r.seen_at, p.last_same_at AS last_same_at, p.seen_at AS before_at, "
        "  p.title AS old_title, r.title AS title, r.silent, r.words_added, r.words_removed "
        f"FROM {tables} "
        f"WHERE {where} "
        "ORDER BY r.seen_at DESC, r.article_id DESC "
        "LIMIT :limit"
    )
    before_at, before_id = before or ("", 0)
    values = {
        "since": since,
        "words": min_words,
        "sources": json.dumps(list(sources)),
        "before_at": before_at,
        "before_id": before_id,
    }
    return dicts(
        db, sql, {**values, "cause": "live" if live else "publisher", "limit": NO_LIMIT if limit is None else limit}
    )


def vanished(db: Database, *, since: str | None, sources: tuple[str, ...]) -> list[dict[str, Any]]:
    """Stored articles that have vanished, newest first."""
    return dicts(
        db,
        "SELECT id, source, url, title, vanished_at, vanished_reason "
        "FROM articles "
        "WHERE vanished_at IS NOT NULL "
        "  AND (:since IS NULL OR vanished_at >= :since) "
        "  AND (:any OR source IN (SELECT value FROM json_each(:sources))) "
        "ORDER BY vanished_at DESC",
        {"since": since, "any": not sources, "sources": json.dumps(list(sources))},
    )


def story(db: Database, story_id: int) -> list[Article]:
    """Every article of a story, by time of publication, else of first sight."""
    rows = db.conn.execute(
        f"SELECT {COLUMNS} "
        "FROM articles a "
        "WHERE a.story_id = ? "
        "ORDER BY coalesce(a.published_at, a.first_seen_at), a.id",
        (story_id,),
    )
    return [article_from_row(row) for row in rows]


def addresses(db: Database, article_id: int) -> list[dict[str, Any]]:
    """Every address of an article."""
    rows = db.conn.execute(
        "SELECT url_key, url, kind, first_seen_at "
        "FROM article_urls "
        "WHERE article_id = ? "
        "ORDER BY first_seen_at, url_key",
        (article_id,),
    )
    return [dict(zip(("url_key", "url", "kind", "first_seen_at"), row, strict=True)) for row in rows]


def extractors(db: Database) -> dict[str, int]:
    """The number of articles by extractor."""
    rows = db.conn.execute("SELECT extractor, count(*) FROM articles WHERE extractor IS NOT NULL GROUP BY 1 ORDER BY 1")
    return {row[0]: row[1] for row in rows}
