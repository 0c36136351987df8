"""Many feeds, one crawler, one core: CPU per poll, polls per second, memory, open files.

    python -m benchmarks.feeds [--feeds 10000 …] [--hosts 2000] [--items 5] [--passes new not_modified unchanged
    changed] [--json FILE]

Runs `newsdesk run` with a local server. All entries link to one host, which asks for two minutes between requests, so
that next to nothing but polls is measured. All feeds are due at once in each pass (the schedule is long; the due times are set back between the passes): first each is new, then the
server responds with 304, then with 200 and the same body, then with 200 and one more entry. The hosts are addresses of
127/8 with one listening socket each, and the delay between two requests to a host is one second, or --delay.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import multiprocessing
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.process import machine

ROOT = Path(__file__).resolve().parent.parent
PORT = 8433
PAGES = "127.200.0.1"  # the host of all articles
_POLLS = "WHERE url LIKE '%.xml'"
PASSES = ["new", "not_modified", "unchanged", "changed"]


def address(n: int) -> str:
    return f"127.{10 + n // 60000}.{n // 250 % 240}.{n % 250 + 1}"


def body(path: str, first: int, items: int) -> bytes:
    listed = "".join(
        (
            f"<item><title>Entry {n} of {path}</title><guid isPermaLink='false'>{path}-{n}</guid>"
            f"<link>http://{PAGES}:{PORT}{path.removesuffix('.xml')}/{n}</link><pubDate>Sun, 22 Nov 2026 {n // 60 % 24:02d}:{n % 60:02d}:00 GMT</pubDate>"
            f"<description>{'What happened, in a sentence or two. ' * 4}</description></item>"
        )
        for n in range(first + items - 1, first - 1, -1)
    )
    return (
        f"<?xml version='1.0' encoding='utf-8'?><rss version='2.0'><channel><title>{path}</title>"
        f"<link>http://example.org/</link>{listed}</channel></rss>"
    ).encode()


class Server:
    """The responses of the feeds in the current pass."""

    def __init__(self, items: int, mode: Any) -> None:
        self.items, self.mode = items, mode

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode("latin-1").split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
                writer.write(self.reply(lines[0].split()[1], headers))
                await writer.drain()
                if headers.get("connection") == "close":
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def reply(self, path: str, headers: dict[str, str]) -> bytes:
        if path == "/robots.txt" and headers.get("host") == f"{PAGES}:{PORT}":
            return b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\nConnection: close\r\n\r\nUser-agent: *\nCrawl-delay: 120"
        if not path.endswith(".xml"):
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        mode = PASSES[self.mode.value]
        changed = mode == "changed"
        tag = f'"{hashlib.md5(path.encode()).hexdigest()[:12]}{changed}"'
        if headers.get("if-none-match") == tag.lower() and mode == "not_modified":
            return f"HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\nConnection: close\r\n\r\n".encode()
        content = body(path, int(changed), self.items)
        head = (
            f"HTTP/1.1 200 OK\r\nETag: {tag}\r\nContent-Type: application/rss+xml\r\n"
            f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + content


def serve(hosts: int, items: int, mode: Any, ready: Any) -> None:
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (hosts + 4000, max(hosts + 4000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    )

    async def main() -> None:
        server = Server(items, mode)
        for n in range(hosts):
            await asyncio.start_server(server.answer, address(n), PORT, backlog=64)
        await asyncio.start_server(server.answer, PAGES, PORT)
        ready.set()
        await asyncio.Event().wait()

    asyncio.run(main())


class Crawler:
    """`newsdesk run`, and its statistics from /proc."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "news.db"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "crawler", "-q", "run"]
        with (folder / "run.log").open("w") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stderr=log)
        os.sched_setaffinity(self.process.pid, {min(os.sched_getaffinity(0))})

    def cpu(self) -> float:
        """CPU seconds of the crawler and all its descendants, including ended ones: workers parse the feeds."""
        stats: dict[int, list[str]] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                stats[int(path.parent.name)] = path.read_text().rsplit(") ", 1)[1].split()
            except OSError:  # the process has ended
                continue
        ours = [self.process.pid]
        for pid in ours:
            ours += [child for child, fields in stats.items() if int(fields[1]) == pid]
        return sum(int(field) for pid in ours for field in stats[pid][11:15]) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("VmHWM:")[1].split()[0]) / 1024

    def files(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def ask(self, sql: str) -> Any:
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as db:
            found = db.execute(sql).fetchone()[0]
        db.close()
        return found

    def polls(self) -> int:
        try:
            return int(self.ask(f"SELECT count(*) FROM fetches {_POLLS}"))
        except sqlite3.OperationalError:
            return 0


def one_pass(crawler: Crawler, feeds: int, before: int) -> dict[str, float]:
    began, cpu, files = time.monotonic(), crawler.cpu(), 0
    while crawler.polls() < before + feeds and time.monotonic() - began < 1800 and crawler.process.poll() is None:
        files = max(files, crawler.files())
        time.sleep(0.5)
    wall, spent = time.monotonic() - began, crawler.cpu() - cpu
    outcomes = (
        "SELECT json_group_object(outcome, n) FROM (SELECT outcome, count(*) AS n FROM "
        f"(SELECT outcome FROM fetches {_POLLS} ORDER BY id LIMIT -1 OFFSET {before}) GROUP BY 1)"
    )
    polls = crawler.polls() - before
    return {
        "wall_s": round(wall, 1),
        "polls": polls,
        "polls_a_second": round(polls / wall, 1),
        "outcomes": json.loads(crawler.ask(outcomes)),
        "cpu_ms_a_poll": round(1000 * spent / feeds, 2),
        "rss_mb": round(crawler.rss_mb(), 1),
        "open_files": files,
    }


def measure(feeds: int, hosts: int, items: int, passes: Sequence[str], delay: float) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    ready, mode = context.Event(), context.Value("i", 0)
    server = context.Process(target=serve, args=(hosts, items, mode, ready), daemon=True)
    server.start()
    ready.wait(60)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="newsdesk-bench-") as name:
        folder = Path(name)
        sources = "".join(
            f'[[source]]\nid = "s{n}"\nurl = "http://{address(n)}:{PORT}/"\n'
            f"feeds = {json.dumps([f'http://{address(n)}:{PORT}/{f}.xml' for f in range(n, feeds, hosts)])}\n"
            for n in range(min(hosts, feeds))
        )
        (folder / "newsdesk.toml").write_text(
            f'[http]\nallow_networks = ["127.0.0.0/8"]\n[politeness]\ndelay = {delay}\n[schedule]\ndefault = "3h"\n'
            f'min = "2h"\n[storage]\nbackup = "off"\n{sources}'
        )
        crawler = Crawler(folder)
        for number, kind in enumerate(passes):
            mode.value = PASSES.index(kind)
            if number:
                with sqlite3.connect(crawler.database, timeout=30) as db:
                    db.execute("UPDATE feeds SET due_at = '2026-01-01T00:00:00Z'")
                db.close()
            found[kind] = one_pass(crawler, feeds, crawler.polls() if number else 0)
            print(f"{feeds} feeds, {kind}: {found[kind]}", file=sys.stderr)
        crawler.process.send_signal(signal.SIGTERM)
        code = crawler.process.wait(15)
        log = (folder / "run.log").read_text()
    server.terminate()
    server.join()
    return {
        "feeds": feeds,
        "hosts": hosts,
        "items": items,
        "passes": found,
        "exit_code": code,
        "traceback": "Traceback" in log,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, nargs="+", default=[10_000])
    parser.add_argument("--hosts", type=int, default=2_000)
    parser.add_argument("--items", type=int, default=5)
    parser.add_argument("--passes", nargs="+", choices=PASSES, default=PASSES)
    parser.add_argument("--delay", type=float, default=1.0)
    parser.add_argument("--json", metavar="FILE", help="- is stdout")
    chosen = parser.parse_args()
    found = [measure(feeds, chosen.hosts, chosen.items, chosen.passes, chosen.delay) for feeds in chosen.feeds]
    document = json.dumps({"machine": machine(), "sizes": found}, indent=1)
    if chosen.json and chosen.json != "-":
        Path(chosen.json).write_text(document + "\n", encoding="utf-8")
    print(document if chosen.json == "-" else table(found))
    return 0


def table(found: Sequence[dict[str, Any]]) -> str:
    lines = [f"{'feeds':>8} {'pass':14}{'wall s':>8}{'polls/s':>9}{'ms CPU a poll':>15}{'RSS MB':>8}{'files':>7}"]
    lines += [
        (
            f"{size['feeds']:8,} {kind:14}{p['wall_s']:8.0f}{p['polls_a_second']:9.0f}{p['cpu_ms_a_poll']:15.2f}"
            f"{p['rss_mb']:8.0f}{p['open_files']:7}"
        )
        for size in found
        for kind, p in size["passes"].items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
