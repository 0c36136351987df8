"""Delete articles: merged into another one, or pruned by the user. Their addresses and a change stay.

Functions over one connection, inside a transaction of the caller (storage.writer).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from storage.article import Article
from storage.engine import Database
from storage.sql import fingerprints
from storage.sql.articles import change
from storage.sql.rows import article_by_id
from storage.sql.stories import members, regroup

PRUNED = "pruned"  # the reason of entries whose article was pruned


def merge(db: Database, gone: int, into: int, at: str) -> None:
    """Merge two stored articles that are the same: the addresses, entries and copies of the first go to the second.

    Args:
        db: a connection, in a transaction.
        gone: the id to delete; it was never edited, so no version is lost.
        into: the id that stays.
        at: when.
    """
    leaving, staying = article_by_id(db, gone), article_by_id(db, into)
    assert leaving is not None
    assert staying is not None
    db.conn.execute("UPDATE article_urls SET article_id = ? WHERE article_id = ?", (into, gone))
    db.conn.execute("UPDATE entries SET article_id = ? WHERE article_id = ?", (into, gone))
    stories = {leaving.story_id or gone, staying.story_id or into}
    staying_members = [member for member in members(db, stories) if member[0] != gone]
    # the id of a story is that of its first stored article
    story = min(stories) if min(stories) != gone else staying_members[0][0]
    db.conn.execute("UPDATE articles SET duplicate_of = NULL WHERE id = ? AND duplicate_of = ?", (into, gone))
    original = staying.duplicate_of if staying.duplicate_of not in {None, gone} else into
    db.conn.execute("UPDATE articles SET duplicate_of = ? WHERE duplicate_of = ?", (original, gone))
    _drop(db, leaving)
    change(db, gone, at, "merged", uid=leaving.uid, merged_into=into)
    regroup(db, staying_members, story, at)


def prune(db: Database, ids: Sequence[int], at: str) -> int:
    """Delete articles, but store their url keys, so that they are not fetched again, and a change each.

    Returns:
        The number of deleted articles.
    """
    leaving = [article for article_id in ids if (article := article_by_id(db, article_id)) is not None]
    before = members(db, {article.story_id or article.id for article in leaving})
    for article in leaving:
        db.conn.execute(
            "INSERT INTO pruned_urls (url_key, url, article_id, pruned_at) "
            "SELECT url_key, url, article_id, ? "
            "FROM article_urls "
            "WHERE article_id = ? "
            "ON CONFLICT (url_key) DO UPDATE "
            "SET article_id = excluded.article_id, pruned_at = excluded.pruned_at",
            (at, article.id),
        )
        db.conn.execute("DELETE FROM article_urls WHERE article_id = ?", (article.id,))
        db.conn.execute(
            "UPDATE entries "
            "SET article_id = NULL, state = 'rejected', reason = ?, retry_at = NULL, leased_until = NULL "
            "WHERE article_id = ?",
            (PRUNED, article.id),
        )
        db.conn.execute("UPDATE articles SET duplicate_of = NULL WHERE duplicate_of = ?", (article.id,))
        db.conn.execute("DELETE FROM revisions WHERE article_id = ?", (article.id,))
        _drop(db, article)
        change(db, article.id, at, "pruned", uid=article.uid)
    gone = {article.id for article in leaving}
    heads: dict[int, int] = {}  # remaining articles stay together, under the first of them
    for member in before:
        if member[0] not in gone:
            heads.setdefault(member[1], member[0])
    for story, head in heads.items():
        regroup(db, [m for m in before if m[1] == story and m[0] not in gone], head, at)
    return len(leaving)


def to_prune(db: Database, before: str, sources: Sequence[str], limit: int) -> list[int]:
    """The ids of articles first seen before a time, oldest first."""
    rows = db.conn.execute(
        "SELECT id FROM articles "
        "WHERE first_seen_at < :before AND (:any OR source IN (SELECT value FROM json_each(:sources))) "
        "ORDER BY first_seen_at, id "
        "LIMIT :limit",
        {"before": before, "any": not sources, "sources": json.dumps(list(sources)), "limit": limit},
    )
    return [row[0] for row in rows]


def _drop(db: Database, article: Article) -> None:
    db.full_text.remove(article.id, article)
    fingerprints.delete(db, article.id)
    db.conn.execute("DELETE FROM posts WHERE article_id = ?", (article.id,))
    db.conn.execute("DELETE FROM learned_pages WHERE source = ? AND article_id = ?", (article.source, article.id))
    db.conn.execute("DELETE FROM articles WHERE id = ?", (article.id,))
