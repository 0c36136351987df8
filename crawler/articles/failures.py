"""What follows when an article request brings no page: not found, refused, failed. Verdicts without a look at what is held. Pure."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta

from crawler.articles.verdict import GONE_RETRIES, WALL_RETRIES
from crawler.extraction.extraction import Extraction
from storage.records import Entry, Outcome, Verdict, parse_utc

FAIL_RETRIES = (1 / 12, 0.5, 2.0, 6.0, 24.0)  # hours
GIVE_UP_AFTER = timedelta(
    days=7
)  # since it was first listed; an outage of hours costs nothing, however often it was tried meanwhile
MIN_ATTEMPTS = 12  # and so many failures in a row, before an article is given up
MAX_EXTRACTION_ATTEMPTS = 3  # for a page that breaks its extraction: it will break it again


# A wall, whatever its page says.
WALL_STATUS = {401: "login wall", 402: "paywall"}


def apply_status(extraction: Extraction | None, url: str, status: int) -> Extraction | None:
    """What a page is, its HTTP status considered; None where it was refused (403) and says nothing of its own about why."""
    found = extraction or Extraction(url=url, problem="empty")
    if status in WALL_STATUS:
        return dataclasses.replace(found, problem=WALL_STATUS[status], text="", completeness="headline")
    if status == 403 and (extraction is None or not extraction.problem):
        return None
    return found


def unchanged(entry: Entry, at: datetime, recheck_at: datetime | None) -> Verdict:
    """304: the held page stands."""
    return _verdict(entry, "same", None, at, recheck_at=recheck_at)


def rejected(entry: Entry, reason: str, at: datetime, recheck_at: datetime | None) -> Verdict:
    """No article, and asking again would not make it one."""
    return _verdict(entry, "rejected", reason, at, recheck_at=recheck_at)


def not_found(entry: Entry, status: int, at: datetime, recheck_at: datetime | None, *, hour: float = 3600.0) -> Verdict:
    """404 or 410; a 404 is looked at again, as some outlets list an article before its page answers."""
    tries = entry.consecutive_attempts("gone")
    again = status == 404 and tries < len(GONE_RETRIES)
    retry = at + timedelta(seconds=GONE_RETRIES[tries] * hour) if again and entry.id else None
    if status == 404 and not entry.id and not tries:  # a recheck: gone only when a second look says so
        recheck_at = min(filter(None, (recheck_at, at + timedelta(seconds=GONE_RETRIES[0] * hour))))
    return _verdict(entry, "gone", f"not found ({status})", at, retry_at=retry, recheck_at=recheck_at)


def forbidden(entry: Entry, at: datetime, recheck_at: datetime | None, *, hour: float = 3600.0) -> Verdict:
    """403: asked again like a wall, then left."""
    tries = entry.consecutive_attempts("retry")
    if tries >= len(WALL_RETRIES):
        return rejected(entry, "forbidden (403)", at, recheck_at)
    later = at + timedelta(seconds=WALL_RETRIES[tries] * hour)
    return _verdict(entry, "retry", "forbidden (403)", at, retry_at=later, not_before=later, recheck_at=recheck_at)


def failed(
    entry: Entry,
    reason: str,
    at: datetime,
    recheck_at: datetime | None,
    *,
    later: datetime | None = None,
    hard: bool = False,
    hour: float = 3600.0,
) -> Verdict:
    """It may work another time: soon at first, then daily; given up only after a week and many tries.

    Args:
        entry: what was asked for.
        reason: why it brought nothing.
        at: when it was asked.
        recheck_at: when a held article is asked for again anyway.
        later: not before this time, at the server's word.
        hard: the page itself is at fault.
        hour: seconds that an hour of the waiting times lasts (settings.Pace).
    """
    tries = entry.consecutive_attempts("failed")
    old = entry.first_seen_at is not None and at - parse_utc(entry.first_seen_at) > GIVE_UP_AFTER * (hour / 3600)
    again = hard and tries >= MAX_EXTRACTION_ATTEMPTS - 1 and entry.reason == reason
    if again or (old and tries >= MIN_ATTEMPTS - 1):
        return rejected(entry, f"given up: {reason}", at, recheck_at)
    retry = later or at + timedelta(seconds=FAIL_RETRIES[min(tries, len(FAIL_RETRIES) - 1)] * hour)
    return _verdict(entry, "failed", reason, at, retry_at=retry, not_before=later, recheck_at=recheck_at)


def _verdict(
    entry: Entry,
    outcome: Outcome,
    reason: str | None,
    at: datetime,
    *,
    recheck_at: datetime | None,
    retry_at: datetime | None = None,
    not_before: datetime | None = None,
) -> Verdict:
    return Verdict(
        outcome=outcome, at=at, entry_ids=(entry.id,) if entry.id else (), reason=reason, article_id=entry.article_id, source=entry.source,
        retry_at=retry_at, not_before=not_before, recheck_at=recheck_at,
    )  # fmt: skip
