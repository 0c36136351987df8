"""The peers of benchmarks.crawl, each in its own virtual environment, used as first shown in its documentation.

python -m benchmarks.peers NAME DATABASE FEED…          (in that environment; NAME is one of PEERS)
"""

from __future__ import annotations

import functools
import gzip
import json
import re
import sqlite3
import subprocess
import sys
import tempfile
import urllib.request
import venv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

# name: package for pip
PEERS = {
    "news-please": "news-please",
    "newspaper4k": "newspaper4k",
    "trafilatura": "trafilatura",
}
Way = Callable[[Path, Sequence[str]], list[str]]
Row = tuple[str, str | None, str | None]


def install(folder: Path) -> dict[str, Way]:
    """Create their environments with pip; returns the commands of those that could be installed."""
    ready: dict[str, Way] = {}
    for name, package in PEERS.items():
        print(f"installing {name}", file=sys.stderr)
        place = folder / f"environment-{name}"
        venv.create(place, with_pip=True)
        python = str(place / "bin" / "python")
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package, "lxml_html_clean"]
        if subprocess.run(command, check=False).returncode == 0:
            ready[name] = functools.partial(_command, python, name)
    return ready


def _command(python: str, name: str, folder: Path, feeds: Sequence[str]) -> list[str]:
    return [python, "-m", "benchmarks.peers", name, str(folder / "news.db"), *feeds]


def news_please(links: list[str]) -> Iterator[Row]:
    from newsplease import NewsPlease

    for url, article in NewsPlease.from_urls(links, request_args={"timeout": 30}).items():
        if article and not isinstance(article, dict):
            yield url, article.title, article.maintext


def newspaper4k(links: list[str]) -> Iterator[Row]:
    import newspaper

    for url in links:
        article = newspaper.article(url)
        yield url, article.title, article.text


def trafilatura(links: list[str]) -> Iterator[Row]:
    """Its command on a folder of pages, as it refuses to fetch loopback addresses itself."""
    with tempfile.TemporaryDirectory() as folder:
        pages, texts = Path(folder, "pages"), Path(folder, "texts")
        pages.mkdir()
        for n, link in enumerate(links):
            (pages / f"{n}.html").write_text(
                _read(link).replace("<head>", f'<head><link rel="canonical" href="{link}">', 1), encoding="utf-8"
            )
        program = Path(sys.executable).with_name("trafilatura")
        subprocess.run(
            [program, "--input-dir", pages, "-o", texts, "--json", "--with-metadata", "--no-comments"],
            check=False,
            capture_output=True,
        )
        for file in texts.rglob("*.json"):
            found = json.loads(file.read_text(encoding="utf-8"))
            yield found.get("source") or found["id"], found.get("title"), found.get("raw_text") or found.get("text")


def main(name: str, database: str, feeds: list[str]) -> None:
    links = [link for feed in feeds for link in re.findall("<link>(http[^<]*/news/[^<]*)</link>", _read(feed))]
    way = {"news-please": news_please, "newspaper4k": newspaper4k, "trafilatura": trafilatura}[name]
    with sqlite3.connect(database) as db:
        db.execute("CREATE TABLE pages (url TEXT PRIMARY KEY, title TEXT, text TEXT)")
        db.executemany("INSERT OR IGNORE INTO pages VALUES (?, ?, ?)", way(links))


def _read(feed: str) -> str:
    with urllib.request.urlopen(feed, timeout=30) as answer:
        return gzip.decompress(answer.read()).decode()  # the benchmark's server compresses every response


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
