"""The id of a source, in all tables that have it."""

from __future__ import annotations

from datetime import datetime

from storage.engine import Database
from storage.sql import learned
from storage.sql.feeds import regroup
from storage.sql.rows import move_source
from storage.utc import format_utc


def rename_source(db: Database, old: str, new: str, now: datetime) -> int:
    """Change the id of a source in all its rows; returns the number of its articles."""
    count = int(db.conn.execute("SELECT count(*) FROM articles WHERE source = ?", (old,)).fetchone()[0])
    regroup(db, old, format_utc(now))
    for table in ("articles", "entries", "feeds", "gaps", "backfill_steps"):
        db.conn.execute(f"UPDATE {table} SET source = ? WHERE source = ?", (new, old))
    learned.rename(db, old, new)
    move_source(db, "source_days", "day", old, new)
    db.conn.execute("DELETE FROM sources WHERE id = ? AND EXISTS (SELECT 1 FROM sources WHERE id = ?)", (new, old))
    db.conn.execute("UPDATE sources SET id = ? WHERE id = ?", (new, old))
    db.conn.execute(
        "UPDATE article_urls SET url_key = replace(url_key, :old, :new) "
        "WHERE kind = 'id' AND url_key >= :old AND substr(url_key, 1, length(:old)) = :old "
        "  AND NOT EXISTS (SELECT 1 FROM article_urls o WHERE o.url_key = replace(article_urls.url_key, :old, :new))",
        {"old": f"id:{old}/", "new": f"id:{new}/"},
    )
    return count
