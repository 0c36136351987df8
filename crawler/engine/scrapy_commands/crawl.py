"""`scrapy crawl`, with the exit code of the contract."""

from __future__ import annotations

import argparse

from scrapy.commands import crawl


class Command(crawl.Command):
    """Scrapy's own exits 0 however a crawl went."""

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Crawl, and exit with what the spider says."""
        super().run(args, opts)
        assert self.crawler_process is not None
        spider = self.crawler_process.spider_loader.load(args[0])
        self.exitcode: int = getattr(spider, "exit_code", 0) or self.exitcode
