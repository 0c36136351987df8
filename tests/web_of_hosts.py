"""A web of many hosts on 127.0.x.y, one outlet each, in a process of its own; it records every request.

python -m tests.web_of_hosts PORT LOG HOSTS ARTICLES LATENCY SPREAD REDIRECTS: each host has a feed of its own and articles; with
SPREAD, the articles of a host appear over so many seconds; with REDIRECTS, their pages are on the next host. LOG gets one JSON line a request: the fields of Request.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from tests.postgres import free_port
from tests.site import story

SYNDICATED = 60  # every so many articles of a host, one is a copy of the neighbour's
LOOK = 0.01  # seconds between two looks at the clock
SENT_LATE = 0.3  # seconds by which a worker on a busy machine may send a request after it noted the time


class Request(NamedTuple):
    """One request. The web is a process on a busy machine: it may read what came a while ago."""

    host: str
    path: str
    earliest: float  # it was not there before
    began: float  # when it was read
    ended: float


def host(number: int) -> str:
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


def article(number: int, n: int) -> bytes:
    """The page of one article; distinct from all others but wire copies."""
    seed = number * 10_007 + n
    title = f"Report {number} of day {n}: the harbour plan, part {seed}"
    text = "".join(f"<p>{paragraph}</p>" for paragraph in story(seed, paragraphs=3))
    return (
        f"<!doctype html><html lang=en><head><title>{title}</title>"
        f'<meta property="og:title" content="{title}"><meta property="og:type" content="article">'
        f'<meta property="article:published_time" content="2026-11-20T{n % 24:02d}:00:00Z"></head>'
        f"<body><article><h1>{title}</h1>{text}</article></body></html>"
    ).encode()


def feed(base: str, number: int, most: int) -> bytes:
    items = "".join(
        f"<item><title>Report {number} of day {n}</title><link>{base}/a/{n}</link><guid>{number}-{n}</guid>"
        f"<pubDate>Fri, 20 Nov 2026 {n % 24:02d}:00:00 GMT</pubDate></item>"
        for n in range(most)
    )
    return f'<rss version="2.0"><channel><title>Outlet {number}</title>{items}</channel></rss>'.encode()


@dataclass
class Outlets:
    """The answers, and their record."""

    port: int
    log: IO[str]
    hosts: int
    articles: int
    latency: float
    spread: float = 0.0
    redirects: bool = False
    began: float = 0.0
    looks: tuple[float, float] = (0.0, 0.0)  # the last two: one may share its turn of the loop with a request

    async def look(self) -> None:
        while True:
            self.looks = (self.looks[1], time.time())
            await asyncio.sleep(LOOK)

    async def serve(self) -> None:
        self.began = time.time()
        self.looks = (self.began, self.began)
        places = [host(n) for n in range(self.hosts)]
        server = await asyncio.start_server(self.answer, places, self.port, backlog=512)
        print("ready", flush=True)
        await asyncio.gather(server.serve_forever(), self.look())

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                began, earliest = time.time(), self.looks[0]
                path = head.split(b" ", 2)[1].decode()
                address = writer.get_extra_info("sockname")[0]
                await asyncio.sleep(self.latency)
                status, kind, body = self.page(address, path)
                head_lines = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head_lines.encode() + body)
                await writer.drain()
                self.log.write(json.dumps([address, path, earliest, began, time.time()]) + "\n")
                self.log.flush()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def page(self, address: str, path: str) -> tuple[str, str, bytes]:
        _, _, high, low = map(int, address.split("."))
        number = (high - 1) * 250 + low - 1
        if path == "/feed.xml":
            share = 1.0 if not self.spread else min(1.0, (time.time() - self.began) / self.spread)
            return (
                "200 OK",
                "application/rss+xml",
                feed(f"http://{address}:{self.port}", number, int(share * self.articles)),
            )
        if path.startswith("/a/") and self.redirects:
            place = f"http://{host((number + 1) % self.hosts)}:{self.port}/of-{number}{path}"
            return f"302 Found\r\nLocation: {place}", "text/plain", b""
        if path.startswith("/of-"):
            _, of, _, n = path.split("/")
            return "200 OK", "text/html; charset=utf-8", article(int(of[3:]), int(n))
        if path.startswith("/a/"):
            return "200 OK", "text/html; charset=utf-8", article(number, int(path[3:]))
        return "404 Not Found", "text/plain", b"nothing is here"


class Web:
    """The web in a process of its own."""

    def __init__(
        self,
        folder: Path,
        hosts: int,
        articles: int,
        latency: float = 0.0,
        spread: float = 0.0,
        *,
        redirects: bool = False,
    ) -> None:
        self.port, self.hosts, self.articles = free_port(), hosts, articles
        self.log = folder / "requests.jsonl"
        arguments = [self.port, self.log, hosts, articles, latency, spread, int(redirects)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.web_of_hosts", *map(str, arguments)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def requests(self) -> list[Request]:
        return [Request(*json.loads(line)) for line in self.log.read_text().splitlines()]

    def sources(self, more: str = "") -> str:
        """The source list."""
        return "".join(
            f'[[source]]\nid = "o{n}"\nname = "o{n}"\nurl = "http://{host(n)}:{self.port}/"\n'
            f'feeds = ["http://{host(n)}:{self.port}/feed.xml"]\n{more}\n'
            for n in range(self.hosts)
        )


def overlaps(requests: list[Request], delay: float) -> list[tuple[Request, Request]]:
    """Pairs of requests to one host at once, or with surely less than the delay between their beginnings."""
    found: list[tuple[Request, Request]] = []
    last: dict[str, Request] = {}
    for request in sorted(requests, key=lambda r: r.began):
        before = last.get(request.host)
        if before and (
            request.began < before.ended or request.began - min(before.earliest, before.began) < delay - SENT_LATE
        ):
            found.append((before, request))
        last[request.host] = request
    return found


def main() -> None:
    port, log, hosts, articles, latency, spread, redirects = sys.argv[1:]
    with Path(log).open("a") as file:
        outlets = Outlets(
            int(port), file, int(hosts), int(articles), float(latency), float(spread), redirects=redirects == "1"
        )
        asyncio.run(outlets.serve())


if __name__ == "__main__":
    main()
