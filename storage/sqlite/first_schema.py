"""The tables of the first released schema; later changes are in migrations.py."""

from __future__ import annotations

TABLES = """
CREATE TABLE articles (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uid TEXT NOT NULL UNIQUE,
  url TEXT NOT NULL UNIQUE,
  source TEXT,
  kind TEXT NOT NULL DEFAULT 'article',
  completeness TEXT NOT NULL DEFAULT 'full',
  title TEXT,
  subtitle TEXT,
  authors TEXT NOT NULL DEFAULT '[]',
  published_at TEXT,
  published_raw TEXT,
  modified_at TEXT,
  section TEXT,
  tags TEXT NOT NULL DEFAULT '[]',
  language TEXT,
  summary TEXT,
  text TEXT,
  image_url TEXT,
  image_caption TEXT,
  image_credit TEXT,
  agency TEXT,
  word_count INTEGER NOT NULL DEFAULT 0,
  content_hash TEXT,
  story_id INTEGER NOT NULL,
  duplicate_of INTEGER REFERENCES articles(id),
  revision INTEGER NOT NULL DEFAULT 1,
  first_seen_at TEXT NOT NULL,
  fetched_at TEXT,
  last_same_at TEXT,
  vanished_at TEXT,
  vanished_reason TEXT,
  canonical_elsewhere TEXT,
  extractor TEXT,
  raw_sha256 TEXT,
  warc_file TEXT,
  warc_offset INTEGER,
  provenance TEXT NOT NULL DEFAULT '{}',
  page_url TEXT,
  etag TEXT,
  last_modified TEXT,
  recheck_at TEXT,
  recheck_leased_until TEXT,
  missing_at TEXT
);
CREATE INDEX articles_when ON articles(coalesce(published_at, first_seen_at) DESC);
CREATE INDEX articles_seen ON articles(first_seen_at);
CREATE INDEX articles_source ON articles(source, coalesce(published_at, first_seen_at) DESC);
CREATE INDEX articles_story ON articles(story_id);
CREATE INDEX articles_hash ON articles(content_hash);
CREATE INDEX articles_recheck ON articles(recheck_at) WHERE recheck_at IS NOT NULL;
CREATE INDEX articles_copy ON articles(duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE TABLE article_urls (
  url_key TEXT PRIMARY KEY,
  url TEXT NOT NULL,
  article_id INTEGER NOT NULL REFERENCES articles(id),
  kind TEXT NOT NULL,
  first_seen_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX article_urls_article ON article_urls(article_id);
CREATE TABLE revisions (
  article_id INTEGER NOT NULL REFERENCES articles(id),
  number INTEGER NOT NULL,
  title TEXT,
  subtitle TEXT,
  authors TEXT NOT NULL DEFAULT '[]',
  text TEXT,
  published_at TEXT,
  modified_at TEXT,
  content_hash TEXT,
  seen_at TEXT NOT NULL,
  last_same_at TEXT,
  cause TEXT NOT NULL DEFAULT 'publisher',
  silent INTEGER NOT NULL DEFAULT 0,
  words_added INTEGER NOT NULL DEFAULT 0,
  words_removed INTEGER NOT NULL DEFAULT 0,
  extractor TEXT,
  warc_file TEXT,
  warc_offset INTEGER,
  PRIMARY KEY (article_id, number)
) WITHOUT ROWID;
CREATE INDEX revisions_seen ON revisions(seen_at);
CREATE TABLE sources (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  url TEXT,
  language TEXT,
  country TEXT,
  tags TEXT NOT NULL DEFAULT '[]',
  enabled INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE feeds (
  url TEXT PRIMARY KEY,
  source TEXT,
  kind TEXT NOT NULL,
  final_url TEXT,
  etag TEXT,
  last_modified TEXT,
  body_hash TEXT,
  due_at TEXT,
  interval_seconds REAL,
  checked_at TEXT,
  changed_at TEXT,
  failures INTEGER NOT NULL DEFAULT 0,
  last_error TEXT,
  state TEXT NOT NULL DEFAULT 'active',
  leased_until TEXT,
  not_before TEXT,
  parent_url TEXT,
  host TEXT NOT NULL DEFAULT ''
);
CREATE INDEX feeds_due ON feeds(state, due_at);
CREATE INDEX feeds_source ON feeds(source);
CREATE TABLE entries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  feed_url TEXT NOT NULL,
  identity TEXT NOT NULL,
  guid TEXT,
  url TEXT,
  title TEXT,
  authors TEXT NOT NULL DEFAULT '[]',
  published_at TEXT,
  published_raw TEXT,
  summary TEXT,
  state TEXT NOT NULL DEFAULT 'pending',
  reason TEXT,
  verdict TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  retry_at TEXT,
  leased_until TEXT,
  found_by TEXT NOT NULL DEFAULT 'feed',
  article_id INTEGER REFERENCES articles(id),
  first_seen_at TEXT NOT NULL,
  source TEXT,
  url_key TEXT NOT NULL DEFAULT '',
  host TEXT NOT NULL DEFAULT '',
  not_before TEXT,
  content TEXT,
  fingerprint TEXT NOT NULL DEFAULT '',
  tags TEXT NOT NULL DEFAULT '[]',
  language TEXT,
  image_url TEXT,
  UNIQUE (feed_url, identity)
);
CREATE INDEX entries_owed ON entries(source, state) WHERE state IN ('pending', 'leased', 'retry', 'gone');
CREATE INDEX entries_leased ON entries(host) WHERE state = 'leased';
CREATE INDEX entries_key ON entries(url_key);
CREATE INDEX entries_article ON entries(article_id);
CREATE TABLE crawl_runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  command TEXT NOT NULL,
  started_at TEXT NOT NULL,
  finished_at TEXT,
  exit_code INTEGER,
  feeds INTEGER NOT NULL DEFAULT 0,
  entries_new INTEGER NOT NULL DEFAULT 0,
  articles_new INTEGER NOT NULL DEFAULT 0,
  revised INTEGER NOT NULL DEFAULT 0,
  copies INTEGER NOT NULL DEFAULT 0,
  rejected INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE gaps (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  feed_url TEXT NOT NULL,
  from_at TEXT,
  to_at TEXT,
  found_at TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'open',
  entries_found INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE source_days (
  source TEXT NOT NULL,
  day TEXT NOT NULL,
  polls_ok INTEGER NOT NULL DEFAULT 0,
  polls_failed INTEGER NOT NULL DEFAULT 0,
  longest_blind_seconds INTEGER,
  entries_new INTEGER NOT NULL DEFAULT 0,
  articles INTEGER NOT NULL DEFAULT 0,
  headline_only INTEGER NOT NULL DEFAULT 0,
  rejected TEXT NOT NULL DEFAULT '{}',
  gaps_open INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (source, day)
) WITHOUT ROWID;
CREATE TABLE fetches (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL,
  url TEXT NOT NULL,
  host TEXT NOT NULL,
  status INTEGER,
  bytes INTEGER NOT NULL,
  ms INTEGER NOT NULL,
  conditional INTEGER NOT NULL,
  outcome TEXT NOT NULL
);
CREATE INDEX fetches_at ON fetches(at);
CREATE TABLE changes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  article_id INTEGER NOT NULL,
  at TEXT NOT NULL,
  op TEXT NOT NULL,
  merged_into INTEGER
);
CREATE INDEX changes_article ON changes(article_id);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE fingerprints (
  hash INTEGER NOT NULL,
  article_id INTEGER NOT NULL,
  seen_day INTEGER NOT NULL,
  PRIMARY KEY (hash, article_id)
) WITHOUT ROWID;
CREATE INDEX fingerprints_day ON fingerprints(seen_day);
CREATE VIRTUAL TABLE articles_fts USING fts5(
  title,
  text,
  authors,
  content="articles",
  content_rowid="id",
  tokenize="unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'"
);
"""
