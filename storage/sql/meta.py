"""The meta table: values by key, such as database_id, generation and schema."""

from __future__ import annotations

from storage.engine import Database


def value(db: Database, key: str) -> str | None:
    """The value of a key; None if it is not set."""
    row = db.conn.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else None


def set_value(db: Database, key: str, value: str) -> None:
    """Set the value of a key."""
    db.conn.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value)
    )


def delete(db: Database, key: str) -> None:
    """Delete a key."""
    db.conn.execute("DELETE FROM meta WHERE key = ?", (key,))
