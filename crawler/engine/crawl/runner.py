"""Run one crawl: take the lock, open the file, run the spider, close everything, return the summary."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from crawler.startup import without_frames

with without_frames():  # three deprecated classes ask for their module's name
    import scrapy.core.downloader.contextfactory  # noqa: F401
from scrapy.crawler import AsyncCrawlerProcess

from crawler.config.loader import load_config
from crawler.config.models import Config
from crawler.engine.addon import own_settings
from crawler.engine.crawl.counts import RunCounts
from crawler.engine.crawl.plan import CrawlPlan
from crawler.engine.crawl.session import CrawlSession
from crawler.engine.crawl.shutdown import ShutdownSignals
from crawler.errors import FAILED
from storage.errors import StorageError
from storage.records import CrawlRun
from storage.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended, and the entries of a fetch."""

    run: CrawlRun
    entries: tuple[int, ...]


def run(
    config: Config,
    plan: Callable[[Writer, Config], CrawlPlan],
    *,
    command: str,
    spider: str,
    observer: Callable[[RunCounts], None] | None = None,
    reload: Callable[[], Config] = load_config,
    ready: Callable[[CrawlSession], None] | None = None,
    shutdown: ShutdownSignals | None = None,
) -> RunResult:
    """Run one crawl in this process, to its end.

    Call it once per process: Twisted's reactor cannot be restarted.

    Args:
        config: the settings.
        plan: makes the plan of the run.
        command: the command's name for the lock file.
        spider: the name of a spider in spiders/.
        observer: called after each change of the counts.
        reload: reads the configuration again, for an endless run.
        ready: called before the engine starts.
        shutdown: signal handlers that the command installed before the slow imports; else the run installs its own.

    Raises:
        StorageError: the file is locked or cannot be written.
    """
    settings = own_settings(config)
    _limit_logging()
    with contextlib.ExitStack() as stack:
        stopping = shutdown or stack.enter_context(ShutdownSignals())
        live = CrawlSession.open(config, plan, command=command, observer=observer, reload=reload)
        stopping.attach(live)
        try:
            if ready is not None:
                ready(live)
            process = AsyncCrawlerProcess(settings)
            process.crawl(spider, live=live)
            stopping.on_process(process)
            process.start(install_signal_handlers=False)
        except BaseException:
            with contextlib.suppress(StorageError):
                live.finish(FAILED)
            raise
        code = stopping.code
        if process.bootstrap_failed and code is None:
            code = FAILED
        return RunResult(run=live.finish(code), entries=live.plan.entries)


def _limit_logging() -> None:
    """Hide what Scrapy, Twisted and Python's warnings log below an error."""
    logging.getLogger("scrapy").setLevel(logging.ERROR)
    logging.getLogger("twisted").setLevel(logging.CRITICAL)
    logging.getLogger("py.warnings").setLevel(logging.ERROR)
