"""Hosts that belong to another worker of a shared store: redirects to them, and requests that were not sent in time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from crawler.engine.fetch_task import ArticleTask, FeedTask, FetchTask, StepTask
from crawler.engine.handlers.http import HostTakenOver
from crawler.urls import host_of
from storage.async_writer import AsyncWriter
from storage.databases import Claim
from storage.errors import LeaseLost
from storage.parts import part_of
from storage.writer import Writer

PATIENCE = 20.0  # seconds for which a redirect waits for a host that another worker is requesting
LOOK = 0.2  # seconds between two attempts
_T = TypeVar("_T")


class Handover:
    """What one run leaves to the other workers; with a SQLite file there are none."""

    def __init__(
        self,
        claim: Claim,
        writer: AsyncWriter,
        stopped: Callable[[], bool],
        in_flight: Collection[FetchTask],
    ) -> None:
        self.claim = claim
        self.in_flight = in_flight
        self.writer = writer
        self.stopped = stopped
        self.dropped: list[FetchTask] = []  # leased, and not requested
        self._lost: set[FetchTask] = set()  # under way when the lease was lost
        self._visited: Counter[str] = Counter()  # hosts that were not leased, with requests under way

    def busy_parts(self) -> set[int]:
        """The parts of the hosts with requests under way; called from the thread of the lease."""
        hosts = {host for task in list(self.in_flight) for host in (host_of(task.url), leased_host(task))}
        return {part_of(host) for host in hosts | set(self._visited)}

    def lease_was_lost(self) -> None:
        """Refuse the results of what is under way: others may have its hosts. Called from the thread of the lease."""
        self._lost = set(self.in_flight)

    def fenced(self, task: FetchTask, job: Callable[[Writer], _T]) -> Callable[[Writer], _T]:
        """The job that writes a task's result, unless the lease was lost since the task was leased."""

        def write(writer: Writer) -> _T:
            if task in self._lost:
                raise LeaseLost(f"{task.url}: it was leased before this worker lost its lease")
            return job(writer)

        return write

    def may_send(self, host: str) -> bool:
        """Whether a request may still be sent: the process may have been suspended while it connected."""
        return self.claim.may_request(host) or self._visited[host] > 0

    def is_leased_for(self, task: FetchTask, host: str) -> bool:
        """Whether a host is the one that a task was leased by; a feed that moved is requested at another one."""
        return task in self.in_flight and leased_host(task) == host

    @asynccontextmanager
    async def visiting(self, host: str) -> AsyncIterator[None]:
        """Request a host that was not leased for it: robots.txt, or the target of a redirect.

        Where workers share the store, the host is reserved first, also one of this worker: another one may be led to it
        at the same moment.

        Raises:
            HostTakenOver: the host stayed busy at another worker, or the lease of this one ended.
        """
        self._visited[host] += 1
        try:
            if not self.claim.shared or self._is_leased(host):
                yield
                return
            try:
                await self._reserve(host)
                yield
            finally:
                with suppress(LeaseLost):
                    await self.writer.run(lambda writer: self.claim.end_visit(writer, host))
        finally:
            self._visited[host] -= 1
            if not self._visited[host]:
                del self._visited[host]

    def _is_leased(self, host: str) -> bool:
        """Whether something of the host is leased by this worker, so that no other one reserves it."""
        return self.claim.may_request(host) and any(leased_host(task) == host for task in self.in_flight)

    async def _reserve(self, host: str) -> None:
        ends = time.monotonic() + PATIENCE
        try:
            while (delay := await self.writer.run(lambda writer: self.claim.visit(writer, host))) is None:
                if time.monotonic() > ends or self.stopped():
                    raise HostTakenOver(host)
                await asyncio.sleep(LOOK)
        except LeaseLost as error:
            raise HostTakenOver(host) from error
        if not self.claim.may_request(host):  # its worker may have had an answer just before
            await asyncio.sleep(delay)

    async def lease_again(self) -> None:
        """Release what was leased and not requested, where it still belongs to this worker."""
        if not self.dropped:
            return
        dropped = list(self.dropped)

        def release(writer: Writer) -> None:
            writer.release_unrequested(
                entries=[task.entry.id for task in dropped if isinstance(task, ArticleTask)],
                feeds=[task.feed.url for task in dropped if isinstance(task, FeedTask)],
                steps=[task.step.id for task in dropped if isinstance(task, StepTask)],
            )

        await self.writer.run(release)
        del self.dropped[: len(dropped)]


def leased_host(task: FetchTask) -> str:
    """The host by which the store leased a task."""
    if isinstance(task, FeedTask):
        return host_of(task.feed.url)
    return task.step.host if isinstance(task, StepTask) else host_of(task.entry.url)
