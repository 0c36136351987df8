"""Rows of the feeds table as records."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from storage.engine import Database
from storage.records import Feed

FEED_COLUMNS = tuple(f.name for f in dataclasses.fields(Feed))


def feed_columns(table: str) -> str:
    """FEED_COLUMNS, qualified by a table or its alias, for a SELECT."""
    return ", ".join(f"{table}.{name}" for name in FEED_COLUMNS)


def feed_from_row(row: Sequence[Any]) -> Feed:
    """The record of a row of those columns."""
    found = dict(zip(FEED_COLUMNS, row, strict=True))
    return Feed(**{**found, "validators_unreliable": bool(found["validators_unreliable"])})


def feed(db: Database, url: str) -> Feed | None:
    """The feed with that address."""
    row = db.conn.execute(f"SELECT {feed_columns('feeds')} FROM feeds WHERE url = ?", (url,)).fetchone()
    return feed_from_row(row) if row else None
