"""Verdicts on article requests that bring no page: not found, rejected, failed. Pure."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta

from crawler.articles.page_response import PageResponse
from crawler.extraction.extraction import Extraction
from crawler.feeds.freshness import retry_after
from crawler.feeds.revisit import THROTTLED
from storage.records import Entry
from storage.utc import parse_utc
from storage.verdicts import NotArticle, NotFound, Retry, Unchanged, Verdict

BLOCKED_RETRIES = (1.0, 6.0, 24.0)  # hours after which a blocked page is requested again
NOT_FOUND_RETRIES = (1.0, 6.0, 24.0)  # some outlets list an article before its page exists
FAIL_RETRIES = (1 / 12, 0.5, 2.0, 6.0, 24.0)  # hours
GIVE_UP_AFTER = timedelta(days=7)  # since first listed: an outage of hours costs nothing, however many attempts
MIN_ATTEMPTS = 12  # consecutive failures required, too, before an entry is given up
MAX_EXTRACTION_ATTEMPTS = 3  # for a page whose extraction crashes: it will crash again
SECOND_LOOK = timedelta(minutes=10)  # a second 404 within this time does not count

# A login page or a paywall, whatever its content.
BLOCKED_STATUS = {401: "login wall", 402: "paywall"}


def without_page(
    page: PageResponse, recheck_at: datetime | None, *, hour: float, not_found_since: datetime | None = None
) -> Verdict | None:
    """Return the verdict on a response without a page to read, or on no response; None if there is a page.

    Args:
        page: the request and its response.
        recheck_at: when the stored article, if there is one, is requested again anyway.
        hour: seconds of an hour in the waiting times (config.models.Pace).
        not_found_since: when the stored article was first not found.
    """
    entry, at, status = page.entry, page.at, page.status
    if page.failure is not None and page.failure.refused:
        return rejected(entry, page.failure.reason, at, recheck_at)
    if page.failure is not None or status is None:
        reason, wait = (page.failure.reason, page.failure.retry_after) if page.failure else ("no answer", None)
        later = page.answered_at + timedelta(seconds=wait) if wait else None
        permanent = page.failure is not None and page.failure.permanent
        return failed(entry, reason, at, recheck_at, later=later, permanent=permanent, hour=hour)
    if status == 304 and (entry.article_id is None or not page.conditional):
        reason = "the server answered 304 (not modified) to a request without validators"
        return failed(entry, reason, at, recheck_at, hour=hour)
    if status == 304:
        return unchanged(entry, at, recheck_at)
    if status in {404, 410}:
        return not_found(entry, status, at, recheck_at, hour=hour, since=not_found_since)
    if status >= 400 and status not in {*BLOCKED_STATUS, 403}:
        later = hold_until(page, hour=hour) or retry_after(page.header("Retry-After"), now=page.answered_at)
        return failed(entry, f"the server answered {status}", at, recheck_at, later=later, hour=hour)
    if 300 <= status < 400:
        return failed(entry, f"it redirects ({status}) to nowhere", at, recheck_at, hour=hour)
    if (kind := page.other_media_type) is not None:
        return rejected(entry, f"not a web page ({kind})", at, recheck_at)
    return None


def hold_until(page: PageResponse, *, hour: float) -> datetime | None:
    """Return until when a server that answered 429 or 503 wants no request; None for any other response."""
    if page.status not in {429, 503}:
        return None
    later = retry_after(page.header("Retry-After"), now=page.answered_at)
    return later or page.answered_at + timedelta(seconds=THROTTLED * hour)


def apply_status(extraction: Extraction | None, url: str, status: int) -> Extraction | None:
    """Return the extraction corrected by the HTTP status; None for a 403 whose page does not say why."""
    found = extraction or Extraction(url=url, problem="empty")
    if status in BLOCKED_STATUS:
        return dataclasses.replace(found, problem=BLOCKED_STATUS[status], text="", completeness="headline")
    if status == 403 and (extraction is None or not extraction.problem):
        return None
    return found


def unchanged(entry: Entry, at: datetime, recheck_at: datetime | None) -> Unchanged:
    """304: the page still is as stored."""
    return Unchanged(
        at=at, entry_ids=_ids(entry), source=entry.source, article_id=entry.article_id, recheck_at=recheck_at
    )


def rejected(entry: Entry, reason: str, at: datetime, recheck_at: datetime | None) -> NotArticle:
    """Not an article, and another request would not change that."""
    return NotArticle(
        at=at, entry_ids=_ids(entry), source=entry.source, article_id=entry.article_id, reason=reason,
        recheck_at=recheck_at,
    )  # fmt: skip


def not_found(
    entry: Entry,
    status: int,
    at: datetime,
    recheck_at: datetime | None,
    *,
    hour: float = 3600.0,
    since: datetime | None = None,
) -> NotFound:
    """404 or 410; a 404 is requested again, as some outlets list an article before its page exists.

    Args:
        entry: what was requested.
        status: 404 or 410.
        at: when.
        recheck_at: when the stored article is requested again anyway.
        hour: seconds of an hour in the waiting times (config.models.Pace).
        since: when the stored article was first not found; it has vanished if a second, later request fails too.
    """
    attempts = entry.consecutive_attempts("gone")
    again = status == 404 and attempts < len(NOT_FOUND_RETRIES)
    retry = at + timedelta(seconds=NOT_FOUND_RETRIES[attempts] * hour) if again and entry.id else None
    if status == 404 and not entry.id and not attempts:  # a recheck: a second request has to confirm it
        recheck_at = min(filter(None, (recheck_at, at + timedelta(seconds=NOT_FOUND_RETRIES[0] * hour))))
    return NotFound(
        at=at,
        entry_ids=_ids(entry),
        source=entry.source,
        article_id=entry.article_id,
        reason=f"not found ({status})",
        retry_at=retry,
        recheck_at=recheck_at,
        vanished=status == 410 or (since is not None and at - since >= SECOND_LOOK),
    )


def forbidden(entry: Entry, at: datetime, recheck_at: datetime | None, *, hour: float = 3600.0) -> Retry | NotArticle:
    """403: requested again like a login page, then given up."""
    attempts = entry.consecutive_attempts("retry")
    if attempts >= len(BLOCKED_RETRIES):
        return rejected(entry, "forbidden (403)", at, recheck_at)
    later = at + timedelta(seconds=BLOCKED_RETRIES[attempts] * hour)
    return Retry(
        at=at, entry_ids=_ids(entry), source=entry.source, article_id=entry.article_id, reason="forbidden (403)",
        retry_at=later, not_before=later, recheck_at=recheck_at, outcome="retry",
    )  # fmt: skip


def failed(
    entry: Entry,
    reason: str,
    at: datetime,
    recheck_at: datetime | None,
    *,
    later: datetime | None = None,
    permanent: bool = False,
    hour: float = 3600.0,
) -> Retry | NotArticle:
    """Return a retry: soon at first, then daily; given up only after a week and many attempts.

    Args:
        entry: what was requested.
        reason: why it failed.
        at: when it was requested.
        recheck_at: when the stored article is requested again anyway.
        later: not before this time, as the server requests.
        permanent: the page itself is at fault.
        hour: seconds of an hour in the waiting times (config.models.Pace).
    """
    attempts = entry.consecutive_attempts("failed")
    old = entry.first_seen_at is not None and at - parse_utc(entry.first_seen_at) > GIVE_UP_AFTER * (hour / 3600)
    again = permanent and attempts >= MAX_EXTRACTION_ATTEMPTS - 1 and entry.reason == reason
    if again or (old and attempts >= MIN_ATTEMPTS - 1):
        return rejected(entry, f"given up: {reason}", at, recheck_at)
    retry = later or at + timedelta(seconds=FAIL_RETRIES[min(attempts, len(FAIL_RETRIES) - 1)] * hour)
    return Retry(
        at=at, entry_ids=_ids(entry), source=entry.source, article_id=entry.article_id, reason=reason,
        retry_at=retry, not_before=later, recheck_at=recheck_at,
    )  # fmt: skip


def _ids(entry: Entry) -> tuple[int, ...]:
    return (entry.id,) if entry.id else ()
