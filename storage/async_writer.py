"""Run all reads and writes of a crawl in order on one thread, off the event loop.

Jobs that arrive during a transaction share the next one, each in its own savepoint: small batches under load, no
delay without it. A job's result is returned only after it is on the disk.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from storage.errors import DatabaseBusy, DiskError, LeaseLost, StorageError
from storage.writer import Writer

BATCH = 64  # jobs per transaction
# Seconds between two transactions under load. Each transaction syncs twice and writes a segment of the full-text index
# (measured: half the cost of a page).
COMMIT_INTERVAL = 0.1
PATIENCE = 2.0  # seconds between two attempts to write while the disk is full or read-only, or the file is locked
LOG_INTERVAL = 600.0  # seconds between two log lines about it
_T = TypeVar("_T")
_Job = tuple[Callable[[Writer], Any], "asyncio.Future[Any]"]
log = logging.getLogger("newsdesk")


class AsyncWriter:
    """One writer, one thread, one queue."""

    def __init__(self, writer: Writer, *, wait_for_disk: bool = False) -> None:
        """Create the queue.

        Args:
            writer: the database.
            wait_for_disk: wait while the disk is full or read-only, or another program locks the file, instead of
                raising. A long-running crawl needs this.
        """
        self.writer = writer
        self.wait_for_disk = wait_for_disk
        self.failure: Exception | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._waiting: list[_Job] = []
        self._flusher: asyncio.Task[None] | None = None
        self._flushed = 0.0

    async def submit(self, job: Callable[[Writer], _T]) -> _T:
        """Run a job inside a transaction.

        Raises:
            LeaseLost: the lease of this worker ended.
            StorageError: the database cannot be written; every later call raises it too.
            Exception: whatever the job itself raised; its savepoint is rolled back, the other jobs are committed.
        """
        if self.failure:
            raise self.failure
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, future))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        return await future

    async def run(self, question: Callable[[Writer], _T]) -> _T:
        """Run a function that opens its own transaction, or none."""
        if self.failure:
            raise self.failure
        try:
            return await self._through(lambda: question(self.writer))
        except LeaseLost:  # the hosts are others' now; this worker begins anew
            raise
        except StorageError as error:
            self.failure = error
            raise

    async def _through(self, work: Callable[[], _T]) -> _T:
        """Run in the thread; with `wait_for_disk`, retry until the file can be written.

        A failed transaction is rolled back, so it can be retried.
        """

        def translated() -> _T:
            with self.writer.db.translate_errors():
                return work()

        waited = 0.0
        while True:
            try:
                done = await asyncio.get_running_loop().run_in_executor(self._thread, translated)
            except (DiskError, DatabaseBusy) as error:
                if not self.wait_for_disk:
                    raise
                if waited % LOG_INTERVAL == 0:
                    log.error("%s (waiting; no requests are made meanwhile)", error)
                await asyncio.sleep(PATIENCE)
                waited += PATIENCE
            else:
                if waited:
                    log.warning("%s: can be written again after %.0f s", self.writer.address, waited)
                return done

    async def _flush(self) -> None:
        while self._waiting:
            await asyncio.sleep(max(0.0, self._flushed + COMMIT_INTERVAL - time.monotonic()))
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            try:
                jobs = [job for job, _ in batch]
                results = await self._through(lambda jobs=jobs: self._run(jobs))  # type: ignore[misc]
            except Exception as error:  # the transaction itself failed, so none of its jobs was written
                if isinstance(error, StorageError) and not isinstance(error, LeaseLost):
                    self.failure = self.failure or error
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            self._flushed = time.monotonic()
            for (_, future), (result, failure) in zip(batch, results, strict=True):
                if future.done():
                    continue
                if failure is not None:
                    future.set_exception(failure)
                else:
                    future.set_result(result)

    def _run(self, jobs: list[Callable[[Writer], Any]]) -> list[tuple[Any, Exception | None]]:
        results: list[tuple[Any, Exception | None]] = []
        with self.writer.transaction():
            for job in jobs:
                try:
                    with self.writer.savepoint():
                        results.append((job(self.writer), None))
                except Exception as error:
                    # SQLite rolled back the whole transaction, or raw pages cannot be written: a full disk, an I/O
                    # error
                    if not self.writer.db.in_transaction or isinstance(error, DiskError):
                        raise
                    results.append((None, error))
        return results

    async def close(self) -> None:
        """Finish the queued jobs and end the thread."""
        if self._flusher is not None:
            await asyncio.wait([self._flusher])
        self._thread.shutdown(wait=True)
