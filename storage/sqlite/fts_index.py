"""The full-text index of articles, FTS5 with external content: what is written into it, and when.

Words are written at the end of a transaction, all at once. Between the rows of an article each statement that may be undone makes FTS5 write its content
as a segment of its own, and segments are merged for ever after (measured: 0.7 ms of CPU an article in an archive of 1,000,000, where ten at once take a tenth).
"""

from __future__ import annotations

from typing import Any

from sqlite_utils import Database

from storage.records import Article
from storage.search_terms import segment_for_search

_INSERT = "INSERT INTO articles_fts (rowid, title, text, authors) VALUES (?, ?, ?, ?)"
# FTS5 with external content is told the old words by hand; they must be the very words that went in.
_DELETE = "INSERT INTO articles_fts (articles_fts, rowid, title, text, authors) VALUES ('delete', ?, ?, ?, ?)"


class WritingDatabase(Database):  # type: ignore[misc]  # sqlite-utils is not fully typed
    """A database as its writer holds it: with the words that its transaction will write."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self.pending: list[tuple[str, tuple[Any, ...]]] = []


def index(db: WritingDatabase, article_id: int, article: Article) -> None:
    """Find an article by these words, from the end of the transaction on."""
    db.pending.append((_INSERT, (article_id, *_indexed(article))))


def unindex(db: WritingDatabase, article_id: int, article: Article) -> None:
    """And no more by these, which are those it is found by."""
    db.pending.append((_DELETE, (article_id, *_indexed(article))))


def flush(db: WritingDatabase) -> None:
    """Write what waits, in its order."""
    for statement, values in db.pending:
        db.conn.execute(statement, values)
    db.pending.clear()


def _indexed(article: Article) -> tuple[str, str, str]:
    summary = f"\n\n{article.summary}" if article.summary and not article.text else ""
    subtitle = f" {article.subtitle}" if article.subtitle else ""
    return (
        segment_for_search(f"{article.title or ''}{subtitle}"),
        segment_for_search(f"{article.text or ''}{summary}"),
        segment_for_search("; ".join(article.authors)),
    )
