"""A crawl of twelve outlets with learning, without it, and trafilatura as it comes on the same pages.

    python -m benchmarks.outlets [--json FILE] [--seed 1] [--articles 60] [--rounds 1] [--costs ROUNDS]

Each outlet has sixty articles of one template, with its own boilerplate (outlets.py in NEWSDESK_CORPUS makes them).
They are published in three steps, and crawled after each, so that the last thirty are read by what was learned. Then
every article is rechecked, unchanged, twice: each edit is a false one.
--costs compares a crawl of all pages with the naive spider A and the reference bound B of benchmarks.crawl, and with
newsdesk that parses each page and reads next to nothing of it (benchmarks/least.py): what any learned rule must cost.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import json
import os
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from benchmarks import crawl as crawls
from benchmarks import web
from benchmarks.crawl import feeds_of, newsdesk, stored
from benchmarks.process import machine, run
from benchmarks.scoring import load_scorer

ROOT = Path(__file__).resolve().parent.parent
STEPS = (10, 30, 60)  # articles of each outlet that are published before each crawl
BAND = "31-60"


@dataclass(frozen=True, slots=True)
class Crawled:
    """What a crawl of all steps came to."""

    texts: Mapping[str, str]
    cpu_s: float
    false_edits: int


def load_outlets(folder: Path) -> ModuleType:
    """Load the program that makes the outlets."""
    spec = importlib.util.spec_from_file_location("outlets", folder / "outlets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["outlets"] = module
    spec.loader.exec_module(module)
    return module


def served(page: Any, now: datetime) -> web.Page:
    """Return a page of an outlet as one of the local web, its addresses rewritten to that."""
    host = web.host(page.outlet - 1)
    old, new = f"https://{urlsplit(page.url).netloc}", f"http://{host}:{web.PORT}"
    body = page.html.replace(old.encode(), new.encode())
    body = body.replace(old.replace("/", "\\/").encode(), new.replace("/", "\\/").encode())
    return web.Page(
        host=host,
        path=urlsplit(page.url).path,
        title=page.title,
        published=now - timedelta(hours=100 - page.number),
        body=body,
        truth=page.truth,
    )


def crawl(pages: Sequence[Any], folder: Path, *, learn: bool) -> Crawled:
    """Crawl the outlets step by step, then recheck every article twice."""
    now = datetime.now(UTC).replace(microsecond=0)
    settings = f"[schedule]\nrecheck = ['5d']\n[extract]\nlearn = {str(learn).lower()}\n"
    cpu = 0.0
    database = folder / "news.db"
    for step in STEPS:
        shown = [served(page, now) for page in pages if page.number <= step]
        command = newsdesk(folder, feeds_of(shown), settings=settings)
        with web.serving(shown):
            cpu += _run(command, folder)
    texts = stored(database, "C")
    with web.serving([served(page, now) for page in pages]):
        for _ in range(2):
            _let_rechecks_be_due(database)
            _run(command, folder)
    return Crawled(texts=texts, cpu_s=cpu, false_edits=_edits(database))


def _run(command: list[str], folder: Path) -> float:
    used = run(command, cwd=folder, env={"PYTHONPATH": str(ROOT)})
    if used.code:
        raise SystemExit(f"newsdesk ended with {used.code}: {used.stderr}")
    return used.cpu_s


def _let_rechecks_be_due(database: Path) -> None:
    with sqlite3.connect(database) as db:
        db.execute("UPDATE articles SET recheck_at = '2026-01-01T00:00:00Z', recheck_leased_until = NULL")
        db.execute("UPDATE articles SET etag = NULL, last_modified = NULL")  # each page is read, not only asked for
    db.close()


def _edits(database: Path) -> int:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        found = db.execute("SELECT count(*) FROM revisions WHERE number > 1 AND cause = 'publisher'").fetchone()[0]
    db.close()
    return int(found)


def lost_sentences(
    outlets: ModuleType, pages: Iterable[Any], plain: Mapping[str, str], learned: Mapping[str, str]
) -> list[str]:
    """Return the sentences of the truth that the plain reading has and the learned one has not."""
    return [
        part
        for page in pages
        for line in page.truth.split("\n")
        for part in (outlets.flat(sentence).rstrip(".") for sentence in line.split(". "))
        if part and part in outlets.flat(plain[page.url]) and part not in outlets.flat(learned[page.url])
    ]


def measure(folder: Path, *, seed: int, articles: int, rounds: int) -> dict[str, Any]:
    """Crawl in the two ways, read with trafilatura, and score all three; the two in turn, as often as is said."""
    outlets = load_outlets(folder)
    pages = outlets.build(12, articles, seed)
    as_it_comes = load_scorer(folder).trafilatura_as_it_comes()
    now = datetime.now(UTC)
    addresses = {page.url: served(page, now).url for page in pages}
    crawled: dict[str, Crawled] = {}
    cpu: dict[str, list[float]] = {"learned": [], "plain": []}
    for _ in range(rounds):
        for name, spent in cpu.items():
            with tempfile.TemporaryDirectory() as made:
                crawled[name] = crawl(pages, Path(made), learn=name == "learned")
            spent.append(crawled[name].cpu_s)
    texts = {
        name: {page: one.texts.get(address, "") for page, address in addresses.items()} for name, one in crawled.items()
    }
    texts["trafilatura"] = {
        page.url: (found.text or "") if (found := as_it_comes(page.html, url=page.url)) else "" for page in pages
    }
    figures = {name: outlets.score(pages, found)["overall"].get(BAND) for name, found in texts.items()}
    lost = lost_sentences(outlets, pages, texts["plain"], texts["learned"])
    for sentence in lost[:20]:
        print(f"lost: {sentence}", file=sys.stderr)
    return {
        "machine": machine(),
        "pages_31_60": figures,
        "lost": len(lost),
        "false_edits": crawled["learned"].false_edits,
        "cpu_s": {name: round(statistics.median(spent), 2) for name, spent in cpu.items()},
        "cpu_learned_plain": round(
            statistics.median(a / b for a, b in zip(cpu["learned"], cpu["plain"], strict=True)), 4
        ),
    }


def costs(folder: Path, *, seed: int, articles: int, rounds: int) -> dict[str, Any]:
    """Crawl all pages at once in four ways, in turn; the ratios are medians of the rounds."""
    now = datetime.now(UTC).replace(microsecond=0)
    shown = [served(page, now) for page in load_outlets(folder).build(12, articles, seed)]
    ways: dict[str, crawls.Way] = {**crawls.RUNS, "least": functools.partial(newsdesk, module="benchmarks.least")}
    figures: dict[str, list[crawls.Figures]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as made, web.serving(shown) as counts:
        for number in range(rounds):
            for name, way in ways.items():
                place = Path(made) / f"{name}{number}"
                place.mkdir()
                figures[name].append(crawls.measure(name, way, place, shown, counts))
    return {
        f"{name}_{kind}_{other}": crawls.ratio(figures, name, kind, other)
        for name in ("C", "least")
        for kind, other in (("cpu", "A"), ("wall", "A"), ("wall", "B"))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--articles", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=1, help="crawls of each way; the CPU is the median")
    parser.add_argument("--costs", type=int, default=0, metavar="ROUNDS", help="compare with A, B and the least")
    args = parser.parse_args()
    folder = Path(os.environ.get("NEWSDESK_CORPUS") or ROOT.parent / "shared").resolve()
    if not (folder / "outlets.py").exists():
        print(f"outlets: no outlets.py at {folder} (NEWSDESK_CORPUS says where); nothing is measured")
        return
    found = measure(folder, seed=args.seed, articles=args.articles, rounds=args.rounds)
    if args.costs:
        found["ratios"] = costs(folder, seed=args.seed, articles=args.articles, rounds=args.costs)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, figures in found["pages_31_60"].items():
        print(f"{name:12} F1 {figures['f1']:.4f}  precision {figures['precision']:.4f}  recall {figures['recall']:.4f}")
    for name, ratio in found.get("ratios", {}).items():
        print(f"{name:14} {ratio}")
    print(
        f"lost sentences {found['lost']}, false edits {found['false_edits']}, CPU learned / plain {found['cpu_learned_plain']}"
    )


if __name__ == "__main__":
    main()
