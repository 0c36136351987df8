"""The id of a source, in all tables that have it."""

from __future__ import annotations

from datetime import datetime

from sqlite_utils.db import Database

from storage.records import format_utc
from storage.sql import learned
from storage.sql.feeds import regroup


def rename_source(db: Database, old: str, new: str, now: datetime) -> int:
    """Change the id of a source in all its rows; returns the number of its articles."""
    count = int(db.conn.execute("SELECT count(*) FROM articles WHERE source = ?", (old,)).fetchone()[0])
    regroup(db, old, format_utc(now))
    for table in ("articles", "entries", "feeds", "gaps", "backfill_steps"):
        db.conn.execute(f"UPDATE {table} SET source = ? WHERE source = ?", (new, old))
    learned.rename(db, old, new)
    db.conn.execute("UPDATE OR IGNORE source_days SET source = ? WHERE source = ?", (new, old))
    db.conn.execute("DELETE FROM sources WHERE id = ? AND EXISTS (SELECT 1 FROM sources WHERE id = ?)", (new, old))
    db.conn.execute("UPDATE sources SET id = ? WHERE id = ?", (new, old))
    db.conn.execute(
        "UPDATE OR IGNORE article_urls SET url_key = replace(url_key, ?, ?) WHERE kind = 'id' AND url_key LIKE ?",
        (f"id:{old}/", f"id:{new}/", f"id:{old}/%"),
    )
    return count
