"""One article response, and the stored articles it may match. Values only."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from crawler.articles.near_duplicates import fingerprints
from crawler.articles.page_response import PageResponse
from crawler.config.models import PublisherRules
from crawler.extraction.extraction import Extraction
from crawler.urls import is_root_or_section, site, url_key
from storage.article import Article
from storage.posts import StoredPost
from storage.records import Address, AddressKind, DuplicateCandidate
from storage.utc import parse_utc

if TYPE_CHECKING:
    from crawler.articles.page_result import PageResult

_LIVE_EVERY = 1 / 6  # hours between two requests of a live page that is updated
_LIVE_QUIET = 2  # hours after its newest post in which it counts as updated
_LIVE_MOST = 24  # hours after it was first seen


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedRules:
    """The repeated paragraphs that a page is read without, and those that its stored version was read without."""

    blocks: frozenset[int] = frozenset()
    version: int | None = None
    before: frozenset[int] | None = None  # None: there is no stored version, or its rules are not kept any more
    before_version: int | None = None


@dataclass(frozen=True, kw_only=True)
class PageVisit:
    """One article request: its response, and the content of its page."""

    page: PageResponse
    source: str | None = None  # of the page's final address, if the entry has none
    extraction: Extraction = field(default_factory=lambda: Extraction(url=""))  # the page, if one was read
    forbidden: bool = False  # a 403 whose page does not say why
    article: Article | None = None  # None: neither page nor feed gives one
    grams: frozenset[int] = frozenset()  # of the article's text
    comments: bool = False  # HTML comments are beside its words
    rechecks: tuple[float, ...] = ()  # ages in seconds at which its article is requested again
    id_site: str = ""
    hour: float = 3600.0  # seconds of an hour in the waiting times (config.models.Pace)
    warc_record: bytes = b""  # the raw page; empty if none is stored
    archived: tuple[str, int] | None = None  # (archive:ID, offset) of a page that stays in the archive that has it
    # by article: its stored raw page as today's extractor reads it; None if that page cannot be read
    rereads: Mapping[int, PageResult | None] = field(default_factory=dict)
    learned: LearnedRules = field(default_factory=LearnedRules)
    before: Article | None = None  # as learned.before reads it, if that gives another text

    @property
    def recheck_at(self) -> datetime | None:
        """When the requested article, if stored, is requested again, whatever the result; None for a new entry."""
        entry = self.page.entry
        if entry.article_id is None or entry.article_seen_at is None:
            return None
        return self.next_recheck(parse_utc(entry.article_seen_at), entry.newest_post_at)

    def next_recheck(self, first_seen: datetime, newest_post_at: str | None = None) -> datetime | None:
        """Return when an article is requested again: a live page every ten minutes while it is updated, a day at most.

        Args:
            first_seen: when the article was first seen.
            newest_post_at: the time of a live page's newest post.
        """
        at, hour = self.page.at, timedelta(seconds=self.hour)
        due = next_recheck(self.rechecks, first_seen, at)
        if not self.rechecks or newest_post_at is None or len(newest_post_at) <= 10:
            return due
        if at - parse_utc(newest_post_at) > _LIVE_QUIET * hour or at - first_seen > _LIVE_MOST * hour:
            return due
        soon = at + _LIVE_EVERY * hour
        return soon if due is None else min(soon, due)

    @property
    def newest_post_at(self) -> str | None:
        """The time of the newest post that a live page shows."""
        return max((post.at for post in self.extraction.posts if post.at), default=None)

    @cached_property
    def prints(self) -> tuple[int, ...]:
        """The fingerprints of the article's text."""
        return fingerprints(self.grams)

    @cached_property
    def addresses(self) -> tuple[Address, ...]:
        """Every address of this page, the feed's first."""
        page, extraction = self.page, self.extraction
        found: list[Address] = []
        listed: AddressKind = "feed" if page.entry.of_feed else "requested"
        for kind, url in (
            (listed, page.entry.url),
            ("requested", page.requested_url),
            *(("requested", hop) for hop in page.redirects),
            ("amp" if extraction.is_amp else "final", page.url),
        ):
            _add(found, kind, url)
        if extraction.canonical_url and not is_root_or_section(extraction.canonical_url):
            _add(found, "canonical", extraction.canonical_url)
        if extraction.publisher_id:
            found.append(Address(url_key=f"id:{self.id_site}/{extraction.publisher_id}", url=page.url, kind="id"))
        return tuple(found)


def _add(found: list[Address], kind: AddressKind, url: str) -> None:
    try:
        key = url_key(url)
    except ValueError:
        return
    if all(address.url_key != key for address in found):
        found.append(Address(url_key=key, url=url, kind=kind))
    elif kind in {"final", "amp"}:  # the address that was fetched is better evidence than the listed one
        found[:] = [dataclasses.replace(a, kind=kind) if a.url_key == key else a for a in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMatches:
    """The stored articles that this page may match, queried in the transaction that writes the verdict."""

    by_key: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    articles: Mapping[int, Article] = field(default_factory=dict)
    same_text: Sequence[Article] = ()
    candidates: Sequence[DuplicateCandidate] = ()  # articles that this one may be a copy of
    versioned: frozenset[int] = frozenset()  # of several articles, those with rows in revisions
    posts: Mapping[int, Sequence[StoredPost]] = field(default_factory=dict)  # by article, of live pages
    not_found_since: datetime | None = None  # when the requested article was first not found
    # all that the source's texts were ever read without; see before_rules.read_as_before
    repeated: frozenset[int] = frozenset()


def rules_site(source_id: str | None, url: str, rules: PublisherRules) -> str:
    """Return the namespace of a publisher's ids: the source, else the site."""
    return (source_id or site(url)) if rules.id else ""


def next_recheck(ages: Sequence[float], seen: datetime, now: datetime) -> datetime | None:
    """Return when an article is requested again, by its age in seconds since first seen; None after the last age."""
    return next((due for age in ages if (due := seen + timedelta(seconds=age)) > now), None)
