"""Match saved searches against new texts: the texts are indexed in memory, and each query runs on that index."""

from __future__ import annotations

from collections.abc import Sequence

from storage.search_terms import fts_query, segment_for_search
from storage.sqlite.driver import sqlite3


def matching(queries: Sequence[str], texts: Sequence[tuple[str, str, str]]) -> list[set[int]]:
    """For each query, the indexes of the matching texts; an empty query matches all.

    The tokenizer is that of `search`.

    Args:
        queries: as in `newsdesk search`.
        texts: (title, text, authors).
    """
    found: list[set[int]] = []
    db = sqlite3.connect(":memory:")
    try:
        db.execute(
            "CREATE VIRTUAL TABLE t USING fts5("
            "  title, text, authors, tokenize=\"unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'\")"
        )
        db.executemany(
            "INSERT INTO t (rowid, title, text, authors) VALUES (?, ?, ?, ?)",
            [(n, *map(segment_for_search, text)) for n, text in enumerate(texts)],
        )
        for query in queries:
            if not query.strip():
                found.append(set(range(len(texts))))
                continue
            match = fts_query(query)
            rows = db.execute("SELECT rowid FROM t WHERE t MATCH ?", (match,)).fetchall() if match else []
            found.append({row[0] for row in rows})
    finally:
        db.close()
    return found
