"""The query language under random input: errors, and the time of an answer.

    python -m benchmarks.queries [--articles 100000] [--strings 10000] [--keep FOLDER] [--json FILE]

Strings are random: letters of eight scripts, operators, quotes, parentheses, words that the archive has. Each is answered
as `newsdesk search` does for a person: thirty hits with snippets. Aim: no error, 95 of 100 under 50 ms with 100,000
articles (benchmarks/archive.py).
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks import archive
from benchmarks.process import machine
from storage.errors import StorageError
from storage.records import Filter
from storage.store import Store, open_store

SCRIPTS = (
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдежзийклмно",
    "αβγδεζηθικλμ",
    "ابتثجحخدذرز",
    "अआइईउऊकखगघ",
    "กขคฆงจฉชซ",
    "北京大桥上海东",
    "가나다라마바사",
)
SIGNS = (
    '"',
    "(",
    ")",
    "-",
    "*",
    ":",
    " OR ",
    " NOT ",
    " AND ",
    "title:",
    "author:",
    "source:",
    "lang:en ",
    "«",
    "，",
    "\0",
    "🙂",
)


def strings(words: list[str], count: int, draw: random.Random) -> list[str]:
    """So many random queries."""
    found = []
    for _ in range(count):
        parts = []
        for _ in range(draw.randint(1, 6)):
            kind = draw.random()
            if kind < 0.4:
                parts.append(draw.choice(words))
            elif kind < 0.7:
                parts.append(draw.choice(SIGNS))
            else:
                script = draw.choice(SCRIPTS)
                parts.append("".join(draw.choices(script, k=draw.randint(1, 6))))
            parts.append(draw.choice((" ", " ", "")))
        found.append("".join(parts))
    return found


def answered(store: Store, queries: list[str]) -> tuple[list[float], Counter[str], list[tuple[float, str]]]:
    """Seconds a query, the errors, and the slowest."""
    took, errors = [], Counter[str]()
    for query in queries:
        began = time.perf_counter()
        try:
            for _ in store.search(query, Filter(limit=30)):
                pass
        except StorageError as error:
            errors[f"{type(error).__name__}: {error}"] += 1
        took.append(time.perf_counter() - began)
    return took, errors, sorted(zip(took, queries, strict=True), reverse=True)[:5]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--strings", type=int, default=10_000)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = (given.keep or Path(folder)) / f"{given.articles}.db"
        if not path.exists():
            archive.build(path, given.articles)
        with open_store(path) as store:
            texts = [hit.article.text or "" for hit in store.articles(Filter(limit=300))]
            words = sorted({word.strip(".,").lower() for text in texts for word in text.split()})
            took, errors, slowest = answered(store, strings(words, given.strings, random.Random(7)))
    took.sort()
    figures = {
        "articles": given.articles,
        "strings": len(took),
        "errors": sum(errors.values()),
        "median_ms": round(1000 * took[len(took) // 2], 1),
        "p95_ms": round(1000 * took[int(len(took) * 0.95)], 1),
        "p99_ms": round(1000 * took[int(len(took) * 0.99)], 1),
        "under_50_ms": round(sum(t < 0.05 for t in took) / len(took), 4),
    }
    print(figures)
    for error, count in errors.most_common(5):
        print(f"{count} × {error}")
    for seconds, query in slowest:
        print(f"{1000 * seconds:.0f} ms {query[:70]!r}")
    if given.json:
        given.json.write_text(json.dumps({"machine": machine(), **figures}, indent=1), encoding="utf-8")
    sys.exit(bool(errors))


if __name__ == "__main__":
    main()
