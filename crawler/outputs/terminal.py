"""Terminal output: tables, articles, progress. Data goes to stdout, the rest to stderr; colour only on a terminal."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from storage.article import Article
from storage.utc import parse_utc

# A title may contain an escape sequence, or reverse the order of its line.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


MAX_TITLE = 300  # characters of a headline that are displayed


def safe(text: object) -> str:
    """Text without control characters."""
    return _CONTROL.sub("", str(text if text is not None else ""))


def shortened(name: str, most: int = 20) -> str:
    """A name for a narrow column."""
    return name if len(name) <= most else f"{name[: most - 1].rstrip()}…"


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
    for line in wrapped(safe(text), "  ") if sys.stderr.isatty() else [safe(text)]:
        print(line, file=sys.stderr, flush=True)


def wrapped(text: str, indent: str) -> list[str]:
    """A text as lines of the terminal's width, all but the first indented; addresses and words are not broken."""
    return textwrap.wrap(
        text, stderr_console().width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )


def say(text: str, indent: str = "  ") -> None:
    """Print a line of prose on stdout, wrapped on a terminal."""
    for line in wrapped(safe(text), indent) if on_terminal() else [safe(text)]:
        print(line)


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


def ago(kept: str | None, now: datetime) -> str:
    """A stored time as a person says it: "5 min ago", "in 2 h"; from a month on the day."""
    if not kept:
        return ""
    try:
        seconds = (now - parse_utc(kept)).total_seconds()
    except (ValueError, OverflowError):
        return kept
    size = abs(seconds)
    if size >= 30 * 86400:
        return local_time(kept)[:10]
    for limit, unit, name in ((90, 1, "s"), (90 * 60, 60, "min"), (36 * 3600, 3600, "h"), (size + 1, 86400, "d")):
        if size < limit:
            number = f"{size / unit:.0f} {name}"
            return "now" if size < 1 else f"{number} ago" if seconds > 0 else f"in {number}"
    return local_time(kept)


def table(
    columns: Sequence[tuple[str, dict[str, Any]]],
    rows: Iterable[Sequence[object]],
    *,
    caption: str = "",
    report: bool = False,
    paged: bool = False,
) -> None:
    """A table on a terminal; elsewhere lines with tabs, except for a report, which is always a table.

    A table leaves out the columns that are empty or 0 in all rows.

    Args:
        columns: a title and the options of rich's add_column.
        rows: a cell a column.
        caption: a line below.
        report: a table also where stdout is no terminal.
        paged: through the pager where it is longer than the terminal.
    """
    if not on_terminal() and not report:
        for row in rows:
            print("\t".join(" ".join(safe(cell).split()) for cell in row))
        return
    every = [list(row) for row in rows]
    if not every:
        return
    used = [n for n in range(len(columns)) if any(_says_something(row[n]) for row in every)]
    shown = Table(box=None, pad_edge=False, header_style="bold", caption=caption or None, caption_justify="left")
    for n in used:
        shown.add_column(columns[n][0], **columns[n][1])
    for row in every:
        shown.add_row(*(_cell(row[n]) for n in used))
    if report and not on_terminal():
        Console(file=sys.stdout, highlight=False, width=140).print(shown)
    elif paged:
        _print_paged(shown)
    else:
        stdout_console().print(shown)


def print_headlines(rows: Iterable[tuple[int, str, Sequence[str]]], *, caption: str = "", paged: bool = False) -> None:
    """Articles on a terminal: each headline at full width, below it, dimmed, the facts about it, then what it is for.

    Args:
        rows: id; lines, the first of which is the headline; the facts.
        caption: a line below.
        paged: as in table.
    """
    shown = []
    for number, text, facts in rows:
        headline, _, more = safe(text).partition("\n")
        line = " · ".join(safe(fact) for fact in facts if fact)
        shown.append([number, Text.assemble(headline, "\n", (line, "dim"), f"\n{more}" if more else "")])
    columns: list[tuple[str, dict[str, Any]]] = [
        ("id", {"justify": "right"}),
        ("headline", {"ratio": 1, "overflow": "fold"}),
    ]
    table(columns, shown, caption=caption, paged=paged)


def _says_something(value: object) -> bool:
    return bool(value.plain if isinstance(value, Text) else value)


def _cell(value: object) -> Text:
    return value if isinstance(value, Text) else Text(safe(value))


def _print_paged(shown: Table) -> None:
    """Print through the pager ($PAGER, else less) what is longer than the terminal, as git does."""
    console = stdout_console()
    with console.capture() as captured:
        console.print(shown)
    text = captured.get()
    if text.count("\n") < console.height or not sys.stdin.isatty():
        sys.stdout.write(text)
        return
    import click

    os.environ.setdefault("LESS", "FRX")
    click.echo_via_pager(text, color=True)


def note(label: str, text: str) -> None:
    """A line of a report behind its label, wrapped to the terminal."""
    start = f"{label} " if label == "!" else f"{label:<9} "
    say(f"{start}{text}", " " * len(start))


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
