"""Keep the database in order while the background crawler runs: retention, checks, backups."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from crawler.config.models import Config
from crawler.engine.crawl.session import CrawlSession
from storage import maintenance as files
from storage.errors import DamagedDatabase, StorageError
from storage.outbox import Outbox
from storage.utc import format_utc, parse_utc
from storage.writer import Writer

log = logging.getLogger("newsdesk")
GIVE_UP_GAPS = timedelta(days=7)  # after which a gap that could not be filled is closed as lost


class Maintenance:
    """Maintains the database of one background crawler.

    The store records when each task last ran, so a restart repeats nothing.
    """

    def __init__(self, live: CrawlSession) -> None:
        self.live = live
        self.frontier = live.frontier

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self.frontier.config

    async def run(self) -> None:
        """Run the tasks that are due: retention, optimizing, checks, the backup; one after the other."""
        day = timedelta(hours=24 * self.config.pace.scale)
        await self.frontier.writer.run(self._housekeep)
        if not self.live.claim.leads:
            return
        await self._every("pruned_at", day, lambda: self.frontier.writer.run(self._prune))
        await self._every("optimized_at", day, lambda: self.frontier.writer.run(lambda writer: writer.optimize()))
        path = self.config.database
        if not isinstance(path, Path):  # a server has checks and backups of its own
            return
        await self._every("quick_checked_at", day, lambda: self._checked(path, files.quick_check))
        await self._every("checked_at", 7 * day, lambda: self._checked(path, files.check))
        if (interval := self.config.storage.backup_every(self.config.pace)) is not None:
            await self._every("backed_up_at", timedelta(seconds=interval), lambda: self._backup(path))

    async def _every(self, key: str, interval: timedelta, work: Callable[[], Any]) -> None:
        """Run a task if its last run is `interval` ago, or lies in the future because the clock was set back."""
        now = self.live.now()
        last = await self.frontier.writer.run(lambda writer: writer.meta(key))
        if last is None and key in {"quick_checked_at", "checked_at"} and not self.live.existed:
            last = format_utc(now)  # a new file needs no check yet
            await self.frontier.writer.run(lambda writer: writer.set_meta(key, format_utc(now)))
        if last is not None and timedelta() <= now - parse_utc(last) < interval:
            return
        if await work() is False:  # failed: it is retried at the next run
            return
        await self.frontier.writer.run(lambda writer: writer.set_meta(key, format_utc(now)))

    def _housekeep(self, writer: Writer) -> None:
        now = self.live.now()
        writer.housekeep(
            now=now,
            in_flight=self.frontier.entries_in_flight(),
            steps=self.frontier.steps_in_flight(),
            give_up_gaps=GIVE_UP_GAPS * self.config.pace.scale,
        )

    def _prune(self, writer: Writer) -> None:
        now = self.live.now()
        writer.delete_expired_fingerprints(now)
        ledger = format_utc(now - timedelta(seconds=self.config.storage.fetches_retain))
        files.prune(writer, now=now, fetches_before=ledger)
        files.delete_raw_pages(writer, now - timedelta(seconds=self.config.extract.raw_retain))
        Outbox(writer).forget(now - timedelta(seconds=self.config.storage.fetches_retain))

    async def _checked(self, path: Path, check: Callable[[Path], list[str]]) -> None:
        problems = await asyncio.to_thread(check, path)
        await self.frontier.writer.run(lambda writer: writer.set_meta("damage", problems[0] if problems else ""))
        if problems:
            self.frontier.abort(
                DamagedDatabase(
                    f"{path}: damaged ({problems[0]}); nothing more is written: "
                    "`newsdesk db restore BACKUP` brings a backup back"
                )
            )

    async def _backup(self, path: Path) -> bool:
        storage = self.config.storage
        target = files.backup_name(path, self.live.now())
        try:
            size = await asyncio.to_thread(files.backup, path, target)
        except (StorageError, OSError) as error:
            log.error("the backup could not be written: %s", error)
            return False
        for old in files.backups(path)[: -max(1, storage.backup_keep)]:
            old.unlink(missing_ok=True)
        log.info("backed up to %s, %.1f MB", target, size / 1e6, extra={"event": "backup"})
        return True
