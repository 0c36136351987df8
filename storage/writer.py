"""The store as its one writer sees it: every method is one transaction; what returned is on the disk. SQL stands in the modules beside this one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from storage import warc
from storage.records import (
    Article,
    BackfillResult,
    BackfillStep,
    CrawlRun,
    Entry,
    Feed,
    FeedCheck,
    FeedEntry,
    FetchLogEntry,
    GapDetected,
    format_utc,
    parse_utc,
)
from storage.sql import (
    articles,
    backfill_steps,
    entries,
    feed_rows,
    feeds,
    fingerprints,
    gaps,
    leases,
    removal,
    rows,
    throttles,
)
from storage.sqlite import connection
from storage.store import Store
from storage.verdicts import Alias, FullerView, Revision, Unchanged, Verdict
from storage.warc import WarcWriter

SET_META = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"


class Writer(Store):
    """A database, for its one writer: whoever holds the lock. Every method is one transaction; what returned is on the disk."""

    pages: WarcWriter | None = None  # where raw pages go, if they are kept

    def sync_sources(
        self, sources: Iterable[feeds.SourceRow], hosts: dict[str, str], now: datetime | None = None
    ) -> None:
        """Make the tables say what the configuration says; `now` is the clock."""
        with self.transaction():
            feeds.sync_sources(self.db, sources, hosts, format_utc(now or datetime.now(UTC)))

    def release_leases(self) -> int:
        """Give back the leases of a holder that is gone; how many there were."""
        with self.transaction():
            return leases.release_leases(self.db)

    def lease_feeds(self, **which: Any) -> list[Feed]:
        """See leases.lease_feeds."""
        with self.transaction():
            return leases.lease_feeds(self.db, **which)

    def lease_entries(self, **which: Any) -> list[Entry]:
        """See leases.lease_entries."""
        with self.transaction():
            return leases.lease_entries(self.db, **which)

    def lease_rechecks(self, **which: Any) -> list[Entry]:
        """See leases.lease_rechecks."""
        with self.transaction():
            return leases.lease_rechecks(self.db, **which)

    def lease_urgent(self, **which: Any) -> list[Entry]:
        """Entries that a person waits for; looks without a transaction first, as it is asked every second."""
        if not self.db.conn.execute(
            "SELECT 1 FROM entries WHERE feed_url = '' AND found_by = 'user' AND state = 'pending' LIMIT 1"
        ).fetchone():
            return []
        with self.transaction():
            return leases.lease_urgent(self.db, **which)

    def anything_due(self, now: datetime) -> bool:
        """Whether a feed's, an entry's or a step's time has come: a look without a transaction, for a crawler that asks every second."""
        with connection.translate_errors(self.path):
            return leases.has_due_work(self.db, now=now)

    def last_poll_at(self) -> datetime | None:
        """When a feed was last asked, by the clock of that time."""
        with connection.translate_errors(self.path):
            found = self.db.conn.execute("SELECT max(checked_at) FROM feeds").fetchone()[0]
        return parse_utc(found) if found else None

    def adjust_clock(self, seconds: int, now: datetime, over: float) -> None:
        """The wall clock was set back (negative) or time has passed unseen: see leases.shift and leases.stagger."""
        with self.transaction():
            if seconds < 0:
                leases.shift_due_times(self.db, seconds, now=now)
            else:
                leases.spread_overdue(self.db, now=now, over=over)

    def lease_steps(self, **which: Any) -> list[BackfillStep]:
        """See backfill_steps.lease_steps; looks without a transaction first, as there are none most of the time."""
        if not self.db.conn.execute("SELECT 1 FROM backfill_steps WHERE state = 'pending' LIMIT 1").fetchone():
            return []
        with self.transaction():
            return backfill_steps.lease_steps(self.db, **which)

    def count_pending(self, **which: Any) -> int:
        """How many entries could be leased now."""
        with connection.translate_errors(self.path):
            return leases.count_pending(self.db, **which)

    def add_urgent_entry(self, **entry: Any) -> int:
        """See leases.add_urgent."""
        with self.transaction():
            return leases.add_urgent_entry(self.db, **entry)

    def add_steps(self, steps: Sequence[BackfillStep]) -> int:
        """Pages of older articles that are to be walked; those that were are not walked again. How many are new."""
        with self.transaction():
            for step in steps[:1]:
                backfill_steps.drop_other_steps(self.db, step.source, step.since, step.until)
            return backfill_steps.add_steps(self.db, steps)

    def pending_by_host(self, sources: Sequence[str]) -> dict[str, int]:
        """Articles that backfills of these sources owe, by host."""
        return self._read(backfill_steps.pending_by_host, sources)

    def steps_looked(
        self, sources: Sequence[str], since: str, until: str
    ) -> dict[str, tuple[int, list[tuple[str, str]]]]:
        """How many pages of a backfill each source let us read, and why not the others; see backfill_steps.steps_looked."""
        return self._read(backfill_steps.steps_looked, sources, since, until)

    def retry_steps(self, source: str, since: str, until: str) -> None:
        """Walk again what could not be read the last time a person asked for this."""
        with self.transaction():
            backfill_steps.retry_steps(self.db, source, since, until)

    def set_archive(self, url: str, archive_url: str, kind: str) -> None:
        """Where a feed's older entries are listed."""
        with self.transaction():
            self.db.conn.execute("UPDATE feeds SET archive_url = ?, kind = ? WHERE url = ?", (archive_url, kind, url))

    def set_meta(self, key: str, value: str) -> None:
        """Keep a word in the meta table."""
        with self.transaction():
            self.db.conn.execute(SET_META, (key, value))

    def optimize(self) -> None:
        """Let SQLite look at its statistics, and fold the WAL into the file."""
        with connection.translate_errors(self.path):
            self.db.conn.execute("PRAGMA optimize")
            self.db.conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def housekeep(
        self, *, now: datetime, in_flight: Sequence[int], steps: Sequence[int] = (), give_up_gaps: timedelta
    ) -> None:
        """Give back leases that ended without an answer; close gaps that nothing fills; forget steps that were walked a month ago."""
        with self.transaction():
            leases.return_expired(self.db, now=now, in_flight=in_flight)
            backfill_steps.return_steps(self.db, steps)
            gaps.expire_gaps(self.db, now, give_up_gaps)
            backfill_steps.forget_steps(self.db, now - timedelta(days=30))

    def save_progress(self, run_id: int, totals: Mapping[str, int]) -> None:
        """How far a run has come, so that a kill leaves more than a beginning."""
        with self.transaction():
            self.db.conn.execute(
                f"UPDATE crawl_runs SET {', '.join(f'{name} = :{name}' for name in totals)} WHERE id = :id",
                {**totals, "id": run_id},
            )

    def feeds_to_replace(self, now: datetime, day: timedelta) -> list[Feed]:
        """Feeds that have failed for a day, or are gone, and whose successor was not looked for since; three at a time."""
        with connection.translate_errors(self.path):
            return feeds.feeds_to_replace(self.db, now=now, day=day)

    def set_replacement(self, url: str, line: str | None, now: datetime) -> None:
        """What to write into the source list instead of a feed; None where nothing was found."""
        with self.transaction():
            self.db.conn.execute(
                "UPDATE feeds SET replacement = ?, replacement_searched_at = ? WHERE url = ?",
                (line, format_utc(now), url),
            )

    def rename_source(self, old: str, new: str, now: datetime) -> int:
        """Give a source's rows another id; how many articles that were."""
        with self.transaction():
            count = int(self.db.conn.execute("SELECT count(*) FROM articles WHERE source = ?", (old,)).fetchone()[0])
            self.db.conn.execute(
                "INSERT INTO changes (article_id, at, op) SELECT id, ?, 'regrouped' FROM articles WHERE source = ? ORDER BY id",
                (format_utc(now), old),
            )
            for table in ("articles", "entries", "feeds", "gaps", "backfill_steps"):
                self.db.conn.execute(f"UPDATE {table} SET source = ? WHERE source = ?", (new, old))
            self.db.conn.execute("UPDATE OR IGNORE source_days SET source = ? WHERE source = ?", (new, old))
            self.db.conn.execute(
                "DELETE FROM sources WHERE id = ? AND EXISTS (SELECT 1 FROM sources WHERE id = ?)", (new, old)
            )
            self.db.conn.execute("UPDATE sources SET id = ? WHERE id = ?", (new, old))
            self.db.conn.execute(
                "UPDATE OR IGNORE article_urls SET url_key = replace(url_key, ?, ?) WHERE kind = 'id' AND url_key LIKE ?",
                (f"id:{old}/", f"id:{new}/", f"id:{old}/%"),
            )
        return count

    def begin_run(self, command: str, now: datetime) -> int:
        """A row of crawl_runs; its id."""
        with self.transaction():
            return int(
                self.db.conn.execute(
                    "INSERT INTO crawl_runs (command, started_at) VALUES (?, ?)", (command, format_utc(now))
                ).lastrowid
            )

    def finish_run(self, run: CrawlRun) -> None:
        """Write how a run ended."""
        names = ("feeds", "entries_new", "articles_new", "revised", "copies", "rejected", "failed")
        with self.transaction():
            self.db.conn.execute(
                f"UPDATE crawl_runs SET finished_at = ?, exit_code = ?, {', '.join(f'{n} = ?' for n in names)} WHERE id = ?",
                (run.finished_at, run.exit_code, *(run.total(n) for n in names), run.id),
            )

    def record_fetches(self, fetches: Iterable[FetchLogEntry]) -> None:
        """Rows of the request ledger."""
        with self.transaction():
            self.insert_fetches(fetches)

    def insert_fetches(self, fetches: Iterable[FetchLogEntry]) -> None:
        """Rows of the request ledger, inside a transaction that the caller opened."""
        self.db.conn.executemany(
            "INSERT INTO fetches (at, url, host, status, bytes, ms, conditional, outcome, entries_listed, entries_known) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    format_utc(f.at),
                    f.url,
                    f.host,
                    f.status,
                    f.bytes,
                    f.ms,
                    int(f.conditional),
                    f.outcome,
                    f.entries_listed,
                    f.entries_known,
                )
                for f in fetches
            ],
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction; what stands inside, and the raw pages that it points at, are on the disk when it ends."""
        with connection.transaction(self.path, self.db), self._pages_too():
            yield
            if self.pages is not None and (end := self.pages.sync()) is not None:
                self.db.conn.execute(SET_META, ("warc_position", end))

    @contextmanager
    def _pages_too(self) -> Iterator[None]:
        """What a transaction that failed appended to the raw pages is taken back: it is tried again, for as long as a disk is full."""
        mark = self.pages.position() if self.pages is not None else None
        try:
            yield
        except BaseException:
            if self.pages is not None:
                self.pages.truncate_to(mark)
            raise

    def enable_raw_pages(self, software: str = "newsdesk") -> None:
        """Keep raw pages from here on; software: who writes them, for the head of each file."""
        self.pages = WarcWriter(self.path, ends=lambda: self.meta("warc_position"), software=software)

    def close(self) -> None:
        """Close the files."""
        if self.pages is not None:
            self.pages.close()
        super().close()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """One record inside a transaction: it alone is undone when it cannot be written."""
        with connection.savepoint(self.db):
            yield

    # Inside a transaction that the caller opened: look up, decide, apply.
    def apply_check(self, check: FeedCheck, source: str | None) -> entries.CheckCounts:
        """Write what a poll found."""
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

    def known_entries(self, feed_url: str, listed: Sequence[FeedEntry]) -> set[str]:
        """Which entries of a listing its feed has listed before."""
        return entries.known_entries(self.db, feed_url, listed)

    def record_throttle(self, **which: Any) -> datetime | None:
        """See throttles.note_throttle."""
        return throttles.record_throttle(self.db, **which)

    def open_gap(self, gap: GapDetected, steps: Callable[[int], Sequence[BackfillStep]], **where: Any) -> bool:
        """Write down a hole and where to look for what was in it; see gaps.open_gap."""
        return gaps.open_gap(self.db, gap=gap, steps=steps, **where)

    def apply_step(self, step: BackfillStep, found: BackfillResult, now: datetime) -> int:
        """Write what a step of a gap or a backfill brought."""
        return gaps.apply_step(self.db, step, found, now=now)

    def known_before(self, step: BackfillStep, listed: Sequence[FeedEntry]) -> int:
        """How many of these were known before the time that a step asks for."""
        return backfill_steps.known_before(self.db, step, listed)

    def apply_verdict(self, verdict: Verdict) -> int | None:
        """Write what a page turned out to be."""
        absorbed = verdict.absorbs if isinstance(verdict, Revision | FullerView | Alias | Unchanged) else None
        if absorbed is not None and verdict.article_id is not None:
            removal.merge(self.db, absorbed, verdict.article_id, format_utc(verdict.at))
        return articles.apply_verdict(self.db, verdict)

    def reprocess(
        self, article_id: int, article: Article, at: datetime, words: tuple[int, int], prints: Sequence[int]
    ) -> None:
        """Write what a newer extractor reads; see storage.sql.articles.reprocess."""
        with self.transaction():
            articles.reprocess(self.db, article_id, article, at, words, prints)

    def delete_expired_fingerprints(self, now: datetime) -> int:
        """Take out fingerprints that no look-up asks for any more; how many they were."""
        with self.transaction():
            return fingerprints.delete_expired(self.db, now)

    def set_extractor(self, article_id: int, extractor: str, now: datetime) -> None:
        """Another extractor read the same: the record is its own from now on."""
        with self.transaction():
            self.db.conn.execute("UPDATE articles SET extractor = ? WHERE id = ?", (extractor, article_id))
            articles.change(self.db, article_id, format_utc(now), "reprocessed")

    def prune_articles(self, before: str, sources: Sequence[str], now: datetime) -> int:
        """Take out articles first seen before a time; see storage.sql.removal.prune. How many they were."""
        count = 0
        while ids := self._read(removal.to_prune, before, sources, 500):
            with self.transaction():
                count += removal.prune(self.db, ids, format_utc(now))
        return count

    def delete_raw_pages(self, before: datetime) -> int:
        """Delete raw pages of days before a time; how many files that were."""
        files = warc.older_files(self.path, before)
        if files:
            with self.transaction():  # first the pointers: a kill between leaves a file that the next pruning takes
                articles.clear_raw_pages(self.db, files)
            warc.delete_files(self.path, files)
        return len(files)

    def articles_by_url_keys(self, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
        """For each known url key: (article id, kind of address)."""
        return rows.articles_by_url_keys(self.db, keys)

    def first_not_found_at(self, article_id: int) -> str | None:
        """Since when a stored article is not found; None where it is."""
        return self._read(articles.first_not_found_at, article_id)

    def articles_with_text(self, source: str | None, content_hash: str) -> list[Article]:
        """Articles of that source with that very text."""
        return rows.articles_with_text(self.db, source, content_hash)


def open_writer(path: str | Path) -> Writer:
    """Open a database for writing, making it where there is none; take the lock first (storage.sqlite.lock).

    Raises:
        StorageError: it is not ours, damaged, newer, read-only, or the disk is full.
    """
    return Writer(Path(path), connection.open_writer(Path(path)))
