"""Versions of what is derived from records and stored beside them: URL keys, and the words of the full-text index.

A database keeps those that it was written with until `newsdesk db migrate` rewrites it; until then look-ups try the
present key, then the former one, and the index is written, deleted from and queried by its own folding.
"""

from __future__ import annotations

from storage.engine import Database
from storage.search_folding import FOLDING
from storage.sql import meta

URL_KEYS = "url_keys"  # crawler.urls.url_key; version 1 is in crawler.former_url_keys
SEARCH_FOLDING = "search_folding"  # storage.search_folding
CURRENT = {URL_KEYS: 2, SEARCH_FOLDING: FOLDING}


def version(db: Database, name: str) -> int:
    """The version of a database; files from before there were versions have the first."""
    return int(meta.value(db, name) or 1)


def set_current(db: Database, name: str) -> None:
    """Record that a database has the present version."""
    meta.set_value(db, name, str(CURRENT[name]))


def outdated(db: Database) -> list[str]:
    """What `newsdesk db migrate` would rewrite."""
    return [name for name, current in CURRENT.items() if version(db, name) < current]
