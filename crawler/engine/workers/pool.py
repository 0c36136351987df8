"""The worker processes: pages are read in parallel, and one that hangs or crashes fails alone (DESIGN, decision 3)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from crawler.content_encoding import DecodeError, is_gzip
from crawler.engine.workers import worker
from crawler.engine.workers.turns import Turns
from crawler.errors import CrawlerError, FeedError
from crawler.startup import start_servers
from storage import databases
from storage.address import DatabaseAddress

# A forked worker would inherit the lock's file descriptor and keep it open if this process is killed.
_CONTEXT = multiprocessing.get_context("forkserver")
RECENT = timedelta(minutes=10)  # if the last poll is longer ago, there will be pages to read
LOOK = 5.0  # seconds between two checks that the pool is alive
FEED_SECONDS = 2.0  # to read a feed, a sitemap or a robots.txt, and
FEED_PACE = 500_000  # bytes for each further second: a real sitemap of 50,000 entries takes six
MAX_POOL_CRASHES = 3  # pool crashes after which a page is given up
RESTART_ATTEMPTS = 60  # attempts to start a pool, a second apart
TASKS_PER_WORKER = 2000  # pages after which a worker is replaced: long-lived parsers fragment memory
_T = TypeVar("_T")
log = logging.getLogger("newsdesk")


def prepare() -> None:
    """Let the fork server preload the workers' modules: half a second, in parallel with other work."""
    _CONTEXT.set_forkserver_preload([worker.__name__, *worker.PRELOAD])
    start_servers()


def prepare_early(database: DatabaseAddress, now: datetime) -> None:
    """Call `prepare` before the slow imports of a crawl, if its file shows that there will be pages to read."""
    if databases.quiet_since(database, now - RECENT):
        prepare()


class PageFailed(Exception):  # noqa: N818 - named for what was met
    """A page that could not be read: too slow, too large, or it crashed its worker; a traceback is added for a bug."""

    def __init__(self, reason: str, trace: str = "") -> None:
        super().__init__(reason)
        self.trace = trace


def _end(pool: ProcessPool) -> None:
    """Stop a pool, broken or not; only joining it ends its processes, threads and channels."""
    with contextlib.suppress(Exception):  # a broken pool may raise anything
        pool.stop()
        pool.join()


def _failure(error: Exception, seconds: float) -> Exception:
    """Convert an error raised in a worker."""
    if isinstance(error, FeedError | DecodeError):
        return error
    if isinstance(error, FutureTimeout | TimeoutError):
        return PageFailed(f"reading it took longer than {seconds:.3g} s")
    if isinstance(error, ProcessExpired):
        return PageFailed("reading it took the worker down")
    if isinstance(error, MemoryError):
        return PageFailed("reading it took too much memory")
    said = str(error) if isinstance(error, worker.ExtractionError) else f"{type(error).__name__}: {error}"
    trace = error.trace if isinstance(error, worker.ExtractionError) else "".join(traceback.format_exception(error))
    return PageFailed(f"reading it failed ({said})", trace)  # a page may trigger any error in a parser


class WorkerPool:
    """Worker processes for work that would block the event loop.

    They are started on first use: a crawl that finds nothing new starts none.
    """

    def __init__(self, workers: int, timeout: float) -> None:
        self.workers = workers or os.cpu_count() or 1
        self.timeout = timeout  # seconds for a page; see `seconds_for` for smaller files
        self._turns = Turns(self.workers)
        self._pool: ProcessPool | None = None
        self._closed = False
        self._ending: list[threading.Thread] = []

    def seconds_for(self, body: bytes) -> float:
        """The time limit for a feed, a sitemap or a robots.txt, by its size.

        It is a page's limit at most; a body that is still compressed gets a page's limit.
        """
        return self.timeout if is_gzip(body) else min(self.timeout, FEED_SECONDS + len(body) / FEED_PACE)

    async def run(self, work: Callable[..., _T], *args: Any, source: str, seconds: float | None = None) -> _T:
        """Run a function in a worker process, when it is its source's turn.

        A pool that broke because the system had no file or process left is started again and the work is repeated; the
        page is not at fault (RELIABILITY 3.7: an executor that broke once fails every later job).

        Args:
            work: a function of engine/workers/worker.py.
            args: its arguments.
            source: where the bytes came from: a source's id, or a host.
            seconds: the time limit; a page's by default.

        Raises:
            PageFailed: it exceeded the time or memory limit, crashed its process, or failed.
            FeedError, DecodeError: raised by the work itself.
            CrawlerError: no process could be started in RESTART_ATTEMPTS attempts, a second apart.
        """
        async with self._turns.turn(source):
            try:
                return await self._run(work, args, self.timeout if seconds is None else seconds)
            except PageFailed as error:
                self._turns.was_slow(source)
                if error.trace:
                    log.error("%s: %s", source, error, extra={"traceback": error.trace})
                raise

    async def _run(self, work: Callable[..., _T], args: tuple[Any, ...], seconds: float) -> _T:
        broke, restarts = 0, 0
        while True:
            try:
                return await self._attempt(work, args, seconds)
            except BrokenProcessPool as error:
                if error.__cause__ is None:  # its workers ended, and this work may be the reason
                    broke += 1
                    if broke >= MAX_POOL_CRASHES:
                        raise PageFailed("reading it took the worker down") from error
                restarts += 1
                if restarts > RESTART_ATTEMPTS:
                    raise CrawlerError(
                        f"no extraction process can be started ({error.__cause__ or error}); "
                        "`newsdesk doctor` shows the limits"
                    ) from error
                if restarts == 1:
                    log.warning("the extraction processes ended (%s); they are restarted", error.__cause__ or error)
                await asyncio.sleep(1.0)

    async def _attempt(self, work: Callable[..., _T], args: tuple[Any, ...], seconds: float) -> _T:
        if self._closed:  # nothing waits for the result any more; the lease is released
            raise asyncio.CancelledError
        try:
            pool = self._started()
            future: asyncio.Future[_T] = asyncio.wrap_future(pool.schedule(work, args=args, timeout=seconds))
        except (OSError, EOFError, RuntimeError) as error:
            self._drop()
            raise BrokenProcessPool(str(error)) from error
        try:
            await self._wait(pool, future)
            return await future
        except BrokenProcessPool:
            if pool is self._pool:
                self._drop()
            raise
        except Exception as error:
            raise _failure(error, seconds) from error

    async def _wait(self, pool: Any, future: asyncio.Future[Any]) -> None:
        """Wait for a result, and check every LOOK seconds that its pool is alive.

        A broken pool does not notify its queued work.
        """
        while not (await asyncio.wait([future], timeout=LOOK))[0]:
            ours = pool is self._pool
            if not ours or not pool.active:
                future.cancel()
                raise BrokenProcessPool("the pool ended")

    def _drop(self) -> None:
        """Drop a broken pool; a thread ends its workers, which may take a moment."""
        pool, self._pool = self._pool, None
        if pool is not None:
            ending = threading.Thread(target=_end, args=(pool,), daemon=True)
            ending.start()
            self._ending = [thread for thread in self._ending if thread.is_alive()] + [ending]

    def _started(self) -> ProcessPool:
        if self._pool is None:
            prepare()
            self._pool = ProcessPool(
                max_workers=self.workers, max_tasks=TASKS_PER_WORKER, initializer=worker.init_worker, context=_CONTEXT
            )
        return self._pool

    def close(self) -> None:
        """End every process."""
        self._closed = True
        if self._pool is not None:
            _end(self._pool)
            self._pool = None
        for ending in self._ending:
            ending.join(timeout=2.0)
