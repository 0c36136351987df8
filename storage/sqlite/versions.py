"""Versions of what is derived from records and stored beside them: URL keys, and the words of the full-text index.

A database keeps those that it was written with until `newsdesk db migrate` rewrites it; until then look-ups try the
present key, then the former one, and the index is written, deleted from and queried by its own folding.
"""

from __future__ import annotations

from sqlite_utils.db import Database

from storage.search_folding import FOLDING
from storage.sqlite.driver import sqlite3

URL_KEYS = "url_keys"  # crawler.urls.url_key; version 1 is in crawler.former_url_keys
SEARCH_FOLDING = "search_folding"  # storage.search_folding
CURRENT = {URL_KEYS: 2, SEARCH_FOLDING: FOLDING}


def version(connection: sqlite3.Connection, name: str) -> int:
    """The version of a database; files from before there were versions have the first."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (name,)).fetchone()
    return int(row[0]) if row else 1


def set_current(db: Database, name: str) -> None:
    """Record that a database has the present version."""
    db.conn.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (name, str(CURRENT[name])),
    )


def outdated(db: Database) -> list[str]:
    """What `newsdesk db migrate` would rewrite."""
    return [name for name, current in CURRENT.items() if version(db.conn, name) < current]
