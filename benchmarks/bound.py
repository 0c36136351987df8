"""B of benchmarks.crawl: the reference bound.

A bare asyncio client, trafilatura with metadata on all cores, inserts in batches of a hundred.

python -m benchmarks.bound DATABASE FEED…
"""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import sqlite3
import sys
from concurrent.futures import ProcessPoolExecutor
from urllib.parse import urlsplit

import trafilatura
from trafilatura.settings import Document

Row = tuple[str, str | None, str | None, str | None, str | None]


async def get(url: str) -> bytes:
    """One request on its own connection."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    writer.write(
        (
            f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
        ).encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    body = await reader.readexactly(int(length[1])) if length else await reader.read()
    writer.close()
    return gzip.decompress(body) if b"gzip" in head else body


def extract(url: str, body: bytes) -> Row | None:
    found = trafilatura.bare_extraction(body, url=url, with_metadata=True, include_comments=False)
    return (url, found.title, found.author, found.date, found.text) if isinstance(found, Document) else None


async def main(database: str, feeds: list[str]) -> None:
    db = sqlite3.connect(database)
    db.execute("CREATE TABLE pages (url TEXT PRIMARY KEY, title TEXT, author TEXT, date TEXT, text TEXT)")
    rows: list[Row] = []
    loop, at_once = asyncio.get_running_loop(), asyncio.Semaphore(16)
    with ProcessPoolExecutor(os.cpu_count()) as pool:

        async def one(url: str) -> None:
            async with at_once:
                body = await get(url)
                found = await loop.run_in_executor(pool, extract, url, body)
            if found is not None:
                rows.append(found)
            if len(rows) >= 100:
                keep()

        def keep() -> None:
            with db:
                db.executemany("INSERT INTO pages VALUES (?, ?, ?, ?, ?)", rows)
            rows.clear()

        listed = await asyncio.gather(*(get(feed) for feed in feeds))
        await asyncio.gather(
            *(one(link) for feed in listed for link in re.findall("<link>(http[^<]*/news/[^<]*)</link>", feed.decode()))
        )
        keep()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
