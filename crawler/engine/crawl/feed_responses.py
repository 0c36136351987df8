"""What a poll brought: response -> Answer -> (what was listed before) -> FeedCheck -> frontier. Steps of gaps and backfills come the same way."""

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
from crawler.engine.fetch_task import Asked
from crawler.engine.middlewares.address_guard import RequestRefused
from crawler.engine.workers import worker
from crawler.engine.workers.pool import PageFailed, WorkerPool
from crawler.errors import FeedError
from crawler.feeds.backfill import follow_step, steps_from_robots
from crawler.feeds.freshness import freshness_lifetime, retry_after
from crawler.feeds.parsed_feed import ParsedFeed
from crawler.feeds.revisit import FORBIDDEN, SOFT, THROTTLED, KnownEntries, PollResponse, decide, entries_to_store
from crawler.urls import host_of
from storage.records import BackfillResult, Feed, FeedCheck, FetchLogEntry, parse_utc
from storage.writer import Writer

log = logging.getLogger("newsdesk.polls")


class FeedPoller:
    """The feed side of the spider."""

    def __init__(self, frontier: Frontier, pool: WorkerPool) -> None:
        self.frontier = frontier
        self.pool = pool

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self.frontier.config

    async def on_response(self, asked: Asked, response: Response) -> None:
        """A feed answered."""
        if asked.step is not None:
            await self._step_answered(asked, response)
            return
        answer = poll_response(response, unconditional=asked.unconditional)
        if answer.fresh_for:  # counts from the answer, not from the lease: a request may have waited for its turn
            answer = replace(answer, fresh_for=answer.fresh_for + (asked.now - asked.at).total_seconds())
        if response.status in {200, 226}:
            try:
                answer = await self._read(asked, response, answer)
            except (FeedError, PageFailed) as error:
                answer = PollResponse(error=str(error).removeprefix(f"{response.url}: "))
        elif response.status == 304 and not asked.validators:
            answer = PollResponse(error="it answers 304 to a request that had no validators")
        elif response.status < 400 and response.status != 304:
            answer = PollResponse(error=f"it answers {response.status} where a feed was expected")
        await self.complete(asked, answer, response)

    async def _read(self, asked: Asked, response: Response, answer: PollResponse) -> PollResponse:
        """Parse what is new; a body that is the same to the byte is not parsed again."""
        feed = asked.feed
        assert feed is not None
        if answer.body_hash == feed.body_hash and feed.body_hash is not None:
            return answer
        parsed = await self._parse(feed, response, asked.at)
        if not parsed.entries and not parsed.children and feed.kind == "page":
            raise FeedError("the section page has no links that look like articles")
        if not parsed.entries and parsed.kind in {"rss", "atom", "json"}:
            raise FeedError("it is a feed, but lists nothing")
        if parsed.cut:
            log.warning("%s: %s", feed.url, parsed.cut, extra={"event": "cut", "source": feed.source, "url": feed.url})
        return replace(answer, parsed=apply_source_patterns(parsed, asked.source))

    async def _parse(self, feed: Feed, response: Response, at: datetime) -> ParsedFeed:
        content_type = header(response.headers, "Content-Type") or ""
        kind = "page" if feed.kind == "page" else ""
        return await self.pool.run(
            worker.read_feed, response.body, response.url, content_type, at, kind,
            source=feed.source or host_of(feed.url), seconds=self.pool.seconds_for(response.body),
        )  # fmt: skip

    async def failed(self, asked: Asked, reason: str, error: BaseException | None = None) -> None:
        """A feed did not answer, was not asked, or cannot be read."""
        later = (
            asked.now + timedelta(seconds=error.retry_after)
            if isinstance(error, RequestRefused) and error.retry_after
            else None
        )
        if asked.step is not None:
            hard = isinstance(error, RequestRefused) and error.kind in {"guard", "robots"}
            await self._settle_step(
                asked, BackfillResult(error=reason, permanent=hard, retry_at=later or self._step_retry(asked)), None
            )
            return
        await self.complete(asked, PollResponse(error=reason, weight=failure_weight(reason), not_before=later), None)

    async def complete(self, asked: Asked, answer: PollResponse, response: Response | None) -> None:
        """Decide and write, and say so in one line."""
        feed = asked.feed
        assert feed is not None
        throttle = None
        if answer.status in {429, 503}:
            throttle = retry_after(answer.retry_after, now=asked.now) or asked.now + timedelta(
                seconds=THROTTLED * self.config.pace.hour
            )
            answer = replace(answer, not_before=throttle)
        decide = functools.partial(self._decide, asked, answer)
        check, counts = await self.frontier.complete_feed(asked, decide, self.record(asked, response, ""), throttle)
        ms = round((time.monotonic() - asked.started) * 1000)
        log.info(
            "%s: %s%s", feed.url, check.outcome, f" ({check.error})" if check.error else f", {counts.new} new" if check.outcome == "changed" else "",
            extra={
                "event": "poll", "source": feed.source, "url": feed.url, "outcome": check.outcome, "status": answer.status, "new": counts.new,
                "listed": check.window_size, "known": check.entries_known, "ms": ms, "due_at": check.due_at, "error": check.error,
            },
        )  # fmt: skip
        if check.gap is not None:
            log.warning(
                "%s: nothing of its last window is listed any more: what it listed between %s and %s is looked for (`newsdesk gaps`)",
                feed.url, check.gap.from_at, check.gap.to_at, extra={"event": "gap", "source": feed.source, "url": feed.url},
            )  # fmt: skip

    def _decide(self, asked: Asked, answer: PollResponse, writer: Writer) -> FeedCheck:
        """In the writer's thread: which entries were known, then the decision."""
        feed, schedule, at = asked.feed, self.config.schedule, asked.at
        assert feed is not None
        listed = entries_to_store(answer, schedule=schedule, now=at)
        known = writer.known_entries(feed.url, listed) if listed else set()
        # An entry without a date came now; in a first window it may have come any time.
        undated = () if feed.rate_model is None else (at.timestamp(),)
        new = [e for e in listed if e.identity not in known]
        times = tuple(t for e in new for t in ((parse_utc(e.published_at).timestamp(),) if e.published_at else undated))
        spread = int(hashlib.sha256(feed.url.encode()).hexdigest()[:8], 16) / 2**31 - 1
        every = asked.source.every if asked.source else None
        return decide(
            feed,
            answer,
            schedule=schedule,
            every=every,
            now=at,
            spread=spread,
            seen=KnownEntries(known=len(known), times=times),
            hour=self.config.pace.hour,
        )

    # Steps of gaps and backfills

    async def _step_answered(self, asked: Asked, response: Response) -> None:
        step, feed = asked.step, asked.feed
        assert step is not None
        assert feed is not None
        if step.kind == "robots":
            body = response.body if response.status == 200 else b""
            await self._settle_step(asked, steps_from_robots(step, body, response.url), response)
            return
        if response.status != 200:
            later = retry_after(header(response.headers, "Retry-After"), now=asked.now)
            throttle = None
            if response.status in {429, 503}:
                throttle = later or asked.now + timedelta(seconds=THROTTLED * self.config.pace.hour)
            hard = 400 <= response.status < 500 and response.status != 429
            found = BackfillResult(
                error=f"the server answered {response.status}",
                permanent=hard,
                retry_at=later or self._step_retry(asked),
            )
            await self._settle_step(asked, found, response, throttle)
            return
        try:
            parsed = await self._parse(feed, response, asked.at)
        except (FeedError, PageFailed) as error:
            await self._settle_step(asked, BackfillResult(error=str(error), permanent=True), response)
            return
        await self._settle_step(asked, parsed, response)

    async def _settle_step(
        self,
        asked: Asked,
        what: ParsedFeed | BackfillResult,
        response: Response | None,
        throttle: datetime | None = None,
    ) -> None:
        step = asked.step
        assert step is not None
        url = response.url if response is not None else step.url

        def decide(writer: Writer) -> BackfillResult:
            if isinstance(what, BackfillResult):
                return what
            return follow_step(step, what, url, known_before=writer.known_before(step, what.entries))

        found = await self.frontier.complete_step(asked, decide, self.record(asked, response, "step"), throttle)
        error = what.error if isinstance(what, BackfillResult) else None
        log.info(
            "%s: %s",
            step.url,
            error or f"{found} older entries",
            extra={"event": "step", "source": step.source, "url": step.url, "new": found},
        )

    def _step_retry(self, asked: Asked) -> datetime:
        attempts = asked.step.attempts if asked.step else 0
        return asked.now + timedelta(seconds=self.config.pace.hour / 4 * 2**attempts)

    def record(self, asked: Asked, response: Response | None, outcome: str) -> FetchLogEntry:
        """The line of the ledger for a request."""
        url = response.url if response is not None else asked.url
        return FetchLogEntry(
            at=asked.at, url=url, host=host_of(url), status=response.status if response is not None else None, outcome=outcome,
            bytes=response.meta.get("wire_bytes", len(response.body)) if response is not None else 0, ms=round((time.monotonic() - asked.started) * 1000), conditional=bool(asked.validators),
        )  # fmt: skip


def apply_source_patterns(parsed: ParsedFeed, source: Source | None) -> ParsedFeed:
    """What the source's own patterns leave out is told when it is listed, and never asked for."""
    if source is None or not (source.include or source.exclude):
        return parsed
    return replace(
        parsed,
        entries=tuple(replace(e, refused=source.exclusion_reason(e.url) if e.url else None) for e in parsed.entries),
    )


def poll_response(response: Response, *, unconditional: bool = False) -> PollResponse:
    """What a response says, before its body is read."""
    headers = response.headers
    reasons = response.meta.get("redirect_reasons", [])
    error = None
    if response.status in {401, 403} and (header(headers, "cf-mitigated") or "").lower() == "challenge":
        error = f"a bot challenge stands before it ({response.status}); it is asked again in {FORBIDDEN:g} hours"
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
