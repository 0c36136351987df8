"""Run the watches during a crawl: match stored changes, compose messages, send them. No request waits for them.

A message is stored before it is sent, and is retried until the receiver accepts it: a receiver that is down for an hour
gets every message, once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from crawler.config.models import Config, Watch
from crawler.errors import unexpected
from crawler.monitoring.status import collect_health
from crawler.text.clean import one_line
from crawler.watches import receivers
from crawler.watches.matching import MatchResult, match_changes, send_at
from crawler.watches.messages import message_of, of_health
from storage import databases
from storage.async_writer import AsyncWriter
from storage.databases import Claim
from storage.errors import StorageError
from storage.outbox import Outbox
from storage.sql.notifications import Message, WatchHit
from storage.writer import Writer

log = logging.getLogger("newsdesk")
HEALTH = "[health]"  # the name of messages about the crawler's own health
GIVE_UP = timedelta(days=7)
FLUSH_TIMEOUT = 8.0  # seconds that a one-pass crawl waits for its receivers
MATCH_TIMEOUT = 30.0  # seconds that it spends on matching
BATCH = 500  # changes that are matched and recorded at a time
MOST_SECONDS = 45.0  # for one message, even if its receiver hangs
_HEALTH_KEY = "health_notified"  # key in the meta table: the problems that were reported, and the newest gap


class Session(Protocol):
    """What the watches need of a running crawl."""

    @property
    def config(self) -> Config:
        """The settings in force."""

    @property
    def async_writer(self) -> AsyncWriter:
        """Runs writes to the store."""

    @property
    def writer(self) -> Writer:
        """The store."""

    @property
    def claim(self) -> Claim:
        """What this process holds of the store."""

    @property
    def now(self) -> Callable[[], datetime]:
        """The clock."""


class Dispatcher:
    """The watches of one run."""

    def __init__(self, live: Session) -> None:
        self.live = live
        self._sending: dict[str, asyncio.Task[None]] = {}

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self.live.config

    async def tick(self) -> None:
        """Match new changes, compose messages that are due, start sending; does not wait for receivers."""
        if not self.live.claim.leads:
            return
        await self._match_and_compose(ending=False)
        await self.send()

    async def _match_and_compose(self, *, ending: bool) -> None:
        try:
            await self.look(MATCH_TIMEOUT if ending else None)
            await self._with_outbox(
                lambda outbox: outbox.compose(lambda *found: self._made(*found, ending=ending), self.live.now())
            )
        except Exception as error:  # queued messages are sent anyway, and the crawl goes on
            log.error("watches failed: %s", one_line(error) or type(error).__name__, exc_info=unexpected(error))

    async def flush(self) -> None:
        """Match, compose and send at the end of a one-pass crawl.

        Instant watches are sent now, as nothing checks them again before the next crawl. What could not be sent goes
        out with the next crawl.
        """
        if not (self.config.watches or self.config.health.notify) or not self.live.claim.leads:
            return
        if self.config.health.notify:
            trouble = await asyncio.to_thread(collect_health, self.config, self.live.now(), running=True)
            await self.health(trouble.lines)
        await self._match_and_compose(ending=True)
        until = time.monotonic() + FLUSH_TIMEOUT
        while sending_now := await self.send():
            _, late = await asyncio.wait(sending_now, timeout=max(0.0, until - time.monotonic()))
            if late:
                log.warning("a receiver of messages does not answer; what was not sent goes out with the next crawl")
                break
        self.stop()
        before = self.live.now() - timedelta(seconds=self.config.storage.fetches_retain)
        await self._with_outbox(lambda outbox: outbox.forget(before))

    def stop(self) -> None:
        """Stop waiting for receivers."""
        for task in self._sending.values():
            task.cancel()

    async def look(self, seconds: float | None = None) -> None:
        """Match the changes stored since the last call, in batches; each batch is recorded together with its hits.

        Args:
            seconds: after which the rest is left for the next call.
        """
        until = time.monotonic() + seconds if seconds is not None else None
        while self.config.watches and (span := await self._with_outbox(Outbox.unseen)):
            after, newest = span
            upto = min(newest, after + BATCH)
            judged = await asyncio.to_thread(self._judge, after, upto)
            await self._with_outbox(partial(Outbox.note, found=judged.found, seq=upto))
            if until is not None and time.monotonic() > until and upto < newest:
                log.warning("watches are %d changes behind; the next crawl goes on with them", newest - upto)
                return

    def _judge(self, after: int, until: int) -> MatchResult:
        with databases.open_reading(self.config.database) as store:
            return match_changes(self.config.watches, store.change_events(after, until), self.config.tags)

    def _made(
        self, name: str, found: Sequence[WatchHit], last: str | None, *, ending: bool
    ) -> tuple[Sequence[str], Mapping[str, Any]] | None:
        """Compose the message of a watch, if it is due. Runs in the writer's thread."""
        watch = next((w for w in self.config.watches if w.name == name), None)
        if watch is None:
            log.warning("watch %s is no longer configured; %d hits are not sent", name, len(found))
            return (), {}
        now, hour = self.live.now(), self.config.pace.hour
        if not (ending and watch.digest == "instant") and send_at(watch, found, last, hour) > now:
            return None
        body = message_of(self.live.writer, watch, found, now)
        return ([receivers.receiver_hash(receiver) for receiver in watch.notify] if body["count"] else []), body

    async def health(self, lines: Mapping[str, str]) -> None:
        """Notify `[health] notify` of new problems, including gaps, and of those that are over.

        Args:
            lines: the current problems, by a key that stays the same from day to day.
        """
        notify = self.config.health.notify
        if not notify:
            return
        saved = await self.live.async_writer.run(lambda writer: writer.meta(_HEALTH_KEY))
        notified: dict[str, Any] = json.loads(saved) if saved else {"lines": {}, "gap": 0}
        gaps = await self.live.async_writer.run(lambda writer: writer.gaps(states=("open",)))
        new_gaps = [gap for gap in gaps if gap.id > notified["gap"]]
        new = [lines[stem] for stem in sorted(lines.keys() - notified["lines"].keys())]
        new += [
            (
                f"{gap.source}: a gap between {gap.from_at} and {gap.to_at}: "
                f"what {gap.feed_url} listed then may have been missed; it is searched for"
            )
            for gap in new_gaps
        ]
        over = [notified["lines"][stem] for stem in sorted(notified["lines"].keys() - lines.keys())]
        if not new and not over:
            return
        now = self.live.now()
        body = of_health(new, over, now)
        keep = json.dumps(
            {"lines": dict(lines), "gap": max([notified["gap"], *(gap.id for gap in new_gaps)])}, ensure_ascii=False
        )
        targets = [receivers.receiver_hash(receiver) for receiver in notify]
        await self._with_outbox(lambda outbox: outbox.put(HEALTH, targets, body, (_HEALTH_KEY, keep), now))

    async def send(self) -> list[asyncio.Task[None]]:
        """Start sending the messages that are due, one at a time per receiver; returns the tasks that were started."""
        begun = []
        for message in await self._with_outbox(lambda outbox: outbox.due(self.live.now())):
            if message.receiver_hash not in self._sending:
                task = asyncio.create_task(self._send(message))
                self._sending[message.receiver_hash] = task
                task.add_done_callback(partial(self._sent, message.receiver_hash))
                begun.append(task)
        return begun

    def _sent(self, target: str, _: asyncio.Task[None]) -> None:
        self._sending.pop(target, None)

    async def _send(self, message: Message) -> None:
        """Send one message; the attempt is recorded first.

        If the process ends during the attempt, the message is retried after its delay, not at once in an endless loop.
        """
        try:
            receiver = self._receivers().get(message.receiver_hash)
            now, scale = self.live.now(), self.config.pace.scale
            if receiver is None:
                log.warning("%s: a message is given up, as its receiver is in the configuration no more", message.watch)
                gone = "its receiver is in the configuration no more"
                await self._with_outbox(lambda outbox: outbox.settle(message, now, gone, None))
                return
            again = now + min(timedelta(hours=1), timedelta(minutes=2 ** min(message.attempts, 10))) * scale
            await self._with_outbox(lambda outbox: outbox.attempt(message, again))
            error = await self._try(receiver, message)
            last = error is not None and datetime.fromisoformat(message.created_at) + GIVE_UP * scale < now
            if error is not None:
                log.warning("%s: %s; it is %s", message.watch, error, "given up" if last else "tried again")
            later = None if error is None or last else again
            await self._with_outbox(lambda outbox: outbox.settle(message, self.live.now(), error, later))
        except StorageError as error:
            log.error("a message could not be noted: %s", error)

    async def _try(self, receiver: str, message: Message) -> str | None:
        """Deliver a message; returns the reason if the receiver did not accept it."""
        watch = next((w for w in self.config.watches if w.name == message.watch), Watch())
        delivery = receivers.Delivery(
            body=message.body, uid=message.uid, at=self.live.now(), user_agent=self.config.user_agent,
            headers=watch.headers, secret=watch.secret,
        )  # fmt: skip
        try:
            work = _in_thread(lambda: receivers.deliver(receiver, delivery))
            await asyncio.wait_for(work, MOST_SECONDS)
        except receivers.DeliveryError as problem:
            return str(problem)
        except TimeoutError:
            return f"{receivers.redact(receiver)}: no end within {MOST_SECONDS:.0f} s"
        return None

    def _receivers(self) -> dict[str, str]:
        """Every configured receiver, by its hash in the database."""
        watched = (receiver for watch in self.config.watches for receiver in watch.notify)
        return {receivers.receiver_hash(receiver): receiver for receiver in (*self.config.health.notify, *watched)}

    async def _with_outbox(self, question: Callable[[Outbox], Any]) -> Any:
        return await self.live.async_writer.run(lambda writer: question(Outbox(writer)))


async def _in_thread(work: Callable[[], None]) -> None:
    """Run a function that may hang, in a thread that ends with the process."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if not done.done():
            done.set_exception(error) if error else done.set_result(None)

    def run() -> None:
        error: BaseException | None = None
        try:
            work()
        except receivers.DeliveryError as problem:
            error = problem
        except Exception as problem:
            log.error("a message could not be sent: %s", problem, exc_info=unexpected(problem))
            error = receivers.DeliveryError(f"{type(problem).__name__}: {problem}")
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, error)

    threading.Thread(target=run, daemon=True, name="message").start()
    await done
