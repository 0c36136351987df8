"""Copy all records from one database to another, between a SQLite file and PostgreSQL either way, or a window of them.

Rows are copied table by table, in the order of their keys, as they are: ids, uids, seq and generation stay. A batch is
written together with its place, so a copy that was interrupted goes on. At the end the rows of both are counted and
hashed. What is read is one state of the source, while others write it; if that state is another one when a copy goes
on, the copy begins anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from storage.engine import Database
from storage.errors import StorageError
from storage.postgres.values import clean_value
from storage.sql import meta
from storage.sql.articles import INDEXED, index_row
from storage.sql.versions import CURRENT, outdated
from storage.store import Store
from storage.writer import Writer

BATCH = 500  # rows of one transaction
_PLACE = "copying"  # key in meta of the target: where an unfinished copy is
# Keys in meta that are of one database, and stay there.
_OWN = {_PLACE, "schema", *CURRENT}
_SOON = "first_seen_at >= :since"
# With a window: articles of it, and those that they are copies of or that their stories begin with.
_ARTICLES = (
    f"SELECT id FROM articles WHERE {_SOON} "
    f"UNION SELECT duplicate_of FROM articles WHERE {_SOON} AND duplicate_of IS NOT NULL "
    f"UNION SELECT story_id FROM articles WHERE {_SOON}"
)
_OF_ARTICLE = f"article_id IN ({_ARTICLES})"


@dataclass(frozen=True, slots=True)
class _Table:
    """A table, the columns that order its rows, and the condition of a window; "" for all rows."""

    name: str
    key: tuple[str, ...]
    window: str = ""


_TABLES = (
    _Table("sources", ("id",)),
    _Table("feeds", ("url",)),
    _Table("articles", ("id",), f"id IN ({_ARTICLES})"),
    _Table("article_urls", ("url_key",), _OF_ARTICLE),
    _Table("revisions", ("article_id", "number"), _OF_ARTICLE),
    _Table("posts", ("article_id", "key", "added"), _OF_ARTICLE),
    _Table("entries", ("id",), f"(article_id IN ({_ARTICLES}) OR article_id IS NULL AND {_SOON})"),
    _Table("crawl_runs", ("id",), "started_at >= :since"),
    _Table("gaps", ("id",), ""),
    _Table("backfill_steps", ("id",), ""),
    _Table("source_days", ("source", "day"), "day >= substr(:since, 1, 10)"),
    _Table("fetches", ("id",), "at >= :since"),
    _Table("changes", ("seq",), _OF_ARTICLE),
    _Table("fingerprints", ("hash", "article_id"), _OF_ARTICLE),
    _Table("throttles", ("host", "url")),
    _Table("pruned_urls", ("url_key",), "pruned_at >= :since"),
    _Table("notifications", ("id",), "created_at >= :since"),
    _Table("watch_hits", ("watch", "dedup_key"), "at >= :since"),
    _Table("archives", ("id",)),
    _Table("learned_pages", ("source", "article_id"), _OF_ARTICLE),
    _Table("learned_blocks", ("source", "block")),
    _Table("learned_versions", ("source", "version")),
    _Table("learned_ever", ("source", "block")),
)


def copy(source: Store, target: Writer, *, since: str | None, say: Callable[[str], None]) -> dict[str, int]:
    """Copy the records of one database into another, which is empty or has an unfinished copy of it.

    Args:
        source: an open database.
        target: the other one, locked.
        since: only articles first seen since then, and what belongs to them; None for all.
        say: called with a line of progress for each table.

    Returns:
        The number of rows by table.

    Raises:
        StorageError: the target has other records, the source is of an earlier version, or the two differ at the end.
    """
    if parts := outdated(source.db):
        raise StorageError(f"{source.address}: {', '.join(parts)} of an earlier version; `newsdesk db migrate` first")
    unfinished = json.loads(target.meta(_PLACE) or "{}").get("stamp")
    if since is not None and unfinished and unfinished[-1] is not None:
        since = unfinished[-1]  # "7d" is another time at each start
    with source.snapshot(), source.db.translate_errors():
        place = _begin(source, target, since)
        for number, table in enumerate(_TABLES):
            if number >= place["table"]:
                _copy_table(source.db, target, table, place, since)
                say(f"{table.name}: {place['rows'].get(table.name, 0):,} rows")
        return _finish(source, target, since, place)


def _begin(source: Store, target: Writer, since: str | None) -> dict[str, Any]:
    """Where the copy goes on: the number of a table, the last key in it, and the rows copied by table."""
    stamp = [source.meta("database_id"), source.last_seq(), source.totals(), *_last_writes(source.db), since]
    found = target.meta(_PLACE)
    place: dict[str, Any] | None = json.loads(found) if found else None
    if place is not None and place["stamp"] == stamp:
        return place
    if place is None and any(target.totals().values()):
        raise StorageError(f"{target.address}: has records already; copy into an empty database")
    with target.transaction():
        for table in reversed(_TABLES):
            if table.name == "articles":
                target.db.conn.execute("UPDATE articles SET duplicate_of = NULL")
            target.db.conn.execute(f"DELETE FROM {table.name}")
        target.db.full_text.clear(fold_anew=True)
        place = {"stamp": stamp, "table": 0, "key": None, "rows": {}}
        meta.set_value(target.db, _PLACE, json.dumps(place))
    return place


def _last_writes(db: Database) -> list[Any]:
    """What changes with each poll and request, also where nothing is new."""
    row = db.conn.execute(
        "SELECT (SELECT max(checked_at) FROM feeds), (SELECT max(id) FROM fetches), (SELECT max(id) FROM crawl_runs), "
        "  (SELECT count(*) FROM entries WHERE state = 'fetched')"
    ).fetchone()
    return list(row)


def _copy_table(source: Database, target: Writer, table: _Table, place: dict[str, Any], since: str | None) -> None:
    columns = _columns(source, table)
    insert = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    keys = [columns.index(name) for name in table.key]
    rows = _rows(source, table, columns, since, after=place["key"])
    originals = columns.index("duplicate_of") if table.name == "articles" else None
    count = place["rows"].get(table.name, 0)
    while batch := list(islice(rows, BATCH)):
        with target.transaction():
            # an original may have a later id than its copy: references are set when all rows are there
            target.db.conn.executemany(
                insert, batch if originals is None else [_without(row, originals) for row in batch]
            )
            if originals is not None:
                _index(target.db, columns, batch)
            count += len(batch)
            place["rows"][table.name] = count
            place["key"] = [batch[-1][i] for i in keys]
            meta.set_value(target.db, _PLACE, json.dumps(place))
    with target.transaction():
        if originals is not None:
            _set_originals(source, target.db, since)
        place["table"], place["key"] = _TABLES.index(table) + 1, None
        place["rows"].setdefault(table.name, 0)
        meta.set_value(target.db, _PLACE, json.dumps(place))


def _columns(db: Database, table: _Table) -> list[str]:
    description = db.conn.execute(f"SELECT * FROM {table.name} LIMIT 0").description
    return [column[0] for column in description]


def _rows(
    db: Database, table: _Table, columns: Iterable[str], since: str | None, after: list[Any] | None = None
) -> Iterator[tuple[Any, ...]]:
    """The rows of a table in the order of its key, after a key."""
    where = [table.window] if since is not None and table.window else []
    values: dict[str, Any] = {"since": since}
    if after is not None:
        where.append(f"({', '.join(table.key)}) > ({', '.join(f':key{n}' for n in range(len(after)))})")
        values |= {f"key{n}": value for n, value in enumerate(after)}
    condition = f"WHERE {' AND '.join(where)}" if where else ""
    return db.stream(
        f"SELECT {', '.join(columns)} FROM {table.name} {condition} ORDER BY {', '.join(table.key)}", values
    )


def _without(row: tuple[Any, ...], column: int) -> tuple[Any, ...]:
    return (*row[:column], None, *row[column + 1 :])


def _set_originals(source: Database, target: Database, since: str | None) -> None:
    window = f"AND id IN ({_ARTICLES})" if since is not None else ""
    rows = source.stream(
        f"SELECT duplicate_of, id FROM articles WHERE duplicate_of IS NOT NULL {window}", {"since": since}
    )
    target.conn.executemany(
        "UPDATE articles SET duplicate_of = ? WHERE id = ? AND EXISTS (SELECT 1 FROM articles o WHERE o.id = ?)",
        ((original, row, original) for original, row in rows),
    )


def _index(db: Database, columns: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
    places = [columns.index(name) for name in INDEXED]
    for row in rows:
        index_row(db, [row[i] for i in places])


def _finish(source: Store, target: Writer, since: str | None, place: dict[str, Any]) -> dict[str, int]:
    """Compare the two, then make the copy a database: its meta values, the last ids that were given."""
    for table in _TABLES:
        theirs, ours = (_digest(db, table, since) for db in (source.db, target.db))
        if theirs != ours:
            with target.transaction():  # so that the next copy begins anew
                meta.set_value(target.db, _PLACE, json.dumps({**place, "stamp": None}))
            raise StorageError(
                f"{target.address}: {table.name} differs from {source.address} ({theirs[0]:,} and {ours[0]:,} rows); "
                "another program wrote one of them; the same command copies anew"
            )
    rows = source.db.conn.execute("SELECT key, value FROM meta").fetchall()
    with target.transaction():
        for key, value in rows:
            if key not in _OWN:
                meta.set_value(target.db, key, value)
        for table_name, last in source.db.last_ids().items():
            target.db.set_last_id(table_name, last)
        meta.delete(target.db, _PLACE)
    return dict(place["rows"])


def _digest(db: Database, table: _Table, since: str | None) -> tuple[int, str]:
    """The number of rows and a hash of them, as PostgreSQL would store their texts."""
    digest, count = hashlib.blake2b(digest_size=16), 0
    columns = _columns(db, table)
    for row in _rows(db, table, columns, since):
        values = [clean_value(value) for value in row]
        digest.update(json.dumps(values, default=bytes.hex, ensure_ascii=False).encode("utf-8", "replace"))
        count += 1
    return count, digest.hexdigest()
