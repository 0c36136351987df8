"""Watches at work beside the crawl: they look at what was written, make messages, and send them. Nothing here holds up a request.

A message is in the database before it is sent, and is tried again until it is taken: a receiver that is down for an hour gets all of it, once.
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

from crawler.config.models import Config
from crawler.errors import unexpected
from crawler.monitoring.status import collect_health
from crawler.text.clean import one_line
from crawler.watches import receivers
from crawler.watches.matching import MatchResult, match_changes, send_at
from crawler.watches.messages import message_of, of_health
from storage.async_writer import AsyncWriter
from storage.errors import StorageError
from storage.outbox import Outbox
from storage.sql.notifications import Message, WatchHit
from storage.store import open_store
from storage.writer import Writer

log = logging.getLogger("newsdesk")
HEALTH = "[health]"  # what messages of the crawler's own health go by
GIVE_UP = timedelta(days=7)
FLUSH_TIMEOUT = 8.0  # seconds that a crawl of one pass gives its receivers
MATCH_TIMEOUT = 30.0  # seconds that it looks
BATCH = 500  # changes that are judged, and noted, at once
MOST_SECONDS = 45.0  # for one message, whatever its receiver does
_TOLD = "health_notified"  # of meta: the troubles that were told, and the newest gap


class Session(Protocol):
    """What the watches need of a crawl that is under way."""

    @property
    def config(self) -> Config:
        """The settings in force."""

    @property
    def async_writer(self) -> AsyncWriter:
        """Where the store is written."""

    @property
    def writer(self) -> Writer:
        """The store."""

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
        """Look at what is new, make what is due into messages, begin to send what is due: no receiver is waited for."""
        await self._match_and_compose(ending=False)
        await self.send()

    async def _match_and_compose(self, *, ending: bool) -> None:
        try:
            await self.look(MATCH_TIMEOUT if ending else None)
            await self._ask(
                lambda outbox: outbox.compose(lambda *found: self._made(*found, ending=ending), self.live.now())
            )
        except Exception as error:  # what waits is sent all the same, and the crawl is not its
            log.error("watches failed: %s", one_line(error) or type(error).__name__, exc_info=unexpected(error))

    async def flush(self) -> None:
        """The last turn of a crawl of one pass; what is instant is told now, as nobody looks again. What was not sent goes out with the next."""
        if not (self.config.watches or self.config.health.notify):
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
        await self._ask(lambda outbox: outbox.forget(before))

    def stop(self) -> None:
        """Wait for no receiver any longer."""
        for task in self._sending.values():
            task.cancel()

    async def look(self, seconds: float | None = None) -> None:
        """Let the watches look at what was written since they last did, a piece at a time, each noted with what was found in it.

        Args:
            seconds: after which the rest is left to the next time.
        """
        until = time.monotonic() + seconds if seconds is not None else None
        while self.config.watches and (span := await self._ask(Outbox.unseen)):
            after, newest = span
            upto = min(newest, after + BATCH)
            judged = await asyncio.to_thread(self._judge, after, upto)
            await self._ask(partial(Outbox.note, found=judged.found, seq=upto))
            if until is not None and time.monotonic() > until and upto < newest:
                log.warning("watches are %d changes behind; the next crawl goes on with them", newest - upto)
                return

    def _judge(self, after: int, until: int) -> MatchResult:
        with open_store(self.config.database) as store:
            return match_changes(self.config.watches, store.change_events(after, until), self.config.tags)

    def _made(
        self, name: str, found: Sequence[WatchHit], last: str | None, *, ending: bool
    ) -> tuple[Sequence[str], Mapping[str, Any]] | None:
        """In the writer's thread: the message of a watch, if it is time."""
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
        """Tell `[health] notify` of troubles that are new, gaps among them, and of those that are over.

        Args:
            lines: the troubles of now, by what makes them the same tomorrow.
        """
        notify = self.config.health.notify
        if not notify:
            return
        held = await self.live.async_writer.run(lambda writer: writer.meta(_TOLD))
        told: dict[str, Any] = json.loads(held) if held else {"lines": {}, "gap": 0}
        gaps = await self.live.async_writer.run(lambda writer: writer.gaps(states=("open",)))
        new_gaps = [gap for gap in gaps if gap.id > told["gap"]]
        new = [lines[stem] for stem in sorted(lines.keys() - told["lines"].keys())]
        new += [
            f"{gap.source}: a gap between {gap.from_at} and {gap.to_at}: what {gap.feed_url} listed then may have been missed; it is searched for"
            for gap in new_gaps
        ]
        over = [told["lines"][stem] for stem in sorted(told["lines"].keys() - lines.keys())]
        if not new and not over:
            return
        now = self.live.now()
        body = of_health(new, over, now)
        keep = json.dumps(
            {"lines": dict(lines), "gap": max([told["gap"], *(gap.id for gap in new_gaps)])}, ensure_ascii=False
        )
        targets = [receivers.receiver_hash(receiver) for receiver in notify]
        await self._ask(lambda outbox: outbox.put(HEALTH, targets, body, (_TOLD, keep), now))

    async def send(self) -> list[asyncio.Task[None]]:
        """Begin to send what is due: one message a receiver, each by itself; a receiver that is being sent to is left alone. What was begun."""
        begun = []
        for message in await self._ask(lambda outbox: outbox.due(self.live.now())):
            if message.receiver_hash not in self._sending:
                task = asyncio.create_task(self._send(message))
                self._sending[message.receiver_hash] = task
                task.add_done_callback(partial(self._sent, message.receiver_hash))
                begun.append(task)
        return begun

    def _sent(self, target: str, _: asyncio.Task[None]) -> None:
        self._sending.pop(target, None)

    async def _send(self, message: Message) -> None:
        """Send one message. That it was tried is written before: who ends this half-way has it sent later, not at once and for ever."""
        try:
            receiver = self._receivers().get(message.receiver_hash)
            now, scale = self.live.now(), self.config.pace.scale
            if receiver is None:
                log.warning("%s: a message is given up, as its receiver is in the configuration no more", message.watch)
                gone = "its receiver is in the configuration no more"
                await self._ask(lambda outbox: outbox.settle(message, now, gone, None))
                return
            again = now + min(timedelta(hours=1), timedelta(minutes=2 ** min(message.attempts, 10))) * scale
            await self._ask(lambda outbox: outbox.attempt(message, again))
            error = await self._try(receiver, message)
            last = error is not None and datetime.fromisoformat(message.created_at) + GIVE_UP * scale < now
            if error is not None:
                log.warning("%s: %s; it is %s", message.watch, error, "given up" if last else "tried again")
            later = None if error is None or last else again
            await self._ask(lambda outbox: outbox.settle(message, self.live.now(), error, later))
        except StorageError as error:
            log.error("a message could not be noted: %s", error)

    async def _try(self, receiver: str, message: Message) -> str | None:
        """Why a receiver did not take a message; None where it did."""
        agent = self.config.user_agent
        try:
            work = _in_thread(lambda: receivers.deliver(receiver, message.body, user_agent=agent, uid=message.uid))
            await asyncio.wait_for(work, MOST_SECONDS)
        except receivers.DeliveryError as problem:
            return str(problem)
        except TimeoutError:
            return f"{receivers.redact(receiver)}: no end within {MOST_SECONDS:.0f} s"
        return None

    def _receivers(self) -> dict[str, str]:
        """Every receiver of the configuration, by what the database knows it by."""
        watched = (receiver for watch in self.config.watches for receiver in watch.notify)
        return {receivers.receiver_hash(receiver): receiver for receiver in (*self.config.health.notify, *watched)}

    async def _ask(self, question: Callable[[Outbox], Any]) -> Any:
        return await self.live.async_writer.run(lambda writer: question(Outbox(writer)))


async def _in_thread(work: Callable[[], None]) -> None:
    """Run something that may hang in a thread that ends with the process."""
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
