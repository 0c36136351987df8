"""Transactions of the one writer of a database: rows, and the raw pages that they point at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from storage.key_functions import KeyFunctions
from storage.sql import meta, url_keys
from storage.store import Store
from storage.warc import WarcWriter


class WritingStore(Store):
    """A database with transactions."""

    pages: WarcWriter | None = None  # where raw pages are written, if they are stored
    _position_key = "warc_position"  # in meta: where the newest file of raw pages ends
    former_keys: KeyFunctions | None = None  # for a database whose keys are of the former version

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction: when it ends, its rows, and the raw pages that they point at, are on the disk."""
        with self.db.transaction(), self._pages_too():
            yield
            if self.pages is not None and (end := self.pages.sync()) is not None:
                meta.set_value(self.db, self._position_key, end)

    @contextmanager
    def _pages_too(self) -> Iterator[None]:
        """Remove raw pages appended by a failed transaction, as it is retried while the disk is full."""
        mark = self.pages.position() if self.pages is not None else None
        try:
            yield
        except BaseException:
            if self.pages is not None:
                self.pages.truncate_to(mark)
            raise

    def enable_raw_pages(self, software: str = "newsdesk", worker: str = "") -> None:
        """Store raw pages from now on.

        Args:
            software: the name of the writing software, for the head of each file.
            worker: the name of this worker among several, for the names of its files.
        """
        self._position_key = f"warc_position:{worker}" if worker else "warc_position"
        self.pages = WarcWriter(
            self.address, ends=lambda: self.meta(self._position_key), software=software, worker=worker
        )

    def look_up_former_keys(self, keys: KeyFunctions) -> None:
        """Try the former URL key of an address where the present one is unknown, if the database has former keys."""
        self.former_keys = keys if self._read(url_keys.are_former) else None

    def adopt_keys(self, urls: Iterable[str | None]) -> None:
        """Make these addresses known by their present keys, before they are looked up in the same transaction."""
        if self.former_keys is not None:
            url_keys.adopt(self.db, urls, self.former_keys)

    def close(self) -> None:
        """Close the files."""
        if self.pages is not None:
            self.pages.close()
        super().close()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """One record inside a transaction: it alone is rolled back if it cannot be written."""
        with self.db.savepoint():
            yield
