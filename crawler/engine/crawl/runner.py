"""One crawl run, from lock to summary: opens the file, runs the spider, closes everything, tells how it went."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

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
    """How a run ended, and for a fetch what became of each entry."""

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
    """Run one crawl in this process, to its end. Once a process: Twisted's reactor does not start twice.

    Args:
        config: the settings.
        plan: what to do.
        command: as the lock names it.
        spider: which of spiders/.
        observer: told after each change of the counts.
        reload: reads the configuration anew, for a run without an end.
        ready: told before the engine starts.
        shutdown: listens already, of a command that did so before the slow imports; else the run listens itself.

    Raises:
        StorageError: the file is held or cannot be written.
    """
    settings = own_settings(config)
    logging.getLogger("scrapy").setLevel(logging.ERROR)
    logging.getLogger("twisted").setLevel(logging.CRITICAL)
    logging.getLogger("py.warnings").setLevel(logging.ERROR)
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
