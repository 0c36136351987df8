"""The changes table: what happened to articles, for cursors and watches. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Literal

from storage.article import Article
from storage.engine import Database
from storage.sql import history
from storage.sql.rows import article_by_id
from storage.utc import format_utc, parse_utc

Event = Literal["new", "edited", "vanished"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEvent:
    """One change that a watch may report."""

    seq: int
    at: str
    event: Event
    article: Article
    edit: Mapping[str, Any] | None = None  # of an edit: the new version's row
    before: Mapping[str, Any] | None = None  # of an edit: the previous version's row
    # why it is not reported: it is from a first crawl, a backfill or an archive
    suppressed_reason: str | None = None


def change_events(db: Database, after: int, until: int) -> Iterator[ChangeEvent]:
    """New, edited and vanished articles after a seq and up to another, in order.

    Reprocessed, merged and regrouped articles are left out.
    """
    rows = db.conn.execute(
        "SELECT seq, article_id, at, op "
        "FROM changes "
        "WHERE seq > ? AND seq <= ? AND op IN ('new', 'revised', 'vanished') "
        "ORDER BY seq",
        (after, until),
    ).fetchall()
    for seq, article_id, at, op in rows:
        article = article_by_id(db, article_id)
        if article is None:
            continue
        make = partial(ChangeEvent, seq=seq, at=at, article=article)
        if op == "vanished":
            yield make(event="vanished")
            continue
        edit = _edit(db, article_id, at) if op == "revised" else None
        if edit is not None:
            quiet = "of an archive" if edit[1]["imported"] else None
            yield make(event="edited", edit=edit[1], before=edit[0], suppressed_reason=quiet)
        else:  # new, or a fuller view of an article that was a headline
            yield make(event="new", suppressed_reason=_quiet(db, article))


def _edit(db: Database, article_id: int, at: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The publisher's version seen at that time, after the one before it."""
    row = db.conn.execute(
        "SELECT max(number) FROM revisions WHERE article_id = ? AND seen_at = ? AND cause = 'publisher'",
        (article_id, at),
    ).fetchone()
    return history.version_pair(db, article_id, row[0]) if row[0] is not None else None


def _quiet(db: Database, article: Article) -> str | None:
    """Why a new article is not reported, or None.

    It is not reported if all its entries are from a backfill, or were in the first successful response of their feed.
    """
    entries = db.conn.execute(
        "SELECT e.first_seen_at, e.found_by, e.backfill, f.first_success_at, p.first_success_at "
        "FROM entries e "
        "LEFT JOIN feeds f ON f.url = e.feed_url "
        "LEFT JOIN feeds p ON p.url = f.parent_url "
        "WHERE e.article_id = ?",
        (article.id,),
    ).fetchall()
    why = [_quiet_entry(*entry) for entry in entries]
    return why[0] if why and all(why) else None


def _quiet_entry(seen: str, found_by: str, backfill: int, began: str | None, parents: str | None) -> str | None:
    if found_by == "user":
        return None
    if backfill or found_by == "backfill":
        return "of a backfill"
    # The child sitemaps of an index come and go with their days: what counts is the index, and the hour in which its
    # child sitemaps are first read.
    if parents is not None:
        began = format_utc(parse_utc(parents) + timedelta(hours=1))
    return "of a first crawl" if began is not None and seen <= began else None


def seq_before(db: Database, at: str) -> int:
    """The last seq before a time."""
    return int(db.conn.execute("SELECT coalesce(max(seq), 0) FROM changes WHERE at < ?", (at,)).fetchone()[0])


def last_seq(db: Database) -> int:
    """The newest seq of changes; 0 if there is none."""
    return int(db.conn.execute("SELECT coalesce(max(seq), 0) FROM changes").fetchone()[0])


def changes(db: Database, since_seq: int) -> Iterator[dict[str, Any]]:
    """Changes after that seq, only the latest of each article, in the order of seq.

    Yields:
        seq, article_id, at, op, merged_into, uid (of a deleted article), came (1 if it was new after that seq).
    """
    rows = db.stream(
        "SELECT c.seq, c.article_id, c.at, c.op, c.merged_into, c.uid, "
        "  EXISTS (SELECT 1 FROM changes n WHERE n.article_id = c.article_id AND n.seq > :seq AND n.op = 'new') "
        "FROM changes c "
        "WHERE c.seq > :seq "
        "  AND NOT EXISTS (SELECT 1 FROM changes l WHERE l.article_id = c.article_id AND l.seq > c.seq) "
        "ORDER BY c.seq",
        {"seq": since_seq},
    )
    names = ("seq", "article_id", "at", "op", "merged_into", "uid", "came")
    for row in rows:
        yield {**dict(zip(names, row, strict=True)), "came": int(row[-1])}
