"""A real local news site on a real port: what a test says it serves, and every request it got."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape

RSS_KIND = "application/rss+xml"
WORDS = [
    "harbour",
    "bridge",
    "council",
    "winter",
    "minister",
    "railway",
    "budget",
    "library",
    "festival",
    "engineer",
    "orchard",
    "museum",
    "ferry",
    "letter",
    "mountain",
    "village",
    "market",
    "season",
    "teacher",
    "river",
    "printer",
    "garden",
    "signal",
    "window",
    "captain",
    "island",
    "baker",
    "theatre",
    "lantern",
    "forest",
    "senate",
    "weather",
]


def story(seed: int, paragraphs: int = 4) -> list[str]:
    """Distinct, article-like paragraphs."""
    found = []
    for p in range(paragraphs):
        picked = [WORDS[(seed * 7 + p * 5 + i * (seed % 11 + 3)) % len(WORDS)] for i in range(28)]
        found.append(
            f"Report {seed}-{p}: the {' '.join(picked[:9])} said on day {seed} that {' '.join(picked[9:])}, according to office {seed * 31 + p}."
        )
    return found


@dataclass
class Answer:
    body: bytes = b""
    status: int = 200
    kind: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    raw: Callable[[Any], None] | None = None  # writes the answer itself: for broken transfers
    etag: bool = True


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    at: float
    status: int = 0


class Site:
    """`site.page(...)`, `site.feed(...)`, `site.answers[path] = Answer(...)`; `site.requests` is what came."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        self.live: dict[
            str, Callable[[Request, int], Answer]
        ] = {}  # asked with each request and how many came before it
        self.answers: dict[str, Answer] = {"/robots.txt": Answer(b"User-agent: *\nAllow: /\n", kind="text/plain")}
        self.requests: list[Request] = []
        self.in_flight = self.most_in_flight = 0
        self._lock = threading.Lock()
        self.server = ThreadingHTTPServer((address, port), self._handler())
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that was killed is no error of ours
        self.base = f"http://{address}:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def paths(self, *, status: int | None = None) -> list[str]:
        return [r.path for r in self.requests if r.path != "/robots.txt" and (status is None or r.status == status)]

    def page(self, path: str, title: str, paragraphs: list[str], **more: Any) -> str:
        self.answers[path] = Answer(article_html(self.base, path, title, paragraphs, **more).encode())
        return self.base + path

    def rss(self, path: str, items: list[dict[str, Any]], **answer: Any) -> str:
        self.answers[path] = Answer(rss(self.base, items).encode(), kind="application/rss+xml", **answer)
        return self.base + path

    def news(self, count: int, *, feed: str = "/feed.xml", start: int = 0) -> str:
        """So many articles and a feed that lists them."""
        items = []
        for n in range(start, start + count):
            self.page(f"/2026/11/20/story-number-{n}", f"Story number {n} of the week", story(n))
            items.append(
                {
                    "title": f"Story number {n} of the week",
                    "link": f"/2026/11/20/story-number-{n}",
                    "date": f"Fri, 20 Nov 2026 {n % 24:02d}:{n % 60:02d}:00 GMT",
                }
            )
        return self.rss(feed, items)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with site._lock:
                    site.in_flight += 1
                    site.most_in_flight = max(site.most_in_flight, site.in_flight)
                request = Request(self.path, {k.lower(): v for k, v in self.headers.items()}, time.time())
                site.requests.append(request)
                self.waiting = True
                try:
                    self.answer(request)
                finally:
                    self.end_of_waiting()

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.do_GET()

            def end_of_waiting(self) -> None:
                """Before the answer is sent: once the client has it, the next request may overtake this thread."""
                with site._lock:
                    site.in_flight -= self.waiting
                    self.waiting = False

            def answer(self, request: Request) -> None:
                if self.path in site.live:
                    before = sum(r.path == self.path for r in site.requests) - 1
                    answer = site.live[self.path](request, before)
                else:
                    answer = site.answers.get(self.path) or Answer(b"<title>404</title><h1>Page not found</h1>", 404)
                time.sleep(answer.delay)
                if answer.raw is not None:
                    request.status = answer.status
                    answer.raw(self)
                    self.close_connection = True
                    return
                tag = f'"{hashlib.sha256(answer.body).hexdigest()[:12]}"'
                status, body = answer.status, answer.body
                if answer.etag and status == 200 and self.headers.get("If-None-Match") == tag:
                    status, body = 304, b""
                request.status = status
                self.send_response(status)
                if answer.etag and status in {200, 304}:
                    self.send_header("ETag", tag)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", answer.kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_of_waiting()
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    return

            def log_message(self, *args: object) -> None:
                pass

        return Handler


def article_html(
    base: str,
    path: str,
    title: str,
    paragraphs: list[str],
    *,
    canonical: str | None = None,
    published: str = "2026-11-20T08:00:00+00:00",
    modified: str | None = None,
    head: str = "",
    jsonld: bool = True,
    site_name: str = "The Test Post",
    lang: str = "en",
    tag: str = "html",
) -> str:
    link = (
        f'<link rel="canonical" href="{canonical if canonical is not None else base + path}">'
        if canonical != ""
        else ""
    )
    about = json.dumps(
        {
            "@context": "https://schema.org",
            "@type": "NewsArticle",
            "headline": title,
            "datePublished": published,
            "dateModified": modified or published,
            "author": {"@type": "Person", "name": "Ada Quill"},
        }
    )
    ld = f'<script type="application/ld+json">{about}</script>' if jsonld else ""
    text = "\n".join(f"<p>{escape(p)}</p>" for p in paragraphs)
    return f'<!doctype html><{tag} lang="{lang}"><head><meta charset="utf-8"><title>{escape(title)} - {site_name}</title>{link}{ld}{head}</head><body><nav><a href="/">Home</a></nav><article><h1>{escape(title)}</h1>{text}</article><footer>All rights reserved</footer></body></html>'


def rss(base: str, items: list[dict[str, Any]]) -> str:
    body = "".join(
        f"<item><title>{escape(i['title'])}</title><link>{escape(i['link'] if i['link'].startswith('http') else base + i['link'])}</link>"
        + (f"<guid>{escape(i['guid'])}</guid>" if "guid" in i else "")
        + (f"<pubDate>{i['date']}</pubDate>" if "date" in i else "")
        + (f"<description>{escape(i['summary'])}</description>" if "summary" in i else "")
        + "</item>"
        for i in items
    )
    return f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>The Test Post</title><link>{base}/</link>{body}</channel></rss>'
