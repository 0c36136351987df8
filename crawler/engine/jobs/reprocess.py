"""Extract the stored raw pages again with the current extractor: in parallel, with results in the order of ids."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from crawler.articles.learning import version_of
from crawler.articles.reprocess import ReprocessResult, merge_reextracted
from crawler.articles.verdict import prints_of
from crawler.config.models import Config, SourceIndex
from crawler.engine.crawl.rereading import read_stored_page
from crawler.engine.jobs.learn import learn
from crawler.engine.workers.pool import WorkerPool
from storage.article import Article
from storage.learned import LearnedBlocks
from storage.records import Entry, completeness_rank
from storage.store import Store
from storage.writer import Writer

if TYPE_CHECKING:
    from crawler.articles.page_result import PageResult

BATCH = 64  # pages in memory at a time


def reprocess(
    config: Config, store: Store, sources: Sequence[str], *, now: datetime, each: Callable[[ReprocessResult], None]
) -> None:
    """Learn what repeats on the stored raw pages, then extract each of them again; written if `store` is a Writer.

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
    index = SourceIndex(config.sources)
    writer = store if isinstance(store, Writer) else None
    learned: Mapping[str, frozenset[int]] = {}
    try:
        if config.extract.learn:
            learned = await learn(_read(store, index, sources, pool), index, writer)
        async for stored, page in _read(store, index, sources, pool, learned):
            found = _compared(stored, page, learned.get(stored.source or "", frozenset()))
            if writer is not None and found.new is not None:
                _write(writer, found, learned.get(stored.source or "", frozenset()), now)
            each(found)
    finally:
        pool.close()


def _write(writer: Writer, found: ReprocessResult, repeated: frozenset[int], now: datetime) -> None:
    assert found.new is not None
    stored, new = found.stored, found.new
    if found.changes:
        record = merge_reextracted(stored, new)
        writer.reprocess(stored.id, record, now, found.words, prints_of(record))
    elif stored.extractor != new.extractor:
        writer.set_extractor(stored.id, new.extractor or "", now)
    if stored.source and new.learned_version != stored.learned_version:
        with writer.transaction():
            LearnedBlocks(writer).note(stored.source, stored.id, new.learned_version, repeated, now)


async def _read(
    store: Store,
    index: SourceIndex,
    sources: Sequence[str],
    pool: WorkerPool,
    learned: Mapping[str, frozenset[int]] | None = None,
) -> AsyncIterator[tuple[Article, PageResult | str]]:
    """Read every stored raw page, in the order of ids; a reason where one cannot be read."""

    async def one(stored: Article) -> PageResult | str:
        entry = store.entry_of(stored.id) or Entry(id=0, feed_url="", source=stored.source, url=stored.url, url_key="")
        repeated = (learned or {}).get(stored.source or "", frozenset())
        return await read_stored_page(store.raw_place(stored), stored, entry, index, pool, repeated=repeated)

    after = 0
    while batch := store.to_reprocess(sources, after, BATCH):
        after = batch[-1].id
        for stored, found in zip(batch, await asyncio.gather(*map(one, batch)), strict=True):
            yield stored, found


def _compared(stored: Article, found: PageResult | str, repeated: frozenset[int]) -> ReprocessResult:
    if isinstance(found, str):
        return ReprocessResult(stored=stored, new=None, error=found)
    extraction, new = found.extraction, found.article
    if extraction is None:
        return ReprocessResult(stored=stored, new=None, error="the server refused that page (403)")
    if new is not None and stored.source:
        new = dataclasses.replace(new, learned_version=version_of(repeated))
    worse = new is not None and completeness_rank(new.completeness) < completeness_rank(stored.completeness)
    return ReprocessResult(
        stored=stored,
        new=None if worse else new,
        problem=extraction.problem or ("page that shows less" if worse else None),
    )
