"""Parquet export, for pandas, DuckDB and others; needs pyarrow, from the extra `parquet`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from crawler.errors import UsageError
from crawler.startup import unblock_heavy_imports
from storage.frames import arrow_row, arrow_schema

ROWS = 1_000  # per row group: articles have some kilobytes each, so memory stays small


def write_parquet(rows: Iterable[Mapping[str, Any]], file: Any, fields: Sequence[str]) -> None:
    """Write rows as Parquet, compressed with zstd.

    Lists are lists, provenance is JSON, times are text as in every format: as a timestamp, a day without a time would
    become a false midnight.

    Args:
        rows: dicts of JSON values.
        file: a binary file, written sequentially.
        fields: the columns.

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
    schema = arrow_schema(fields)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for group in _groups(rows):
            writer.write_table(pa.Table.from_pylist([arrow_row(row, fields) for row in group], schema=schema))


def _groups(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    group: list[Mapping[str, Any]] = []
    for row in rows:
        group.append(row)
        if len(group) == ROWS:
            yield group
            group = []
    if group:
        yield group
