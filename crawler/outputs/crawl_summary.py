"""What a crawl prints: a bar while it runs, and what it found."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from crawler.outputs.terminal import note, pluralize, safe, shortened, stderr_console, table
from storage.records import CrawlRun

_COLUMNS = (
    ("entries", "entries_new"),
    ("new", "articles_new"),
    ("revised", "revised"),
    ("copies", "copies"),
    ("headline only", "headline_only"),
    ("rejected", "rejected"),
    ("failed", "failed"),
    ("queued", "waiting"),
)


def print_run(run: CrawlRun, names: Mapping[str, str]) -> None:
    """Print what a crawl found: a row for each source with something new or wrong, then the reasons.

    Args:
        run: the crawl.
        names: the name of each source.
    """
    columns: list[tuple[str, dict[str, Any]]] = [("source", {"no_wrap": True})]
    columns += [(title, {"justify": "right"}) for title, _ in _COLUMNS]
    shown = [counts for counts in run.sources if any(getattr(counts, name) for _, name in _COLUMNS)]
    rows = [[_name(counts.source, names), *(getattr(counts, name) for _, name in _COLUMNS)] for counts in shown]
    if len(rows) > 1:
        rows.append(["total", *(run.total(name) for _, name in _COLUMNS)])
    if rows:
        table(columns, rows, report=True)
    for counts in run.sources:
        why = [counts.error] if counts.error else []
        why += [f"{n} × {reason}" for reason, n in list(counts.reasons.items())[:3]]
        if why:
            note("!", f"{_name(counts.source, names)}: {'; '.join(why)}")


def _name(source: str, names: Mapping[str, str]) -> str:
    return shortened(safe(names.get(source, source) or "(fetched)"), 24)


def summary(run: CrawlRun, database: str) -> str:
    """The last line of a crawl."""
    ended = "interrupted: " if run.exit_code in {130, 143} else ""
    new, revised, partial = run.total("articles_new"), run.total("revised"), run.total("headline_only")
    found = [f"{new:,} new", f"{revised:,} revised"] + ([f"{partial:,} by headline only"] if partial else [])
    failed = sum(counts.error is not None for counts in run.sources)
    at = f" at {pluralize(len(run.sources), 'source')}" + (f", {failed} of which failed" if failed else "")
    waiting = run.total("waiting")
    more = f"; {waiting:,} more wait for the next `newsdesk crawl`" if waiting else ""
    return (
        f"{ended}{', '.join(found) if any((new, revised, partial)) else 'nothing new'}{at}; stored in {database}{more}"
    )


@contextmanager
def progress(enabled: bool) -> Iterator[Any]:
    """A bar with counts, on a terminal only; yields the observer of a run, or None."""
    if not enabled or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    began = time.monotonic()
    with Progress(*columns, console=stderr_console(), transient=True) as bar:
        task = bar.add_task("reading feeds", total=None, rate="")

        def observe(counts: Any) -> None:
            new, revised, failed = counts.total("articles_new"), counts.total("revised"), counts.total("failed")
            known = counts.expected is not None
            bar.update(
                task,
                total=max(counts.expected, counts.requested) if known else None,
                completed=counts.answered,
                description=f"{'' if known else 'reading feeds, '}{new} new, {revised} revised, {failed} failed",
                rate=f"{counts.answered / max(time.monotonic() - began, 0.1):.1f}/s",
            )

        yield observe
