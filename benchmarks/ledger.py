"""The ledger of wrong pages: which step of the extraction lost a page's text, by counterfactual.

Each step is switched off by itself (a function is replaced with one that does nothing) and the page is read again; the
cause is the step without which the page's F1 gains most. Text that is nowhere in the parsed tree cannot be won back
that way: its gain is what the reading would have with it.
"""

from __future__ import annotations

import importlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from benchmarks.scoring import (
    PageScore,
    Task,
    harmonic,
    in_workers,
    read_body,
    score_page,
    score_text,
    worker_scorer,
)

NONE = "none"
NOT_IN_TREE = "parsing: not in the tree"
ENOUGH = 0.02  # F1 that a page gains at least without a step that is its cause
_PACKAGE = "crawler.extraction"
_MISFITS = ("TypeError", "IndexError", "AttributeError")  # of a stand-in that has not the arguments of its step


def _nothing(*_: Any, **__: Any) -> None:
    """Stand in for a step that changes its arguments."""


def _no(*_: Any, **__: Any) -> bool:
    return False


def _none(*_: Any, **__: Any) -> set[Any]:
    return set()


def _same(value: Any, *_: Any, **__: Any) -> Any:
    return value


def _reading(at: int) -> Callable[..., Any]:
    """Return a stand-in for choose_candidate that takes one of its readings."""

    def choose(*texts: str, **_: Any) -> Any:
        found = importlib.import_module(f"{_PACKAGE}.main_text").MainText
        return found(text=texts[at], source="trafilatura")

    return choose


def _densest(tree: Any, *_: Any, **__: Any) -> str:
    """Stand in for trafilatura: the densest part of the page."""
    main_text, split_body, measures = (
        importlib.import_module(f"{_PACKAGE}.{name}") for name in ("main_text", "split_body", "measures")
    )
    root = measures.body_of(tree)
    found: str = main_text._flat(split_body.densest_element(root, measures.measure(root)))  # noqa: SLF001
    return found


_ALWAYS = {"main_text._ENOUGH": float("inf")}  # never take the fast reading without looking at the others
# What each step is replaced with, by the name under which it is called; the first of two equal gains is the cause.
STEPS: dict[str, Mapping[str, Any]] = {
    "problem: text thrown away": {"page_type.page_problem": _nothing},
    "parsing: closing of unclosed tags": {"page.close_unclosed": _same},
    "parsing: limits": {
        "page.enforce_limits": lambda markup: (markup, None),
        "page.limit_tables": _nothing,
        "page.limit_lists": _nothing,
    },
    "hidden elements": {"boilerplate.find_hidden": _none},
    "copies of elements": {"boilerplate.find_copies": lambda *_: {}},
    "appeals": {"boilerplate.find_appeals": _none},
    "next articles": {"boilerplate.find_next_articles": _none},
    "boilerplate: class names and ids": {"boilerplate._rate": lambda _: 0},
    "boilerplate: tags and roles": {"boilerplate._BESIDE_TAGS": (), "boilerplate._BESIDE_ROLES": ()},
    "lines that are only a link": {"boilerplate._points_elsewhere": _no},
    "lines of links that are text": {"boilerplate.belongs_to_text": _no},
    "attributions of quotes": {"main_text._BESIDE": lambda _: ()},
    "paragraphs at empty lines": {"main_text.split_at_empty_lines": _nothing},
    "merge of a split body": {"main_text.merge_split_body": _no},
    "choice: not the fast reading": {**_ALWAYS, "main_text.choose_candidate": _reading(0)},
    "choice: not the densest part": {**_ALWAYS, "main_text.choose_candidate": _reading(1)},
    "choice: not the full reading": {**_ALWAYS, "main_text.choose_candidate": _reading(2)},
    "choice: not articleBody": {**_ALWAYS, "main_text.choose_candidate": _reading(3)},
    "trafilatura: not found in the pruned tree": {"main_text._trafilatura": _densest},
    "trimming of the start": {"trimming._trim_start": _same},
    "trimming of the end": {"trimming._trim_end": _same},
    "paywall offers": {"page_type.strip_offers": lambda _, text: (text, "full")},
    "boilerplate: several together": {"main_text.remove_boilerplate": _nothing},
}


@contextmanager
def without(step: str) -> Iterator[None]:
    """Switch one step off."""
    with ExitStack() as stack:
        for target, stand_in in STEPS[step].items():
            module, _, name = target.partition(".")
            home = importlib.import_module(f"{_PACKAGE}.{module}")
            if not hasattr(home, name):
                raise LookupError(
                    f"step {step!r}: there is no {target} any more; correct STEPS in benchmarks/ledger.py"
                )
            stack.enter_context(mock.patch.object(home, name, stand_in))
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The step that lost most of a page, and the F1 that the page gains without it."""

    step: str
    gain: float


def find_cause(scorer: ModuleType, task: Task, extract: Callable[..., Any]) -> Cause:
    """Read a page again without each step, and return the one that costs it most."""
    now = score_page(scorer, extract, task)
    gains = {NOT_IN_TREE: _missing(scorer, task, now)}
    for step in STEPS:
        with without(step):
            then = score_page(scorer, extract, task)
        if then.error != now.error and (then.error or "").startswith(_MISFITS):
            raise LookupError(
                f"step {step!r}: its stand-in fails ({then.error}); correct STEPS in benchmarks/ledger.py"
            )
        gains[step] = round(then.f1 - now.f1, 3)
    step = max(gains, key=gains.__getitem__)
    return Cause(step=step, gain=gains[step]) if gains[step] > ENOUGH else Cause(step=NONE, gain=0.0)


def _missing(scorer: ModuleType, task: Task, now: PageScore) -> float:
    """Return what a page's F1 would gain by the text that is nowhere in its tree, as in scripts and templates."""
    page_module = importlib.import_module(f"{_PACKAGE}.page")
    page = page_module.read_page(read_body(scorer, task), task.truth["url"])
    shown = page_module.text_of(page.tree) if page is not None else ""
    if "body" in task.truth:
        wanted, found = (Counter(scorer.TOKEN.findall(text)) for text in (task.truth["body"], shown))
        missing = (wanted - found).total() / max(1, wanted.total())
    else:
        missing = 1 - float(score_text(scorer, {**task.truth, "mustnot": []}, shown)["recall"])
    return round(harmonic(now.precision or 1.0, min(1.0, now.recall + missing)) - now.f1, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongPage:
    """A page of the ledger."""

    ours: PageScore
    theirs: PageScore
    cause: Cause

    @property
    def loss(self) -> float:
        """What its F1 is below trafilatura's."""
        return self.theirs.f1 - self.ours.f1


def worst_pages(
    folder: Path, tasks: Sequence[Task], runs: Mapping[str, Sequence[PageScore]], count: int
) -> tuple[list[WrongPage], list[WrongPage]]:
    """Return the pages with the largest loss against trafilatura, and those with the lowest F1, with their causes."""
    ours, theirs = runs.values()
    pairs = list(zip(ours, theirs, strict=True))
    losing = [at for at, (a, b) in enumerate(pairs) if a.f1 < b.f1 - 0.0005]
    losing = sorted(losing, key=lambda at: pairs[at][0].f1 - pairs[at][1].f1)[:count]
    low = sorted((at for at in range(len(pairs)) if ours[at].f1 < 1), key=lambda at: ours[at].f1)[:count]
    wanted = sorted({*losing, *low})
    causes = dict(zip(wanted, in_workers(folder, _cause_task, [tasks[at] for at in wanted]), strict=True))

    def pages(numbers: Sequence[int]) -> list[WrongPage]:
        return [WrongPage(ours=ours[at], theirs=theirs[at], cause=causes[at]) for at in numbers]

    return pages(losing), pages(low)


def _cause_task(task: Task) -> Cause:
    return find_cause(worker_scorer(), task, importlib.import_module("crawler").extract)


def lines(pages: Sequence[WrongPage]) -> Iterator[str]:
    """Print pages one a line, then the causes with their pages and what these gain without them."""
    for page in pages:
        yield (
            f"{page.loss:+.3f}  {page.ours.f1:.3f} {page.theirs.f1:.3f}  {page.cause.gain:+.3f} {page.cause.step:42} "
            f"{page.ours.corpus:11} {page.ours.host[:40]:40} {page.ours.id}"
            f"{f'  ({page.ours.problem})' if page.ours.problem else ''}"
        )
    counts = Counter(page.cause.step for page in pages)
    gains: defaultdict[str, float] = defaultdict(float)
    for page in pages:
        gains[page.cause.step] += page.cause.gain
    yield ""
    for step, number in counts.most_common():
        yield f"{number:4} pages, F1 {gains[step]:6.2f} in sum: {step}"
