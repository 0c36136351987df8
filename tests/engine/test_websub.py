"""Feeds that a hub pushes: the cases of the subscriber's side of WebSub, with a local hub and a running crawler."""

from __future__ import annotations

import hmac
import http.client
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import urlopen

import pytest

from tests.conftest import Desk, source
from tests.hostile.test_transport import Authority
from tests.postgres import free_port
from tests.running import SCHEDULE, Running, until
from tests.site import Answer, Site, rss

FEED = "/feed.xml"


class Hub:
    """A hub that verifies subscriptions, and pushes; `forms` are what was posted to it."""

    def __init__(self, folder: Path | None) -> None:
        self.forms: list[dict[str, str]] = []
        self.verified: list[tuple[int, str]] = []
        self.lease, self.status, self.verifies = "7200", 202, True
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                hub.forms.append(form)
                self.send_response(hub.status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                if hub.verifies and hub.status == 202:
                    threading.Thread(target=hub.verify, args=(form,), daemon=True).start()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
        if folder is not None:
            served: Any = SimpleNamespace(server=self.server, base=self.base)
            self.base = Authority(folder).serve(served, host="127.0.0.1")
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def verify(self, form: dict[str, str], **other: str) -> tuple[int, str]:
        query = {
            "hub.mode": form["hub.mode"],
            "hub.topic": form["hub.topic"],
            "hub.challenge": "abc123",
            "hub.lease_seconds": self.lease,
        }
        self.verified.append(get(f"{form['hub.callback']}?{urlencode({**query, **other})}"))
        return self.verified[-1]

    @property
    def subscription(self) -> dict[str, str]:
        return next(form for form in reversed(self.forms) if form["hub.mode"] == "subscribe")

    def push(self, body: bytes, *, secret: str | None = None, method: str = "sha256", callback: str = "") -> int:
        form = self.subscription
        headers = {"Content-Type": "application/rss+xml"}
        if secret := form.get("hub.secret") if secret is None else secret:
            digest = hmac.new(secret.encode(), body, method).hexdigest()
            headers["X-Hub-Signature"] = f"{method}={digest}"
        return post(callback or form["hub.callback"], body, headers)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def get(url: str) -> tuple[int, str]:
    try:
        with urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except OSError as error:
        return getattr(error, "code", 0), ""


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=5)
    try:
        began = time.monotonic()
        connection.request("POST", parts.path, body, headers)
        status = connection.getresponse().status
        assert time.monotonic() - began < 4
        return status
    except OSError:
        return 0
    finally:
        connection.close()


class Pushed:
    """A running crawler with one feed, and its hub."""

    def __init__(self, desk: Desk, site: Site, hub: Hub, start: Callable[..., Running]) -> None:
        self.desk, self.site, self.hub, self.start = desk, site, hub, start
        self.port = free_port()
        self.items: list[dict[str, Any]] = []

    def item(self, n: int) -> None:
        self.site.page(f"/2026/11/20/story-{n}", f"Story {n} of the week", [f"Words of story {n}. " * 20])
        self.items.insert(
            0,
            {
                "title": f"Story {n} of the week",
                "link": f"/2026/11/20/story-{n}",
                "date": f"Fri, 20 Nov 2026 10:{n:02d}:00 GMT",
            },
        )

    def document(self, items: list[dict[str, Any]] | None = None) -> bytes:
        links = f'<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="hub" href="{self.hub.base}/"/>'
        return (
            rss(self.site.base, self.items if items is None else items)
            .replace("<channel>", f"<channel>{links}", 1)
            .encode()
        )

    def serve(self) -> None:
        self.site.answers[FEED] = Answer(self.document(), kind="application/rss+xml")

    def run(
        self,
        *,
        schedule: str = '[schedule]\ndefault = "1h"\nmin = "1s"\nadaptive = false\n',
        hour: float | None = 240.0,
    ) -> None:
        self.desk.configure(
            source(self.site),
            extra=f'{schedule}[websub]\ncallback = "http://127.0.0.1:{self.port}/hooks"\nlisten = "127.0.0.1:{self.port}"\n',
            hour=hour,
        )
        self.start()
        assert until(lambda: self.state() == "active"), (self.desk.folder / "run.log").read_text()

    def state(self) -> str | None:
        if not self.desk.database.exists():
            return None
        rows = self.desk.rows("SELECT name FROM sqlite_master WHERE name = 'pushes'")
        found = self.desk.rows("SELECT state FROM pushes") if rows else []
        return found[0]["state"] if found else None

    def titles(self) -> set[str]:
        return {row["title"] for row in self.desk.rows("SELECT title FROM articles")}

    def polls(self) -> int:
        return self.site.paths().count(FEED)


@pytest.fixture
def pushed(desk: Desk, site: Site, tmp_path: Path, start: Callable[..., Running]) -> Iterator[Pushed]:
    hub = Hub(tmp_path)
    desk.env["SSL_CERT_FILE"] = str(tmp_path / "ca.pem")
    found = Pushed(desk, site, hub, start)
    found.item(0)
    found.serve()
    yield found
    hub.close()


def test_a_signed_document_is_stored_at_once_without_a_poll_and_the_feed_is_polled_rarely(pushed: Pushed) -> None:
    pushed.run()
    form = pushed.hub.subscription
    assert form["hub.topic"] == pushed.site.base + FEED
    assert form["hub.callback"].startswith(f"http://127.0.0.1:{pushed.port}/hooks/")
    assert len(form["hub.callback"].rpartition("/")[2]) >= 40
    assert len(form["hub.secret"]) >= 40
    assert pushed.hub.verified[0] == (200, "abc123")
    polls = pushed.polls()
    pushed.item(1)
    began = time.monotonic()
    assert pushed.hub.push(pushed.document(pushed.items[:1])) == 202  # the new entry alone, as many hubs send it
    assert until(lambda: "Story 1 of the week" in pushed.titles(), 20)
    assert time.monotonic() - began < 15
    assert pushed.polls() == polls
    assert pushed.hub.push(pushed.document(pushed.items[:1]), method="sha1") == 202
    (feed,) = pushed.desk.rows("SELECT etag, body_hash, window_size FROM feeds")
    assert feed["etag"]
    assert feed["window_size"] == 1


def test_pushes_that_do_not_count_change_nothing(pushed: Pushed) -> None:
    pushed.run()
    polls = pushed.polls()
    pushed.item(1)
    body, before = pushed.document(), pushed.desk.rows("SELECT * FROM entries")
    known = pushed.hub.subscription["hub.callback"]
    assert pushed.hub.push(body, secret="") == 202  # not signed
    assert pushed.hub.push(body, secret="guessed") == 202  # forged
    assert pushed.hub.push(body + b" ", method="md5") == 202  # a method that nobody should use
    assert post(known, body, {"X-Hub-Signature": "sha256="}) == 202
    assert pushed.hub.push(body, callback=known[:-3] + "abc") == 410  # another subscription
    assert pushed.hub.push(b"x" * (11 * 1024**2)) in {413, 0}  # the connection may end before all is sent
    assert post(known, b"", {"Transfer-Encoding": "chunked"}) == 411
    with socket.create_connection(("127.0.0.1", pushed.port)) as slow:
        slow.sendall(b"POST /hooks/x HTTP/1.1\r\nContent-Length: 100\r\n\r\n")
        assert pushed.hub.verify(pushed.hub.subscription, **{"hub.topic": "https://other.example/"})[0] == 404
        assert pushed.hub.verify({**pushed.hub.subscription, "hub.mode": "unsubscribe"})[0] == 404  # nobody wanted that
    assert get(f"http://127.0.0.1:{pushed.port}/")[0] == 404
    time.sleep(1.5)
    assert pushed.desk.rows("SELECT * FROM entries") == before
    assert pushed.polls() == polls
    assert pushed.state() == "active"


def test_a_push_without_a_document_polls_at_most_every_min_and_a_replayed_one_does_nothing(pushed: Pushed) -> None:
    pushed.run(schedule='[schedule]\ndefault = "1h"\nmin = "3s"\nadaptive = false\n')
    pushed.item(1)
    pushed.serve()
    polls = pushed.polls()
    time.sleep(3)
    for _ in range(10):
        assert pushed.hub.push(b"") == 202
    assert until(lambda: "Story 1 of the week" in pushed.titles(), 20)
    assert 1 <= pushed.polls() - polls <= 3
    pushed.item(2)
    body = pushed.document(pushed.items[:1])
    assert pushed.hub.push(body) == 202
    assert until(lambda: "Story 2 of the week" in pushed.titles(), 20)
    fetches = len(pushed.desk.rows("SELECT * FROM fetches WHERE url LIKE '%feed.xml'"))
    assert pushed.hub.push(body) == 202
    time.sleep(1)
    assert len(pushed.desk.rows("SELECT * FROM fetches WHERE url LIKE '%feed.xml'")) == fetches


def test_a_hub_without_tls_gets_no_secret_and_its_pushes_are_only_hints(
    desk: Desk, site: Site, start: Callable[..., Running]
) -> None:
    hub = Hub(None)
    pushed = Pushed(desk, site, hub, start)
    pushed.item(0)
    pushed.serve()
    pushed.run()
    assert "hub.secret" not in hub.subscription
    forged = rss(site.base, [{"title": "Forged", "link": "/2026/11/20/forged"}]).encode()
    assert hub.push(forged) == 202
    pushed.item(1)
    pushed.serve()
    time.sleep(1.5)
    assert hub.push(b"") == 202
    assert until(lambda: "Story 1 of the week" in pushed.titles(), 20)
    assert desk.rows("SELECT count(*) AS n FROM entries WHERE title = 'Forged'") == [{"n": 0}]
    hub.close()


def test_a_lease_is_renewed_before_it_ends_and_ended_with_its_source(pushed: Pushed) -> None:
    pushed.run(hour=1.0)
    first = pushed.hub.subscription
    past = "2026-11-01T00:00:00Z"
    # as if two thirds of the lease were over
    with sqlite3.connect(pushed.desk.database, timeout=20) as connection:
        connection.execute("UPDATE pushes SET verified_at = ?, retry_at = ?", (past, past))
    assert until(lambda: len([f for f in pushed.hub.forms if f["hub.mode"] == "subscribe"]) > 1, 20)
    assert pushed.hub.subscription["hub.callback"] == first["hub.callback"]
    assert until(lambda: pushed.desk.rows("SELECT verified_at FROM pushes")[0]["verified_at"] > past, 20)
    config = pushed.desk.folder / "newsdesk.toml"
    config.write_text(config.read_text().replace('id = "post"', 'id = "post"\nenabled = false'))
    assert until(lambda: any(f["hub.mode"] == "unsubscribe" for f in pushed.hub.forms), 30)
    assert until(lambda: pushed.state() is None, 20)


def test_a_hub_that_refuses_is_asked_again_later_and_the_feed_is_polled_as_before(
    desk: Desk, site: Site, tmp_path: Path, start: Callable[..., Running]
) -> None:
    hub = Hub(tmp_path)
    desk.env["SSL_CERT_FILE"] = str(tmp_path / "ca.pem")
    hub.status = 500
    pushed = Pushed(desk, site, hub, start)
    pushed.item(0)
    pushed.serve()
    desk.configure(
        source(site),
        extra=f'{SCHEDULE}[websub]\ncallback = "http://127.0.0.1:{pushed.port}"\nlisten = "127.0.0.1:{pushed.port}"\n',
    )
    start()
    assert until(lambda: desk.database.exists() and pushed.state() == "requested")
    assert until(lambda: desk.rows("SELECT error FROM pushes")[0]["error"] == "the hub answered 500", 20)
    before = len(hub.forms)
    pushed.item(1)
    pushed.serve()
    assert until(lambda: "Story 1 of the week" in pushed.titles(), 20)
    assert len(hub.forms) == before
    hub.close()


def test_a_denied_subscription_is_asked_for_again_and_recovers(pushed: Pushed) -> None:
    pushed.run()
    assert pushed.hub.verify({**pushed.hub.subscription, "hub.mode": "denied"}, **{"hub.reason": "too many"})[0] == 200
    assert pushed.state() == "denied"
    assert pushed.hub.push(b"") == 410
    with sqlite3.connect(pushed.desk.database, timeout=20) as connection:
        connection.execute("UPDATE pushes SET retry_at = '2026-11-01T00:00:00Z'")
    assert until(lambda: pushed.state() == "active", 40)


def test_a_poll_that_finds_what_was_not_pushed_ends_the_rare_polls(pushed: Pushed) -> None:
    pushed.run(schedule='[schedule]\ndefault = "1s"\nmin = "1s"\nadaptive = false\n', hour=3.0)  # polls 12 s apart
    assert until(lambda: pushed.polls() > 1, 30)
    due = "SELECT strftime('%s', due_at) - strftime('%s', checked_at) AS wait FROM feeds"
    assert until(lambda: (pushed.desk.rows(due)[0]["wait"] or 0) >= 11, 30)
    pushed.item(1)
    pushed.serve()  # and no push
    assert until(lambda: "Story 1 of the week" in pushed.titles(), 40)
    assert until(lambda: pushed.desk.rows("SELECT missed FROM pushes") == [{"missed": 1}], 20)
    assert until(lambda: (pushed.desk.rows(due)[0]["wait"] or 99) <= 3, 20)
    assert pushed.hub.push(b"") == 202  # a push again: rare polls again
    assert until(lambda: pushed.desk.rows("SELECT missed FROM pushes") == [{"missed": 0}], 20)
