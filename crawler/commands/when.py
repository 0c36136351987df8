"""Times as people write them on a command line: `7d`, `12h`, `today`, `2020-02-11`, `2020-02-11 10:00`; local time, like the clock on the wall."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from crawler import values
from storage.records import iso


class When(click.ParamType[str]):
    """Text in, ISO 8601 UTC out; `end` makes a day alone mean its end, as `--until 2020-02-11` is meant."""

    name = "when"

    def __init__(self, *, end: bool = False) -> None:
        self.end = end

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read it, or say how it is written."""
        try:
            return read_when(str(value), now=datetime.now(UTC), end=self.end)
        except ValueError:
            self.fail(
                f"{value!r} is no time; write 7d, 12h, today, yesterday, 2020-02-11 or 2020-02-11T10:00", param, ctx
            )


def read_when(text: str, *, now: datetime, end: bool = False) -> str:
    """A time as ISO 8601 UTC.

    Args:
        text: as written; a span counts back from now.
        now: the clock, aware.
        end: a day alone means its end.

    Raises:
        ValueError: it is no time.
    """
    word = text.strip().lower()
    midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    days = {"today": 0, "yesterday": 1}
    if word == "now":
        return iso(now)
    if word in days:
        return _utc(midnight - timedelta(days=days[word] - (1 if end else 0)))
    if re.fullmatch(r"(\d+(\.\d+)?\s*[smhdw]\s*)+", word):
        return iso(now - timedelta(seconds=values.seconds(word)))
    found = datetime.fromisoformat(text.strip())
    if found.tzinfo is not None:
        return iso(found)
    if end and re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text.strip()):
        found += timedelta(days=1)
    return _utc(found)


def _utc(naive: datetime) -> str:
    return iso(naive.astimezone())  # a naive time is local time
