"""The archives table: the files that articles were imported from; and versions that were captured before others."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from storage.article import Article, Version, in_version
from storage.engine import Database
from storage.sql import articles, history
from storage.sql.rows import insert

PREFIX = "archive:"  # of the warc_file of articles whose raw page is in an archive


def register(db: Database, path: Path, sha256: str, size: int) -> str:
    """Record where a file is; returns the warc_file of its pages. In a transaction of the caller."""
    found = db.conn.execute("SELECT id FROM archives WHERE sha256 = ?", (sha256,)).fetchone()
    if found is None:
        values = (str(path), sha256, size)
        return f"{PREFIX}{insert(db, 'INSERT INTO archives (path, sha256, size) VALUES (?, ?, ?)', values)}"
    db.conn.execute("UPDATE archives SET path = ? WHERE id = ?", (str(path), found[0]))
    return f"{PREFIX}{found[0]}"


def raw_versions(db: Database) -> Iterator[tuple[int, int, str, int, str | None]]:
    """(article id, version, warc_file, warc_offset, sha256 of the page or None) of each version with a raw page."""
    yield from db.stream(
        "SELECT id, revision, warc_file, warc_offset, raw_sha256 FROM articles WHERE warc_file IS NOT NULL "
        "UNION ALL "
        "SELECT r.article_id, r.number, r.warc_file, r.warc_offset, NULL "
        "FROM revisions r JOIN articles a ON a.id = r.article_id "
        "WHERE r.warc_file IS NOT NULL AND r.number <> a.revision "
        "ORDER BY 3, 4",
        {},
    )


def archive(db: Database, warc_file: str) -> tuple[Path, int] | None:
    """(path, size) of a registered file; None if it is none."""
    number = warc_file.removeprefix(PREFIX)
    if number == warc_file or not (number.isascii() and number.isdigit()):
        return None
    row = db.conn.execute("SELECT path, size FROM archives WHERE id = ?", (int(number),)).fetchone()
    return (Path(row[0]), int(row[1])) if row else None


def versions(db: Database, article: Article, at: str) -> list[Version]:
    """The versions of an article in the order in which they were seen; the stored one if it was never edited."""
    rows = history.revisions(db, article.id)
    names = ("number", "seen_at", "last_same_at", "cause", "words_added", "words_removed")
    found = [
        Version(
            article=in_version(article, row), silent=bool(row["silent"]), imported=bool(row["imported"]),
            **{name: row[name] for name in names},
        )
        for row in rows
    ]  # fmt: skip
    return found or [articles.present_version(article, at)]


def write_versions(db: Database, article_id: int, before: Sequence[Version], after: Sequence[Version]) -> None:
    """Write what `after` has otherwise than `before`; new versions get the next numbers."""
    stored = articles.newest_number(db, article_id)
    number = stored or before[0].number
    same = {version.number: version for version in before if stored is not None}
    for version in after:
        if not version.number:
            number += 1
            articles.add_version(db, article_id, dataclasses.replace(version, number=number))
        elif version.number not in same:
            articles.add_version(db, article_id, version)
        elif version != same[version.number]:
            db.conn.execute(
                "UPDATE revisions "
                "SET seen_at = ?, last_same_at = ?, cause = ?, silent = ?, words_added = ?, words_removed = ? "
                "WHERE article_id = ? AND number = ?",
                (
                    version.seen_at, version.last_same_at, version.cause, int(version.silent), version.words_added,
                    version.words_removed, article_id, version.number,
                ),
            )  # fmt: skip
