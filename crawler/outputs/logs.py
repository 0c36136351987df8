"""The background crawler's log on stderr: a line a message, as text for people and journals, or as JSON for machines."""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any

from crawler.outputs.terminal import safe

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class TextLines(logging.Formatter):
    """`2026-11-22T12:00:00Z https://…: changed, 3 new`; without the time under systemd, whose journal has it."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        at = "" if os.environ.get("JOURNAL_STREAM") else f"{_time(record)} "
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        return safe(f"{at}{level}{' '.join(record.getMessage().split())}")


class JsonLines(logging.Formatter):
    """`{"at": …, "level": …, "message": …}` with what the event has beside: source, url, outcome, new, ms."""

    def format(self, record: logging.LogRecord) -> str:
        """One object."""
        more = {name: _plain(value) for name, value in vars(record).items() if name not in _OWN}
        return json.dumps(
            {"at": _time(record), "level": record.levelname.lower(), "message": record.getMessage(), **more},
            ensure_ascii=False,
        )


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def log_to_stderr(form: str, *, quiet: bool, verbose: bool) -> None:
    """Send newsdesk's log to stderr.

    Args:
        form: "text" or "json".
        quiet: warnings and errors only.
        verbose: what is done, step by step.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    log = logging.getLogger("newsdesk")
    log.handlers = [handler]
    log.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
