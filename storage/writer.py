"""Write access for the one writer of a database. The SQL is in storage.sql.

Every method is one transaction; when it returns, its rows are on the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.address import DatabaseAddress, parse_address
from storage.article import Article
from storage.records import (
    Address,
    BackfillResult,
    BackfillStep,
    CrawlRun,
    Entry,
    Feed,
    FeedCheck,
    FeedEntry,
    FetchLogEntry,
    GapDetected,
)
from storage.sql import (
    apply,
    articles,
    backfill_steps,
    due_times,
    entries,
    feed_leases,
    feed_rows,
    feeds,
    fingerprints,
    gaps,
    leases,
    meta,
    new_entries,
    removal,
    rows,
    runs,
    source_ids,
    throttles,
)
from storage.store import postgres_module
from storage.transactions import WritingStore
from storage.utc import format_utc
from storage.verdicts import Verdict


class Writer(WritingStore):
    """A database, for its one writer: the process that holds the lock.

    Every method is one transaction; when it returns, its rows are on the disk.
    """

    def sync_sources(
        self, sources: Iterable[feeds.SourceRow], hosts: dict[str, str], now: datetime | None = None
    ) -> None:
        """Update the tables to match the configuration; `now` is the clock."""
        with self.transaction():
            feeds.sync_sources(self.db, sources, hosts, format_utc(now or datetime.now(UTC)))

    def release_leases(self) -> int:
        """Release the leases of a dead process; returns their number."""
        with self.transaction():
            return leases.release_leases(self.db)

    def release_unrequested(self, *, entries: Sequence[int], feeds: Sequence[str], steps: Sequence[int]) -> None:
        """See leases.release_unrequested."""
        with self.transaction():
            leases.release_unrequested(self.db, entries=entries, feeds=feeds, steps=steps)

    def lease_feeds(
        self,
        *,
        now: datetime,
        until: datetime,
        limit: int,
        due_only: bool,
        sources: Sequence[str] | None,
        done: Sequence[str],
        per_host: int = 1000,
    ) -> list[Feed]:
        """See feed_leases.lease_feeds."""
        with self.transaction():
            return feed_leases.lease_feeds(
                self.db,
                now=now,
                until=until,
                limit=limit,
                due_only=due_only,
                sources=sources,
                done=done,
                per_host=per_host,
            )

    def lease_entries(
        self,
        *,
        now: datetime,
        until: datetime,
        limit: int,
        per_host: int,
        sources: Sequence[str] | None,
        ignore_retry: bool,
        newest: int | None = None,
        only: Sequence[int] = (),
        skip: Sequence[int] = (),
        skip_keys: Sequence[str] = (),
        backfill: bool = False,
    ) -> list[Entry]:
        """See leases.lease_entries."""
        with self.transaction():
            return leases.lease_entries(
                self.db,
                now=now,
                until=until,
                limit=limit,
                per_host=per_host,
                sources=sources,
                ignore_retry=ignore_retry,
                newest=newest,
                only=only,
                skip=skip,
                skip_keys=skip_keys,
                backfill=backfill,
            )

    def lease_rechecks(
        self,
        *,
        now: datetime,
        until: datetime,
        limit: int,
        sources: Sequence[str] | None,
        busy: Mapping[str, int],
        per_host: int,
    ) -> list[Entry]:
        """See leases.lease_rechecks."""
        with self.transaction():
            return leases.lease_rechecks(
                self.db, now=now, until=until, limit=limit, sources=sources, busy=busy, per_host=per_host
            )

    def lease_urgent(self, *, now: datetime, until: datetime) -> list[Entry]:
        """Lease entries that a user waits for. First checks without a transaction, as it is polled every second."""
        if not self._read(leases.has_urgent):
            return []
        with self.transaction():
            return leases.lease_urgent(self.db, now=now, until=until)

    def anything_due(self, now: datetime) -> bool:
        """Whether a feed, an entry or a step is due. Runs without a transaction, as it is polled every second."""
        with self.db.translate_errors():
            return leases.has_due_work(self.db, now=now)

    def last_poll_at(self) -> datetime | None:
        """When a feed was last polled, by the clock of that time."""
        return self._read(feeds.last_poll_at)

    def adjust_clock(self, seconds: int, now: datetime, over: float) -> None:
        """Adjust due times after the wall clock was set back (negative) or jumped ahead.

        See due_times.shift_due_times and due_times.spread_overdue.
        """
        with self.transaction():
            if seconds < 0:
                due_times.shift_due_times(self.db, seconds, now=now)
            else:
                due_times.spread_overdue(self.db, now=now, over=over)

    def lease_steps(
        self, *, now: datetime, limit: int, sources: Sequence[str] | None, backfill: bool, per_host: int
    ) -> list[BackfillStep]:
        """See backfill_steps.lease_steps. First checks without a transaction, as there are usually none."""
        if not self._read(backfill_steps.has_pending):
            return []
        with self.transaction():
            return backfill_steps.lease_steps(
                self.db, now=now, limit=limit, sources=sources, backfill=backfill, per_host=per_host
            )

    def count_pending(self, *, now: datetime, sources: Sequence[str] | None, ignore_retry: bool) -> int:
        """The number of entries that could be leased now."""
        with self.db.translate_errors():
            return leases.count_pending(self.db, now=now, sources=sources, ignore_retry=ignore_retry)

    def add_urgent_entry(self, *, url: str, url_key: str, host: str, source: str | None, now: datetime) -> int:
        """See leases.add_urgent_entry."""
        with self.transaction():
            return leases.add_urgent_entry(self.db, url=url, url_key=url_key, host=host, source=source, now=now)

    def add_steps(self, steps: Sequence[BackfillStep]) -> int:
        """Queue pages of older articles, except those already queued or fetched; returns the number of new ones."""
        with self.transaction():
            for step in steps[:1]:
                backfill_steps.drop_other_steps(self.db, step.source, step.since, step.until)
            return backfill_steps.add_steps(self.db, steps)

    def pending_by_host(self, sources: Sequence[str]) -> dict[str, int]:
        """The number of pending articles of these sources' backfills, by host."""
        return self._read(backfill_steps.pending_by_host, sources)

    def steps_looked(
        self, sources: Sequence[str], since: str, until: str
    ) -> dict[str, tuple[int, list[tuple[str, str]]]]:
        """By source, how many pages of a backfill could be read, and why others could not.

        See backfill_steps.steps_looked.
        """
        return self._read(backfill_steps.steps_looked, sources, since, until)

    def retry_steps(self, source: str, since: str, until: str) -> None:
        """Retry the steps of a backfill that failed the last time."""
        with self.transaction():
            backfill_steps.retry_steps(self.db, source, since, until)

    def set_archive(self, url: str, archive_url: str, kind: str) -> None:
        """Set the address that lists a feed's older entries."""
        with self.transaction():
            feeds.set_archive(self.db, url, archive_url, kind)

    def set_meta(self, key: str, value: str) -> None:
        """Set a value in the meta table."""
        with self.transaction():
            meta.set_value(self.db, key, value)

    def optimize(self) -> None:
        """Update the statistics of the query planner."""
        with self.db.translate_errors():
            self.db.optimize()

    def housekeep(
        self, *, now: datetime, in_flight: Sequence[int], steps: Sequence[int] = (), give_up_gaps: timedelta
    ) -> None:
        """Release expired leases, close gaps that cannot be filled, and delete steps completed a month ago."""
        with self.transaction():
            leases.return_expired(self.db, now=now, in_flight=in_flight)
            backfill_steps.return_steps(self.db, steps)
            gaps.expire_gaps(self.db, now, give_up_gaps)
            backfill_steps.forget_steps(self.db, now - timedelta(days=30))

    def save_progress(self, run_id: int, totals: Mapping[str, int]) -> None:
        """Store the progress of a run, so that a crash loses little of it."""
        with self.transaction():
            runs.save_progress(self.db, run_id, totals)

    def feeds_to_replace(self, now: datetime, day: timedelta) -> list[Feed]:
        """Feeds that failed for a day, or are gone, and whose replacement was not searched since; at most three."""
        with self.db.translate_errors():
            return feeds.feeds_to_replace(self.db, now=now, day=day)

    def set_replacement(self, url: str, line: str | None, now: datetime) -> None:
        """Store the suggested replacement line for the source list; None if nothing was found."""
        with self.transaction():
            feeds.set_replacement(self.db, url, line, now)

    def rename_source(self, old: str, new: str, now: datetime) -> int:
        """Change the id of a source in all its rows; returns the number of its articles."""
        with self.transaction():
            return source_ids.rename_source(self.db, old, new, now)

    def begin_run(self, command: str, now: datetime) -> int:
        """Insert a row into crawl_runs; returns its id."""
        with self.transaction():
            return runs.begin_run(self.db, command, now)

    def finish_run(self, run: CrawlRun) -> None:
        """Store the result of a run."""
        with self.transaction():
            runs.finish_run(self.db, run)

    def insert_fetches(self, fetches: Iterable[FetchLogEntry]) -> None:
        """Insert rows into the request log, inside a transaction of the caller."""
        runs.insert_fetches(self.db, fetches)

    # The methods below run inside a transaction of the caller: look up, decide, apply.
    def apply_check(self, check: FeedCheck, source: str | None) -> entries.CheckCounts:
        """Write the result of a poll."""
        self.adopt_keys(listed.url for listed in check.listed)
        before = feed_rows.feed(self.db, check.feed_url)
        counts = feeds.apply_check(self.db, check, source)
        if counts.capped:
            gaps.cap_reached(
                self.db,
                feed_url=check.feed_url,
                source=source,
                since=before.last_success_at if before else None,
                now=check.at,
            )
        return counts

    def reject_pruned(self, entry_id: int, url_key: str) -> bool:
        """Complete an entry whose article was deleted by `prune`; returns whether it was."""
        pruned = new_entries.was_pruned(self.db, url_key)
        if pruned:
            entries.reject_pruned(self.db, entry_id)
        return pruned

    def pending_articles(self, feed_url: str) -> dict[str, int]:
        """See entries.pending_articles."""
        return entries.pending_articles(self.db, feed_url)

    def known_entries(self, feed_url: str, listed: Sequence[FeedEntry]) -> set[str]:
        """The entries of a listing that its feed has listed before."""
        self.adopt_keys(entry.url for entry in listed)
        return entries.known_entries(self.db, feed_url, listed)

    def record_throttle(self, *, host: str, url: str, until: datetime, now: datetime) -> datetime | None:
        """See throttles.record_throttle."""
        return throttles.record_throttle(self.db, host=host, url=url, until=until, now=now)

    def open_gap(
        self,
        gap: GapDetected,
        steps: Callable[[int], Sequence[BackfillStep]],
        *,
        feed_url: str,
        source: str | None,
        now: datetime,
    ) -> bool:
        """Store a gap and the steps to fill it; see gaps.open_gap."""
        return gaps.open_gap(self.db, feed_url=feed_url, source=source, gap=gap, steps=steps, now=now)

    def apply_step(self, step: BackfillStep, found: BackfillResult, now: datetime) -> int:
        """Write the result of a step of a gap or a backfill."""
        self.adopt_keys(entry.url for entry in found.listed)
        return gaps.apply_step(self.db, step, found, now=now)

    def known_before(self, step: BackfillStep, listed: Sequence[FeedEntry]) -> int:
        """How many of these entries were known before the time range of a step."""
        self.adopt_keys(entry.url for entry in listed)
        return backfill_steps.known_before(self.db, step, listed)

    def apply_verdict(self, verdict: Verdict) -> int | None:
        """Write the verdict on a page."""
        return apply.apply_verdict(self.db, verdict)

    def reprocess(
        self, article_id: int, article: Article, at: datetime, words: tuple[int, int], prints: Sequence[int]
    ) -> None:
        """Write what a newer extractor extracts; see storage.sql.articles.reprocess."""
        with self.transaction():
            articles.reprocess(self.db, article_id, article, at, words, prints)

    def delete_expired_fingerprints(self, now: datetime) -> int:
        """Delete fingerprints too old to be queried; returns their number."""
        with self.transaction():
            return fingerprints.delete_expired(self.db, now)

    def set_extractor(self, article_id: int, extractor: str, now: datetime) -> None:
        """Set the extractor of an article whose record did not change."""
        with self.transaction():
            articles.set_extractor(self.db, article_id, extractor, now)

    def prune_articles(self, before: str, sources: Sequence[str], now: datetime) -> int:
        """Delete articles first seen before a time; see storage.sql.removal.prune. Returns their number."""
        count = 0
        while ids := self._read(removal.to_prune, before, sources, 500):
            with self.transaction():
                count += removal.prune(self.db, ids, format_utc(now))
        return count

    def articles_at(self, addresses: Sequence[Address]) -> dict[str, tuple[int, str]]:
        """For each known url key of these addresses: (article id, kind of address)."""
        self.adopt_keys(address.url for address in addresses if address.kind != "id")
        return rows.articles_by_url_keys(self.db, [address.url_key for address in addresses])

    def first_not_found_at(self, article_id: int) -> str | None:
        """Since when a stored article's page is not found; None if it is found."""
        return self._read(articles.first_not_found_at, article_id)

    def articles_with_text(self, source: str | None, content_hash: str) -> list[Article]:
        """Articles of that source with exactly that text."""
        return rows.articles_with_text(self.db, source, content_hash)


def open_writer(database: str | DatabaseAddress) -> Writer:
    """Open a database for writing; create it if needed. Take the lock first (storage.databases.lock).

    Args:
        database: the path of a SQLite file, or an address such as postgresql://user@host/news.

    Raises:
        StorageError: it is not a newsdesk database, damaged, newer, read-only, or the disk is full.
    """
    address = parse_address(database)
    if isinstance(address, Path):
        from storage.sqlite import connection

        return Writer(address, connection.open_writer(address))
    return Writer(address, postgres_module("connection", address).open_writer(address))
