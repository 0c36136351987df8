"""Match saved searches against new texts: the texts are indexed in memory, and each query runs on that index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from storage.search_folding import FOLDING
from storage.search_terms import segment_for_search
from storage.sql.searched import Searched
from storage.sqlite.driver import sqlite3
from storage.sqlite.full_text import INSERT_WORDS, Fts5Syntax


class Text(NamedTuple):
    """One version of an article."""

    title: str
    text: str
    authors: str
    source: str | None = None
    language: str | None = None


def matching(queries: Sequence[str], texts: Sequence[Text]) -> list[set[int]]:
    """For each query, as in `newsdesk search`, the indexes of the matching texts; an empty query matches all."""
    found: list[set[int]] = []
    db = sqlite3.connect(":memory:")
    try:
        db.execute(
            "CREATE VIRTUAL TABLE articles_fts USING fts5("
            "  title, text, authors, tokenize=\"unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'\")"
        )
        db.execute("CREATE TABLE sources (id TEXT PRIMARY KEY)")
        db.execute("CREATE TABLE articles (id INTEGER PRIMARY KEY, source TEXT, language TEXT)")
        db.executemany("INSERT OR IGNORE INTO sources VALUES (?)", [(text.source,) for text in texts if text.source])
        db.executemany(
            "INSERT INTO articles VALUES (?, ?, ?)", [(n, text.source, text.language) for n, text in enumerate(texts)]
        )
        db.executemany(
            INSERT_WORDS,
            [(n, *map(segment_for_search, text[:3])) for n, text in enumerate(texts)],
        )
        for query in queries:
            if not query.strip():
                found.append(set(range(len(texts))))
                continue
            searched = Searched.compiled(query, Fts5Syntax(FOLDING), "searched")
            rows = db.execute(f"SELECT a.id FROM articles a WHERE {searched.condition('a')}", searched.values)
            found.append({row[0] for row in rows})
    finally:
        db.close()
    return found
