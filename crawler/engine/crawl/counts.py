"""Counts of a crawl run, per source: passed to the progress observer during the run and to the summary at its end."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from crawler.errors import ALL_FAILED, DONE, FAILED, SOME_FAILED
from storage.records import FeedCheck, SourceCounts
from storage.sql.entries import CheckCounts
from storage.verdicts import FullerView, NewArticle, NotArticle, NotFound, Retry, Revision, Verdict

MOST_REASONS = 200  # distinct reasons stored per source; an endless run meets many


@dataclass(slots=True)
class _Row:
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    error: str | None = None


class RunCounts:
    """Counts per source; calls the observer after each change."""

    def __init__(self, observer: Callable[[RunCounts], None] | None = None) -> None:
        self.rows: defaultdict[str, _Row] = defaultdict(_Row)
        self.requested = 0
        self.answered = 0
        self.not_stored = 0  # responses that could not be stored because the database refused the write
        # requests of the complete pass; known once all its feeds are read
        self.expected: int | None = None
        self._unread: set[str] = set()
        self._observer = observer or (lambda _: None)

    def changed(self) -> None:
        """Call the observer."""
        self._observer(self)

    def feed(self, source: str, check: FeedCheck, found: CheckCounts) -> None:
        """Count one poll."""
        row = self.rows[source]
        row.counts["feeds"] += 1
        if check.outcome in {"failed", "gone"}:
            row.error = row.error or check.error
        else:
            row.counts["feeds_read"] += 1
            row.counts["entries_new"] += found.new
            row.counts["rejected"] += sum(found.refused.values())
            row.reasons.update(found.refused)
        self.changed()

    def step(self, source: str, found: int) -> None:
        """Count one step of a gap or backfill: a page that lists older articles."""
        row = self.rows[source]
        row.counts["feeds"] += 1
        row.counts["feeds_read"] += 1
        row.counts["entries_new"] += found
        self.changed()

    def source_without_feeds(self, source: str, reason: str) -> None:
        """Count a source that cannot be polled at all."""
        row = self.rows[source]
        row.counts["feeds"] += 1
        row.error = reason

    def verdict(self, source: str | None, verdict: Verdict) -> None:
        """Count the verdict on one article request."""
        row = self.rows[source or ""]
        name = _column(verdict)
        if name:
            row.counts[name] += 1
        if isinstance(verdict, NewArticle) and verdict.is_copy:
            row.counts["copies"] += 1
        if len(row.reasons) > MOST_REASONS:
            row.reasons = Counter(dict(row.reasons.most_common(MOST_REASONS // 2)))
        if verdict.reason and name not in {None, "articles_new", "revised"}:
            row.reasons[verdict.reason] += 1
        self.changed()

    def queued(self, source: str, count: int) -> None:
        """Record how many entries are left for a later run."""
        self.rows[source].counts["waiting"] = count

    def not_looked(self, source: str, reason: str) -> None:
        """Count a source none of whose archive pages could be read, so that zero entries found proves nothing."""
        row = self.rows[source]
        row.counts["feeds"] = max(1, row.counts["feeds"])
        row.counts["feeds_read"] = 0
        row.error = reason
        self._unread.add(source)

    def total(self, name: str) -> int:
        """Sum one count over all sources."""
        return sum(row.counts[name] for row in self.rows.values())

    def totals(self) -> dict[str, int]:
        """The totals that are stored with the run."""
        return {
            name: self.total(name)
            for name in ("feeds", "entries_new", "articles_new", "revised", "copies", "rejected", "failed")
        }

    def sources(self) -> tuple[SourceCounts, ...]:
        """The summary: one row per source."""
        names = (
            "feeds",
            "feeds_read",
            "entries_new",
            "articles_new",
            "revised",
            "copies",
            "headline_only",
            "rejected",
            "failed",
            "waiting",
        )
        return tuple(
            SourceCounts(
                source=source,
                error=None if row.counts["feeds_read"] else row.error,
                reasons=dict(row.reasons.most_common()),
                **{name: row.counts[name] for name in names},
            )
            for source, row in sorted(self.rows.items())
        )

    def exit_code(self) -> int:
        """The exit code of the run.

        A source has failed when none of its feeds could be read. Failures of single articles do not count.
        """
        polled = [row for row in self.rows.values() if row.counts["feeds"]]
        failed = [row for row in polled if not row.counts["feeds_read"]]
        if self.not_stored and not any(
            row.counts["articles_new"] or row.counts["revised"] for row in self.rows.values()
        ):
            return FAILED
        # a backfill that could not list the older articles of some or all sources
        if self._unread:
            return SOME_FAILED
        if not failed:
            return DONE
        return ALL_FAILED if len(failed) == len(polled) else SOME_FAILED


def _column(verdict: Verdict) -> str | None:
    """The name of the count that a verdict adds to."""
    match verdict:
        case NewArticle():
            return "articles_new" if verdict.outcome == "new" else "headline_only"
        case FullerView():
            return "articles_new"
        case Revision():  # other causes, such as a new extractor, are not edits
            return "revised" if verdict.cause == "publisher" else None
        case NotArticle() | NotFound():
            return "rejected"
        case Retry():
            return "failed" if verdict.outcome == "failed" else "rejected"
        case _:
            return None
