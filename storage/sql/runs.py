"""The crawl_runs and fetches tables: runs of commands, and the log of their requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from storage.engine import Database
from storage.records import CrawlRun, FetchLogEntry
from storage.sql.rows import insert
from storage.utc import format_utc


def begin_run(db: Database, command: str, now: datetime) -> int:
    """Insert a run; returns its id."""
    return insert(db, "INSERT INTO crawl_runs (command, started_at) VALUES (?, ?)", (command, format_utc(now)))


def save_progress(db: Database, run_id: int, totals: Mapping[str, int]) -> None:
    """Set the totals of a run."""
    assignments = ", ".join(f"{name} = :{name}" for name in totals)
    db.conn.execute(f"UPDATE crawl_runs SET {assignments} WHERE id = :id", {**totals, "id": run_id})


def finish_run(db: Database, run: CrawlRun) -> None:
    """Store the result of a run."""
    names = ("feeds", "entries_new", "articles_new", "revised", "copies", "rejected", "failed")
    totals = ", ".join(f"{name} = ?" for name in names)
    db.conn.execute(
        f"UPDATE crawl_runs SET finished_at = ?, exit_code = ?, {totals} WHERE id = ?",
        (run.finished_at, run.exit_code, *(run.total(name) for name in names), run.id),
    )


def insert_fetches(db: Database, fetches: Iterable[FetchLogEntry]) -> None:
    """Insert rows into the request log."""
    db.conn.executemany(
        "INSERT INTO fetches "
        "  (at, url, host, status, bytes, ms, conditional, outcome, entries_listed, entries_known) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
