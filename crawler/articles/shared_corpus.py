"""A corpus that was shared as addresses and hashes, without its texts: read, and compared with what is there now. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from crawler.errors import UsageError
from storage.article import Article

Comparison = Literal["same", "changed", "gone", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedArticle:
    """One article of the corpus."""

    url: str
    content_hash: str


def read_corpus(text: str, name: str) -> list[SharedArticle]:
    """Read the list that `newsdesk export --fields url,content_hash` writes, as CSV or as JSON lines.

    Args:
        text: of the file.
        name: of the file, for messages.

    Raises:
        UsageError: it is neither, or a row has no address or no hash.
    """
    found = []
    rows = _json_rows(text, name) if text.lstrip().startswith("{") else csv.DictReader(io.StringIO(text))
    for number, row in enumerate(rows, 1):
        url, content_hash = str(row.get("url") or "").strip(), str(row.get("content_hash") or "").strip()
        if not url or not content_hash:
            raise UsageError(
                f"{name}: row {number} has no {'content_hash' if url else 'url'}; "
                "`newsdesk export --fields url,content_hash` writes such a file"
            )
        found.append(SharedArticle(url=url, content_hash=content_hash))
    return found


def _json_rows(text: str, name: str) -> Iterator[Mapping[str, Any]]:
    lines: Iterable[str] = filter(str.strip, text.splitlines())
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UsageError(f"{name}: line {number} is not JSON ({error}); write one object a line") from error
        if not isinstance(row, dict):
            raise UsageError(f"{name}: line {number} is no JSON object; write one object a line")
        yield row


def compare(shared: SharedArticle, article: Article | None, *, gone: bool) -> Comparison:
    """What became of an article: its text and headline are the same, they changed, or there is no page any more."""
    if article is None:
        return "gone" if gone else "failed"
    return "same" if article.content_hash == shared.content_hash else "changed"
