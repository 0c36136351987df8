"""The processes that hold a database, as others see them. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The process that has the lock of a file, or one worker of a shared store."""

    pid: int
    host: str
    command: str
    since: str

    def named(self) -> str:
        """The process, for a message."""
        return f"`newsdesk {self.command}` (pid {self.pid} on {self.host}, since {self.since})"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerHolder(Holder):
    """One worker of a shared store, as `status` shows it."""

    worker: str
    parts: int
    configuration: str  # a hash of its source list
    ends_in: float  # seconds until its lease ends
    took_over: tuple[tuple[str, int], ...] = ()  # (a dead worker, the number of its parts)
