"""The log on stderr: one line per message, as text or as JSON, with the traceback of a bug."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from crawler.outputs.terminal import safe

_TIME = "%Y-%m-%dT%H:%M:%SZ"  # the format of all times in a log
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class TextLines(logging.Formatter):
    """`2026-11-22T12:00:00Z https://…: changed, 3 new`; without the time under systemd, whose journal adds it."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        at = "" if os.environ.get("JOURNAL_STREAM") else f"{_time(record)} "
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        return safe(f"{at}{level}{' '.join(record.getMessage().split())}") + _below(record)


class ShortLines(logging.Formatter):
    """`newsdesk: message`, for commands; with the traceback if requested."""

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__()
        self.tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        line = safe(f"{record.name}: {' '.join(record.getMessage().split())}")
        return line + _below(record) if self.tracebacks else line


class JsonLines(logging.Formatter):
    """`{"at": …, "level": …, "message": …}` with the extra fields of the event: source, url, outcome, new, ms."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        more = {name: _plain(value) for name, value in vars(record).items() if name not in _OWN}
        if trace := _traceback(record):
            more["traceback"] = trace
        return json.dumps(
            {"at": _time(record), "level": record.levelname.lower(), "message": record.getMessage(), **more},
            ensure_ascii=False,
        )


def _traceback(record: logging.LogRecord) -> str:
    """The traceback of a record's exception, or of one in a worker process, which comes as text."""
    if record.exc_info and record.exc_info[0] is not None:
        return "".join(traceback.format_exception(*record.exc_info)).rstrip()
    return str(vars(record).get("traceback") or "").rstrip()


def _below(record: logging.LogRecord) -> str:
    """The traceback below a message's line, without terminal escape sequences."""
    trace = _traceback(record)
    return "".join(f"\n{safe(line)}" for line in trace.splitlines())


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime(_TIME)


def line_of(form: str) -> Callable[[str], str]:
    """A function that formats one log line without the logging module, for a signal handler."""
    formatter = JsonLines() if form == "json" else TextLines()
    return lambda text: formatter.format(
        logging.makeLogRecord({"msg": text, "levelno": logging.INFO, "levelname": "INFO"})
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime(_TIME)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def log_to_stderr(form: str, *, quiet: bool, verbose: bool) -> None:
    """Send the log of newsdesk to stderr.

    Args:
        form: "text" or "json".
        quiet: warnings and errors only.
        verbose: debug messages too.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    log = logging.getLogger("newsdesk")
    log.handlers = [handler]
    log.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
