"""Compare two readings of the same pages: intervals, pages that lose, five folds of hosts, thresholds, saved runs."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import random
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.scoring import FIELDS, PageScore, f1_of_sums, mean_f1, terms

FOLDS = 5
RESAMPLES = 2000
SEED = 17
WORSE = 0.03  # page F1 below trafilatura's from which a page is worse
_MOVED = 0.005  # mean of a host's pages from which a change helps or hurts it
_HOSTS, _CORPORA = 3, 2  # that a rule written by hand must help


def interval(ours: Sequence[PageScore], theirs: Sequence[PageScore], *, pages: bool = False) -> tuple[float, float]:
    """Return the 95 % interval of the difference of text F1, by a bootstrap over pages, each with both readings.

    Args:
        ours: one reading.
        theirs: the other, of the same pages in the same order.
        pages: of the mean F1 of pages, as over several corpora, instead of the corpus' own F1.
    """
    count = len(ours)
    choose = random.Random(SEED).choices
    if pages:
        gains = [a.f1 - b.f1 for a, b in zip(ours, theirs, strict=True)]
        found = [statistics.fmean(choose(gains, k=count)) for _ in range(RESAMPLES)]
    else:
        pairs = [(*terms(a), *terms(b)) for a, b in zip(ours, theirs, strict=True)]
        half = len(pairs[0]) // 2
        found = []
        for _ in range(RESAMPLES):
            sums = [sum(column) for column in zip(*choose(pairs, k=count), strict=True)]
            found.append(f1_of_sums(sums[:half], count) - f1_of_sums(sums[half:], count))
    found.sort()
    return found[round(0.025 * RESAMPLES)], found[round(0.975 * RESAMPLES) - 1]


def worse(ours: Sequence[PageScore], theirs: Sequence[PageScore]) -> float:
    """Return the share of pages whose F1 is lower by more than WORSE."""
    return statistics.fmean(a.f1 < b.f1 - WORSE for a, b in zip(ours, theirs, strict=True))


def fold_of(host: str) -> int:
    """Return the fold of a host, 0 to 4, by its SHA-256: all pages of a host are in one fold."""
    return int.from_bytes(hashlib.sha256(host.removeprefix("www.").encode()).digest(), "big") % FOLDS


def in_folds(scores: Iterable[PageScore]) -> list[list[PageScore]]:
    """Return the pages of each fold."""
    found: list[list[PageScore]] = [[] for _ in range(FOLDS)]
    for score in scores:
        found[fold_of(score.host)].append(score)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The best value of a constant on four folds, and what it and today's value reach on the fifth."""

    fold: int
    pages: int
    value: Any
    f1: float
    today: float


def choose_values(runs: Mapping[Any, Sequence[PageScore]], today: Any) -> list[Choice]:
    """Choose a value for each fold on the other four, by the mean F1 of pages; today's value wins a tie."""
    folds = {value: in_folds(scores) for value, scores in runs.items()}
    found = []
    for fold in range(FOLDS):
        if not folds[today][fold]:
            continue

        def elsewhere(value: Any, left_out: int = fold) -> tuple[float, bool]:
            others = [score for at, scores in enumerate(folds[value]) if at != left_out for score in scores]
            return (round(mean_f1(others), 6) if others else 0.0), value == today

        best = max(folds, key=elsewhere)
        found.append(
            Choice(
                fold=fold,
                pages=len(folds[best][fold]),
                value=best,
                f1=mean_f1(folds[best][fold]),
                today=mean_f1(folds[today][fold]),
            )
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """On which hosts a change helps and hurts one figure, per corpus."""

    figure: str
    helped: dict[str, tuple[str, ...]]
    hurt: dict[str, tuple[str, ...]]

    @property
    def stays(self) -> bool:
        """Whether the change helps on at least three hosts in at least two corpora, and hurts on fewer."""
        better = {host for hosts in self.helped.values() for host in hosts}
        other = {host for hosts in self.hurt.values() for host in hosts}
        corpora = sum(bool(hosts) for hosts in self.helped.values())
        return len(better) >= _HOSTS and corpora >= _CORPORA and len(other) < len(better)


def moved_hosts(before: Sequence[PageScore], after: Sequence[PageScore]) -> list[Moved]:
    """Compare two runs host by host, for the text and each field."""
    earlier = {(score.corpus, score.id): score for score in before}
    found = []
    for figure in ("f1", *FIELDS):
        changes: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        for score in after:
            old = getattr(earlier.get((score.corpus, score.id)), figure, None)
            new = getattr(score, figure)
            if old is not None and new is not None:
                changes[score.corpus, score.host].append(new - old)
        helped: defaultdict[str, list[str]] = defaultdict(list)
        hurt: defaultdict[str, list[str]] = defaultdict(list)
        for (corpus, host), values in changes.items():
            change = statistics.fmean(values)
            if abs(change) > _MOVED:
                (helped if change > 0 else hurt)[corpus].append(host)
        found.append(
            Moved(
                figure=figure,
                helped={corpus: tuple(sorted(hosts)) for corpus, hosts in helped.items()},
                hurt={corpus: tuple(sorted(hosts)) for corpus, hosts in hurt.items()},
            )
        )
    return found


def save(path: Path, runs: Mapping[str, Sequence[PageScore]]) -> None:
    """Write a run, to compare another with it."""
    rows = {name: [dataclasses.asdict(score) for score in scores] for name, scores in runs.items()}
    path.write_text(json.dumps(rows), encoding="utf-8")


def load(path: Path) -> dict[str, list[PageScore]]:
    """Read a run that `save` wrote."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: [PageScore(**{**row, "strings": tuple(row["strings"]) if row["strings"] else None}) for row in scores]
            for name, scores in rows.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise SystemExit(f"quality: {path} is not a run written with --save: {error}") from None
