"""What is kept, out into a file: written beside and put in place at the end, so that a reader never sees a half."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from crawler.errors import CrawlerError
from crawler.outputs.rows import ORDER, article_row, as_csv, as_jsonl
from storage.queries import Hit


def export(hits: Iterable[Hit], path: Path, form: str, fields: tuple[str, ...] = ()) -> int:
    """Write articles; how many.

    Args:
        hits: what to write.
        path: the file; `-` is stdout.
        form: jsonl or csv.
        fields: only these; all where none is named.

    Raises:
        CrawlerError: the file cannot be written.
    """
    count = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal count
        for hit in hits:
            count += 1
            yield article_row(hit.article, fields)

    lines = map(as_jsonl, rows()) if form == "jsonl" else as_csv(rows(), fields or ORDER)
    with _whole(path) as file:
        for line in lines:
            file.write(f"{line}\n")
    return count


@contextmanager
def _whole(path: Path) -> Iterator[IO[str]]:
    """A file that appears only when all of it is written."""
    if str(path) == "-":
        yield sys.stdout
        return
    if path.is_dir():
        raise CrawlerError(f"{path} is a folder; name the file to write")
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    except OSError as error:
        raise CrawlerError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
