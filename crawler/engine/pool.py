"""The extraction processes: pages go in side by side, a page that hangs or crashes fails alone (pebble; DESIGN, decision 3)."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeout
from multiprocessing import forkserver, resource_tracker
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from crawler.engine import worker
from crawler.errors import FeedError
from crawler.transfer import BrokenBody

# A forked worker would keep the lock's descriptor alive after a kill.
_CONTEXT = multiprocessing.get_context("forkserver")
RECYCLE = 2000  # pages after which a worker is replaced: long-lived parsers fragment memory
_T = TypeVar("_T")


class PageFailed(Exception):  # noqa: N818 - named for what was met
    """A page that could not be extracted: too slow, too large, or it took its worker down."""


class Pool:
    """Processes for work that would hold up the event loop. Started on first use: a crawl that finds nothing new starts none."""

    def __init__(self, workers: int, timeout: float) -> None:
        self.workers = workers or os.cpu_count() or 1
        self.timeout = timeout
        self._pool: ProcessPool | None = None

    async def run(self, work: Callable[..., _T], *args: Any) -> _T:
        """Run work in a process.

        Raises:
            PageFailed: it took longer than the time limit, or its process ended.
            FeedError, BrokenBody: what the work itself found wrong.
        """
        future = self._started().schedule(work, args=args, timeout=self.timeout)
        try:
            return await asyncio.wrap_future(future)
        except (FutureTimeout, TimeoutError) as error:
            raise PageFailed(f"its extraction took longer than {self.timeout:g} s") from error
        except ProcessExpired as error:
            raise PageFailed("its extraction took the worker down") from error
        except MemoryError as error:
            raise PageFailed("its extraction took too much memory") from error
        except (FeedError, BrokenBody):
            raise
        except Exception as error:  # whatever strangers' bytes trip over in a worker is that page's failure
            raise PageFailed(f"its extraction failed ({type(error).__name__}: {error})") from error

    def prepare(self) -> None:
        """Let the fork server load what workers need, because they will be needed: half a second, beside other things."""
        _CONTEXT.set_forkserver_preload([worker.__name__, *worker.NEEDED])
        # Ctrl-C is the parent's to answer, also while the server still loads; its workers ignore it. The tracker starts first: starting, it unblocks signals.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _started(self) -> ProcessPool:
        if self._pool is None:
            self.prepare()
            self._pool = ProcessPool(
                max_workers=self.workers, max_tasks=RECYCLE, initializer=worker.warm, context=_CONTEXT
            )
        return self._pool

    def close(self) -> None:
        """End every process."""
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()
            self._pool = None
