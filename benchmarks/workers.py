"""Workers of one store on PostgreSQL: how much more several do than one, and what a lease and a search cost.

    python -m benchmarks.workers [--workers 1 2 4] [--seconds 60] [--pending 10000 100000 1000000]
                                 [--articles 100000 1000000] [--json FILE]

A throw-away server on 127.0.0.1 and a local web: 500 hosts (addresses of 127/8), 20,000 small articles that are listed
already, delay 0, 8 requests at once a worker, each answered after 2 s, so that waiting binds and not the CPU; then the
same without latency, where the CPU binds. Rates are of a window that begins when all workers have their share. The use
of the machine's cores in the window is printed with each rate: above 60 % the CPU binds.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.process import below, machine
from benchmarks.prose import Prose
from crawler.articles.assembly import assemble
from crawler.articles.near_duplicates import shingles
from crawler.articles.page_response import PageResponse
from crawler.articles.visit import PageVisit
from crawler.engine.crawl.ingest import store_visit
from crawler.extraction.extraction import Extraction
from storage.records import Entry, FeedCheck, FeedEntry, Filter
from storage.store import open_store
from storage.writer import Writer, open_writer
from tests.postgres import Cluster
from tests.web_of_hosts import Web, host

ROOT = Path(__file__).resolve().parent.parent
HOSTS, EACH = 500, 40
CONCURRENCY, LATENCY = 8, 2.0
LEASES = 40  # measured
SEARCHES = 30
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class _Source:
    """What sync_sources needs of a source."""

    id: str
    name: str
    url: str
    feed_urls: tuple[tuple[str, str], ...]
    language: str = "en"
    country: str = ""
    tags: tuple[str, ...] = ()
    enabled: bool = True


def _list_articles(writer: Writer, port: int, now: datetime) -> None:
    """What a first poll of every feed lists; the feeds are due again tomorrow."""
    places = [(n, f"http://{host(n)}:{port}") for n in range(HOSTS)]
    writer.sync_sources(
        [_Source(f"o{n}", f"o{n}", f"{base}/", (("rss", f"{base}/feed.xml"),)) for n, base in places],
        {f"{base}/feed.xml": host(n) for n, base in places},
    )
    for n, base in places:
        listed = tuple(
            FeedEntry(
                identity=f"{n}-{i}", guid=f"{n}-{i}", url=f"{base}/a/{i}", url_key=f"{host(n)}:{port}/a/{i}",
                host=host(n), title=f"Report {n} of day {i}", fingerprint="f",
            )
            for i in range(EACH)
        )  # fmt: skip
        check = FeedCheck(
            feed_url=f"{base}/feed.xml", at=now, outcome="changed", kind="rss", listed=listed,
            due_at=now + timedelta(days=1),
        )  # fmt: skip
        with writer.transaction():
            writer.apply_check(check, f"o{n}")


def _cpu_of(pids: set[int]) -> float:
    """Seconds of CPU of processes and of those they started, as far as these still run or were waited for."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15]))
    return total / _TICKS


def _busy() -> tuple[float, float]:
    """(busy, all) seconds of all cores since the start of the machine."""
    fields = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:]))
    return (sum(fields) - fields[3] - fields[4]) / _TICKS, sum(fields) / _TICKS


def rate(server: Cluster, workers: int, seconds: float, latency: float, concurrency: int) -> dict[str, float]:
    """Articles a second of so many workers."""
    with tempfile.TemporaryDirectory(prefix="newsdesk-") as name:
        folder = Path(name)
        web = Web(folder, HOSTS, EACH, latency=latency)
        url = server.new_database()
        with open_writer(url) as writer:
            _list_articles(writer, web.port, datetime.now(UTC))
            writer.db.conn.execute("ANALYZE")
        (folder / "newsdesk.toml").write_text(
            f'[http]\nallow_networks = ["127.0.0.0/8"]\nconcurrency = {concurrency}\n'
            "[politeness]\ndelay = 0\njitter = 0\nobey_robots = false\n"
            f'[extract]\nworkers = 1\nkeep_raw = false\n[storage]\ndatabase = "{url}"\n{web.sources()}'
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "LEASE": "6"}
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.workers", "-q", "run"], cwd=folder, env=environment,
                stderr=subprocess.DEVNULL,
            )
            for _ in range(workers)
        ]  # fmt: skip
        try:
            with open_store(url) as store:
                _wait(lambda: _is_shared(store, workers))
                time.sleep(2 * latency + 1)
                pids = [{process.pid} | below(process.pid) for process in running]
                postgres = {server.pid} | below(server.pid)
                before = (store.count(), *map(_cpu_of, pids), _cpu_of(postgres))
                busy, began = _busy(), time.monotonic()
                time.sleep(seconds)
                took = time.monotonic() - began
                after = (store.count(), *map(_cpu_of, pids), _cpu_of(postgres))
                ended = _busy()
        finally:
            for process in running:
                process.send_signal(signal.SIGTERM)
            for process in running:
                process.wait(60)
            web.close()
    done = after[0] - before[0]
    return {
        "articles_per_s": round(done / took, 2),
        "cpu_ms_per_article_worker": round(1000 * (sum(after[1:-1]) - sum(before[1:-1])) / max(1, done), 1),
        "cpu_ms_per_article_server": round(1000 * (after[-1] - before[-1]) / max(1, done), 1),
        "cores_busy": round((ended[0] - busy[0]) / (ended[1] - busy[1]), 3),
    }


def _is_shared(store: Any, workers: int) -> bool:
    rows = store.db.conn.execute("SELECT count(*) FROM parts WHERE holder IS NOT NULL GROUP BY holder").fetchall()
    return len(rows) == workers and min(rows)[0] >= 256 // workers


def _wait(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 120
    while not true():
        if time.monotonic() > ends:
            raise SystemExit("the workers did not share the hosts")
        time.sleep(0.2)


def writes(server: Cluster, folder: Path) -> dict[str, float]:
    """Polls without news and articles a second of one writer, ten in a transaction, on SQLite and on the server."""
    now = datetime.now(UTC)
    found: dict[str, float] = {}
    for name, place in (("sqlite", folder / "news.db"), ("postgres", server.new_database())):
        with open_writer(place) as writer:
            _list_articles(writer, 80, now)
            checks = [
                FeedCheck(feed_url=f"http://{host(n % HOSTS)}:80/feed.xml", at=now, outcome="not_modified", due_at=now)
                for n in range(2000)
            ]
            prose, visits = Prose(3), []
            for n in range(600):
                url, source = f"https://s{n % 50}.example/{n}", f"s{n % 50}.example"
                text = "\n\n".join(prose.text(300).split("\n"))
                entry = Entry(id=0, feed_url="", source=source, url=url, url_key=url, title=prose.headline())
                extraction = Extraction(url=url, title=entry.title, text=text, language="en")
                article = assemble(extraction, entry, source=source, language="en", now=now)
                page = PageResponse(entry=entry, requested_url=url, url=url, at=now, answered_at=now, status=200)
                visits.append(
                    PageVisit(page=page, source=source, extraction=extraction, article=article, grams=shingles(text))
                )
            began = time.perf_counter()
            for first in range(0, len(checks), 10):
                with writer.transaction():
                    for check in checks[first : first + 10]:
                        writer.apply_check(check, f"o{first % HOSTS}")
            found[f"{name}_polls_per_s"] = round(len(checks) / (time.perf_counter() - began))
            began = time.perf_counter()
            for first in range(0, len(visits), 10):
                with writer.transaction():
                    for visit in visits[first : first + 10]:
                        store_visit(writer, visit)
            found[f"{name}_articles_per_s"] = round(len(visits) / (time.perf_counter() - began))
    return found


def lease(server: Cluster, pending: int) -> dict[str, float]:
    """Milliseconds of a lease of 64 entries, with so many pending on a host for fifty of them."""
    hosts = max(500, pending // 50)
    url = server.new_database()
    with open_writer(url) as writer:
        run = writer.db.conn.execute
        run("INSERT INTO sources (id, name) VALUES ('s', 's')")
        run(
            "INSERT INTO entries (feed_url, identity, url, url_key, host, source, first_seen_at, published_at) "
            f"SELECT 'f' || n % {hosts}, 'i' || n, 'https://h' || n % {hosts} || '.org/' || n, 'k' || n, "
            f"  'h' || n % {hosts} || '.org', 's', '2026-11-20T10:00:00Z', "
            "  '2026-11-' || lpad((n % 20 + 1)::text, 2, '0') || 'T10:00:00Z' "
            f"FROM generate_series(1, {pending}) n"
        )
        run("ANALYZE")
        now, times = datetime.now(UTC), []
        for _ in range(LEASES):
            began = time.perf_counter()
            found = writer.lease_entries(
                now=now, until=now + timedelta(minutes=10), limit=64, per_host=3, sources=["s"], ignore_retry=False
            )
            times.append(1000 * (time.perf_counter() - began))
            if len(found) != 64:
                raise SystemExit(f"{len(found)} entries were leased, not 64")
            writer.release_leases()
    return {"median_ms": round(statistics.median(times), 1), "p95_ms": round(sorted(times)[int(0.95 * LEASES)], 1)}


def search(server: Cluster, articles: int) -> dict[str, Any]:
    """Milliseconds of searches in an archive of random words with natural frequencies, and bytes an article."""
    url = server.new_database()
    with open_writer(url) as writer:
        run = writer.db.conn.execute
        run(
            "CREATE FUNCTION words(seed bigint, many int) RETURNS text LANGUAGE sql VOLATILE AS "
            "$$ SELECT string_agg('w' || floor(exp(random() * ln(60000)))::int, ' ') "
            "FROM generate_series(1, many + (seed % 3)::int) $$"
        )
        for first in range(0, articles, 50_000):
            run(
                "INSERT INTO articles (uid, url, source, title, text, story_id, first_seen_at, published_at, "
                "  content_hash) "
                "SELECT 'u' || n, 'https://s' || n % 200 || '.org/' || n, 's' || n % 200, words(n, 8), words(n, 120), "
                "  n, t, t, 'h' || n "
                "FROM generate_series(CAST(? AS bigint), ?) n, LATERAL (SELECT "
                "  to_char(timestamp '2026-01-01' + n * interval '20 s', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS t) AS x",
                (first + 1, min(articles, first + 50_000)),
            )
        run("DROP INDEX article_words_words")
        run(
            "INSERT INTO article_words SELECT id, '[]', setweight(to_tsvector('simple', title), 'A') || "
            "  setweight(to_tsvector('simple', text), 'D') FROM articles"
        )
        run("CREATE INDEX article_words_words ON article_words USING gin (words)")
        run("ANALYZE")
    found: dict[str, Any] = {}
    with open_store(url) as store:
        size = store.db.conn.execute(
            "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c "
            "WHERE c.relname IN ('articles', 'article_words') AND c.relnamespace = to_regnamespace('newsdesk')"
        ).fetchone()[0]
        found["bytes_per_article"] = round(size / articles)
        for kind, words in (("rare", "w5{}77"), ("usual", "w3{}"), ("common", "w{}"), ("three", "w{} w1{} w2{}")):
            times, hits = [], []
            for n in range(1, SEARCHES + 1):
                query = words.replace("{}", str(n))
                began = time.perf_counter()
                list(store.search(query, Filter(limit=50)))
                times.append(1000 * (time.perf_counter() - began))
                hits.append(store.count(Filter(), query) if n == 5 else 0)
            found[kind] = {
                "median_ms": round(statistics.median(times), 1),
                "p95_ms": round(sorted(times)[int(0.95 * SEARCHES)], 1),
                "hits": max(hits),
            }
        began = time.perf_counter()
        list(store.articles(Filter(limit=50)))
        found["newest_ms"] = round(1000 * (time.perf_counter() - began), 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pending", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--articles", type=int, nargs="*", default=[100_000])
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    found: dict[str, Any] = {"machine": machine(), "latency_bound": {}, "cpu_bound": {}, "lease": {}, "search": {}}
    server = Cluster(durable=True)
    try:
        for name, latency, concurrency in (("latency_bound", LATENCY, CONCURRENCY), ("cpu_bound", 0.0, 32)):
            for workers in chosen.workers:
                found[name][workers] = rate(server, workers, chosen.seconds, latency, concurrency)
                print(name, workers, found[name][workers], flush=True)
            if len(rates := found[name]) > 1:
                most, least = max(rates), min(rates)
                ratio = rates[most]["articles_per_s"] / max(0.01, rates[least]["articles_per_s"])
                found[name]["ratio"] = round(ratio, 2)
                print(f"{name}: {most} workers against {least}: {ratio:.2f}", flush=True)
        with tempfile.TemporaryDirectory(prefix="newsdesk-") as name:
            found["writes"] = writes(server, Path(name))
        print("writes:", found["writes"], flush=True)
        for pending in chosen.pending:
            found["lease"][pending] = lease(server, pending)
            print("lease of 64,", f"{pending:,} pending:", found["lease"][pending], flush=True)
        for articles in chosen.articles:
            found["search"][articles] = search(server, articles)
            print("search,", f"{articles:,} articles:", found["search"][articles], flush=True)
    finally:
        server.remove()
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
