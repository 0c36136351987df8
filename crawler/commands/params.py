"""Times as options of the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from storage.times import FORMS, read_when


class When(click.ParamType[str]):
    """Text in, ISO 8601 UTC out; `end` makes a day alone mean its end, as `--until 2020-02-11` is meant."""

    name = "when"

    def __init__(self, *, end: bool = False) -> None:
        self.end = end

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read it, or say how it is written."""
        try:
            return read_when(str(value), now=datetime.now(UTC), end=self.end)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time; write {FORMS}", param, ctx)
