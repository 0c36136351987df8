"""The subscriptions of a background crawler: requests to hubs, their verifications, and what they push.

A push is a poll: of a file's store a signed document is read at once, any other push makes its feed due now.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from scrapy import Request

from crawler.config.models import Config
from crawler.engine.crawl.download_errors import describe_failure
from crawler.engine.websub.listener import Listener, Push
from crawler.errors import FeedError
from crawler.feeds.websub import RENEW, is_signed, read_verification, same_topic, subscription_form
from crawler.urls import host_of
from storage.errors import StorageError
from storage.pushes import Subscription
from storage.sql import pushes
from storage.writer import Writer

ANSWER = 1.8  # seconds in which a hub is answered
HUBS = 20  # requests to hubs in one run of the job
REREAD = 2.0  # seconds between two looks at the store for a token that is not known
SEEN = 256  # bodies of pushes that are known again
_AGAIN = 1 / 6  # hours until a hub gets the next request, doubled with each attempt
_LATEST = 24.0  # hours
_LEAVING = 3  # attempts to unsubscribe
_T = TypeVar("_T")
log = logging.getLogger("newsdesk.polls")


class Subscriber:
    """Subscribes to the hubs of feeds, and takes what they push."""

    def __init__(self, crawler: Any) -> None:
        self._crawler = crawler
        self._spider = crawler.spider
        self._live = crawler.spider.live
        self._listener: Listener | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tokens: frozenset[str] | None = None  # of callbacks, once they are read; strangers know none
        self._read_at = 0.0
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._reading: set[asyncio.Task[None]] = set()

    @property
    def config(self) -> Config:
        """The settings in force."""
        config: Config = self._live.frontier.config
        return config

    def start(self) -> None:
        """Listen, if the settings say where hubs reach it; the event loop runs.

        Raises:
            CrawlerError: the address cannot be listened on.
        """
        if not self.config.websub.callback:
            return
        self._loop = asyncio.get_running_loop()
        self._listener = Listener(
            self.config.websub.listen, self.config.http.max_bytes, self._known, self._verify, self._receive
        )

    def stop(self) -> None:
        """Listen no more; subscriptions stay for the next run."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    # Requests to hubs

    async def tick(self) -> None:
        """Send the requests to hubs that are due: new subscriptions, renewals, ends."""
        now = self._live.now()
        wanted = bool(self.config.websub.callback) and self._listener is not None
        if not wanted and not isinstance(self.config.database, Path):
            return  # of a shared store, another worker has the listener
        due = await self._write(lambda writer: _due(writer, now, wanted=wanted))
        await self._read_tokens()
        for subscription in due:
            await self._ask(subscription)

    async def _ask(self, subscription: Subscription) -> None:
        mode = "unsubscribe" if subscription.state == "leaving" else "subscribe"
        if mode == "unsubscribe" and (subscription.verified_at is None or subscription.attempts >= _LEAVING):
            await self._write(lambda writer: pushes.remove(writer.db, subscription.feed_url))
            return
        callback = f"{self.config.websub.callback}/{subscription.token}"
        secret = subscription.secret if subscription.is_signed else None
        request = Request(
            subscription.hub, method="POST", dont_filter=True,
            body=subscription_form(mode, subscription.topic, callback, secret),
            meta={"dont_redirect": True},  # whoever it leads to would get the secret
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "*/*", "Connection": "close"},
        )  # fmt: skip
        again = self._live.now() + timedelta(
            seconds=self.config.pace.hour * min(_LATEST, _AGAIN * 2.0 ** min(subscription.attempts, 12))
        )
        # Before the request: the hub may verify before it answers.
        await self._write(lambda writer: pushes.sent(writer.db, subscription.feed_url, again))
        error = None
        try:
            response = await self._crawler.engine.download_async(request)
            if not 200 <= response.status < 300:
                error = f"the hub answered {response.status}"
        except Exception as failure:  # whatever a hub or the network did
            error = describe_failure(failure, self._spider.resolver.refused, host_of(subscription.hub))
        if error is not None:
            log.warning("%s: its hub %s: %s", subscription.feed_url, subscription.hub, error)
            await self._write(lambda writer: pushes.failed(writer.db, subscription.feed_url, error[:300]))

    # What hubs send, in the listener's threads

    def _known(self, token: str) -> bool | None:
        """Whether a token is that of a subscription; None if that cannot be said yet. In the listener's threads."""
        if self._tokens is not None and token in self._tokens:
            return True
        if time.monotonic() - self._read_at > REREAD:  # another worker may have subscribed meanwhile
            self._on_loop(self._read_tokens, None)
        return None if self._tokens is None else token in self._tokens

    async def _read_tokens(self) -> None:
        self._read_at = time.monotonic()
        every = await self._write(lambda writer: pushes.every(writer.db))
        self._tokens = frozenset(each.token for each in every)

    def _verify(self, token: str, query: str) -> str | None:
        return self._on_loop(lambda: self._verified(token, query), None)

    def _receive(self, push: Push) -> int:
        subscription = self._on_loop(lambda: self._find(push.token), None)
        if subscription is None or subscription.state not in {"requested", "active"}:
            return 410
        if subscription.is_signed and not is_signed(push.body, push.signature, subscription.secret):
            log.warning("%s: a push without the signature of its hub is ignored", subscription.feed_url)
            return 202  # as the specification has it: a forger learns nothing
        return 202 if self._on_loop(lambda: self._take(subscription, push), False) else 503

    def _on_loop(self, work: Callable[[], Coroutine[Any, Any, _T]], otherwise: _T) -> _T:
        """Run on the event loop and wait; the other value if that takes too long or the store cannot answer."""
        if self._loop is None or self._loop.is_closed():
            return otherwise
        running = asyncio.run_coroutine_threadsafe(work(), self._loop)
        try:
            return running.result(ANSWER)
        except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError, StorageError, RuntimeError):
            running.cancel()
            return otherwise

    # On the event loop

    async def _find(self, token: str) -> Subscription | None:
        return await self._write(lambda writer: pushes.of_token(writer.db, token))

    async def _verified(self, token: str, query: str) -> str | None:
        """The challenge, if the subscription or its end was wanted."""
        claimed, now = read_verification(query), self._live.now()
        found = await self._find(token)
        if found is None or not same_topic(claimed.topic, found.topic):
            return None
        if claimed.mode == "denied" and found.state == "leaving":
            await self._write(lambda writer: pushes.remove(writer.db, found.feed_url))
            return ""
        if claimed.mode == "denied":
            later = now + timedelta(seconds=_LATEST * self.config.pace.hour)
            reason = f"the hub denied it{': ' if claimed.reason else ''}{claimed.reason}"
            await self._write(lambda writer: pushes.denied(writer.db, found.feed_url, reason, later))
            return ""
        if claimed.mode == "unsubscribe" and found.state == "leaving" and claimed.challenge:
            await self._write(lambda writer: pushes.remove(writer.db, found.feed_url))
            return claimed.challenge
        if claimed.mode == "subscribe" and found.state in {"requested", "active"} and claimed.challenge:
            until, renew = now + timedelta(seconds=claimed.lease), now + timedelta(seconds=RENEW * claimed.lease)
            await self._write(lambda writer: pushes.verified(writer.db, found.feed_url, now, until, renew))
            log.info("%s: pushed by %s until %s", found.feed_url, found.hub, until.isoformat(timespec="seconds"))
            return claimed.challenge
        return None

    async def _take(self, subscription: Subscription, push: Push) -> bool:
        """Take a push that counts: read it, or poll its feed. One that was taken before changes nothing."""
        mark = hashlib.sha256(subscription.token.encode() + push.body).digest()
        if push.body and mark in self._seen:
            return True
        now = self._live.now()
        await self._write(lambda writer: pushes.pushed(writer.db, subscription.feed_url, now))
        if push.body and subscription.is_signed and isinstance(self.config.database, Path):
            task = asyncio.create_task(self._read(subscription, push, now))
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)
        else:
            await self._poll(subscription, now)
        self._seen[mark] = None  # from now on: a hub repeats what was not taken
        while len(self._seen) > SEEN:
            self._seen.popitem(last=False)
        return True

    async def _read(self, subscription: Subscription, push: Push, now: datetime) -> None:
        try:
            await self._spider.poller.pushed(subscription.feed_url, push.body, push.content_type, now)
            self._live.frontier.wake()
        except Exception as error:  # whatever it was, its feed says what is new
            if not isinstance(error, FeedError | StorageError):
                log.error("%s: a push could not be read", subscription.feed_url, exc_info=error)
            await self._poll(subscription, now)

    async def _poll(self, subscription: Subscription, now: datetime) -> None:
        least = timedelta(seconds=self.config.schedule.min)
        await self._write(lambda writer: pushes.poll_now(writer.db, subscription.feed_url, now, least))
        self._live.frontier.wake()

    async def _write(self, job: Callable[[Writer], _T]) -> _T:
        found: _T = await self._live.async_writer.submit(job)
        return found


def _due(writer: Writer, now: datetime, *, wanted: bool) -> list[Subscription]:
    """The subscriptions whose requests to hubs are due; without a listener all of them end."""
    for subscription in pushes.every(writer.db) if not wanted else ():
        if subscription.state != "leaving":
            pushes.leave(writer.db, subscription.feed_url)
    pushes.leave_unwatched(writer.db)
    return pushes.due(writer.db, now, HUBS)
