"""Stories: the articles that share a story_id, which is the id of the first stored of them.

Functions over one connection, inside a transaction of the caller (storage.writer).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from storage.article import Article
from storage.engine import Database
from storage.sql.articles import change


def join(db: Database, stored: Article, article: Article, at: str) -> None:
    """Add a stored article, whose text was read only now, to the story that the text belongs to.

    Args:
        db: a connection, in a transaction.
        stored: the article before.
        article: the same with its text, and with the story and the original of it.
        at: when.
    """
    if article.story_id is None or stored.story_id is None or stored.duplicate_of is not None:
        return
    if len(members(db, {stored.story_id})) > 1:  # what others copy stays the original, or it would copy its own copy
        return
    db.conn.execute(
        "UPDATE articles SET story_id = ?, duplicate_of = ? WHERE id = ?",
        (article.story_id, article.duplicate_of, stored.id),
    )
    if stored.id < article.story_id:
        regroup(db, members(db, {article.story_id}), stored.id, at)


def members(db: Database, stories: set[int]) -> list[tuple[int, int, int | None]]:
    """(id, story_id, duplicate_of) of the current members of stories."""
    rows = db.conn.execute(
        "SELECT id, story_id, duplicate_of "
        "FROM articles "
        "WHERE story_id IN (SELECT CAST(value AS BIGINT) FROM json_each(?)) "
        "ORDER BY id",
        (json.dumps(sorted(stories)),),
    )
    return [tuple(row) for row in rows]


def regroup(db: Database, before: Sequence[tuple[int, int, int | None]], story: int, at: str) -> None:
    """Set the story of members, and log a change for those whose story or original differs from before."""
    for article_id, old_story, old_original in before:
        db.conn.execute("UPDATE articles SET story_id = ? WHERE id = ?", (story, article_id))
        original = db.conn.execute("SELECT duplicate_of FROM articles WHERE id = ?", (article_id,)).fetchone()[0]
        if old_story != story or old_original != original:
            change(db, article_id, at, "regrouped")
