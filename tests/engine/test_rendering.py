"""Pages whose text only their scripts make, in a real Chromium: their texts, and what the browser cannot reach."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crawler.config.models import Http
from crawler.engine.browser.proxy import GuardedProxy
from crawler.engine.browser.renderer import browsers as below
from crawler.engine.browser.renderer import find_browser
from tests import torture
from tests.conftest import Desk, source
from tests.running import SCHEDULE, Running, until
from tests.site import Answer, Site, story

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("playwright") is None or find_browser("") is None,
    reason="needs Playwright and a Chromium: apt-get install chromium",
)
SANDBOX = "sandbox = false\n" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
PAGES = torture.times(3, 14)  # of each kind
HEAD = "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>{head}</head><body>"


def fetched(n: int) -> str:
    """The text comes by fetch."""
    return HEAD.format(title=f"Story {n}", head="") + (
        f"<div id='app'></div><noscript>You need to enable JavaScript to run this app.</noscript><script>"
        f"fetch('/data/{n}.json').then(r => r.json()).then(d => {{ document.querySelector('#app').innerHTML = "
        "'<article><h1>' + d.title + '</h1>' + d.text.map(p => '<p>' + p + '</p>').join('') + '</article>' })</script></body></html>"
    )


def hydrated(n: int) -> str:
    """A framework puts the text in from a script of the page, a while later."""
    data = json.dumps({"t": f"Story {n}", "p": [line[::-1] for line in story(n)]})
    return HEAD.format(title=f"Story {n}", head="") + (
        "<div id='root'></div><noscript>Please enable JavaScript.</noscript>"
        f"<script>window.__STATE__ = {json.dumps(data)}</script><script>setTimeout(() => {{ const s = JSON.parse(window.__STATE__);"
        "const a = document.createElement('article'); const h = document.createElement('h1'); h.textContent = s.t; a.append(h);"
        "for (const p of s.p) { const e = document.createElement('p'); e.textContent = [...p].reverse().join(''); a.append(e) }"
        "document.querySelector('#root').append(a) }, 200)</script></body></html>"
    )


def overlaid(n: int) -> str:
    """The same, under a consent overlay that nobody clicks."""
    overlay = "<div id='consent' style='position:fixed;inset:0;background:#fff;z-index:9'><h2>We value your privacy</h2><button>Accept all</button></div>"
    return fetched(n).replace("<div id='app'>", f"{overlay}<div id='app'>")


KINDS = {"fetched": fetched, "hydrated": hydrated, "overlaid": overlaid}


def serve(site: Site) -> None:
    items = []
    for k, make in enumerate(KINDS.values()):
        for i in range(PAGES):
            n = 20 * k + i
            site.answers[f"/2026/11/20/story-{n}"] = Answer(make(n).encode())
            site.answers[f"/data/{n}.json"] = Answer(
                json.dumps({"title": f"Story {n}", "text": story(n)}).encode(), kind="application/json"
            )
            items.append(
                {"title": f"Story {n}", "link": f"/2026/11/20/story-{n}", "date": "Fri, 20 Nov 2026 10:00:00 GMT"}
            )
    site.rss("/feed.xml", items)


def browsers(parent: int) -> set[int]:
    """The browser's processes below a process."""
    return set(below(parent))


def test_texts_that_scripts_make_are_stored_and_pages_are_requested_once(desk: Desk, site: Site) -> None:
    serve(site)
    desk.configure(source(site, more="render = true"), extra=f"keep_raw = true\n[render]\n{SANDBOX}")
    done = desk.run("crawl", timeout=300)
    assert done.code == 0, done.err
    rows = desk.rows("SELECT id, url, title, text, provenance FROM articles")
    assert len(rows) == 3 * PAGES, desk.rows("SELECT url, reason FROM entries WHERE article_id IS NULL")
    for row in rows:
        n = int(row["url"].rpartition("-")[2])
        assert (row["title"], row["text"]) == (f"Story {n}", "\n\n".join(story(n))), row["url"]
        assert json.loads(row["provenance"])["page"]["source"] == "rendered"
    assert all(site.paths().count(f"/2026/11/20/story-{20 * k}") == 1 for k in range(3))
    raw = desk.run("show", str(rows[0]["id"]), "--raw").out
    assert story(int(rows[0]["url"].rpartition("-")[2]))[0] in raw
    again = desk.run("fetch", rows[0]["url"])  # a 304 needs no browser
    assert again.code == 0


def test_without_a_browser_they_are_recognised_and_auto_renders_their_source_alone(desk: Desk, site: Site) -> None:
    serve(site)
    desk.configure(source(site))
    desk.run("crawl", timeout=200)
    reasons = [row["reason"] for row in desk.rows("SELECT reason FROM entries")]
    assert len(reasons) == 3 * PAGES
    assert set(reasons) == {"needs JavaScript"}
    other = Site("127.0.0.1")
    other.news(2)
    desk.database.unlink()
    desk.configure(
        source(site, more='render = "auto"'),
        source(other, id="plain", more='render = "auto"'),
        extra=f"[render]\n{SANDBOX}",
    )
    assert desk.run("crawl", timeout=300).code == 0
    rows = desk.rows("SELECT source, text, provenance FROM articles")
    assert len(rows) == 3 * PAGES + 2
    for row in rows:
        how = json.loads(row["provenance"])["page"]["source"]
        assert how == ("rendered" if row["source"] == "post" else "fetch")
    assert desk.rows("SELECT key FROM meta WHERE key LIKE 'rendered %'") == [{"key": "rendered post"}]
    other.close()


class Trap:
    """A port that nothing may connect to."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.came = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.came += 1
            connection.close()

    def close(self) -> None:
        self.socket.close()


def test_a_page_reaches_nothing_that_the_guard_refuses(desk: Desk) -> None:
    site, trap = Site("127.0.0.3"), Trap()
    address = f"127.0.0.1:{trap.port}"
    site.answers["/redirect"] = Answer(b"", 302, headers={"Location": f"http://{address}/r"})
    site.answers["/frame"] = Answer(
        f"<iframe src='http://{address}/f'></iframe><script>location = 'http://{address}/n'</script>".encode()
    )
    attacks = (
        f"fetch('http://{address}/a', {{mode: 'no-cors'}}); fetch('/redirect', {{mode: 'no-cors'}});"
        f"new WebSocket('ws://{address}/w'); navigator.sendBeacon('http://{address}/b');"
        f"new Image().src = 'http://{address}/i'; import('http://{address}/m').catch(() => 0);"
        f"fetch('http://localhost:{trap.port}/l', {{mode: 'no-cors'}}); fetch('http://[::ffff:7f00:1]:{trap.port}/6', {{mode: 'no-cors'}});"
        f"fetch('http://2130706433:{trap.port}/d', {{mode: 'no-cors'}}); fetch('http://0:{trap.port}/z', {{mode: 'no-cors'}});"
        f"open('http://{address}/o'); fetch('file:///etc/passwd').catch(() => 0); new Worker('/worker.js');"
        "try { new RTCPeerConnection({iceServers: [{urls: 'stun:"
        + address
        + "'}]}).createDataChannel('x') } catch (e) {}"
        "navigator.serviceWorker?.register('/worker.js').catch(() => 0);"
    )
    site.answers["/worker.js"] = Answer(
        f"fetch('http://{address}/wk', {{mode: 'no-cors'}})".encode(), kind="text/javascript"
    )
    text = "".join(f"<p>{line}</p>" for line in story(1))
    links = "".join(
        f"<link rel='{rel}' href='http://{address}/{rel}'>"
        for rel in ("preload", "prefetch", "preconnect", "dns-prefetch", "stylesheet", "icon")
    )
    body = f"<html><head><title>Attack</title>{links}<meta http-equiv='refresh' content='1;url=http://{address}/meta'></head><body><article><h1>Attack</h1>{text}</article><iframe src='/frame'></iframe><form action='http://{address}/form'></form><script>{attacks}; document.forms[0].submit()</script></body></html>"
    site.answers["/2026/11/20/attack"] = Answer(body.encode())
    site.rss("/feed.xml", [{"title": "Attack", "link": "/2026/11/20/attack", "date": "Fri, 20 Nov 2026 10:00:00 GMT"}])
    desk.configure(source(site, more="render = true"), extra=f"[render]\n{SANDBOX}timeout = 3\n")
    config = desk.folder / "newsdesk.toml"
    config.write_text(config.read_text().replace('["127.0.0.0/8", "::1/128"]', '["127.0.0.3/32"]'))
    done = desk.run("crawl", timeout=100)
    assert done.code == 0, done.err
    assert [row["text"] for row in desk.rows("SELECT text FROM articles")] == ["\n\n".join(story(1))], desk.rows(
        "SELECT reason FROM entries"
    )
    time.sleep(1)
    assert trap.came == 0
    trap.close()
    site.close()


@pytest.mark.parametrize("how", ["hangs", "floods", "dies"])
def test_a_page_that_breaks_the_browser_fails_alone(desk: Desk, site: Site, how: str) -> None:
    script = {
        "hangs": "while (true) {}",
        "floods": "setInterval(() => fetch('/x' + Math.random()), 0)",
        "dies": "const a = []; while (true) a.push(new Array(1e6).fill('x' + a.length))",
    }[how]
    bad = f"<html><head><title>Bad</title></head><body><div id='app'></div><script>{script}</script></body></html>"
    site.answers["/2026/11/20/bad"] = Answer(bad.encode())
    site.answers["/2026/11/20/story-1"] = Answer(hydrated(1).encode())
    site.rss(
        "/feed.xml",
        [{"title": t, "link": f"/2026/11/20/{t}", "date": "Fri, 20 Nov 2026 10:00:00 GMT"} for t in ("bad", "story-1")],
    )
    plain = Site("127.0.0.4")
    plain.news(2)
    desk.configure(
        source(site, more="render = true"), source(plain, id="plain"), extra=f"[render]\n{SANDBOX}timeout = 2\n"
    )
    done = desk.run("crawl", timeout=200)
    assert done.code in {0, 4}, done.err
    titles = {row["title"] for row in desk.rows("SELECT title FROM articles WHERE text IS NOT NULL")}
    assert {"Story 1", "Story number 0 of the week", "Story number 1 of the week"} <= titles
    assert [r for r in site.paths() if r.startswith("/x")][400:] == []
    plain.close()


def runs(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("victim", ["newsdesk", "browser"])
def test_no_browser_outlives_newsdesk_and_a_dead_one_is_replaced(
    desk: Desk, site: Site, start: Callable[..., Running], victim: str
) -> None:
    serve(site)
    site.rss(
        "/feed.xml", [{"title": "Story 0", "link": "/2026/11/20/story-0", "date": "Fri, 20 Nov 2026 10:00:00 GMT"}]
    )
    desk.configure(source(site, more="render = true"), extra=f"{SCHEDULE}[render]\n{SANDBOX}")
    running = start()
    assert until(lambda: desk.database.exists() and desk.rows("SELECT id FROM articles"), 60), running.text()
    found = browsers(running.process.pid)
    assert len(found) > 1
    if victim == "newsdesk":
        running.process.kill()
        running.process.wait()
        # on a busy machine the driver waits up to 30 s for its browser before it ends it
        assert until(lambda: not any(map(runs, found)), 50), found
        return
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            continue
    serve(site)
    assert until(lambda: len(desk.rows("SELECT id FROM articles")) >= 3, 90), running.text()


def test_as_root_a_browser_with_its_sandbox_is_refused(desk: Desk, site: Site) -> None:
    if not SANDBOX:
        pytest.skip("needs root")
    serve(site)
    desk.configure(source(site, more="render = true"))
    done = desk.run("crawl", timeout=60)
    assert done.code == 2
    assert "a browser's sandbox does not work as root" in done.err


def test_the_proxy_connects_to_what_the_policy_allows_alone() -> None:
    async def said(target: str) -> bytes:
        async with GuardedProxy(Http(allow_networks=("127.0.0.9/32",))) as proxy:
            port = int(proxy.address.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            line = await asyncio.wait_for(reader.readline(), 10)
            writer.close()
            return line

    with socket.create_server(("127.0.0.9", 0)) as open_port:
        port = open_port.getsockname()[1]
        assert b"200" in asyncio.run(said(f"127.0.0.9:{port}"))
        for target in (
            f"127.0.0.1:{port}",
            f"localhost:{port}",
            f"0x7f000001:{port}",
            f"[::1]:{port}",
            "169.254.169.254:80",
            "x",
            ":1",
            "a:b",
        ):
            assert b"200" not in asyncio.run(said(target)), target


def test_what_is_no_request_ends_the_connection() -> None:
    async def sent(data: bytes) -> bytes:
        async with GuardedProxy(Http()) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.address.rpartition(":")[2]))
            writer.write(data)
            await writer.drain()
            writer.write_eof()
            found = await asyncio.wait_for(reader.read(), 15)
            writer.close()
            return found

    for data in (b"", b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET ftp://x/ HTTP/1.1\r\n\r\n", b"x" * 200_000):
        assert asyncio.run(sent(data)) == b""


def test_a_page_that_asks_for_too_much_fails_and_its_neighbour_does_not(desk: Desk, site: Site) -> None:
    serve(site)
    site.answers["/big"] = Answer(b"x" * 9_000_000)
    site.answers["/2026/11/20/greedy"] = Answer(
        b"<html><head><title>Greedy</title></head><body><div id='app'></div><script>for (let i = 0; i < 20; i++) fetch('/big?' + i).then(r => r.text());"
        b"for (let i = 0; i < 9; i++) { open('/popup?' + i); new WebSocket('ws://' + location.host + '/socket?' + i) }</script></body></html>"
    )
    site.live["/big"] = lambda *_: site.answers["/big"]
    for n in range(20):
        site.answers[f"/big?{n}"] = site.answers["/big"]
    titles = ("greedy", "story-0", "story-20", "story-40")
    site.rss(
        "/feed.xml", [{"title": t, "link": f"/2026/11/20/{t}", "date": "Fri, 20 Nov 2026 10:00:00 GMT"} for t in titles]
    )
    desk.configure(source(site, more="render = true"), extra=f"[render]\n{SANDBOX}timeout = 4\n")
    assert desk.run("crawl", timeout=200).code in {0, 4}
    stored = {row["url"].rpartition("/")[2] for row in desk.rows("SELECT url FROM articles WHERE text IS NOT NULL")}
    assert stored >= {"story-0", "story-20", "story-40"}
    (entry,) = desk.rows("SELECT reason FROM entries WHERE url LIKE '%greedy'")
    assert "more than 50,000,000 bytes" in entry["reason"]
    assert not [path for path in site.paths() if path.startswith(("/socket", "/popup"))]


def test_addresses_that_a_browser_writes_otherwise_and_named_hosts(desk: Desk, site: Site) -> None:
    paths = ["/2026/11/20/a?q=it's", "/2026/11/20/b^c{d}|e", "/2026/11/20/plain"]
    for n, path in enumerate(paths):
        site.answers[path] = site.answers[
            path.replace("^", "%5E").replace("{", "%7B").replace("}", "%7D").replace("|", "%7C")
        ] = Answer(hydrated(n).encode(), kind="text/html")
    site.answers[paths[0].replace("'", "%27")] = site.answers[paths[0]]
    base = site.base.replace("127.0.0.1", "localhost")
    site.rss(
        "/feed.xml",
        [
            {"title": f"Story {n}", "link": base + p, "date": "Fri, 20 Nov 2026 10:00:00 GMT"}
            for n, p in enumerate(paths)
        ],
    )
    desk.configure(source(site, more="render = true"), extra=f"[render]\n{SANDBOX}")
    assert desk.run("crawl", timeout=200).code == 0
    assert len(desk.rows("SELECT id FROM articles WHERE text IS NOT NULL")) == 3, desk.rows(
        "SELECT url, reason FROM entries"
    )


def test_a_name_that_leads_elsewhere_the_second_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["127.0.0.9", "127.0.0.1"])
    real = socket.getaddrinfo

    def rebound(host: str, *more: Any, **options: Any) -> Any:
        return real(next(answers) if host == "rebound.example" else host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)

    async def lines(port: int) -> list[bytes]:
        found = []
        async with GuardedProxy(Http(allow_networks=("127.0.0.9/32",))) as proxy:
            for _ in range(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.address.rpartition(":")[2]))
                writer.write(f"CONNECT rebound.example:{port} HTTP/1.1\r\n\r\n".encode())
                found.append(await asyncio.wait_for(reader.readline(), 10))
                writer.close()
        return found

    with socket.create_server(("127.0.0.9", 0)) as allowed:
        first, second = asyncio.run(lines(allowed.getsockname()[1]))
    assert b"200" in first
    assert b"403" in second
