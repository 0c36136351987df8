"""Extract the stored raw pages again with the current extractor: in parallel, with results in the order of ids."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from crawler.articles.reprocess import ReprocessResult, merge_reextracted
from crawler.articles.verdict import prints_of
from crawler.config.models import Config, SourceIndex
from crawler.engine.crawl.rereading import read_stored_page
from crawler.engine.workers.pool import WorkerPool
from storage.records import COMPLETENESS, Article, Entry
from storage.store import Store
from storage.writer import Writer

BATCH = 64  # pages in memory at a time


def reprocess(
    config: Config, store: Store, sources: Sequence[str], *, now: datetime, each: Callable[[ReprocessResult], None]
) -> None:
    """Extract every stored raw page again; changes are written if `store` is a Writer.

    Args:
        config: the settings; publisher rules come from its sources.
        store: a Writer whose lock is taken, or a Store for a dry run.
        sources: ids; empty for all.
        now: the clock.
        each: called with the result of each page, in the order of ids.

    Raises:
        StorageError: the database cannot be read or written. A missing raw page is reported through `each`.
    """
    asyncio.run(_reprocess(config, store, sources, now=now, each=each))


async def _reprocess(
    config: Config, store: Store, sources: Sequence[str], *, now: datetime, each: Callable[[ReprocessResult], None]
) -> None:
    pool = WorkerPool(config.extract.workers, config.extract.page_timeout)
    try:
        async for found in _read(config, store, sources, pool):
            if isinstance(store, Writer) and found.new is not None:
                _write(store, found, now)
            each(found)
    finally:
        pool.close()


def _write(writer: Writer, found: ReprocessResult, now: datetime) -> None:
    assert found.new is not None
    if found.changes:
        new = merge_reextracted(found.stored, found.new)
        writer.reprocess(found.stored.id, new, now, found.words, prints_of(new))
    elif found.stored.extractor != found.new.extractor:
        writer.set_extractor(found.stored.id, found.new.extractor or "", now)


async def _read(
    config: Config, store: Store, sources: Sequence[str], pool: WorkerPool
) -> AsyncIterator[ReprocessResult]:
    index = SourceIndex(config.sources)
    after = 0
    while batch := store.to_reprocess(sources, after, BATCH):
        after = batch[-1].id
        for found in await asyncio.gather(*(_one(store, index, stored, pool) for stored in batch)):
            yield found


async def _one(store: Store, index: SourceIndex, stored: Article, pool: WorkerPool) -> ReprocessResult:
    entry = store.entry_of(stored.id) or Entry(id=0, feed_url="", source=stored.source, url=stored.url, url_key="")
    found = await read_stored_page(store.path, stored, entry, index, pool)
    if isinstance(found, str):
        return ReprocessResult(stored=stored, new=None, error=found)
    extraction, new = found.extraction, found.article
    if extraction is None:
        return ReprocessResult(stored=stored, new=None, error="the server refused that page (403)")
    worse = new is not None and COMPLETENESS.index(new.completeness) < COMPLETENESS.index(stored.completeness)
    return ReprocessResult(
        stored=stored,
        new=None if worse else new,
        problem=extraction.problem or ("page that shows less" if worse else None),
    )
