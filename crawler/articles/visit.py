"""One answered article request, and what the store has that it may be. Values only."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from crawler.articles.near_duplicates import fingerprints
from crawler.config.models import PublisherRules
from crawler.extraction.extraction import Extraction
from crawler.urls import is_root_or_section, site, url_key
from storage.records import Address, AddressKind, Article, DuplicateCandidate, Entry


@dataclass(frozen=True, kw_only=True)
class PageVisit:
    """One answered article request: where it was asked, where it ended, and what the page says."""

    entry: Entry
    requested: str
    final: str
    hops: tuple[str, ...] = ()
    source: str | None = None
    extraction: Extraction
    article: Article | None
    grams: frozenset[int]  # of the article's text
    rechecks: tuple[float, ...] = ()
    recheck_at: datetime | None = None  # of the held article that was asked for, whatever the answer
    id_site: str = ""
    hour: float = 3600.0  # seconds that an hour of the waiting times lasts (settings.Pace)

    @cached_property
    def prints(self) -> tuple[int, ...]:
        """The fingerprints of the article's text."""
        return fingerprints(self.grams)

    @cached_property
    def addresses(self) -> tuple[Address, ...]:
        """Every address this page is known by, the feed's first."""
        found: list[Address] = []
        amp = self.extraction.is_amp
        listed: AddressKind = "requested" if self.entry.found_by == "user" else "feed"
        for kind, url in (
            (listed, self.entry.url),
            ("requested", self.requested),
            *(("requested", hop) for hop in self.hops),
            ("amp" if amp else "final", self.final),
        ):
            _add(found, kind, url)
        if self.extraction.canonical_url and not is_root_or_section(self.extraction.canonical_url):
            _add(found, "canonical", self.extraction.canonical_url)
        if self.extraction.publisher_id:
            found.append(
                Address(url_key=f"id:{self.id_site}/{self.extraction.publisher_id}", url=self.final, kind="id")
            )
        return tuple(found)


def _add(found: list[Address], kind: AddressKind, url: str) -> None:
    try:
        key = url_key(url)
    except ValueError:
        return
    if all(address.url_key != key for address in found):
        found.append(Address(url_key=key, url=url, kind=kind))
    elif kind in {"final", "amp"}:  # the address that was fetched says more than the one that was listed
        found[:] = [dataclasses.replace(a, kind=kind) if a.url_key == key else a for a in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMatches:
    """What the store holds that this page may be: looked up in the transaction that writes the verdict."""

    by_key: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    articles: Mapping[int, Article] = field(default_factory=dict)
    same_text: Sequence[Article] = ()
    twins: Sequence[DuplicateCandidate] = ()


def rules_site(source_id: str | None, url: str, rules: PublisherRules) -> str:
    """What a publisher's ids are counted by: the source, else the site."""
    return (source_id or site(url)) if rules.id else ""
