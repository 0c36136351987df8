"""When a feed is asked again, and what its answer means: an answer in, a FeedCheck out. Pure; the clock is an argument.

PEERS F as DESIGN reads it: validators kept of every good answer, for the address that gave them; Retry-After obeyed; 410 ends a feed; an error
keeps what was known; `every` is the operator's word, floored by `min`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from crawler.feeds.listing import ParsedFeed
from crawler.feeds.sitemap import open_children, recent
from crawler.settings import Schedule
from storage.records import Feed, FeedCheck, FoundBy

THROTTLED = 3600.0  # seconds to leave a server alone that says 429 or 503 without saying how long
LONGEST_RETRY_AFTER = 31 * 86400.0
FORBIDDEN = 4 * 3600.0  # 401 and 403: no retry storm


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for one poll; `error` says in one line why there is no body."""

    status: int | None = None
    final_url: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    cache_control: str = ""
    retry_after: str | None = None
    body_hash: str | None = None
    error: str | None = None
    not_before: datetime | None = None
    parsed: ParsedFeed | None = None


def check(
    feed: Feed, answer: Answer, *, schedule: Schedule, every: float | None, now: datetime, spread: float = 0.0
) -> FeedCheck:
    """What one answer means for its feed.

    Args:
        feed: as it is kept.
        answer: what came back.
        schedule: the settings.
        every: the operator's interval for this source, in seconds.
        now: the clock.
        spread: -1..1, by which the due time varies within a tenth, so that feeds do not beat in step.
    """
    interval = max(every or schedule.default, schedule.min)
    if answer.error is not None or answer.status is None or answer.status >= 400:
        return _failed(feed, answer, interval, schedule, now)
    wait = max(interval, min(_max_age(answer.cache_control), 86400.0) if every is None else 0.0)
    due = now + timedelta(seconds=max(schedule.min, wait * (1 + 0.1 * spread)))
    final = answer.final_url or feed.url
    if answer.status == 304:
        return FeedCheck(
            feed_url=feed.url, at=now, outcome="not_modified", final_url=feed.final_url or final, etag=answer.etag or feed.etag,
            last_modified=answer.last_modified or feed.last_modified, body_hash=feed.body_hash, due_at=due, interval_seconds=interval,
        )  # fmt: skip
    parsed = answer.parsed
    same = feed.body_hash is not None and answer.body_hash == feed.body_hash
    found_by: dict[str, FoundBy] = {"sitemap": "sitemap", "page": "page"}
    return FeedCheck(
        feed_url=feed.url, at=now, outcome="unchanged" if same or parsed is None else "changed", kind=parsed.kind if parsed else None, final_url=final,
        etag=answer.etag, last_modified=answer.last_modified, body_hash=answer.body_hash, due_at=due, interval_seconds=interval,
        listed=() if parsed is None or same else recent(parsed.entries, now=now, max_age=schedule.max_age) if parsed.kind == "sitemap" else parsed.entries,
        found_by=found_by.get(parsed.kind if parsed else "", "feed"),
        children=open_children(parsed, now=now, max_age=schedule.max_age) if parsed else (),
    )  # fmt: skip


def _failed(feed: Feed, answer: Answer, interval: float, schedule: Schedule, now: datetime) -> FeedCheck:
    """Back off linearly, up to a day; what the server said of later is obeyed, a 410 ends it."""
    status = answer.status or 0
    reason = answer.error or f"the server answered {status}"
    if status == 410:
        return FeedCheck(feed_url=feed.url, at=now, outcome="gone", error="gone for good (410)")
    not_before = answer.not_before or retry_after(answer.retry_after, now=now)
    if status in {429, 503} and not_before is None:
        not_before = now + timedelta(seconds=THROTTLED)
    wait = min(interval * (feed.failures + 1), max(86400.0, schedule.max))
    if status in {401, 403}:
        wait = max(wait, FORBIDDEN)
    due = now + timedelta(seconds=wait)
    return FeedCheck(
        feed_url=feed.url,
        at=now,
        outcome="failed",
        error=reason,
        due_at=max(due, not_before) if not_before else due,
        not_before=not_before,
    )


def retry_after(value: str | None, *, now: datetime) -> datetime | None:
    """A Retry-After header in either form (RFC 9110, 10.2.3), at most LONGEST_RETRY_AFTER away; None where it says nothing."""
    if not value:
        return None
    text = value.strip()
    if re.fullmatch(r"[0-9]{1,12}", text):
        return now + timedelta(seconds=min(float(text), LONGEST_RETRY_AFTER))
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    when = (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    return min(when, now + timedelta(seconds=LONGEST_RETRY_AFTER)) if when > now else None


def _max_age(cache_control: str) -> float:
    """Cache-Control's max-age in seconds; nothing where no-cache or no-store stand beside it."""
    parts = [part.strip().lower() for part in cache_control.split(",")]
    if "no-cache" in parts or "no-store" in parts:
        return 0.0
    return next((float(part[8:]) for part in parts if re.fullmatch(r"max-age=[0-9]{1,12}", part)), 0.0)
