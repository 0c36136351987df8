"""Find problems in values from the store. Pure; the clock is an argument.

Unhealthy means that somebody has to act now: not running though expected, lag over max_lag, more than failing_share of
the sources failing, disk, database. A warning is about one source; its only effect is that
`status --strict` fails.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from crawler.config.models import Health
from crawler.config.value_types import format_duration
from storage.utc import parse_utc

SILENT_FACTOR = 3.0  # multiple of its usual gap from which a source is silent
DROPPED_TO, WAS_AT_LEAST = 0.3, 0.6  # a field that most articles had, and that now a third of that share has
SHORTER = 0.4  # share of the usual median length
NO_TEXT_LEAST = 5  # articles before "no full text" is reported
FORBIDDEN_LEAST = 5  # entries before "robots.txt forbids 100 %" is reported
LEAST_FREE = 200e6  # bytes
FULL_SOON = 3.0  # days


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskUsage:
    """The database and its disk, in bytes; growth in bytes a day, None while it is unknown."""

    free: int
    used: int  # including raw pages
    raw: int = 0
    growth: float | None = None
    backup_age: float | None = None  # seconds; None if there is no backup

    @property
    def days_left(self) -> float | None:
        """Days until the disk is full, at this growth."""
        return self.free / self.growth if self.growth else None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """Problems: what needs action now, and warnings about single sources."""

    unhealthy: tuple[str, ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()  # (source, line)

    @property
    def lines(self) -> dict[str, str]:
        """Every problem as a line, by the line without its numbers: "0 new for 3 d" is the same problem tomorrow."""
        every = [*self.unhealthy, *(f"{source}: {line}" if source else line for source, line in self.warnings)]
        return {re.sub(r"\(\d+ times\)|\d[\d.,:TZ-]*", "…", line): line for line in every}


def check_health(
    *,
    sources: Sequence[Mapping[str, Any]],
    trends: Sequence[Mapping[str, Any]],
    feeds: Sequence[Mapping[str, Any]],
    gaps_open: int,
    disk: DiskUsage,
    settings: Health,
    hour: float = 3600.0,
    expected: bool,
    running: bool,
    damage: str | None,
    now: datetime,
) -> HealthReport:
    """Return the current problems.

    Args:
        sources: result of storage.store.Store.health.
        trends: result of storage.store.Store.source_trends.
        feeds: result of storage.store.Store.failing_feeds.
        gaps_open: number of gaps that are being filled.
        disk: see DiskUsage.
        settings: [health].
        hour: seconds of an hour in the waiting times (config.models.Pace).
        expected: a `newsdesk run` was started and did not exit by itself.
        running: a process has the lock of the database.
        damage: result of the last check of the database file.
        now: the clock.
    """
    found: list[str] = []
    if expected and not running:
        found.append(
            "`newsdesk run` is not running, though it was not stopped: "
            "it was killed, or the machine went down; start it again"
        )
    found += _source_lines([s for s in sources if s["enabled"]], settings, expected=expected)
    found += _disk_lines(disk)
    if damage:
        found.append(
            f"the database is damaged: {damage}; "
            "stop newsdesk, then `newsdesk db check` and `newsdesk db restore BACKUP`"
        )
    warnings = [*_feed_lines(feeds, hour, now), *(line for t in trends for line in _trend_lines(t))]
    if gaps_open:
        warnings.append(("", f"{gaps_open} gap{'s' * (gaps_open > 1)} open: `newsdesk gaps` lists them"))
    return HealthReport(unhealthy=tuple(found), warnings=tuple(warnings))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _source_lines(watched: Sequence[Mapping[str, Any]], settings: Health, *, expected: bool) -> list[str]:
    """Return a line if too many sources fail, and a line if some are polled too late."""
    found: list[str] = []
    failing = [s["source"] for s in watched if s["feeds"] and s["feeds_failing"] >= s["feeds"]]
    if watched and len(failing) / len(watched) > settings.failing_share:
        share = f"more than [health] failing_share = {settings.failing_share:g}"
        found.append(f"{len(failing)} of {len(watched)} sources fail ({share}): {_some(failing)}")
    late = [s["source"] for s in watched if (s["overdue_seconds"] or 0) > settings.max_lag]
    if late and expected:
        limit = f"[health] max_lag = {format_duration(settings.max_lag)}"
        found.append(f"{len(late)} sources are late by more than {limit}: {_some(late)}")
    return found


def _disk_lines(disk: DiskUsage) -> list[str]:
    """Return a line if the disk is full, or will be soon."""
    if disk.free < LEAST_FREE:
        return [f"only {disk.free / 1e6:,.0f} MB are free on the disk of the database; make room"]
    if disk.days_left is not None and disk.days_left < FULL_SOON:
        pace = f"{(disk.growth or 0) / 1e9:.2f} GB a day"
        return [f"the disk of the database is full in {disk.days_left:.1f} days at {pace}; make room"]
    return []


def _feed_lines(feeds: Sequence[Mapping[str, Any]], hour: float, now: datetime) -> list[tuple[str, str]]:
    """Return a line for each feed that is gone, fails for a day, has moved permanently, or has wrong validators."""
    found: list[tuple[str, str]] = []
    day = timedelta(seconds=24 * hour)
    for feed in feeds:
        source, url = str(feed["source"]), feed["url"]
        instead = (
            f'; its site names another: put `{feed["replacement"]}` into [[source]] id = "{source}"'
            if feed["replacement"]
            else ""
        )
        if feed["parent_url"]:
            continue
        if feed["state"] == "gone":
            found.append((source, f"{url} is {feed['last_error']}; polling stopped{instead}"))
        elif feed["failing_since"] and now - parse_utc(feed["failing_since"]) >= day:
            since = f"{feed['failing_since']} ({feed['failures']} times)"
            found.append((source, f"{url} has failed since {since}: {feed['last_error']}{instead}"))
        if feed["effective_url"]:
            moved = f"{url} has moved to {feed['effective_url']} for good, and is polled there"
            found.append((source, f"{moved}; write that into the source list"))
        if feed["validators_unreliable"]:
            unreliable = f"{url} says that nothing changed when it did (unreliable validators)"
            found.append((source, f"{unreliable}; it is fetched in full once a day"))
        if feed["capped"]:
            found.append((source, f"{url}: {feed['capped']}; the rest is not stored (`newsdesk gaps`)"))
    return found


def _trend_lines(trend: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a line for a source that is silent, whose template changed, or whose articles robots.txt forbids."""
    found: list[str] = []
    usual = typical_gap([parse_utc(seen) for seen in reversed(trend["seen"])])
    if usual and trend["seen"] and trend["last_success_at"]:
        silent = parse_utc(trend["last_success_at"]) - parse_utc(trend["seen"][0])  # excludes time without polls
        if silent > usual * SILENT_FACTOR:
            found.append(
                f"0 new for {format_duration(silent.total_seconds() // 60 * 60)}, {silent / usual:.0f}× its usual gap; "
                "is its feed still the one? `newsdesk sources test`"
            )
    for field, shares in trend["fields"].items():
        if shares and shares[0] >= WAS_AT_LEAST and shares[1] <= shares[0] * DROPPED_TO:
            found.append(
                f"{field} {shares[0] * 100:.0f} % → {shares[1] * 100:.0f} % since {trend['changed_since']}: "
                "the template changed?"
            )
    words = trend["words"]
    if words and words[0] >= 100 and words[1] < words[0] * SHORTER:
        found.append(
            f"median length {words[0]} → {words[1]} words since {trend['changed_since']}: "
            "the template changed, or a wall?"
        )
    if trend["settled"] >= FORBIDDEN_LEAST and trend["forbidden"] == trend["settled"]:
        found.append("robots.txt forbids 100 % of its articles: headlines only")
    elif trend["newest"] >= NO_TEXT_LEAST and not trend["newest_in_full"]:
        found.append(
            f"no full text: none of its newest {trend['newest']} articles could be read in full "
            "(a consent wall, a paywall, a page that needs JavaScript?); "
            f"`newsdesk list --source {trend['source']}` shows them"
        )
    return [(str(trend["source"]), line) for line in found]


def typical_gap(seen: Sequence[datetime]) -> timedelta | None:
    """Return a source's usual longest wait for something new; None with less than a week of data.

    It is the median over the source's days of the longest gap of each day.
    """
    longest: dict[str, timedelta] = {}
    for before, after in pairwise(seen):
        day = after.date().isoformat()
        longest[day] = max(longest.get(day, timedelta()), after - before)
    gaps = sorted(longest.values())
    return max(gaps[len(gaps) // 2], timedelta(hours=1)) if len(gaps) >= 7 else None
