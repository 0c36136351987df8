"""`scrapy crawl url -a url=https://…[,https://…]`: fetch the given addresses now."""

from __future__ import annotations

from typing import Any

from crawler.engine.crawl.spider import StandaloneSpider


class UrlSpider(StandaloneSpider):
    """Fetches the given addresses."""

    name = "url"

    def __init__(self, url: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arguments = {"urls": tuple(u for u in url.split(",") if u)}
