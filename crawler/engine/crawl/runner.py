"""One crawl run, from lock to summary: opens the file, runs the spider, closes everything, tells how it went."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from scrapy.crawler import AsyncCrawlerProcess
from scrapy.settings import Settings

from crawler.config.loader import load_config
from crawler.config.models import Config
from crawler.engine.addon import settings_of
from crawler.engine.crawl.counts import Tally
from crawler.engine.crawl.plan import Plan
from crawler.engine.crawl.session import LiveRun
from crawler.engine.crawl.shutdown import Stopping
from crawler.errors import FAILED
from storage.errors import StorageError
from storage.records import CrawlRun
from storage.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a run ended, and for a fetch what became of each entry."""

    run: CrawlRun
    entries: tuple[int, ...]


def run(
    config: Config,
    plan: Callable[[Writer, Config], Plan],
    *,
    command: str,
    spider: str,
    observer: Callable[[Tally], None] | None = None,
    reload: Callable[[], Config] = load_config,
    ready: Callable[[LiveRun], None] | None = None,
    signals_heard: Stopping | None = None,
) -> Result:
    """Run one crawl in this process, to its end. Once a process: Twisted's reactor does not start twice.

    Args:
        config: the settings.
        plan: what to do.
        command: as the lock names it.
        spider: which of spiders/.
        observer: told after each change of the counts.
        reload: reads the configuration anew, for a run without an end.
        ready: told before the engine starts.
        signals_heard: listens already, of a command that did so before the slow imports; else the run listens itself.

    Raises:
        StorageError: the file is held or cannot be written.
    """
    settings = Settings()
    settings.setmodule("crawler.engine.settings", priority="project")
    settings.setdict({**settings_of(config), "LOG_INSTALL_ROOT_HANDLER": False}, priority="cmdline")
    logging.getLogger("scrapy").setLevel(logging.ERROR)
    logging.getLogger("twisted").setLevel(logging.CRITICAL)
    logging.getLogger("py.warnings").setLevel(logging.ERROR)
    with contextlib.ExitStack() as stack:
        stopping = signals_heard or stack.enter_context(Stopping())
        live = LiveRun.begin(config, plan, command=command, observer=observer, reload=reload)
        stopping.begun(live)
        try:
            if ready is not None:
                ready(live)
            process = AsyncCrawlerProcess(settings)
            process.crawl(spider, live=live)
            stopping.drains(process)
            process.start(install_signal_handlers=False)
        except BaseException:
            with contextlib.suppress(StorageError):
                live.summary(FAILED)
            raise
        code = stopping.code
        if process.bootstrap_failed and code is None:
            code = FAILED
        return Result(run=live.summary(code), entries=live.plan.entries)
