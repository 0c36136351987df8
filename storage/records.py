"""The records, as values: what is kept, and the two intents that change it (FeedCheck and Verdict). Pure; knows no SQLite.

Times are aware UTC datetimes, or text where a day may be known without its time (`published_at` of an article: "2020-02-11").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

FoundBy = Literal["feed", "sitemap", "page", "backfill", "user"]
AddressKind = Literal["feed", "requested", "final", "canonical", "amp", "id"]
Cause = Literal["publisher", "reprocess"]
Completeness = Literal["full", "feed", "teaser", "headline"]
COMPLETENESS: tuple[Completeness, ...] = ("headline", "teaser", "feed", "full")  # ascending


def format_utc(moment: datetime) -> str:
    """ISO 8601 UTC with Z, whole seconds; the form in which every time is kept."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_utc_ceil(moment: datetime) -> str:
    """The first whole second that is not before a moment: what is due must not be early by a fraction."""
    return format_utc(moment + timedelta(microseconds=999_999))


def json_list(values: Iterable[str]) -> str:
    """A list as a cell of a row keeps it: JSON, its letters as they are."""
    return json.dumps(list(values), ensure_ascii=False)


def parse_utc(text: str) -> datetime:
    """The aware UTC time that a kept text stands for; a day alone is its first second."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """One entry as a feed, sitemap or section page lists it; everything but the address may be missing."""

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
    fingerprint: str = ""  # of title, updated and content: tells an edited entry from one that is listed again
    refused: str | None = None  # why it is never asked for: its source's own patterns leave it out


@dataclass(frozen=True, slots=True, kw_only=True)
class PermanentRedirect:
    """A feed that says that it is elsewhere for good: where to, since when, on how many polls in a row; its address once that is believed."""

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
    window_size: int = 0  # entries that the last good answer listed
    requested_interval: float | None = None  # seconds that its ttl or sy:* ask for; a 304 does not repeat them
    last_success_at: str | None = None  # the last good answer
    last_body_at: str | None = None  # the last body; NULL before the first
    failing_since: str | None = None
    validators_unreliable: bool = False  # its validators stayed the same while it changed
    moved_to: str | None = None
    moved_since: str | None = None
    moved_polls: int = 0
    effective_url: str | None = None  # asked instead of url, once a permanent move is believed
    archive_url: str | None = None  # RFC 5005: the page before this one
    skip_schedule: str | None = None  # its skipHours and skipDays, as JSON
    entries_known: int | None = None  # entries of its last new window that were known
    not_found_count: int = 0  # answers of 404 since the last good one,
    not_found_since: str | None = None  # and since when

    @property
    def move(self) -> PermanentRedirect:
        """Where it says that it has moved to."""
        return PermanentRedirect(
            to=self.moved_to, since=self.moved_since, polls=self.moved_polls, effective_url=self.effective_url
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry that is owed an article request."""

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
    etag: str | None = None
    last_modified: str | None = None
    backfill: bool = False  # a person asked for it with `backfill`

    def consecutive_attempts(self, *verdicts: str) -> int:
        """How often in a row it was asked for with one of these verdicts."""
        return self.attempts if self.verdict in verdicts else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GapDetected:
    """A hole: nothing is known of what a feed listed between two of its windows."""

    from_at: str
    to_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedCheck:
    """What one poll found and what follows from it: the first of the two intents."""

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
    window_size: int | None = None  # None keeps what was known
    entries_known: int | None = None  # entries of this window that were known; None where there was no window
    requested_interval: float | None = None
    last_success_at: datetime | None = None
    last_body_at: datetime | None = None
    validators_unreliable: bool = False
    move: PermanentRedirect = PermanentRedirect()
    archive_url: str | None = None
    skip_schedule: str | None = None
    not_found: bool = False  # it answered 404
    gap: GapDetected | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A hole as it is kept: open, filled, or lost."""

    id: int
    source: str | None
    feed_url: str
    from_at: str | None
    to_at: str | None
    found_at: str
    state: str
    entries_found: int = 0
    closed_at: str | None = None
    filled_by: str | None = None  # which way closed it


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillStep:
    """One page that lists older articles, to be asked once, for a gap or for a backfill (gap_id None)."""

    source: str
    since: str
    until: str
    url: str
    kind: Literal["archive", "sitemap", "robots", "page"]
    priority: int  # lower ones are walked first
    feed_url: str  # under which its entries are kept
    host: str = ""
    gap_id: int | None = None
    attempts: int = 0
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillResult:
    """What a step brought."""

    listed: tuple[FeedEntry, ...] = ()
    further: tuple[BackfillStep, ...] = ()
    reached: bool = False  # it lists what is older than the time asked for: nothing of that time is missing
    filled_by: str | None = None
    error: str | None = None
    permanent: bool = False  # asking again would not help
    retry_at: datetime | None = None
    page_hash: str | None = None  # of all that the page lists: one that is the same as before leads nowhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address of an article and how it came by it."""

    url_key: str
    url: str
    kind: AddressKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One article as it is kept; the columns of the articles table. Lists are tuples; ids are 0 until the store gave one."""

    url: str
    id: int = 0
    uid: str = ""
    source: str | None = None
    kind: str = "article"
    completeness: str = "full"
    title: str | None = None
    subtitle: str | None = None
    authors: tuple[str, ...] = ()
    published_at: str | None = None
    published_raw: str | None = None
    modified_at: str | None = None
    section: str | None = None
    tags: tuple[str, ...] = ()
    language: str | None = None
    summary: str | None = None
    text: str | None = None
    image_url: str | None = None
    image_caption: str | None = None
    image_credit: str | None = None
    agency: str | None = None
    word_count: int = 0
    content_hash: str | None = None
    story_id: int | None = None
    duplicate_of: int | None = None
    revision: int = 1
    first_seen_at: str | None = None
    fetched_at: str | None = None
    last_same_at: str | None = None
    vanished_at: str | None = None
    vanished_reason: str | None = None
    canonical_elsewhere: str | None = None
    extractor: str | None = None
    raw_sha256: str | None = None
    warc_file: str | None = None
    warc_offset: int | None = None
    provenance: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    page_url: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    recheck_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateCandidate:
    """A held article that a new one may be a copy of."""

    id: int
    story_id: int
    source: str | None
    url: str
    title: str | None
    text: str
    published_at: str | None
    first_seen_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLogEntry:
    """One request, for the ledger."""

    at: datetime
    url: str
    host: str
    status: int | None
    bytes: int
    ms: int
    conditional: bool
    outcome: str
    entries_listed: int | None = None  # of a poll: entries in its window,
    entries_known: int | None = None  # and how many of them the poll before had


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCounts:
    """What one crawl run found at one source."""

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
    """One crawl, from start to end, as it is kept and told."""

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
    """Which articles; the filters of list, search and export.

    Times are ISO 8601, or what the command line takes: "7d" (counted back when the question is asked), "today", "2020-02-11" in local time.
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
    query: str | None = None  # full text: every word of it
    before: tuple[str, int] | None = None  # (time, id): only what stands after this one in a list, newest first
