"""Articles as an Arrow table or a pandas DataFrame, where pyarrow or pandas is installed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from storage.article import FIELDS
from storage.errors import StorageError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from storage.sql.articles_query import Hit

_NUMBERS = frozenset(
    {"id", "story_id", "duplicate_of", "revision", "word_count", "warc_offset", "schema", "seq", "merged_into"}
)
_LISTS = frozenset({"authors", "tags"})


class Hits:
    """An iterator of hits, read as they are needed; the rest of them as a table."""

    def __init__(self, hits: Iterator[Hit]) -> None:
        self._hits = hits

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Hit:
        return next(self._hits)

    def to_arrow(self) -> pa.Table:
        """A table with a row an article: the fields of `Article.to_dict`, and `published` as a timestamp in UTC.

        Raises:
            StorageError: pyarrow is not installed.
        """
        try:
            import pyarrow as pa
        except ImportError as error:
            raise StorageError("to_arrow needs pyarrow: `pip install pyarrow` brings it") from error
        schema = arrow_schema(FIELDS).append(pa.field("published", pa.timestamp("us", tz="UTC")))
        return pa.Table.from_pylist([{**row, "published": at} for row, at in self._rows()], schema=schema)

    def to_pandas(self) -> pd.DataFrame:
        """The same as a DataFrame.

        Raises:
            StorageError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise StorageError("to_pandas needs pandas: `pip install pandas` brings it") from error
        frame = pd.DataFrame([{**row, "published": at} for row, at in self._rows()], columns=[*FIELDS, "published"])
        frame["published"] = pd.to_datetime(frame["published"], utc=True)
        return frame

    def _rows(self) -> Iterator[tuple[dict[str, Any], Any]]:
        for hit in self._hits:
            yield arrow_row(hit.article.to_dict(), FIELDS), hit.article.published


def arrow_schema(fields: Sequence[str]) -> pa.Schema:
    """Lists are lists, provenance is JSON; times are text, as a day without a time would become a false midnight."""
    import pyarrow as pa

    kinds = {
        name: pa.int64() if name in _NUMBERS else pa.list_(pa.string()) if name in _LISTS else pa.string()
        for name in fields
    }
    return pa.schema(list(kinds.items()))


def arrow_row(row: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    """A row of JSON values with the values of `arrow_schema`."""
    cells = ((name, row.get(name)) for name in fields)
    return {name: json.dumps(cell, ensure_ascii=False) if isinstance(cell, dict) else cell for name, cell in cells}
