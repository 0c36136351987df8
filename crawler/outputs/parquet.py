"""Parquet files, for pandas, DuckDB and others; needs pyarrow, from the extra `parquet`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from crawler.errors import UsageError
from crawler.startup import unblock_heavy_imports
from storage.article import moment
from storage.frames import arrow_row, arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 1_000  # per row group: articles have some kilobytes each, so memory stays small
# The columns with times as timestamps, beside those with the texts as stored.
TIMESTAMPS = {
    "published_at": "published",
    "modified_at": "modified",
    "first_seen_at": "first_seen",
    "fetched_at": "fetched",
    "last_same_at": "last_same",
    "vanished_at": "vanished",
}


class ParquetRows:
    """A Parquet file that is written row by row, compressed with zstd.

    Lists are lists, provenance is JSON. Times are text as in every format, and beside it timestamps in UTC, in which a
    day without a time is its first second.
    """

    def __init__(self, file: Any, fields: Sequence[str], numbers: Sequence[str] = ()) -> None:
        """Begin the file.

        Args:
            file: a binary file, written sequentially.
            fields: the columns.
            numbers: more columns, with lists of 64-bit integers.

        Raises:
            UsageError: pyarrow is not installed.
        """
        unblock_heavy_imports()
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as error:
            raise UsageError(
                "parquet needs pyarrow: `pip install pyarrow` in newsdesk's environment (of pipx: "
                "`pipx inject newsdesk pyarrow`); csv and jsonl need nothing"
            ) from error
        self._fields, self._numbers = fields, numbers
        self._schema = _schema(fields, numbers)
        self._table = pa.Table
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")
        self._group: list[dict[str, Any]] = []

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row of JSON values."""
        cells = arrow_row(row, self._fields)
        for text, time in TIMESTAMPS.items():
            if text in cells:
                cells[time] = moment(cells[text])
        self._group.append(cells | {name: row[name] for name in self._numbers})
        if len(self._group) == ROWS:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(self._table.from_pylist(self._group, schema=self._schema))
        self._group.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        if self._group and failed is None:
            self._flush()
        self._writer.close()


def _schema(fields: Sequence[str], numbers: Sequence[str]) -> pa.Schema:
    import pyarrow as pa

    schema = arrow_schema(fields)
    for text, time in TIMESTAMPS.items():
        if text in fields:
            schema = schema.append(pa.field(time, pa.timestamp("us", tz="UTC")))
    for name in numbers:
        schema = schema.append(pa.field(name, pa.list_(pa.int64())))
    return schema


def write_parquet(rows: Iterable[Mapping[str, Any]], file: Any, fields: Sequence[str]) -> None:
    """Write rows as one Parquet file; see ParquetRows.

    Raises:
        UsageError: pyarrow is not installed.
    """
    with ParquetRows(file, fields) as written:
        for row in rows:
            written.add(row)
