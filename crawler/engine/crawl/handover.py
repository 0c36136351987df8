"""Hosts that belong to another worker of a shared store: redirects to them, and requests that were not sent in time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from crawler.engine.fetch_task import ArticleTask, FeedTask, FetchTask, StepTask
from crawler.engine.handlers.http import HostTakenOver
from crawler.urls import host_of
from storage.async_writer import AsyncWriter
from storage.databases import Claim
from storage.parts import part_of
from storage.writer import Writer

PATIENCE = 20.0  # seconds for which a redirect waits for a host that another worker is requesting
LOOK = 0.2  # seconds between two attempts


class Handover:
    """What one run leaves to the other workers; with a SQLite file there are none."""

    def __init__(
        self,
        claim: Claim,
        writer: AsyncWriter,
        stopped: Callable[[], bool],
        in_flight: Callable[[], Sequence[FetchTask]],
    ) -> None:
        self.claim = claim
        self.in_flight = in_flight
        self.writer = writer
        self.stopped = stopped
        self.dropped: list[FetchTask] = []  # leased, and not requested
        self._visited: Counter[str] = Counter()  # hosts that were not leased, with requests under way

    def busy_parts(self) -> set[int]:
        """The parts of the hosts with requests under way; called from the thread of the lease."""
        hosts = [host_of(task.url) for task in self.in_flight()]
        return {part_of(host) for host in [*hosts, *list(self._visited)]}

    @asynccontextmanager
    async def visiting(self, host: str) -> AsyncIterator[None]:
        """Request a host that was not leased for it: robots.txt, or the target of a redirect.

        Where workers share the store, the host is reserved first, also one of this worker: another one may be led to it
        at the same moment.

        Raises:
            HostTakenOver: the host stayed busy at another worker.
        """
        self._visited[host] += 1
        try:
            if not self.claim.shared or self._is_leased(host):
                yield
                return
            await self._reserve(host)
            try:
                yield
            finally:
                await self.writer.run(lambda writer: self.claim.end_visit(writer, host))
        finally:
            self._visited[host] -= 1
            if not self._visited[host]:
                del self._visited[host]

    def _is_leased(self, host: str) -> bool:
        """Whether something of the host is leased by this worker, so that no other one reserves it."""
        return self.claim.may_request(host) and any(host_of(task.url) == host for task in self.in_flight())

    async def _reserve(self, host: str) -> None:
        ends = time.monotonic() + PATIENCE
        while not await self.writer.run(lambda writer: self.claim.visit(writer, host)):
            if time.monotonic() > ends or self.stopped():
                raise HostTakenOver(host)
            await asyncio.sleep(LOOK)
        if not self.claim.may_request(host):  # its worker may have had an answer just before
            await asyncio.sleep(self.claim.delay)

    async def lease_again(self) -> None:
        """Release what was leased and not requested, where it still belongs to this worker."""
        if not self.dropped:
            return
        dropped, self.dropped = self.dropped, []

        def release(writer: Writer) -> None:
            writer.release_unrequested(
                entries=[task.entry.id for task in dropped if isinstance(task, ArticleTask)],
                feeds=[task.feed.url for task in dropped if isinstance(task, FeedTask)],
                steps=[task.step.id for task in dropped if isinstance(task, StepTask)],
            )

        await self.writer.run(release)
