"""Share the workers between sources: they take turns, and one that exceeded its time or memory waits behind others."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

PENALTY = 60.0  # seconds that a source waits behind others after its work failed; doubled each time
LONGEST = 3600.0
FORGOTTEN = 4096  # maximum number of sources whose penalties are remembered


@dataclass(slots=True)
class _Slow:
    times: int = 0
    until: float = 0.0


@dataclass(slots=True)
class Turns:
    """A limit on concurrent work, with a queue per source; the queues are served in turn.

    One piece more than there are workers is admitted: it waits in the pool's own queue, so that a worker that is done
    need not wait for this process. It is never of a slow source, nor of one that has every worker already. Work of slow
    sources is admitted only when no other source waits and a worker is free, and, if there are several workers, never
    to the last one. A new source therefore finds a worker soon, however many slow sources there are.
    """

    workers: int
    _busy: Counter[str] = field(default_factory=Counter)
    _waiting: OrderedDict[str, deque[asyncio.Future[None]]] = field(default_factory=OrderedDict)
    _slow: OrderedDict[str, _Slow] = field(default_factory=OrderedDict)

    @asynccontextmanager
    async def turn(self, source: str) -> AsyncIterator[None]:
        """Wait for a place, and release it at the end."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(source, deque()).append(future)
        self._serve()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():  # the place was given before the cancellation
                self._leave(source)
            raise
        try:
            yield
        finally:
            self._leave(source)

    def was_slow(self, source: str) -> None:
        """Record that a piece of the source's work failed."""
        known = self._slow.setdefault(source, _Slow())
        known.times += 1
        known.until = time.monotonic() + min(LONGEST, PENALTY * 2 ** min(known.times - 1, 10))
        self._slow.move_to_end(source)
        while len(self._slow) > FORGOTTEN:
            self._slow.popitem(last=False)

    def _is_slow(self, source: str) -> bool:
        known = self._slow.get(source)
        return known is not None and known.until > time.monotonic()

    def _leave(self, source: str) -> None:
        self._busy[source] -= 1
        if not self._busy[source]:
            del self._busy[source]
        self._serve()

    def _serve(self) -> None:
        """Give free places to waiting work."""
        while (source := self._next()) is not None:
            queue = self._waiting[source]
            future = queue.popleft()
            if queue:
                self._waiting.move_to_end(source)
            else:
                del self._waiting[source]
            if not future.done():  # else the waiting task was cancelled
                self._busy[source] += 1
                future.set_result(None)

    def _next(self) -> str | None:
        """The source whose turn it is, if there is a place for it."""
        busy = self._busy.total()
        if busy > self.workers:
            return None
        for source in self._waiting:
            if not self._is_slow(source) and self._busy[source] < self.workers:
                return source
        slow = sum(count for source, count in self._busy.items() if self._is_slow(source))
        room = busy < self.workers and slow < max(1, self.workers - 1)
        return next(iter(self._waiting), None) if room else None
