"""The posts of live pages: a row for each text of a post, with the versions of the article that have it."""

from __future__ import annotations

from typing import Any

from storage.engine import Database
from storage.posts import Post, PostChanges, StoredPost, in_time, live_text
from storage.sql.rows import dicts


def of_article(db: Database, article_id: int) -> list[StoredPost]:
    """The posts that an article has now, in order of time; empty if it is no live page."""
    rows = [row for row in _rows(db, article_id) if row["removed"] is None]
    missing = {row["key"]: row["missing"] for row in rows}
    return [StoredPost(post=post, missing=missing[post.key]) for post in in_time(map(_post, rows))]


def with_texts(db: Database, article_id: int, versions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Fill in the texts of versions that are stored as posts."""
    if all(version["text"] is not None for version in versions):
        return versions
    rows = _rows(db, article_id)
    for version in versions if rows else ():
        if version["text"] is None:
            number = version["number"]
            has = [r for r in rows if r["added"] <= number and (r["removed"] is None or r["removed"] > number)]
            version["text"] = live_text(in_time(map(_post, has)))
    return versions


def write(db: Database, article_id: int, changes: PostChanges, *, added: int, edited: int, at: str) -> None:
    """Write the changes of a request; in a transaction of the caller.

    Args:
        db: a connection.
        article_id: the article.
        changes: of its posts.
        added: the number of the version that has the added posts.
        edited: the number of the version that has the changed ones, and not the removed ones.
        at: when it was requested.
    """
    for position, post in enumerate(changes.added):
        _insert(db, article_id, post, added, at, position)
    for post in changes.changed:
        same = (post.at, post.title, post.text, article_id, post.key, edited)
        in_place = db.conn.execute(
            "UPDATE posts SET at = ?, title = ?, text = ? "
            "WHERE article_id = ? AND key = ? AND added = ? AND removed IS NULL",
            same,
        )
        if in_place.rowcount:  # a text of the same version
            continue
        before = db.conn.execute(
            "SELECT first_seen_at, position FROM posts WHERE article_id = ? AND key = ? AND removed IS NULL",
            (article_id, post.key),
        ).fetchone()
        _remove(db, article_id, post.key, edited)
        _insert(db, article_id, post, edited, *(before or (at, 0)))
    for key in changes.removed:
        _remove(db, article_id, key, edited)
    for key, count in changes.missing.items():
        db.conn.execute(
            "UPDATE posts SET missing = ? WHERE article_id = ? AND key = ? AND removed IS NULL",
            (count, article_id, key),
        )


def _remove(db: Database, article_id: int, key: str, number: int) -> None:
    db.conn.execute(
        "UPDATE posts SET removed = ? WHERE article_id = ? AND key = ? AND removed IS NULL", (number, article_id, key)
    )


def _insert(db: Database, article_id: int, post: Post, number: int, at: str, position: int) -> None:
    db.conn.execute(
        "INSERT INTO posts (article_id, key, added, at, title, text, first_seen_at, position) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (article_id, post.key, number, post.at, post.title, post.text, at, position),
    )


def _rows(db: Database, article_id: int) -> list[dict[str, Any]]:
    return dicts(db, "SELECT * FROM posts WHERE article_id = ? ORDER BY first_seen_at, position, added", (article_id,))


def _post(row: dict[str, Any]) -> Post:
    return Post(key=row["key"], at=row["at"], title=row["title"], text=row["text"])
