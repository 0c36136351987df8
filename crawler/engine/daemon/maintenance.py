"""Keep the database in order while the background crawler runs: retention, checks, backups."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from crawler.config.models import Config
from crawler.engine.crawl.session import LiveRun
from storage import maintenance as files
from storage.errors import DamagedDatabase, StorageError
from storage.outbox import Outbox
from storage.records import iso, moment
from storage.writer import Writer

log = logging.getLogger("newsdesk")
GIVE_UP_GAPS = timedelta(days=7)  # after which a gap that nothing fills is lost


class Maintenance:
    """The database of one background crawler. When each thing was last done is written to the store, so that a restart repeats nothing."""

    def __init__(self, live: LiveRun) -> None:
        self.live = live
        self.frontier = live.frontier

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self.frontier.config

    async def run(self) -> None:
        """What is due of: optimizing, checks, the backup, retention; at most one long thing at a time."""
        day = timedelta(hours=24 * self.config.pace.scale)
        await self.frontier.desk.call(self._small_things)
        await self._every("pruned_at", day, lambda: self.frontier.desk.call(self._prune))
        await self._every("optimized_at", day, lambda: self.frontier.desk.call(lambda writer: writer.optimize()))
        await self._every("quick_checked_at", day, lambda: self._checked(files.quick_check))
        await self._every("checked_at", 7 * day, lambda: self._checked(files.check))
        if (interval := self.config.storage.backup_every(self.config.pace)) is not None:
            await self._every("backed_up_at", timedelta(seconds=interval), self._backup)

    async def _every(self, key: str, interval: timedelta, work: Callable[[], Any]) -> None:
        """Do something if it was not done for so long; a clock that was set back does not hold it up."""
        now = self.live.now()
        last = await self.frontier.desk.call(lambda writer: writer.meta(key))
        if last is None and key in {"quick_checked_at", "checked_at"} and not self.live.existed:
            last = iso(now)  # a file that was made a moment ago
            await self.frontier.desk.call(lambda writer: writer.set_meta(key, iso(now)))
        if last is not None and timedelta() <= now - moment(last) < interval:
            return
        if await work() is False:  # it is tried again at the next look
            return
        await self.frontier.desk.call(lambda writer: writer.set_meta(key, iso(now)))

    def _small_things(self, writer: Writer) -> None:
        now = self.live.now()
        writer.keep_house(
            now=now,
            asked=self.frontier.entries_asked(),
            steps=self.frontier.steps_asked(),
            give_up_gaps=GIVE_UP_GAPS * self.config.pace.scale,
        )

    def _prune(self, writer: Writer) -> None:
        now = self.live.now()
        writer.forget_fingerprints(now)
        ledger = iso(now - timedelta(seconds=self.config.storage.fetches_retain))
        files.prune(writer, now=now, fetches_before=ledger)
        writer.forget_raw(now - timedelta(seconds=self.config.extract.raw_retain))
        Outbox(writer).forget(now - timedelta(seconds=self.config.storage.fetches_retain))

    async def _checked(self, check: Callable[[Path], list[str]]) -> None:
        problems = await asyncio.to_thread(check, self.config.database)
        await self.frontier.desk.call(lambda writer: writer.set_meta("damage", problems[0] if problems else ""))
        if problems:
            self.frontier.break_off(
                DamagedDatabase(
                    f"{self.config.database}: damaged ({problems[0]}); nothing more is written: `newsdesk db restore BACKUP` brings a backup back"
                )
            )

    async def _backup(self) -> bool:
        storage, path = self.config.storage, self.config.database
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
