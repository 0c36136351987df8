"""Row 12: mutants of real and made documents. Each reader returns, or refuses in its own words, and never takes long; what broke one once is kept in finds/.

`make torture TIME=600 SEED=7` gives each reader that many seconds; a find is written to .finds/ at the top. Made as small as it goes, and free of anybody's
text, it moves to finds/ here, and is replayed from then on.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawler.config.loader import load_config
from crawler.content_encoding import DecodeError, decode_body
from crawler.errors import ConfigError, FeedError
from crawler.extraction.extractor import extract
from crawler.feeds.parser import parse_feed
from crawler.feeds.source_lists import read_csv, read_lines, read_opml
from crawler.text.dates import read_date
from crawler.urls import canonical_url, url_key
from tests import torture
from tests.conftest import ROOT
from tests.hostile.attacks import PAGE
from tests.hostile.payloads import payloads
from tests.site import article_html, rss, story

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FINDS = Path(__file__).with_name("finds")
NEW = ROOT / ".finds"
LIMIT = 20  # seconds; a hang
MUTANTS = 250  # of each reader, in the quick form


def _feed(body: bytes) -> None:
    found = parse_feed(body, "https://a.example/feed.xml", now=NOW)
    for entry in found.entries:
        assert entry.url is None or entry.url.startswith(("http://", "https://"))
        json.dumps([entry.title, entry.summary, entry.content, entry.guid, *entry.authors, *entry.tags]).encode()
        repr(entry).encode()
        assert entry.published_at is None or "1990" <= entry.published_at[:4] <= "2026"


def _page(body: bytes) -> None:
    found = extract(body, "https://a.example/2026/11/20/x", now=NOW)
    if found is not None:
        repr(found).encode("utf-8", "strict" if "\\ud" not in repr(found.provenance) else "replace")
        (found.text + (found.title or "")).encode()
        assert found.image_url is None or found.image_url.startswith(("http://", "https://"))


def _address(body: bytes) -> None:
    text = body.decode("utf-8", "surrogateescape")
    for function in (canonical_url, url_key):
        function(text).encode()
    assert canonical_url(canonical_url(text)) == canonical_url(text)


def _list(body: bytes) -> None:
    for read in (read_opml, read_csv, read_lines):
        try:
            read(body)
        except FeedError:
            continue


def _config(body: bytes) -> None:
    path = Path(os.environ["FUZZED"])
    path.write_bytes(body)
    load_config(path)


def _body(body: bytes) -> None:
    for encoding in ("gzip", "deflate", "br", "zstd"):
        try:
            decode_body(body, [encoding], 1 << 20)
        except DecodeError:
            continue


def _date(body: bytes) -> None:
    found = read_date(body.decode("utf-8", "replace"), now=NOW)
    assert found is None or "1990" <= found[:4] <= "2026"


READERS: dict[str, tuple[Callable[[bytes], None], tuple[type[Exception], ...]]] = {
    "feed": (_feed, (FeedError,)), "page": (_page, ()), "address": (_address, (ValueError,)), "list": (_list, (FeedError,)), "config": (_config, (ConfigError,)), "body": (_body, ()), "date": (_date, ()),
}  # fmt: skip


def seeds(reader: str) -> list[bytes]:
    """What is mutated: the project's own documents, and the corpus where it is."""
    own: dict[str, list[bytes]] = {
        "feed": [rss("https://a.example", [{"title": "T &amp; x", "link": "/1", "guid": "1", "date": "Fri, 20 Nov 2026 10:00:00 GMT", "summary": "<p>x</p>"}] * 3).encode(),
                 b'<feed xmlns="http://www.w3.org/2005/Atom" xml:base="http://a.example/"><title type="html">x</title><entry><id>1</id><title>t</title><link rel="alternate" href="/1"/><updated>2026-11-20T10:00:00Z</updated><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>x</p></div></content></entry></feed>',
                 b'{"version":"https://jsonfeed.org/version/1.1","title":"x","items":[{"id":"1","url":"/1","content_html":"<p>x</p>","date_published":"2026-11-20T10:00:00Z","authors":[{"name":"A"}],"tags":["a"]}]}',
                 b'<urlset xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"><url><loc>https://a.example/2026/1</loc><lastmod>2026-11-20</lastmod><news:news><news:title>x</news:title><news:publication_date>2026-11-20</news:publication_date></news:news></url></urlset>',
                 b"<sitemapindex><sitemap><loc>https://a.example/m-2026-11.xml</loc><lastmod>2026-11-20</lastmod></sitemap></sitemapindex>"],
        "page": [article_html("https://a.example", "/2026/11/20/x", "A title", story(1, 12)).encode(), (PAGE % ("<meta charset=koi8-r>", "<table><tr><td>x</td></tr></table><figure><img src=/a.jpg><figcaption>c</figcaption></figure>" + "<p>word </p>" * 40)).encode()],
        "address": [b"https://www.a.example:8080/2026/11/20/a-story.html?utm_source=x&id=1#top", b"http://\xd0\xb0.example/%D0%B0?b=%20&c", b"//[::1]:80/x", b"http://a.example/amp/?outputType=amp", *(p.encode("utf-8", "replace") for p in payloads()[::400])],
        "list": [b'<opml version="2.0"><body><outline text="News"><outline type="rss" text="A" xmlUrl="https://a.example/f" htmlUrl="https://a.example/"/></outline></body></opml>', b"name,url,feed\nA,https://a.example/,https://a.example/f\n", b"https://a.example/\n# note\nb.example\n"],
        "config": [(ROOT / "config" / "newsdesk.toml").read_bytes(), b'[http]\ntimeout = 5\nallow_networks = ["127.0.0.0/8"]\n[[source]]\nid = "a"\nurl = "https://a.example/"\nevery = "10m"\n[source.article]\ntitle = ["h1"]\n'],
        "body": [gzip.compress(b"what was said " * 50), b"\x78\x9c" + b"x" * 50, b"\x28\xb5\x2f\xfd\x24\x00", b"\x1f\x8b\x08\x08\0\0\0\0\0\0name\0"],
        "date": [b"Fri, 20 Nov 2026 10:00:00 +0300", b"2026-11-20T10:00:00.123+03:00", b"2026-11-20", b"20.11.2026 10:00", b"1790000000", b"November 20, 2026 at 10:00 PM EST"],
    }  # fmt: skip
    folder = Path(os.environ.get("NEWSDESK_CORPUS") or ROOT.parent / "shared") / "corpus"
    found = list(own[reader])
    if reader == "page":
        found += [page.read_bytes() for page in sorted((ROOT / "tests" / "golden").glob("*.html"))]
        packed = sorted(folder.glob("articles/*/pages/*.gz"))[:: 1 if torture.SECONDS else 40]
        found += [gzip.decompress(page.read_bytes()) for page in packed]
    if reader == "feed" and (folder / "feeds").is_dir():
        found += list(_corpus_feeds(folder))[:: 1 if torture.SECONDS else 25]
    return found


def _corpus_feeds(folder: Path) -> Iterator[bytes]:
    for line in (folder / "feeds" / "feedparser.jsonl").read_text(encoding="utf-8").splitlines():
        yield base64.b64decode(json.loads(line)["raw_b64"])


_TOKENS = [b"<", b">", b"&", b"\0", b"\xff", b"\xed\xa0\x80", b"]]>", b"<!--", b"<![CDATA[", b"</", b'"', b"'", b"&#0;", b"&#xD800;", b"%", b"{", b"[", b"\\u0000", b"\\ud83d", b"\r\n", b"9" * 30, b"-1", b"\xe2\x80\xae", b"<div>" * 300, b"<b>" * 50, b"xmlns:x='y' ", b"http://[", b"1e999", b"=", b"\x1f\x8b"]  # fmt: skip


def mutant(chance: random.Random, known: list[bytes]) -> bytes:
    """Flips, cuts, repeats, splices and insertions, one to eight of them."""
    data = bytearray(chance.choice(known))
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(6)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del data[at : at + chance.randint(1, max(1, len(data) // 4))]
        elif kind == 2:
            data[at:at] = chance.choice(_TOKENS)
        elif kind == 3:
            piece = data[at : at + chance.randint(1, 200)]
            data[at:at] = bytes(piece) * chance.randint(1, 20)
        elif kind == 4:
            other = chance.choice(known)
            start = chance.randrange(len(other) + 1)
            data[at:] = other[start:]
        else:
            data[at : at + 4] = chance.randbytes(4)
    return bytes(data[: 1 << 21])


@contextmanager
def watched() -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError(f"longer than {LIMIT} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def tried(reader: str, data: bytes) -> str | None:
    """What went wrong; None where it was read or refused."""
    read, refusals = READERS[reader]
    try:
        with watched():
            read(data)
    except refusals:
        return None
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]
    return None


@pytest.mark.timeout(0)
@pytest.mark.parametrize("reader", READERS)
def test_row_12_no_mutant_breaks_a_reader(reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUZZED", str(tmp_path / "newsdesk.toml"))
    known = seeds(reader)
    chance = random.Random(f"{torture.SEED} {reader}")
    ends = time.monotonic() + torture.SECONDS
    broken: dict[str, str] = {}
    count = 0
    while count < MUTANTS or time.monotonic() < ends:
        count += 1
        data = mutant(chance, known)
        problem = tried(reader, data)
        if problem is not None and problem not in broken:
            if torture.SECONDS:
                NEW.mkdir(exist_ok=True)
                (NEW / f"{reader}-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)
            broken[problem] = repr(data[:300])
    print(f"{reader}: {count} mutants")
    assert broken == {}


@pytest.mark.parametrize("find", sorted(FINDS.glob("*-*")), ids=lambda path: path.name)
def test_row_12_what_was_found_stays_mended(find: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUZZED", str(tmp_path / "newsdesk.toml"))
    assert tried(find.name.split("-")[0], find.read_bytes()) is None
