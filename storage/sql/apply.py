"""Write a verdict on a page, and what it says of other readings of the same article before and after.

Functions over one connection; they run inside a transaction of the caller (storage.writer).
"""

from __future__ import annotations

from datetime import datetime

from storage.engine import Database
from storage.sql import articles, learned, removal, stories
from storage.sql.rows import article_by_id
from storage.utc import format_utc
from storage.verdicts import Alias, FullerView, Rereading, Revision, Unchanged, Verdict


def apply_verdict(db: Database, verdict: Verdict) -> int | None:
    """Write the verdict; returns the id of its article, if any."""
    then: Rereading | None = None
    if isinstance(verdict, Revision | FullerView | Alias | Unchanged) and verdict.article_id is not None:
        if verdict.absorbs is not None:
            removal.merge(db, verdict.absorbs, verdict.article_id, format_utc(verdict.at))
        if verdict.reread is not None:
            _write(db, verdict.article_id, verdict.reread, verdict.at)
        then = verdict.then
    stored = article_by_id(db, verdict.article_id) if isinstance(verdict, FullerView) else None
    article_id = articles.apply_verdict(db, verdict)
    if isinstance(verdict, FullerView) and stored is not None:
        stories.join(db, stored, verdict.article, format_utc(verdict.at))
    if then is not None and article_id is not None:
        _write_if_other(db, article_id, then, verdict.at)
    return article_id


def _write(db: Database, article_id: int, read: Rereading, at: datetime) -> None:
    words = (read.words_added, read.words_removed)
    articles.reprocess(db, article_id, read.article, at, words, read.fingerprints)


def _write_if_other(db: Database, article_id: int, read: Rereading, at: datetime) -> None:
    """Write another reading; if it is the stored one, only the version of its rules."""
    stored = article_by_id(db, article_id)
    if stored is not None and stored.content_hash == read.article.content_hash:
        learned.set_version(db, article_id, read.article.learned_version)
    else:
        _write(db, article_id, read, at)
