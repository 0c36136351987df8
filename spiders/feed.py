"""`scrapy crawl feed [-a sources=ID,tag:TAG] [-a due=1] [-a limit=N]`: polls what is listed, fetches what is owed."""

from __future__ import annotations

from typing import Any

from crawler.engine.run import OwnSpider


class FeedSpider(OwnSpider):
    """One pass over the sources."""

    name = "feed"

    def __init__(self, sources: str = "", due: str = "", limit: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.wanted = {
            "sources": tuple(s for s in sources.split(",") if s),
            "due_only": due.lower() in {"1", "true", "yes"},
            "limit": int(limit) if limit else None,
        }
