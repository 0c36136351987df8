"""Read the pages of archives in parallel, and hand them on in the order of their records.

records in a thread -> pages in worker processes -> the store (archive_store.py) or a Parquet part (archive_parts.py)
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, Self

from crawler.archives.files import Source, opened
from crawler.archives.records import ResponseRecord, SkippedRecord, read_records
from crawler.archives.remote_file import Address, RemoteFile, RemoteFileChanged, is_address
from crawler.archives.responses import decoded_body, parse_response
from crawler.archives.selection import Selection
from crawler.articles.page_response import PageResponse
from crawler.articles.visit import PageVisit
from crawler.config.models import Config, SourceIndex
from crawler.content_encoding import DecodeError
from crawler.engine.crawl.ingest import visit_page
from crawler.engine.jobs.capture_order import PagesAside, Place, archived_page
from crawler.engine.workers.pool import WorkerPool
from crawler.errors import CrawlerError
from crawler.urls import canonical_url, url_key
from storage.sql.archives import PREFIX as ARCHIVE

if TYPE_CHECKING:
    from crawler.engine.jobs.remote_archives import ArchiveConnections

BATCH = 16  # records read at a time
AHEAD = 8  # pages for each worker that wait or are being read; more would only take memory
AHEAD_BYTES = 16_000_000  # of the bodies of these pages, beyond which no more are read from the file
MAX_REPORTED = 1_000  # broken records of a file that are named
ANEW = 3  # times that a file is read that changes meanwhile
SEVERAL = "pages with several captures"  # the name of their report
_Found = tuple[PageResponse, Place]


@dataclass(slots=True, kw_only=True)
class FileReport:
    """What became of one file."""

    path: Source
    size: int = 0
    position: int = 0  # bytes of it that were read, as far as it is known
    pages: int = 0  # read, whatever they were
    articles: int = 0  # stored or written, new or as another version
    counts: Counter[str] = field(default_factory=Counter)  # records by what became of them
    broken: list[tuple[str, int, str]] = field(default_factory=list)  # (file inside, offset, reason)
    seconds: float = 0.0
    error: str | None = None  # why the file could not be read to its end
    skipped: bool = False  # its part was there
    changed: bool = False  # it became another file meanwhile, and has to be read anew
    sha256: str | None = None  # of a file at an address that was read to its end

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "file": str(self.path), "size": self.size, "skipped": self.skipped, "pages": self.pages,
            "articles": self.articles, "records": dict(sorted(self.counts.items())), "seconds": round(self.seconds, 3),
            "error": self.error,
            "broken": [{"file": name, "offset": offset, "reason": why} for name, offset, why in self.broken],
        }  # fmt: skip

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Self:
        """The report that `to_dict` was of."""
        same = {name: found[name] for name in ("size", "skipped", "pages", "articles", "seconds", "error")}
        broken = [(each["file"], each["offset"], each["reason"]) for each in found["broken"]]
        path = Address(found["file"]) if is_address(found["file"]) else Path(found["file"])
        return cls(path=path, counts=Counter(found["records"]), broken=broken, **same)

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
        self,
        config: Config,
        selection: Selection,
        *,
        limit: int | None = None,
        keep_raw: bool = False,
        aside: PagesAside | None = None,
    ) -> None:
        """Create the reader; `close` ends its processes.

        Args:
            config: limits, workers, and the sources with their rules.
            selection: the filters.
            limit: the most articles over all files.
            keep_raw: whether raw pages are copied; otherwise they stay where they are.
            aside: takes the pages that are to be read at the end.
        """
        self.config = dataclasses.replace(config, extract=dataclasses.replace(config.extract, keep_raw=keep_raw))
        self.selection = selection
        self.index = SourceIndex(config.sources)
        self.pool = WorkerPool(config.extract.workers, config.extract.page_timeout)
        self.left = limit
        self._aside = aside
        self._connections: ArchiveConnections | None = None
        self._bytes = 0  # of the bodies of pages that wait or are being read

    def close(self) -> None:
        """End the worker processes and the connections."""
        self.pool.close()
        if self._connections is not None:
            self._connections.close()

    @asynccontextmanager
    async def connected(self, address: Address) -> AsyncIterator[tuple[BufferedReader, RemoteFile]]:
        """Open a file at an address.

        Raises:
            OSError: it cannot be had.
        """
        if self._connections is None:
            from crawler.engine.jobs.remote_archives import ArchiveConnections  # starts Twisted

            self._connections = ArchiveConnections(self.config)
        opening = self._connections.open(address.url)
        buffered, file = await asyncio.to_thread(opening.__enter__)
        try:
            yield buffered, file
        finally:
            await asyncio.to_thread(opening.__exit__, None, None, None)

    async def read(
        self,
        path: Source,
        sink: Sink,
        *,
        warc_file: str | None = None,
        origin: str | None = None,
        each: Callable[[FileReport], None] = lambda _: None,
    ) -> FileReport:
        """Read one file into the sink; what cannot be read is in the report.

        Args:
            path: a WARC or WACZ file, or the address of one.
            sink: takes its pages in order.
            warc_file: the name under which the file is registered, if its pages may be read from it later.
            origin: what provenance says where a page comes from whose record cannot be read later.
            each: called after each page, for a progress bar.
        """
        report, began = FileReport(path=path), time.monotonic()
        try:
            async with AsyncExitStack() as stack:
                connected: BufferedReader | None = None
                remote: RemoteFile | None = None
                if isinstance(path, Address):
                    connected, file = await stack.enter_async_context(self.connected(path))
                    report.size, remote = file.size or 0, file
                else:
                    report.size = await asyncio.to_thread(os.path.getsize, path)
                with opened(path, connected) as inside:
                    for name, member in inside:
                        places = (None if name else warc_file, origin)
                        await self._read_member(name, member, report, sink, places, each)
                if remote is not None:
                    report.size, report.sha256 = remote.size or 0, remote.sha256
        except (CrawlerError, OSError) as error:
            report.changed = isinstance(error, RemoteFileChanged)
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
        places: tuple[str | None, str | None],
        each: Callable[[FileReport], None],
    ) -> None:
        records = read_records(file, most=self.config.http.max_bytes, unwanted=self.selection.unwanted)

        def after_page(current: FileReport) -> None:
            if not name:  # a file inside of another one does not say how much of that is read
                current.position = file.tell()
            each(current)

        await self._hand_on_all(self._pages(name, places, records, report), report, sink, after_page)

    async def read_aside(self, sink: Sink) -> FileReport:
        """Read the pages that were put aside, oldest first."""
        report, began = FileReport(path=Path(SEVERAL)), time.monotonic()
        await self._hand_on_all(self._aside.pages() if self._aside else iter(()), report, sink, lambda _: None)
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
        self,
        name: str,
        places: tuple[str | None, str | None],
        records: Iterable[ResponseRecord | SkippedRecord],
        report: FileReport,
    ) -> Iterator[_Found]:
        """The HTML pages among the records, decoded, with the places of those that can be read again.

        Everything else is counted, or put aside. Runs in a thread.
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
                continue
            warc_file = places[0] if record.seekable and places[0] is not None else places[1]
            place = (warc_file, record.offset) if warc_file is not None else None
            if self._aside is None or not self._aside.take(page, place):
                yield page, place

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
        article = visit.article
        if place is not None and not place[0].startswith(ARCHIVE):
            if article is not None and not self.config.extract.keep_raw:
                said: Mapping[str, str | None] = {"source": place[0], "raw": f"offset {place[1]}"}
                article = dataclasses.replace(article, provenance={**article.provenance, "archive": said})
            place = None
        page = dataclasses.replace(visit.page, body=b"")
        return dataclasses.replace(visit, page=page, article=article, archived=place)

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
