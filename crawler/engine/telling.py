"""Watches at work beside the crawl: they look at what was written, make messages, and send them. Nothing here holds up a request.

A message is in the database before it is sent, and is tried again until it is taken: a receiver that is down for an hour gets all of it, once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from crawler.settings import Config
from crawler.watches import sending
from crawler.watches.judging import Judged, due_at, judge, never
from crawler.watches.messages import message_of, of_health
from storage.errors import StorageError
from storage.store import open_store
from storage.telling import Found, Message, Outbox
from storage.writer import Writer

if TYPE_CHECKING:
    from crawler.engine.run import LiveRun

log = logging.getLogger("newsdesk")
HEALTH = "[health]"  # what messages of the crawler's own health go by
GIVE_UP = timedelta(days=7)
AT_THE_END = 8.0  # seconds that a crawl of one pass gives its receivers, fewer than a webhook has
_TOLD = "health_told"  # of meta: the troubles that were told, and the newest gap


def begin(writer: Writer, config: Config) -> None:
    """Watch from here on, where there are watches."""
    for watch in config.watches:
        if why := never(watch, tags_of(config)):
            log.warning("watch %s tells of nothing: %s", watch.name, why)
    Outbox(writer).watching(on=bool(config.watches))


def tags_of(config: Config) -> dict[str, tuple[str, ...]]:
    """The tags of each source."""
    return {source.id: source.tags for source in config.sources}


class Teller:
    """The watches of one run."""

    def __init__(self, live: LiveRun) -> None:
        self.live = live

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self.live.config

    async def turn(self, *, ending: bool = False) -> None:
        """Look at what is new, make what is due into messages, send what is due.

        Args:
            ending: the run is over: what is instant is told now, as nobody looks again.
        """
        await self.look()
        await self._ask(
            lambda outbox: outbox.compose(lambda *found: self._made(*found, ending=ending), self.live.now())
        )
        await self.send()

    async def finish(self) -> None:
        """The last turn of a crawl of one pass, within AT_THE_END seconds; what was not sent goes out with the next."""
        if not (self.config.watches or self.config.health.notify):
            return
        try:
            if self.config.health.notify:
                from crawler.engine.upkeep import look

                trouble = await asyncio.to_thread(look, self.config, self.live.now(), running=True)
                await self.health(trouble.lines)
            await asyncio.wait_for(self.turn(ending=True), AT_THE_END)
        except TimeoutError:
            log.warning("a receiver of messages does not answer; what was not sent goes out with the next crawl")
        except StorageError as error:
            log.error("watches could not look: %s", error)  # noqa: TRY400 - one line

    async def look(self) -> None:
        """Let the watches look at what was written since they last did."""
        if not self.config.watches or (span := await self._ask(Outbox.unseen)) is None:
            return
        judged = await asyncio.to_thread(self._judge, *span)
        await self._ask(lambda outbox: outbox.note(judged.found, span[1]))

    def _judge(self, after: int, until: int) -> Judged:
        with open_store(self.config.database) as store:
            return judge(self.config.watches, store.happened(after, until), tags_of(self.config))

    def _made(
        self, name: str, found: Sequence[Found], last: str | None, *, ending: bool
    ) -> tuple[Sequence[str], Mapping[str, Any]] | None:
        """In the writer's thread: the message of a watch, if it is time."""
        watch = next((w for w in self.config.watches if w.name == name), None)
        if watch is None:  # it is watched no more
            return (), {}
        now, hour = self.live.now(), self.config.schedule.hour
        if not (ending and watch.digest == "instant") and due_at(watch, found, last, hour) > now:
            return None
        return [sending.target_of(receiver) for receiver in watch.notify], message_of(
            self.live.writer, watch, found, now
        )

    async def health(self, lines: Mapping[str, str]) -> None:
        """Tell `[health] notify` of troubles that are new, gaps among them, and of those that are over.

        Args:
            lines: the troubles of now, by what makes them the same tomorrow.
        """
        receivers = self.config.health.notify
        if not receivers:
            return
        held = await self.live.desk.call(lambda writer: writer.meta(_TOLD))
        told: dict[str, Any] = json.loads(held) if held else {"lines": {}, "gap": 0}
        gaps = await self.live.desk.call(lambda writer: writer.gaps(states=("open",)))
        new_gaps = [gap for gap in gaps if gap.id > told["gap"]]
        new = [lines[stem] for stem in sorted(lines.keys() - told["lines"].keys())]
        new += [
            f"{gap.source}: a gap between {gap.from_at} and {gap.to_at}: what {gap.feed_url} listed then was not seen; it is looked for"
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
        targets = [sending.target_of(receiver) for receiver in receivers]
        await self._ask(lambda outbox: outbox.put(HEALTH, targets, body, (_TOLD, keep), now))

    async def send(self) -> None:
        """Send what is due, to every receiver at once, one message each."""
        due = await self._ask(lambda outbox: outbox.due(self.live.now()))
        await asyncio.gather(*(self._send(message) for message in due))

    async def _send(self, message: Message) -> None:
        receivers = {
            sending.target_of(receiver): receiver
            for receiver in (*self.config.health.notify, *(r for watch in self.config.watches for r in watch.notify))
        }
        receiver = receivers.get(message.target)
        error: str | None = "its receiver is in the configuration no more"
        if receiver is not None:
            agent = self.config.user_agent
            try:
                await _in_thread(lambda: sending.send(receiver, message.body, user_agent=agent, uid=message.uid))
                error = None
            except sending.NotSentError as problem:
                error = str(problem)
        now, scale = self.live.now(), self.config.schedule.hour / 3600
        again: datetime | None = None
        if error is not None and receiver is not None:
            again = now + min(timedelta(hours=1), timedelta(minutes=2 ** min(message.attempts, 10))) * scale
            if datetime.fromisoformat(message.created_at) + GIVE_UP * scale < now:
                again = None
            log.warning("%s: %s%s", message.watch, error, "; it is tried again" if again else "; it is given up")
        await self._ask(lambda outbox: outbox.settle(message, now, error, again))

    async def _ask(self, question: Callable[[Outbox], Any]) -> Any:
        return await self.live.desk.call(lambda writer: question(Outbox(writer)))


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
        except BaseException as problem:
            error = (
                problem
                if isinstance(problem, sending.NotSentError)
                else sending.NotSentError(f"{type(problem).__name__}: {problem}")
            )
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, error)

    threading.Thread(target=run, daemon=True, name="message").start()
    await done
