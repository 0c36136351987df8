"""What was learned of each source's pages: which paragraphs repeat, and which of them each text was read without."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from storage.sql import learned
from storage.sql.learned import SeenPage
from storage.store import Store
from storage.utc import format_utc


class LearnedBlocks:
    """The learned paragraphs of a database. The methods that write run inside a transaction of the caller."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def pages(self, source: str, limit: int = learned.PAGES) -> list[SeenPage]:
        """The last pages of a source, newest first."""
        with self._store.db.translate_errors():
            return learned.pages(self._store.db, source, limit)

    def texts(self, source: str) -> dict[int, str]:
        """The words of the paragraphs that repeat or did so, at most 300 characters of each, by id."""
        with self._store.db.translate_errors():
            return learned.texts(self._store.db, source)

    def version(self, source: str, number: int) -> frozenset[int] | None:
        """The paragraphs of a version; None if it is not kept any more."""
        with self._store.db.translate_errors():
            return learned.version(self._store.db, source, number)

    def ever(self, source: str) -> frozenset[int]:
        """All paragraphs of a source that a text was read without."""
        with self._store.db.translate_errors():
            return learned.ever(self._store.db, source)

    def version_of_article(self, article_id: int) -> int | None:
        """The version that an article's text was read with; None: nothing was left out then."""
        with self._store.db.translate_errors():
            return learned.version_of_article(self._store.db, article_id)

    def add_page(self, source: str, article_id: int, blocks: Iterable[int]) -> None:
        """Add the paragraphs of an article's page, once for each article."""
        learned.add_page(self._store.db, source, article_id, blocks)

    def add_texts(self, source: str, texts: Mapping[int, str]) -> None:
        """Add the words of paragraphs."""
        learned.add_texts(self._store.db, source, texts)

    def add_version(self, source: str, number: int, blocks: Collection[int], at: datetime) -> None:
        """Keep the paragraphs of a version that a text is read with; the oldest ones go."""
        learned.add_version(self._store.db, source, number, blocks, format_utc(at))

    def note(self, source: str, article_id: int, number: int | None, blocks: Collection[int], at: datetime) -> None:
        """Record the version that an article's text was read with, and keep its paragraphs."""
        if number is not None:
            self.add_version(source, number, blocks, at)
        learned.set_version(self._store.db, article_id, number)
