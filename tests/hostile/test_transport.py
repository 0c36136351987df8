"""Rows 16 and 20: an answer that is not whole is not stored; a certificate that does not hold is refused, and why is said."""

from __future__ import annotations

import datetime as dt
import gzip
import ipaddress
import socket
import ssl
import struct
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests import torture
from tests.conftest import Desk, source
from tests.site import Answer, Site, article_html, rss, story

PAGE = article_html("http://x.test", "/2026/broken", "Broken on the way", story(9, 30), canonical="").encode()
HALF = PAGE[: len(PAGE) // 2]
FEED = rss("http://127.0.0.1", [{"title": "t", "link": "/1"}]).encode()


def wire(*pieces: bytes, reset: bool = False) -> Callable[[Any], None]:
    def write(handler: Any) -> None:
        for piece in pieces:
            handler.wfile.write(piece)
        handler.wfile.flush()
        if reset:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()

    return write


def head(*lines: str, kind: str = "text/html") -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", f"Content-Type: {kind}", *lines, "", ""]).encode()


def broken(page: bytes, kind: str) -> dict[str, Callable[[Any], None]]:
    half, packed = page[: len(page) // 2], gzip.compress(page)
    cut = packed[: len(packed) // 2]
    return {
        "length too long": wire(head(f"Content-Length: {len(page)}", kind=kind), half),
        "reset": wire(head(f"Content-Length: {len(page)}", kind=kind), half, reset=True),
        "reset in the head": wire(b"HTTP/1.1 200 OK\r\nContent-", reset=True),
        "closed at once": wire(b""),
        "chunks without an end": wire(head("Transfer-Encoding: chunked", kind=kind), f"{len(half):x}\r\n".encode() + half + b"\r\n"),
        "a chunk cut": wire(head("Transfer-Encoding: chunked", kind=kind), f"{len(page):x}\r\n".encode() + half),
        "chunk sizes that are none": wire(head("Transfer-Encoding: chunked", kind=kind), b"zz\r\n" + half + b"\r\n0\r\n\r\n"),
        "half a gzip, right length": wire(head("Content-Encoding: gzip", f"Content-Length: {len(cut)}", kind=kind), cut),
        "half a gzip, no length": wire(head("Content-Encoding: gzip", "Connection: close", kind=kind), cut),
        "gzip without its trailer": wire(head("Content-Encoding: gzip", f"Content-Length: {len(packed) - 8}", kind=kind), packed[:-8]),
        "gzip of another sum": wire(head("Content-Encoding: gzip", f"Content-Length: {len(packed)}", kind=kind), packed[:-8] + b"\0" * 4 + packed[-4:]),
        "no gzip": wire(head("Content-Encoding: gzip", "Content-Length: 5", kind=kind), b"hello"),
        "an encoding of its own": wire(head("Content-Encoding: compress", f"Content-Length: {len(page)}", kind=kind), page),
        "no HTTP": wire(b"220 mail.example ESMTP\r\n"),
    }  # fmt: skip


NAMES = list(broken(PAGE, "text/html"))


def test_row_16_no_half_page_is_an_article(desk: Desk, site: Site) -> None:
    for n, write in enumerate(broken(PAGE, "text/html").values()):
        site.answers[f"/2026/broken-{n}"] = Answer(raw=write)
    site.rss("/feed.xml", [{"title": name, "link": f"/2026/broken-{n}"} for n, name in enumerate(NAMES)])
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    assert desk.rows("SELECT url FROM articles") == []
    entries = desk.rows("SELECT title, state, reason FROM entries ORDER BY id")
    assert {row["state"] for row in entries} == {"retry"}
    assert not [row for row in entries if "Error" in row["reason"] or "twisted" in row["reason"]]
    for n in range(len(NAMES)):  # and it is asked again, and read when it is whole
        site.page(f"/2026/broken-{n}", f"Whole at last {n}", story(n + 20), canonical="")
    assert desk.run("crawl").code == 0
    assert len(desk.rows("SELECT 1 FROM articles")) == len(NAMES)


def test_row_16_what_is_held_stays_as_it_was(desk: Desk, site: Site) -> None:
    address = site.page("/2026/held", "Held since yesterday", story(1, 20))
    site.rss("/feed.xml", [{"title": "Held", "link": "/2026/held"}])
    desk.configure(source(site))
    desk.run("crawl")
    before = desk.rows("SELECT text, revision, content_hash FROM articles")
    for write in list(broken(PAGE, "text/html").values())[:: torture.times(3, 1)]:
        site.answers["/2026/held"] = Answer(raw=write)
        desk.run("fetch", address)
    assert desk.rows("SELECT text, revision, content_hash FROM articles") == before


def test_row_16_no_half_feed_is_a_feed(tmp_path: Path) -> None:
    desk, sites = Desk(tmp_path), []
    answers = broken(FEED * 1, "application/rss+xml") | {"empty": wire(head("Content-Length: 0")), "304": wire(b"HTTP/1.1 304 Not Modified\r\n\r\n"), "a page": wire(head(f"Content-Length: {len(PAGE)}"), PAGE)}  # fmt: skip
    for n, write in enumerate(answers.values()):
        site = Site(f"127.0.9.{n + 1}")
        site.answers["/feed.xml"] = Answer(raw=write)
        sites.append(site)
    desk.configure(*(source(site, id=f"s{n}") for n, site in enumerate(sites)))
    assert desk.run("crawl").code == 5
    for site in sites:
        site.close()
    told = {row["source"]: row["last_error"] for row in desk.rows("SELECT source, last_error FROM feeds")}
    assert all(told.values()), told
    assert not [text for text in told.values() if "Error" in text or "twisted" in text], told
    assert desk.rows("SELECT 1 FROM entries") == []


def test_row_16_a_short_length_and_a_closed_connection_are_taken_as_they_are(desk: Desk, site: Site) -> None:
    """RFC 9112, 6.3: the length that is said is the message; without one the connection's end is its end."""
    whole = PAGE.replace(b"Broken on the way", b"Closed at its end")
    site.answers["/2026/closed"] = Answer(raw=wire(head("Connection: close"), whole))
    short = PAGE.replace(b"Broken on the way", b"More than was said")
    site.answers["/2026/short"] = Answer(raw=wire(head(f"Content-Length: {len(short)}"), short + b"<p>not of it</p>"))
    site.rss("/feed.xml", [{"title": "c", "link": "/2026/closed"}, {"title": "s", "link": "/2026/short"}])
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    assert {row["title"] for row in desk.rows("SELECT title FROM articles")} == {
        "Closed at its end",
        "More than was said",
    }


# TLS


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test Authority")])
        self.certificate = self._signed(self.name, self.key.public_key(), authority=True)
        (folder / "ca.pem").write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _signed(
        self, name: x509.Name, key: Any, *, days: int = 30, host: str = "", authority: bool = False, by: Any = None
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name if by else self.name).public_key(key).serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=60)).not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )  # fmt: skip
        if host:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False
            )
        return builder.sign(by or self.key, hashes.SHA256())

    def serve(self, site: Site, *, host: str, days: int = 30, own: bool = False, oldest: bool = False) -> str:
        """Put TLS on a site; its address."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = self._signed(name, key.public_key(), days=days, host=host, by=key if own else None)
        path = self.folder / f"{site.server.server_address[1]}.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        if oldest:
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that it is deprecated is the point
                context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
        site.server.socket = context.wrap_socket(site.server.socket, server_side=True, do_handshake_on_connect=False)
        return site.base.replace("http:", "https:")


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[Desk, dict[str, Site], dict[str, str]]]:
    authority = Authority(tmp_path)
    how: dict[str, dict[str, Any]] = {
        "good": {}, "self-signed": {"own": True}, "expired": {"days": -1}, "other-host": {"host": "127.0.10.99"}, "tls-1.0": {"oldest": True},
    }  # fmt: skip
    desk, sites, bases = Desk(tmp_path), {}, {}
    desk.env["SSL_CERT_FILE"] = str(tmp_path / "ca.pem")
    for n, (name, options) in enumerate(how.items()):
        address = f"127.0.10.{n + 1}"
        site = sites[name] = Site(address)
        bases[name] = authority.serve(site, **({"host": address} | options))
        site.page("/2026/story", f"Told by {name}", story(n))
        site.rss("/feed.xml", [{"title": name, "link": f"{bases[name]}/2026/story"}])
    yield desk, sites, bases
    for site in sites.values():
        site.close()


def test_row_20_a_certificate_that_does_not_hold_is_refused_and_why_is_said(
    tls: tuple[Desk, dict[str, Site], dict[str, str]],
) -> None:
    desk, sites, bases = tls
    desk.configure(*(source(base, id=name) for name, base in bases.items()))
    assert desk.run("crawl").code == 4
    assert [row["source"] for row in desk.rows("SELECT source FROM articles")] == ["good"]
    assert [name for name, site in sites.items() if site.requests] == ["good"]
    told = {
        row["source"]: row["last_error"]
        for row in desk.rows("SELECT source, last_error FROM feeds WHERE last_error IS NOT NULL")
    }
    assert set(told) == set(bases) - {"good"}
    assert "self-signed" in told["self-signed"]
    assert "expired" in told["expired"]
    assert "another host" in told["other-host"]
    assert "TLS of 1.2" in told["tls-1.0"]


def test_row_20_verify_tls_off_is_the_operators_word(tls: tuple[Desk, dict[str, Site], dict[str, str]]) -> None:
    desk, _, bases = tls
    desk.configure(source(bases["self-signed"], id="own"))
    desk.env["NEWSDESK_HTTP__VERIFY_TLS"] = "false"
    assert desk.run("crawl").code == 0
    assert len(desk.rows("SELECT 1 FROM articles")) == 1
    assert "verify_tls" in desk.run("doctor").out + desk.run("doctor").err


def test_row_13_a_server_that_goes_on_after_it_was_given_up_holds_up_nobody(
    tls: tuple[Desk, dict[str, Site], dict[str, str]], site: Site
) -> None:
    """Over TLS a connection is closed by both sides; one side that only sends kept its share of what all may hold."""
    desk, sites, bases = tls
    junk = head("Transfer-Encoding: chunked", kind="application/rss+xml") + b"zz\r\n"
    sites["good"].answers["/feed.xml"] = Answer(raw=_goes_on(junk))
    site.news(2)
    padding = b"<!-- " + b"x" * 3_000_000 + b" -->"
    site.answers["/feed.xml"].body = site.answers["/feed.xml"].body.replace(b"<item>", padding + b"<item>", 1)
    site.answers["/feed.xml"].delay = 2
    desk.configure(source(bases["good"], id="bad"), source(site, id="large"))
    assert desk.run("crawl").code == 4
    assert [row["source"] for row in desk.rows("SELECT DISTINCT source FROM articles")] == ["large"]


def _goes_on(first: bytes) -> Callable[[Any], None]:
    def write(handler: Any) -> None:
        ends = time.monotonic() + 8
        try:
            handler.wfile.write(first)
            while time.monotonic() < ends:
                handler.wfile.write(b"y" * 65_536)
        except OSError:
            return

    return write


def test_row_13_large_answers_that_come_together_all_arrive(tmp_path: Path) -> None:
    """Twenty of five megabytes hold more than all may: they take turns, and none waits for ever."""
    desk, sites = Desk(tmp_path), [Site(f"127.0.14.{n + 1}") for n in range(20)]
    for n, site in enumerate(sites):
        site.news(1, start=n)
        body = site.answers["/feed.xml"].body
        site.answers["/feed.xml"].body = body.replace(b"<item>", b"<!-- " + b"x" * 5_000_000 + b" --><item>", 1)
    desk.configure(*(source(site, id=f"s{n}") for n, site in enumerate(sites)))
    text = (tmp_path / "newsdesk.toml").read_text()
    (tmp_path / "newsdesk.toml").write_text(text.replace("timeout = 5\n", "timeout = 30\n"))
    done = desk.run("crawl")
    for site in sites:
        site.close()
    assert done.code == 0, done.out
    assert len(desk.rows("SELECT 1 FROM articles")) == 20


def test_a_label_that_names_no_encoding_loses_nothing(desk: Desk, site: Site) -> None:
    site.news(1)
    for answer in site.answers.values():
        answer.headers["Content-Encoding"] = "UTF-8"
    moved = site.answers["/2026/11/20/story-number-0"]
    site.answers["/2026/11/20/moved"] = moved
    site.answers["/2026/11/20/story-number-0"] = Answer(
        b"moved", 301, headers={"Location": f"{site.base}/2026/11/20/moved", "Content-Encoding": "gzip"}
    )
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    assert len(desk.rows("SELECT 1 FROM articles")) == 1
