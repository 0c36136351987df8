"""What was learned of each source's pages: the paragraphs of its last pages, and the sets that texts were read without.

Functions over one connection, inside a transaction of the caller. Rows are only added, each named by what it holds, so
the order of pages and the number of writers make no difference; old rows are deleted by their number.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from storage.engine import NO_LIMIT, Database
from storage.sql.rows import move_source

PAGES = 64  # of a source whose paragraphs are kept: the window and as many again
MOST = 256  # paragraphs of a page that are kept
VERSIONS = 64  # of a source that are kept
EVER = 4096  # paragraphs of a source that are remembered as left out once
LONGEST = 300  # characters of a paragraph's text
_KEYS = {  # by table: the rest of its key, after the source
    "learned_pages": "article_id",
    "learned_blocks": "block",
    "learned_versions": "version",
    "learned_ever": "block",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPage:
    """The paragraphs of one article's page, when it was first read."""

    article_id: int
    story_id: int
    blocks: tuple[int, ...]


def add_page(db: Database, source: str, article_id: int, blocks: Iterable[int]) -> None:
    """Add the paragraphs of an article's page, once for each article."""
    db.conn.execute(
        "INSERT INTO learned_pages (source, article_id, blocks) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (source, article_id, _packed(tuple(dict.fromkeys(blocks))[:MOST])),
    )
    db.conn.execute(
        "DELETE FROM learned_pages "
        "WHERE source = ? "
        "  AND article_id <= (SELECT article_id FROM learned_pages "
        "    WHERE source = ? ORDER BY article_id DESC LIMIT 1 OFFSET ?)",
        (source, source, PAGES),
    )


def pages(db: Database, source: str, limit: int) -> list[SeenPage]:
    """The last pages of a source, newest first."""
    rows = db.conn.execute(
        "SELECT p.article_id, a.story_id, p.blocks "
        "FROM learned_pages p "
        "JOIN articles a ON a.id = p.article_id "
        "WHERE p.source = ? "
        "ORDER BY p.article_id DESC "
        "LIMIT ?",
        (source, limit),
    )
    return [SeenPage(article_id=row[0], story_id=row[1], blocks=_unpacked(row[2])) for row in rows]


def add_texts(db: Database, source: str, texts: Mapping[int, str]) -> None:
    """Add the words of paragraphs."""
    db.conn.executemany(
        "INSERT INTO learned_blocks (source, block, text) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(source, block, text[:LONGEST]) for block, text in texts.items()],
    )


def texts(db: Database, source: str) -> dict[int, str]:
    """The words of the paragraphs that repeat or did so, at most LONGEST characters of each, by id."""
    return dict(db.conn.execute("SELECT block, text FROM learned_blocks WHERE source = ?", (source,)))


def add_version(db: Database, source: str, version: int, blocks: Collection[int], at: str) -> None:
    """Add a set that a text was read without; the newest VERSIONS of a source and their paragraphs stay."""
    db.conn.execute(
        "INSERT INTO learned_versions (source, version, blocks, used_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (source, version) DO UPDATE SET used_at = excluded.used_at "
        "WHERE excluded.used_at > learned_versions.used_at",
        (source, version, _packed(sorted(blocks)), at),
    )
    db.conn.executemany(
        "INSERT INTO learned_ever (source, block, used_at) VALUES (?, ?, ?) "
        "ON CONFLICT (source, block) DO UPDATE SET used_at = excluded.used_at "
        "WHERE excluded.used_at > learned_ever.used_at",
        [(source, block, at) for block in sorted(blocks)],
    )
    gone = db.conn.execute(
        "DELETE FROM learned_versions "
        "WHERE source = ? AND version IN (SELECT version FROM learned_versions "
        "  WHERE source = ? ORDER BY used_at DESC, version LIMIT ? OFFSET ?)",
        (source, source, NO_LIMIT, VERSIONS),
    )
    if gone.rowcount:
        kept = {block for blocks in versions(db, source).values() for block in blocks}
        kept |= {block for page in pages(db, source, PAGES) for block in page.blocks}
        old = [(source, block) for block in texts(db, source) if block not in kept]
        db.conn.executemany("DELETE FROM learned_blocks WHERE source = ? AND block = ?", old)
        db.conn.execute(
            "DELETE FROM learned_ever "
            "WHERE source = ? AND block IN (SELECT block FROM learned_ever "
            "  WHERE source = ? ORDER BY used_at DESC, block LIMIT ? OFFSET ?)",
            (source, source, NO_LIMIT, EVER),
        )


def ever(db: Database, source: str) -> frozenset[int]:
    """The paragraphs that texts of a source were read without, also those of versions that are not kept any more."""
    return frozenset(row[0] for row in db.conn.execute("SELECT block FROM learned_ever WHERE source = ?", (source,)))


def version(db: Database, source: str, number: int) -> frozenset[int] | None:
    """The set of a version; None if it is not kept."""
    row = db.conn.execute(
        "SELECT blocks FROM learned_versions WHERE source = ? AND version = ?", (source, number)
    ).fetchone()
    return frozenset(_unpacked(row[0])) if row else None


def versions(db: Database, source: str) -> dict[int, frozenset[int]]:
    """All sets of a source that are kept."""
    rows = db.conn.execute("SELECT version, blocks FROM learned_versions WHERE source = ?", (source,))
    return {row[0]: frozenset(_unpacked(row[1])) for row in rows}


def version_of_article(db: Database, article_id: int) -> int | None:
    """The version that an article's text was read with; None: nothing was left out then."""
    row = db.conn.execute("SELECT learned_version FROM articles WHERE id = ?", (article_id,)).fetchone()
    return row[0] if row else None


def set_version(db: Database, article_id: int, number: int | None) -> None:
    """Set the version that an article's text was read with, where another version gives the same text."""
    db.conn.execute("UPDATE articles SET learned_version = ? WHERE id = ?", (number, article_id))


def rename(db: Database, old: str, new: str) -> None:
    """Change the id of a source."""
    for table, key in _KEYS.items():
        move_source(db, table, key, old, new)
        db.conn.execute(f"DELETE FROM {table} WHERE source = ?", (old,))


def _packed(blocks: Iterable[int]) -> bytes:
    return array("q", blocks).tobytes()


def _unpacked(cell: object) -> tuple[int, ...]:
    """The ids of a cell; none where another program damaged it."""
    if not isinstance(cell, bytes) or len(cell) % 8:
        return ()
    return tuple(array("q", cell))
