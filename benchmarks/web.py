"""A local news web for benchmarks: hosts of 127/8 with feeds, robots.txt and articles, compressed in advance.

Pages are from the corpus if there is one (NEWSDESK_CORPUS), each once and then with other words; otherwise they are
synthetic, of the same size.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import html
import json
import multiprocessing
import os
import random
import re
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from benchmarks.prose import Prose

PORT = 8434
CORPUS = Path(os.environ.get("NEWSDESK_CORPUS", Path(__file__).resolve().parents[2] / "shared")) / "corpus" / "articles"
COUNTS = "/-/counts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One article of the web; truth is its reference text, if there is one."""

    host: str
    path: str
    title: str
    published: datetime
    body: bytes
    truth: str | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{PORT}{self.path}"


def host(n: int) -> str:
    return f"127.0.{1 + n // 200}.{n % 200 + 1}"


# A player with a list of broadcasts, and a page whose text is loaded by a script: a crawler without a browser cannot
# read them.
_NO_ARTICLES = {"0b4609a864eb4fa0bbcb2b395f6be9eb", "kr_HankookIlbo_2026_01_29"}


def build(articles: int, hosts: int, *, seed: int = 1, corpus: Path | None = CORPUS) -> list[Page]:
    """The articles, spread over the hosts, newest first."""
    now = datetime.now(UTC).replace(microsecond=0)
    source = _real(corpus, seed) if corpus is not None and corpus.is_dir() else _made(seed)
    return [
        Page(
            host=host(n % hosts),
            path=f"/news/{n:05d}-{title_slug(title)}.html",
            title=title,
            published=now - timedelta(minutes=n),
            body=body,
            truth=truth,
        )
        for n, (title, body, truth) in zip(range(articles), source, strict=False)
    ]


def title_slug(title: str) -> str:
    return "-".join(re.findall("[a-z0-9]+", title.lower())[:6]) or "article"


def _real(corpus: Path, seed: int) -> Iterator[tuple[str, bytes, str | None]]:
    """(title, body, truth) of each page of the corpus, then of the same pages with other words."""
    pages = []
    for name in ("zyte", "fundus", "trafilatura"):
        for line in (corpus / name / "truth.jsonl").read_text(encoding="utf-8").splitlines():
            truth = json.loads(line)
            text = truth.get("body")
            if truth["id"] in _NO_ARTICLES:
                continue
            body = gzip.decompress((corpus / name / "pages" / f"{truth['id']}.html.gz").read_bytes())
            pages.append((truth.get("title") or _title_of(body), body, text))
    random.Random(seed).shuffle(pages)
    for turn in range(1000):
        for title, body, text in pages:
            yield (title, body, text) if not turn else _reworded(title, body, text, turn)


def _title_of(body: bytes) -> str:
    found = re.search(rb"<title[^>]*>(.*?)</title", body, re.DOTALL | re.IGNORECASE)
    return html.unescape(" ".join(found[1].decode("utf-8", "replace").split())) if found else "Untitled"


def _reworded(title: str, body: bytes, text: str | None, turn: int) -> tuple[str, bytes, str | None]:
    """Another story from the same page: longer words get other letters, in the page's text and in the truth."""
    letters = "etaoinshrdlucmfwypvbgkqjxz"
    turned = str.maketrans(letters, letters[turn % 20 + 1 :] + letters[: turn % 20 + 1])

    def words(found: str) -> str:
        return re.sub(r"\b[A-Za-z][a-z]{4,}\b", lambda word: word[0].translate(turned), found)

    def between_tags(found: re.Match[bytes]) -> bytes:
        if found[1]:  # a script, a style sheet, a comment or a tag stays
            return found[0]
        return words(found[0].decode("latin-1")).encode("latin-1")

    parts = re.compile(
        rb"(<script.*?</script\s*>|<style.*?</style\s*>|<!--.*?-->|<[^>]*>)|[^<]+", re.DOTALL | re.IGNORECASE
    )
    return words(title), parts.sub(between_tags, body), text if text is None else words(text)


def _made(seed: int) -> Iterator[tuple[str, bytes, str | None]]:
    """Synthetic pages: as large as real ones (mean 97 KB), most of it not the article."""
    prose = Prose(seed)
    while True:
        title, author, text = prose.headline(), prose.name(), prose.text(prose.random.randint(250, 900))
        paragraphs = text.split("\n")
        data = {
            "@context": "https://schema.org",
            "@type": "NewsArticle",
            "headline": title,
            "author": [{"@type": "Person", "name": author}],
            "datePublished": "2026-11-20T08:00:00Z",
            "articleSection": "World",
        }
        menu = "".join(
            f'<li class="menu__item"><a class="menu__link" href="/s/{n}">{" ".join(prose.words(2))}</a></li>'
            for n in range(120)
        )
        cards = "".join(
            (
                f'<div class="card card--teaser" data-id="{n}"><a href="/r/{n}"><img src="/i/{n}.jpg" alt="">'
                f'<span class="card__title">{prose.headline()}</span></a></div>'
            )
            for n in range(60)
        )
        style = "".join(f".block-{n}{{margin:{n}px auto;padding:{n % 7}px;color:#{n:06x}}}" for n in range(500))
        script = "".join(f'window.q.push({{"slot":{n},"key":"{prose.random.getrandbits(64):x}"}});' for n in range(350))
        story = "".join(
            f'<p class="story__text">{html.escape(p)}</p>'
            + ('<div class="ad" data-slot="x"></div>' if not n % 4 else "")
            for n, p in enumerate(paragraphs)
        )
        yield (
            title,
            (
                '<!doctype html><html lang="en"><head><meta charset="utf-8">'
                f"<title>{html.escape(title)} | The Paper</title>"
                f'<meta property="og:title" content="{html.escape(title)}"><meta property="og:type" content="article">'
                f'<meta name="description" content="{html.escape(paragraphs[0][:150])}"><style>{style}</style>'
                f"<script>{script}</script>"
                f'<script type="application/ld+json">{json.dumps(data)}</script></head><body><header><nav>'
                f"<ul>{menu}</ul></nav></header>"
                f"<main><article><h1>{html.escape(title)}</h1>"
                f'<div class="byline">By <a rel="author" href="/a">{author}</a></div>'
                f'<div class="story">{story}</div></article>'
                f'<aside class="related">{cards}</aside></main><footer><ul>{menu}</ul><p>All rights reserved.</p>'
                f"</footer><script>{script}</script></body></html>"
            ).encode(),
            text,
        )


def feeds(pages: list[Page]) -> dict[str, bytes]:
    """One RSS document per host."""
    found = {}
    for name in dict.fromkeys(page.host for page in pages):
        items = "".join(
            (
                f"<item><title>{html.escape(p.title)}</title><link>{p.url}</link><guid>{p.url}</guid>"
                f"<pubDate>{format_datetime(p.published, usegmt=True)}</pubDate></item>"
            )
            for p in pages
            if p.host == name
        )
        found[name] = (
            f"<?xml version='1.0' encoding='utf-8'?><rss version='2.0'><channel><title>{name}</title>"
            f"<link>http://{name}:{PORT}/</link>{items}</channel></rss>"
        ).encode()
    return found


def feed_url(name: str) -> str:
    return f"http://{name}:{PORT}/feed.xml"


class _Answers(asyncio.Protocol):
    """A connection: all responses are compressed in advance, so that the server is no bottleneck (0.1 ms each)."""

    ready: dict[tuple[bytes, bytes], bytes]
    tags: dict[tuple[bytes, bytes], bytes]
    counts: Counter[str]

    def connection_made(self, transport: Any) -> None:
        self.transport, self.waiting = transport, b""

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while (end := self.waiting.find(b"\r\n\r\n")) >= 0:
            head, self.waiting = self.waiting[:end], self.waiting[end + 4 :]
            lines = head.split(b"\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in lines[1:] if b": " in line)
            path = lines[0].split(b" ")[1]
            if path == COUNTS.encode():
                answer = json.dumps(self.counts).encode()
                self.counts.clear()
                self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
                continue
            key = (fields[b"host"].split(b":")[0], path)
            answer = self.ready.get(key, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            if key in self.tags and fields.get(b"if-none-match") == self.tags[key]:
                answer = b"HTTP/1.1 304 Not Modified\r\nETag: %s\r\nContent-Length: 0\r\n\r\n" % self.tags[key]
                self.counts["not_modified"] += 1
            self.counts["requests"] += 1
            self.counts["article_requests"] += path.startswith(b"/news/")
            self.counts["bytes"] += len(answer)
            self.transport.write(answer)
            if fields.get(b"connection") == b"close":
                self.transport.close()


def _packed(body: bytes, kind: str, tag: bytes = b"") -> bytes:
    packed = gzip.compress(body, 6, mtime=0)
    etag = b"ETag: %s\r\n" % tag if tag else b""
    return b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Encoding: gzip\r\n%sContent-Length: %d\r\n\r\n%s" % (
        kind.encode(),
        etag,
        len(packed),
        packed,
    )


def _serve(pages: list[Page], ready: Any) -> None:
    answers, tags = {}, {}
    for page in pages:
        answers[page.host.encode(), page.path.encode()] = _packed(page.body, "text/html")
    for name, body in feeds(pages).items():
        tag = b'"%s"' % hashlib.sha256(body).hexdigest()[:16].encode()
        answers[name.encode(), b"/feed.xml"] = _packed(body, "application/rss+xml", tag)
        answers[name.encode(), b"/robots.txt"] = _packed(b"User-agent: *\nAllow: /\n", "text/plain")
        tags[name.encode(), b"/feed.xml"] = tag
    _Answers.ready, _Answers.tags, _Answers.counts = answers, tags, Counter()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for name in dict.fromkeys(page.host for page in pages):
            await loop.create_server(_Answers, name, PORT)
        ready.set()
        await asyncio.Event().wait()

    asyncio.run(main())


@contextlib.contextmanager
def serving(pages: list[Page]) -> Iterator[Any]:
    """Serve the pages from a separate process.

    Yields:
        A function that returns the counts of requests since its last call.
    """
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    server = context.Process(target=_serve, args=([replace(page, truth=None) for page in pages], ready), daemon=True)
    server.start()

    def counts() -> dict[str, int]:
        with urllib.request.urlopen(f"http://{pages[0].host}:{PORT}{COUNTS}", timeout=10) as answer:
            found: dict[str, int] = json.load(answer)
            return {name: found.get(name, 0) for name in ("requests", "article_requests", "not_modified", "bytes")}

    try:
        if not ready.wait(120):
            raise SystemExit("the benchmark's server did not start; is its port taken?")
        yield counts
    finally:
        server.terminate()
        server.join()
