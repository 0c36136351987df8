"""One Parquet part for each archive file, with a file beside it that says what it was made of.

A part is written aside and renamed when it is complete; one that is there and was made of the same bytes in the same way
is not made again.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from crawler.archives.files import ENDINGS, sha256_of
from crawler.archives.selection import Selection
from crawler.articles.visit import PageVisit
from crawler.config.models import Config
from crawler.engine.jobs.import_archives import ArchiveReader, FileReport
from crawler.errors import CrawlerError, UsageError
from crawler.extraction.extractor import extractor_name
from crawler.outputs.atomic_files import HashingFile, atomic_write
from crawler.outputs.parquet import ParquetRows
from crawler.outputs.rows import article_row
from crawler.version import __version__
from storage.article import FIELDS
from storage.errors import DiskError
from storage.utc import format_utc

FORMAT = 1  # of the parts; another one is made again
_SIGN = 1 << 63
ADVICE = "the part was not written; make room, or name another folder with --to"


class _UnreadableError(Exception):
    """The file cannot be read to its end: no part is made of it."""

    def __init__(self, report: FileReport) -> None:
        super().__init__(report.error)
        self.report = report


class _PartSink:
    """Writes the pages of one file as rows."""

    def __init__(self, rows: ParquetRows, part: Path) -> None:
        self._rows, self._part = rows, part

    async def take(self, visits: Sequence[PageVisit]) -> Sequence[str]:
        """Write a row a page.

        Raises:
            DiskError: the part cannot be written.
        """
        try:
            self._write(visits)
        except OSError as error:
            raise DiskError(f"{self._part}: cannot be written ({error.strerror or error}); {ADVICE}") from error
        return ["new"] * len(visits)

    def _write(self, visits: Sequence[PageVisit]) -> None:
        for visit in visits:
            assert visit.article is not None
            at = format_utc(visit.page.at)
            row = article_row(visit.article) | {"first_seen_at": at, "fetched_at": at}
            prints = [value - (1 << 64) if value >= _SIGN else value for value in visit.prints]
            self._rows.add(row | {"fingerprints": prints})


def part_names(files: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """The part of each file.

    Raises:
        UsageError: two files would have the same part.
    """
    found: dict[Path, Path] = {}
    for path in files:
        ending = next((each for each in ENDINGS[::-1] if path.name.lower().endswith(each)), "")
        found[path] = folder / f"{path.name[: len(path.name) - len(ending)]}.parquet"
    twice = [str(part) for part, count in Counter(found.values()).items() if count > 1]
    if twice:
        raise UsageError(f"{twice[0]}: two files would have this part; import them with --to into two folders")
    return found


async def write_part(
    reader: ArchiveReader, path: Path, part: Path, *, each: Callable[[FileReport], None] = lambda _: None
) -> FileReport:
    """Write the part of one file, unless it is there.

    Raises:
        CrawlerError: the part cannot be written; nothing of it is left.
        UsageError: pyarrow is not installed.
    """
    about = part.with_suffix(".json")
    source = await asyncio.to_thread(_made_of, path, reader)
    if (known := await asyncio.to_thread(_fitting, part, about, source)) is not None:
        return FileReport(path=path, size=source["input"]["size"], articles=known["articles"], skipped=True)
    try:
        with atomic_write(part, advice=ADVICE) as file:
            report = await _write_rows(reader, path, part, file, each)
    except _UnreadableError as error:
        return error.report
    found = report.to_dict()
    counts = {name: found[name] for name in ("pages", "articles", "records", "broken")}
    document = source | counts | {"sha256": file.hash.hexdigest()}
    with atomic_write(about, advice=ADVICE) as described:
        described.write(json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n")
    return report


async def _write_rows(
    reader: ArchiveReader, path: Path, part: Path, file: HashingFile, each: Callable[[FileReport], None]
) -> FileReport:
    with ParquetRows(file, FIELDS, numbers=("fingerprints",)) as rows:
        report = await reader.read(path, _PartSink(rows, part), each=each)
    if report.error is not None:
        raise _UnreadableError(report)
    return report


def _made_of(path: Path, reader: ArchiveReader) -> dict[str, Any]:
    """What decides the content of a part."""
    return {
        "format": FORMAT,
        "input": {"name": path.name, "size": path.stat().st_size, "sha256": sha256_of(path)},
        "newsdesk": __version__,
        "extractor": extractor_name(),
        "selection": reader.selection.to_dict() | {"limit": reader.left},
    }


def _fitting(part: Path, about: Path, source: dict[str, Any]) -> dict[str, Any] | None:
    """The description of a part that is complete and was made of the same; None where there is none."""
    try:
        document = json.loads(about.read_bytes())
        fits = all(document.get(name) == value for name, value in source.items())
        return document if fits and document.get("sha256") == sha256_of(part) else None
    except (OSError, ValueError, AttributeError):
        return None


async def import_into_parts(
    config: Config,
    folder: Path,
    files: Sequence[Path],
    selection: Selection,
    *,
    limit: int | None = None,
    each: Callable[[FileReport], None],
    done: Callable[[FileReport], None],
) -> None:
    """Write the parts of files into a folder, one after another; see archive_store.import_into_store.

    Raises:
        CrawlerError: a part cannot be written.
        UsageError: pyarrow is not installed, or two files would have the same part.
    """
    parts = part_names(files, folder)
    reader = ArchiveReader(config, selection, limit=limit)
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        for path in files:
            done(await write_part(reader, path, parts[path], each=each))
    except OSError as error:
        raise CrawlerError(f"{folder}: cannot be made ({error.strerror or error}); name another folder") from error
    finally:
        reader.close()
