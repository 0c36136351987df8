"""Record types as plain values, and the two inputs of a write: FeedCheck and Verdict. No SQLite here.

Times are aware UTC datetimes, or text where only the day may be known (`published_at` of an article: "2020-02-11").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from storage.article import Article

BROUGHT = ("archive", "spider")  # found_by of pages that newsdesk did not request, and does not request again
FoundBy = Literal["feed", "sitemap", "page", "backfill", "user", "archive", "spider"]
AddressKind = Literal["feed", "requested", "final", "canonical", "amp", "id"]
Cause = Literal["publisher", "reprocess", "live"]
Completeness = Literal["full", "feed", "teaser", "headline"]
COMPLETENESS: tuple[Completeness, ...] = ("headline", "teaser", "feed", "full")  # ascending


def completeness_rank(completeness: str) -> int:
    """The place of a completeness, the least complete first."""
    return COMPLETENESS.index(completeness)


def json_list(values: Iterable[str]) -> str:
    """A list as a JSON cell, without ASCII escapes."""
    return json.dumps(list(values), ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """One entry as a feed, sitemap or section page lists it; everything but the identity may be missing."""

    identity: str
    url: str | None
    guid: str | None = None
    title: str | None = None
    authors: tuple[str, ...] = ()
    published_at: str | None = None
    published_raw: str | None = None
    updated_raw: str | None = None
    summary: str | None = None
    content: str | None = None
    tags: tuple[str, ...] = ()
    language: str | None = None
    image_url: str | None = None
    url_key: str = ""
    host: str = ""
    fingerprint: str = ""  # of title, updated and content: an edited entry has another one
    other_identities: tuple[str, ...] = ()  # under which it may be stored: of other polls, of earlier versions
    refused: str | None = None  # why it is never fetched: its source's patterns exclude it
    article: FeedArticle | None = None  # made of the entry alone: it has a text, but no address


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedArticle:
    """The article of an entry without an address; its address of record is made when it is written."""

    article: Article
    grams: frozenset[int] = frozenset()  # of its text; see crawler.articles.near_duplicates.shingles


@dataclass(frozen=True, slots=True, kw_only=True)
class PermanentRedirect:
    """A feed's permanent redirect: target, since when, on how many polls in a row, and the address once accepted."""

    to: str | None = None
    since: str | None = None
    polls: int = 0
    effective_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One address that is polled."""

    url: str
    source: str | None
    kind: str
    final_url: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    due_at: str | None = None
    not_before: str | None = None
    interval_seconds: float | None = None
    checked_at: str | None = None
    changed_at: str | None = None
    failures: int = 0
    last_error: str | None = None
    state: str = "active"
    parent_url: str | None = None
    rate_model: str | None = None  # when it publishes (crawler.feeds.adaptive)
    window_size: int = 0  # entries in the last successful response
    requested_interval: float | None = None  # seconds, from its ttl or sy:* elements; a 304 does not repeat them
    last_success_at: str | None = None  # the last successful response
    last_body_at: str | None = None  # the last response with a body; NULL before the first
    failing_since: str | None = None
    validators_unreliable: bool = False  # they stayed the same while the feed changed
    moved_to: str | None = None
    moved_since: str | None = None
    moved_polls: int = 0
    effective_url: str | None = None  # polled instead of url, once a permanent redirect is accepted
    archive_url: str | None = None  # RFC 5005: the page before this one
    skip_schedule: str | None = None  # its skipHours and skipDays, as JSON
    entries_known: int | None = None  # entries of its last new window that were known
    not_found_count: int = 0  # 404 responses since the last successful one
    not_found_since: str | None = None  # time of the first of them

    @property
    def move(self) -> PermanentRedirect:
        """Its permanent redirect."""
        return PermanentRedirect(
            to=self.moved_to, since=self.moved_since, polls=self.moved_polls, effective_url=self.effective_url
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry whose article is pending."""

    id: int
    feed_url: str
    source: str | None
    url: str
    url_key: str
    title: str | None = None
    authors: tuple[str, ...] = ()
    published_at: str | None = None
    published_raw: str | None = None
    summary: str | None = None
    content: str | None = None
    tags: tuple[str, ...] = ()
    language: str | None = None
    image_url: str | None = None
    attempts: int = 0
    verdict: str | None = None
    reason: str | None = None
    first_seen_at: str | None = None
    found_by: str = "feed"
    article_id: int | None = None
    article_seen_at: str | None = None
    newest_post_at: str | None = None  # of a live page
    etag: str | None = None
    last_modified: str | None = None
    backfill: bool = False  # requested by the command `backfill`

    @property
    def of_feed(self) -> bool:
        """Whether a feed or a page lists it, so that it may have a feed's fields; not a user's, an archive's, a spider's."""
        return self.found_by not in {"user", *BROUGHT}

    def consecutive_attempts(self, *verdicts: str) -> int:
        """How many attempts in a row ended with one of these verdicts."""
        return self.attempts if self.verdict in verdicts else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GapDetected:
    """A gap: it is unknown what a feed listed between two of its windows."""

    from_at: str
    to_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedCheck:
    """The result of one poll and what follows from it: one of the two inputs of a write."""

    feed_url: str
    at: datetime
    outcome: Literal["changed", "unchanged", "not_modified", "failed", "gone"]
    kind: str | None = None
    final_url: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    due_at: datetime | None = None
    not_before: datetime | None = None
    interval_seconds: float | None = None
    error: str | None = None
    listed: tuple[FeedEntry, ...] = ()
    found_by: FoundBy = "feed"
    children: tuple[str, ...] = ()
    rate_model: str | None = None
    window_size: int | None = None  # None: keep the stored value
    entries_known: int | None = None  # entries of this window that were known; None if there was no window
    requested_interval: float | None = None
    last_success_at: datetime | None = None
    last_body_at: datetime | None = None
    validators_unreliable: bool = False
    move: PermanentRedirect = PermanentRedirect()
    archive_url: str | None = None
    skip_schedule: str | None = None
    not_found: bool = False  # the response was a 404
    gap: GapDetected | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stored gap: open, filled, or lost."""

    id: int
    source: str | None
    feed_url: str
    from_at: str | None
    to_at: str | None
    found_at: str
    state: str
    entries_found: int = 0
    closed_at: str | None = None
    filled_by: str | None = None  # the method that closed it


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillStep:
    """One page that lists older articles, fetched once, for a gap or for a backfill (gap_id None)."""

    source: str
    since: str
    until: str
    url: str
    kind: Literal["archive", "sitemap", "robots", "page"]
    priority: int  # lower values first
    feed_url: str  # the feed that its entries are stored under
    host: str = ""
    gap_id: int | None = None
    attempts: int = 0
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillResult:
    """The result of a step."""

    listed: tuple[FeedEntry, ...] = ()
    further: tuple[BackfillStep, ...] = ()
    reached: bool = False  # it lists entries older than the requested time: nothing of that time is missing
    filled_by: str | None = None
    error: str | None = None
    permanent: bool = False  # a retry would not help
    retry_at: datetime | None = None
    page_hash: str | None = None  # of all that the page lists; an unchanged page leads nowhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address of an article and where it was found."""

    url_key: str
    url: str
    kind: AddressKind


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateCandidate:
    """A stored article that a new one may be a copy of, and the article that it is a copy of itself."""

    id: int
    story_id: int
    copy_of: int | None = None
    copy_of_source: str | None = None
    copy_of_url: str | None = None
    source: str | None
    url: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLogEntry:
    """One request, for the request log."""

    at: datetime
    url: str
    host: str
    status: int | None
    bytes: int
    ms: int
    conditional: bool
    outcome: str
    entries_listed: int | None = None  # of a poll: entries in its window
    entries_known: int | None = None  # of a poll: how many of them the previous poll had


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCounts:
    """The counts of one crawl run at one source."""

    source: str
    feeds: int = 0
    feeds_read: int = 0
    entries_new: int = 0
    articles_new: int = 0
    revised: int = 0
    copies: int = 0
    headline_only: int = 0
    rejected: int = 0
    failed: int = 0
    waiting: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlRun:
    """One crawl, from start to end, as stored and reported."""

    id: int
    command: str
    started_at: str
    finished_at: str | None = None
    exit_code: int | None = None
    sources: tuple[SourceCounts, ...] = ()

    def total(self, name: str) -> int:
        """The sum of a count, e.g. "articles_new", over all sources."""
        return sum(int(getattr(counts, name)) for counts in self.sources)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Selection of articles: the filters of list, search and export.

    Times are ISO 8601, or in the forms of the command line: "7d" (before the time of the query), "today", "2020-02-11"
    in local time.
    """

    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    seen_since: str | None = None
    story: int | None = None
    changed: bool = False
    complete: bool = False
    fold_copies: bool = False
    limit: int | None = None
    ids: tuple[int, ...] = ()
    query: str | None = None  # full text: all words must occur
    before: tuple[str, int] | None = None  # (time, id) of the last row of a page, newest first: only rows after it
