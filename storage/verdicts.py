"""What one page means for the store, as one of eight verdicts: `crawler.articles.verdict.decide` makes one, `Writer.apply_verdict` writes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from storage.records import Address, Article, Cause

Outcome = Literal["new", "revised", "same", "address", "headline", "retry", "rejected", "gone", "failed"]
EntryState = Literal["fetched", "retry", "rejected", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """What all verdicts have."""

    at: datetime
    entry_ids: tuple[int, ...] = ()  # the entries that it answers
    source: str | None = None
    article_id: int | None = None  # the stored article that was requested, or that the page turned out to be
    addresses: tuple[Address, ...] = ()
    reason: str | None = None
    recheck_at: datetime | None = None  # when the article is requested again
    retry_at: datetime | None = None  # when the entry is
    not_before: datetime | None = None  # and not even `crawl` without --due earlier

    @property
    def entry_state(self) -> EntryState:
        """The state of its entries from now on."""
        return "retry" if self.retry_at is not None else "fetched"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewArticle(_Verdict):
    """Not stored yet. An incomplete one has a reason, and retry_at where its page is requested again."""

    article: Article
    fingerprints: tuple[int, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """As entries.verdict has it."""
        return "new" if self.article.completeness == "full" else "headline"

    @property
    def is_copy(self) -> bool:
        """Another outlet published it before."""
        return self.outcome == "new" and self.article.duplicate_of is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfStored(_Verdict):
    """Of an article that is stored."""

    article_id: int
    absorbs: int | None = None  # another stored article that turned out to be the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision(_OfStored):
    """Its text or headline changed."""

    article: Article
    fingerprints: tuple[int, ...] = ()
    silent: bool = False  # the page does not admit it
    cause: Cause = "publisher"
    words_added: int = 0
    words_removed: int = 0
    outcome: ClassVar[Outcome] = "revised"


@dataclass(frozen=True, slots=True, kw_only=True)
class FullerView(_OfStored):
    """More of the same article than is stored: its fields are replaced, without a revision."""

    article: Article
    fingerprints: tuple[int, ...] = ()
    outcome: ClassVar[Outcome] = "new"

    @property
    def entry_state(self) -> EntryState:
        """The state of its entries from now on."""
        return "fetched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias(_OfStored):
    """Another address of it. Where that is the address of record, and the stored text came from another, `article` replaces the fields."""

    article: Article | None = None
    outcome: ClassVar[Outcome] = "address"

    @property
    def entry_state(self) -> EntryState:
        """The state of its entries from now on."""
        return "fetched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged(_Verdict):
    """Nothing new: the same page, or one that shows less than is stored."""

    absorbs: int | None = None
    shows_less: bool = False  # so it says nothing of whether the article is still there

    @property
    def outcome(self) -> Outcome:
        """As entries.verdict has it."""
        return "same" if self.retry_at is None else "headline"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotArticle(_Verdict):
    """No article, and another request would not make it one."""

    outcome: ClassVar[Outcome] = "rejected"

    @property
    def entry_state(self) -> EntryState:
        """The state of its entries from now on."""
        return "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound(_Verdict):
    """404 or 410."""

    vanished: bool = False  # it is certain that the stored article is gone
    outcome: ClassVar[Outcome] = "gone"

    @property
    def entry_state(self) -> EntryState:
        """The state of its entries from now on."""
        return "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry(_Verdict):
    """It may work another time: blocked (outcome `retry`), or failed."""

    outcome: Outcome = "failed"

    @property
    def entry_state(self) -> EntryState:
        """The state of its entries from now on."""
        return "retry"


Verdict = NewArticle | Revision | FullerView | Alias | Unchanged | NotArticle | NotFound | Retry
