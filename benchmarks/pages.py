"""Response times of the pages of `newsdesk browse` with a large archive, idle and while a crawl writes.

    python -m benchmarks.pages [--articles 100000 1000000] [--keep FOLDER] [--json FILE]

The server is the real one, queried over HTTP, one request after another, each time for another page. "Writing" is
another process that stores thirty articles a second as the crawler does (lookups, verdict, writing, a transaction of
three, synced). Aim: a median under 100 ms at 100,000 articles, under 300 ms at a million, while a crawl writes.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from benchmarks import archive
from benchmarks.growth import listed, read_through, visits
from benchmarks.process import machine
from benchmarks.prose import Prose
from crawler.engine.crawl.ingest import store_visit
from storage.store import open_store
from storage.writer import open_writer

REQUESTS = 40
EVERY = 0.1  # seconds between transactions of the writer
AT_ONCE = 3  # articles per transaction


def addresses(path: Path, seed: int) -> dict[str, Callable[[], str]]:
    """A function for each kind of page that returns a random address."""
    draw, common = random.Random(seed), Prose(0).common
    with open_store(path) as store:
        newest = store.db.conn.execute("SELECT max(id) FROM articles").fetchone()[0]
        words = [
            word
            for key in (draw.randint(1, newest) for _ in range(60))
            if (article := store.article(key))
            for word in (article.title or "").split()
            if word.lower() not in common
        ]
        copies = [
            row[0]
            for row in store.db.conn.execute(
                "SELECT duplicate_of FROM articles WHERE duplicate_of IS NOT NULL LIMIT 500"
            )
        ]
        edited = [
            row[0] for row in store.db.conn.execute("SELECT article_id FROM revisions WHERE number = 2 LIMIT 500")
        ]

    def one() -> str:
        return archive.source(draw.randrange(archive.SOURCES))

    return {
        "front": lambda: "/",
        "front, a source": lambda: f"/?source={one()}",
        "search": lambda: f"/?q={quote(draw.choice(words))}",
        "article": lambda: f"/article/{draw.randint(1, newest)}",
        "diff": lambda: f"/article/{draw.choice(edited)}/2",
        "story": lambda: f"/story/{draw.choice(copies)}",
        "edits": lambda: "/edits",
        "sources": lambda: "/sources",
        "source": lambda: f"/source/{one()}",
    }


def write(path: str, seed: int, stop: Any) -> None:
    """Store articles until stopped."""
    with open_writer(Path(path)) as writer:
        while not stop.is_set():
            seed += 1
            now = datetime.now(UTC).replace(microsecond=0)
            found = listed(writer, visits(Path(path), 90, seed, now), now)
            for start in range(0, len(found), AT_ONCE):
                with writer.transaction():
                    for visit in found[start : start + AT_ONCE]:
                        with writer.savepoint():
                            store_visit(writer, visit)
                if stop.wait(EVERY):
                    return


@contextmanager
def writing(path: Path, seed: int) -> Iterator[None]:
    """Another process stores articles until the block ends."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    process = context.Process(target=write, args=(str(path), seed, stop))
    process.start()
    time.sleep(3)
    try:
        yield
    finally:
        stop.set()
        process.join(60)


@contextmanager
def browsing(path: Path) -> Iterator[http.client.HTTPConnection]:
    """`newsdesk browse`, and a connection to it."""
    command = [sys.executable, "-m", "crawler", "--db", str(path), "browse", "--port", "0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        said = server.stderr.readline()
        found = re.search(r"http://\S+", said)
        if found is None:
            raise SystemExit(f"the server did not start: {said}")
        yield http.client.HTTPConnection(str(urlsplit(found[0]).netloc), timeout=60)
    finally:
        server.terminate()
        server.wait(20)


def requesting(
    connection: http.client.HTTPConnection, pages: dict[str, Callable[[], str]]
) -> dict[str, dict[str, float]]:
    """Milliseconds of each page: median, 95th percentile, the first request."""
    found = {}
    for name, address in pages.items():
        times = []
        for _ in range(REQUESTS + 1):
            began = time.perf_counter()
            connection.request("GET", address())
            answer = connection.getresponse()
            answer.read()
            times.append(1000 * (time.perf_counter() - began))
            if answer.status != 200:
                raise SystemExit(f"{name}: {answer.status}")
        first, times = times[0], sorted(times[1:])
        found[name] = {
            "median_ms": round(statistics.median(times), 1),
            "p95_ms": round(times[int(0.95 * len(times))], 1),
            "first_ms": round(first, 1),
        }
    return found


def measure(path: Path, seed: int) -> dict[str, Any]:
    """All pages of one archive, idle and while another process writes."""
    open_writer(path).close()  # migrates an older file
    read_through(path)
    pages = addresses(path, seed)
    with browsing(path) as connection:
        rest = requesting(connection, pages)
        with writing(path, seed):
            beside = requesting(connection, pages)
    return {"at rest": rest, "while a crawl writes": beside}


def main() -> None:
    """Measure, and print a table."""
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--articles", type=int, nargs="+", default=[100_000, 1_000_000])
    said.add_argument("--keep", type=Path, help="folder of archives, for the next time")
    said.add_argument("--json", type=Path)
    requested = said.parse_args()
    folder = requested.keep or Path(tempfile.mkdtemp(prefix="newsdesk-pages-"))
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"machine": machine(), "archives": {}}
    for total in requested.articles:
        path = folder / f"{total}.db"
        if not path.exists():
            print(f"{total:,} articles made in {archive.build(path, total):.0f} s", file=sys.stderr)
        found["archives"][total] = measure(path, seed=int(time.time()))
        for when, pages in found["archives"][total].items():
            print(f"\n{total:,} articles, {when}\npage               median      p95    first")
            for name, page in pages.items():
                print(f"{name:17} {page['median_ms']:7.1f} {page['p95_ms']:8.1f} {page['first_ms']:8.1f} ms")
    if requested.json:
        requested.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
