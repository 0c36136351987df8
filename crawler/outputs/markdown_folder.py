"""A folder of Markdown files with front matter, one per article, named by its id: for Obsidian, or for git."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from crawler.errors import CrawlerError
from crawler.outputs.articles import body_of
from crawler.outputs.rows import ExportItem, article_row

_INSIDE = frozenset({"text", "provenance"})  # the text is the file's body; provenance is for machines


def write_folder(items: Iterable[ExportItem], folder: Path, fields: tuple[str, ...] = ()) -> str:
    """Write one file per article, `ID.md`; a tombstone deletes its file. Other files stay as they are.

    Returns:
        The SHA-256 over the names and SHA-256 of the written files, as `sha256sum` would print them.

    Raises:
        CrawlerError: the folder cannot be written.
    """
    total = hashlib.sha256()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for item in items:
            path = folder / f"{item.article.id if item.article else item.id}.md"
            if item.article is None:
                path.unlink(missing_ok=True)
                continue
            row = article_row(item.article, fields)
            body = (front_matter(row) + (f"\n{body_of(item.article)}\n" if "text" in row else "")).encode(
                "utf-8", "replace"
            )
            part = folder / f".{path.name}.part"
            part.write_bytes(body)
            part.replace(path)
            total.update(f"{hashlib.sha256(body).hexdigest()}  {path.name}\n".encode())
    except OSError as error:
        raise CrawlerError(
            f"{folder}: cannot be written: {error.strerror}; markdown goes into a folder, a file an article"
        ) from error
    return total.hexdigest()


def front_matter(row: Mapping[str, Any]) -> str:
    """The fields as YAML between lines of dashes.

    Every value is written as JSON, which is valid YAML (YAML 1.2, 1.3), so that no title is parsed as anything but a
    string.
    """
    lines = [
        f"{name}: {_yaml(value)}" for name, value in row.items() if name not in _INSIDE and value not in (None, [])
    ]
    return "\n".join(["---", *lines, "---", ""])


# Line breaks in YAML 1.1, which most parsers support, and its non-printable characters.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def _yaml(value: Any) -> str:
    return _UNPRINTABLE.sub(lambda mark: f"\\u{ord(mark[0]):04x}", json.dumps(value, ensure_ascii=False))
