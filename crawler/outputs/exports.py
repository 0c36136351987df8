"""Export articles into a file or a folder: all of them, or the changes since a cursor.

A file is written under a temporary name and renamed at the end, so that a reader never sees a partial one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from crawler.errors import UsageError
from crawler.outputs.atom import atom_lines
from crawler.outputs.atomic_files import HashingFile, atomic_write
from crawler.outputs.cursors import Cursor, current_cursor
from crawler.outputs.markdown_folder import write_folder
from crawler.outputs.parquet import write_parquet
from crawler.outputs.rows import CHANGE_FIELDS, ExportItem, as_csv, as_jsonl, item_row
from crawler.outputs.wacz import write_wacz
from storage.article import FIELDS
from storage.records import Filter
from storage.store import Store

FORMATS = ("jsonl", "csv", "parquet", "markdown", "atom", "wacz")
_BATCH = 500  # changes per batch of article reads


@dataclass(slots=True, kw_only=True)
class ExportResult:
    """The result of an export."""

    path: Path
    form: str
    at: datetime
    cursor: Cursor  # the position that the export includes
    since: int | None  # the seq it started after; None for a full export
    fields: tuple[str, ...]
    sources: Counter[str | None] = field(default_factory=Counter)  # articles by source
    tombstones: int = 0
    left_out: int = 0  # of a WACZ file: articles whose raw page cannot be read
    sha256: str = ""

    @property
    def articles(self) -> int:
        """The number of articles."""
        return sum(self.sources.values())


def export(
    store: Store,
    which: Filter,
    path: Path,
    form: str,
    *,
    fields: tuple[str, ...] = (),
    since: Callable[[Cursor], int] | None = None,
    now: datetime,
    also: Callable[[ExportResult], None] = lambda _: None,
) -> ExportResult:
    """Write articles, from one state of the database.

    Args:
        store: the database.
        which: the articles.
        path: the file; `-` is stdout; for markdown a folder.
        form: one of FORMATS.
        fields: only these; all if empty.
        since: called with the newest position; returns the seq to start after, 0 for everything, as in the first
            export. None for a full export without change fields.
        now: the clock.
        also: called with the result, on the same state of the database, once the export is on the disk.

    Raises:
        CrawlerError: it cannot be written.
        UsageError: unknown fields, or fields that leave a tombstone without an id; pyarrow is missing.
    """
    if since is not None:
        _check_follows(which, fields)
    with store.snapshot():
        cursor = current_cursor(store, which)
        after = since(cursor) if since is not None else None
        done = ExportResult(path=path, form=form, at=now, cursor=cursor, since=after, fields=fields)
        items = _counted(export_items(store, which, after, cursor.seq), done)
        if form == "wacz":
            _write_wacz(store, which, path, done)
        elif form == "markdown":
            if str(path) == "-":
                raise UsageError("markdown goes into a folder, a file an article; name one")
            done.sha256 = write_folder(items, path, fields)
            if since is not None:
                os.sync()  # thousands of small files: one call for all
        else:
            with atomic_write(path) as file:
                _write(form, items, file, done)
                done.sha256 = file.hash.hexdigest()
        also(done)
    return done


def _write_wacz(store: Store, which: Filter, path: Path, done: ExportResult) -> None:
    """Write the raw pages of articles.

    Raises:
        UsageError: a cursor, whose tombstones have no page; fields; or no article has a raw page.
    """
    if done.since is not None or done.fields:
        raise UsageError("a WACZ file has pages: --since-cursor, --since-seq and --fields are for other formats")
    found = (hit.article for hit in store.articles(which))
    with atomic_write(path) as file:
        for article, is_in in write_wacz(store, found, file, title=_title(done), now=done.at):
            if is_in:
                done.sources[article.source] += 1
            else:
                done.left_out += 1
        done.sha256 = file.hash.hexdigest()


def _title(done: ExportResult) -> str:
    named = ", ".join(f"{name} {_said(value)}" for name, value in done.cursor.query.items())
    return f"newsdesk: {named}" if named else "newsdesk"


def _check_follows(which: Filter, fields: tuple[str, ...]) -> None:
    """Check that an export after a cursor can hand out every change.

    Raises:
        UsageError: the filter leaves articles out for good, or the fields leave a tombstone without an id.
    """
    if which.limit is not None or which.fold_copies:
        raise UsageError(
            "a cursor and --limit or --fold-copies exclude one another: what they leave out would never be handed out"
        )
    if fields and not {"id", "uid"} & set(fields):
        raise UsageError("with a cursor --fields needs id or uid: tombstones have nothing else")


def export_items(store: Store, which: Filter, after: int | None, newest: int) -> Iterator[ExportItem]:
    """What an export writes: articles, and after a cursor what became of the others.

    Args:
        store: the database.
        which: the articles.
        after: the seq it starts after; None for a full export.
        newest: the newest seq.
    """
    if not after:
        changed = {"op": "new", "seq": newest} if after == 0 else {}
        for hit in store.articles(which):
            yield ExportItem(article=hit.article, **changed)  # type: ignore[arg-type]  # one of the two possible values
        return
    changes = store.changes(after)
    while batch := list(islice(changes, _BATCH)):
        ids = tuple(change["article_id"] for change in batch)
        there = {hit.article.id: hit.article for hit in store.articles(Filter(ids=ids))}
        fit = {hit.article.id for hit in store.articles(dataclasses.replace(which, ids=ids))}
        for change in batch:
            found = there.get(change["article_id"])
            op = "new" if change["came"] and found else change["op"]
            place = {"id": change["article_id"], "seq": change["seq"], "at": change["at"]}
            if found is not None and found.id in fit:
                yield ExportItem(article=found, op=op, **place)
            elif found is None:
                yield ExportItem(article=None, uid=change["uid"], op=op, merged_into=change["merged_into"], **place)
            elif change["op"] != "new":  # it is stored, but does not match the query any more, or never did
                yield ExportItem(article=None, uid=found.uid, op="left", **place)


def _counted(items: Iterable[ExportItem], done: ExportResult) -> Iterator[ExportItem]:
    for item in items:
        if item.article is not None:
            done.sources[item.article.source] += 1
        else:
            done.tombstones += 1
        yield item


def _write(form: str, items: Iterable[ExportItem], file: HashingFile, done: ExportResult) -> None:
    columns = (*(done.fields or FIELDS), *(CHANGE_FIELDS if done.since is not None else ()))
    rows = (item_row(item, done.fields) for item in items)
    if form == "parquet":
        write_parquet(rows, file, columns)
        return
    if form == "atom":
        mark = hashlib.sha256(repr(sorted(done.cursor.query.items())).encode()).hexdigest()[:16]
        lines: Iterable[str] = atom_lines(
            items,
            title=_title(done),
            feed_id=f"urn:newsdesk:{done.cursor.database_id}:{mark}",
            now=done.at,
        )
    else:
        lines = map(as_jsonl, rows) if form == "jsonl" else as_csv(rows, columns)
    for line in lines:
        file.write(f"{line}\n".encode("utf-8", "replace"))


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
