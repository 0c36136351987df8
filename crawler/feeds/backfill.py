"""Where older articles are listed, and what such a page brings: archive pages (RFC 5005), sitemaps, section pages. Pure.

A step is one address to ask. Steps of a lower rank are walked first; a step that reaches back to what was known before ends the search of a
gap. Each entry found is marked `backfill`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urljoin, urlsplit

from crawler.config.models import Source
from crawler.feeds.discovery import common_sitemap_urls, robots_sitemaps
from crawler.feeds.parsed_feed import ParsedFeed
from crawler.feeds.sitemap import children_in_range, day_in_address
from crawler.urls import canonical_url, host_of, join
from storage.records import BackfillResult, BackfillStep, Feed, FeedEntry, format_utc, parse_utc

ARCHIVE, SITEMAP, ROBOTS, PAGE = 1, 2, 3, 4  # ranks: what proves most comes first
EARLIER = timedelta(hours=6)  # an entry may carry a date from before it was listed
MAX_PAGES = 2000  # archive pages walked for one purpose
_PAGED = re.compile(r"([?&](?:paged|page)=)(\d{1,6})(?!\d)")


def initial_steps(
    source: Source, feeds: tuple[Feed, ...], *, since: datetime, until: datetime, gap_id: int | None = None
) -> tuple[BackfillStep, ...]:
    """The first steps towards what a source listed in a time.

    Args:
        source: the outlet.
        feeds: whose archive pages may tell; of a gap the one feed that has it.
        since: the beginning of the time.
        until: its end.
        gap_id: the gap; None for a backfill.
    """
    base = BackfillStep(
        source=source.id,
        since=format_utc(since),
        until=format_utc(until),
        url="",
        kind="archive",
        priority=ARCHIVE,
        feed_url="",
        gap_id=gap_id,
    )
    found = [replace(base, url=older, feed_url=feed.url) for feed in feeds if (older := _archive(feed))]
    maps = dict.fromkeys([*(f.url for f in feeds if f.kind == "sitemap" and f.parent_url is None), *source.sitemaps])
    found += [replace(base, url=url, kind="sitemap", priority=SITEMAP, feed_url=url) for url in maps]
    home = source.url or next((url for _, url in source.feed_urls), "")
    found.append(replace(base, url=urljoin(home, "/robots.txt"), kind="robots", priority=ROBOTS, feed_url=home))
    pages = source.pages or ((source.url,) if source.url and gap_id is not None else ())
    found += [replace(base, url=url, kind="page", priority=PAGE, feed_url=url) for url in pages]
    return tuple(_valid(found))


def _archive(feed: Feed) -> str | None:
    """The page before a feed's first: where it says so, else where WordPress has it."""
    if feed.archive_url:
        return join(feed.final_url or feed.url, feed.archive_url)
    parts = urlsplit(feed.effective_url or feed.url)
    if feed.kind in {"rss", "feed"} and re.search(r"/feed/?$", parts.path) and not parts.query:
        return f"{feed.effective_url or feed.url}?paged=2"
    return None


def _valid(steps: list[BackfillStep]) -> list[BackfillStep]:
    found = []
    for step in steps:
        try:
            canonical_url(step.url)
        except ValueError:
            continue
        found.append(replace(step, host=host_of(step.url)))
    return found


def steps_from_robots(step: BackfillStep, body: bytes, url: str) -> BackfillResult:
    """The sitemaps that a robots.txt names, else the usual places of news sitemaps."""
    named = robots_sitemaps(body, url) or common_sitemap_urls(url)
    further = [replace(step, id=0, url=c.url, kind="sitemap", feed_url=c.url, attempts=0) for c in named]
    return BackfillResult(further=tuple(_valid(further)))


def follow_step(step: BackfillStep, parsed: ParsedFeed, url: str, *, known_before: int) -> BackfillResult:
    """What one page of older articles brings.

    Args:
        step: why it was asked.
        parsed: what it lists.
        url: where it was found.
        known_before: how many of its entries were known before the time asked for began.
    """
    since, until = parse_utc(step.since), parse_utc(step.until)
    earliest = since - EARLIER if step.gap_id is not None else since
    listed = tuple(
        e
        for e in parsed.entries
        if _within(e, earliest, until, undated=step.gap_id is not None and step.kind != "sitemap")
    )
    dates = sorted(e.published_at for e in parsed.entries if e.published_at)
    # What a page lists may be dated before it was listed, so a date proves only beyond that doubt; an entry that was known then proves at once.
    reached = known_before > 0 if step.gap_id is not None else False
    reached = reached or (
        bool(dates) and dates[len(dates) // 4] <= format_utc(earliest)
    )  # one entry may be pinned, or misdated
    further: list[BackfillStep] = []
    if parsed.children:
        further = [
            replace(step, id=0, url=child, feed_url=child, attempts=0)
            for child in children_in_range(parsed, since=earliest, until=until)
        ]
    elif step.kind == "archive" and parsed.entries and not reached and (older := _before(parsed, url)):
        further = [replace(step, id=0, url=older, attempts=0)]
    proves = reached and not parsed.children and step.kind != "page"
    how = {"archive": "archive pages", "sitemap": "a sitemap", "page": "a section page"}.get(step.kind)
    return BackfillResult(
        listed=listed,
        further=tuple(_valid(further)),
        reached=proves,
        filled_by=how,
        page_hash=_mark(parsed) if step.kind == "archive" else None,
    )


def _mark(parsed: ParsedFeed) -> str:
    return hashlib.sha256("\n".join(e.identity for e in parsed.entries).encode("utf-8", "replace")).hexdigest()[:16]


def _before(parsed: ParsedFeed, url: str) -> str | None:
    if parsed.previous:
        return join(url, parsed.previous)
    match = _PAGED.search(url)
    if match is None or int(match[2]) >= MAX_PAGES:
        return None
    return _PAGED.sub(rf"\g<1>{int(match[2]) + 1}", url)


def _within(entry: FeedEntry, since: datetime, until: datetime, *, undated: bool) -> bool:
    when = entry.published_at or day_in_address(entry.url or "")
    if when is None:
        return undated
    if len(when) == 10:
        return format_utc(since)[:10] <= when <= format_utc(until)[:10]
    return format_utc(since) <= when <= format_utc(until)
