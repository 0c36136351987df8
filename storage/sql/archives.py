"""The archives table: the files that articles were imported from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from storage.engine import Database
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
