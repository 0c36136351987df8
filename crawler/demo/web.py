"""Serve news sites on loopback: the invented outlets of config/demo.toml, each on its own port.

They behave like real sites: ETags, robots.txt, RSS, Atom and JSON feeds, a consent wall, a feed address without a feed,
and an article whose text changes without a new modified time.
"""

from __future__ import annotations

import hashlib
import json
import threading
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HOUR = 4  # seconds that represent an hour between the two crawls
_WALL = (
    '<!doctype html><html lang="de"><head><title>Ihre Privatsphäre</title></head>'
    "<body><main><h1>Wir schätzen Ihre Privatsphäre</h1>\n"
    "<p>Wir und unsere 214 Partner speichern Cookies auf Ihrem Gerät. "
    "Bitte allen Cookies zustimmen, um mit Werbung weiterlesen zu können.</p>"
    "<button>Alle akzeptieren</button></main></body></html>"
)


@dataclass(slots=True)
class Outlet:
    """One site: its specification and its address."""

    spec: dict[str, Any]
    now: datetime
    base: str = ""
    edited: bool = False

    @property
    def feed_path(self) -> str:
        """The path of its feed."""
        return "/feed.json" if self.spec["format"] == "json" else "/feed.xml"

    def answer(self, path: str) -> tuple[int, str, str]:
        """Return (status, media type, body) for a path."""
        if path == "/robots.txt":
            return 200, "text/plain", "User-agent: *\nDisallow: /search\n"
        if path == self.feed_path:
            return 200, *_FEEDS[self.spec["format"]](self)
        if path == "/":
            return (
                200,
                "text/html; charset=utf-8",
                (
                    f"<!doctype html><title>{escape(self.spec['name'])}</title>"
                    f'<link rel="alternate" type="application/rss+xml" href="{self.feed_path}">'
                ),
            )
        for article in self.articles:
            if path == f"/{article['slug']}" and not (self.edited and article.get("gone")):
                return 200, "text/html; charset=utf-8", _WALL if self.spec.get("consent_wall") else self.page(article)
        return 404, "text/html; charset=utf-8", "<!doctype html><title>404</title><h1>Page not found</h1>"

    @property
    def articles(self) -> list[dict[str, Any]]:
        """The articles, in the current state."""
        return [article for article in self.spec.get("article", []) if self.edited or not article.get("late")]

    def published(self, article: dict[str, Any]) -> datetime:
        """Return when an article was published: its number of hours before the demo."""
        return self.now - timedelta(hours=article["hours"], minutes=7)

    def title(self, article: dict[str, Any]) -> str:
        """Return the headline, in the current state."""
        return str(article.get("edited_title", article["title"]) if self.edited else article["title"])

    def text(self, article: dict[str, Any]) -> list[str]:
        """Return the paragraphs, in the current state."""
        return list(article["edited"] if self.edited and "edited" in article else article["text"])

    def page(self, article: dict[str, Any]) -> str:
        """Return the article's page."""
        when, title, caption = self.published(article).isoformat(), self.title(article), article.get("caption")
        modified = self.now.isoformat() if self.edited and article.get("admitted") else when
        picture = f"{self.base}/{article['slug']}.jpg"
        about = {
            "@context": "https://schema.org",
            "@type": "NewsArticle",
            "headline": title,
            "datePublished": when,
            "dateModified": modified,
            "articleSection": article["section"],
            "author": [{"@type": "Person", "name": name} for name in article["authors"]],
            "inLanguage": self.spec["language"],
            "publisher": {"@type": "Organization", "name": self.spec["name"]},
        }
        text = "".join(f"<p>{escape(paragraph)}</p>\n" for paragraph in self.text(article))
        figure = (
            f'<figure><img src="{picture}" alt=""><figcaption>{escape(caption)}</figcaption></figure>\n'
            if caption
            else ""
        )
        image = f'<meta property="og:image" content="{picture}">' if caption else ""
        return (
            f'<!doctype html><html lang="{self.spec["language"]}"><head><meta charset="utf-8">'
            f"<title>{escape(title)} - {escape(self.spec['name'])}</title>"
            f'<link rel="canonical" href="{self.base}/{article["slug"]}">'
            f'<meta property="og:site_name" content="{escape(self.spec["name"])}">'
            f'<meta property="og:type" content="article">{image}'
            f'<script type="application/ld+json">{json.dumps(about)}</script></head><body><nav>'
            '<a href="/">Home</a> <a href="/search">Search</a></nav>'
            f'<article><h1>{escape(title)}</h1><p class="byline">By '
            f"{escape(' and '.join(article['authors']))}</p>\n{figure}{text}</article>"
            f"<footer><p>© {escape(self.spec['name'])}. All rights reserved.</p></footer></body></html>"
        )


def _rss(outlet: Outlet) -> tuple[str, str]:
    items = "".join(
        f"<item><title>{escape(outlet.title(a))}</title><link>{outlet.base}/{a['slug']}</link>"
        f"<guid>{outlet.base}/{a['slug']}</guid>"
        f"<pubDate>{format_datetime(outlet.published(a))}</pubDate>"
        f"<description>{escape(a.get('summary') or outlet.text(a)[0])}</description></item>"
        for a in outlet.articles
    )
    changed = "<lastBuildDate>2</lastBuildDate>" if outlet.edited else ""
    return (
        "application/rss+xml; charset=utf-8",
        (
            '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>'
            f"<title>{escape(outlet.spec['name'])}</title>"
            f"<link>{outlet.base}/</link>{changed}{items}</channel></rss>"
        ),
    )


def _atom(outlet: Outlet) -> tuple[str, str]:
    entries = "".join(
        f"<entry><id>{outlet.base}/{a['slug']}</id><title>{escape(outlet.title(a))}</title>"
        f'<link href="{outlet.base}/{a["slug"]}"/><updated>{outlet.published(a).isoformat()}</updated>'
        f"<published>{outlet.published(a).isoformat()}</published>"
        f"<summary>{escape(outlet.text(a)[0])}</summary></entry>"
        for a in outlet.articles
    )
    return (
        "application/atom+xml; charset=utf-8",
        (
            '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">'
            f"<title>{escape(outlet.spec['name'])}</title><id>{outlet.base}/</id>{entries}</feed>"
        ),
    )


def _json(outlet: Outlet) -> tuple[str, str]:
    items = [
        {
            "id": a["slug"],
            "url": f"{outlet.base}/{a['slug']}",
            "title": outlet.title(a),
            "date_published": outlet.published(a).isoformat(),
            "summary": outlet.text(a)[0],
        }
        for a in outlet.articles
    ]
    return "application/feed+json", json.dumps(
        {"version": "https://jsonfeed.org/version/1.1", "title": outlet.spec["name"], "items": items},
        ensure_ascii=False,
    )


def _broken(outlet: Outlet) -> tuple[str, str]:  # noqa: ARG001 - one signature for all formats
    return (
        "text/html; charset=utf-8",
        "<!doctype html><html><head><title>We will be back soon</title></head><body><h1>Maintenance</h1></body></html>",
    )


_FEEDS = {"rss": _rss, "atom": _atom, "json": _json, "broken": _broken}


def _handler(outlet: Outlet) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, kind, text = outlet.answer(self.path)
            body = text.encode()
            tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            if status == 200 and self.headers.get("If-None-Match") == tag:
                status, body = 304, b""
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Log nothing."""

    return Handler


@contextmanager
def demo_sites(file: Path, now: datetime) -> Iterator[list[Outlet]]:
    """Serve the outlets of a file on loopback until the block ends."""
    outlets = [Outlet(said, now) for said in tomllib.loads(file.read_text(encoding="utf-8"))["outlet"]]
    with ExitStack() as stack:
        for outlet in outlets:
            server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(outlet))
            outlet.base = f"http://127.0.0.1:{server.server_address[1]}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
            thread.start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
        yield outlets


def configuration(outlets: list[Outlet]) -> str:
    """Return a configuration for the outlets, as TOML."""
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment("The bundled news web; it lives only while `newsdesk demo` runs."))
    document.add("http", {"allow_networks": ["127.0.0.0/8"]})
    document.add("politeness", {"delay": 0.02, "jitter": 0})
    document.add("schedule", {"recheck": [HOUR]})
    document.add("storage", {"database": "news.db"})
    tables = tomlkit.aot()
    for outlet in outlets:
        table = tomlkit.table()
        table.update(
            {
                "id": outlet.spec["id"],
                "name": outlet.spec["name"],
                "url": f"{outlet.base}/",
                "feeds": [outlet.base + outlet.feed_path],
                "language": outlet.spec["language"],
            }
        )
        tables.append(table)
    document.add("source", tables)
    return tomlkit.dumps(document)
