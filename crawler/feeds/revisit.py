"""Decide when a feed is polled again: a response in, a FeedCheck out. Pure; the clock is an argument.

The rules: The validators of every successful response are stored for the address that sent them. Retry-After is obeyed.
A 410 ends a feed, a 404 only after a long time. An error leaves the stored data unchanged. A window without overlap is
a gap. `every` is the operator's override, limited only by `min`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from crawler.config.models import Schedule
from crawler.feeds.adaptive import RateModel, poll_interval, read_rhythm, update, window_turnover
from crawler.feeds.freshness import next_allowed_time, retry_after, ttl_seconds
from crawler.feeds.parsed_feed import ParsedFeed
from crawler.feeds.sitemap import children_to_open, recent_entries
from storage.records import Feed, FeedCheck, FeedEntry, FoundBy, GapDetected, PermanentRedirect
from storage.utc import format_utc, parse_utc

# In hours, whose length is an argument (config.models.Pace).
THROTTLED = 1.0  # pause after a 429 or 503 without Retry-After
FORBIDDEN = 4.0  # minimum wait after a 401 or 403, against retry storms
LONGEST = 24.0  # limit for intervals requested by a feed or its headers, and for back-off
FULL = 24.0  # interval of unconditional requests: some servers answer 304 although the feed changed
LOST_AFTER, LOST_POLLS = 14 * 24.0, 30  # a 404 ends a feed only after both: many come back
MOVED_AFTER, MOVED_POLLS = 7 * 24.0, 3  # a permanent redirect is followed only after both
EARLIER = timedelta(hours=6)  # an entry may have a date from before it was listed
SOFT, TEMPORARY = 0.5, 0.25  # weights of failures: a server in trouble; no network at all
_FOUND_BY: dict[str, FoundBy] = {"sitemap": "sitemap", "page": "page"}  # any other kind is a feed


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResponse:
    """The response to one poll; `error` is one line if there is no body."""

    status: int | None = None
    final_url: str | None = None
    moved: bool = False  # every redirect to final_url was permanent (301, 308)
    etag: str | None = None
    last_modified: str | None = None
    fresh_for: float = 0.0  # seconds, by its headers
    retry_after: str | None = None
    body_hash: str | None = None
    error: str | None = None
    weight: float = 1.0  # of a failure; see SOFT and TEMPORARY
    not_before: datetime | None = None
    unconditional: bool = False  # sent without the stored validators
    parsed: ParsedFeed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEntries:
    """What the store knows about the entries of a response.

    `known` is how many were stored already, `times` when the new ones were published (seconds).
    """

    known: int = 0
    times: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """What a decision depends on besides the feed and the response; see decide."""

    schedule: Schedule
    every: float | None
    now: datetime
    spread: float
    hour: float


def entries_to_store(answer: PollResponse, *, schedule: Schedule, now: datetime) -> tuple[FeedEntry, ...]:
    """Return the entries that a poll stores: all entries of a feed, the recent ones of a sitemap."""
    parsed = answer.parsed
    if parsed is None:
        return ()
    return (
        recent_entries(parsed.entries, now=now, max_age=schedule.max_age)
        if parsed.kind == "sitemap"
        else parsed.entries
    )


def is_full_fetch_due(feed: Feed, *, now: datetime, hour: float = 3600.0) -> bool:
    """Return whether a poll is sent without validators: once a day, as validators may be wrong."""
    return feed.last_body_at is not None and now - parse_utc(feed.last_body_at) >= timedelta(seconds=FULL * hour)


def decide(
    feed: Feed,
    answer: PollResponse,
    *,
    schedule: Schedule,
    every: float | None,
    now: datetime,
    spread: float = 0.0,
    seen: KnownEntries | None = None,
    hour: float = 3600.0,
) -> FeedCheck:
    """Decide what one response means for its feed.

    Args:
        feed: the stored feed.
        answer: the response.
        schedule: the settings.
        every: the operator's interval for this source, in seconds; it overrides the adaptive interval and the server's
            headers, but not Retry-After.
        now: the clock.
        spread: -1..1, varies the due time by up to a tenth, so that polls do not synchronize.
        seen: what is known about the entries of the response.
        hour: seconds of an hour in the waiting times (config.models.Pace).
    """
    terms = _Terms(schedule=schedule, every=every, now=now, spread=spread, hour=hour)
    if answer.error is not None or answer.status is None or answer.status >= 400:
        return _failed(feed, answer, terms)
    return _succeeded(feed, answer, seen or KnownEntries(), terms)


def _succeeded(feed: Feed, answer: PollResponse, seen: KnownEntries, terms: _Terms) -> FeedCheck:
    """Return the check of a response below 400: its entries, and a due time by the feed's rhythm."""
    now, schedule, parsed = terms.now, terms.schedule, answer.parsed
    same = answer.status == 304 or (feed.body_hash is not None and answer.body_hash == feed.body_hash)
    listed = () if same else entries_to_store(answer, schedule=schedule, now=now)
    partial = answer.status == 226  # RFC 3229: only new entries, not a window
    gap = None if same or partial or parsed is None else _gap(feed, parsed, listed, seen, now)
    since = parse_utc(gap.to_at).timestamp() if gap else None
    rhythm = update(read_rhythm(feed.rate_model), seen.times, now.timestamp(), since=since, hour=terms.hour)
    window = feed.window_size if same or partial or parsed is None else len(parsed.entries)
    wait = _interval(rhythm, window, terms)
    good = replace(
        _read_response(feed, answer, terms),
        due_at=_due_at(feed, answer, wait, terms),
        interval_seconds=wait,
        rate_model=rhythm.to_json(),
    )
    if answer.status == 304 or parsed is None:
        return good
    return replace(
        _read_feed(good, parsed),
        outcome="unchanged" if same else "changed",
        listed=listed,
        window_size=window,
        entries_known=None if same or partial or not feed.window_size else seen.known,
        children=children_to_open(parsed, now=now, max_age=schedule.max_age),
        validators_unreliable=_validators_unreliable(feed, answer, len(listed) - seen.known),
        gap=gap,
    )


def _due_at(feed: Feed, answer: PollResponse, wait: float, terms: _Terms) -> datetime:
    """Return when the feed is polled again; `every` overrides what the feed and its headers request."""
    due = terms.now + timedelta(seconds=max(terms.schedule.min, wait * (1 + 0.1 * terms.spread)))
    if terms.every is not None:
        return due
    requested = min(_requested_wait(feed, answer), LONGEST * terms.hour)
    return next_allowed_time(max(due, terms.now + timedelta(seconds=requested)), *_skips(feed, answer.parsed))


def _read_response(feed: Feed, answer: PollResponse, terms: _Terms) -> FeedCheck:
    """Return a check with the response's address and validators; a 304 may leave them out."""
    check = FeedCheck(
        feed_url=feed.url,
        at=terms.now,
        outcome="unchanged",
        final_url=answer.final_url or feed.url,
        etag=answer.etag,
        last_modified=answer.last_modified,
        body_hash=answer.body_hash,
        last_success_at=terms.now,
        last_body_at=terms.now,
        validators_unreliable=feed.validators_unreliable,
        move=_move(feed, answer, terms),
    )
    if answer.status != 304:
        return check
    return replace(
        check,
        outcome="not_modified",
        final_url=feed.final_url or answer.final_url or feed.url,
        etag=answer.etag or feed.etag,
        last_modified=answer.last_modified or feed.last_modified,
        body_hash=feed.body_hash,
        last_body_at=None,
    )


def _read_feed(good: FeedCheck, parsed: ParsedFeed) -> FeedCheck:
    """Return the check with what the feed says about itself."""
    skips = [parsed.skip_hours, parsed.skip_days]
    return replace(
        good,
        kind=parsed.kind,
        found_by=_FOUND_BY.get(parsed.kind, "feed"),
        requested_interval=max(ttl_seconds(parsed.ttl), parsed.period or 0.0),
        archive_url=parsed.previous,
        skip_schedule=json.dumps(skips) if any(skips) else None,
    )


def _requested_wait(feed: Feed, answer: PollResponse) -> float:
    """Return the seconds that the headers and the feed ask to wait; a 304 has no body that repeats the feed's."""
    parsed = answer.parsed
    if parsed is None:
        return max(answer.fresh_for, feed.requested_interval or 0.0)
    return max(answer.fresh_for, ttl_seconds(parsed.ttl), parsed.period or 0.0)


def _skips(feed: Feed, parsed: ParsedFeed | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the feed's skipHours and skipDays; a 304 does not repeat them."""
    if parsed is not None:
        return parsed.skip_hours, parsed.skip_days
    hours, days = json.loads(feed.skip_schedule) if feed.skip_schedule else ((), ())
    return tuple(hours), tuple(days)


def _interval(rhythm: RateModel, window: int, terms: _Terms) -> float:
    schedule = terms.schedule
    if terms.every is not None:
        return max(terms.every, schedule.min)
    if not schedule.adaptive or not window:
        return max(schedule.default, schedule.min)
    most = max(schedule.max, schedule.min)
    return poll_interval(
        rhythm,
        window,
        terms.now.timestamp(),
        pace=max(schedule.default, schedule.min),
        least=schedule.min,
        most=most,
        hour=terms.hour,
    )


def _validators_unreliable(feed: Feed, answer: PollResponse, fresh: int) -> bool:
    """Return whether the validators stay the same while new entries are listed.

    A conditional request with new entries resets this.
    """
    if not answer.unconditional:
        return feed.validators_unreliable and fresh == 0
    same_etag = (
        answer.etag == feed.etag
        if answer.etag
        else answer.last_modified == feed.last_modified and bool(answer.last_modified)
    )
    return feed.validators_unreliable or (fresh > 0 and bool(same_etag))


def _gap(
    feed: Feed, parsed: ParsedFeed, listed: tuple[FeedEntry, ...], seen: KnownEntries, now: datetime
) -> GapDetected | None:
    """Return a gap if no entry of this window was known, though the last window was not empty.

    There is no gap if the entries were trimmed (sitemaps), if most are dated before the last poll, or if they have no
    dates and the last window had no known entry either: such a feed has new ids and addresses at each poll, and loses
    nothing.
    """
    if (
        not feed.window_size
        or not feed.last_success_at
        or not listed
        or seen.known
        or len(listed) < len(parsed.entries)
    ):
        return None
    dates = [e.published_at for e in listed if e.published_at and len(e.published_at) > 10]
    before = format_utc(parse_utc(feed.last_success_at) - EARLIER)
    if 2 * sum(date > before for date in dates) < len(dates) or (not dates and feed.entries_known == 0):
        return None
    oldest = min(dates, default=format_utc(now))
    return GapDetected(
        from_at=feed.last_success_at,
        to_at=oldest if feed.last_success_at < oldest <= format_utc(now) else format_utc(now),
    )


def _move(feed: Feed, answer: PollResponse, terms: _Terms) -> PermanentRedirect:
    """Count permanent redirects to the same address; the feed's address changes once there are enough."""
    if not answer.moved or answer.final_url is None:
        return feed.move if feed.effective_url is not None else PermanentRedirect()
    again = answer.final_url == feed.moved_to
    since = parse_utc(feed.moved_since) if again and feed.moved_since else terms.now
    polls = feed.moved_polls + 1 if again else 1
    believed = polls >= MOVED_POLLS and terms.now - since >= timedelta(seconds=MOVED_AFTER * terms.hour)
    return PermanentRedirect(
        to=answer.final_url,
        since=format_utc(since),
        polls=polls,
        effective_url=answer.final_url if believed else feed.effective_url,
    )


def _failed(feed: Feed, answer: PollResponse, terms: _Terms) -> FeedCheck:
    """Back off linearly, up to a day; after a temporary failure, retry before the feed's window may roll over."""
    now, hour, schedule = terms.now, terms.hour, terms.schedule
    status = answer.status or 0
    reason = answer.error or f"the server answered {status}"
    move = feed.move
    if feed.effective_url is not None and answer.weight == 1.0:
        # The feed is not at its new address: back to the one in the source list.
        move = PermanentRedirect()
        reason = f"{reason}, at {feed.effective_url}, where it had moved to; its old URL is polled again"
    elif status == 410:
        return _end(feed, "gone for good (410)", now)
    failures = feed.failures + 1
    since = parse_utc(feed.not_found_since) if feed.not_found_since else now
    if status == 404 and feed.not_found_count + 1 >= LOST_POLLS and now - since >= timedelta(seconds=LOST_AFTER * hour):
        return _end(feed, f"not found (404) since {format_utc(since)}, {feed.not_found_count + 1} times", now)
    not_before = answer.not_before or retry_after(answer.retry_after, now=now)
    if status in {429, 503} and not_before is None:
        not_before = now + timedelta(seconds=THROTTLED * hour)
    base = max(terms.every or feed.interval_seconds or schedule.default, schedule.min)
    most = max(LONGEST * hour, base)
    if answer.weight < 1.0 and feed.window_size and (rhythm := read_rhythm(feed.rate_model)):
        most = min(most, max(schedule.min, window_turnover(rhythm, feed.window_size, now.timestamp(), hour=hour)))
    wait = min(base * max(1.0, failures * answer.weight), most)
    if status in {401, 403}:
        wait = max(wait, FORBIDDEN * hour)
    due = now + timedelta(seconds=wait)
    return FeedCheck(
        feed_url=feed.url,
        at=now,
        outcome="failed",
        error=reason,
        due_at=max(due, not_before) if not_before else due,
        not_before=not_before,
        validators_unreliable=feed.validators_unreliable,
        move=move,
        not_found=status == 404,
    )


def _end(feed: Feed, error: str, now: datetime) -> FeedCheck:
    """Return the check that ends a feed."""
    return FeedCheck(
        feed_url=feed.url,
        at=now,
        outcome="gone",
        error=error,
        validators_unreliable=feed.validators_unreliable,
    )
