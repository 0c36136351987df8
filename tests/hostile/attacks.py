"""Answers that are made to hurt: each name says what; bytes on the wire, or a function that writes them."""

from __future__ import annotations

import gzip
import random
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import brotli
from backports import zstd

from tests.site import Answer

KILO, MEGA, GIGA = 1000, 1000**2, 1000**3
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
PAGE = "<!doctype html><html><head><title>A page of its own</title>%s</head><body><article><h1>A page of its own</h1>%s</article></body></html>"


def _zeros(size: int) -> Iterator[bytes]:
    for _ in range(size // MEGA):
        yield bytes(MEGA)


def bomb(encoding: str, size: int) -> Answer:
    """Zeros: a few kilobytes on the wire that unpack to `size` bytes."""
    if encoding == "gzip":
        packer: Any = zlib.compressobj(9, zlib.DEFLATED, 31)
    elif encoding == "deflate":
        packer = zlib.compressobj(9)
    elif encoding == "br":
        packer = brotli.Compressor(quality=3)
    else:
        packer = zstd.ZstdCompressor()
    step = packer.process if encoding == "br" else packer.compress
    end = packer.finish if encoding == "br" else packer.flush
    body = b"".join(map(step, _zeros(size))) + end()
    return Answer(body, headers={"Content-Encoding": encoding}, etag=False)


def _stream(pieces: Iterator[bytes], pause: float = 0.0, most: float = 60.0) -> Callable[[Any], None]:
    def write(handler: Any) -> None:
        ends = time.monotonic() + most
        for piece in pieces:
            if time.monotonic() > ends:
                return
            try:
                handler.wfile.write(piece)
                handler.wfile.flush()
            except OSError:
                return
            time.sleep(pause)

    return write


def _forever(first: bytes, piece: bytes) -> Iterator[bytes]:
    yield first
    while True:
        yield piece


def endless() -> Answer:
    return Answer(raw=_stream(_forever(HEAD + b"\r\n", b"<p>on and on</p>" * 4096)))


def endless_chunks() -> Answer:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    return Answer(raw=_stream(_forever(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk)))


def endless_headers() -> Answer:
    return Answer(raw=_stream(_forever(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n" * 4096)))


def endless_hundreds() -> Answer:
    return Answer(raw=_stream(_forever(b"", b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 1024)))


def many_headers() -> Answer:
    head = b"".join(b"X-Header-%d: some value that is sent along\r\n" % n for n in range(200_000))
    return Answer(raw=_stream(iter([b"HTTP/1.1 200 OK\r\n" + head + b"Content-Length: 2\r\n\r\nhi"])))


def long_header(size: int) -> Answer:
    return Answer(
        raw=_stream(iter([b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * size + b"\r\nContent-Length: 2\r\n\r\nhi"]))
    )


def drip(head: bool = False) -> Answer:
    first = b"HTTP/1.1 200 OK\r\n" if head else HEAD + b"Content-Length: 100000\r\n\r\n"
    return Answer(raw=_stream(_forever(first, b"x"), pause=0.5))


def hang() -> Answer:
    return Answer(raw=_stream(_forever(b"", b""), pause=1.0))


def words(count: int, seed: int = 0) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choice("abcdefghijklmnop") for _ in range(chance.randint(2, 9))) for _ in range(count)]


def paragraphs(count: int, length: int = 40) -> str:
    chance, known = random.Random(1), words(3000)
    return "".join(f"<p>{' '.join(chance.choice(known) for _ in range(length))}.</p>" for _ in range(count))


def pages() -> dict[str, bytes]:
    """Pages whose bytes are few and whose reading is dear."""
    text = paragraphs(8)
    found = {
        "links": ("", text + "".join(f'<a href="/x{n}">link {n}</a>' for n in range(300_000))),
        "long": ("", paragraphs(30_000)),
        "attributes": ("", text + "<div " + " ".join(f'a{n}="x"' for n in range(100_000)) + ">x</div>"),
        "quoted-attributes": ("", text + "<div " + " ".join(f'a{n}=">"' for n in range(60_000)) + ">x</div>"),
        "deep": ("", "<div>" * 100_000 + text),
        "tables": ("", text + "<table>" * 5_000 + "x"),
        "spans": ("", text + "<table>" + '<tr><td colspan="100000000" rowspan="99999999">x</td></tr>' * 1000 + "</table>"),
        "breaks": ("", text + "<br>" * 500_000),
        "comments": ("", text + "<!-- x -->" * 300_000),
        "structured": ('<script type="application/ld+json">{"@type":"NewsArticle","articleBody":"' + "word " * MEGA + '"}</script>', text),
        "class": ("", text + '<div class="' + "a b c " * 170_000 + '">x</div>'),
        "nested-json": ('<script type="application/ld+json">' + "[" * 200_000 + "</script>", text),
        "short": ("", "".join(f"<p>{word}</p>" for word in words(40_000))),
        "spaces": ("", text + " " * 4 * MEGA),
        "dates": ("", text + "".join(f"<p>2026-11-{n % 28 + 1:02d} {n}</p>" for n in range(50_000))),
    }  # fmt: skip
    return {name: (PAGE % parts).encode() for name, parts in found.items()}


RSS = (
    '<?xml version="1.0"?><rss version="2.0"><channel><title>T</title><link>http://127.0.0.1/</link>%s</channel></rss>'
)
ITEM = "<item><title>t%d</title><link>/%d</link><description>what was said on that day</description></item>"


def feeds() -> dict[str, bytes]:
    """Feeds of the same kind."""
    laughs = "".join(f'<!ENTITY {chr(98 + n)} "{("&" + chr(97 + n) + ";") * 10}">' for n in range(9))
    document = '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "%s">%s]><rss version="2.0"><channel><title>%s</title></channel></rss>'
    found = {
        "items": RSS % "".join(ITEM % (n, n) for n in range(150_000)),
        "too-large": RSS % "".join(ITEM % (n, n) for n in range(500_000)),
        "laughs": document % ("lol", laughs, "&j;"),
        "quadratic": document % ("x" * 100_000, "", "&a;" * 20_000),
        "attributes": RSS % ("<item " + " ".join(f'a{n}="x"' for n in range(100_000)) + "><title>x</title></item>"),
        "some-attributes": RSS % (("<item " + " ".join(f'a{n}="x"' for n in range(15_000)) + "><title>x</title></item>") * 10),
        "brackets": "<!DOCTYPE " + "[]" * 20_000,
        "instructions": "<?a b?>" * 200_000,
        "less-than": "<rss>" + "<" * MEGA,
        "quotes": RSS % ('<a href="x>' * 40_000),
        "deep": RSS % ("<a>" * 100_000),
        "title": RSS % ("<item><title>" + "a" * 10 * MEGA + "</title><link>/1</link></item>"),
        "json": "[" * 200_000,
    }  # fmt: skip
    return {name: text.encode() for name, text in found.items()}


def packed(body: bytes) -> Answer:
    return Answer(gzip.compress(body, 1), headers={"Content-Encoding": "gzip"}, etag=False)
