"""Types of command-line options: times and numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from storage.address import is_server, password_of
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


class Number(click.ParamType[int]):
    """A whole number from `least` on. click's own IntRange shows its range in the help, however large."""

    name = "integer"

    def __init__(self, least: int = 0, most: int = 2**62) -> None:
        self.least = least
        self.most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it, or report the smallest allowed number."""
        try:
            number = int(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)
        if not self.least <= number <= self.most:
            limit = f"{self.least} or more" if number < self.least else f"at most {self.most}"
            self.fail(f"{number} is out of range; write {limit}", param, ctx)
        return number


def refuse_password(address: str) -> None:
    """Refuse a password in an argument: every user of the machine can read it in the list of processes.

    Raises:
        click.UsageError: the address of a server has one.
    """
    if is_server(address) and password_of(address):
        raise click.UsageError(
            "the address has a password, which every user of this machine can read in the list of processes; put it "
            "into [storage] database of the configuration, NEWSDESK_DB, or PGPASSWORD or a pgpass file"
        )
