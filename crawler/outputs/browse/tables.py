"""What Datasette shows of the tables: names, sort order, facets, the columns read first, the prepared queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from storage.sqlite.canned_queries import CANNED_QUERIES

# The columns read first ("Link" is Datasette's name of a key of several columns); the others follow as in the table.
COLUMNS_FIRST: Mapping[str, tuple[str, ...]] = {
    "articles": (
        "id", "published_at", "source", "title", "authors", "url", "kind", "completeness", "language", "word_count", "revision",
        "story_id", "duplicate_of", "section", "tags", "subtitle", "summary", "text", "first_seen_at",
    ),
    "revisions": (
        "Link", "article_id", "number", "seen_at", "title", "cause", "silent", "words_added", "words_removed",
        "published_at", "modified_at", "text",
    ),
    "sources": ("id", "name", "url", "enabled", "language", "country", "tags"),
}  # fmt: skip
_HIDDEN = (
    "article_urls",
    "entries",
    "fetches",
    "fingerprints",
    "meta",
    "_sqlite_migrations",
    "sqlite_sequence",
    "feeds",
    "gaps",
    "source_days",
    "changes",
    "crawl_runs",
    "pruned_urls",
    "posts",
    "pushes",
    "watch_hits",
    "notifications",
    "backfill_steps",
    "throttles",
    "archives",
    "learned_pages",
    "learned_blocks",
    "learned_versions",
    "learned_ever",
)


def reading_order(columns: Iterable[Mapping[str, Any]], table: str) -> list[Mapping[str, Any]]:
    """The columns of a table, or the cells of a row, with those of COLUMNS_FIRST before the others.

    Args:
        columns: Datasette's columns (with a "name") or cells (with a "column").
        table: whose they are; one that is not in COLUMNS_FIRST stays as it is.
    """
    places = {name: place for place, name in enumerate(COLUMNS_FIRST.get(table, ()))}
    return sorted(columns, key=lambda one: places.get(one["name"] if "name" in one else one["column"], len(places)))


def describe(database: str, base: str) -> dict[str, Any]:
    """Datasette's metadata: tables, their sort order and facets, the prepared queries, and its style."""
    return {
        "title": "newsdesk",
        "extra_css_urls": [f"{base}static/tables.css"],
        "databases": {
            database: {
                "tables": {
                    "articles": {
                        "sort_desc": "published_at",
                        "facets": ["source", "kind", "language"],
                        "label_column": "title",
                        "fts_table": "articles_fts",
                        "fts_pk": "id",
                        "size": 50,
                    },
                    "revisions": {"sort_desc": "seen_at"},
                    "sources": {"label_column": "name"},
                    **{name: {"hidden": True} for name in _HIDDEN},
                },
                "queries": {
                    question.name: {
                        "sql": question.sql,
                        "title": question.title,
                        "description": question.description,
                        "params": [name for name, _ in question.defaults],
                    }
                    for question in CANNED_QUERIES
                },
            }
        },
    }
