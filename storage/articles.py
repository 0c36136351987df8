"""Articles, their addresses, revisions, copies and the full-text index: look-ups for a decision, and writing the decision (a Verdict).

Functions over one connection; the writing ones run inside a transaction that the caller opened (storage.writer).
"""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from storage.fulltext import flush, index, unindex
from storage.polls import count_rejected
from storage.records import Address, Article, Cause, Twin, Verdict, iso, iso_after, moment

WINDOW = timedelta(
    days=30
)  # syndication is bounded in time; a rolling window keeps the look-up's cost flat (DUPLICATES: 14 to 30 days)
SECOND_LOOK = timedelta(minutes=10)  # a 404 seen twice within this time is one look
_COMMON_OF_SOURCE = (
    4  # articles of one source within the window; a wire story is updated so often, a footer stands in all
)
_COMMON = 50  # a fingerprint that stands in more articles than this is a footer, not a story
FIELDS = tuple(f.name for f in dataclasses.fields(Article))
_LISTS = ("authors", "tags")
COLUMNS = ", ".join(f"a.{name}" for name in FIELDS)


def article_from(row: Sequence[Any]) -> Article:
    """The record of a row of COLUMNS. A cell that another program damaged is read as empty: `db check` names it."""
    found = dict(zip(FIELDS, row, strict=True))
    for name in _LISTS:
        found[name] = tuple(_parsed(found[name], list))
    found["provenance"] = _parsed(found["provenance"], dict)
    for name in ("published_at", "modified_at"):
        if found[name] is not None and len(str(found[name])) not in _TIMES:
            found[name] = None
    return Article(**found)


_TIMES = (10, 20)  # characters of a day, and of a time


def _parsed(cell: Any, kind: type) -> Any:
    try:
        found = json.loads(cell)
    except (ValueError, TypeError, RecursionError):
        return kind()
    return found if isinstance(found, kind) else kind()


def by_id(db: Any, article_id: int) -> Article | None:
    """The article of that id."""
    row = db.conn.execute(f"SELECT {COLUMNS} FROM articles a WHERE a.id = ?", (article_id,)).fetchone()
    return article_from(row) if row else None


def by_keys(db: Any, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
    """For each key that is known: (article id, how the address came to be known)."""
    rows = db.conn.execute(
        "SELECT url_key, article_id, kind FROM article_urls WHERE url_key IN (SELECT value FROM json_each(?))",
        (json.dumps(list(keys)),),
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def same_text(db: Any, source: str | None, content_hash: str) -> list[Article]:
    """Articles of that source with that very text."""
    rows = db.conn.execute(
        f"SELECT {COLUMNS} FROM articles a WHERE a.content_hash = ? AND a.source IS ? ORDER BY a.id LIMIT 5",
        (content_hash, source),
    )
    return [article_from(row) for row in rows]


def twins(db: Any, prints: Sequence[int], *, now: datetime, source: str | None = None, at_least: int = 2) -> list[Twin]:
    """Held articles that share at least that many fingerprints, most first.

    A fingerprint that stands in many articles, or in some of the source's own, is a footer's (DUPLICATES: footers of 60 to 80 words give
    unrelated stories a containment of .2 to .42) and does not count.
    """
    if not prints:
        return []
    since = int((now - WINDOW).timestamp() // 86400)
    hashes = json.dumps([_signed(p) for p in prints])
    rows = db.conn.execute(
        "WITH found AS MATERIALIZED (SELECT hash, article_id FROM fingerprints WHERE hash IN (SELECT value FROM json_each(:prints)) AND seen_day >= :since), "
        "rare AS MATERIALIZED (SELECT hash FROM found GROUP BY hash HAVING count(*) <= :common), "
        # Rows of articles are read of these only: reading those of all that share some phrase cost a millisecond.
        "likely AS MATERIALIZED (SELECT article_id FROM found WHERE hash IN rare GROUP BY article_id HAVING count(*) >= :least), "
        "footer AS MATERIALIZED (SELECT f.hash FROM found f JOIN articles a ON a.id = f.article_id AND a.source = :source WHERE f.article_id IN likely "
        "GROUP BY f.hash HAVING count(*) > :common_of_source) "
        "SELECT article_id, count(*) AS shared FROM found WHERE article_id IN likely AND hash IN rare AND hash NOT IN footer "
        "GROUP BY article_id HAVING shared >= :least ORDER BY shared DESC, article_id LIMIT 20",
        {
            "prints": hashes,
            "since": since,
            "common": _COMMON,
            "common_of_source": _COMMON_OF_SOURCE,
            "source": source,
            "least": at_least,
        },
    ).fetchall()
    ids = json.dumps([row[0] for row in rows])
    found = db.conn.execute(
        "SELECT id, story_id, source, url, title, text, published_at, first_seen_at FROM articles WHERE text IS NOT NULL AND id IN (SELECT value FROM json_each(?)) ORDER BY id",
        (ids,),
    )
    names = ("id", "story_id", "source", "url", "title", "text", "published_at", "first_seen_at")
    return [Twin(**dict(zip(names, row, strict=True))) for row in found]


def apply_verdict(db: Any, verdict: Verdict) -> int | None:
    """Write what one page turned out to be; returns the id of the article it belongs to, if any."""
    at = iso(verdict.at)
    article_id = verdict.article_id
    if verdict.outcome in {"new", "headline"} and verdict.article is not None and article_id is None:
        article_id = _insert(db, verdict, at)
        _unprune(db, verdict.addresses)
        change(db, article_id, at, "new")
    elif article_id is not None and verdict.article is not None and verdict.outcome == "revised":
        _revise(db, article_id, verdict, at)
        change(db, article_id, at, "revised" if verdict.cause == "publisher" else "reprocessed")
    elif article_id is not None and verdict.article is not None and verdict.replace:
        _overwrite(db, article_id, verdict.article, at)
        change(db, article_id, at, "revised")
    elif article_id is not None and verdict.outcome in {"same", "address", "headline"} and not verdict.worse:
        db.conn.execute(
            "UPDATE articles SET last_same_at = ?, recheck_leased_until = NULL WHERE id = ?", (at, article_id)
        )
        db.conn.execute(
            "UPDATE revisions SET last_same_at = ? WHERE article_id = ? AND number = (SELECT revision FROM articles WHERE id = ?)",
            (at, article_id, article_id),
        )
    if verdict.article_id is not None:
        _mark_presence(db, verdict, at)
    if article_id is not None:
        _add_addresses(db, article_id, verdict.addresses, at)
        _set_recheck(db, article_id, verdict.recheck_at)
    if verdict.fingerprints and article_id is not None and verdict.outcome in {"new", "revised"}:
        if verdict.article_id is not None:
            _forget_fingerprints(db, article_id)
        _add_fingerprints(db, article_id, verdict.fingerprints, verdict.at)
    _settle_entries(db, verdict, article_id)
    _count_day(db, verdict, at)
    return article_id


def _mark_presence(db: Any, verdict: Verdict, at: str) -> None:
    """A held article that is not found twice, or gone for good, keeps its text and gets vanished_at; one that is back loses it."""
    article_id = int(verdict.article_id or 0)
    if verdict.outcome == "gone":
        certain = "410" in (verdict.reason or "")
        gone = db.conn.execute(
            "UPDATE articles SET vanished_at = ?, vanished_reason = ? WHERE id = ? AND vanished_at IS NULL AND (? OR missing_at <= ?)",
            (at, verdict.reason, article_id, certain, iso(verdict.at - SECOND_LOOK)),
        )
        db.conn.execute("UPDATE articles SET missing_at = coalesce(missing_at, ?) WHERE id = ?", (at, article_id))
        if gone.rowcount:
            change(db, article_id, at, "vanished")
    elif verdict.outcome in {"new", "revised", "same", "address"} and not verdict.worse:
        db.conn.execute("UPDATE articles SET missing_at = NULL WHERE id = ?", (article_id,))
        back = db.conn.execute(
            "UPDATE articles SET vanished_at = NULL, vanished_reason = NULL WHERE id = ? AND vanished_at IS NOT NULL",
            (article_id,),
        )
        if back.rowcount:
            change(db, article_id, at, "restored")


def _values(article: Article, *, skip: Iterable[str] = ()) -> dict[str, Any]:
    left_out = {"id", *skip}
    found = {name: getattr(article, name) for name in FIELDS if name not in left_out}
    for name in _LISTS:
        if name in found:
            found[name] = json.dumps(list(found[name]), ensure_ascii=False)
    if "provenance" in found:
        found["provenance"] = json.dumps(found["provenance"], ensure_ascii=False, sort_keys=True)
    return found


def _insert(db: Any, verdict: Verdict, at: str) -> int:
    assert verdict.article is not None
    article = dataclasses.replace(
        verdict.article, uid=uuid.uuid4().hex, first_seen_at=verdict.article.first_seen_at or at, fetched_at=at
    )
    row = _values(article)
    row["story_id"] = article.story_id or 0
    columns, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    article_id = int(db.conn.execute(f"INSERT INTO articles ({columns}) VALUES ({marks})", row).lastrowid)
    if not article.story_id:
        db.conn.execute("UPDATE articles SET story_id = id WHERE id = ?", (article_id,))
    index(db, article_id, article)
    return article_id


def _revise(db: Any, article_id: int, verdict: Verdict, at: str) -> None:
    """Keep the version that stands as a row of revisions (from the first edit on), then the new one beside it, then overwrite."""
    assert verdict.article is not None
    held = by_id(db, article_id)
    assert held is not None
    if held.revision == 1:
        _add_revision(
            db, article_id, 1, held, seen_at=held.fetched_at or held.first_seen_at or at, last_same_at=held.last_same_at
        )
    number = held.revision + 1
    new = dataclasses.replace(verdict.article, revision=number)
    _add_revision(
        db,
        article_id,
        number,
        new,
        seen_at=at,
        last_same_at=None,
        silent=verdict.silent,
        cause=verdict.cause,
        words=(verdict.words_added, verdict.words_removed),
    )
    _overwrite(db, article_id, new, at, held=held)


def _add_revision(
    db: Any,
    article_id: int,
    number: int,
    version: Article,
    *,
    seen_at: str,
    last_same_at: str | None,
    silent: bool = False,
    cause: Cause = "publisher",
    words: tuple[int, int] = (0, 0),
) -> None:
    db.conn.execute(
        "INSERT INTO revisions (article_id, number, title, subtitle, authors, text, published_at, modified_at, content_hash, seen_at, last_same_at, silent, "
        "cause, words_added, words_removed, extractor, warc_file, warc_offset) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            article_id, number, version.title, version.subtitle, json.dumps(list(version.authors), ensure_ascii=False), version.text, version.published_at,
            version.modified_at, version.content_hash, seen_at, last_same_at, int(silent), cause, *words, version.extractor, version.warc_file, version.warc_offset,
        ),
    )  # fmt: skip


def reprocess(
    db: Any, article_id: int, article: Article, at: datetime, words: tuple[int, int], prints: Sequence[int]
) -> None:
    """Put what a newer extractor reads on the kept page in the place of what is held: a version of cause `reprocess` where the text is another.

    When the page was fetched and last seen the same stays as it was.
    """
    held = by_id(db, article_id)
    assert held is not None
    number = held.revision
    if article.content_hash != held.content_hash:
        if number == 1:
            _add_revision(
                db,
                article_id,
                1,
                held,
                seen_at=held.fetched_at or held.first_seen_at or iso(at),
                last_same_at=held.last_same_at,
            )
        number += 1
        _add_revision(
            db,
            article_id,
            number,
            article,
            seen_at=iso(at),
            last_same_at=held.last_same_at,
            cause="reprocess",
            words=words,
        )
    _overwrite(db, article_id, dataclasses.replace(article, revision=number), held.fetched_at or iso(at), held=held)
    db.conn.execute("UPDATE articles SET last_same_at = ? WHERE id = ?", (held.last_same_at, article_id))
    _forget_fingerprints(db, article_id)
    _add_fingerprints(db, article_id, prints, moment(held.first_seen_at) if held.first_seen_at else at)
    change(db, article_id, iso(at), "reprocessed")


def to_reprocess(db: Any, sources: Sequence[str], after: int, limit: int) -> list[Article]:
    """Articles whose raw page is kept, by id, beyond an id."""
    rows = db.conn.execute(
        f"SELECT {COLUMNS} FROM articles a WHERE a.warc_file IS NOT NULL AND a.id > :after AND (:any OR a.source IN (SELECT value FROM json_each(:sources))) ORDER BY a.id LIMIT :limit",
        {"after": after, "any": not sources, "sources": json.dumps(list(sources)), "limit": limit},
    )
    return [article_from(row) for row in rows]


def forget_raw(db: Any, files: Sequence[str]) -> None:
    """Raw pages that are gone are pointed at no more."""
    for table in ("articles", "revisions"):
        db.conn.execute(
            f"UPDATE {table} SET warc_file = NULL, warc_offset = NULL WHERE warc_file IN (SELECT value FROM json_each(?))",
            (json.dumps(list(files)),),
        )


def _overwrite(db: Any, article_id: int, article: Article, at: str, held: Article | None = None) -> None:
    """Put the fields of `article` in the place of what is held; identity, story and first sight stay."""
    held = held or by_id(db, article_id)
    assert held is not None
    new = dataclasses.replace(
        article, fetched_at=at, last_same_at=None, revision=article.revision if article.revision > 1 else held.revision
    )
    row = _values(
        new,
        skip=(
            "uid",
            "story_id",
            "duplicate_of",
            "first_seen_at",
            "source",
            "recheck_at",
            "vanished_at",
            "vanished_reason",
        ),
    )
    assignments = ", ".join(f"{name} = :{name}" for name in row)
    db.conn.execute(
        f"UPDATE articles SET {assignments}, recheck_leased_until = NULL WHERE id = :id", {**row, "id": article_id}
    )
    if held.duplicate_of is None and held.completeness != "full" and article.story_id:
        db.conn.execute(
            "UPDATE articles SET story_id = ?, duplicate_of = ? WHERE id = ?",
            (article.story_id, article.duplicate_of, article_id),
        )
    if held.revision > 1 and new.revision == held.revision:  # a fuller view of the newest version, not another one
        db.conn.execute(
            "UPDATE revisions SET title = ?, subtitle = ?, authors = ?, text = ?, content_hash = ?, extractor = ?, warc_file = ?, warc_offset = ? WHERE article_id = ? AND number = ?",
            (
                new.title,
                new.subtitle,
                json.dumps(list(new.authors), ensure_ascii=False),
                new.text,
                new.content_hash,
                new.extractor,
                new.warc_file,
                new.warc_offset,
                article_id,
                held.revision,
            ),
        )
    unindex(db, article_id, held)
    index(db, article_id, new)


def rebuild_index(db: Any) -> int:
    """Write the full-text index anew from the articles; returns how many."""
    db.conn.execute("INSERT INTO articles_fts (articles_fts) VALUES ('delete-all')")
    count = 0
    for row in db.conn.execute(f"SELECT {COLUMNS} FROM articles a").fetchall():
        article = article_from(row)
        index(db, article.id, article)
        flush(db)
        count += 1
    return count


def _unprune(db: Any, addresses: Iterable[Address]) -> None:
    """An article that was pruned and is kept again is no longer one that is left alone."""
    keys = json.dumps([address.url_key for address in addresses])
    db.conn.execute("DELETE FROM pruned_urls WHERE url_key IN (SELECT value FROM json_each(?))", (keys,))


def _add_addresses(db: Any, article_id: int, addresses: Iterable[Address], at: str) -> None:
    for address in addresses:
        # The first row for a key stays, but an address that was only claimed by a canonical link gives way to one that was fetched.
        db.conn.execute(
            "INSERT INTO article_urls (url_key, url, article_id, kind, first_seen_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (url_key) DO UPDATE SET "
            "article_id = excluded.article_id, kind = excluded.kind, url = excluded.url WHERE article_urls.kind = 'canonical' AND excluded.kind IN ('requested', 'final', 'amp')",
            (address.url_key, address.url, article_id, address.kind, at),
        )


def _set_recheck(db: Any, article_id: int, recheck_at: datetime | None) -> None:
    db.conn.execute(
        "UPDATE articles SET recheck_at = ?, recheck_leased_until = NULL WHERE id = ?",
        (iso_after(recheck_at) if recheck_at else None, article_id),
    )


def _add_fingerprints(db: Any, article_id: int, prints: Iterable[int], at: datetime) -> None:
    day = int(at.timestamp() // 86400)
    db.conn.executemany(
        "INSERT INTO fingerprints (hash, article_id, seen_day) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(_signed(p), article_id, day) for p in prints],
    )


def _forget_fingerprints(db: Any, article_id: int) -> None:
    db.conn.execute("DELETE FROM fingerprints WHERE article_id = ?", (article_id,))


def forget_old_fingerprints(db: Any, now: datetime) -> int:
    """Take out those that no look-up asks for any more, so that look-ups cost the same in a large archive; how many they were."""
    newest = db.conn.execute("SELECT max(first_seen_at) FROM articles").fetchone()[0]
    if newest is None:
        return 0
    since = min(now, moment(newest) + timedelta(days=1)) - WINDOW  # not by a clock that ran ahead
    last = db.conn.execute(
        "SELECT max(id) FROM articles WHERE first_seen_at = (SELECT max(first_seen_at) FROM articles WHERE first_seen_at < ?)",
        (iso(since),),
    ).fetchone()
    if last[0] is None:
        return 0
    # An article that was revised since has prints of that day, and keeps them.
    gone = db.conn.execute(
        "DELETE FROM fingerprints WHERE article_id <= ? AND seen_day < ?", (last[0], int(since.timestamp() // 86400))
    )
    return int(gone.rowcount)


def _signed(value: int) -> int:
    """A 64-bit hash as SQLite's signed integer."""
    return value - (1 << 64) if value >= 1 << 63 else value


_STATES = {
    "new": "fetched",
    "revised": "fetched",
    "same": "fetched",
    "address": "fetched",
    "headline": "retry",
    "retry": "retry",
    "failed": "retry",
    "rejected": "rejected",
    "gone": "gone",
}


def _settle_entries(db: Any, verdict: Verdict, article_id: int | None) -> None:
    """Give back the leases of the entries this verdict answers, and settle the others that list the same article."""
    state = _STATES[verdict.outcome]
    if verdict.outcome == "headline" and verdict.retry_at is None:
        state = "fetched"
    if verdict.outcome == "revised" and verdict.retry_at is not None:  # a walled article whose feed entry changed
        state = "retry"
    retry = iso_after(verdict.retry_at) if verdict.retry_at else None
    not_before = iso_after(verdict.not_before) if verdict.not_before else None
    for entry_id in verdict.entry_ids:
        db.conn.execute(
            "UPDATE entries SET state = ?, reason = ?, verdict = ?, attempts = CASE WHEN verdict = ? THEN attempts + 1 ELSE 1 END, retry_at = ?, not_before = ?, leased_until = NULL, "
            "article_id = coalesce(?, article_id) WHERE id = ?",
            (state, verdict.reason, verdict.outcome, verdict.outcome, retry, not_before, article_id, entry_id),
        )
    if article_id is not None and state == "fetched":
        keys = json.dumps([a.url_key for a in verdict.addresses if a.kind != "canonical"])
        db.conn.execute(
            "UPDATE entries SET state = 'fetched', reason = 'already held', verdict = ?, article_id = ? WHERE state = 'pending' AND article_id IS NULL AND url_key IN (SELECT value FROM json_each(?))",
            (verdict.outcome, article_id, keys),
        )


def change(
    db: Any, article_id: int, at: str, op: str, *, uid: str | None = None, merged_into: int | None = None
) -> None:
    """Tell what happened to an article; the uid of one that leaves."""
    db.conn.execute(
        "INSERT INTO changes (article_id, at, op, uid, merged_into) VALUES (?, ?, ?, ?, ?)",
        (article_id, at, op, uid, merged_into),
    )


def _count_day(db: Any, verdict: Verdict, at: str) -> None:
    if not verdict.source or verdict.outcome not in {"new", "headline", "rejected", "gone"}:
        return
    db.conn.execute(
        "INSERT INTO source_days (source, day) VALUES (?, ?) ON CONFLICT DO NOTHING", (verdict.source, at[:10])
    )
    where = (verdict.source, at[:10])
    if verdict.outcome in {"new", "headline"} and verdict.article_id is None:
        column = "articles" if verdict.outcome == "new" else "headline_only"
        db.conn.execute(f"UPDATE source_days SET {column} = {column} + 1 WHERE source = ? AND day = ?", where)
    elif verdict.outcome in {"rejected", "gone"}:
        count_rejected(db, verdict.source, at, verdict.reason or "unknown")
