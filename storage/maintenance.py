"""Maintenance of the database file: check, backup, restore, prune."""

from __future__ import annotations

import contextlib
import glob
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from storage import warc
from storage.errors import DamagedDatabase, DiskError
from storage.fsync import aside, delete_leftovers, sync
from storage.sql.articles import clear_raw_pages, rebuild_index
from storage.sql.entries import MAX_UNLINKED
from storage.sqlite.connection import open_reader
from storage.sqlite.driver import sqlite3
from storage.sqlite.errors import translate_errors
from storage.store import open_store
from storage.utc import format_utc
from storage.writer import Writer, open_writer


def check(path: Path) -> list[str]:
    """List the problems of a database, one line each; empty if it is intact.

    Raises:
        StorageError: it cannot be opened at all.
    """
    problems: list[str] = []
    with open_store(path) as store, translate_errors(path):
        conn = store.db.conn
        problems += [f"pages: {row[0]}" for row in conn.execute("PRAGMA integrity_check(20)") if row[0] != "ok"]
        if problems:
            return problems
        problems += [
            f"foreign key: a row of {row[0]} points to a missing {row[2]}"
            for row in conn.execute("PRAGMA foreign_key_check")
        ]
        for what, sql in _CONSISTENCY_CHECKS:
            count = conn.execute(sql).fetchone()[0]
            if count:
                problems.append(f"{count} {what}")
    return problems


def quick_check(path: Path) -> list[str]:
    """List the damaged pages of a database, one line each. Takes seconds: indexes are not checked.

    Raises:
        StorageError: it cannot be opened at all.
    """
    with open_store(path) as store, translate_errors(path):
        return [f"pages: {row[0]}" for row in store.db.conn.execute("PRAGMA quick_check(20)") if row[0] != "ok"]


def backup_name(path: Path, now: datetime) -> Path:
    """The path of a backup made at that time, next to the database."""
    return path.with_name(f"{path.name}.backup-{format_utc(now).replace(':', '').replace('-', '')}")


def backups(path: Path) -> list[Path]:
    """The backups next to a database, oldest first."""
    return sorted(path.parent.glob(f"{glob.escape(path.name)}.backup-*"))


_CONSISTENCY_CHECKS = (
    (
        (
            "articles with a cell that cannot be read (authors, tags, provenance: JSON; "
            "published_at, modified_at: a day or a UTC time): another program wrote it"
        ),
        (
            "SELECT count(*) FROM articles "
            "WHERE NOT (json_valid(authors) AND json_valid(tags) AND json_valid(provenance)) "
            "  OR published_at IS NOT NULL AND julianday(published_at) IS NULL "
            "  OR modified_at IS NOT NULL AND julianday(modified_at) IS NULL"
        ),
    ),
    (
        "articles without an address of their own",
        "SELECT count(*) FROM articles a WHERE NOT EXISTS (SELECT 1 FROM article_urls u WHERE u.article_id = a.id)",
    ),
    (
        "articles whose story is missing",
        "SELECT count(*) FROM articles a WHERE NOT EXISTS (SELECT 1 FROM articles s WHERE s.id = a.story_id)",
    ),
    (
        "articles that the full-text index does not know",
        "SELECT count(*) FROM articles a WHERE NOT EXISTS (SELECT 1 FROM articles_fts_docsize d WHERE d.id = a.id)",
    ),
    (
        "texts in the full-text index whose article is missing",
        "SELECT count(*) FROM articles_fts_docsize d WHERE NOT EXISTS (SELECT 1 FROM articles a WHERE a.id = d.id)",
    ),
    (
        "articles with edits whose versions are missing",
        (
            "SELECT count(*) FROM articles a "
            "WHERE (a.revision > 1 OR EXISTS (SELECT 1 FROM revisions r WHERE r.article_id = a.id)) "
            "AND NOT EXISTS (SELECT 1 FROM revisions r WHERE r.article_id = a.id "
            "  GROUP BY r.article_id HAVING count(*) = max(number) AND sum(number = a.revision) = 1)"
        ),
    ),
    (
        "articles without a line in changes",
        "SELECT count(*) FROM articles a WHERE NOT EXISTS (SELECT 1 FROM changes c WHERE c.article_id = a.id)",
    ),
)


def check_index(writer: Writer) -> str | None:
    """Run FTS5's integrity check; its message, or None. Needs the writer: the check is an INSERT."""
    try:
        with writer.transaction():
            writer.db.conn.execute("INSERT INTO articles_fts (articles_fts) VALUES ('integrity-check')")
    except DamagedDatabase as error:
        return str(error)
    return None


def reindex(writer: Writer) -> int:
    """Rebuild the full-text index."""
    with writer.transaction():
        return rebuild_index(writer.db)


def backup(path: Path, target: Path) -> int:
    """Copy a database, also while it is being written. The copy appears atomically. Returns its size in bytes.

    Uses SQLite's backup API. A plain file copy lacked 144 acknowledged rows, which were still in the WAL (RELIABILITY
    3.6).

    Raises:
        DiskError: the target cannot be written.
    """
    if _same_file(path, target):
        raise DiskError(f"{target} is the database itself; name another file for the backup")
    if target.exists() and target.is_dir():
        raise DiskError(f"{target} is a folder; name the backup's file")
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0
    # leftovers of dated backups: no later backup has the same name, so `_beside` would not delete them
    with contextlib.suppress(OSError):
        delete_leftovers(path)
    source = open_reader(path)
    with contextlib.closing(source), _beside(target) as part:
        try:
            with translate_errors(target):
                copy = sqlite3.connect(str(part))
                try:
                    source.conn.backup(copy)
                    copy.execute("PRAGMA journal_mode=DELETE").fetchone()
                finally:
                    copy.close()
            sync(part)
            part.chmod(mode)  # the copy is readable by the same users as the database
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    return target.stat().st_size


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """An empty file, private to its owner, that is to become the target. Leftovers of killed runs are deleted first."""
    delete_leftovers(target)
    try:
        descriptor, name = aside(target)
    except OSError as error:
        raise DiskError(f"{target}: cannot be written: {error.strerror}; name another file for the backup") from error
    try:
        yield Path(name)
    finally:
        os.close(descriptor)


def restore(source: Path, path: Path, now: datetime) -> int:
    """Replace the database by a backup; the old file is kept next to it. Returns the new generation.

    The caller holds the lock. `generation` is increased, so that a cursor issued before the restore can be
    distinguished from one issued after it.

    Raises:
        StorageError: the backup is not an intact newsdesk database, or the path cannot be written.
    """
    if _same_file(source, path):
        raise DiskError(f"{source} is the database itself; name the backup to restore")
    problems = check(source)
    if problems:
        raise DamagedDatabase(
            f"{source}: not restored, the backup itself is damaged ({problems[0]}); name another backup"
        )
    old = _generation(path) if path.exists() else None
    with open_store(source) as backup_store:
        generation = max(old or 1, int(backup_store.meta("generation") or 1)) + 1
    if old is None:
        # The generation of a lost or damaged file is unknown. The clock makes the generation unique for each restore,
        # so that a cursor of one never matches another.
        generation = max(generation, int(now.timestamp()))
    try:
        part = path.with_name(f".{path.name}-restore")
        for suffix in ("", "-wal", "-shm", "-journal"):
            part.with_name(part.name + suffix).unlink(missing_ok=True)
        backup(source, part)  # through SQLite, so that rows in the backup's own WAL are copied
        old_mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
        # an archived backup may be read-only; a database must be writable
        part.chmod((stat.S_IMODE(part.stat().st_mode) if old_mode is None else old_mode) | stat.S_IWUSR)
        _raise_generation(part, generation)  # before the file is replaced: a crash must not leave the old generation
        if old_mode is not None:
            part.chmod(old_mode)
        if path.exists():
            _checkpoint_wal(path)
            _keep_old_copy(path, f"{path.name}.before-restore-{format_utc(now).replace(':', '')}")
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        part.replace(path)
    except OSError as error:
        raise DiskError(f"{path}: cannot be restored: {error.strerror}; correct that and restore again") from error
    open_writer(path).close()  # migrates a backup of an older newsdesk
    return generation


def _raise_generation(path: Path, generation: int) -> None:
    with translate_errors(path):
        old = sqlite3.connect(str(path))
        try:
            old.execute("PRAGMA synchronous=FULL")
            old.execute("UPDATE meta SET value = ? WHERE key = 'generation'", (str(generation),))
            old.commit()
        finally:
            old.close()
    sync(path)


def _keep_old_copy(path: Path, name: str) -> None:
    """Hard-link the file to a second name.

    Its own name stays until the new file replaces it atomically, so a crash leaves one of the two in place.
    """
    for number in range(1, 1000):
        aside = path.with_name(name if number == 1 else f"{name}-{number}")
        try:
            os.link(path, aside)
        except FileExistsError:
            continue
        except OSError:  # the file system has no hard links
            path.replace(aside)
        return


def _same_file(a: Path, b: Path) -> bool:
    return a.exists() and b.exists() and a.samefile(b)


def _generation(path: Path) -> int | None:
    from storage.errors import StorageError

    try:
        with open_store(path) as old:
            return int(old.meta("generation") or 1)
    except (StorageError, ValueError):  # it is being restored because it is damaged
        return None


def _checkpoint_wal(path: Path) -> None:
    """Write the WAL back into the file that is being replaced, if it can still be read.

    Raises:
        DiskError: a reader blocks the checkpoint; the rows in the WAL would be lost.
    """
    try:
        old = sqlite3.connect(str(path), timeout=10)
        busy = old.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        old.close()
    except sqlite3.DatabaseError:
        return
    if busy:
        raise DiskError(f"{path}: something is reading it (`newsdesk browse`?); close it and restore again")


# Without an address; the newest of them may still be listed.
_OLD_UNLINKED = (
    "DELETE FROM entries "
    "WHERE url_key = '' "
    "  AND (state = 'rejected' "
    "    OR state = 'fetched' AND id < ("
    "      SELECT n.id FROM entries n "
    "      WHERE n.feed_url = entries.feed_url AND (n.url_key || '') = '' "
    "      ORDER BY n.id DESC LIMIT 1 OFFSET ?)) "
    "  AND first_seen_at < ? "
    "  AND feed_url IN ("
    "    SELECT feed_url FROM entries "
    "    WHERE url_key = '' AND state IN ('rejected', 'fetched') "
    "    GROUP BY feed_url "
    "    HAVING count(*) >= ?)"
)


def delete_raw_pages(writer: Writer, before: datetime) -> int:
    """Delete raw pages of days before a time; returns the number of files."""
    files = warc.older_files(writer.address, before)
    if files:
        # pointers first: a crash between the two leaves a file that the next pruning deletes
        with writer.transaction():
            clear_raw_pages(writer.db, files)
        warc.delete_files(writer.address, files)
    return len(files)


def prune(writer: Writer, *, now: datetime, fetches_before: str) -> dict[str, int]:
    """Delete old rows that are not articles: the request log, runs, rejected entries and their contents.

    Args:
        writer: the database.
        now: the clock.
        fetches_before: delete requests before this time, from the settings.
    """
    year = format_utc(now - timedelta(days=365))
    questions: dict[str, tuple[str, tuple[Any, ...]]] = {
        "fetches": ("DELETE FROM fetches WHERE at < ?", (fetches_before,)),
        "runs": ("DELETE FROM crawl_runs WHERE started_at < ?", (year,)),
        "rejected entries": (
            (
                "DELETE FROM entries "
                "WHERE state = 'rejected' "
                "  AND first_seen_at < ? "
                "  AND feed_url NOT IN (SELECT url FROM feeds WHERE state = 'active')"
            ),
            (year,),
        ),
        "maps that no index names": (  # their entries stay, so that they are known if listed again
            "DELETE FROM feeds WHERE parent_url IS NOT NULL AND state = 'disabled' AND coalesce(checked_at, '') < ?",
            (format_utc(now - timedelta(days=7)),),
        ),
        "contents of rejected entries": (
            "UPDATE entries SET content = NULL WHERE state = 'rejected' AND content IS NOT NULL",
            (),
        ),
        # only of feeds at the limit of stored entries: other feeds may list theirs indefinitely
        "entries without an address": (
            _OLD_UNLINKED,
            (MAX_UNLINKED // 2, format_utc(now - timedelta(days=7)), MAX_UNLINKED),
        ),
    }
    with writer.transaction():
        return {name: int(writer.db.conn.execute(sql, values).rowcount) for name, (sql, values) in questions.items()}
