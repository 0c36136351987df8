"""`scrapy crawl feed [-a sources=ID,tag:TAG] [-a due=1] [-a limit=N]`: polls what is listed, fetches what is owed."""

from __future__ import annotations

from typing import Any

from crawler.config.value_types import flag, some
from crawler.engine.crawl.spider import OwnSpider


class FeedSpider(OwnSpider):
    """One pass over the sources."""

    name = "feed"

    def __init__(self, sources: str = "", due: str = "", limit: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        try:
            self.wanted = {
                "sources": tuple(s.strip() for s in sources.split(",") if s.strip()),
                "due_only": flag(due or "0"),
                "limit": some(limit) if limit else None,
            }
        except ValueError as error:
            self.refused.append(f"-a due={due} -a limit={limit}: {error}")
