"""Read the stored raw page of an article again with today's extractor, in a worker process."""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from crawler.articles.visit import PageVisit
from crawler.config.models import PublisherRules, SourceIndex
from crawler.engine.workers import worker
from crawler.engine.workers.pool import PageFailed, WorkerPool
from crawler.urls import host_of
from storage.article import Article
from storage.async_writer import AsyncWriter
from storage.records import Entry
from storage.warc import RawPlace

if TYPE_CHECKING:
    from crawler.articles.page_result import PageResult

log = logging.getLogger("newsdesk")
_T = TypeVar("_T")


class RereadingNeeded(Exception):  # noqa: N818 - not an error: it postpones a write
    """A verdict needs the stored raw page of an article, read by today's extractor; nothing was written."""

    def __init__(self, place: RawPlace | None, stored: Article, entry: Entry, repeated: frozenset[int]) -> None:
        super().__init__(stored.url)
        self.place = place
        self.stored = stored
        self.entry = entry  # the feed entry that both readings are combined with
        self.repeated = repeated  # the paragraphs that its text was read without


async def read_stored_page(
    place: RawPlace | None,
    stored: Article,
    entry: Entry,
    index: SourceIndex,
    pool: WorkerPool,
    *,
    sha256: str | None = None,
    repeated: frozenset[int] = frozenset(),
) -> PageResult | str:
    """Read the stored raw page of an article, with the rules in force.

    Args:
        place: of its raw page; None if its archive is not known.
        stored: the article.
        entry: its feed entry.
        index: the configured sources.
        pool: the worker processes.
        sha256: the hash that the page must have, if any.
        repeated: the paragraphs that it is read without.

    Returns:
        The result; a reason where the page is not there or cannot be read.
    """
    if place is None:
        return f"{stored.warc_file or 'no file'}: its archive is not known; import it again"
    url = stored.page_url or stored.url
    source = index.source(stored.source or "") or index.for_url(url)
    language = source.language if source else None
    # the language came from the configuration of that time
    if (stored.provenance.get("language") or {}).get("source") == "source":
        language = language or stored.language
    read = functools.partial(
        worker.read_stored_page, entry=entry, source=stored.source, language=language,
        rules=source.article if source else PublisherRules(), url=stored.page_url, sha256=sha256, repeated=repeated,
    )  # fmt: skip
    try:
        found = await pool.run(read, place, source=stored.source or host_of(url))
    except PageFailed as error:
        return str(error)
    return found if isinstance(found, str) else found.reading


async def with_rereading(visit: PageVisit, needed: RereadingNeeded, index: SourceIndex, pool: WorkerPool) -> PageVisit:
    """Return the visit with the stored raw page read again, or with the fact that it cannot be read.

    Args:
        visit: the new page.
        needed: the article that it is a version of.
        index: the configured sources.
        pool: the worker processes.
    """
    stored = needed.stored
    found = await read_stored_page(
        needed.place, stored, needed.entry, index, pool, sha256=stored.raw_sha256, repeated=needed.repeated
    )
    if isinstance(found, str):
        _report(stored, found)
    result = None if isinstance(found, str) else found
    return dataclasses.replace(visit, rereads={**visit.rereads, stored.id: result})


async def submit_visit(
    queue: AsyncWriter,
    store: Callable[..., _T],
    visit: PageVisit,
    index: SourceIndex,
    pool: WorkerPool,
) -> _T:
    """Store a page in the queue's thread; returns what `store` does. A stored page that is needed is read again first.

    Args:
        queue: the database.
        store: called with the writer and `visit`; stores the page, or raises RereadingNeeded for a stored one.
        visit: the page.
        index: the configured sources.
        pool: the worker processes.

    Raises:
        StorageError: the database cannot be written.
    """
    while True:
        try:
            return await queue.submit(functools.partial(store, visit=visit))
        except RereadingNeeded as needed:
            visit = await with_rereading(visit, needed, index, pool)


_reported: set[str] = set()  # files of raw pages: each is reported once, not once for each of its pages


def _report(stored: Article, reason: str) -> None:
    file = stored.warc_file or ""
    level = logging.DEBUG if file in _reported else logging.WARNING
    if file in reason:  # else the page is at fault, not its file
        _reported.add(file)
    log.log(
        level, "%s: the stored page of an earlier release cannot be read again (%s); "
        "without it only clear edits are found", stored.url, reason,
    )  # fmt: skip
