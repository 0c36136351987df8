"""`scrapy crawl feed [-a sources=ID,tag:TAG] [-a due=1] [-a limit=N]`: poll feeds and fetch pending articles."""

from __future__ import annotations

from typing import Any

from crawler.config.value_types import boolean, positive_int
from crawler.engine.crawl.spider import StandaloneSpider


class FeedSpider(StandaloneSpider):
    """One pass over the sources."""

    name = "feed"

    def __init__(self, sources: str = "", due: str = "", limit: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        try:
            self.arguments = {
                "sources": tuple(s.strip() for s in sources.split(",") if s.strip()),
                "due_only": boolean(due or "0"),
                "limit": positive_int(limit) if limit else None,
            }
        except ValueError as error:
            self.refused.append(f"-a due={due} -a limit={limit}: {error}")
