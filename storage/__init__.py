"""The database: record types and the SQLite file that stores them. Imports nothing from crawler or spiders."""

from typing import TYPE_CHECKING

from storage.article import Article
from storage.errors import StorageError
from storage.records import CrawlRun, Entry, Feed, FeedCheck, Filter
from storage.verdicts import Verdict

if TYPE_CHECKING:
    from storage.store import Store, open_store
    from storage.writer import Writer, open_writer

__all__ = [
    "Article",
    "CrawlRun",
    "Entry",
    "Feed",
    "FeedCheck",
    "Filter",
    "StorageError",
    "Store",
    "Verdict",
    "Writer",
    "open_store",
    "open_writer",
]


def __getattr__(name: str) -> object:
    """Import the store and the writer on first use: they import SQLite and sqlite-utils."""
    if name in {"Store", "Writer", "open_store", "open_writer"}:
        from storage import store, writer

        return getattr(writer if name in {"Writer", "open_writer"} else store, name)
    raise AttributeError(f"module 'storage' has no attribute {name!r}")
