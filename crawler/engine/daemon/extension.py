"""Scrapy's hook into the background crawler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from scrapy import signals
from scrapy.exceptions import NotConfigured

if TYPE_CHECKING:
    from crawler.engine.daemon.jobs import BackgroundJobs


class SchedulerExtension:
    """A Scrapy extension: starts the jobs of a background crawler with the engine, and stops them with the spider."""

    def __init__(self, crawler: Any) -> None:
        self.crawler = crawler
        self.jobs: BackgroundJobs | None = None
        crawler.signals.connect(self.start, signal=signals.engine_started)
        crawler.signals.connect(self.stop, signal=signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler: Any) -> Self:
        """Build the extension for an endless run.

        Raises:
            NotConfigured: the run is not endless.
        """
        live = getattr(crawler.spider, "live", None)
        if live is None or not live.plan.endless:
            raise NotConfigured
        return cls(crawler)

    def start(self) -> None:
        """Start the jobs; the event loop runs."""
        from crawler.engine.daemon.jobs import BackgroundJobs  # loads APScheduler, which one pass does not need

        self.jobs = BackgroundJobs(self.crawler)
        self.jobs.start()

    def stop(self) -> None:
        """Stop the jobs; the spider is closed."""
        if self.jobs is not None:
            self.jobs.stop()
