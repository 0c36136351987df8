"""Rows of articles as records, and the lookups by id, address and text that a verdict needs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from storage.article import Article
from storage.engine import Database

FIELDS = tuple(f.name for f in dataclasses.fields(Article))
LISTS = ("authors", "tags")
COLUMNS = ", ".join(f"a.{name}" for name in FIELDS)


def article_from_row(row: Sequence[Any]) -> Article:
    """The record of a row of COLUMNS. A cell damaged by another program is read as empty; `db check` reports it."""
    found = dict(zip(FIELDS, row, strict=True))
    for name in LISTS:
        found[name] = tuple(parsed(found[name], list))
    found["provenance"] = parsed(found["provenance"], dict)
    for name in ("published_at", "modified_at"):
        if found[name] is not None and len(str(found[name])) not in _TIMES:
            found[name] = None
    return Article(**found)


_TIMES = (10, 20)  # lengths of a day and of a time in characters


def parsed(cell: Any, kind: type) -> Any:
    """The list or dict of a cell, empty if another program damaged it."""
    try:
        found = json.loads(cell)
    except (ValueError, TypeError, RecursionError):
        return kind()
    return found if isinstance(found, kind) else kind()


def article_by_id(db: Database, article_id: int) -> Article | None:
    """The article with that id."""
    row = db.conn.execute(f"SELECT {COLUMNS} FROM articles a WHERE a.id = ?", (article_id,)).fetchone()
    return article_from_row(row) if row else None


def article_id_at(db: Database, url: str) -> int | None:
    """The id of the article whose address of record, or uid, is exactly this text."""
    row = db.conn.execute("SELECT id FROM articles WHERE url = ? OR uid = ?", (url, url)).fetchone()
    return int(row[0]) if row else None


def articles_by_url_keys(db: Database, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
    """For each known key: (article id, kind of address)."""
    rows = db.conn.execute(
        "SELECT url_key, article_id, kind FROM article_urls WHERE url_key IN (SELECT value FROM json_each(?))",
        (json.dumps(list(keys)),),
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def articles_with_text(db: Database, source: str | None, content_hash: str) -> list[Article]:
    """Articles of that source with exactly that text."""
    rows = db.conn.execute(
        f"SELECT {COLUMNS} FROM articles a WHERE a.content_hash = ? AND a.source IS NOT DISTINCT FROM ? ORDER BY a.id LIMIT 5",
        (content_hash, source),
    )
    return [article_from_row(row) for row in rows]


def articles_with_raw_page(db: Database, sources: Sequence[str], after: int, limit: int) -> list[Article]:
    """Articles with a stored raw page, by id, after an id."""
    rows = db.conn.execute(
        f"SELECT {COLUMNS} "
        "FROM articles a "
        "WHERE a.warc_file IS NOT NULL "
        "  AND a.id > :after "
        "  AND (:any OR a.source IN (SELECT value FROM json_each(:sources))) "
        "ORDER BY a.id "
        "LIMIT :limit",
        {"after": after, "any": not sources, "sources": json.dumps(list(sources)), "limit": limit},
    )
    return [article_from_row(row) for row in rows]


def insert(db: Database, sql: str, values: Sequence[Any] | Mapping[str, Any]) -> int:
    """Insert one row; returns its id."""
    return int(db.conn.execute(f"{sql} RETURNING id", values).fetchall()[0][0])


def move_source(db: Database, table: str, key: str, old: str, new: str) -> None:
    """Change the id of a source in a table with the key (source, key), except in rows that the new id has already."""
    db.conn.execute(
        f"UPDATE {table} SET source = :new WHERE source = :old "
        f"  AND NOT EXISTS (SELECT 1 FROM {table} o WHERE o.source = :new AND o.{key} = {table}.{key})",
        {"new": new, "old": old},
    )


def dicts(db: Database, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[dict[str, Any]]:
    """The rows of a query, each as a dict by column name."""
    cursor = db.conn.execute(sql, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
