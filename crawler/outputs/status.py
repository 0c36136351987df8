"""The output of `status`, `coverage` and `gaps`, as text and as JSON."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crawler.config.value_types import format_duration
from crawler.outputs.terminal import ago, local_time, message, note, on_terminal, pluralize, shortened, table, zone_name
from storage.holder import WorkerHolder
from storage.utc import format_utc, parse_utc

if TYPE_CHECKING:
    from crawler.monitoring.health import DiskUsage, HealthReport
    from storage.address import DatabaseAddress
    from storage.holder import Holder

_COLUMNS: list[tuple[str, dict[str, Any]]] = [
    ("source", {"no_wrap": True}),
    ("last poll", {"no_wrap": True}),
    ("changed", {"no_wrap": True}),
    ("next", {"no_wrap": True}),
    ("articles", {"justify": "right"}),
    ("partial", {"justify": "right"}),
    ("queued", {"justify": "right"}),
    ("rejected", {"justify": "right"}),
]


def status_document(
    facts: Mapping[str, Any], trouble: HealthReport, lock_holder: Holder | None, now: datetime
) -> dict[str, Any]:
    """All of `status` as one JSON document."""
    disk: DiskUsage = facts["disk"]
    return {
        "at": format_utc(now),
        "healthy": not trouble.unhealthy,
        "unhealthy": list(trouble.unhealthy),
        "warnings": [{"source": source or None, "line": line} for source, line in trouble.warnings],
        "running": {name: getattr(lock_holder, name) for name in ("pid", "host", "command", "since")}
        if lock_holder
        else None,
        "workers": facts["workers"],
        "last_run": facts["run"],
        "totals": facts["totals"],
        "queue": facts["queue"],
        "request_stats": facts["request_stats"],
        "pushed": facts["pushed"],
        "disk": {**dataclasses.asdict(disk), "days_left": disk.days_left},
        "sources": facts["rows"],
    }


def print_status(
    path: DatabaseAddress, facts: Mapping[str, Any], trouble: HealthReport, lock_holder: Holder | None, now: datetime
) -> None:
    """Print the status: totals first, then one row per source, then the problems of single sources."""
    names: Mapping[str, str] = facts["names"]
    totals, run, queue, disk = facts["totals"], facts["run"], facts["queue"], facts["disk"]
    who = (
        f"`newsdesk {lock_holder.command}` running since {local_time(lock_holder.since)}, pid {lock_holder.pid}"
        if lock_holder
        else "no crawl running"
    )
    print(
        f"{path}: {pluralize(totals['articles'], 'article')} ({pluralize(totals['copies'], 'copy', 'copies')}) of "
        f"{pluralize(totals['sources'], 'source')}; {who}"
    )
    if run:
        ended = "" if run["finished_at"] or lock_holder else "; it did not end"
        print(
            f"last {run['command']} {ago(run['started_at'], now)}, {local_time(run['started_at'])} {zone_name()}: "
            f"{run['articles_new']} new, {run['revised']} revised, {run['failed']} failed{ended}"
        )
    note("queue", describe_queue(queue, now))
    note("disk", describe_disk(disk))
    note("requests", describe_requests(facts["request_stats"]))
    if facts["pushed"]:
        note("pushed", _pushed(facts["pushed"]))
    rows = [
        [
            shortened(names.get(r["source"], r["source"])),
            ago(r["checked_at"], now),
            ago(r["changed_at"], now),
            ago(r["due_at"], now),
            r["articles"],
            r["incomplete"],
            r["queued"],
            r["rejected"],
        ]
        for r in facts["rows"]
    ]
    table(_COLUMNS, rows, report=True)
    for r in facts["rows"]:
        if r["verdicts"]:
            verdicts = ", ".join(f"{count:,} × {reason}" for reason, count in r["verdicts"].items())
            note("verdicts", f"{r['source']}: {verdicts}")
    for r in facts["rows"]:
        if r["last_error"]:
            note("error", f"{r['source']}: {r['last_error']}")
    for worker in facts["workers"]:
        note("worker", _worker(worker, facts["workers"]))
    for source, line in trouble.warnings:
        note("!", f"{source}: {line}" if source else line)


def workers_of(holders: Sequence[Holder]) -> list[dict[str, Any]]:
    """The workers of a shared store; none of a file, which has one writer."""
    return [
        {**dataclasses.asdict(holder), "took_over": dict(holder.took_over)}
        for holder in holders
        if isinstance(holder, WorkerHolder)
    ]


def _pushed(rows: Sequence[Mapping[str, Any]]) -> str:
    """How many feeds are pushed by their hubs, and what is wrong with others."""
    active = [row for row in rows if row["state"] == "active"]
    late = sum(bool(row["missed"]) for row in active)
    parts = [f"{len(active) - late:,} of {pluralize(len(rows), 'feed')} with a hub"]
    if late:
        parts.append(f"{late:,} whose pushes stopped are polled as often as others")
    if refused := [row for row in rows if row["state"] != "active" and row["error"]]:
        parts.append(
            f"{refused[0]['feed_url']}: {refused[0]['error']}"
            + (f", and {len(refused) - 1:,} more" if len(refused) > 1 else "")
        )
    return "; ".join(parts)


def _worker(worker: Mapping[str, Any], workers: Sequence[Mapping[str, Any]]) -> str:
    taken = ", ".join(f"{n} of them from {name}, whose lease ended" for name, n in worker["took_over"].items())
    lists = Counter(w["configuration"] for w in workers if w["configuration"])
    usual = max(lists, key=lambda name: lists[name], default="")
    other = worker["configuration"] and worker["configuration"] != usual
    return (
        f"{worker['worker']}: `newsdesk {worker['command']}` since {local_time(worker['since'])}, "
        f"{worker['parts']} of 256 parts of the hosts"
        + (f" ({taken})" if taken else "")
        + ("; ITS SOURCE LIST DIFFERS from that of the others" if other else "")
    )


def describe_queue(queue: Mapping[str, Any], now: datetime) -> str:
    """What is queued and due, in one line."""
    queued = f"{pluralize(queue['pending'], 'article')} queued"
    if queue["oldest_pending_at"]:
        queued += f", oldest {_age(queue['oldest_pending_at'], now)}"
    due = f"{pluralize(queue['feeds_due'], 'feed')} due"
    if queue["latest_due_at"]:
        due += f", the latest {_age(queue['latest_due_at'], now)} late"
    elif queue["next_due_at"]:
        due += f", the next at {local_time(queue['next_due_at'])}"
    rest = [f"{pluralize(queue['rechecks_due'], 'recheck')} due"]
    if queue["backfill_pending"]:
        rest.append(f"{queue['backfill_pending']:,} of a backfill left (`newsdesk backfill` goes on)")
    if queue["gaps_open"]:
        rest.append(f"{pluralize(queue['gaps_open'], 'gap')} open (`newsdesk gaps`)")
    return "; ".join([queued, due, *rest])


def _age(at: str, now: datetime) -> str:
    return format_duration(max(0.0, (now - parse_utc(at)).total_seconds()))


def describe_disk(disk: DiskUsage) -> str:
    """What is stored, how it grows, and the backups, in one line."""
    growth = f", {disk.growth / 1e9:.3f} GB a day" if disk.growth else ""
    left = disk.days_left
    full = f", full in {left / 365:.0f} years" if left and left > 730 else f", full in {left:.0f} days" if left else ""
    backup = (
        f"backup {format_duration(disk.backup_age // 60 * 60)} old" if disk.backup_age is not None else "no backup yet"
    )
    raw = f" ({disk.raw / 1e6:,.1f} MB of it raw pages)" if disk.raw else ""
    return f"{disk.used / 1e6:,.1f} MB{raw}{growth}; {disk.free / 1e9:,.1f} GB free{full}; {backup}"


def describe_requests(stats: Mapping[str, Any]) -> str:
    """The requests of the last day, in one line."""
    if not stats["requests"]:
        return "no request in the last 24 h"
    throttled = f"; {stats['throttled']} × 429 or 503" if stats["throttled"] else "; no 429 or 503"
    alone = f", {pluralize(stats['hosts_throttled'], 'host')} throttled" if stats["hosts_throttled"] else ""
    return (
        f"last 24 h: {pluralize(stats['requests'], 'request')} to {pluralize(stats['hosts'], 'host')}, "
        f"{stats['bytes'] / 1e6:,.1f} MB; "
        f"{stats['conditional']:,} conditional, {stats['not_modified']:,} not modified{throttled}{alone}"
    )


def coverage_rows(days: Iterable[Mapping[str, Any]], *, by: str, now: datetime) -> list[dict[str, Any]]:
    """The days of sources, or their weeks or months, each with a state.

    The states are found, quiet (no news), blind (not polled), patchy (not polled for more than six hours), gap.

    Args:
        days: storage.store.Store.days.
        by: "day", "week" (by its Monday) or "month".
        now: the clock: a day that is not over is not polled since the last successful poll.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for day in days:
        unpolled = day["longest_blind_seconds"]
        if day["last_success_at"] and day["last_success_at"][:10] <= day["day"]:
            began = max(parse_utc(day["last_success_at"]), parse_utc(day["day"]))
            unpolled = max(unpolled or 0, int((min(now, parse_utc(f"{day['day']}T23:59:59Z")) - began).total_seconds()))
        row = found.setdefault(
            (day["source"], _period(day["day"], by)),
            dict.fromkeys(
                (
                    "polls_ok",
                    "polls_failed",
                    "entries_new",
                    "articles",
                    "headline_only",
                    "gaps_open",
                    "days_blind",
                    "longest_blind_seconds",
                ),
                0,
            ),
        )
        for name in ("polls_ok", "polls_failed", "entries_new", "articles", "headline_only", "gaps_open"):
            row[name] += day[name]
        row["days_blind"] += not day["polls_ok"]
        row["longest_blind_seconds"] = max(row["longest_blind_seconds"], unpolled or 0)
    return [
        {"source": source, by: period, "seen": _word(row), **row} for (source, period), row in sorted(found.items())
    ]


def _period(day: str, by: str) -> str:
    if by == "month":
        return day[:7]
    if by == "week":
        date = parse_utc(day).date()
        return date.fromordinal(date.toordinal() - date.weekday()).isoformat()
    return day


def _word(row: Mapping[str, Any]) -> str:
    if not row["polls_ok"]:
        return "not polled"
    if row["gaps_open"]:
        return "gap"
    if row["longest_blind_seconds"] > 6 * 3600:
        return "partial"
    return "news" if row["entries_new"] or row["articles"] or row["headline_only"] else "no news"


def print_coverage(rows: Sequence[Mapping[str, Any]], by: str, names: Mapping[str, str]) -> None:
    """Print polls and articles, one row per source and day."""
    columns: list[tuple[str, dict[str, Any]]] = [
        ("source", {"no_wrap": True}),
        (by, {"no_wrap": True}),
        ("seen", {"no_wrap": True}),
    ]
    columns += [
        (name, {"justify": "right"})
        for name in ("entries", "articles", "headlines", "polls", "failed", "longest unpolled", "gaps")
    ]
    table(
        columns,
        (
            [
                shortened(names.get(r["source"], r["source"])) if on_terminal() else r["source"],
                r[by],
                r["seen"],
                r["entries_new"],
                r["articles"],
                r["headline_only"],
                r["polls_ok"],
                r["polls_failed"],
                format_duration(r["longest_blind_seconds"] // 60 * 60) if r["longest_blind_seconds"] >= 60 else "",
                r["gaps_open"] or "",
            ]
            for r in rows
        ),
        caption="days are UTC; news: entries found · no news: polled, nothing found · partial: "
        "not polled for more than 6 h · not polled · gap: entries may have been missed",
    )
    if not rows:
        message("nothing was watched in that time")
