"""Parse times as people write them: `7d`, `12h`, `today`, `2020-02-11`, `2020-02-11 10:00`; in local time."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

from storage.errors import StorageError
from storage.records import Filter
from storage.utc import format_utc

FORMS = "7d, 12h, today, yesterday, 2020-02-11 or 2020-02-11T10:00"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_when(text: str, *, now: datetime, end: bool = False) -> str:
    """A time as ISO 8601 UTC.

    Args:
        text: user input; a span counts back from now.
        now: the clock, aware.
        end: a day alone means its end, as in `--until 2020-02-11`.

    Raises:
        ValueError: it is not a time.
    """
    word = text.strip().lower()
    midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    days = {"today": 0, "yesterday": 1}
    if word == "now":
        return format_utc(now)
    if word in days:
        return _utc(midnight - timedelta(days=days[word] - (1 if end else 0)))
    if re.fullmatch(r"(\d{1,9}(\.\d{1,9})?\s?[smhdw]\s?)+", word):
        parts = re.findall(r"([\d.]+)\s?([smhdw])", word)
        try:
            return format_utc(now - sum((timedelta(**{_UNITS[unit]: float(n)}) for n, unit in parts), timedelta()))
        except OverflowError as error:
            raise ValueError("is before all time") from error
    found = datetime.fromisoformat(text.strip())
    if found.tzinfo is not None:
        return format_utc(found)
    if end and re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text.strip()):
        found += timedelta(days=1)
    return _utc(found)


def _utc(naive: datetime) -> str:
    return format_utc(naive.astimezone())  # a naive time is local time


def resolved(which: Filter, now: datetime) -> Filter:
    """A filter with its times in the format of the database.

    Raises:
        StorageError: one of them is not a time.
    """
    if not (which.since or which.until or which.seen_since):
        return which
    return replace(
        which,
        since=time_of("since", which.since, now),
        until=time_of("until", which.until, now, end=True),
        seen_since=time_of("seen_since", which.seen_since, now),
    )


def time_of(name: str, value: str | datetime | None, now: datetime, *, end: bool = False) -> str | None:
    """An argument of a Python caller in the format of the database.

    Args:
        name: the argument's name, for the error message.
        value: as for read_when, or an aware datetime.
        now: the clock, aware.
        end: a day alone means its end.

    Raises:
        StorageError: it is not a time.
    """
    if value is None:
        return None
    try:
        return format_utc(value) if isinstance(value, datetime) else read_when(value, now=now, end=end)
    except (ValueError, OverflowError) as error:
        raise StorageError(f"{name}={value!r}: this is no time; write {FORMS}") from error
