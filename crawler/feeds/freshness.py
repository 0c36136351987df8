"""When a server and a feed allow the next poll: caching headers, ttl, sy:*, skipHours, skipDays. Pure.

The headers are Retry-After, Cache-Control and Expires.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST_RETRY_AFTER = 31 * 86400.0
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def http_date(value: str | None) -> datetime | None:
    """Return an HTTP date (RFC 9110, 5.6.7) in UTC; None if it is invalid."""
    try:
        when = parsedate_to_datetime((value or "").strip())
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def retry_after(value: str | None, *, now: datetime) -> datetime | None:
    """Return the time of a Retry-After header in either form (RFC 9110, 10.2.3); None if there is none.

    The time is at most LONGEST_RETRY_AFTER away.
    """
    if not value:
        return None
    if re.fullmatch(r"[0-9]{1,12}", text := value.strip()):
        return now + timedelta(seconds=min(float(text), LONGEST_RETRY_AFTER))
    when = http_date(text)
    return min(when, now + timedelta(seconds=LONGEST_RETRY_AFTER)) if when and when > now else None


def freshness_lifetime(
    cache_control: str, *, expires: str | None = None, date: str | None = None, age: str | None = None
) -> float:
    """Return the seconds for which a response stays fresh (RFC 9111, 4.2): max-age, else Expires minus Date; minus Age.

    The result is 0 with no-cache or no-store, as then max-age is not meant for a poll.
    """
    parts = [part.strip().lower() for part in cache_control.split(",")]
    if any(part.split("=")[0] in {"no-cache", "no-store"} for part in parts):
        return 0.0
    seconds = next(
        (float(part[8:].strip('"')) for part in parts if re.fullmatch(r'max-age="?[0-9]{1,12}"?', part)), None
    )
    if seconds is None:
        until, since = http_date(expires), http_date(date)
        seconds = (until - since).total_seconds() if until and since else 0.0
    used = float(age) if age and re.fullmatch(r"[0-9]{1,9}", age.strip()) else 0.0
    return max(0.0, seconds - used)


def ttl_seconds(ttl: float | None) -> float:
    """Return the seconds of RSS's ttl, which the specification defines in minutes.

    300 and its multiples are read as seconds (five minutes, ten, an hour), as some sites mean them: The Moscow Times
    sends 600. The usual values in minutes from six hours on are not multiples of 300: 360, 480, 720, 1440, 10080.
    """
    if not ttl or ttl <= 0:
        return 0.0
    return ttl if ttl >= 300 and ttl % 300 == 0 else ttl * 60


def next_allowed_time(due: datetime, hours: Sequence[str], days: Sequence[str]) -> datetime:
    """Return the first time from `due` on that is in no skipHours (0 to 23, GMT; 24 is 0) and no skipDays.

    Returns `due` if all hours or days are skipped.
    """
    closed = {int(hour) % 24 for hour in hours if re.fullmatch(r"\d{1,2}", hour.strip()) and int(hour) <= 24}
    shut = {_WEEKDAYS.index(day.strip().lower()) for day in days if day.strip().lower() in _WEEKDAYS}
    if len(closed) == 24 or len(shut) == 7:
        return due
    found = due
    for _ in range(8 * 24):
        if found.hour not in closed and found.weekday() not in shut:
            return found
        found = found.replace(minute=due.minute % 10, second=due.second, microsecond=0) + timedelta(hours=1)
    return due
