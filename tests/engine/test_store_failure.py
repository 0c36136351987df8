"""A stored article whose new page cannot be written keeps its rechecks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from crawler.config.models import Config, Source
from crawler.engine.crawl.spider import STORE_AGAIN, NewsSpider
from crawler.engine.fetch_task import ArticleTask
from storage.records import Entry
from storage.utc import format_utc
from tests.conftest import NOW


class Stub:
    """A frontier and a writer that remember the verdict."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.verdict: Any = None

    async def complete_article(self, task: ArticleTask, write: Callable[[Any], Any]) -> Any:
        return write(self)

    def apply_verdict(self, verdict: Any) -> None:
        self.verdict = verdict


def test_a_failed_write_leaves_the_next_recheck_in_place() -> None:
    source = Source(id="a", name="A", url="https://a.org/", recheck=(900.0, 3600.0))
    seen = format_utc(NOW - timedelta(minutes=20))
    entry = Entry(
        id=0, feed_url="", source="a", url="https://a.org/1", url_key="a.org/1", article_id=1, article_seen_at=seen
    )
    spider, stub = NewsSpider(name="x"), Stub(Config())
    spider.frontier = stub  # type: ignore[assignment]  # its two methods are enough
    task = ArticleTask(url=entry.url, at=NOW, source=source, entry=entry)
    asyncio.run(spider._store_failure(task, "could not be stored: it is too large"))
    assert stub.verdict.retry_at == NOW + STORE_AGAIN
    assert stub.verdict.recheck_at == NOW + timedelta(minutes=40)
