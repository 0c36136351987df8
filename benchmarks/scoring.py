"""Score each page of the corpora, with newsdesk and trafilatura as it comes in the same processes.

What counts as right is decided by the corpus' own score_articles.py, which is loaded from its folder. This module
imports nothing of newsdesk: worker processes import it after a constant was changed (changed_constant.py).
"""

from __future__ import annotations

import gzip
import importlib
import importlib.util
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from benchmarks.changed_constant import Constant, change

CORPORA = ("zyte", "fundus", "trafilatura", "wcxb")
OURS, THEIRS = "newsdesk", "trafilatura"
FIELDS = ("title", "authors", "day", "minute")
WORKERS = 2
_TURN = 200  # pages
_J = TypeVar("_J")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageScore:
    """How right one reading of one page is; None where the corpus says nothing about a field."""

    corpus: str
    id: str
    host: str
    f1: float
    precision: float
    recall: float
    strings: tuple[int, int, int] | None = None  # found and right, found and wrong, missed
    words: float | None = None  # WCXB's own F1
    title: float | None = None
    authors: float | None = None
    day: float | None = None
    minute: float | None = None
    empty: bool
    problem: str | None
    error: str | None
    cpu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One page of a corpus and what is true of it."""

    corpus: str
    truth: dict[str, Any]


def load_scorer(folder: Path) -> ModuleType:
    """Load the corpus' score_articles.py."""
    spec = importlib.util.spec_from_file_location("score_articles", folder / "score_articles.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tasks_of(folder: Path) -> list[Task]:
    """Return every page of the corpora that are there."""
    found = []
    for corpus in CORPORA:
        path = folder / "corpus" / "articles" / corpus / "truth.jsonl"
        if path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            found += [Task(corpus=corpus, truth=json.loads(line)) for line in lines]
    return found


def harmonic(precision: float, recall: float) -> float:
    """Return F1 of a precision and a recall."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def read_body(scorer: ModuleType, task: Task) -> bytes:
    """Return the bytes of a page."""
    path: Path = scorer.ROOT / task.corpus / "pages" / f"{task.truth['id']}.html.gz"
    return gzip.decompress(path.read_bytes())


def score_page(scorer: ModuleType, extract: Callable[..., Any], task: Task) -> PageScore:
    """Extract one page and compare it with its truth."""
    body, error = read_body(scorer, task), None
    started = time.process_time()
    try:
        found = extract(body, url=task.truth["url"])
    except Exception as raised:  # a page that breaks the extractor is a result, as in the corpus' scorer
        found, error = None, f"{type(raised).__name__}: {raised}"[:200]
    cpu = time.process_time() - started
    text = getattr(found, "text", None) or ""
    return PageScore(
        corpus=task.corpus,
        id=task.truth["id"],
        host=urlsplit(task.truth["url"]).hostname or "",
        **score_text(scorer, task.truth, text),
        **_score_fields(scorer, task.truth, found),
        words=_word_f1(scorer, task.truth["body"], text) if task.corpus == "wcxb" else None,
        empty=not text.strip(),
        problem=getattr(found, "problem", None),
        error=error,
        cpu=cpu,
    )


def score_text(scorer: ModuleType, truth: dict[str, Any], text: str) -> dict[str, Any]:
    """Return precision, recall and F1 of a text: of shingles, or of strings that must and must not occur."""
    if "body" in truth:
        precision, recall = scorer.overlap(truth["body"], text)
        return {"precision": precision, "recall": recall, "f1": harmonic(precision, recall)}
    flat = " ".join(text.split())
    must, mustnot = ([" ".join(line.split()) in flat for line in truth.get(name, [])] for name in ("must", "mustnot"))
    right, wrong, missed = sum(must), sum(mustnot), len(must) - sum(must)
    precision, recall = right / max(1, right + wrong), right / max(1, right + missed)
    if not must:  # nothing but strings that must not occur
        precision = recall = float(not wrong)
    return {
        "precision": precision,
        "recall": recall,
        "f1": harmonic(precision, recall),
        "strings": (right, wrong, missed),
    }


def _word_f1(scorer: ModuleType, truth: str, text: str) -> float:
    wanted, found = (Counter(scorer.TOKEN.findall(words.lower())) for words in (truth, text))
    both = (wanted & found).total()
    return harmonic(both / found.total() if found else float(not wanted), both / wanted.total() if wanted else 1.0)


def _score_fields(scorer: ModuleType, truth: dict[str, Any], found: Any) -> dict[str, Any]:
    scores: dict[str, Any] = {}
    if truth.get("title"):
        scores["title"] = float(scorer.norm(truth["title"]) == scorer.norm(getattr(found, "title", None)))
    if truth.get("authors"):
        wanted, given = scorer.names(truth["authors"]), scorer.names(getattr(found, "authors", None))
        scores["authors"] = 2 * len(wanted & given) / (len(wanted) + len(given)) if wanted and given else 0.0
    if (when := scorer.moment(truth.get("date"))) is not None:
        day, minute = scorer.same_moment(when, scorer.moment(getattr(found, "published_at", None)))
        scores["day"] = float(day)
        if when.tzinfo:
            scores["minute"] = float(minute)
    return scores


def text_f1(scores: Sequence[PageScore]) -> float:
    """Return a corpus' text F1 as its scorer does: micro over strings, else of mean precision and mean recall."""
    return f1_of_sums([sum(column) for column in zip(*map(terms, scores), strict=True)], len(scores)) if scores else 0.0


def terms(score: PageScore) -> tuple[float, ...]:
    """Return what of a page is summed up for a corpus' F1."""
    return score.strings or (score.precision, score.recall)


def f1_of_sums(sums: Sequence[float], pages: int) -> float:
    """Return the F1 of a corpus from the sums over its pages (`terms`)."""
    if len(sums) == 3:
        right, wrong, missed = sums
        return harmonic(right / max(1, right + wrong), right / max(1, right + missed))
    precision, recall = sums
    return harmonic(precision / pages, recall / pages)


def mean_f1(scores: Iterable[PageScore]) -> float:
    """Return the mean F1 of pages, each page weighing the same whatever its corpus."""
    return statistics.fmean(score.f1 for score in scores)


# ---- worker processes -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Worker:
    scorer: ModuleType
    extractors: dict[str, Callable[..., Any]]


_worker: _Worker


def score_all(
    folder: Path, tasks: Sequence[Task], names: Sequence[str] = (OURS, THEIRS), changed: Constant | None = None
) -> dict[str, list[PageScore]]:
    """Score pages with each of the named extractors, with one constant changed or none.

    The extractors take turns, so both meet the same load of the machine; each turn is longer than the caches of
    trafilatura's functions, which newsdesk calls too, so that neither finds there what the other one paid for.
    """
    jobs = [
        (name, at)
        for start in range(0, len(tasks), _TURN)
        for name in names
        for at in range(start, min(start + _TURN, len(tasks)))
    ]
    rows = in_workers(folder, _score_job, [(name, tasks[at]) for name, at in jobs], warm=tasks[:2], changed=changed)
    found: dict[str, list[PageScore]] = {name: [] for name in names}
    for (name, _), score in zip(jobs, rows, strict=True):
        found[name].append(score)
    return found


def in_workers(
    folder: Path,
    function: Callable[[_J], _T],
    jobs: Sequence[_J],
    *,
    warm: Sequence[Task] = (),
    changed: Constant | None = None,
) -> list[_T]:
    """Call a function for each job in worker processes of their own, in which nothing is imported yet."""
    with ProcessPoolExecutor(
        WORKERS, mp_context=get_context("spawn"), initializer=_start, initargs=(folder, warm, changed)
    ) as pool:
        return list(pool.map(function, jobs, chunksize=4))


def _start(folder: Path, warm: Sequence[Task], changed: Constant | None) -> None:
    global _worker  # noqa: PLW0603 - a worker process has one
    if changed is not None:
        change(changed)
    scorer = load_scorer(folder)
    _worker = _Worker(scorer, {name: _extractor(scorer, name) for name in (OURS, THEIRS)})
    for task in warm:  # imports and caches are not the page's cost
        for name in (OURS, THEIRS):
            _score_job((name, task))


def _extractor(scorer: ModuleType, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = (
        importlib.import_module("crawler").extract if name == OURS else scorer.trafilatura_as_it_comes()
    )
    return found


def _score_job(job: tuple[str, Task]) -> PageScore:
    name, task = job
    return score_page(_worker.scorer, _worker.extractors[name], task)


def worker_scorer() -> ModuleType:
    """Return the scorer of this worker process."""
    return _worker.scorer


def progress(line: str) -> None:
    """Say what runs, beside the figures."""
    print(f"quality: {line}", file=sys.stderr, flush=True)
