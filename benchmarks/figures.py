"""The figures of a run as tables, for the terminal and for docs/quality.md."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.comparison import Choice, Moved, in_folds, interval, worse
from benchmarks.scoring import CORPORA, FIELDS, OURS, THEIRS, PageScore, mean_f1, text_f1

ALL = "all"
Runs = Mapping[str, Sequence[PageScore]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The figures of one corpus, or of all of them (text F1 then is the mean of the pages)."""

    name: str
    ours: dict[str, float]
    theirs: dict[str, float]
    low: float
    high: float

    @property
    def lead(self) -> float:
        """Text F1 above trafilatura's."""
        return self.ours["f1"] - self.theirs["f1"]


def parts_of(runs: Runs) -> list[Part]:
    """Return the figures of each corpus, then of all."""
    found = []
    for name in (*CORPORA, ALL):
        ours, theirs = ([s for s in runs[reader] if name in {s.corpus, ALL}] for reader in (OURS, THEIRS))
        if not ours:
            continue
        low, high = interval(ours, theirs, pages=name == ALL)
        figures = figures_of(ours, name) | {"worse": worse(ours, theirs)}
        found.append(Part(name=name, ours=figures, theirs=figures_of(theirs, name), low=low, high=high))
    return found


def figures_of(scores: Sequence[PageScore], name: str) -> dict[str, float]:
    """Return the figures of one reading of the pages of a corpus."""
    found = {
        "pages": float(len(scores)),
        "f1": mean_f1(scores) if name == ALL else text_f1(scores),
        "empty": float(sum(score.empty for score in scores)),
        "errors": float(sum(score.error is not None for score in scores)),
        "alarms": statistics.fmean(score.problem is not None for score in scores),
        "cpu_ms": 1000 * statistics.fmean(score.cpu for score in scores),
    }
    for figure in () if name == ALL else ("words", *FIELDS):
        values = [value for score in scores if (value := getattr(score, figure)) is not None]
        if values:
            found[figure] = statistics.fmean(values)
    return found


def short(figure: float, *, sign: bool = False, digits: int = 3) -> str:
    """Write a figure of 0 to 1 as in the tables: .974, +.008, −.003."""
    text = f"{figure:{'+' if sign else ''}.{digits}f}".replace("-", "−")
    return text.replace("0.", ".", 1) if text.lstrip("+−").startswith("0.") else text


_COLUMNS = ("f1", "words", *FIELDS, "empty", "errors", "cpu_ms")
_HEADS = ("text F1", "word F1", *FIELDS, "empty", "errors", "CPU ms")


def _cell(figures: Mapping[str, float], column: str) -> str:
    if column not in figures:
        return ""
    value = figures[column]
    return f"{value:.0f}" if column in {"empty", "errors"} else f"{value:.1f}" if column == "cpu_ms" else short(value)


def lead_line(part: Part) -> str:
    """Describe the difference of a corpus in one line."""
    return (
        f"{short(part.lead, sign=True)} ({short(part.low, sign=True)} to {short(part.high, sign=True)}), "
        f"{part.ours['worse']:.1%} of the pages worse by more than .03"
    )


def table(parts: Sequence[Part]) -> Iterator[str]:
    """Print each corpus: newsdesk, trafilatura, and the difference of the text with its 95 % interval."""
    yield f"{'':26} {'pages':>5} " + " ".join(f"{head:>8}" for head in _HEADS)
    for part in parts:
        for reader, figures in ((OURS, part.ours), (THEIRS, part.theirs)):
            cells = " ".join(f"{_cell(figures, column):>8}" for column in _COLUMNS)
            yield f"{part.name:12} {reader:13} {figures['pages']:5.0f} {cells}"
        yield (
            f"{part.name:12} text {lead_line(part)}; {part.ours['alarms']:.2%} taken for something else than an article; "
            f"CPU 1 : {part.theirs['cpu_ms'] / max(1e-6, part.ours['cpu_ms']):.2f}"
        )


def markdown(parts: Sequence[Part]) -> Iterator[str]:
    """Write the table of docs/quality.md."""
    yield "| | " + " | ".join(f"{part.name} ({part.ours['pages']:,.0f})" for part in parts) + " |"
    yield "|---|" + "---|" * len(parts)
    rows = [("text F1", "f1"), ("word F1", "words"), *((field, field) for field in FIELDS), ("no text", "empty")]
    for head, column in [*rows, ("errors", "errors"), ("CPU per page, ms", "cpu_ms")]:
        cells = [
            f"**{_cell(part.ours, column)}** / {_cell(part.theirs, column)}" if column in part.ours else ""
            for part in parts
        ]
        yield f"| {head} | " + " | ".join(cells) + " |"
    yield (
        "| difference of text F1, 95 % interval | "
        + " | ".join(
            f"{short(p.lead, sign=True)} ({short(p.low, sign=True)} to {short(p.high, sign=True)})" for p in parts
        )
        + " |"
    )
    ratios = (part.theirs["cpu_ms"] / max(1e-6, part.ours["cpu_ms"]) for part in parts)
    yield "| CPU of trafilatura / of newsdesk | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |"
    yield "| pages worse by more than .03 | " + " | ".join(f"{part.ours['worse']:.1%}" for part in parts) + " |"
    yield "| taken for no article | " + " | ".join(f"{part.ours['alarms']:.2%}" for part in parts) + " |"


def fold_rows(runs: Runs) -> Iterator[tuple[str, ...]]:
    """Return a row per fold: hosts, pages, mean page F1 of both readers, the difference with its interval."""
    yield ("fold", "hosts", "pages", OURS, THEIRS, "difference, 95 % interval", "worse")
    for fold, (ours, theirs) in enumerate(zip(in_folds(runs[OURS]), in_folds(runs[THEIRS]), strict=True)):
        if not ours:
            continue
        low, high = interval(ours, theirs, pages=True)
        a, b = mean_f1(ours), mean_f1(theirs)
        yield (
            str(fold), str(len({score.host for score in ours})), str(len(ours)), short(a), short(b),
            f"{short(a - b, sign=True)} ({short(low, sign=True)} to {short(high, sign=True)})",
            f"{worse(ours, theirs):.1%}",
        )  # fmt: skip


def choice_rows(choices: Mapping[str, tuple[Any, Sequence[Choice]]]) -> Iterator[tuple[str, ...]]:
    """Return a row per constant: today's value, and for each fold the best value elsewhere and what it gives there."""
    folds = sorted({choice.fold for _, found in choices.values() for choice in found})
    yield ("constant", "value", *(f"fold {fold}" for fold in folds), "all pages")
    for name, (today, found) in choices.items():
        cells = {
            choice.fold: f"{choice.value}: {short(choice.f1, digits=4)} ({_gain(choice.f1 - choice.today)})"
            for choice in found
        }
        gain = sum((c.f1 - c.today) * c.pages for c in found) / max(1, sum(c.pages for c in found))
        row = (cells.get(fold, "") for fold in folds)
        yield (name.removeprefix("crawler.extraction."), str(today), *row, _gain(gain))


def _gain(gain: float) -> str:
    return "0" if abs(gain) < 0.00005 else short(gain, sign=True, digits=4)


def moved_lines(moved: Sequence[Moved]) -> Iterator[str]:
    """Print on which hosts a change helps and hurts, per figure and corpus."""
    for one in moved:
        for corpus in CORPORA:
            helped, hurt = one.helped.get(corpus, ()), one.hurt.get(corpus, ())
            if helped or hurt:
                yield f"{one.figure:8} {corpus:12} helps on {len(helped):3} hosts, hurts on {len(hurt):3}: " + " ".join(
                    [f"+{host}" for host in helped[:6]] + [f"-{host}" for host in hurt[:6]]
                )
        if one.helped or one.hurt:
            yield f"{one.figure:8} {'in all':12} {'stays' if one.stays else 'does not stay'}"


def aligned(rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """Print rows in columns."""
    found = list(rows)
    widths = [max(len(row[at]) for row in found) for at in range(len(found[0]))]
    for row in found:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def as_markdown(rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """Write rows as a Markdown table."""
    for number, row in enumerate(rows):
        yield f"| {' | '.join(row)} |"
        if not number:
            yield "|---" * len(row) + "|"


def write_block(path: Path, name: str, lines: Iterator[str]) -> None:
    """Replace what is between the comments `<!-- NAME -->` and `<!-- /NAME -->` of a document."""
    text = path.read_text(encoding="utf-8")
    before, begins, rest = text.partition(f"<!-- {name} -->\n")
    _, ends, after = rest.partition(f"<!-- /{name} -->")
    if not begins or not ends:
        raise SystemExit(f"quality: {path} has no place for the table {name!r} (<!-- {name} --> … <!-- /{name} -->)")
    body = "\n".join(lines)
    path.write_text(f"{before}{begins}\n{body}\n\n{ends}{after}", encoding="utf-8")
