"""The archives that articles were imported from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from storage.article import Article, Version
from storage.records import Address
from storage.sql import archives, articles
from storage.utc import format_utc
from storage.writer import Writer


class Archives:
    """The archives of a database. The methods run inside a transaction of the caller."""

    def __init__(self, writer: Writer) -> None:
        self._db = writer.db

    def register(self, path: Path, sha256: str, size: int) -> str:
        """Record where a file is; returns the warc_file of its pages."""
        return archives.register(self._db, path, sha256, size)

    def versions(self, article: Article, at: datetime) -> list[Version]:
        """The versions of a stored article, oldest first; the stored one if it was never edited."""
        return archives.versions(self._db, article, format_utc(at))

    def write_versions(
        self,
        article_id: int,
        before: Sequence[Version],
        after: Sequence[Version],
        addresses: Iterable[Address],
        at: datetime,
    ) -> bool:
        """Write the versions that a capture made of those before, and its addresses; the articles row stays as it is.

        Returns:
            Whether there is a version more.
        """
        if tuple(after) != tuple(before):
            archives.write_versions(self._db, article_id, before, after)
        articles.add_addresses(self._db, article_id, addresses, format_utc(at))
        return len(after) > len(before)
