"""Process the responses of polls, and of the steps of gaps and backfills.

response -> PollResponse -> known entries looked up in the store -> FeedCheck -> frontier
"""

from __future__ import annotations

import functools
import hashlib
import logging
import time
from dataclasses import replace
from datetime import datetime, timedelta

from scrapy.http import Response

from crawler.config.models import Config, Source
from crawler.engine.crawl.download_errors import failure_weight
from crawler.engine.crawl.frontier import Frontier
from crawler.engine.crawl.responses import header
from crawler.engine.fetch_task import FeedTask, FetchTask, StepTask
from crawler.engine.middlewares.address_guard import RequestRefused
from crawler.engine.workers import worker
from crawler.engine.workers.pool import PageFailed, WorkerPool
from crawler.errors import FeedError
from crawler.feeds.backfill import follow_step, steps_from_robots
from crawler.feeds.freshness import freshness_lifetime, retry_after
from crawler.feeds.parsed_feed import ParsedFeed
from crawler.feeds.revisit import FORBIDDEN, SOFT, THROTTLED, KnownEntries, PollResponse, decide, entries_to_store
from crawler.feeds.websub import PUSH_IS_FRESH, PUSHED, Discovered, discover_hub
from crawler.urls import host_of
from storage.records import BackfillResult, Feed, FeedCheck, FetchLogEntry
from storage.sql import pushes
from storage.utc import parse_utc
from storage.writer import Writer

log = logging.getLogger("newsdesk.polls")


class FeedPoller:
    """Handles the responses of feeds and of steps; the spider calls it."""

    def __init__(self, frontier: Frontier, pool: WorkerPool) -> None:
        self.frontier = frontier
        self.pool = pool

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self.frontier.config

    async def on_response(self, task: FeedTask | StepTask, response: Response) -> None:
        """Process the response of a feed, or of a page that lists older articles."""
        if isinstance(task, StepTask):
            await self._step_answered(task, response)
        else:
            await self._feed_answered(task, response)

    async def _feed_answered(self, task: FeedTask, response: Response) -> None:
        answer = poll_response(response, unconditional=task.unconditional)
        # The lifetime counts from the response, not from the lease: a request may have waited in the queue.
        if answer.fresh_for:
            answer = replace(answer, fresh_for=answer.fresh_for + (task.now - task.at).total_seconds())
        if response.status in {200, 226}:
            try:
                answer = await self._read(task, response, answer)
            except (FeedError, PageFailed) as error:
                answer = PollResponse(error=str(error).removeprefix(f"{response.url}: "))
        elif response.status == 304 and not task.validators:
            answer = PollResponse(error="it answers 304 to a request that had no validators")
        elif response.status < 400 and response.status != 304:
            answer = PollResponse(error=f"it answers {response.status} where a feed was expected")
        await self.complete(task, answer, response)

    async def pushed(self, feed_url: str, body: bytes, content_type: str, at: datetime) -> None:
        """Store what the hub of a feed pushed, as a response with new entries only (RFC 3229 calls it 226).

        The feed's own validators and window stay: the next poll compares with them.

        Raises:
            FeedError: it is no feed.
        """
        feed = await self.frontier.writer.run(lambda writer: writer.feed(feed_url))
        if feed is None:
            return
        source = self.frontier.source_of(feed.source, feed.url)
        response = Response(feed.url, body=body, headers={"Content-Type": content_type})
        try:
            parsed = await self._parse(feed.url, feed.kind, source or feed.source, response, at)
        except PageFailed as error:
            raise FeedError(str(error)) from error
        answer = PollResponse(
            status=226, final_url=feed.final_url, etag=feed.etag, last_modified=feed.last_modified,
            body_hash=hashlib.sha256(body).hexdigest(), parsed=apply_source_patterns(parsed, source),
        )  # fmt: skip
        task = FeedTask(url=feed.url, at=at, source=source, feed=replace(feed, body_hash=None))
        await self.complete(task, answer, None, keep=feed)

    async def _read(self, task: FeedTask, response: Response, answer: PollResponse) -> PollResponse:
        """Parse a body that has changed; a body with the same hash as before is not parsed again."""
        feed = task.feed
        if answer.body_hash == feed.body_hash and feed.body_hash is not None:
            return answer
        parsed = await self._parse(feed.url, feed.kind, task.source or feed.source, response, task.at)
        if not parsed.entries and not parsed.children and feed.kind == "page":
            raise FeedError("the section page has no links that look like articles")
        if not parsed.entries and parsed.kind in {"rss", "atom", "json"}:
            raise FeedError("it is a feed, but lists nothing")
        if parsed.cut:
            log.warning("%s: %s", feed.url, parsed.cut, extra={"event": "cut", "source": feed.source, "url": feed.url})
        return replace(answer, parsed=apply_source_patterns(parsed, task.source))

    async def _parse(
        self, url: str, kind: str, source: Source | str | None, response: Response, at: datetime
    ) -> ParsedFeed:
        source_id, language = (source.id, source.language) if isinstance(source, Source) else (source, None)
        read = functools.partial(worker.read_feed, source_id=source_id, language=language)
        return await self.pool.run(
            read, response.body, response.url, header(response.headers, "Content-Type") or "", at,
            "page" if kind == "page" else "", source=source_id or host_of(url),
            seconds=self.pool.seconds_for(response.body),
        )  # fmt: skip

    async def failed(self, task: FeedTask | StepTask, reason: str, error: BaseException | None = None) -> None:
        """Process a request that failed or was not sent, or a response that cannot be read."""
        later = (
            task.now + timedelta(seconds=error.retry_after)
            if isinstance(error, RequestRefused) and error.retry_after
            else None
        )
        if isinstance(task, StepTask):
            hard = isinstance(error, RequestRefused) and error.kind in {"guard", "robots"}
            await self._settle_step(
                task, BackfillResult(error=reason, permanent=hard, retry_at=later or self._step_retry(task)), None
            )
            return
        await self.complete(task, PollResponse(error=reason, weight=failure_weight(reason), not_before=later), None)

    async def complete(
        self, task: FeedTask, answer: PollResponse, response: Response | None, *, keep: Feed | None = None
    ) -> None:
        """Decide what the response means, write the result, and log it in one line.

        Args:
            task: the poll.
            answer: what came of it.
            response: the response, if there is one.
            keep: the feed as it is stored, of a push, which says nothing of the feed's own address.
        """
        feed = task.feed
        throttle = None
        if answer.status in {429, 503}:
            throttle = retry_after(answer.retry_after, now=task.now) or task.now + timedelta(
                seconds=THROTTLED * self.config.pace.hour
            )
            answer = replace(answer, not_before=throttle)
        hub = self._hub_of(task, answer, response)
        decide = functools.partial(self._decide, task, answer, hub, keep)
        check, counts = await self.frontier.complete_feed(task, decide, log_entry(task, response, ""), throttle)
        ms = round((time.monotonic() - task.started) * 1000)
        log.info(
            "%s: %s%s",
            feed.url,
            check.outcome,
            f" ({check.error})" if check.error else f", {counts.new} new" if check.outcome == "changed" else "",
            extra={
                "event": "poll",
                "source": feed.source,
                "url": feed.url,
                "outcome": check.outcome,
                "status": answer.status,
                "new": counts.new,
                "listed": check.window_size,
                "known": check.entries_known,
                "ms": ms,
                "due_at": check.due_at,
                "error": check.error,
            },
        )
        if check.gap is not None:
            log.warning(
                "%s: no entry in common with the last poll: entries between %s and %s may have been missed and are "
                "searched for (`newsdesk gaps`)",
                feed.url,
                check.gap.from_at,
                check.gap.to_at,
                extra={"event": "gap", "source": feed.source, "url": feed.url},
            )

    def _hub_of(self, task: FeedTask, answer: PollResponse, response: Response | None) -> Discovered | None:
        if not self.config.websub.callback or response is None:
            return None
        links = [value.decode("latin-1") for value in response.headers.getlist("Link")]
        return discover_hub(answer.final_url or task.feed.url, answer.parsed, links)

    def _decide(
        self, task: FeedTask, answer: PollResponse, hub: Discovered | None, keep: Feed | None, writer: Writer
    ) -> FeedCheck:
        """Look up which entries are known, then decide. Runs in the writer's thread."""
        feed, schedule, at = task.feed, self.config.schedule, task.at
        listed = entries_to_store(answer, schedule=schedule, now=at)
        known = writer.known_entries(feed.url, listed) if listed else set()
        # An entry without a date counts as published now, except in the first poll, where it may be of any age.
        undated = () if feed.rate_model is None else (at.timestamp(),)
        new = [e for e in listed if e.identity not in known]
        times = tuple(t for e in new for t in ((parse_utc(e.published_at).timestamp(),) if e.published_at else undated))
        spread = int(hashlib.sha256(feed.url.encode()).hexdigest()[:8], 16) / 2**31 - 1
        every = task.source.every if task.source else None
        check = decide(
            feed,
            answer,
            schedule=schedule,
            every=every,
            now=at,
            spread=spread,
            seen=KnownEntries(known=len(known), times=times),
            hour=self.config.pace.hour,
        )
        if keep is not None:
            return replace(
                check, body_hash=keep.body_hash, last_body_at=None, archive_url=keep.archive_url, gap=None,
                due_at=parse_utc(keep.due_at) if keep.due_at else check.due_at, window_size=keep.window_size,
            )  # fmt: skip
        if not self.config.websub.callback:
            return check
        if answer.parsed is not None:  # only with the document is it known what the feed calls itself
            pushes.note_hub(writer.db, feed.url, hub.hub if hub else None, hub.topic if hub else None)
        return self._polled_rarely(writer, check, new=len(new), every=every)

    def _polled_rarely(self, writer: Writer, check: FeedCheck, *, new: int, every: float | None) -> FeedCheck:
        """The check of a feed that is pushed: its next poll only looks whether the pushes still come."""
        subscription = pushes.of_feed(writer.db, check.feed_url)
        if subscription is None or check.due_at is None or check.outcome in {"failed", "gone"}:
            return check
        fresh = check.at - timedelta(seconds=PUSH_IS_FRESH * self.config.pace.hour)
        recently = [at for at in (subscription.pushed_at, subscription.verified_at) if at and parse_utc(at) >= fresh]
        if new and not recently and subscription.state == "active":
            pushes.missed(writer.db, check.feed_url)
            return check
        if every is not None or not subscription.replaces_polls(check.at):
            return check
        later = check.at + timedelta(seconds=PUSHED * self.config.pace.hour)
        return replace(check, due_at=max(check.due_at, later))

    # Steps of gaps and backfills

    async def _step_answered(self, task: StepTask, response: Response) -> None:
        step = task.step
        if step.kind == "robots":
            body = response.body if response.status == 200 else b""
            await self._settle_step(task, steps_from_robots(step, body, response.url), response)
            return
        if response.status != 200:
            later = retry_after(header(response.headers, "Retry-After"), now=task.now)
            throttle = None
            if response.status in {429, 503}:
                throttle = later or task.now + timedelta(seconds=THROTTLED * self.config.pace.hour)
            hard = 400 <= response.status < 500 and response.status != 429
            found = BackfillResult(
                error=f"the server answered {response.status}",
                permanent=hard,
                retry_at=later or self._step_retry(task),
            )
            await self._settle_step(task, found, response, throttle)
            return
        try:
            parsed = await self._parse(step.url, step.kind, task.source or step.source, response, task.at)
        except (FeedError, PageFailed) as error:
            await self._settle_step(task, BackfillResult(error=str(error), permanent=True), response)
            return
        await self._settle_step(task, parsed, response)

    async def _settle_step(
        self,
        task: StepTask,
        what: ParsedFeed | BackfillResult,
        response: Response | None,
        throttle: datetime | None = None,
    ) -> None:
        step = task.step
        url = response.url if response is not None else step.url

        def decide(writer: Writer) -> BackfillResult:
            if isinstance(what, BackfillResult):
                return what
            return follow_step(step, what, url, known_before=writer.known_before(step, what.entries))

        found = await self.frontier.complete_step(task, decide, log_entry(task, response, "step"), throttle)
        error = what.error if isinstance(what, BackfillResult) else None
        log.info(
            "%s: %s",
            step.url,
            error or f"{found} older entries",
            extra={"event": "step", "source": step.source, "url": step.url, "new": found},
        )

    def _step_retry(self, task: StepTask) -> datetime:
        return task.now + timedelta(seconds=self.config.pace.hour / 4 * 2**task.step.attempts)


def log_entry(task: FetchTask, response: Response | None, outcome: str) -> FetchLogEntry:
    """The row for the `fetches` table."""
    url = response.url if response is not None else task.url
    return FetchLogEntry(
        at=task.at,
        url=url,
        host=host_of(url),
        status=response.status if response is not None else None,
        outcome=outcome,
        bytes=response.meta.get("wire_bytes", len(response.body)) if response is not None else 0,
        ms=round((time.monotonic() - task.started) * 1000),
        conditional=bool(task.validators),
    )


def apply_source_patterns(parsed: ParsedFeed, source: Source | None) -> ParsedFeed:
    """Mark the entries that the source's patterns exclude: they are reported with a reason and never fetched."""
    if source is None or not (source.include or source.exclude):
        return parsed
    return replace(
        parsed,
        entries=tuple(replace(e, refused=source.exclusion_reason(e.url) if e.url else None) for e in parsed.entries),
    )


def poll_response(response: Response, *, unconditional: bool = False) -> PollResponse:
    """Read the status and headers of a response; the body is parsed later."""
    headers = response.headers
    reasons = response.meta.get("redirect_reasons", [])
    error = None
    if response.status in {401, 403} and (header(headers, "cf-mitigated") or "").lower() == "challenge":
        error = f"a bot challenge ({response.status}); polled again in {FORBIDDEN:g} hours"
    return PollResponse(
        status=response.status,
        error=error,
        final_url=response.url,
        moved=bool(reasons) and all(reason in {301, 308} for reason in reasons),
        etag=header(headers, "ETag"),
        last_modified=header(headers, "Last-Modified"),
        fresh_for=freshness_lifetime(
            header(headers, "Cache-Control") or "",
            expires=header(headers, "Expires"),
            date=header(headers, "Date"),
            age=header(headers, "Age"),
        ),
        retry_after=header(headers, "Retry-After"),
        body_hash=hashlib.sha256(response.body).hexdigest() if response.status in {200, 226} else None,
        weight=SOFT if response.status >= 500 or response.status == 429 else 1.0,
        unconditional=unconditional,
    )
