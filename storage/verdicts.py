"""The result of one fetched page, as one of eight verdicts.

`crawler.articles.verdict.decide` makes a verdict, `Writer.apply_verdict` writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from storage.article import Article
from storage.posts import PostChanges
from storage.records import Address, Cause

Outcome = Literal["new", "revised", "same", "address", "headline", "retry", "rejected", "gone", "failed"]
EntryState = Literal["fetched", "retry", "rejected", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """Fields of all verdicts."""

    at: datetime
    entry_ids: tuple[int, ...] = ()  # the entries that it completes
    source: str | None = None
    article_id: int | None = None  # the stored article that was requested, or that the page turned out to be
    addresses: tuple[Address, ...] = ()
    reason: str | None = None
    recheck_at: datetime | None = None  # when the article is fetched again
    retry_at: datetime | None = None  # when the entry is fetched again
    posts: PostChanges | None = None  # of a live page
    not_before: datetime | None = None  # not earlier than this, not even by `crawl` without --due
    fixed_state: ClassVar[EntryState | None] = None  # of its entries, whatever retry_at is

    @property
    def entry_state(self) -> EntryState:
        """The next state of its entries."""
        return self.fixed_state or ("retry" if self.retry_at is not None else "fetched")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rereading:
    """An article in another reading: written with cause reprocess before the verdict, or after it."""

    article: Article
    fingerprints: tuple[int, ...] = ()
    words_added: int = 0  # compared with the stored version
    words_removed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewArticle(_Verdict):
    """Not stored yet. An incomplete one has a reason, and retry_at if its page is fetched again."""

    article: Article
    fingerprints: tuple[int, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The value of entries.verdict; the text of an entry without an address is complete in the feed."""
        complete = self.article.completeness == "full" or self.article.url.startswith("tag:")
        return "new" if complete else "headline"

    @property
    def is_copy(self) -> bool:
        """Another outlet published it before."""
        return self.outcome == "new" and self.article.duplicate_of is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfStored(_Verdict):
    """A verdict on a stored article."""

    article_id: int
    absorbs: int | None = None  # another stored article that turned out to be the same
    reread: Rereading | None = None  # if another extractor read the stored version; written before the verdict
    then: Rereading | None = None  # without what repeats on its source's pages by now; written after the verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision(_OfStored):
    """Its text or headline changed."""

    article: Article
    fingerprints: tuple[int, ...] = ()
    silent: bool = False  # the page does not mention the change
    cause: Cause = "publisher"
    words_added: int = 0
    words_removed: int = 0
    imported: bool = False  # captured in an archive
    outcome: ClassVar[Outcome] = "revised"


@dataclass(frozen=True, slots=True, kw_only=True)
class FullerView(_OfStored):
    """A more complete view of the stored article: its fields are replaced, without a revision."""

    article: Article
    fingerprints: tuple[int, ...] = ()
    outcome: ClassVar[Outcome] = "new"
    fixed_state: ClassVar[EntryState | None] = "fetched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias(_OfStored):
    """Another address of the stored article.

    If it is the address of record, and the stored text came from another address, `article` replaces the fields.
    """

    article: Article | None = None
    outcome: ClassVar[Outcome] = "address"
    fixed_state: ClassVar[EntryState | None] = "fetched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged(_Verdict):
    """Nothing new: the same page, or one that shows less than is stored."""

    absorbs: int | None = None
    reread: Rereading | None = None
    then: Rereading | None = None
    shows_less: bool = False  # so it does not show whether the article is still there

    @property
    def outcome(self) -> Outcome:
        """The value of entries.verdict."""
        return "same" if self.retry_at is None else "headline"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotArticle(_Verdict):
    """Not an article, and another request would not change that."""

    outcome: ClassVar[Outcome] = "rejected"
    fixed_state: ClassVar[EntryState | None] = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound(_Verdict):
    """404 or 410."""

    vanished: bool = False  # it is certain that the stored article is gone
    outcome: ClassVar[Outcome] = "gone"
    fixed_state: ClassVar[EntryState | None] = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry(_Verdict):
    """A retry may succeed: the page was blocked (outcome `retry`), or the request failed."""

    outcome: Outcome = "failed"
    fixed_state: ClassVar[EntryState | None] = "retry"


Verdict = NewArticle | Revision | FullerView | Alias | Unchanged | NotArticle | NotFound | Retry
