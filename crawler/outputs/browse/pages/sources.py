"""The list of sources, trouble first, and one source."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any

from markupsafe import Markup

from crawler.config.value_types import format_duration
from crawler.outputs.browse import charts
from crawler.outputs.browse.pages.common import Filters, calendar_of, days_ago, mark_of, percents
from storage.records import Filter
from storage.store import Store

DAYS = 90  # in a source's plots
SPARK = 30  # days in a sparkline
LATELY = 7  # days of articles from which the list of sources computes field completeness
USUAL = 95  # percent: a field that is filled as often needs no words
NEWEST = 10  # headlines of a source
SORTS = ("trouble", "name", "articles", "poll")


def sources(store: Store, filters: Filters, now: datetime) -> dict[str, Any]:
    """One row per source: articles, problems, and what is not complete."""
    health = store.health(now)
    fills = store.field_completeness(now, LATELY)
    counts = store.articles_per_day(now, SPARK)
    gaps = Counter(gap.source for gap in store.gaps(states=("open",)))
    calendar = calendar_of(now, SPARK)
    rows = []
    for row in health:
        name = row["source"]
        values = [counts.get(name, {}).get(day, 0) for day in calendar]
        lacking = [(field, share) for field, share in percents(fills.get(name, {})) if share < USUAL]
        rows.append(
            {
                **row,
                "mark": mark_of(row["name"]),
                "spark": charts.sparkline(values, f"{sum(values)} articles in {SPARK} days, {values[-1]} today"),
                "lacking": lacking,
                "gaps": gaps.get(name, 0),
                "trouble": 2 * bool(row["feeds_failing"]) + bool(gaps.get(name, 0)) if row["enabled"] else -1,
            }
        )
    sort = filters.get("sort") if filters.get("sort") in SORTS else "trouble"
    keys = {
        "trouble": lambda r: (-r["trouble"], r["name"].casefold()),
        "name": lambda r: r["name"].casefold(),
        "articles": lambda r: (-r["articles"], r["name"].casefold()),
        "poll": lambda r: (r["checked_at"] or "", r["name"].casefold()),
    }
    rows.sort(key=keys[str(sort)])
    troubled = sum(row["trouble"] > 0 for row in rows)
    return {"rows": rows, "sort": sort, "sorts": SORTS, "troubled": troubled}


def source(store: Store, name: str, now: datetime) -> dict[str, Any] | None:
    """One source: newest headlines, plots of its days, completeness, lag, feeds and gaps; None if there is none."""
    row = next(iter(store.health(now, name)), None)
    if row is None:
        return None
    days = {day["day"]: day for day in store.days(sources=(name,), since=days_ago(now, DAYS - 1))}
    counts = store.articles_per_day(now, DAYS, name).get(name, {})
    began = min([*days, *counts], default="")
    calendar = [day for day in calendar_of(now, DAYS) if day >= began]
    calendar = calendar if len(calendar) > 13 else calendar_of(now, 14)
    lags: dict[str, list[float]] = defaultdict(list)
    for day, lag in store.publication_lag(name, now, DAYS):
        lags[day].append(lag / 60)
    every = [lag for values in lags.values() for lag in values]
    return {
        "row": row,
        "mark": mark_of(row["name"]),
        "newest": [hit.article for hit in store.articles(Filter(sources=(name,), limit=NEWEST))],
        "articles": _plot_articles(row["name"], calendar, counts, days),
        "lag": _plot_lags(row["name"], calendar, lags) if every else None,
        "lag_median": format_duration(round(median(every) * 60)) if every else None,
        "errors": _plot_errors(row["name"], calendar, days),
        "fills": percents(store.field_completeness(now, SPARK, name).get(name, {})),
        "feeds": store.feeds(name),
        "gaps": store.gaps(sources=(name,))[:20],
        "days": DAYS,
    }


def _plot_articles(
    name: str, calendar: Sequence[str], counts: Mapping[str, int], days: Mapping[str, Mapping[str, Any]]
) -> Markup:
    polled = {day for day, values in days.items() if values["polls_ok"]}
    return charts.bars(
        [
            charts.Bar(
                label=day,
                value=counts.get(day, 0),
                note="" if days.get(day) else ", not polled",
                unpolled=bool(days) and day >= min(days) and day not in polled,
            )
            for day in calendar
        ],
        label=f"Articles of {name} a day",
        unit="articles",
    )


def _plot_lags(name: str, calendar: Sequence[str], lags: Mapping[str, list[float]]) -> Markup:
    return charts.bars(
        [charts.Bar(label=day, value=round(median(lags[day]), 1) if lags.get(day) else 0) for day in calendar],
        label=f"Minutes from publication until an article of {name} was here, median a day",
        unit="minutes",
    )


def _plot_errors(name: str, calendar: Sequence[str], days: Mapping[str, Mapping[str, Any]]) -> Markup | None:
    """Plot the failed polls of each day; None if there are none."""
    failed = [days[day]["polls_failed"] if day in days else 0 for day in calendar]
    if not any(failed):
        return None
    return charts.bars(
        [charts.Bar(label=day, value=count) for day, count in zip(calendar, failed, strict=True)],
        label=f"Polls of {name} that failed, a day",
        unit="failed polls",
    )
