"""Writes to the full-text index of articles, FTS5 with external content.

Index rows are written together at the end of a transaction. If they were written between the rows of articles, each
savepoint would make FTS5 write its buffer as a separate segment, and segments are merged again and again (measured: 0.7
ms of CPU per article in an archive of 1,000,000; ten articles at once take a tenth).
"""

from __future__ import annotations

from typing import Any

from sqlite_utils.db import Database

from storage.records import Article
from storage.search_terms import segment_for_search
from storage.sqlite.driver import sqlite3
from storage.sqlite.versions import CURRENT, SEARCH_FOLDING, set_current, version

_INSERT = "INSERT INTO articles_fts (rowid, title, text, authors) VALUES (?, ?, ?, ?)"
# FTS5 with external content needs the old text to delete a row; it must equal the indexed text exactly.
_DELETE = "INSERT INTO articles_fts (articles_fts, rowid, title, text, authors) VALUES ('delete', ?, ?, ?, ?)"


class WritingDatabase(Database):
    """A writer's database, with the index rows that its transaction will write."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.pending: list[tuple[str, tuple[Any, ...]]] = []
        self._folding: int | None = None

    @property
    def folding(self) -> int:
        """The folding that the index is written with. Only this process may change it: it has the lock."""
        if self._folding is None:
            self._folding = version(self.conn, SEARCH_FOLDING)
        return self._folding

    def fold_anew(self) -> None:
        """Write the index, which is empty, with the present folding from now on."""
        set_current(self, SEARCH_FOLDING)
        self._folding = CURRENT[SEARCH_FOLDING]


def index(db: WritingDatabase, article_id: int, article: Article) -> None:
    """Add an article to the index, at the end of the transaction."""
    db.pending.append((_INSERT, (article_id, *_indexed(article, db.folding))))


def unindex(db: WritingDatabase, article_id: int, article: Article) -> None:
    """Remove an article from the index, at the end of the transaction; `article` is as it was indexed."""
    db.pending.append((_DELETE, (article_id, *_indexed(article, db.folding))))


def flush(db: WritingDatabase) -> None:
    """Write the pending index rows in order."""
    for statement, values in db.pending:
        db.conn.execute(statement, values)
    db.pending.clear()


def _indexed(article: Article, folding: int) -> tuple[str, str, str]:
    summary = f"\n\n{article.summary}" if article.summary and not article.text else ""
    subtitle = f" {article.subtitle}" if article.subtitle else ""
    return (
        segment_for_search(f"{article.title or ''}{subtitle}", folding),
        segment_for_search(f"{article.text or ''}{summary}", folding),
        segment_for_search("; ".join(article.authors), folding),
    )
