"""Terminal output: tables, articles, progress. Data goes to stdout, the rest to stderr; colour only on a terminal."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from storage.article import Article
from storage.records import CrawlRun, parse_utc

# A title may contain an escape sequence, or reverse the order of its line.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


MAX_TITLE = 300  # characters of a headline that are displayed


def safe(text: object) -> str:
    """Text without control characters."""
    return _CONTROL.sub("", str(text if text is not None else ""))


def on_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


def stdout_console() -> Console:
    """A console on stdout with the width of the terminal; unbounded elsewhere."""
    return Console(
        file=sys.stdout,
        highlight=False,
        soft_wrap=not on_terminal(),
        width=None if on_terminal() else int(os.environ.get("COLUMNS", "0")) or 10_000,
    )


def stderr_console() -> Console:
    """A console on stderr."""
    return Console(file=sys.stderr, highlight=False, width=None if sys.stderr.isatty() else 160)


def message(text: str) -> None:
    """Print a message on stderr."""
    print(safe(text), file=sys.stderr, flush=True)


def local_time(kept: str | None) -> str:
    """A stored time in the reader's time zone, without seconds; a day alone stays a day."""
    if not kept:
        return ""
    with suppress(ValueError, OverflowError):  # an invalid time from another program is displayed unchanged
        return kept if len(kept) == 10 else parse_utc(kept).astimezone().strftime("%Y-%m-%d %H:%M")
    return kept


def zone_name() -> str:
    """The reader's time zone, for a table's caption."""
    now = datetime.now().astimezone()
    offset = now.strftime("%z")
    return "UTC" if now.tzname() == "UTC" else f"{now.tzname()} (UTC{offset[:3]}:{offset[3:]})"


def pluralize(number: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 source", "4 articles"."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def table(
    columns: Sequence[tuple[str, dict[str, Any]]],
    rows: Iterable[Sequence[object]],
    *,
    caption: str = "",
    report: bool = False,
) -> None:
    """A table on a terminal; elsewhere lines with tabs, except for a report, which is always a table."""
    if not on_terminal() and not report:
        for row in rows:
            print("\t".join(" ".join(safe(cell).split()) for cell in row))
        return
    shown = Table(box=None, pad_edge=False, header_style="bold", caption=caption or None, caption_justify="left")
    for name, options in columns:
        shown.add_column(name, **options)
    for row in rows:
        shown.add_row(*(cell if isinstance(cell, Text) else Text(safe(cell)) for cell in row))
    (Console(file=sys.stdout, highlight=False, width=140) if report and not on_terminal() else stdout_console()).print(
        shown
    )


def print_article(article: Article) -> None:
    """Print one article for reading."""
    console = stdout_console()
    console.print(Text(safe(article.title or "(no title)")[:MAX_TITLE], style="bold"))
    if article.subtitle:
        console.print(Text(safe(article.subtitle), style="italic"))
    facts = [", ".join(article.authors), local_time(article.published_at), article.section, article.source]
    console.print(Text(" · ".join(safe(f) for f in facts if f), style="dim"))
    console.print(Text(safe(article.url), style="dim"), soft_wrap=True)
    if article.url.startswith("tag:"):
        console.print(Text("[its text is the feed's, which gives no address for it]", style="dim"))
    elif article.completeness != "full":
        console.print(Text(f"[{article.completeness} only: the page was not read in full]", style="yellow"))
    body = article.text or article.summary or ""
    width = min(console.width, 88)
    for paragraph in body.split("\n\n"):
        console.print()
        console.print(Text(safe(paragraph)), width=width if on_terminal() else None, soft_wrap=not on_terminal())


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


def print_run(run: CrawlRun) -> None:
    """Print what a crawl found, one row per source; the last column has the reasons of failures."""
    columns: list[tuple[str, dict[str, Any]]] = [("source", {"no_wrap": True})]
    columns += [(title, {"justify": "right"}) for title, _ in _COLUMNS]
    columns.append(("errors", {"ratio": 1, "overflow": "fold"}))
    rows = []
    for counts in run.sources:
        why = [counts.error] if counts.error else []
        why += [f"{n} × {reason}" for reason, n in list(counts.reasons.items())[:3]]
        rows.append(
            [
                counts.source or "(fetched)",
                *(getattr(counts, name) for _, name in _COLUMNS),
                "; ".join(filter(None, why)),
            ]
        )
    if len(rows) > 1:
        rows.append(["total", *(run.total(name) for _, name in _COLUMNS), ""])
    table(columns, rows, report=True)


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
