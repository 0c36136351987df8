"""The content of each page of `newsdesk browse`: queries on the store, plain values for templates. No HTTP, no HTML."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from markupsafe import Markup

from crawler.articles.bounded_diff import Budget
from crawler.articles.near_duplicates import containment, shingles
from crawler.config.value_types import format_duration
from crawler.errors import UsageError
from crawler.outputs.browse import charts
from crawler.outputs.diff import Piece, changed, excerpt, word_diff
from crawler.outputs.first_published import first_by_publisher_time, first_seen
from crawler.outputs.terminal import local_time
from storage.article import Article
from storage.records import Filter, format_utc, parse_utc
from storage.store import Store

SHOWN = 30  # stories per page; hits of a search
EDITS = 50
EXCERPTS = 600_000  # steps of comparison for all excerpts of a page together
MEMBERS = 100  # articles of one story
LONG = 20_000  # words of a text beyond which similarity is not measured
DAYS = 90  # in a source's plots
WEEKS = 30  # days in a sparkline
LATELY = 7  # days of articles from which the list of sources computes field completeness
Filters = Mapping[str, str]


# All pages have one signature.
def front(store: Store, filters: Filters, now: datetime) -> dict[str, Any]:  # noqa: ARG001
    """The newest stories, or the best hits of a search, filtered by source, tag, language and day."""
    since, until = _day(filters.get("day", ""))
    chosen = {name: (filters[name],) if filters.get(name) else () for name in ("source", "tag", "language")}
    which = Filter(
        sources=chosen["source"],
        tags=chosen["tag"],
        languages=chosen["language"],
        since=since,
        until=until,
        fold_copies=not chosen["source"],
        before=_place(filters.get("before", "")),
        limit=SHOWN + 1,
    )
    query = filters.get("q", "").strip()[:500]
    hits = list(store.search(query, dataclasses.replace(which, before=None)) if query else store.articles(which))
    more = len(hits) > SHOWN
    hits = hits[:SHOWN]
    last = hits[-1].article if hits else None
    older = f"{last.published_at or last.first_seen_at}~{last.id}" if more and last and not query else None
    choices = store.filter_options()
    return {
        "names": dict(choices["sources"]),
        "hits": [{"article": hit.article, "copies": hit.copies, "snippet": _marked(hit.snippet)} for hit in hits],
        "q": query,
        "more": more,
        "older": older,
        "choices": choices,
        "filters": dict(filters),
        "narrowed": any(filters.get(name) for name in ("q", "source", "tag", "language", "day", "before")),
    }


def _day(text: str) -> tuple[str | None, str | None]:
    """The bounds of a day in the reader's time zone."""
    if not text:
        return None, None
    try:
        day = date.fromisoformat(text)
        start = datetime(day.year, day.month, day.day).astimezone()
        end = start + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text[:20]!r} is no day; write it as 2026-11-22") from error
    return format_utc(start), format_utc(end)


def _place(text: str) -> tuple[str, int] | None:
    """Parse the position in a list: TIME~ID."""
    if not text:
        return None
    found = re.fullmatch(r"(\d{4}-[0-9T:Z-]{5,17})~(\d{1,18})", text)
    if found is None:
        raise UsageError(f"{text[:40]!r} is no place in the list")
    return found[1], int(found[2])


def _marked(snippet: str) -> list[tuple[bool, str]]:
    """A snippet as pieces: (whether it is a match, text)."""
    return [(index % 2 == 1, piece) for index, piece in enumerate(re.split("[«»]", snippet))] if snippet else []


def article(store: Store, key: int, now: datetime) -> dict[str, Any] | None:  # noqa: ARG001
    """One article with its versions, story and addresses; None if there is none."""
    found = store.article(key)
    if found is None:
        return None
    versions = store.revisions(found.id)
    story = store.story(found.story_id or found.id)
    return {
        "article": found,
        "source": _names(store).get(found.source or ""),
        "paragraphs": [p for p in (found.text or "").split("\n\n") if p.strip()],
        "versions": list(reversed(list(pairwise(versions)))),
        "story": [other for other in story if other.id != found.id][:10],
        "others": len(story) - 1,
        "original": store.article(found.duplicate_of) if found.duplicate_of else None,
        "provenance": {name: dict(said) for name, said in found.provenance.items()},
        "addresses": store.addresses(found.id),
    }


def difference(store: Store, key: int, number: int, now: datetime) -> dict[str, Any] | None:  # noqa: ARG001
    """What changed from the previous version to this one; None if there is no such version."""
    found = store.article(key)
    rows = {row["number"]: row for row in store.revisions(key)}
    if found is None or number not in rows or number - 1 not in rows:
        return None
    old, new = rows[number - 1], rows[number]
    return {
        "article": found, "old": old, "new": new, "parts": list(changed(old, new)),
        "earlier": number - 1 if number - 2 in rows else None, "later": number + 1 if number + 1 in rows else None,
    }  # fmt: skip


def edits(store: Store, filters: Filters, now: datetime) -> dict[str, Any]:  # noqa: ARG001
    """Edits by publishers after publication, newest first."""
    rows = store.edits(
        sources=(filters["source"],) if filters.get("source") else (),
        silent=bool(filters.get("silent")),
        title=bool(filters.get("title")),
        limit=EDITS + 1,
        before=_place(filters.get("before", "")),
    )
    more, rows = len(rows) > EDITS, rows[:EDITS]
    names = _names(store)
    budget = Budget(EXCERPTS)
    for row in rows:
        row["excerpt"] = _changed_words(store, row, budget)
        row["outlet"] = names.get(row["source"] or "", row["source"])
        row["headline"] = (
            list(word_diff(row["old_title"] or "", row["title"] or "")) if row["old_title"] != row["title"] else None
        )
    return {
        "rows": rows,
        "older": f"{rows[-1]['seen_at']}~{rows[-1]['id']}" if more else None,
        "choices": store.filter_options(),
        "filters": dict(filters),
    }


def _changed_words(store: Store, row: Mapping[str, Any], budget: Budget) -> list[Piece]:
    """The first change of a text."""
    versions = {version["number"]: version for version in store.revisions(row["id"])}
    old, new = versions.get(row["number"] - 1), versions.get(row["number"])
    if old is None or new is None:
        return []
    return next((excerpt(pieces) for name, pieces in changed(old, new, budget) if name == "text"), [])


def story(store: Store, key: int, now: datetime) -> dict[str, Any] | None:  # noqa: ARG001
    """The outlets of a story, who was first, and their headlines; None if there is none."""
    head = store.article(key)
    members = store.story(head.story_id if head and head.story_id else key)
    if not members:
        return None
    names = _names(store)
    every, members = len(members), members[:MEMBERS]
    first, seen = first_by_publisher_time(members), first_seen(members)
    base = _grams(first or seen)
    rows = []
    for member in members:
        grams = _grams(member)
        rows.append(
            {
                "article": member,
                "outlet": names.get(member.source or "", member.source or member.url),
                "alike": containment(base, grams) if base and grams and member is not (first or seen) else None,
            }
        )
    moments = [
        charts.Moment(
            name=str(row["outlet"]),
            published=parse_utc(m.published_at).timestamp() if m.published_at and len(m.published_at) > 10 else None,
            seen=parse_utc(m.first_seen_at or "1970-01-01").timestamp(),
            note=f"published {local_time(m.published_at) or 'at an unknown time'}, "
            f"first seen here {local_time(m.first_seen_at)}",
        )
        for row, m in zip(rows, members, strict=True)
    ]
    return {
        "rows": rows,
        "every": every,
        "first": first,
        "seen": seen,
        "first_outlet": names.get(first.source or "", first.source or first.url) if first else None,
        "seen_outlet": names.get(seen.source or "", seen.source or seen.url),
        "timeline": charts.timeline(
            moments,
            label="When each outlet published the story, and when it was first seen here",
            ends=_ends(members),
        ),
    }


def _ends(members: Sequence[Article]) -> tuple[str, str]:
    """The first and the last time of a timeline."""
    times = [at for m in members for at in (m.published_at, m.first_seen_at) if at and len(at) > 10]
    return local_time(min(times, default="")), local_time(max(times, default=""))


def _grams(of: Article) -> frozenset[int]:
    return shingles(of.text) if of.text and of.word_count <= LONG else frozenset()


def sources(store: Store, filters: Filters, now: datetime) -> dict[str, Any]:  # noqa: ARG001
    """One row per source: articles, completeness, problems."""
    health = store.health(now)
    fills = store.field_completeness(now, LATELY)
    counts = store.articles_per_day(now, WEEKS)
    gaps = Counter(gap.source for gap in store.gaps(states=("open",)))
    calendar = _calendar(now, WEEKS)
    rows = []
    for row in health:
        name = row["source"]
        values = [counts.get(name, {}).get(day, 0) for day in calendar]
        rows.append(
            {
                **row,
                "spark": charts.sparkline(values, f"{sum(values)} articles in {WEEKS} days, {values[-1]} today"),
                "fills": _percents(fills.get(name, {})),
                "gaps": gaps.get(name, 0),
            }
        )
    return {"rows": rows}


def source(store: Store, name: str, now: datetime) -> dict[str, Any] | None:
    """One source: plots of its days, field completeness, lag, feeds and gaps; None if there is none."""
    row = next(iter(store.health(now, name)), None)
    if row is None:
        return None
    days = {day["day"]: day for day in store.days(sources=(name,), since=_days_ago(now, DAYS - 1))}
    counts = store.articles_per_day(now, DAYS, name).get(name, {})
    began = min([*days, *counts], default="")
    calendar = [day for day in _calendar(now, DAYS) if day >= began]
    calendar = calendar if len(calendar) > 13 else _calendar(now, 14)
    lags: dict[str, list[float]] = defaultdict(list)
    for day, lag in store.publication_lag(name, now, DAYS):
        lags[day].append(lag / 60)
    every = [lag for values in lags.values() for lag in values]
    return {
        "row": row,
        "articles": _plot_articles(row["name"], calendar, counts, days),
        "lag": _plot_lags(row["name"], calendar, lags) if every else None,
        "lag_median": format_duration(round(median(every) * 60)) if every else None,
        "errors": _plot_errors(row["name"], calendar, days),
        "fills": _percents(store.field_completeness(now, WEEKS, name).get(name, {})),
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


def _percents(shares: Mapping[str, float]) -> list[tuple[str, int]]:
    return [(name, round(share * 100)) for name, share in shares.items()]


def _names(store: Store) -> dict[str, str]:
    return dict(store.filter_options()["sources"])


def _days_ago(now: datetime, days: int) -> str:
    return format_utc(now - timedelta(days=days))[:10]


def _calendar(now: datetime, days: int) -> list[str]:
    return [_days_ago(now, back) for back in range(days - 1, -1, -1)]
