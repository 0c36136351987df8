"""Many feeds, one crawler, one core: CPU a poll, memory, open files. Runs `newsdesk run` beside a local server of its own.

    python -m benchmarks.feeds [--feeds 10000] [--hosts 2000] [--passes 2] [--json FILE]

Each feed lists five entries without links, so that polls alone are measured. All are due at once at the start and again in the second pass (the schedule
is long; the due times are set back between the passes), which must be all 304. The hosts are addresses of 127/8, a listening socket each.
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
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PORT = 8433


def address(n: int) -> str:
    return f"127.{10 + n // 60000}.{n // 250 % 240}.{n % 250 + 1}"


def body(path: str) -> bytes:
    items = "".join(
        f"<item><title>Entry {n} of {path}</title><guid isPermaLink='false'>{path}-{n}</guid><pubDate>Sun, 22 Nov 2026 0{n}:00:00 GMT</pubDate><description>{'What happened, in a sentence or two. ' * 4}</description></item>"
        for n in range(5)
    )
    return f"<?xml version='1.0' encoding='utf-8'?><rss version='2.0'><channel><title>{path}</title><link>http://example.org/</link>{items}</channel></rss>".encode()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = head.decode("latin-1").split("\r\n")
            path = lines[0].split()[1]
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
            if path == "/robots.txt":
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            else:
                tag = f'"{hashlib.md5(path.encode()).hexdigest()[:12]}"'
                if headers.get("if-none-match") == tag:
                    writer.write(f"HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\nConnection: close\r\n\r\n".encode())
                else:
                    content = body(path)
                    writer.write(
                        f"HTTP/1.1 200 OK\r\nETag: {tag}\r\nContent-Type: application/rss+xml\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode()
                        + content
                    )
            await writer.drain()
            if headers.get("connection") == "close":
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def serve(hosts: int, ready: Any) -> None:
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (hosts + 4000, max(hosts + 4000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    )

    async def main() -> None:
        for n in range(hosts):
            await asyncio.start_server(answer, address(n), PORT, backlog=64)
        ready.set()
        await asyncio.Event().wait()

    asyncio.run(main())


class Crawler:
    """`newsdesk run`, and what /proc tells of it."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "news.db"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "crawler", "-q", "run"]
        with (folder / "run.log").open("w") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stderr=log)
        os.sched_setaffinity(self.process.pid, {min(os.sched_getaffinity(0))})

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

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
            return int(self.ask("SELECT count(*) FROM fetches WHERE outcome <> 'robots'"))
        except sqlite3.OperationalError:
            return 0


def one_pass(crawler: Crawler, feeds: int, before: int) -> dict[str, float]:
    began, cpu, files = time.monotonic(), crawler.cpu(), 0
    while crawler.polls() < before + feeds and time.monotonic() - began < 900 and crawler.process.poll() is None:
        files = max(files, crawler.files())
        time.sleep(1)
    wall, spent = time.monotonic() - began, crawler.cpu() - cpu
    not_modified = crawler.ask(
        f"SELECT count(*) FROM (SELECT status FROM fetches ORDER BY id LIMIT -1 OFFSET {before}) WHERE status = 304"
    )
    return {
        "wall_s": round(wall, 1), "polls": crawler.polls() - before, "not_modified": not_modified, "cpu_ms_a_poll": round(1000 * spent / feeds, 2),
        "rss_mb": round(crawler.rss_mb(), 1), "open_files": files,
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--feeds", type=int, default=10_000)
    parser.add_argument("--hosts", type=int, default=2_000)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--json", metavar="FILE", help="- is stdout")
    chosen = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    server = context.Process(target=serve, args=(chosen.hosts, ready), daemon=True)
    server.start()
    ready.wait(60)
    found = []
    with tempfile.TemporaryDirectory(prefix="newsdesk-bench-") as name:
        folder = Path(name)
        sources = "".join(
            f'[[source]]\nid = "s{n}"\nurl = "http://{address(n)}:{PORT}/"\nfeeds = [{", ".join(f"{chr(34)}http://{address(n)}:{PORT}/{f}.xml{chr(34)}" for f in range(n, chosen.feeds, chosen.hosts))}]\n'
            for n in range(chosen.hosts)
        )
        (folder / "newsdesk.toml").write_text(
            f'[http]\nallow_networks = ["127.0.0.0/8"]\n[schedule]\ndefault = "3h"\nmin = "2h"\n[storage]\nbackup = "off"\n{sources}'
        )
        crawler = Crawler(folder)
        for number in range(chosen.passes):
            if number:
                with sqlite3.connect(crawler.database, timeout=30) as db:
                    db.execute("UPDATE feeds SET due_at = '2026-01-01T00:00:00Z'")
                db.close()
            found.append(one_pass(crawler, chosen.feeds, crawler.polls() if number else 0))
            print(f"pass {number + 1}: {found[-1]}", file=sys.stderr)
        crawler.process.send_signal(signal.SIGTERM)
        code = crawler.process.wait(15)
        log = (folder / "run.log").read_text()
    server.terminate()
    document = json.dumps(
        {
            "feeds": chosen.feeds,
            "hosts": chosen.hosts,
            "passes": found,
            "exit_code": code,
            "traceback": "Traceback" in log,
        },
        indent=1,
    )
    if chosen.json == "-":
        print(document)
    elif chosen.json:
        Path(chosen.json).write_text(document + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
