"""`scrapy crawl` with newsdesk's exit codes."""

from __future__ import annotations

import argparse

from scrapy.commands import crawl


class Command(crawl.Command):
    """Replaces Scrapy's command, which exits with 0 whatever the crawl did."""

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Crawl, and exit with the spider's exit code."""
        super().run(args, opts)
        assert self.crawler_process is not None
        spider = self.crawler_process.spider_loader.load(args[0])
        self.exitcode: int = getattr(spider, "exit_code", 0) or self.exitcode
