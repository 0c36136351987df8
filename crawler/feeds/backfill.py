"""Find older articles in archive pages (RFC 5005), sitemaps and section pages. Pure.

A step is one address to request. Steps with a lower rank come first; a step that reaches back to known entries ends the
search of a gap. Each entry found is marked `backfill`.
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
from storage.records import BackfillResult, BackfillStep, Feed, FeedEntry
from storage.utc import format_utc, parse_utc

ARCHIVE, SITEMAP, ROBOTS, PAGE = 1, 2, 3, 4  # ranks: the best evidence comes first
EARLIER = timedelta(hours=6)  # an entry may have a date from before it was listed
MAX_PAGES = 2000  # highest page number of an archive that is requested
_PAGED = re.compile(r"([?&](?:paged|page)=)(\d{1,6})(?!\d)")


def initial_steps(
    source: Source, feeds: tuple[Feed, ...], *, since: datetime, until: datetime, gap_id: int | None = None
) -> tuple[BackfillStep, ...]:
    """Return the first steps to find what a source listed in a time range.

    Args:
        source: the outlet.
        feeds: the feeds whose archive pages are requested; for a gap, the feed that has it.
        since: the start of the range.
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
    """Return the archive page before a feed's first: as declared by the feed, else as WordPress has it."""
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
    """Return steps for the sitemaps of a robots.txt, else for the common addresses of news sitemaps."""
    named = robots_sitemaps(body, url) or common_sitemap_urls(url)
    further = [replace(step, id=0, url=c.url, kind="sitemap", feed_url=c.url, attempts=0) for c in named]
    return BackfillResult(further=tuple(_valid(further)))


def follow_step(step: BackfillStep, parsed: ParsedFeed, url: str, *, known_before: int) -> BackfillResult:
    """Return the entries and further steps from one page of older articles.

    Args:
        step: the step that requested it.
        parsed: the parsed page.
        url: its address.
        known_before: how many of its entries were known before the requested range.
    """
    since, until = parse_utc(step.since), parse_utc(step.until)
    earliest = since - EARLIER if step.gap_id is not None else since
    listed = tuple(
        e
        for e in parsed.entries
        if _within(e, earliest, until, undated=step.gap_id is not None and step.kind != "sitemap")
    )
    dates = sorted(e.published_at for e in parsed.entries if e.published_at)
    # An entry may be dated before it was listed, so dates are evidence only beyond that margin. An entry that was known
    # at that time is evidence by itself.
    reached = known_before > 0 if step.gap_id is not None else False
    reached = reached or (
        bool(dates) and dates[len(dates) // 4] <= format_utc(earliest)
    )  # one entry may be pinned, or have a wrong date
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
