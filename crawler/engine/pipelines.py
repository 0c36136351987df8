"""For any Scrapy project: an item pipeline that stores what its spiders find, like articles that newsdesk fetched.

ITEM_PIPELINES = {"crawler.engine.pipelines.StorePipeline": 300}
NEWSDESK_DB = "/srv/news.db"  # or postgresql://…; else as the environment and newsdesk.toml say
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from itemadapter import ItemAdapter

from crawler.articles.scraped_item import ScrapedItem, item_page, read_item, text_visit, with_fields
from crawler.articles.visit import PageVisit
from crawler.config.models import SourceIndex
from crawler.engine.addon import config_of
from crawler.engine.crawl.ingest import store_brought, visit_page
from crawler.engine.crawl.rereading import submit_visit
from crawler.engine.workers.pool import WorkerPool
from crawler.errors import CrawlerError
from crawler.version import __version__
from storage.async_writer import AsyncWriter
from storage.databases import exclusive, open_writing
from storage.errors import StorageError

STAT = "newsdesk"  # statistics of the crawl: newsdesk/new, newsdesk/revised, …
log = logging.getLogger("newsdesk")


class StorePipeline:
    """Stores items as articles, with their addresses, copies and versions; passes every item on unchanged.

    An item has `url` and `html`, and the page is read in worker processes; or `url` and `text`, `title` and what else
    scraped_item.FIELDS names. What it gives comes before what its page says.
    """

    def __init__(self, crawler: Any) -> None:
        """Create the pipeline; `open_spider` opens the database."""
        self._crawler = crawler
        self._open = ExitStack()

    @classmethod
    def from_crawler(cls, crawler: Any) -> Self:
        """Called by Scrapy."""
        return cls(crawler)

    async def open_spider(self) -> None:
        """Open the database.

        If it is in use, or cannot be opened, or a setting is wrong, a line says so, and the process ends with
        newsdesk's exit code before anything is requested.
        """
        try:
            self._config = config_of(self._crawler.settings)
            self._index = SourceIndex(self._config.sources)
            name, database = self._crawler.spider.name, self._config.database
            claim = exclusive(database, command=f"spider {name}", now=datetime.now(UTC))
            self._open.enter_context(claim)
            writer = self._open.enter_context(open_writing(database))
            if self._config.extract.keep_raw:
                writer.enable_raw_pages(f"newsdesk/{__version__}", name if not isinstance(database, Path) else "")
            self._writer = AsyncWriter(writer)
            self._pool = WorkerPool(self._config.extract.workers, self._config.extract.page_timeout)
        except (CrawlerError, StorageError) as error:
            self._open.close()
            log.error("%s", error)
            # Raised in here, it would be logged with a traceback, and Scrapy's command would end with 0.
            asyncio.get_running_loop().call_soon(sys.exit, error.exit_code)
            await asyncio.Event().wait()

    async def close_spider(self) -> None:
        """End the worker processes and close the database."""
        if hasattr(self, "_pool"):
            self._pool.close()
            await self._writer.close()
        self._open.close()

    async def process_item(self, item: Any) -> Any:
        """Store an item and pass it on.

        One that cannot be stored is named in the log and counted; if the database cannot be written, the spider ends.
        """
        values = ItemAdapter(item).asdict() if ItemAdapter.is_item(item) else {}
        now = datetime.now(UTC)
        try:
            found = read_item(values, now)
        except ValueError as error:
            log.warning("an item is not stored: %s: %s", error, str(values.get("url"))[:200])
            self._count("unusable")
            return item
        try:
            visit = await self._visit(found, now)
            verdict = await submit_visit(self._writer, store_brought, visit, self._index, self._pool)
            self._count(verdict.outcome)
        except StorageError as error:
            log.error("%s: not stored: %s", found.url, error)
            self._count("failed")
            asyncio.get_running_loop().create_task(self._crawler.engine.close_spider_async(reason="newsdesk"))
        except Exception as error:  # of ours: the item goes on to the other pipelines
            log.error("%s: not stored: %s: %s", found.url, type(error).__name__, error, exc_info=error)
            self._count("failed")
        return item

    async def _visit(self, item: ScrapedItem, now: datetime) -> PageVisit:
        source = self._index.for_url(item.url)
        page = item_page(item, source.id if source else None, now)
        if item.html is None:
            return text_visit(item, page)
        return with_fields(await visit_page(page, source, self._config, self._pool), item)

    def _count(self, outcome: str) -> None:
        self._crawler.stats.inc_value(f"{STAT}/{outcome}")
