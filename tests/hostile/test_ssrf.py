"""Rows 9 and 10: nothing that a stranger writes, on any route, makes newsdesk connect to an address that is not public; every public one is asked.

Measured three times: listeners on trap ports of every loopback address, the log of every connection that the process opened, and what the resolver handed on.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from crawler.urls import canonical_url
from tests import torture
from tests.conftest import Desk, source
from tests.hostile import addresses
from tests.hostile.internet import PLAN
from tests.site import Answer, Site, article_html, story

HOME = "127.0.7.1"  # the one address that the operator opened; it plays every public server
NAMES = {
    "public.test": [["93.184.216.34"]],
    "six.public.test": [["2606:2800:220:1:248:1893:25c8:1946"]],
    "loop.test": [["127.0.0.1"]],
    "six.test": [["::1"]],
    "mixed-loop.test": [["10.0.0.1", "127.0.0.1", "::1"]],
    "mixed.test": [["93.184.216.34", "::1"], ["127.0.0.1", "93.184.216.34"]],
    "rebind.test": [["93.184.216.34"], ["127.0.0.1"]],
    "localhost": [["127.0.0.1", "::1"]],
    "localhost.": [["127.0.0.1"]],
    "a.localhost": [["127.0.0.1"]],
    "ip6-localhost": [["::1"]],
}


class Trap:
    """Listeners on every loopback address, both families, on one port that is allowed and one that is not."""

    def __init__(self) -> None:
        self.caught: list[str] = []
        self._ended = False
        self.allowed = self._listen(range(8100, 8900))
        self.other = self._listen(range(20100, 20900))

    def _listen(self, ports: range) -> int:
        for port in ports:
            with contextlib.ExitStack() as stack:
                four = stack.enter_context(socket.socket(socket.AF_INET))
                six = stack.enter_context(socket.socket(socket.AF_INET6))
                six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                try:
                    four.bind(("0.0.0.0", port))
                    six.bind(("::", port))
                except OSError:
                    continue
                stack.pop_all()
                for listener in (four, six):
                    listener.listen(64)
                    listener.settimeout(0.1)
                    threading.Thread(target=self._serve, args=(listener, port), daemon=True).start()
                return port
        raise OSError("no free port")

    def _serve(self, listener: socket.socket, port: int) -> None:
        with listener:
            while not self._ended:
                try:
                    connection, peer = listener.accept()
                except TimeoutError:
                    continue
                self.caught.append(f"{peer[0]} on {port}")
                connection.close()

    def close(self) -> None:
        self._ended = True
        time.sleep(0.15)


@dataclass
class Wired(Desk):
    """A desk whose newsdesk stands in an internet of its own."""

    names: dict[str, list[list[str]]] = field(default_factory=lambda: dict(NAMES))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "tests.hostile.internet", str(self.hour or 3600), *arguments]

    def connect(self, site: Site) -> None:
        plan = {"names": self.names, "server": [HOME, site.server.server_address[1]], "log": str(self.folder / "log")}
        (self.folder / "plan.json").write_text(json.dumps(plan))
        self.env[PLAN] = str(self.folder / "plan.json")

    def connected(self) -> list[tuple[str, int]]:
        log = self.folder / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [(host, int(port)) for host, port in (line.split() for line in lines)]

    def opened(self, *networks: str) -> None:
        text = (self.folder / "newsdesk.toml").read_text()
        listed = ", ".join(f'"{n}"' for n in (f"{HOME}/32", *networks))
        text = re.sub(r"allow_networks = \[.*?\]\n", f"allow_networks = [{listed}]\n", text)
        (self.folder / "newsdesk.toml").write_text(text)


@pytest.fixture
def trap() -> Iterator[Trap]:
    found = Trap()
    yield found
    found.close()


@pytest.fixture
def home() -> Iterator[Site]:
    site = Site(HOME)
    yield site
    site.close()


@pytest.fixture
def wired(tmp_path: Path, home: Site) -> Wired:
    found = Wired(tmp_path)
    found.connect(home)
    return found


def bad(desk: Wired) -> list[tuple[str, int]]:
    """Connections to what is neither public nor what the operator opened."""
    return [
        (host, port)
        for host, port in desk.connected()
        if not host.removeprefix("::ffff:").startswith("127.0.7.")
        and not ipaddress.ip_address(host.split("%")[0]).is_global
    ]


def refused(desk: Wired, trap: Trap) -> None:
    assert trap.caught == []
    assert bad(desk) == []


def feed_of(links: list[str]) -> Answer:
    items = "".join(f"<item><title>t{n}</title><link>{escape(link)}</link></item>" for n, link in enumerate(links))
    return Answer(f"<rss><channel><title>x</title>{items}</channel></rss>".encode(), kind="application/rss+xml")


def test_row_09_feed_links(wired: Wired, home: Site, trap: Trap) -> None:
    links = addresses.forbidden(trap.allowed) + addresses.tricks(trap.other)
    assert len(links) > 700
    home.page("/2026/good", "A good story", story(1))
    home.answers["/feed.xml"] = feed_of([*links, f"{home.base}/2026/good"])
    wired.configure(source(home))
    wired.opened()
    done = wired.run("crawl")
    assert done.code == 0, done.err
    refused(wired, trap)
    assert [row["title"] for row in wired.rows("SELECT title FROM articles")] == ["A good story"]
    assert not wired.rows("SELECT 1 FROM entries WHERE state = 'leased'")
    waiting = "SELECT url_key FROM entries WHERE state = 'pending' AND url_key NOT IN (SELECT url_key FROM entries WHERE state IN ('retry', 'gone'))"
    assert wired.rows(waiting) == []  # what is pending waits with another entry of the same address


def test_row_09_every_public_address_is_asked(wired: Wired, home: Site, trap: Trap) -> None:
    links = []
    for n, address in enumerate(
        (*addresses.PUBLIC, *(f"[{a}]" for a in addresses.PUBLIC_6), "public.test", "six.public.test")
    ):
        links.append(f"http://{address}/2026/11/20/story-{n}")
        home.page(f"/2026/11/20/story-{n}", f"Story {n} of the world", story(n))
        home.answers[f"/2026/11/20/story-{n}"].body = article_html(f"http://{address}", f"/2026/11/20/story-{n}", f"Story {n} of the world", story(n)).encode()  # fmt: skip
    links.append("http://8.8.8.8:8080/2026/11/20/story-other-port")
    home.page("/2026/11/20/story-other-port", "Story of a port", story(40), canonical="")
    home.answers["/feed.xml"] = feed_of(links)
    wired.configure(source(home))
    wired.opened()
    done = wired.run("crawl")
    refused(wired, trap)
    assert len(wired.rows("SELECT 1 FROM articles")) == len(links), done.out


def test_row_09_what_the_operator_opens_is_asked_on_any_port(wired: Wired, home: Site, trap: Trap) -> None:
    other = Site("127.0.0.1")  # on a port that is no allowed one
    other.page("/2026/inside", "Inside", story(3))
    home.answers["/feed.xml"] = feed_of([f"{other.base}/2026/inside"])
    wired.configure(source(home))
    wired.opened()
    wired.run("crawl")
    assert not wired.rows("SELECT 1 FROM articles")
    assert "allow_networks" in wired.rows("SELECT reason FROM entries")[0]["reason"]
    wired.opened("127.0.0.1/32")
    (wired.folder / "news.db").unlink()
    done = wired.run("crawl")
    assert done.code == 0
    other.close()
    assert [row["title"] for row in wired.rows("SELECT title FROM articles")] == ["Inside"]
    assert trap.caught == []


def test_row_09_sources_by_every_door(wired: Wired, home: Site, trap: Trap) -> None:
    """Feeds of the configuration, of a sitemap index, of OPML, of `sources add`, `sources test` and `fetch`, links of a discovered page, hubs, archives."""
    inside = [f"http://127.0.0.1:{trap.allowed}/x", f"http://[::1]:{trap.allowed}/x", f"http://loop.test:{trap.allowed}/x", f"http://2130706433:{trap.other}/x", f"http://mixed-loop.test:{trap.allowed}/x"]  # fmt: skip
    asked = inside if torture.SECONDS else inside[:2]
    maps = "".join(f"<sitemap><loc>{link}</loc></sitemap>" for link in inside)
    home.answers["/index.xml"] = Answer(f"<sitemapindex>{maps}</sitemapindex>".encode(), kind="text/xml")
    alternates = "".join(f'<link rel="alternate" type="application/rss+xml" href="{link}">' for link in inside)
    home.answers["/"] = Answer(
        f'<html><head>{alternates}<meta http-equiv="refresh" content="0;url={inside[0]}"></head><body><a href="{inside[0]}">RSS</a>'.encode()
    )
    more = "".join(f'<link rel="{rel}" href="{inside[0]}"/>' for rel in ("hub", "self", "next", "prev-archive"))
    images = f'<img src="{inside[0]}"><link rel="amphtml" href="{inside[0]}"><link rel="canonical" href="{inside[0]}"><meta property="og:image" content="{inside[0]}">'
    home.answers["/2026/pictures"] = Answer(
        article_html(home.base, "/2026/pictures", "Pictures", [*story(5)], head=images, canonical="").encode()
    )
    home.answers["/atom.xml"] = Answer(
        f'<feed xmlns="http://www.w3.org/2005/Atom">{more}<title>x</title><entry><title>p</title><link href="{home.base}/2026/pictures"/><link rel="enclosure" href="{inside[0]}"/></entry></feed>'.encode(),
        kind="application/atom+xml",
    )
    wired.configure(
        source(home, id="own", feeds=("/atom.xml",), more=f'sitemaps = ["{home.base}/index.xml"]'),
        *(f'[[source]]\nid = "s{n}"\nurl = "{home.base}/{n}/"\nfeeds = ["{link}"]\n' for n, link in enumerate(inside)),
    )
    wired.opened()
    assert wired.run("crawl").code == 4
    for link in asked:
        wired.run("fetch", link)
        wired.run("fetch", "--no-store", link)
        wired.run("sources", "add", link)
    wired.run("sources", "add", f"{home.base}/")
    wired.run("sources", "test", f"{home.base}/")
    outlines = "".join(f'<outline type="rss" xmlUrl="{link}" htmlUrl="{link}"/>' for link in inside)
    (wired.folder / "list.opml").write_text(f"<opml><body>{outlines}</body></opml>")
    wired.run("sources", "import", "list.opml")
    (wired.folder / "list.txt").write_text("\n".join(inside))
    wired.run("sources", "import", "list.txt")
    wired.run("crawl")
    wired.run("backfill", "own", "--since", "2026-01-01")
    refused(wired, trap)
    assert len(wired.rows("SELECT 1 FROM articles")) == 1


FORMS = (
    "http://127.0.0.1:{p}/", "http://localhost:{p}/", "http://2130706433:{p}/", "http://0x7f.1:{p}/", "http://127.1:{p}/", "http://0:{p}/", "http://0177.0.0.1:{p}/", "http://[::1]:{p}/",
    "http://[::ffff:127.0.0.1]:{p}/", "http://[::ffff:7f00:1]:{p}/", "//127.0.0.1:{p}/", "http://user:pw@127.0.0.1:{p}/", "http://①②⑦.⓪.⓪.①:{p}/", "http://127。0。0。1:{p}/", "http://127.0.0.1:{p}\\@public.test/",
    "http://loop.test:{p}/", "http://[64:ff9b::7f00:1]:{p}/", "http://[2002:7f00:1::]:{p}/", "file:///etc/hostname", "data:text/html,secret", "ftp://127.0.0.1:{p}/", "gopher://127.0.0.1:{p}/", "javascript:alert(1)",
)  # fmt: skip


def test_row_10_redirects(wired: Wired, home: Site, trap: Trap) -> None:
    """A public page, feed or robots.txt that leads inside, by every status and by a refresh."""
    pages = []
    for n, form in enumerate(FORMS):
        for port in (trap.allowed, trap.other):
            target = form.format(p=port)
            for status in (301, 302, 303, 307, 308):
                path = f"/2026/r{n}-{port}-{status}"
                header = (
                    target if target.isascii() else "".join(f"%{b:02X}" if b > 127 else chr(b) for b in target.encode())
                )
                home.answers[path] = Answer(b"", status, headers={"Location": header})
                pages.append(path)
            path = f"/2026/m{n}-{port}"
            home.answers[path] = Answer(f'<html><head><meta http-equiv="refresh" content="0; url={target}"><title>x</title></head></html>'.encode(), headers={"Refresh": f"0; url={target}"} if target.isascii() else {})  # fmt: skip
            pages.append(path)
    home.answers["/feed.xml"] = feed_of([home.base + path for path in pages])
    home.answers["/moved.xml"] = Answer(b"", 301, headers={"Location": f"http://127.0.0.1:{trap.allowed}/feed"})
    robots = Site("127.0.7.2")
    robots.answers["/robots.txt"] = Answer(
        b"", 302, headers={"Location": f"http://127.0.0.1:{trap.allowed}/robots.txt"}
    )
    robots.news(1)
    wired.configure(source(home, feeds=("/feed.xml", "/moved.xml")), source(robots, id="robots"))
    wired.opened("127.0.7.2/32")
    wired.run("crawl")
    robots.close()
    refused(wired, trap)
    # each one, and none of what it leads to; a request whose kept connection died meanwhile is sent once more
    assert {p for p in home.paths() if p.startswith("/2026/")} == set(pages)
    assert not wired.rows("SELECT 1 FROM articles WHERE text LIKE '%secret%'")


def test_row_10_rebinding_and_mixed_answers(wired: Wired, home: Site, trap: Trap) -> None:
    """A name that is public when it is looked at and loopback when it is asked; and one that is both."""
    port = trap.allowed
    links = [f"http://{name}:{port}/2026/{n}" for name in ("rebind.test", "mixed.test") for n in range(12)]
    for n in range(12):
        home.answers[f"/2026/{n}"] = Answer(article_html(f"http://x{n}.test", f"/2026/{n}", f"Story {n}", story(n), canonical="").encode(), headers={"Connection": "close"})  # fmt: skip
    home.answers["/feed.xml"] = feed_of(links)
    wired.configure(source(home))
    wired.opened()
    wired.run("crawl")
    refused(wired, trap)
    held = wired.rows("SELECT url FROM articles")
    assert any("mixed.test" in row["url"] for row in held)
    looked = [host for host, _ in wired.connected()]
    assert "93.184.216.34" in looked
    assert canonical_url(links[0]) == links[0]
