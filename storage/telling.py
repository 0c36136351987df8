"""What watches look at, what they found, and the messages that tell of it. Functions over one connection; the writing ones inside a transaction of the caller's."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from sqlite_utils.db import sqlite3

from storage.held import by_id
from storage.records import Article, iso, moment
from storage.words import match_query, segment

Event = Literal["new", "edited", "vanished"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One change that a watch may tell of."""

    seq: int
    at: str
    event: Event
    article: Article
    edit: Mapping[str, Any] | None = None  # of an edit: the version's row,
    before: Mapping[str, Any] | None = None  # and that of the version before
    quiet: str | None = None  # why a new article is no news: it is of a first crawl, or of a backfill


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a watch found: told once for `once`."""

    watch: str
    once: str
    event: str
    article_id: int
    revision: int
    seq: int
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one receiver, as it is sent; `target` is a hash of the receiver."""

    id: int
    uid: str
    watch: str
    target: str
    body: str
    created_at: str
    attempts: int


def happened(db: Any, after: int, until: int) -> Iterator[Happened]:
    """What was stored, edited and found gone after a seq, up to another, in order. Of a reprocess, a merge, a regrouping nothing is told."""
    rows = db.conn.execute(
        "SELECT seq, article_id, at, op FROM changes WHERE seq > ? AND seq <= ? AND op IN ('new', 'revised', 'vanished') ORDER BY seq",
        (after, until),
    ).fetchall()
    for seq, article_id, at, op in rows:
        article = by_id(db, article_id)
        if article is None:
            continue
        make = partial(Happened, seq=seq, at=at, article=article)
        if op == "vanished":
            yield make(event="vanished")
            continue
        edit = _edit(db, article_id, at) if op == "revised" else None
        if edit is not None:
            yield make(event="edited", edit=edit[1], before=edit[0])
        else:  # new, or a fuller view of what was a headline
            yield make(event="new", quiet=_quiet(db, article))


def _edit(db: Any, article_id: int, at: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The publisher's version that was seen then, behind the one before it."""
    cursor = db.conn.execute(
        "SELECT * FROM revisions WHERE article_id = :id AND number IN (SELECT number FROM revisions WHERE article_id = :id AND seen_at = :at AND number > 1 AND cause = 'publisher' "
        "UNION SELECT number - 1 FROM revisions WHERE article_id = :id AND seen_at = :at AND number > 1 AND cause = 'publisher') ORDER BY number",
        {"id": article_id, "at": at},
    )
    names = [column[0] for column in cursor.description]
    found = [dict(zip(names, row, strict=True)) for row in cursor]
    return (found[-2], found[-1]) if len(found) > 1 else None


def _quiet(db: Any, article: Article) -> str | None:
    """Why a new article is no news. It is where every listing of it was a backfill's, or stood in its feed's first good answer."""
    entries = db.conn.execute(
        "SELECT e.first_seen_at, e.found_by, e.backfill, f.first_ok_at, p.first_ok_at FROM entries e LEFT JOIN feeds f ON f.url = e.feed_url "
        "LEFT JOIN feeds p ON p.url = f.parent_url WHERE e.article_id = ?",
        (article.id,),
    ).fetchall()
    why = [_quiet_entry(*entry) for entry in entries]
    return why[0] if why and all(why) else None


def _quiet_entry(seen: str, found_by: str, backfill: int, began: str | None, parents: str | None) -> str | None:
    if found_by == "user":
        return None
    if backfill or found_by == "backfill":
        return "of a backfill"
    if (
        parents is not None
    ):  # the parts of a sitemap come and go with their days: what counts is the index, and the hour in which its parts are read first
        began = iso(moment(parents) + timedelta(hours=1))
    return "of a first crawl" if began is not None and seen <= began else None


def edit(db: Any, article_id: int, number: int) -> dict[str, Any] | None:
    """One version of an article, with the headline of the one before it as `title_before`."""
    row = db.conn.execute(
        "SELECT r.title, p.title, r.words_added, r.words_removed, r.silent, r.seen_at FROM revisions r JOIN revisions p ON p.article_id = r.article_id AND p.number = r.number - 1 "
        "WHERE r.article_id = ? AND r.number = ?",
        (article_id, number),
    ).fetchone()
    names = ("title", "title_before", "words_added", "words_removed", "silent", "seen_at")
    return dict(zip(names, row, strict=True)) if row else None


def matching(queries: Sequence[str], texts: Sequence[tuple[str, str, str]]) -> list[set[int]]:
    """For each query the indexes of the texts that it finds, by the very index that `search` asks; an empty query finds all.

    Args:
        queries: as in `newsdesk search`.
        texts: (title, text, authors).
    """
    found: list[set[int]] = []
    db = sqlite3.connect(":memory:")
    try:
        db.execute(
            "CREATE VIRTUAL TABLE t USING fts5(title, text, authors, tokenize=\"unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'\")"
        )
        db.executemany(
            "INSERT INTO t (rowid, title, text, authors) VALUES (?, ?, ?, ?)",
            [(n, *map(segment, text)) for n, text in enumerate(texts)],
        )
        for query in queries:
            if not query.strip():
                found.append(set(range(len(texts))))
                continue
            match = match_query(query)
            rows = db.execute("SELECT rowid FROM t WHERE t MATCH ?", (match,)).fetchall() if match else []
            found.append({row[0] for row in rows})
    finally:
        db.close()
    return found


def seq_before(db: Any, at: str) -> int:
    """The last seq before a time."""
    return int(db.conn.execute("SELECT coalesce(max(seq), 0) FROM changes WHERE at < ?", (at,)).fetchone()[0])


def add_found(db: Any, found: Iterable[Found]) -> int:
    """Write what watches found; what was told before, and is the same, is not told again. How many are new."""
    before = db.conn.total_changes
    db.conn.executemany(
        "INSERT INTO hits (watch, once, event, article_id, revision, seq, at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(f.watch, f.once, f.event, f.article_id, f.revision, f.seq, f.at) for f in found],
    )
    return int(db.conn.total_changes - before)


def waiting(db: Any) -> dict[str, list[Found]]:
    """What was found and is not told yet, by watch, oldest first."""
    rows = db.conn.execute(
        "SELECT watch, once, event, article_id, revision, seq, at FROM hits WHERE told_at IS NULL ORDER BY watch, seq"
    )
    found: dict[str, list[Found]] = {}
    for row in rows:
        hit = Found(**dict(zip(("watch", "once", "event", "article_id", "revision", "seq", "at"), row, strict=True)))
        found.setdefault(hit.watch, []).append(hit)
    return found


def last_told(db: Any, watch: str) -> str | None:
    """When a message of a watch was last made."""
    found: str | None = db.conn.execute("SELECT max(created_at) FROM messages WHERE watch = ?", (watch,)).fetchone()[0]
    return found


def put_messages(
    db: Any, watch: str, targets: Sequence[str], body: Mapping[str, Any], told: Sequence[Found], now: datetime
) -> None:
    """Make one message a receiver, and what it tells of told."""
    at = iso(now)
    for target in targets:
        uid = secrets.token_hex(16)
        db.conn.execute(
            "INSERT INTO messages (uid, watch, target, body, created_at, next_at) VALUES (?, ?, ?, ?, ?, ?)",
            (uid, watch, target, json.dumps({**body, "id": uid}, ensure_ascii=False), at, at),
        )
    db.conn.executemany(
        "UPDATE hits SET told_at = ? WHERE watch = ? AND once = ?", [(at, f.watch, f.once) for f in told]
    )


PATIENCE = 6  # tries, half an hour, for which a message holds up those behind it


def due_messages(db: Any, now: datetime) -> list[Message]:
    """Of each receiver the oldest unsent message, if its time has come: later ones wait for it, so that a receiver that is down is asked for one thing.

    What a receiver refused so often (it may be this very message that it does not like) waits by itself: of those one at a time goes along.
    """
    rows = db.conn.execute(
        "SELECT id, uid, watch, target, body, created_at, attempts FROM messages WHERE next_at <= :now AND id IN ("
        "SELECT min(id) FROM messages WHERE next_at IS NOT NULL AND attempts < :patience GROUP BY target "
        "UNION ALL SELECT min(id) FROM messages WHERE next_at <= :now AND attempts >= :patience GROUP BY target) ORDER BY id",
        {"now": iso(now), "patience": PATIENCE},
    )
    names = ("id", "uid", "watch", "target", "body", "created_at", "attempts")
    return [Message(**dict(zip(names, row, strict=True))) for row in rows]


def attempt(db: Any, message: Message, next_at: datetime) -> None:
    """Write that a message is sent now, and when it is tried again should nothing be heard of it."""
    db.conn.execute("UPDATE messages SET attempts = attempts + 1, next_at = ? WHERE id = ?", (iso(next_at), message.id))


def settle(db: Any, message: Message, now: datetime, error: str | None, next_at: datetime | None) -> None:
    """Write what became of a message: sent, to be tried again, or given up (an error and no next time)."""
    db.conn.execute(
        "UPDATE messages SET error = ?, sent_at = ?, next_at = ? WHERE id = ?",
        (error, iso(now) if error is None else None, iso(next_at) if next_at else None, message.id),
    )


def outbox(db: Any) -> list[dict[str, Any]]:
    """Each watch that ever spoke: messages sent, waiting, given up, the newest, the last error."""
    cursor = db.conn.execute(
        "SELECT watch, sum(sent_at IS NOT NULL) AS sent, sum(next_at IS NOT NULL) AS waiting, sum(sent_at IS NULL AND next_at IS NULL) AS given_up, "
        "max(sent_at) AS sent_at, (SELECT error FROM messages e WHERE e.watch = m.watch AND e.error IS NOT NULL AND e.sent_at IS NULL ORDER BY id DESC LIMIT 1) AS error FROM messages m GROUP BY watch"
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def forget(db: Any, before: datetime) -> None:
    """Take out messages that were sent or given up before a time. What was told stays known, so that it is not told again."""
    db.conn.execute("DELETE FROM messages WHERE next_at IS NULL AND created_at < ?", (iso(before),))
