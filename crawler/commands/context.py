"""What every command starts from: the options before the command, and the settings and the store, opened on demand."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from crawler.config.models import Config, Pace
    from storage.address import DatabaseAddress
    from storage.store import Store


@dataclass(slots=True)
class CliContext:
    """The options before the command."""

    config_path: str | None = None
    database: str | None = None
    quiet: bool = False
    verbose: bool = False
    pace: Pace | None = None  # of tests; see settings.Pace
    _config: Config | None = None

    @property
    def config(self) -> Config:
        """The settings in force."""
        if self._config is None:
            self._config = self.load(self.config_path)
        return self._config

    def load(self, path: str | Path | None) -> Config:
        """Read the settings anew."""
        from crawler.config.loader import load_config

        config = load_config(path, database=self.database)
        return dataclasses.replace(config, pace=self.pace) if self.pace else config

    def reader(self) -> Store:
        """The store, for reading; never created."""
        from storage import databases

        return databases.open_reading(self.config.database)

    def file(self, what: str, instead: str) -> Path:
        """The database as a file.

        Args:
            what: what is done with it.
            instead: what does it on a PostgreSQL server.

        Raises:
            UsageError: it is on a server.
        """
        from crawler.errors import UsageError

        address = self.config.database
        if not isinstance(address, Path):
            raise UsageError(f"{address}: `newsdesk {what}` is for a SQLite file; on a server, {instead}")
        return address

    def address(self, text: str) -> DatabaseAddress:
        """The database of an argument; `.` is the one in force."""
        from crawler.commands.params import refuse_password
        from storage.address import parse_address

        refuse_password(text)
        return self.config.database if text == "." else parse_address(text)

    def message(self, text: str) -> None:
        """A message on stderr, unless -q."""
        if not self.quiet:
            from crawler.outputs.terminal import message

            message(text)


pass_app = click.make_pass_decorator(CliContext, ensure=True)


def now() -> datetime:
    """The clock of the command line."""
    return datetime.now(UTC)


def format_options(*, csv: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--json and --jsonl, and --csv where the command has it; they become one argument, `form`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            chosen = [name for name in ("json", "jsonl", "csv") if kwargs.pop(f"as_{name}", False)]
            if len(chosen) > 1:
                raise click.UsageError(f"--{chosen[0]} and --{chosen[1]} exclude one another")
            return function(*args, form=chosen[0] if chosen else "", **kwargs)

        options = [
            click.option("--jsonl", "as_jsonl", is_flag=True, help="One JSON object a line."),
            click.option("--json", "as_json", is_flag=True, help="One JSON document."),
        ]
        if csv:
            options.insert(0, click.option("--csv", "as_csv", is_flag=True, help="CSV with a header."))
        for option in options:
            call = option(call)
        return call

    return decorate


def print_rows(rows: Any, form: str, fields: tuple[str, ...] = ()) -> None:
    """Rows for a machine, on stdout."""
    from crawler.outputs.rows import as_csv, as_json, as_jsonl

    if form == "json":
        print(as_json(rows))
    elif form == "jsonl":
        for row in rows:
            print(as_jsonl(row))
    elif form == "csv":
        rows = list(rows)
        for line in as_csv(rows, fields or tuple(rows[0] if rows else ())):
            print(line)


def existing_file(path: str) -> Path:
    """A file that must be there."""
    found = Path(path)
    if not found.is_file():
        raise click.UsageError(f"no file at {path}")
    return found
