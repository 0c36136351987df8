"""Memory and database size of a crawler of ever-changing feeds, minute by minute.

    python -m benchmarks.churn [--minutes 30] [--json FILE]
    python -m benchmarks.churn --month        # the polls of a month of two such feeds, without waiting: the size by day

Runs `newsdesk run` with a local server: eight sources on addresses of 127/8, polled every second. Each brings a new
article every five seconds and edits an older one; two give every entry a new id at each poll, one also a new address,
one lists entries without any address. Expected: memory grows by less than 5 % after the first five minutes, and the
database grows by articles alone.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.process import machine

if TYPE_CHECKING:
    from crawler.config.models import Source
    from storage.writer import Writer

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("plain", "plain2", "plain3", "plain4", "ids", "ids2", "addresses", "unlinked")
EVERY = 5  # seconds between two new articles of a source
LISTED = 30
_WORDS = [
    "the",
    "council",
    "met",
    "on",
    "monday",
    "and",
    "agreed",
    "that",
    "the",
    "old",
    "bridge",
    "over",
    "the",
    "river",
    "would",
    "be",
    "closed",
    "for",
    "repairs",
    "until",
    "spring",
]


class Outlet(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, name: str, number: int) -> None:
        super().__init__((f"127.0.20.{number + 1}", 0), _Handler)
        self.name, self.began, self.polls = name, time.monotonic(), 0
        self.base = f"http://127.0.20.{number + 1}:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def feed(self) -> str:
        self.polls += 1
        newest = int((time.monotonic() - self.began) / EVERY) + LISTED
        items = []
        for n in range(newest, newest - LISTED, -1):
            link = f"{self.base}/2026/11/20/story-number-{n}" + (
                f"?poll={self.polls}" if self.name == "addresses" else ""
            )
            guid = f"{n}-{self.polls}" if self.name in {"ids", "ids2", "addresses", "unlinked"} else str(n)
            where = "" if self.name == "unlinked" else f"<link>{link}</link>"
            items.append(
                f"<item><title>Story number {n}</title>{where}<guid isPermaLink='false'>{guid}</guid>"
                f"<description>{' '.join(_WORDS * 3)}</description></item>"
            )
        return f"<rss version='2.0'><channel><title>{self.name}</title>{''.join(items)}</channel></rss>"

    def page(self, path: str) -> str:
        number = int("".join(c for c in path.partition("?")[0].rsplit("-", 1)[-1] if c.isdigit()) or 0)
        edited = int((time.monotonic() - self.began) / 60) if number % 7 == 0 else 0
        text = "".join(
            f"<p>Report {number}-{p}, edition {edited}: {' '.join(_WORDS[p:] + _WORDS[:p])} {number * 31 + p}.</p>"
            for p in range(8)
        )
        return (
            f"<html lang='en'><head><title>Story number {number}</title></head>"
            f"<body><article><h1>Story number {number}</h1>{text}</article></body></html>"
        )


class _Handler(BaseHTTPRequestHandler):
    server: Outlet

    def do_GET(self) -> None:
        kind, body, status = "text/html; charset=utf-8", "", 200
        if self.path == "/feed.xml":
            kind, body = "application/rss+xml", self.server.feed()
        elif self.path.startswith("/2026/"):
            body = self.server.page(self.path)
        else:
            status = 404
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


def resident(pid: int) -> float:
    """Resident memory in megabytes."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def measure(minutes: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="newsdesk-churn-") as name:
        folder = Path(name)
        outlets = [Outlet(source, n) for n, source in enumerate(SOURCES)]
        listed = "".join(
            f'[[source]]\nid = "{o.name}"\nname = "{o.name}"\nurl = "{o.base}/"\n'
            f'feeds = ["{o.base}/feed.xml"]\nevery = "1s"\n'
            for o in outlets
        )
        (folder / "newsdesk.toml").write_text(
            '[http]\nallow_networks = ["127.0.0.0/8"]\n[politeness]\ndelay = 0.05\n'
            '[schedule]\nmin = "1s"\nrecheck = ["60s", "120s"]\n[extract]\nkeep_raw = false\n'
            f'[storage]\nbackup = "off"\n{listed}',
            encoding="utf-8",
        )
        with (folder / "run.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "crawler", "-q", "run"],
                cwd=folder,
                env={"PATH": "/usr/bin:/bin", "HOME": name, "PYTHONPATH": str(ROOT)},
                stderr=log,
            )
        database, rows = folder / "news.db", []
        began = time.monotonic()
        try:
            while time.monotonic() - began < minutes * 60 and process.poll() is None:
                time.sleep(min(60.0, minutes * 60 / 10))
                size = sum(f.stat().st_size for f in folder.glob("news.db*") if f.is_file())
                rows.append(
                    {
                        "minute": round((time.monotonic() - began) / 60, 1),
                        "rss_mb": round(resident(process.pid), 1),
                        "database_mb": round(size / 1e6, 2),
                        **_counts(database),
                    }
                )
                print(rows[-1], file=sys.stderr, flush=True)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        lines = (folder / "run.log").read_text().splitlines()
    after = [row["rss_mb"] for row in rows if row["minute"] >= min(5.0, minutes / 2)]
    return {
        "machine": machine(),
        "rows": rows,
        "growth": round(max(after[1:], default=0) / after[0] - 1, 4) if after else None,
        "log_lines": len(lines),
        "log": lines[-5:],
    }


def _counts(database: Path) -> dict[str, int]:
    import sqlite3

    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
            found = {
                table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("articles", "entries", "gaps", "revisions", "fetches")
            }
        db.close()
    except sqlite3.OperationalError:
        return {}
    return found


def month(days: int = 30, polls: int = 144) -> list[dict[str, float]]:
    """A month of polls every ten minutes, with the daily pruning, of two feeds.

    The ids of both change at each poll; the second has no links either.
    """
    from crawler.config.models import Source
    from storage.maintenance import prune
    from storage.utc import format_utc
    from storage.writer import open_writer

    rows: list[dict[str, float]] = []
    urls = ("https://ids.example/feed", "https://unlinked.example/feed")
    sources = [Source(id=u[8:].split(".")[0], name="x", url=u, feeds=(u,)) for u in urls]
    with tempfile.TemporaryDirectory(prefix="newsdesk-month-") as name:
        path = Path(name) / "news.db"
        with open_writer(path) as writer:
            now = datetime(2026, 11, 1, tzinfo=UTC)
            writer.sync_sources(sources, {u: u[8:] for u in urls}, now)
            for poll in range(days * polls):
                now += timedelta(days=1) / polls
                for source in sources:
                    _store_poll(writer, source, poll, now)
                if (poll + 1) % polls == 0:
                    prune(writer, now=now, fetches_before=format_utc(now - timedelta(days=14)))
                    writer.db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                    day = (poll + 1) // polls
                    rows.append({"day": day, "database_mb": round(path.stat().st_size / 1e6, 2), **_counts(path)})
                    if day in {1, 2, 3, 5, 7, 8, 10, 14, 15, 20, 25, 30}:
                        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def _month_feed(poll: int, *, linked: bool) -> bytes:
    """A feed of fifty entries with new ids at each poll, with or without links."""
    items = "".join(
        f"<item><title>Story {n}</title><guid isPermaLink='false'>{poll}-{n}</guid>"
        + (f"<link>https://ids.example/2026/story-number-{n}</link>" if linked else "")
        + f"<description>{'What happened, in a sentence or two. ' * 8}</description></item>"
        for n in range(50)
    )
    return f"<rss version='2.0'><channel><title>x</title>{items}</channel></rss>".encode()


def _store_poll(writer: Writer, source: Source, poll: int, now: datetime) -> None:
    """Store what one poll of a source brings, as the crawler does."""
    from crawler.config.models import Schedule
    from crawler.feeds.parser import parse_feed
    from crawler.feeds.revisit import KnownEntries, PollResponse, decide
    from storage.records import FetchLogEntry

    url = source.feeds[0]
    parsed = parse_feed(_month_feed(poll, linked=source.id == "ids"), url, now=now)
    feed = writer.feed(url)
    assert feed is not None
    known = writer.known_entries(url, parsed.entries)
    answer = PollResponse(status=200, final_url=url, body_hash=str(poll), parsed=parsed)
    found = decide(feed, answer, schedule=Schedule(), every=600.0, now=now, seen=KnownEntries(known=len(known)))
    record = FetchLogEntry(
        at=now, url=url, host=url[8:], status=200, outcome="changed", bytes=9000, ms=9, conditional=False
    )
    with writer.transaction():
        writer.apply_check(found, source.id)
        writer.insert_fetches([record])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--json", help="- is stdout")
    parser.add_argument("--month", action="store_true", help="polls of a month instead, without waiting between them")
    options = parser.parse_args()
    if options.month:
        month()
        return
    found = measure(options.minutes)
    print(f"memory grew by {found['growth']:.1%} after the first five minutes")
    if options.json:
        text = json.dumps(found, indent=1)
        print(text) if options.json == "-" else Path(options.json).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
