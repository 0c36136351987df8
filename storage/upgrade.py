"""Rewrite what a database derived from its records in a former version: URL keys, and the full-text index."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from storage.errors import DiskError
from storage.key_functions import KeyFunctions
from storage.maintenance import backup, backup_name
from storage.sql import url_keys
from storage.sql.articles import rebuild_index
from storage.sql.versions import SEARCH_FOLDING, URL_KEYS, outdated
from storage.utc import format_utc
from storage.writer import Writer

# Measured with articles of 500 words.
_INDEXED_A_SECOND = 1_000
_KEYS_A_SECOND = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """What `newsdesk db migrate` rewrites, and what that takes."""

    parts: tuple[str, ...]  # names of versions
    articles: int
    seconds: float
    bytes: int  # of disk, at most
    backup: Path


def planned(writer: Writer, now: datetime) -> Rewrite | None:
    """What is to be rewritten; None if nothing is.

    Raises:
        DiskError: there is no room for it.
    """
    parts = tuple(outdated(writer.db))
    if not parts:
        return None
    count, addresses = (
        int(writer.db.conn.execute(f"SELECT {sql}").fetchone()[0])
        for sql in (
            "count(*) FROM articles",
            "(SELECT count(*) FROM articles) + (SELECT count(*) FROM article_urls) + (SELECT count(*) FROM entries)",
        )
    )
    size = writer.path.stat().st_size
    # the backup, the new pages in the write-ahead log, and those pages in the file
    plan = Rewrite(
        parts=parts,
        articles=count,
        seconds=(count / _INDEXED_A_SECOND if SEARCH_FOLDING in parts else 0)
        + (addresses / _KEYS_A_SECOND if URL_KEYS in parts else 0),
        bytes=3 * size,
        backup=backup_name(writer.path, now),
    )
    free = shutil.disk_usage(writer.path.resolve().parent).free
    if free < plan.bytes:
        raise DiskError(
            f"{writer.path}: rewriting it takes up to {plan.bytes / 1e6:,.0f} MB of disk for a while and for a backup, "
            f"and {free / 1e6:,.0f} MB are free; make room and run `newsdesk db migrate` again"
        )
    return plan


def rewrite(writer: Writer, plan: Rewrite, keys: KeyFunctions, now: datetime) -> None:
    """Back up, then rewrite each part in a transaction of its own; killed, it goes on where it was the next time."""
    backup(writer.path, plan.backup)
    if URL_KEYS in plan.parts:
        with writer.transaction():
            url_keys.rewrite(writer.db, keys, format_utc(now))
    if SEARCH_FOLDING in plan.parts:
        with writer.transaction():
            rebuild_index(writer.db, fold_anew=True)
