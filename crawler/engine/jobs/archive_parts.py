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

from crawler.archives.files import ENDINGS, Source, sha256_of
from crawler.archives.remote_file import Address
from crawler.archives.selection import Selection
from crawler.articles.visit import PageVisit
from crawler.config.models import Config
from crawler.engine.jobs.import_archives import ANEW, ArchiveReader, FileReport
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


def part_names(files: Sequence[Source], folder: Path) -> dict[Source, Path]:
    """The part of each file.

    Raises:
        UsageError: two files would have the same part.
    """
    found: dict[Source, Path] = {}
    for path in files:
        ending = next((each for each in ENDINGS[::-1] if path.name.lower().endswith(each)), "")
        found[path] = folder / f"{path.name[: len(path.name) - len(ending)]}.parquet"
    twice = [str(part) for part, count in Counter(found.values()).items() if count > 1]
    if twice:
        raise UsageError(f"{twice[0]}: two files would have this part; import them with --to into two folders")
    return found


async def write_part(
    reader: ArchiveReader, path: Source, part: Path, *, each: Callable[[FileReport], None] = lambda _: None
) -> FileReport:
    """Write the part of one file, unless it is there.

    Raises:
        CrawlerError: the part cannot be written; nothing of it is left.
        UsageError: pyarrow is not installed.
    """
    about = part.with_suffix(".json")
    try:
        source = await _made_of(path, reader)
    except OSError as error:
        return FileReport(path=path, error=error.strerror or str(error))
    if (known := await asyncio.to_thread(_fitting, part, about, source)) is not None:
        return FileReport(path=path, size=source["input"]["size"], articles=known["articles"], skipped=True)
    for attempt in range(ANEW):
        try:
            with atomic_write(part, advice=ADVICE) as file:
                report = await _write_rows(reader, path, part, file, each)
            break
        except _UnreadableError as error:
            if not error.report.changed or attempt == ANEW - 1:
                return error.report
            source = await _made_of(path, reader)
    found = report.to_dict()
    if isinstance(path, Address):
        source["input"] |= {"size": report.size, "sha256": report.sha256}
    counts = {name: found[name] for name in ("pages", "articles", "records", "broken")}
    document = source | counts | {"sha256": file.hash.hexdigest()}
    with atomic_write(about, advice=ADVICE) as described:
        described.write(json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n")
    return report


async def _write_rows(
    reader: ArchiveReader, path: Source, part: Path, file: HashingFile, each: Callable[[FileReport], None]
) -> FileReport:
    with ParquetRows(file, FIELDS, numbers=("fingerprints",)) as rows:
        report = await reader.read(path, _PartSink(rows, part), each=each)
    if report.error is not None:
        raise _UnreadableError(report)
    return report


async def _made_of(path: Source, reader: ArchiveReader) -> dict[str, Any]:
    """What decides the content of a part.

    Raises:
        OSError: the file cannot be had.
    """
    if isinstance(path, Address):
        async with reader.connected(path) as (_, file):
            found = {"address": path.url, "size": file.size, "version": file.validator or None}
    else:
        size, sha256 = await asyncio.to_thread(lambda: (path.stat().st_size, sha256_of(path)))
        found = {"name": path.name, "size": size, "sha256": sha256}
    return {
        "format": FORMAT,
        "input": found,
        "newsdesk": __version__,
        "extractor": extractor_name(),
        "selection": reader.selection.to_dict() | {"limit": reader.left},
    }


def _fitting(part: Path, about: Path, source: dict[str, Any]) -> dict[str, Any] | None:
    """The description of a part that is complete and was made of the same; None where there is none."""
    try:
        document = json.loads(about.read_bytes())
        made_of = source["input"]
        same = {name: document["input"].get(name) for name in made_of} == made_of and None not in made_of.values()
        fits = same and all(document.get(name) == value for name, value in source.items() if name != "input")
        return document if fits and document.get("sha256") == sha256_of(part) else None
    except (OSError, ValueError, AttributeError, KeyError):
        return None


async def import_into_parts(
    config: Config,
    folder: Path,
    files: Sequence[Source],
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
