"""Rows 7, 14 and 15: what is stored is text and stays text in every output; no odd character loses a feed; no entity of a document is followed."""

from __future__ import annotations

import csv
import io
import json
import socket
import threading
import urllib.parse
import urllib.request
import warnings
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from crawler.errors import FeedError
from crawler.extraction.extractor import extract
from crawler.extraction.main_text import html_text
from crawler.feeds.parsed_feed import make_entry
from crawler.feeds.parser import parse_feed
from crawler.text.clean import LIMITS, one_line
from tests import torture
from tests.conftest import Desk, source
from tests.hostile.payloads import MARK, payloads
from tests.running import browsing
from tests.site import Answer, Site, story

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PAYLOADS = payloads()
NAUGHTY = [
    "", "undefined", "null", "NULL", "None", "True", "NaN", "-0", "1/0", "0x0", "1e999", "9" * 400, "--", ";", "'", '"', "'; DROP TABLE articles; --", "1' OR '1'='1", "%s%n%d", "${HOME}", "$(id)", "`id`", "../../etc/passwd", "..\\..\\x", "CON", "/dev/null", "C:\\",
    "\u00e9\u00e8 \u00df \u0130\u0131", "\u042f\u0445\u043e\u0447\u0443", "\u5c4b\u6f0f\u504f\u9022\u9023\u591c\u96e8", "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u0648\u0627\u0644\u0639\u0628\u0631\u064a\u0629 \u05e2\u05d1\u05e8\u05d9\u05ea", "\ud55c\uad6d\uc5b4", "\u0e44\u0e17\u0e22", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "\U0001f3f3\ufe0f\u200d\U0001f308",
    "a\x00b", "a\x01\x02\x08\x0b\x0c\x1f\x7f\x80\x9f b", "\ud83d", "\udc00 x", "\ufeffbom", "\ufffe\uffff", "\ufdd0\U0001ffff", "\u202eevil\u202c", "\u2066x\u2069", "\u200bzero\u200c\u200dwidth\u2060", "\u00adsoft", "Z" + "\u0335\u0321\u0322" * 50, "\u0301" * 100, "\u2028line\u2029para", "\u00a0\u3000\u2003spaces", "\U000e0041\U000e0042hidden",
    "&amp;&lt;&gt;&#0;&#xD83D;&#xFFFE;&#99999999;&bogus;", "<![CDATA[x]]>", "]]>", "<!--", "-->", "<?xml?>", "{{7*7}}", "[[x]]", "a" * 30_000, "\n" * 100 + "x", "\t=1+1", "@x", "+x", "-x", "=x", '"AND', "NEAR(", "a*", "^a", "title:x", "(", "x AND", "NOT",
]  # fmt: skip
_ACTIVE = {"script", "iframe", "object", "embed", "base", "applet", "frame", "frameset"}
_LINKS = {"href", "src", "action", "formaction", "background", "poster", "data", "xlink:href", "srcset", "content"}


def active(markup: str) -> list[str]:
    """The nodes in which the mark would be run, as a browser reads the markup."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = html5lib.parse(markup, namespaceHTMLElements=False)
    found = []
    for node in tree.iter():
        if not isinstance(node.tag, str):
            continue
        if node.tag.rsplit("}", 1)[-1] in _ACTIVE and MARK in "".join(node.itertext()) + str(node.attrib):
            found.append(node.tag)
        for name, value in node.attrib.items():
            plain = "".join(ch for ch in value if ch > " ").lower()
            runs = str(name).lower().startswith("on") or (
                str(name).lower() in _LINKS
                and plain.startswith(("javascript:", "vbscript:", "data:text", "data:image/svg"))
            )
            if runs and MARK in value:
                found.append(f"{node.tag} {name}={value}")
    return found


def item(n: int, text: str) -> str:
    return (
        f"<item><title>{escape(text)}</title><link>/2026/11/20/odd-{n}</link><guid isPermaLink='false'>{n} {escape(text)}</guid><author>{escape(text)}</author><category>{escape(text)}</category>"
        f"<description>{escape(text)}</description><content:encoded>{escape(text)}</content:encoded><media:thumbnail url={quoteattr(text)}/></item>"
    )


def feed(items: str) -> bytes:
    head = '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:media="http://search.yahoo.com/mrss/"><channel><title>x</title>'
    return f"{head}{items}</channel></rss>".encode("utf-8", "surrogatepass")


def odd_page(text: str, more: list[str]) -> bytes:
    """An article that says it in every place that a field is read from."""
    about = {
        "@type": "NewsArticle",
        "headline": text,
        "author": [{"@type": "Person", "name": text}],
        "articleSection": text,
        "keywords": [text],
        "image": text,
        "description": text,
        "datePublished": text,
        "url": text,
    }
    body = "".join(f"<p>{escape(line)}</p>" for line in [*story(len(text)), *more])
    return f"""<!doctype html><html lang={quoteattr(text)}><head><title>{escape(text)}</title><script type="application/ld+json">{json.dumps(about).replace("<", chr(92) + "u003c")}</script>
    <meta property="og:title" content={quoteattr(text)}><meta property="og:image" content={quoteattr(text)}><link rel="canonical" href={quoteattr(text)}></head><body><article><h1>{escape(text)}</h1>
    <p class="byline">By {escape(text)}</p><figure><img src={quoteattr(text)}><figcaption>{escape(text)}</figcaption></figure>{body}</article></body></html>""".encode("utf-8", "surrogatepass")  # fmt: skip


@pytest.mark.parametrize("text", NAUGHTY, ids=range(len(NAUGHTY)))
def test_row_07_no_odd_text_loses_a_feed(text: str) -> None:
    found = parse_feed(feed(item(1, text) + item(2, "The other one")), "https://a.example/feed.xml", now=NOW)
    assert [e.url for e in found.entries] == [
        "https://a.example/2026/11/20/odd-1",
        "https://a.example/2026/11/20/odd-2",
    ]
    assert found.entries[1].title == "The other one"
    for entry in found.entries:
        for value in (entry.title, entry.guid, entry.summary, entry.content, *entry.authors, *entry.tags):
            (value or "").encode()
    assert extract(odd_page(text, []), "https://a.example/2026/11/20/odd-1", now=NOW) is not None


@pytest.mark.parametrize(
    "reference",
    [
        "&#xD83D;",
        "&#55357;",
        "&#0;",
        "&#xFFFE;",
        "&#x1F600;",
        "&#128;",
        "&#x110000;",
        "&#999999999999;",
        "&nosuch;",
        "&",
        "&#",
    ],
)
def test_row_07_no_reference_loses_a_feed(reference: str) -> None:
    body = f"<rss><channel><item><title>a{reference}b</title><link>https://a.example/1{reference}</link></item><item><title>two</title><link>https://a.example/2</link></item></channel></rss>"
    found = parse_feed(body.encode(), "https://a.example/feed.xml", now=NOW)
    assert [e.title for e in found.entries][1:] == ["two"]
    assert (found.entries[0].title or "").startswith("a")


@given(st.text(st.characters(), max_size=200))
@settings(max_examples=300)
def test_row_07_a_cleaned_line_is_clean_and_stays_so(text: str) -> None:
    cleaned = one_line(text)
    cleaned.encode()
    assert one_line(cleaned) == cleaned
    assert not any(
        ord(ch) < 32 or 0x7F <= ord(ch) <= 0x9F or 0xD800 <= ord(ch) <= 0xDFFF or 0x202A <= ord(ch) <= 0x202E
        for ch in cleaned
    )


@given(st.text(st.characters(categories=("L", "N", "P", "S")), max_size=200))
def test_row_07_what_is_text_stays_as_it_is(text: str) -> None:
    if "&#" not in text:
        assert one_line(text) == text


def test_row_07_no_field_is_longer_than_it_can_be_in_earnest() -> None:
    huge = "ab " * 100_000
    entry = make_entry(url="https://a.example/1", base="", guid=huge, title=huge, authors=[f"{n} {huge}" for n in range(120)], summary=huge, tags=[f"{n} {huge}" for n in range(120)], language=huge, published_raw=huge, updated_raw=huge)  # fmt: skip
    assert len(entry.identity) <= 1000
    assert len(entry.guid or "") <= LIMITS["guid"]
    assert len(entry.title or "") <= LIMITS["title"]
    assert len(entry.summary or "") <= LIMITS["summary"]
    assert len(entry.authors) <= 100 >= len(entry.tags)
    assert max(map(len, (*entry.authors, *entry.tags))) <= 300


def test_row_07_long_identities_that_differ_at_their_end_differ() -> None:
    one, two = (make_entry(url=None, base="", guid="x" * 3000 + end).identity for end in "ab")
    assert one != two


@pytest.mark.parametrize(
    "piece", ["<!--", "<script>", "<style ", "<template>", "<![CDATA[", "@.", "a@b.c ", "<a@", "&#", "a"]
)
@pytest.mark.timeout(30)
def test_row_13_no_field_of_a_feed_is_dear(piece: str) -> None:
    """Read between two polls, where they would hold up all others; cubic, an author of two thousand characters took thirteen seconds."""
    text = escape(piece * (180_000 // len(piece)))
    parse_feed(
        feed(
            f"<item><title>{text}</title><author>{text} x</author><description>{text}</description><link>/1</link></item>"
        ),
        "https://a.example/f",
        now=NOW,
    )


def test_text_with_a_less_than_sign_stays_as_it_was_written() -> None:
    document = {"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "url": "https://a.example/1", "content_text": "AT&T fell <5% on Friday"}, {"id": "2", "url": "https://a.example/2", "content_text": "use <b> for bold\n\nsaid 'x' & \"y\""}]}  # fmt: skip
    one, two = parse_feed(json.dumps(document).encode(), "https://a.example/f", now=NOW).entries
    assert html_text(one.content) == "AT&T fell <5% on Friday"
    assert html_text(two.content) == "use <b> for bold\n\nsaid 'x' & \"y\""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """All of it, crawled."""
    desk, site = Desk(tmp_path_factory.mktemp("odd")), Site()
    texts = NAUGHTY + (PAYLOADS if torture.SECONDS else PAYLOADS[:50:2] + PAYLOADS[50::60])
    share = len(PAYLOADS) // len(texts) + 1
    for n, text in enumerate(texts):
        site.answers[f"/2026/11/20/odd-{n}"] = Answer(odd_page(text, PAYLOADS[n * share : (n + 1) * share]))
    site.answers["/feed.xml"] = Answer(feed("".join(item(n, text) for n, text in enumerate(texts))), kind="text/xml")
    desk.configure(source(site))
    done = desk.run("crawl", timeout=600)
    assert done.code == 0, done.err
    site.close()
    assert len(desk.rows("SELECT 1 FROM entries WHERE state = 'fetched'")) == len(texts), done.out
    return desk


def test_row_07_is_searched_exported_and_shown(kept: Desk) -> None:
    rows = json.loads(kept.run("list", "--json").out)
    assert len(rows) == len(kept.rows("SELECT 1 FROM articles"))
    exported = [json.loads(line) for line in kept.run("export", "--format", "jsonl", "-").out.splitlines()]
    assert {row["id"]: row for row in exported} == {row["id"]: row for row in rows}
    for text in NAUGHTY if torture.SECONDS else NAUGHTY[::20]:
        found = kept.run("search", "--", text.replace("\x00", "").encode("utf-8", "replace").decode()[:5000])
        assert found.code in {0, 2}
    for row in rows[:: 1 if torture.SECONDS else 30]:
        assert kept.run("show", str(row["id"])).code == 0


def test_row_14_what_is_kept_links_to_the_web_only(kept: Desk) -> None:
    for row in kept.rows(
        "SELECT url, image_url, canonical_elsewhere FROM articles UNION ALL SELECT url, image_url, NULL FROM entries"
    ):
        assert all(value is None or value.startswith(("http://", "https://")) for value in row.values()), row
    for row in kept.rows("SELECT content FROM entries WHERE content IS NOT NULL"):
        assert active(row["content"]) == []


def test_row_14_feeds_hold_nothing_that_acts() -> None:
    for payload in PAYLOADS:
        entry = make_entry(
            url=payload, base="https://a.example/", title=payload, summary=payload, content=payload, image_url=payload
        )
        assert active(entry.content or "") == []
        assert all(link is None or link.startswith(("http://", "https://")) for link in (entry.url, entry.image_url))


def test_row_14_markdown_csv_and_the_terminal_show_it_as_text(kept: Desk) -> None:
    every = MarkdownIt("commonmark", {"html": True})
    ids = [row["id"] for row in kept.rows("SELECT id FROM articles ORDER BY id")]
    marked = kept.run("fetch", "--help").out
    assert "--markdown" in marked
    from crawler.outputs.articles import markdown
    from storage import open_store

    with open_store(kept.database) as store:
        for article_id in ids:
            article = store.article(article_id)
            assert article is not None
            assert active(every.render(markdown(article))) == []
    table = kept.run("export", "--format", "csv", "-").out
    for row in csv.reader(io.StringIO(table)):
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))], row
    for output in (
        kept.run("list").out,
        kept.run("show", str(ids[-1])).out,
        kept.run("search", "Report").out,
        kept.run("export", "--format", "csv", "-").out,
    ):
        assert not [
            ch
            for ch in output
            if (ord(ch) < 32 and ch not in "\n\t") or 0x7F <= ord(ch) <= 0x9F or 0x202A <= ord(ch) <= 0x202E
        ]


def test_row_14_no_page_in_the_browser_acts(kept: Desk) -> None:
    with browsing(kept) as base:
        ids = [row["id"] for row in kept.rows("SELECT id FROM articles ORDER BY id")]
        few = ids[:: 1 if torture.SECONDS else 20]
        paths = ["/", "/edits", "/sources", "/source/post", "/news", "/news/articles?_size=max", "/news/entries?_size=max", "/news/articles?_facet=section&_facet=title&_facet_array=tags", "/news/article_urls?_size=max", "/news/revisions"]  # fmt: skip
        paths += [f"{room}/{n}" for n in few for room in ("/news/articles", "/article", "/story")]
        for payload in PAYLOADS[::600]:
            said = urllib.parse.quote(payload)
            paths += [f"/news/articles?{name}={said}" for name in ("_search", "title", "_sort", "_where")]
            paths += [f"/?{name}={said}" for name in ("q", "source", "tag", "language", "day", "before")]
            paths += [
                f"/edits?source={said}",
                f"/source/{said}",
                f"/{said}",
                f"/news?sql={urllib.parse.quote(f'select {json.dumps(payload)}')}",
            ]
        for path in paths:
            try:
                with urllib.request.urlopen(base + path) as answer:
                    page, kind = answer.read().decode(), answer.headers["content-type"]
            except urllib.error.HTTPError as error:
                with error:
                    page, kind = error.read().decode(), error.headers["content-type"]
            assert "html" not in kind or active(page) == [], path


def documents(secret: Path, port: int) -> list[str]:
    """Documents that ask their reader to open a file or an address."""
    file, web = secret.as_uri(), f"http://127.0.0.1:{port}/x"
    body = "<channel><title>t &x;</title><item><title>&x;</title><link>https://a.example/1</link><description>&x;</description></item></channel>"
    heads = [
        f'<!DOCTYPE r [<!ENTITY x SYSTEM "{file}">]>', f'<!DOCTYPE r [<!ENTITY x SYSTEM "{web}">]>', f'<!DOCTYPE r [<!ENTITY x PUBLIC "a" "{file}">]>', f'<!DOCTYPE r [<!ENTITY % p SYSTEM "{web}"> %p;]>', f'<!DOCTYPE r [<!ENTITY % p SYSTEM "{file}"> %p;]>',
        f'<!DOCTYPE r SYSTEM "{web}">', f'<!DOCTYPE r PUBLIC "-//x" "{web}">', f'<!DOCTYPE r [<!ENTITY % a "<!ENTITY x SYSTEM \'{file}\'>"> %a;]>', f'<?xml-stylesheet href="{web}"?>', f'<!DOCTYPE r [<!NOTATION n SYSTEM "{web}"><!ENTITY x SYSTEM "{file}" NDATA n>]>',
    ]  # fmt: skip
    inside = [
        f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{file}" parse="text"/>',
        f'<x xmlns="x" xsi:schemaLocation="x {web}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/>',
    ]
    found = [f'<?xml version="1.0"?>{head}<rss version="2.0">{body}</rss>' for head in heads]
    found += [f'<rss version="2.0">{body.replace("&x;", part)}</rss>' for part in inside]
    maps = "<urlset><url><loc>https://a.example/&x;</loc><title>&x;</title></url></urlset>"
    return found + [f"<?xml version='1.0'?>{head}{maps}" for head in heads]


def test_row_15_no_document_opens_a_file_or_an_address(tmp_path: Path) -> None:
    secret = tmp_path / "canary.txt"
    secret.write_text("CANARY-7731")
    caught: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.2)
        port = trap.getsockname()[1]
        thread = threading.Thread(target=_accept, args=(trap, caught), daemon=True)
        thread.start()
        for text in documents(secret, port):
            for kind in ("", "page"):
                try:
                    found = repr(parse_feed(text.encode(), "https://a.example/feed.xml", now=NOW, kind=kind))
                except FeedError as error:
                    found = str(error)
                assert "CANARY" not in found
            assert "CANARY" not in repr(extract(text.encode(), "https://a.example/x", now=NOW))
            from crawler.feeds.source_lists import read_opml

            opml = text.replace("<rss", "<opml").replace("</rss", "</opml").replace("channel>", "body>")
            try:
                assert "CANARY" not in repr(read_opml(opml.encode()))
            except FeedError:
                continue
    thread.join()
    assert caught == []


def _accept(trap: socket.socket, caught: list[object]) -> None:
    while trap.fileno() >= 0:
        try:
            connection, peer = trap.accept()
        except TimeoutError:
            continue
        except OSError:
            return
        caught.append(peer)
        connection.close()
