"""The cost of a growing archive: storing an article, and common queries, at 10,000, 100,000 and 1,000,000 articles.

    python -m benchmarks.growth [--articles 10000 100000 1000000] [--keep FOLDER] [--json FILE]

The archives are synthetic (benchmarks/archive.py) and stored in FOLDER for the next time. Storing is what the crawler
does for a page: lookups, verdict and writing, in transactions of ten; CPU time is reported, as disk syncs dominate wall
time. Queries go through storage.store.Store, on a file in the system's cache.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks import archive
from benchmarks.process import machine
from benchmarks.prose import Prose
from crawler.articles.assembly import assemble
from crawler.articles.near_duplicates import shingles
from crawler.articles.page_response import PageResponse
from crawler.articles.visit import PageVisit
from crawler.engine.crawl.ingest import store_visit
from crawler.extraction.extraction import Extraction
from crawler.urls import host_of, url_key
from storage.records import Entry, Filter
from storage.store import Store, open_store
from storage.utc import format_utc
from storage.verdicts import NewArticle
from storage.writer import Writer, open_writer

MORE = 600  # articles that are stored for the measurement
BATCH = 10
SEARCHES = 60  # queries of each kind


def visits(path: Path, count: int, seed: int, now: datetime) -> list[PageVisit]:
    """New articles, one in seven of them the copy of a stored one."""
    prose, found = Prose(seed), []
    with open_store(path) as store:
        kept = [hit.article for hit in store.articles(Filter(limit=500))]
    for n in range(count):
        source = archive.source(prose.random.randrange(archive.SOURCES))
        text = (
            prose.random.choice(kept).text
            if n % 7 == 0
            else prose.text(min(900, max(100, round(prose.random.lognormvariate(5.9, 0.5)))))
        )
        text = "\n\n".join((text or "").split("\n"))
        url = f"https://{source}/more/{seed}/{n}"
        entry = Entry(
            id=0,
            feed_url=f"https://{source}/feed",
            source=source,
            url=url,
            url_key=url_key(url),
            title=prose.headline(),
            published_at=format_utc(now),
        )
        extraction = Extraction(
            url=url, title=entry.title, authors=(prose.name(),), published_at=format_utc(now), text=text, language="en"
        )
        article = assemble(extraction, entry, source=source, language="en", now=now)
        found.append(
            PageVisit(
                page=PageResponse(entry=entry, requested_url=url, url=url, at=now, answered_at=now, status=200),
                source=source,
                extraction=extraction,
                article=article,
                grams=shingles(text),
                rechecks=(900.0, 3600.0),
            )
        )
    return found


def listed(writer: Writer, found: Sequence[PageVisit], now: datetime) -> list[PageVisit]:
    """Insert their entries, as polls would have done."""
    with writer.transaction():
        ids = [
            writer.db.conn.execute(
                "INSERT INTO entries (feed_url, identity, guid, url, title, published_at, state, first_seen_at, "
                "source, url_key, host) VALUES (?, ?, ?, ?, ?, ?, 'leased', ?, ?, ?, ?) RETURNING id",
                (
                    v.page.entry.feed_url,
                    v.page.url,
                    v.page.url,
                    v.page.url,
                    v.page.entry.title,
                    v.page.entry.published_at,
                    format_utc(now),
                    v.source,
                    v.page.entry.url_key,
                    host_of(v.page.url),
                ),
            ).fetchall()[0][0]
            for v in found
        ]
    return [
        dataclasses.replace(v, page=dataclasses.replace(v.page, entry=dataclasses.replace(v.page.entry, id=n or 0)))
        for v, n in zip(found, ids, strict=True)
    ]


def storing(path: Path, seed: int) -> dict[str, float]:
    """Milliseconds of CPU and of wall time for storing one article."""
    now = datetime.now(UTC).replace(microsecond=0)
    found = visits(path, MORE, seed, now)
    cpu, wall, copies = [], [], 0
    with open_writer(path) as writer:
        found = listed(writer, found, now)
        for start in range(0, MORE, BATCH):
            began, spent = time.perf_counter(), time.process_time()
            with writer.transaction():
                for visit in found[start : start + BATCH]:
                    with writer.savepoint():
                        verdict, _ = store_visit(writer, visit)
                        copies += isinstance(verdict, NewArticle) and verdict.is_copy
            if start < MORE // 3:  # a crawler runs for months: the warm-up is not counted
                continue
            cpu.append(1000 * (time.process_time() - spent) / BATCH)
            wall.append(1000 * (time.perf_counter() - began) / BATCH)
    return {
        "store_cpu_ms": statistics.median(cpu),
        "store_cpu_mean_ms": statistics.mean(cpu),
        "store_wall_ms": statistics.median(wall),
        "copies_found": copies,
    }


class Sampler:
    """Draws random words, sources and articles from an archive."""

    def __init__(self, store: Store, seed: int) -> None:
        self._store, self._random = store, random.Random(seed)
        self._newest = store.db.conn.execute("SELECT max(id) FROM articles").fetchone()[0]
        self._common = Prose(0).common

    def article_id(self) -> int:
        return self._random.randint(1, self._newest)

    def source(self) -> str:
        return archive.source(self._random.randrange(archive.SOURCES))

    def words(self, count: int) -> str:
        """Words of one headline that people would search for: not the hundred most common."""
        article = self._store.article(self.article_id())
        found = [word for word in (article.title or "").split() if word.lower() not in self._common] if article else []
        return " ".join(self._random.sample(found, min(count, len(found))))


def questions(path: Path, seed: int) -> dict[str, Callable[[], Any]]:
    """Common queries with random parameters."""
    store, now = open_store(path), datetime.now(UTC)
    sample = Sampler(store, seed)

    def search(count: int, **which: Any) -> Callable[[], Any]:
        return lambda: list(store.search(sample.words(count), Filter(limit=50, **which)))

    def search_source() -> list[Any]:
        return list(store.search(sample.words(1), Filter(limit=50, sources=(sample.source(),))))

    def status() -> list[Any]:
        return [
            store.health(now),
            store.totals(),
            store.queue_stats(now),
            store.request_stats(now),
            store.source_trends(now),
            store.failing_feeds(now),
            store.runs(1),
        ]

    week = format_utc(now - timedelta(days=7))
    return {
        "list": lambda: list(store.articles(Filter(limit=50))),
        "list_folded": lambda: list(store.articles(Filter(limit=50, fold_copies=True))),
        "list_source": lambda: list(store.articles(Filter(limit=50, sources=(sample.source(),)))),
        "list_count": lambda: store.count(Filter(fold_copies=True)),
        "search_one": search(1),
        "search_three": search(3),
        "search_folded": search(1, fold_copies=True),
        "search_week": search(1, since=week),
        "search_source": search_source,
        "search_count": lambda: store.count(Filter(), sample.words(1)),
        "show": lambda: (
            store.article(key := sample.article_id()),
            store.revisions(key),
            store.addresses(key),
            store.story(key),
        ),
        "edits": lambda: store.edits(since=week),
        "status": status,
    }


def searching(path: Path, seed: int) -> dict[str, dict[str, float]]:
    """Median and 95th percentile of each query, in milliseconds of wall time."""
    found = {}
    for name, run_searches in questions(path, seed).items():
        times: list[float] = []
        until = time.perf_counter() + 20
        while len(times) < SEARCHES and (time.perf_counter() < until or len(times) < 3):
            began = time.perf_counter()
            run_searches()
            times.append(1000 * (time.perf_counter() - began))
        times.sort()
        found[name] = {
            "median_ms": round(statistics.median(times), 2),
            "p95_ms": round(times[min(len(times) - 1, int(0.95 * len(times)))], 2),
            "asked": len(times),
        }
    return found


def opening(path: Path) -> float:
    """Milliseconds to open an archive for reading and query one article."""
    times = []
    for _ in range(9):
        began = time.perf_counter()
        with open_store(path) as store:
            store.article(1)
        times.append(1000 * (time.perf_counter() - began))
    return round(statistics.median(times), 2)


def read_through(path: Path) -> None:
    """Read a file into the system's cache, as it would be while a crawler runs.

    The cost of a cold file depends on the disk.
    """
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass


def measure(path: Path, articles: int, seed: int) -> dict[str, Any]:
    if not path.exists():
        seconds = archive.build(path, articles)
        print(f"{articles:,} articles made in {seconds:.0f} s", file=sys.stderr)
    size = path.stat().st_size
    read_through(path)
    found = {
        "articles": articles,
        "bytes_an_article": round(size / articles),
        "open_ms": opening(path),
        "asked": searching(path, seed),
        **storing(path, seed),
    }
    print(f"{articles:,}: {json.dumps(found)}", file=sys.stderr)
    return found


def table(sizes: Sequence[dict[str, Any]]) -> str:
    lines = [f"{'milliseconds, median (95 of 100)':34}" + "".join(f"{s['articles']:>22,}" for s in sizes)]
    lines += [
        f"{name:34}"
        + "".join(
            f"{s['asked'][name]['median_ms']:>11.1f} {'(' + format(s['asked'][name]['p95_ms'], '.1f') + ')':>10}"
            for s in sizes
        )
        for name in sizes[0]["asked"]
    ]
    for name in ("store_cpu_ms", "store_wall_ms", "open_ms", "bytes_an_article"):
        lines.append(f"{name:34}" + "".join(f"{s[name]:>22,.2f}" for s in sizes))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="make the archives here, or take those that are here"
    )
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--json", metavar="FILE", help="- is stdout")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="newsdesk-bench-") as name:
        folder = chosen.keep or Path(name)
        folder.mkdir(exist_ok=True)
        sizes = [measure(folder / f"{count}.db", count, chosen.seed) for count in chosen.articles]
    found: dict[str, Any] = {
        "machine": machine(),
        "sizes": sizes,
        "ratios": {
            "store_cpu": round(sizes[-1]["store_cpu_ms"] / sizes[0]["store_cpu_ms"], 3),
            "store_wall": round(sizes[-1]["store_wall_ms"] / sizes[0]["store_wall_ms"], 3),
        },
    }
    if chosen.json == "-":
        print(json.dumps(found, indent=1))
        return 0
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(table(sizes))
    print(
        f"storing one more, {sizes[-1]['articles']:,} against {sizes[0]['articles']:,}: "
        f"CPU {found['ratios']['store_cpu']}, wall {found['ratios']['store_wall']}"
    )
    return 0


if __name__ == "__main__":
    os.environ.setdefault("TZ", "UTC")
    sys.exit(main())
