"""Types of settings: each converts a value of TOML or the environment, or raises an error that says why not."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from typing import Any

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "": 1}
_SIZES = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1024, "mib": 1024**2, "gib": 1024**3}
FOREVER = 100 * 365 * 86400.0
_NO_DURATION = 'is not a duration; write seconds or "90s", "10m", "1h", "7d"'


def seconds(value: Any) -> float:
    """Parse a duration: a number of seconds, "90s", "10m", "1h", "7d", "2w", "1h30m", "hourly", "daily" or "weekly"."""
    if isinstance(value, bool):
        raise ValueError(_NO_DURATION)
    if isinstance(value, int | float):
        return _positive(float(value))
    text = str(value).strip().lower()
    named = {"hourly": 3600.0, "daily": 86400.0, "weekly": 604800.0}
    if text in named:
        return named[text]
    parts = re.findall(r"(\d+(?:\.\d+)?)\s?([smhdw]?)", text)
    if not parts or re.sub(r"(\d+(?:\.\d+)?)\s?([smhdw]?)\s?", "", text):
        raise ValueError(_NO_DURATION)
    return _positive(sum(float(number) * _UNITS[unit] for number, unit in parts))


def interval_or_off(value: Any) -> str:
    """Validate an interval: "daily", "weekly", a duration, or "off"."""
    found = str(value).strip().lower()
    if found in {"", "off", "never", "false"}:
        return "off"
    if seconds(value) < 1:
        raise ValueError('must be a second or more, or "off"')
    return found


def _positive(value: float) -> float:
    if not 0 <= value <= FOREVER:
        raise ValueError("must be between 0 and a hundred years")
    return value


def size(value: Any) -> int:
    """Parse a number of bytes: a number, or "10MiB", "500kB"."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", str(value).strip().lower())
    if not match or match[2] not in _SIZES:
        raise ValueError('is not a size; write bytes or "10MiB"')
    return int(float(match[1]) * _SIZES[match[2]])


def boolean(value: Any) -> bool:
    """Parse true or false."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in {"true", "1", "yes", "on"}:
        return True
    if text in {"false", "0", "no", "off"}:
        return False
    raise ValueError("must be true or false")


def count(value: Any) -> int:
    """Parse an integer, zero or more."""
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,18}", str(value).strip()):
        raise ValueError("must be a whole number, 0 or more")
    return int(value)


def positive_int(value: Any) -> int:
    """Parse an integer from 1 to 10,000."""
    found = count(value)
    if not 1 <= found <= 10_000:
        raise ValueError("must be between 1 and 10000")
    return found


def workers(value: Any) -> int:
    """Parse a number of processes; 0 means one per core."""
    found = count(value)
    if found > 64:
        raise ValueError("must be at most 64")
    return found


def fraction(value: Any) -> float:
    """Parse a share, from 0 to 1."""
    found = number(value)
    if found > 1:
        raise ValueError("must be between 0 and 1")
    return found


def header_line(value: Any) -> str:
    """Validate text that may be used in a header."""
    found = text(value)
    if re.search(r"[\x00-\x1f\x7f]", found):
        raise ValueError("must be one line without control characters")
    return found


def proxy(value: Any) -> str:
    """Validate a proxy's address; may be empty."""
    found = text(value)
    if found and not found.startswith(("http://", "https://", "env:")):
        raise ValueError('must be an address like "http://proxy.example:3128"')
    return found


def rendering(value: Any) -> bool | str:
    """Parse true, false or "auto"."""
    if value == "auto":
        return "auto"
    try:
        return boolean(value)
    except ValueError as error:
        raise ValueError('must be true, false or "auto"') from error


def web_address(value: Any) -> str:
    """Validate an http or https address without a query; may be empty."""
    found = text(value).rstrip("/")
    if found and (not found.startswith(("http://", "https://")) or "?" in found or "#" in found):
        raise ValueError('must be an address like "https://news.example.org/websub"')
    return found


def number(value: Any) -> float:
    """Parse a number, zero or more."""
    try:
        result = float(value)
    except (TypeError, ValueError):
        result = -1.0
    if isinstance(value, bool) or not 0 <= result < 1e9:
        raise ValueError("must be a number, zero or more")
    return result


def text(value: Any) -> str:
    """Validate a string; `env:NAME` is resolved only where it is used, so that dumped settings contain no secrets."""
    if not isinstance(value, str):
        raise ValueError("must be text in quotes")
    return value


def texts(value: Any) -> tuple[str, ...]:
    """Parse a list of strings; a single string is split at commas, as in the environment."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
        raise ValueError('must be a list of texts like ["a", "b"]')
    return tuple(value)


def notify_targets(value: Any) -> tuple[str, ...]:
    """Validate receivers of messages: "https://…" (a webhook), "exec:COMMAND", an Apprise address, or `env:NAME`."""
    found = texts(value)
    for n, receiver in enumerate(found, 1):
        if not re.fullmatch(r"exec:\s*\S.*|env:\w+|[A-Za-z][A-Za-z0-9+.-]*://[^\s\x00-\x1f]+", receiver):
            raise ValueError(
                f'number {n} is no receiver; write "https://…" (without spaces), "exec:COMMAND", '
                'an Apprise address ("mailto://…"), or "env:NAME"'
            )
    return found


def watch_events(value: Any) -> tuple[str, ...]:
    """Validate the events that a watch reports."""
    found = texts(value)
    if not found:
        raise ValueError('names no event; name "new", "edited", "silent" or "vanished"')
    for event in found:
        if event not in {"new", "edited", "silent", "vanished"}:
            raise ValueError(f'{event!r} is no event; known are "new", "edited", "silent", "vanished"')
    return found


def digest_interval(value: Any) -> str:
    """Validate how often a watch sends messages."""
    if value not in {"instant", "hourly", "daily"}:
        raise ValueError('must be "instant", "hourly" or "daily"')
    return str(value)


def patterns(value: Any) -> tuple[str, ...]:
    """Validate regular expressions."""
    found = (value,) if isinstance(value, str) else texts(value)
    for pattern in found:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(
                f"holds a regular expression that cannot be read, {pattern!r} ({error}); correct it"
            ) from error
    return found


def durations(value: Any) -> tuple[float, ...]:
    """Parse a list of durations and sort it."""
    found = texts(value) if isinstance(value, str) else value
    if not isinstance(found, list | tuple):
        raise ValueError('must be a list of durations like ["1h", "1d"]')
    return tuple(sorted(seconds(part) for part in found))


def networks(value: Any) -> tuple[str, ...]:
    """Validate IP networks in CIDR form."""
    found = texts(value)
    for part in found:
        try:
            ipaddress.ip_network(part)
        except ValueError as error:
            raise ValueError(f'holds {part!r}, which is not a network; write e.g. "127.0.0.0/8" ({error})') from error
    return found


def ports(value: Any) -> tuple[str, ...]:
    """Validate ports and ranges of ports."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise ValueError('must be a list of ports like [8080, "8000-8999"]')
    found = tuple(str(part).strip() for part in items)
    for part in found:
        if not re.fullmatch(r"[0-9]{1,5}(-[0-9]{1,5})?", part) or any(int(end) > 65535 for end in part.split("-")):
            raise ValueError(
                f'holds {part!r}, which is not a port; write a number from 1 to 65535, or a range like "8000-8999"'
            )
    return found


def headers(value: Any) -> tuple[tuple[str, str], ...]:
    """Validate a table of header names and values."""
    if not isinstance(value, Mapping):
        raise ValueError('must be a table of header names and values like { X-Token = "abc" }')
    for name, content in value.items():
        if (
            not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", str(name))
            or not isinstance(content, str)
            or re.search(r"[\r\n\0]", content)
        ):
            raise ValueError(
                f"holds a header that cannot be sent, {name!r}; write letters, digits and - as its name, and its value in one line"
            )
    return tuple((str(name), str(content)) for name, content in value.items())


def resolve_env(value: str) -> str:
    """Return the value of `env:NAME`; any other text unchanged.

    Raises:
        KeyError: the variable is not set.
    """
    return os.environ[value[4:]] if value.startswith("env:") else value


def format_duration(value: float) -> str:
    """Format a duration for people: 5400 is "1h30m"."""
    rest, parts = round(value), []
    for unit in ("d", "h", "m"):
        amount, rest = divmod(rest, _UNITS[unit])
        if amount:
            parts.append(f"{amount}{unit}")
    if value and not parts and value < 1:
        return f"{value:g}s"
    return "".join(parts) + (f"{rest}s" if rest or not parts else "")
