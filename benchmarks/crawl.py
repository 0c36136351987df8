"""A complete crawl compared with two others, on a local news web (benchmarks/web.py).

    python -m benchmarks.crawl [--articles 500] [--hosts 12] [--rounds 3] [--json FILE] [--peers] [--broken] [--short]

Measures wall time, CPU, memory, requests and text. A is the naive way (benchmarks/naive.py), B the reference bound
(benchmarks/bound.py), C newsdesk: `newsdesk crawl` with default settings, except for the delays that a web on loopback
does not need. They run in turn, round by round, and medians are reported. Then newsdesk crawls the unchanged web once
more.
--short is C and A on a small web, for CI: it prints the ratios of their times, and fails if an article is lost, a
request is made twice, or memory exceeds its limit; never for time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sqlite3
import statistics
import sys
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import peers, sabotage, web
from benchmarks.process import machine, run

ROOT = Path(__file__).resolve().parent.parent
MEMORY = 400  # MB of all processes together, at most
_WORDS = re.compile(
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0e7f]|[^\\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0e7f]+"
)
Figures = dict[str, float]


def newsdesk(folder: Path, feeds: Sequence[str], *, module: str = "crawler", settings: str = "") -> list[str]:
    sources = "".join(
        f'[[source]]\nid = "s{n}"\nurl = "{feed.removesuffix("feed.xml")}"\nfeeds = ["{feed}"]\n'
        for n, feed in enumerate(feeds)
    )
    (folder / "newsdesk.toml").write_text(
        f'[http]\nallow_networks = ["127.0.0.0/8"]\n[politeness]\ndelay = 0\nper_host = 8\n{settings}{sources}'
    )
    return [sys.executable, "-m", module, "-q", "crawl"]


def naive(folder: Path, feeds: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "benchmarks.naive", str(folder / "news.db"), *feeds]


def bound(folder: Path, feeds: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "benchmarks.bound", str(folder / "news.db"), *feeds]


Way = Callable[[Path, Sequence[str]], list[str]]  # (its folder, the feeds) -> its command
RUNS: dict[str, Way] = {"A": naive, "B": bound, "C": newsdesk}


def feeds_of(pages: Sequence[web.Page]) -> list[str]:
    return [web.feed_url(host) for host in dict.fromkeys(page.host for page in pages)]


def measure(
    name: str, way: Way, folder: Path, pages: Sequence[web.Page], counts: Callable[[], dict[str, int]]
) -> Figures:
    """Run one of them, from process start to exit."""
    counts()
    used = run(way(folder, feeds_of(pages)), cwd=folder, env={"PYTHONPATH": str(ROOT)})
    if used.code:
        raise SystemExit(f"{name} ended with {used.code}: {used.stderr}")
    texts = stored(folder / "news.db", name)
    return {
        "wall_s": used.wall_s,
        "cpu_s": used.cpu_s,
        "pss_mb": used.pss_mb,
        **counts(),
        "stored": len(texts),
        "f1": f1_of(texts, pages),
    }


def stored(database: Path, name: str) -> dict[str, str]:
    """Text by address."""
    question = (
        "SELECT u.url, a.text FROM article_urls u JOIN articles a ON a.id = u.article_id WHERE u.kind <> 'canonical'"
        if name in {"C", "least"}
        else "SELECT url, text FROM pages"
    )
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        found = {url: text or "" for url, text in db.execute(question)}
    db.close()
    return found


def f1_of(texts: Mapping[str, str], pages: Sequence[web.Page]) -> float:
    """Mean F1 of runs of four words, over the pages with a known text; a missing text counts as empty."""
    scores = [_f1(page.truth, texts.get(page.url, "")) for page in pages if page.truth is not None]
    return round(statistics.mean(scores), 4) if scores else 0.0


def _f1(truth: str, found: str) -> float:
    a, b = _fours(truth), _fours(found)
    return 2 * (a & b).total() / (a.total() + b.total()) if a or b else 1.0


def _fours(text: str) -> Counter[tuple[str, ...]]:
    words = _WORDS.findall(unicodedata.normalize("NFC", text))
    return Counter(tuple(words[i : i + 4]) for i in range(max(1, len(words) - 3)) if words)


LIMIT = 2  # time limit of a page in seconds, where some hang


def broken(pages: Sequence[web.Page], rounds: int, folder: Path) -> dict[str, Any]:
    """C on a web, and on the same web where one page in fifty hangs or crashes its worker.

    Throughput is computed without the time limits of the hanging pages.
    """
    bad = {n: sabotage.HANGS if n % 100 == 25 else sabotage.CRASHES for n in range(25, len(pages), 50)}
    whole = [page for n, page in enumerate(pages) if n not in bad]
    marked = [replace(page, path=f"{bad[n]}{n}.html") if n in bad else page for n, page in enumerate(pages)]
    hang_s = sum(kind == sabotage.HANGS for kind in bad.values()) * LIMIT / (os.cpu_count() or 1)
    found: list[Figures] = []
    for number in range(rounds):
        figures: Figures = {"hang_s": hang_s, "expected": len(whole)}
        for name, module, shown in (("clean", "crawler", whole), ("broken", "benchmarks.sabotage", marked)):
            place = folder / f"{name}{number}"
            place.mkdir()
            with web.serving(shown):
                command = newsdesk(
                    place, feeds_of(shown), module=module, settings=f"[extract]\npage_timeout = {LIMIT}\n"
                )
                used = run(command, cwd=place, env={"PYTHONPATH": str(ROOT)})
            figures |= {f"{name}_wall_s": used.wall_s, f"{name}_stored": len(stored(place / "news.db", "C"))}
        figures["throughput"] = round(figures["clean_wall_s"] / (figures["broken_wall_s"] - hang_s), 3)
        found.append(figures)
        print(f"round {number + 1}: {figures}", file=sys.stderr)
    return {"machine": machine(), "bad": len(bad), **medians(found)}


def medians(rounds: Sequence[Figures]) -> Figures:
    return {name: round(statistics.median(figures[name] for figures in rounds), 4) for name in rounds[0]}


def ratio(figures: Mapping[str, Sequence[Figures]], name: str, kind: str, other: str) -> float:
    """The time of one way divided by another's, of each round; the median."""
    pairs = zip(figures[name], figures[other], strict=True)
    return round(statistics.median(mine[f"{kind}_s"] / theirs[f"{kind}_s"] for mine, theirs in pairs), 3)


def compare(
    runs: Mapping[str, Way], pages: Sequence[web.Page], counts: Callable[[], dict[str, int]], rounds: int, folder: Path
) -> dict[str, Any]:
    """Each in turn, then C on the unchanged web."""
    figures: dict[str, list[Figures]] = {name: [] for name in runs}
    second: list[Figures] = []
    for number in range(rounds):
        for name, way in runs.items():
            place = folder / f"{name}{number}"
            place.mkdir()
            figures[name].append(measure(name, way, place, pages, counts))
            print(f"round {number + 1} {name}: {figures[name][-1]}", file=sys.stderr)
        second.append(measure("C", newsdesk, folder / f"C{number}", pages, counts))
        print(f"round {number + 1} C again: {second[-1]}", file=sys.stderr)
    printed = {name: medians(found) for name, found in figures.items()}
    ratios = {
        f"C_{kind}_{other}": ratio(figures, "C", kind, other)
        for kind, other in (
            ("wall", "A"),
            ("wall", "B"),
            ("cpu", "A"),
            ("cpu", "B"),
            *(("wall", name) for name in runs if name not in RUNS),
        )
    }
    return {
        "machine": machine(),
        "rounds": rounds,
        "articles": len(pages),
        "runs": printed,
        "second": {"C": medians(second)},
        "ratios": ratios,
    }


def table(found: Mapping[str, Any]) -> str:
    names = {"A": "the naive way", "B": "the reference bound", "C": "newsdesk"}
    lines = [
        f"{'':22}{'wall s':>8}{'CPU s':>8}{'PSS MB':>8}{'requests':>10}{'articles':>10}{'stored':>8}{'text F1':>9}"
    ]
    rows = [(names.get(name, name), figures) for name, figures in found["runs"].items()] + [
        ("newsdesk, once more", found["second"]["C"])
    ]
    lines += [
        (
            f"{name:22}{f['wall_s']:8.2f}{f['cpu_s']:8.2f}{f['pss_mb']:8.0f}{f['requests']:10.0f}"
            f"{f['article_requests']:10.0f}{f['stored']:8.0f}{f['f1']:9.4f}"
        )
        for name, f in rows
    ]
    lines.append("ratios: " + ", ".join(f"{name} {value:g}" for name, value in found["ratios"].items()))
    return "\n".join(lines)


def short(pages: Sequence[web.Page], counts: Callable[[], dict[str, int]], folder: Path) -> int:
    """C twice and A; checks that do not depend on speed."""
    (folder / "A").mkdir()
    other = measure("A", naive, folder / "A", pages, counts)
    first, second = (measure("C", newsdesk, folder, pages, counts) for _ in range(2))
    wrong = [
        f"{figure} is {found:g}, expected {wanted}"
        for figure, found, wanted, right in (
            ("stored", first["stored"], len(pages), first["stored"] == len(pages)),
            ("article requests", first["article_requests"], len(pages), first["article_requests"] == len(pages)),
            ("article requests of the second pass", second["article_requests"], 0, second["article_requests"] == 0),
            ("memory in MB", first["pss_mb"], f"at most {MEMORY}", first["pss_mb"] <= MEMORY),
        )
        if not right
    ]
    print(f"naive: {other}\ncrawl: {first}\nagain: {second}")
    for name, found in (("a crawl", first), ("the second pass", second)):
        wall, cpu = (found[kind] / other[kind] for kind in ("wall_s", "cpu_s"))
        print(f"ratios of {name} to the naive way: wall {wall:.2f}, CPU {cpu:.2f}")
    for line in wrong:
        print(f"benchmarks.crawl: {line}", file=sys.stderr)
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=500)
    parser.add_argument("--hosts", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--peers", action="store_true", help="also the peers, each in an environment of its own (pip installs them)"
    )
    parser.add_argument(
        "--broken", action="store_true", help="C alone, beside itself with pages that hang or crash a worker"
    )
    parser.add_argument("--short", action="store_true", help="C and A, 120 articles: what must hold at any speed")
    parser.add_argument("--json", metavar="FILE", help="- is stdout")
    chosen = parser.parse_args()
    # Peers also fetch the images of a page: those of real pages are on real hosts.
    corpus = None if chosen.peers else web.CORPUS
    pages = web.build(120 if chosen.short else chosen.articles, chosen.hosts, corpus=corpus)
    with tempfile.TemporaryDirectory(prefix="newsdesk-bench-") as name:
        if chosen.broken:
            found = broken(pages, chosen.rounds, Path(name))
        else:
            with web.serving(pages) as counts:
                if chosen.short:
                    return short(pages, counts, Path(name))
                runs = {**RUNS, **(peers.install(Path(name)) if chosen.peers else {})}
                found = compare(runs, pages, counts, chosen.rounds, Path(name))
    if chosen.json and chosen.json != "-":
        Path(chosen.json).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1) if chosen.json == "-" or chosen.broken else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
