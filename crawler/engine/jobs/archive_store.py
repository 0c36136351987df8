"""Store the pages of archives as articles."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from crawler.archives.files import Source, sha256_of
from crawler.archives.remote_file import Address
from crawler.archives.selection import Selection
from crawler.articles.earlier_captures import article_seen_later, capture_of, with_capture
from crawler.articles.visit import PageVisit, StoredMatches
from crawler.config.models import Config
from crawler.engine.crawl.ingest import look_up, placed, store_brought
from crawler.engine.crawl.rereading import submit_visit
from crawler.engine.jobs.capture_order import PagesAside, unordered_addresses
from crawler.engine.jobs.import_archives import ANEW, ArchiveReader, FileReport
from crawler.version import __version__
from storage.archives import Archives
from storage.article import Article
from storage.async_writer import AsyncWriter
from storage.errors import StorageError
from storage.verdicts import NewArticle
from storage.writer import Writer

log = logging.getLogger("newsdesk")


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
        try:
            return await submit_visit(self._writer, _store, visit, self._reader.index, self._reader.pool)
        except StorageError:
            raise
        except Exception as error:  # of ours: the other pages are stored
            log.error("%s: could not be stored: %s: %s", visit.page.url, type(error).__name__, error, exc_info=error)
            return "failed"


def _store(writer: Writer, visit: PageVisit) -> str:
    stored = look_up(writer, visit)
    known = article_seen_later(visit, stored)
    if known is not None:
        return _store_earlier(writer, visit, known, stored)
    verdict = store_brought(writer, visit, stored)
    return "new" if isinstance(verdict, NewArticle) else verdict.outcome


def _store_earlier(writer: Writer, visit: PageVisit, known: Article, stored: StoredMatches) -> str:
    """Store a capture that is older than what is stored of its article, as one of the article's versions."""
    capture = capture_of(visit, known, stored)
    if isinstance(capture, str):
        return capture
    archives = Archives(writer)
    before = archives.versions(known, visit.page.at)
    after = with_capture(before, capture, visit.page.at)
    if len(after) > len(before):
        capture = placed(writer, visit, capture)
        after = tuple(dataclasses.replace(v, article=capture) if v.number == 0 and v.imported else v for v in after)
    more = archives.write_versions(known.id, before, after, visit.addresses, visit.page.at)
    return "revised" if more else "same"


async def import_into_store(
    config: Config,
    writer: Writer,
    files: Sequence[Source],
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
        files: WARC and WACZ files, and addresses of such files.
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
    queue = AsyncWriter(writer)
    with PagesAside(await asyncio.to_thread(unordered_addresses, files, selection)) as aside:
        reader = ArchiveReader(config, selection, limit=limit, keep_raw=keep_raw, aside=aside)
        sink = StoreSink(queue, reader)
        try:
            for path in files:
                warc_file = None if isinstance(path, Address) else await _registered(queue, path)
                for _ in range(ANEW):
                    report = await reader.read(path, sink, warc_file=warc_file, origin=str(path), each=each)
                    if not report.changed:
                        break
                done(report)
            if (report := await reader.read_aside(sink)).pages:
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
    return await queue.submit(lambda writer: Archives(writer).register(place, sha256, size))
