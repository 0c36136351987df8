"""Read access to the database. The SQL is in storage.sql; the writer is in storage.writer."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from storage.address import DatabaseAddress, parse_address
from storage.article import Article
from storage.engine import Database
from storage.errors import StorageError
from storage.frames import Hits
from storage.key_functions import KeyFunctions
from storage.records import DuplicateCandidate, Entry, Feed, Filter, Gap
from storage.sql import (
    archives,
    articles_query,
    browse_stats,
    changes,
    entries,
    feed_rows,
    fingerprints,
    gaps,
    history,
    leases,
    meta,
    notifications,
    rows,
    source_stats,
    url_keys,
    versions,
)
from storage.sql.changes import ChangeEvent
from storage.times import resolved, time_of
from storage.utc import format_utc
from storage.warc import RawPlace, raw_place

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Store:
    """A database, for reading. Any number may be open while a newsdesk process writes."""

    def __init__(self, address: DatabaseAddress, db: Database) -> None:
        self.address = address
        self.db = db

    @property
    def path(self) -> Path:
        """The SQLite file.

        Raises:
            StorageError: the database is on a server.
        """
        if not isinstance(self.address, Path):
            raise StorageError(f"{self.address}: this is done with a SQLite file only; `newsdesk db copy` makes one")
        return self.address

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self.db.close()

    def articles(self, which: Filter | None = None) -> Hits:
        """Matching articles, newest first; also `.to_pandas()` and `.to_arrow()`.

        Raises:
            StorageError: the file cannot be read.
        """
        return Hits(self._explained(articles_query.articles(self.db, _at_now(which))))

    def search(self, query: str, which: Filter | None = None, *, order: articles_query.Order | None = None) -> Hits:
        """Articles that match a query of the query language (storage.query_language), with snippets; any text is one.

        Args:
            query: all words, "a phrase", a OR b, -a, word*, title: author: source: lang:, parentheses.
            which: more conditions.
            order: None for that of `search_order`.
        """
        which = _at_now(which)
        order = order or self.search_order(query, which)
        return Hits(self._explained(articles_query.search(self.db, query, which, order)))

    def search_order(self, query: str, which: Filter | None = None) -> articles_query.Order:
        """The order in which `search` returns hits by itself: "relevance", or "newest" of more than 10,000."""
        return self._read(articles_query.order_of, query, _at_now(which))

    def _explained(self, hits: Iterator[_T]) -> Iterator[_T]:
        with self.db.translate_errors():
            yield from hits

    def count(self, which: Filter | None = None, query: str | None = None, *, most: int | None = None) -> int:
        """The number of matching articles, without the limit; counting ends at `most`."""
        return self._read(articles_query.count, _at_now(which), query, most)

    def facts_of_newest(
        self, which: Filter | None = None, *, most: int
    ) -> list[tuple[str | None, str | None, str, str]]:
        """Of the newest matching articles: (source, language, kind, time), for counts by these."""
        return self._read(articles_query.facts_of_newest, _at_now(which), most)

    def source_tags(self) -> dict[str, tuple[str, ...]]:
        """The tags of each source by its id."""
        return self._read(browse_stats.source_tags)

    def article(self, key: int | str) -> Article | None:
        """The article with that id, uid or url key; None if there is none."""
        if isinstance(key, int):
            return self._read(rows.article_by_id, key)
        found = self._read(rows.articles_by_url_keys, [key]).get(key)
        return self._read(rows.article_by_id, found[0]) if found else None

    def article_at(self, url: str) -> Article | None:
        """The article whose address of record, or uid, is exactly this text."""
        article_id = self._read(rows.article_id_at, url)
        return None if article_id is None else self.article(article_id)

    def article_of_url(self, url: str, keys: KeyFunctions) -> Article | None:
        """The article at an address; in a database that was not migrated, by its former url key too."""
        article_id = self._read(url_keys.article_id_of, url, keys)
        return None if article_id is None else self.article(article_id)

    def revisions(self, article_id: int) -> list[dict[str, Any]]:
        """The versions of an article, oldest first; empty if it was never edited."""
        return self._read(history.revisions, article_id)

    def story(self, story_id: int) -> list[Article]:
        """Every article of a story, first published first."""
        return self._read(history.story, story_id)

    def addresses(self, article_id: int) -> list[dict[str, Any]]:
        """Every address of an article and where it was found."""
        return self._read(history.addresses, article_id)

    def edits(
        self,
        *,
        since: str | None = None,
        sources: tuple[str, ...] = (),
        silent: bool = False,
        title: bool = False,
        min_words: int = 0,
        live: bool = False,
        limit: int | None = None,
        before: tuple[str, int] | None = None,
    ) -> list[dict[str, Any]]:
        """Edits by publishers after publication, or with `live` what was added to live pages, newest first.

        `before` is the (seen_at, id) of a page's last row.
        """
        return self._read(
            history.edits,
            since=time_of("since", since, datetime.now(UTC)),
            sources=sources,
            silent=silent,
            title=title,
            min_words=min_words,
            live=live,
            limit=limit,
            before=before,
        )

    def vanished(self, *, since: str | None = None, sources: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """Stored articles that were removed from their sites, newest first."""
        return self._read(history.vanished, since=time_of("since", since, datetime.now(UTC)), sources=sources)

    def changes(self, since_seq: int = 0) -> Iterator[dict[str, Any]]:
        """Changes after that seq, only the latest of each article; see storage.sql.changes.changes."""
        return self._explained(changes.changes(self.db, since_seq))

    def last_seq(self) -> int:
        """The newest seq of changes; 0 where there is none."""
        return self._read(changes.last_seq)

    def extractors(self) -> dict[str, int]:
        """The number of articles by extractor."""
        return self._read(history.extractors)

    def change_events(self, after: int, until: int) -> Iterator[ChangeEvent]:
        """The changes that watches report, after a seq and up to another; see storage.sql.changes.change_events."""
        return self._explained(changes.change_events(self.db, after, until))

    def seq_before(self, at: datetime) -> int:
        """The last seq before a time."""
        return self._read(changes.seq_before, format_utc(at))

    def outbox(self) -> list[dict[str, Any]]:
        """Messages sent and pending; see storage.sql.notifications.outbox."""
        return self._read(notifications.outbox)

    def version_pair(self, article_id: int, number: int) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """A version after the one before it; None if there is no such version, or it is the first."""
        return self._read(history.version_pair, article_id, number)

    def edit(self, article_id: int, number: int) -> dict[str, Any] | None:
        """One version of an article, with the headline of the one before it."""
        return self._read(history.edit, article_id, number)

    def source_names(self) -> dict[str, str]:
        """The name of each source by its id."""
        return self._read(browse_stats.source_names)

    def articles_per_day(self, now: datetime, days: int, source: str | None = None) -> dict[str, dict[str, int]]:
        """Articles per day, by source; see storage.sql.browse_stats.articles_per_day."""
        return self._read(browse_stats.articles_per_day, now, days, source)

    def publication_lag(self, source: str, now: datetime, days: int) -> list[tuple[str, float]]:
        """The time between publication and fetch; see storage.sql.browse_stats.publication_lag."""
        return self._read(browse_stats.publication_lag, source, now, days)

    def field_completeness(self, now: datetime, days: int, source: str | None = None) -> dict[str, dict[str, float]]:
        """How complete each source's newest articles are; see storage.sql.browse_stats.field_completeness."""
        return self._read(browse_stats.field_completeness, now, days, source)

    def feeds(self, source: str) -> list[dict[str, Any]]:
        """The feeds of a source, with their last poll."""
        return self._read(browse_stats.feeds, source)

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Limit the time of all queries inside, in total.

        Raises:
            QueryTimeout: they took longer.
        """
        with self.db.time_limit(seconds):
            yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Run all queries inside on one state of the database, while others write."""
        with self.db.snapshot():
            yield

    def health(self, now: datetime, source: str | None = None) -> list[dict[str, Any]]:
        """One row per source, or the row of one source."""
        return self._read(source_stats.source_health, format_utc(now), source)

    def gaps(self, *, sources: Sequence[str] = (), states: Sequence[str] = (), since: str | None = None) -> list[Gap]:
        """The gaps of feeds, newest first; see storage.sql.gaps.gaps."""
        return self._read(gaps.gaps, sources=sources, states=states, since=since)

    def days(
        self, *, sources: Sequence[str] = (), since: str | None = None, until: str | None = None
    ) -> list[dict[str, Any]]:
        """Polls and articles, one row per source and day; see storage.sql.source_stats.days."""
        return self._read(source_stats.days, sources=sources, since=since, until=until)

    def source_trends(self, now: datetime) -> list[dict[str, Any]]:
        """One row per source: its usual day and its newest articles; see storage.sql.source_stats.source_trends."""
        return self._read(source_stats.source_trends, now)

    def request_stats(self, now: datetime) -> dict[str, Any]:
        """Statistics of the requests of the last day; see storage.sql.source_stats.request_stats."""
        return self._read(source_stats.request_stats, now)

    def queue_stats(self, now: datetime) -> dict[str, Any]:
        """What is pending, how old it is, what is due; see storage.sql.source_stats.queue_stats."""
        return self._read(source_stats.queue_stats, now)

    def failing_feeds(self, now: datetime) -> list[dict[str, Any]]:
        """Feeds that fail, moved, are gone or have unreliable validators: storage.sql.source_stats.failing_feeds."""
        return self._read(source_stats.failing_feeds, now)

    def runs(self, limit: int = 5) -> list[dict[str, Any]]:
        """The newest crawl runs."""
        return self._read(source_stats.last_runs, limit)

    def totals(self) -> dict[str, int]:
        """The number of stored records."""
        return self._read(source_stats.totals)

    def raw_versions(self) -> Iterator[tuple[int, int, RawPlace | None]]:
        """(article id, version, place) of each version with a raw page; None where its archive is not known."""
        for article_id, number, file, offset, sha256 in self._explained(archives.raw_versions(self.db)):
            place = self._place(file, offset)
            yield article_id, number, place and replace(place, sha256=sha256)

    def raw_place(self, article: Article) -> RawPlace | None:
        """Where the raw page of an article is; None if none is stored, or its archive is not known."""
        if not article.warc_file or article.warc_offset is None:
            return None
        place = self._place(article.warc_file, article.warc_offset)
        # in the database's own folder nothing else comes to its place
        return replace(place, sha256=article.raw_sha256) if place and place.size is not None else place

    def _place(self, warc_file: str, offset: int) -> RawPlace | None:
        if not warc_file.startswith(archives.PREFIX):
            return raw_place(self.address, warc_file, offset)
        found = self._read(archives.archive, warc_file)
        return found and RawPlace(path=found[0], offset=offset, size=found[1])

    def meta(self, key: str) -> str | None:
        """A value of the meta table: database_id, generation, schema."""
        return self._read(meta.value, key)

    def server_version(self) -> str | None:
        """The version of the server; None of a file."""
        with self.db.translate_errors():
            return self.db.server_version()

    def timeline(self) -> int | None:
        """The timeline of a server, which is another one after each fail-over; None of a file, or on a replica."""
        with self.db.translate_errors():
            return self.db.timeline()

    def outdated(self) -> list[str]:
        """What `newsdesk db migrate` would rewrite; see storage.sql.versions."""
        return self._read(versions.outdated)

    def entry(self, entry_id: int) -> dict[str, Any] | None:
        """An entry's row."""
        return self._read(entries.entry, entry_id)

    def backfill_urls(self) -> list[str]:
        """The addresses of entries found by backfills, one for each url key."""
        return self._read(entries.backfill_urls)

    def count_known(self, urls: Sequence[str], keys: KeyFunctions) -> int:
        """How many of these addresses are stored as articles or entries."""
        return self._read(url_keys.count_known, urls, keys)

    def feed(self, url: str) -> Feed | None:
        """The feed with that address."""
        return self._read(feed_rows.feed, url)

    def duplicate_candidates(
        self, prints: Sequence[int], now: datetime, source: str | None = None
    ) -> list[DuplicateCandidate]:
        """Stored articles that a text with these fingerprints may be a copy of."""
        return self._read(fingerprints.duplicate_candidates, prints, now=now, source=source)

    def entry_of(self, article_id: int) -> Entry | None:
        """An article's feed entry; None if it was never listed."""
        return self._read(leases.entry_of, article_id)

    def to_reprocess(self, sources: Sequence[str], after: int, limit: int) -> list[Article]:
        """Articles with a stored raw page, by id, after an id."""
        return self._read(rows.articles_with_raw_page, sources, after, limit)

    def _read(self, question: Callable[Concatenate[Database, _P], _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        with self.db.translate_errors():
            return question(self.db, *args, **kwargs)


def _at_now(which: Filter | None) -> Filter:
    """Resolve a caller's filter; "7d" counts back from now."""
    return resolved(which, datetime.now(UTC)) if which else Filter()


def postgres_module(name: str, address: DatabaseAddress) -> Any:
    """A module of storage.postgres, which is imported only for a server: psycopg is an extra.

    Raises:
        StorageError: psycopg is not installed.
    """
    try:
        return importlib.import_module(f"storage.postgres.{name}")
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in {"psycopg", "psycopg_binary"}:
            raise
        raise StorageError(
            f"{address}: PostgreSQL needs psycopg; `pip install 'psycopg[binary]>=3.2.10'` in newsdesk's environment "
            "brings it (the extra `postgres`)"
        ) from error


def open_store(database: str | DatabaseAddress = "news.db") -> Store:
    """Open a database for reading.

    Args:
        database: the path of a SQLite file, or an address such as postgresql://user@host/news.

    Raises:
        StorageError: there is no database, or it is not newsdesk's, damaged, or newer.
    """
    address = parse_address(database)
    if isinstance(address, Path):
        from storage.sqlite import connection

        return Store(address, connection.open_reader(address))
    return Store(address, postgres_module("connection", address).open_reader(address))
