"""The archives that articles were imported from."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from storage.records import Entry
from storage.sql import archives, new_entries
from storage.writer import Writer


class Archives:
    """The archives of a database. The methods run inside a transaction of the caller."""

    def __init__(self, writer: Writer) -> None:
        self._db = writer.db

    def register(self, path: Path, sha256: str, size: int) -> str:
        """Record where a file is; returns the warc_file of its pages."""
        return archives.register(self._db, path, sha256, size)

    def add_entry(self, article_id: int, entry: Entry, host: str, at: datetime) -> None:
        """Record that a new article came from an archive; see new_entries.add_archived."""
        new_entries.add_archived(self._db, article_id, entry, host, at)
