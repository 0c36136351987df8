"""What several pages share: positions in lists, days, marks of outlets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from zlib import crc32

from crawler.errors import UsageError
from storage.utc import format_utc, parse_utc

Filters = Mapping[str, str]
HUES = 12  # colours of outlet marks in newsdesk.css


def bounds_of_day(text: str) -> tuple[str | None, str | None]:
    """The bounds of a day in the time zone of this machine.

    Raises:
        UsageError: it is no day.
    """
    if not text:
        return None, None
    try:
        day = date.fromisoformat(text)
        start = datetime(day.year, day.month, day.day).astimezone()
        end = start + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text[:20]!r} is no day; write it as 2026-11-22") from error
    return format_utc(start), format_utc(end)


def position(text: str) -> tuple[str, int] | None:
    """Parse the position in a list: TIME~ID.

    Raises:
        UsageError: it is none.
    """
    if not text:
        return None
    found = re.fullmatch(r"(\d{4}-[0-9T:Z-]{5,17})~(\d{1,18})", text)
    if found is None:
        raise UsageError(f"{text[:40]!r} is no place in the list; open the list anew")
    return found[1], int(found[2])


@lru_cache(maxsize=20_000)  # a page asks for hundreds, most of them again
def local_day(kept: str | None) -> str:
    """The day of a stored time in the time zone of this machine, as 2026-11-22; "" where there is none."""
    if not kept or len(kept) == 10:
        return kept or ""
    try:
        return parse_utc(kept).astimezone().date().isoformat()
    except (ValueError, OverflowError):
        return ""


def mark_of(name: str) -> tuple[str, int]:
    """The mark of an outlet: up to two initials, and one of HUES colours."""
    words = [
        word
        for word in re.findall(r"[^\W\d_]+", name)
        if word.lower() not in {"the", "le", "la", "el", "il", "der", "die", "das"}
    ]
    initials = "".join(word.removeprefix("ال")[:1] for word in words[:2]).upper() or name[:1].upper()
    return initials, crc32(name.encode()) % HUES


def percents(shares: Mapping[str, float]) -> list[tuple[str, int]]:
    """Shares as whole percents."""
    return [(name, round(share * 100)) for name, share in shares.items()]


def days_ago(now: datetime, days: int) -> str:
    """The day so many days before, in UTC."""
    return format_utc(now - timedelta(days=days))[:10]


def calendar_of(now: datetime, days: int) -> list[str]:
    """The last days up to today, in UTC."""
    return [days_ago(now, back) for back in range(days - 1, -1, -1)]
