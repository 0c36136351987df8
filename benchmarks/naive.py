"""A of benchmarks.crawl: the naive way.

A minimal Scrapy spider, trafilatura inline with metadata, one insert per page.

python -m benchmarks.naive DATABASE FEED…
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from typing import Any

import scrapy
import trafilatura
from scrapy.crawler import CrawlerProcess
from trafilatura.settings import Document


class Naive(scrapy.Spider):
    name = "naive"
    custom_settings = {  # noqa: RUF012  # as Scrapy declares it
        "ROBOTSTXT_OBEY": True,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 8,
        "DOWNLOAD_DELAY": 0,
        "LOG_LEVEL": "WARNING",
    }

    def __init__(self, database: str, feeds: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start_urls = feeds
        self.db = sqlite3.connect(database)
        self.db.execute("CREATE TABLE pages (url TEXT PRIMARY KEY, title TEXT, author TEXT, date TEXT, text TEXT)")

    def parse(self, response: Any) -> Iterator[Any]:
        for link in response.xpath("//item/link/text()").getall():
            yield scrapy.Request(link, self.parse_page)

    def parse_page(self, response: Any) -> None:
        found = trafilatura.bare_extraction(response.body, url=response.url, with_metadata=True, include_comments=False)
        if isinstance(found, Document):
            self.db.execute(
                "INSERT INTO pages VALUES (?, ?, ?, ?, ?)",
                (response.url, found.title, found.author, found.date, found.text),
            )
            self.db.commit()


if __name__ == "__main__":
    process = CrawlerProcess()
    process.crawl(Naive, database=sys.argv[1], feeds=sys.argv[2:])
    process.start()
