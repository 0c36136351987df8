"""The cursor file: how far a consumer of exports has got. It is written only after its export is on the disk."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crawler.errors import CrawlerError
from crawler.outputs.atomic_files import atomic_write
from storage.records import Filter
from storage.store import Store

log = logging.getLogger("newsdesk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A position in the changes of one database: all matches of `query` up to `seq` were exported."""

    database_id: str
    generation: str
    seq: int
    query: Mapping[str, Any]
    timeline: int | None = None  # of a server: another one after each fail-over


def current_cursor(store: Store, which: Filter) -> Cursor:
    """The newest position."""
    return Cursor(
        database_id=store.meta("database_id") or "",
        generation=store.meta("generation") or "1",
        seq=store.last_seq(),
        query=filter_as_json(which),
        timeline=store.timeline(),
    )


def filter_as_json(which: Filter) -> dict[str, Any]:
    """A filter as JSON, without empty fields."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(which).items()
        if value not in (None, (), False)
    }


def read_cursor(path: Path, now_here: Cursor) -> int:
    """The seq to continue from; 0 if there is no file yet.

    Args:
        path: the cursor file.
        now_here: the newest position of the queried database, with the query of this export.

    Raises:
        CrawlerError: it is not a cursor, or one of another database or another query, or older than a restored backup.
    """
    try:
        cursor = _cursor(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise CrawlerError(
            f"{path}: cannot be read: {error.strerror}; name another file with --since-cursor"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CrawlerError(
            f"{path}: not a cursor that newsdesk wrote; name another file with --since-cursor"
        ) from error
    anew = "delete it, and the next export writes everything"
    if cursor.database_id != now_here.database_id:
        raise CrawlerError(f"{path}: a cursor of another database ({cursor.database_id}); {anew}")
    if cursor.generation == now_here.generation and cursor.seq > now_here.seq:
        raise CrawlerError(
            f"{path}: it is at seq {cursor.seq}, the database at {now_here.seq} only: "
            f"the database was replaced by an older copy; {anew}; drop the consumer's copy"
        )
    if cursor.generation != now_here.generation:
        raise CrawlerError(
            f"{path}: a backup was restored since it was written (generation {cursor.generation}, "
            f"now {now_here.generation}), so it may not be valid: "
            f"{anew}; drop the consumer's copy, which may have articles that are gone"
        )
    if cursor.query != now_here.query:
        raise CrawlerError(
            f"{path}: it follows another query ({json.dumps(cursor.query, ensure_ascii=False)}); "
            "use one cursor per query, with absolute times (2026-11-01, not 7d)"
        )
    if None not in {cursor.timeline, now_here.timeline} and cursor.timeline != now_here.timeline:
        log.warning(
            "%s: the server failed over since it was written (timeline %s, now %s); if its replica was asynchronous, "
            "the last changes before seq %d may be missing or differ: then %s",
            path, cursor.timeline, now_here.timeline, cursor.seq, anew,
        )  # fmt: skip
    return cursor.seq


def _cursor(said: Any) -> Cursor:
    """Parse the content of a cursor file.

    Raises:
        ValueError, KeyError, TypeError: it is not a cursor.
    """
    if "newsdesk" in said or not isinstance(said["query"], dict):
        raise ValueError("a manifest, say")
    if type(said["seq"]) is not int or not 0 <= said["seq"] < 2**63:
        raise ValueError("no seq")
    timeline = said.get("timeline")
    return Cursor(
        database_id=str(said["database_id"]),
        generation=str(said["generation"]),
        seq=said["seq"],
        query=said["query"],
        timeline=timeline if isinstance(timeline, int) else None,
    )


def write_cursor(path: Path, cursor: Cursor) -> None:
    """Write the cursor atomically; it is on the disk when this returns.

    Raises:
        CrawlerError: it cannot be written.
    """
    with atomic_write(
        path, advice="the export is complete, the cursor is not: the next export writes the same again"
    ) as file:
        values = {name: value for name, value in asdict(cursor).items() if value is not None}
        file.write((json.dumps(values, ensure_ascii=False, indent=1) + "\n").encode())
