"""The tables, as an append-only list of migrations; each is applied with its record in one transaction.

docs/data.md describes the columns, and a test compares the two. Columns that the contract does not name are internal
and may change; they come last in their table.
"""

from __future__ import annotations

from pathlib import Path

from sqlite_utils import Migrations
from sqlite_utils.db import Database

from storage.sql.versions import CURRENT, set_current
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.first_schema import TABLES

APPLICATION_ID = 0x4E444B31  # "NDK1": distinguishes the file from other SQLite files
SCHEMA = 11  # user_version; a file with a larger one is refused
SET = "newsdesk"

migrations = Migrations(SET)


@migrations()
def first_tables(db: Database) -> None:
    """All tables and columns of the contract."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.conn.execute(statement)
    db.conn.execute(f"PRAGMA application_id={APPLICATION_ID}")


_WATCHING = """
ALTER TABLE feeds ADD COLUMN rhythm TEXT;
ALTER TABLE feeds ADD COLUMN window INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feeds ADD COLUMN overlap INTEGER;
ALTER TABLE feeds ADD COLUMN asked_wait REAL;
ALTER TABLE feeds ADD COLUMN ok_at TEXT;
ALTER TABLE feeds ADD COLUMN full_at TEXT;
ALTER TABLE feeds ADD COLUMN failing_since TEXT;
ALTER TABLE feeds ADD COLUMN lies INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feeds ADD COLUMN moved_to TEXT;
ALTER TABLE feeds ADD COLUMN moved_since TEXT;
ALTER TABLE feeds ADD COLUMN moved_polls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feeds ADD COLUMN address TEXT;
ALTER TABLE feeds ADD COLUMN archive_url TEXT;
ALTER TABLE feeds ADD COLUMN skips TEXT;
ALTER TABLE feeds ADD COLUMN lost_polls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feeds ADD COLUMN lost_since TEXT;
ALTER TABLE feeds ADD COLUMN successor TEXT;
ALTER TABLE feeds ADD COLUMN searched_at TEXT;
ALTER TABLE fetches ADD COLUMN listed INTEGER;
ALTER TABLE fetches ADD COLUMN known INTEGER;
ALTER TABLE entries ADD COLUMN backfill INTEGER NOT NULL DEFAULT 0;
ALTER TABLE gaps ADD COLUMN source TEXT;
ALTER TABLE gaps ADD COLUMN closed_at TEXT;
ALTER TABLE gaps ADD COLUMN how TEXT;
CREATE INDEX gaps_state ON gaps(state);
CREATE INDEX feeds_asked ON feeds(due_at) WHERE state = 'active';
CREATE INDEX feeds_leased ON feeds(host) WHERE leased_until IS NOT NULL;
CREATE TABLE throttles (
  host TEXT NOT NULL,
  url TEXT NOT NULL,
  until TEXT NOT NULL,
  PRIMARY KEY (host, url)
) WITHOUT ROWID;
CREATE TABLE steps (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL,
  gap_id INTEGER REFERENCES gaps(id),
  since TEXT NOT NULL,
  until TEXT NOT NULL,
  url TEXT NOT NULL,
  kind TEXT NOT NULL,
  rank INTEGER NOT NULL,
  feed_url TEXT NOT NULL,
  host TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending',
  attempts INTEGER NOT NULL DEFAULT 0,
  retry_at TEXT,
  found INTEGER NOT NULL DEFAULT 0,
  error TEXT,
  asked_at TEXT,
  mark TEXT
);
CREATE UNIQUE INDEX steps_once ON steps(source, coalesce(gap_id, 0), since, until, url);
CREATE INDEX entries_retry ON entries(retry_at) WHERE retry_at IS NOT NULL;
CREATE INDEX entries_pending ON entries(id) WHERE state = 'pending' AND backfill = 0;
CREATE INDEX entries_backfill ON entries(source) WHERE backfill = 1;
CREATE INDEX entries_refused ON entries(source) WHERE state IN ('rejected', 'gone');
CREATE INDEX articles_incomplete ON articles(source) WHERE completeness <> 'full';
CREATE INDEX steps_owed ON steps(state) WHERE state IN ('pending', 'leased');
UPDATE feeds SET ok_at = checked_at WHERE last_error IS NULL;
UPDATE feeds SET full_at = checked_at WHERE body_hash IS NOT NULL;
UPDATE gaps SET source = (SELECT source FROM feeds f WHERE f.url = gaps.feed_url)
"""


@migrations(name="watching")
def add_poll_state(db: Database) -> None:
    """Polling state of feeds: rate model, window, redirects; gaps and the steps that fill them."""
    for statement in _WATCHING.split(";\n"):
        if statement.strip():
            db.conn.execute(statement)


_FLAT = """
DELETE FROM fingerprints
WHERE seen_day < min((SELECT max(seen_day) FROM fingerprints), strftime('%s', 'now') / 86400) - 30;
DROP INDEX fingerprints_day;
CREATE INDEX fingerprints_article ON fingerprints(article_id);
DROP INDEX articles_seen;
CREATE INDEX articles_seen ON articles(
  first_seen_at,
  source,
  completeness,
  word_count,
  authors <> '[]',
  published_at IS NOT NULL
);
CREATE INDEX entries_next ON entries(host, coalesce(published_at, first_seen_at), id)
  WHERE (state = 'pending' OR (state IN ('retry', 'gone') AND retry_at IS NOT NULL))
"""


@migrations(name="flat_cost")
def bound_article_cost(db: Database) -> None:
    """Indexes that keep the cost of an article constant as the archive grows."""
    for statement in _FLAT.split(";\n"):
        db.conn.execute(statement)


_TAKEN_AWAY = """
ALTER TABLE changes ADD COLUMN uid TEXT;
CREATE INDEX changes_at ON changes(at);
CREATE INDEX articles_edited ON articles(source) WHERE revision > 1;
CREATE INDEX revisions_silent ON revisions(seen_at) WHERE silent;
CREATE TABLE pruned_urls (
  url_key TEXT PRIMARY KEY,
  url TEXT NOT NULL,
  article_id INTEGER NOT NULL,
  pruned_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uid TEXT NOT NULL,
  watch TEXT NOT NULL,
  target TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_at TEXT,
  sent_at TEXT,
  error TEXT
);
CREATE INDEX messages_due ON messages(next_at) WHERE next_at IS NOT NULL;
CREATE TABLE hits (
  watch TEXT NOT NULL,
  once TEXT NOT NULL,
  event TEXT NOT NULL,
  article_id INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  at TEXT NOT NULL,
  told_at TEXT,
  PRIMARY KEY (watch, once)
) WITHOUT ROWID;
CREATE INDEX hits_waiting ON hits(watch) WHERE told_at IS NULL;
CREATE INDEX messages_watch ON messages(watch, created_at);
ALTER TABLE feeds ADD COLUMN first_ok_at TEXT;
UPDATE feeds SET first_ok_at = coalesce((SELECT min(first_seen_at) FROM entries e WHERE e.feed_url = feeds.url), ok_at)
"""


@migrations(name="taken_away")
def add_pruning_and_notifications(db: Database) -> None:
    """Pruned and merged articles with their uids; watch hits and their messages."""
    for statement in _TAKEN_AWAY.split(";\n"):
        db.conn.execute(statement)


_RENAMED_COLUMNS = {
    "feeds": {
        "rhythm": "rate_model",
        "window": "window_size",
        "overlap": "entries_known",
        "asked_wait": "requested_interval",
        "ok_at": "last_success_at",
        "first_ok_at": "first_success_at",
        "full_at": "last_body_at",
        "lies": "validators_unreliable",
        "address": "effective_url",
        "skips": "skip_schedule",
        "lost_polls": "not_found_count",
        "lost_since": "not_found_since",
        "successor": "replacement",
        "searched_at": "replacement_searched_at",
    },
    "fetches": {"listed": "entries_listed", "known": "entries_known"},
    "steps": {"rank": "priority", "mark": "page_hash", "found": "entries_found", "asked_at": "requested_at"},
    "hits": {"once": "dedup_key", "told_at": "notified_at"},
    "messages": {"target": "receiver_hash", "next_at": "next_attempt_at"},
    "throttles": {"until": "hold_until"},
    "gaps": {"how": "filled_by"},
    "articles": {"missing_at": "first_not_found_at"},
}
_RENAMED_TABLES = {"steps": "backfill_steps", "hits": "watch_hits", "messages": "notifications"}
_RENAMED_META = {"watched_seq": "watch_cursor", "health_told": "health_notified", "warc_end": "warc_position"}


@migrations(name="plain_names")
def use_plain_names(db: Database) -> None:
    """Rename internal tables and columns; SQLite rewrites only its schema for that, no rows."""
    for table, columns in _RENAMED_COLUMNS.items():
        for old, new in columns.items():
            db.conn.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    for old, new in _RENAMED_TABLES.items():
        db.conn.execute(f"ALTER TABLE {old} RENAME TO {new}")
    for old, new in _RENAMED_META.items():
        db.conn.execute("UPDATE meta SET key = ? WHERE key = ?", (new, old))


@migrations(name="versions")
def record_versions(db: Database) -> None:
    """A file without articles and entries has the present keys and index; another one keeps its own: versions.py."""
    tables = ("articles", "entries", "article_urls", "pruned_urls")
    if not any(db.conn.execute(f"SELECT EXISTS (SELECT 1 FROM {table})").fetchone()[0] for table in tables):
        for name in CURRENT:
            set_current(SqliteDatabase(Path(), db.conn), name)


_LEARNED = """
ALTER TABLE articles ADD COLUMN learned_version INTEGER;
CREATE TABLE learned_pages (
  source TEXT NOT NULL,
  article_id INTEGER NOT NULL,
  blocks BLOB NOT NULL,
  PRIMARY KEY (source, article_id)
) WITHOUT ROWID;
CREATE TABLE learned_blocks (
  source TEXT NOT NULL,
  block INTEGER NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (source, block)
) WITHOUT ROWID;
CREATE TABLE learned_versions (
  source TEXT NOT NULL,
  version INTEGER NOT NULL,
  blocks BLOB NOT NULL,
  used_at TEXT NOT NULL,
  PRIMARY KEY (source, version)
) WITHOUT ROWID;
CREATE TABLE learned_ever (
  source TEXT NOT NULL,
  block INTEGER NOT NULL,
  used_at TEXT NOT NULL,
  PRIMARY KEY (source, block)
) WITHOUT ROWID
"""


@migrations(name="learned")
def add_learned_blocks(db: Database) -> None:
    """Paragraphs that repeat on a source's pages, and the sets of them that texts were read without."""
    for statement in _LEARNED.split(";\n"):
        if statement.strip():
            db.conn.execute(statement)


@migrations(name="archives")
def add_archives(db: Database) -> None:
    """The files that articles were imported from, which have their raw pages."""
    db.conn.execute(
        "CREATE TABLE archives ("
        "  id INTEGER PRIMARY KEY, path TEXT NOT NULL, sha256 TEXT NOT NULL UNIQUE, size INTEGER NOT NULL)"
    )


@migrations(name="imported_versions")
def add_imported_versions(db: Database) -> None:
    """Which versions were captured in an archive: such a version may be older than the article's row."""
    db.conn.execute("ALTER TABLE revisions ADD COLUMN imported INTEGER NOT NULL DEFAULT 0")
    db.conn.execute("CREATE INDEX revisions_imported ON revisions(article_id) WHERE imported = 1")


_POSTS = """
CREATE TABLE posts (
  article_id INTEGER NOT NULL REFERENCES articles(id),
  key TEXT NOT NULL,
  added INTEGER NOT NULL,
  removed INTEGER,
  missing INTEGER NOT NULL DEFAULT 0,
  at TEXT,
  title TEXT,
  text TEXT NOT NULL,
  first_seen_at TEXT NOT NULL,
  position INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (article_id, key, added)
) WITHOUT ROWID
"""


@migrations(name="posts")
def add_posts(db: Database) -> None:
    """The posts of live pages, each text once, with the versions that have it."""
    db.conn.execute(_POSTS)


_PUSHES = """
CREATE TABLE pushes (
  feed_url TEXT PRIMARY KEY,
  hub TEXT NOT NULL,
  topic TEXT NOT NULL,
  token TEXT NOT NULL UNIQUE,
  secret TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  retry_at TEXT,
  leased_until TEXT,
  verified_at TEXT,
  pushed_at TEXT,
  missed INTEGER NOT NULL DEFAULT 0,
  error TEXT
) WITHOUT ROWID
"""


@migrations(name="pushes")
def add_pushes(db: Database) -> None:
    """The subscriptions of feeds at their hubs."""
    db.conn.execute(_PUSHES)
