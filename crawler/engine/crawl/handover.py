"""Hosts that belong to another worker of a shared store: redirects to them, and requests that were not sent in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from crawler.engine.fetch_task import ArticleTask, FeedTask, FetchTask, StepTask
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

    def busy_parts(self) -> set[int]:
        """The parts of the hosts with requests under way; called from the thread of the lease."""
        return {part_of(host_of(task.url)) for task in self.in_flight()}

    async def visit(self, host: str) -> bool:
        """Reserve a host of another worker that a redirect leads to, and wait for one delay; False if it stays busy."""
        ends = time.monotonic() + PATIENCE
        while not self.claim.may_request(host) and not await self.writer.run(
            lambda writer: self.claim.visit(writer, host)
        ):
            if time.monotonic() > ends or self.stopped():
                return False
            await asyncio.sleep(LOOK)
        await asyncio.sleep(self.claim.delay)
        return True

    async def end_visit(self, host: str) -> None:
        """Give a reserved host back to its worker."""
        await self.writer.run(lambda writer: self.claim.end_visit(writer, host))

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
