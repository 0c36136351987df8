"""Stored times: ISO 8601 in UTC with whole seconds. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def format_utc(moment: datetime) -> str:
    """ISO 8601 UTC with Z and whole seconds; the format of every stored time."""
    return f"{moment.astimezone(UTC).isoformat(timespec='seconds')[:19]}Z"


def format_utc_ceil(moment: datetime) -> str:
    """Round up to a whole second, so that nothing is due a fraction of a second early."""
    return format_utc(moment + timedelta(microseconds=999_999))


def parse_utc(text: str) -> datetime:
    """The aware UTC time of a stored text; a day alone is its first second."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
