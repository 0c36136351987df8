"""Where a consumer of exports stands: the cursor file, written only after what it vouches for is on the disk."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crawler.errors import CrawlerError
from storage.records import Filter
from storage.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place in the changes of one database: all up to `seq` was handed out, of the articles that `query` asks for."""

    database_id: str
    generation: str
    seq: int
    query: Mapping[str, Any]


def here(store: Store, which: Filter) -> Cursor:
    """The newest place."""
    return Cursor(
        database_id=store.meta("database_id") or "",
        generation=store.meta("generation") or "1",
        seq=store.last_seq(),
        query=query_of(which),
    )


def query_of(which: Filter) -> dict[str, Any]:
    """What a filter asks for, as JSON; what it leaves open is left out."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(which).items()
        if value not in (None, (), False)
    }


def read_cursor(path: Path, now_here: Cursor) -> int:
    """The seq to go on from; 0 where there is no file yet.

    Args:
        path: the cursor file.
        now_here: the newest place of the database that is asked, with the query of this export.

    Raises:
        CrawlerError: it is no cursor, or one of another database, another query, or of a time before a backup was restored.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        cursor = Cursor(**{name: said[name] for name in ("database_id", "generation", "seq", "query")})
        seq = int(cursor.seq)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise CrawlerError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CrawlerError(
            f"{path}: not a cursor that newsdesk wrote; name another file with --since-cursor"
        ) from error
    anew = "delete it, and the next export gives everything anew"
    if cursor.database_id != now_here.database_id:
        raise CrawlerError(f"{path}: a cursor of another database ({cursor.database_id}); {anew}")
    if cursor.generation != now_here.generation or seq > now_here.seq:
        raise CrawlerError(
            f"{path}: a backup was restored since it was written (generation {cursor.generation}, now {now_here.generation}), so what it vouches for may not be so: "
            f"{anew}; drop what the consumer holds, as it may hold what is no longer there"
        )
    if cursor.query != now_here.query:
        raise CrawlerError(
            f"{path}: it follows another query ({json.dumps(cursor.query, ensure_ascii=False)}); keep a cursor a query, with times that stand still (2026-11-01, not 7d)"
        )
    return seq


def write_cursor(path: Path, cursor: Cursor) -> None:
    """Put the cursor in place in one step, on the disk when this returns.

    Raises:
        CrawlerError: it cannot be written.
    """
    try:
        write_whole(path, (json.dumps(asdict(cursor), ensure_ascii=False, indent=1) + "\n").encode())
    except OSError as error:
        raise CrawlerError(
            f"{path}: cannot be written: {error.strerror}; the export is whole, the cursor is not"
        ) from error


def write_whole(path: Path, body: bytes) -> None:
    """A file that is there as a whole or not at all, and on the disk."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Let a name that was given in a folder outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
