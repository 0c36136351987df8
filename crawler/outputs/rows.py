"""Articles as rows for all outputs: the columns of the contract, lists as lists, times as stored."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crawler.errors import UsageError
from storage.article import FIELDS, SCHEMA, Article

CHANGE_FIELDS = ("op", "seq", "merged_into")  # extra fields of a row that reports a change


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportItem:
    """One row of an export: an article, or the tombstone of a deleted one; with its change, if a cursor is used."""

    article: Article | None
    id: int = 0
    uid: str | None = None
    op: str | None = None
    seq: int | None = None
    at: str | None = None
    merged_into: int | None = None


def article_row(article: Article, fields: Sequence[str] = ()) -> dict[str, Any]:
    """The article as a dict of JSON values.

    Raises:
        UsageError: a field that no article has.
    """
    for name in fields:
        if name not in FIELDS:
            raise UsageError(f"no field is called {name!r}; known are {', '.join(FIELDS)}")
    row = article.to_dict()
    return {name: row[name] for name in fields} if fields else row


def item_row(item: ExportItem, fields: Sequence[str] = ()) -> dict[str, Any]:
    """An item as a dict of JSON values; a tombstone has its id, uid, op, seq and merged_into only.

    Raises:
        UsageError: a field that no article has.
    """
    change = {"op": item.op, "seq": item.seq, "merged_into": item.merged_into} if item.op else {}
    if item.article is not None:
        return {**article_row(item.article, fields), **change}
    known = {"id": item.id, "uid": item.uid, "schema": SCHEMA}
    return {**{name: value for name, value in known.items() if name in (fields or known)}, **change}


def as_json(rows: Iterable[Mapping[str, Any]] | dict[str, Any]) -> str:
    """One JSON document: a list of rows, or one thing as it is."""
    return json.dumps(rows if isinstance(rows, dict) else list(rows), ensure_ascii=False, indent=1)


def as_jsonl(row: Mapping[str, Any]) -> str:
    """One object on one line."""
    return json.dumps(row, ensure_ascii=False)


_FORMULA = re.compile(r"^'*[=+\-@\t\r]")


def as_csv(rows: Iterable[Mapping[str, Any]], fields: Sequence[str]) -> Iterable[str]:
    r"""CSV lines (RFC 4180), a header first.

    A cell that a spreadsheet would take for a formula gets a leading apostrophe, and so does one that already begins
    with apostrophes before such a character. To restore the cells, remove the first apostrophe of those that match
    `^'+[=+\-@\t\r]`.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")

    def line(cells: Iterable[Any]) -> str:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(cells)
        return buffer.getvalue().rstrip("\n")

    yield line(fields)
    for row in rows:
        yield line(_cell(row.get(name)) for name in fields)


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
