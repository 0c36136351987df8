"""Read the pages of archives in parallel, and hand them on in the order of their records.

records in a thread -> pages in worker processes -> the store (`StoreSink`) or a Parquet part (archive_parts.py)
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import logging
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from crawler.archives.files import opened, sha256_of
from crawler.archives.records import ResponseRecord, SkippedRecord, read_records
from crawler.archives.responses import decoded_body, parse_response
from crawler.archives.selection import Selection
from crawler.articles.page_response import PageResponse
from crawler.articles.visit import PageVisit
from crawler.config.models import Config, SourceIndex
from crawler.content_encoding import DecodeError
from crawler.engine.crawl.ingest import store_visit, visit_page
from crawler.engine.crawl.rereading import RereadingNeeded, with_rereading
from crawler.engine.jobs.capture_order import PagesAside, Place, archived_page, unordered_addresses
from crawler.engine.workers.pool import WorkerPool
from crawler.errors import CrawlerError
from crawler.urls import canonical_url, host_of, url_key
from crawler.version import __version__
from storage.async_writer import AsyncWriter
from storage.errors import StorageError
from storage.utc import parse_utc
from storage.verdicts import NewArticle
from storage.writer import Writer

BATCH = 16  # records read at a time
AHEAD = 8  # pages for each worker that wait or are being read; more would only take memory
AHEAD_BYTES = 16_000_000  # of the bodies of these pages, beyond which no more are read from the file
MAX_REPORTED = 1_000  # broken records of a file that are named
SEVERAL = "pages with several captures"  # the name of their report
_OLDER = "older than what is stored"
_Found = tuple[PageResponse, Place]
log = logging.getLogger("newsdesk")


@dataclass(slots=True, kw_only=True)
class FileReport:
    """What became of one file."""

    path: Path
    size: int = 0
    position: int = 0  # bytes of it that were read, as far as it is known
    pages: int = 0  # read, whatever they were
    articles: int = 0  # stored or written, new or as another version
    counts: Counter[str] = field(default_factory=Counter)  # records by what became of them
    broken: list[tuple[str, int, str]] = field(default_factory=list)  # (file inside, offset, reason)
    seconds: float = 0.0
    error: str | None = None  # why the file could not be read to its end
    skipped: bool = False  # its part was there

    def add_broken(self, name: str, offset: int, reason: str) -> None:
        """Note a record that cannot be read."""
        if len(self.broken) < MAX_REPORTED:
            self.broken.append((name, offset, reason))


class Sink(Protocol):
    """Where the pages of a file go."""

    async def take(self, visits: Sequence[PageVisit]) -> Sequence[str]:
        """Take pages that were read, of different addresses; returns what became of each, `new` or `revised` if stored."""


class ArchiveReader:
    """Reads files one after another, with the same worker processes."""

    def __init__(
        self, config: Config, selection: Selection, *, limit: int | None = None, keep_raw: bool = False
    ) -> None:
        """Create the reader; `close` ends its processes.

        Args:
            config: limits, workers, and the sources with their rules.
            selection: the filters.
            limit: the most articles over all files.
            keep_raw: whether raw pages are copied; otherwise they stay where they are.
        """
        self.config = dataclasses.replace(config, extract=dataclasses.replace(config.extract, keep_raw=keep_raw))
        self.selection = selection
        self.index = SourceIndex(config.sources)
        self.pool = WorkerPool(config.extract.workers, config.extract.page_timeout)
        self.left = limit
        self.aside: PagesAside | None = None  # takes pages that are read at the end
        self._bytes = 0  # of the bodies of pages that wait or are being read

    def close(self) -> None:
        """End the worker processes."""
        self.pool.close()

    async def read(
        self,
        path: Path,
        sink: Sink,
        *,
        warc_file: str | None = None,
        each: Callable[[FileReport], None] = lambda _: None,
    ) -> FileReport:
        """Read one file into the sink; what cannot be read is in the report.

        Args:
            path: a WARC or WACZ file.
            sink: takes its pages in order.
            warc_file: the name under which the file is registered, if its pages may be read from it later.
            each: called after each page, for a progress bar.
        """
        report, began = FileReport(path=path), time.monotonic()
        try:
            report.size = await asyncio.to_thread(os.path.getsize, path)
            with opened(path) as inside:
                for name, member in inside:
                    await self._read_member(name, member, report, sink, None if name else warc_file, each)
        except (CrawlerError, OSError) as error:
            reason = str(error) if isinstance(error, CrawlerError) else f"{path}: {error.strerror or error}"
            report.error = reason.removeprefix(f"{path}: ")
        report.seconds = time.monotonic() - began
        return report

    async def _read_member(
        self,
        name: str,
        file: IO[bytes],
        report: FileReport,
        sink: Sink,
        warc_file: str | None,
        each: Callable[[FileReport], None],
    ) -> None:
        records = read_records(file, most=self.config.http.max_bytes, unwanted=self.selection.unwanted)
        pages = (
            (page, (warc_file, offset) if warc_file is not None and offset is not None else None)
            for page, offset in self._pages(name, records, report)
        )
        kept = (found for found in pages if self.aside is None or not self.aside.take(*found))

        def after_page(current: FileReport) -> None:
            if not name:  # a file inside of another one does not say how much of that is read
                current.position = file.tell()
            each(current)

        await self._hand_on_all(kept, report, sink, after_page)

    async def read_aside(self, aside: PagesAside, sink: Sink) -> FileReport:
        """Read the pages that were put aside, oldest first."""
        report, began = FileReport(path=Path(SEVERAL)), time.monotonic()
        await self._hand_on_all(aside.pages(), report, sink, lambda _: None)
        report.seconds = time.monotonic() - began
        return report

    async def _hand_on_all(
        self, pages: Iterator[_Found], report: FileReport, sink: Sink, each: Callable[[FileReport], None]
    ) -> None:
        waiting: deque[asyncio.Task[PageVisit]] = deque()
        room = AHEAD * self.pool.workers
        try:
            more = True
            while (more or waiting) and self.left != 0:
                while more and len(waiting) < room and self._bytes < AHEAD_BYTES:
                    batch, more = await asyncio.to_thread(_batch, pages)
                    waiting.extend(self._started(page, place) for page, place in batch)
                if ready := _ready(waiting):
                    await self._hand_on([await task for task in ready], report, sink)
                    each(report)
        finally:
            for task in waiting:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*waiting, return_exceptions=True)

    def _pages(
        self, name: str, records: Iterable[ResponseRecord | SkippedRecord], report: FileReport
    ) -> Iterator[tuple[PageResponse, int | None]]:
        """The HTML pages among the records, decoded, with the offsets of those that can be read again by them.

        Everything else is counted. Runs in a thread.
        """
        for record in records:
            if isinstance(record, SkippedRecord):
                report.counts["broken record" if record.broken else record.reason] += 1
                if record.broken:
                    report.add_broken(name, record.offset, record.reason)
                continue
            try:
                page = self._page(record)
            except (DecodeError, ValueError) as error:
                report.counts["broken record"] += 1
                report.add_broken(name, record.offset, str(error))
                continue
            if isinstance(page, str):
                report.counts[page] += 1
            else:
                yield page, record.offset if record.seekable else None

    def _page(self, record: ResponseRecord) -> PageResponse | str:
        """The page of a record, or why it is none.

        Raises:
            DecodeError: its body is damaged or too large.
            ValueError: its address is none, or its block is no HTTP response.
        """
        head = record.head
        response = parse_response(record.block)
        if response is None:
            raise ValueError("its block is no HTTP response")
        if (reason := response.reason_skipped) is not None:
            return reason
        url = canonical_url(head.url)
        source = self.index.for_url(url)
        return archived_page(
            url, url_key(url), source.id if source else None, head.at, status=response.status, headers=response.headers,
            body=decoded_body(response, self.config.http.max_bytes),
        )  # fmt: skip

    def _started(self, page: PageResponse, place: Place) -> asyncio.Task[PageVisit]:
        self._bytes += len(page.body)
        return asyncio.create_task(self._visit(page, place), name=page.entry.url_key)

    async def _visit(self, page: PageResponse, place: Place) -> PageVisit:
        try:
            visit = await visit_page(page, self.index.for_url(page.url), self.config, self.pool)
        finally:
            self._bytes -= len(page.body)
        return dataclasses.replace(visit, page=dataclasses.replace(visit.page, body=b""), archived=place)

    async def _hand_on(self, visits: Sequence[PageVisit], report: FileReport, sink: Sink) -> None:
        """Give pages to the sink, at most as many as are wanted, and count all of them."""
        taken: list[PageVisit] = []
        for visit in visits:
            reason = self._reason_left_out(visit, report)
            if reason is None and self.left is not None and len(taken) >= self.left:
                break
            report.pages += 1
            if reason is None:
                taken.append(visit)
            else:
                report.counts[reason] += 1
        outcomes = await sink.take(taken)
        report.counts.update(outcomes)
        stored = sum(outcome in {"new", "revised"} for outcome in outcomes)
        report.articles += stored
        if self.left is not None:
            self.left -= stored

    def _reason_left_out(self, visit: PageVisit, report: FileReport) -> str | None:
        if visit.page.failure is not None:
            report.add_broken(visit.page.url, 0, visit.page.failure.reason)
            return "failed"
        if visit.article is None:
            return "rejected"
        return self.selection.leaves_out(visit.article, visit.page.at)


def _batch(pages: Iterator[_Found]) -> tuple[list[_Found], bool]:
    """The next pages, and whether there may be more."""
    found: list[_Found] = []
    size = 0
    for page, place in pages:
        found.append((page, place))
        size += len(page.body)
        if len(found) == BATCH or size >= AHEAD_BYTES:
            return found, True
    return found, False


def _ready(waiting: deque[asyncio.Task[PageVisit]]) -> list[asyncio.Task[PageVisit]]:
    """Take the pages that were read off the queue, in order, up to one whose address is among them."""
    found: list[asyncio.Task[PageVisit]] = []
    keys: set[str] = set()
    while waiting and (not found or waiting[0].done()) and len(found) < BATCH:
        task = waiting[0]
        key = task.get_name()
        if key in keys:
            break
        keys.add(key)
        found.append(waiting.popleft())
    return found


class StoreSink:
    """Stores the pages as articles: copies, versions and addresses like those of a crawl; no watch and no recheck."""

    def __init__(self, writer: AsyncWriter, reader: ArchiveReader) -> None:
        self._writer, self._reader = writer, reader

    async def take(self, visits: Sequence[PageVisit]) -> Sequence[str]:
        """Look up, decide and write, many pages in one transaction.

        Raises:
            StorageError: the database cannot be written.
        """
        return await asyncio.gather(*map(self._take_one, visits))

    async def _take_one(self, visit: PageVisit) -> str:
        while True:
            try:
                return await self._writer.submit(functools.partial(_store, visit=visit))
            except RereadingNeeded as needed:
                visit = await with_rereading(visit, needed, self._reader.index, self._reader.pool)
            except StorageError:
                raise
            except Exception as error:  # of ours: the other pages are stored
                log.error(
                    "%s: could not be stored: %s: %s", visit.page.url, type(error).__name__, error, exc_info=error
                )
                return "failed"


def _store(writer: Writer, visit: PageVisit) -> str:
    if _is_older(writer, visit):
        return _OLDER
    verdict, article_id = store_visit(writer, visit)
    if isinstance(verdict, NewArticle) and article_id is not None:
        writer.add_archived_entry(article_id, visit.page.entry, host_of(visit.page.url), visit.page.at)
        return "new"
    return verdict.outcome


def _is_older(writer: Writer, visit: PageVisit) -> bool:
    """Whether the page was captured before what is stored of its article, which it must not replace."""
    for article_id, kind in writer.articles_at(visit.addresses).values():
        known = writer.article(article_id) if kind != "canonical" else None
        seen = known and (known.last_same_at or known.fetched_at)
        if seen and parse_utc(seen) > visit.page.at:
            return True
    return False


async def import_into_store(
    config: Config,
    writer: Writer,
    files: Sequence[Path],
    selection: Selection,
    *,
    limit: int | None = None,
    keep_raw: bool = False,
    each: Callable[[FileReport], None],
    done: Callable[[FileReport], None],
) -> None:
    """Read files into the database, one after another.

    Args:
        config: the settings.
        writer: the database, locked by the caller where it is a file.
        files: WARC and WACZ files.
        selection: the filters.
        limit: the most articles over all files.
        keep_raw: whether the raw pages of new articles and versions are copied into the database's own folder.
        each: called after each page with its file's report.
        done: called with the report of each file.

    Raises:
        StorageError: the database cannot be written.
    """
    if keep_raw:
        writer.enable_raw_pages(f"newsdesk/{__version__}", "import" if not isinstance(writer.address, Path) else "")
    reader, queue = ArchiveReader(config, selection, limit=limit, keep_raw=keep_raw), AsyncWriter(writer)
    try:
        sink = StoreSink(queue, reader)
        with PagesAside(await asyncio.to_thread(unordered_addresses, files, selection)) as reader.aside:
            for path in files:
                warc_file = await _registered(queue, path)
                done(await reader.read(path, sink, warc_file=warc_file, each=each))
            if (report := await reader.read_aside(reader.aside, sink)).pages:
                done(report)
    finally:
        reader.close()
        await queue.close()


async def _registered(queue: AsyncWriter, path: Path) -> str | None:
    """Record where a file is, so that its pages can be read again; None if it cannot be read."""
    try:
        sha256, size = await asyncio.to_thread(sha256_of, path), await asyncio.to_thread(os.path.getsize, path)
    except OSError:  # reported when its pages are read
        return None
    place = await asyncio.to_thread(path.resolve)
    return await queue.submit(lambda writer: writer.register_archive(place, sha256, size))
