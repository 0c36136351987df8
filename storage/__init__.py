"""What is kept: records, and the SQLite file they live in. A leaf: imports nothing of newsdesk's other rooms."""

from storage.errors import StorageError
from storage.records import Article, CrawlRun, Entry, Feed, FeedCheck, Filter
from storage.verdicts import Verdict

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
    """The store itself is imported when it is asked for: it brings SQLite and sqlite-utils along."""
    if name in {"Store", "Writer", "open_store", "open_writer"}:
        from storage import store, writer

        return getattr(writer if name in {"Writer", "open_writer"} else store, name)
    raise AttributeError(f"module 'storage' has no attribute {name!r}")
