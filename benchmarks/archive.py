"""A synthetic archive of any size: 2,000 articles a day from 200 sources, as after years of crawling.

It is written with plain SQL instead of the store, for speed. One article in seven is a copy of another outlet's story,
one in twenty was edited; texts have 100 to 900 words. The newest article is of this hour.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.prose import Prose
from crawler.articles.near_duplicates import fingerprints, shingles
from storage.sql.fingerprints import WINDOW
from storage.writer import open_writer

A_DAY = 2_000
SOURCES = 200
CHUNK = 1_000
Row = dict[str, Any]


def source(n: int) -> str:
    return f"outlet-{n:03d}.example"


def _iso(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _chunk(job: tuple[int, int, datetime]) -> list[Row]:
    """Articles first+1 … first+CHUNK of an archive of `total`."""
    first, total, now = job
    prose = Prose(first)
    rows: list[Row] = []
    for n in range(first + 1, min(first + CHUNK, total) + 1):
        seen = now - timedelta(seconds=86400 / A_DAY * (total - n))
        draw = prose.random
        row: Row = {
            "id": n,
            "uid": f"{draw.getrandbits(128):032x}",
            "source": source(draw.randrange(SOURCES)),
            "title": prose.headline(),
            "authors": json.dumps([prose.name()]),
            "published_at": _iso(seen - timedelta(minutes=draw.randint(2, 50))),
            "first_seen_at": _iso(seen),
            "text": prose.text(min(900, max(100, round(draw.lognormvariate(5.9, 0.5))))),
            "story_id": n,
            "duplicate_of": None,
            "language": "en",
        }
        if draw.random() < 1 / 7 and len(rows) > 50:
            original = rows[-draw.randint(1, 50)]
            row |= {
                "text": original["text"].rpartition("\n")[0] or original["text"],
                "story_id": original["story_id"],
                "duplicate_of": original["duplicate_of"] or original["id"],
            }
        row["url"] = f"https://{row['source']}/{seen:%Y/%m/%d}/{row['title'].lower().replace(' ', '-')}-{n}"
        row["content_hash"] = hashlib.sha256(f"{row['title']}{row['text']}".encode()).hexdigest()
        row["word_count"] = row["text"].count(" ") + row["text"].count("\n") + 1
        row["provenance"] = json.dumps(
            {
                name: {"source": "json-ld", "raw": None}
                for name in ("title", "authors", "published_at", "text", "language")
            }
        )
        row["prints"] = fingerprints(shingles(row["text"])) if now - seen < WINDOW else ()
        rows.append(row)
    return rows


def build(path: Path, total: int, *, now: datetime | None = None) -> float:
    """Write an archive; returns the seconds it took."""
    began = time.monotonic()
    now = (now or datetime.now(UTC)).replace(microsecond=0)
    open_writer(path).close()
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1500000", "foreign_keys=OFF"):
        db.execute(f"PRAGMA {pragma}").fetchone()
    db.executemany(
        "INSERT INTO sources (id, name, url, language) VALUES (?, ?, ?, 'en')",
        [(source(n), source(n), f"https://{source(n)}/") for n in range(SOURCES)],
    )
    db.executemany(
        "INSERT INTO feeds (url, source, kind, host, checked_at, last_success_at, due_at) "
        "VALUES (?, ?, 'rss', ?, ?, ?, ?)",
        [
            (f"https://{source(n)}/feed", source(n), source(n), _iso(now), _iso(now), _iso(now + timedelta(hours=1)))
            for n in range(SOURCES)
        ],
    )
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        jobs = ((first, total, now) for first in range(0, total, CHUNK))
        for rows in pool.imap(_chunk, jobs, chunksize=4):
            db.execute("BEGIN")
            _write(db, rows)
            db.execute("COMMIT")
    days = {
        (row[0], row[1]): row[2]
        for row in db.execute("SELECT source, substr(first_seen_at, 1, 10), count(*) FROM articles GROUP BY 1, 2")
    }
    db.executemany(
        "INSERT INTO source_days (source, day, polls_ok, entries_new, articles) VALUES (?, ?, 48, ?, ?)",
        [(s, d, n, n) for (s, d), n in days.items()],
    )
    db.executemany(
        "INSERT INTO fetches (at, url, host, status, bytes, ms, conditional, outcome) "
        "VALUES (?, ?, ?, 304, 0, 40, 1, 'same')",
        _polls(now),
    )
    db.execute("INSERT INTO articles_fts (articles_fts) VALUES ('rebuild')")
    db.execute("ANALYZE")
    db.close()
    return time.monotonic() - began


def _polls(now: datetime) -> Iterator[tuple[str, str, str]]:
    for half_hour in range(14 * 48, 0, -1):
        for n in range(SOURCES):
            yield _iso(now - timedelta(minutes=30 * half_hour)), f"https://{source(n)}/feed", source(n)


def _write(db: Any, rows: list[Row]) -> None:
    db.executemany(
        "INSERT INTO articles (id, uid, url, source, title, authors, published_at, published_raw, language, text, "
        "word_count, content_hash, story_id, duplicate_of, first_seen_at, fetched_at, extractor, raw_sha256, "
        "provenance, page_url, revision) "
        "VALUES (:id, :uid, :url, :source, :title, :authors, :published_at, :published_at, :language, :text, "
        ":word_count, :content_hash, :story_id, :duplicate_of, :first_seen_at, :first_seen_at, 'newsdesk 2', "
        ":content_hash, :provenance, :url, CASE WHEN :id % 20 THEN 1 ELSE 2 END)",
        rows,
    )
    db.executemany("INSERT INTO article_urls VALUES (:url, :url, :id, 'feed', :first_seen_at)", rows)
    db.executemany(
        "INSERT INTO entries (feed_url, identity, guid, url, title, published_at, state, verdict, article_id, "
        "first_seen_at, source, url_key, host) "
        "VALUES ('https://' || :source || '/feed', :url, :url, :url, :title, :published_at, 'fetched', 'new', :id, "
        ":first_seen_at, :source, :url, :source)",
        rows,
    )
    db.executemany("INSERT INTO changes (article_id, at, op) VALUES (:id, :first_seen_at, 'new')", rows)
    edited = [row for row in rows if row["id"] % 20 == 0]
    for number in (1, 2):
        db.executemany(
            f"INSERT INTO revisions (article_id, number, title, authors, text, content_hash, seen_at, words_added) "
            f"VALUES (:id, {number}, :title, :authors, :text, :content_hash, :first_seen_at, 12)",
            edited,
        )
    db.executemany(
        "INSERT INTO fingerprints VALUES (?, ?, ?)",
        [
            (
                value - (1 << 64) if value >= 1 << 63 else value,
                row["id"],
                int(datetime.fromisoformat(row["first_seen_at"]).timestamp() // 86400),
            )
            for row in rows
            for value in row["prints"]
        ],
    )
