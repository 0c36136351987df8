"""What feeds write and readers misread: shared links and ids, captions, ampersands, relative links, authors."""

from __future__ import annotations

import json
import time

import pytest

from crawler.feeds.discovery import discover_feeds
from crawler.feeds.parsed_feed import ParsedFeed, author_names
from crawler.feeds.parser import parse_feed
from crawler.feeds.references import repair_references
from crawler.feeds.source_lists import read_opml
from crawler.text.clean import unescaped
from tests.conftest import NOW

FEED = "https://feeds.example.net/post/main.xml"
SPACES = (
    "xmlns:media='http://search.yahoo.com/mrss/' xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd' "
    "xmlns:content='http://purl.org/rss/1.0/modules/content/' xmlns:dc='http://purl.org/dc/elements/1.1/'"
)


def read(text: str | bytes, url: str = FEED) -> ParsedFeed:
    return parse_feed(text.encode() if isinstance(text, str) else text, url, now=NOW)


def rss(*items: str, channel: str = "<link>https://gazette.example/</link>") -> ParsedFeed:
    body = "".join(f"<item>{item}</item>" for item in items)
    return read(f"<rss version='2.0' {SPACES}><channel><title>Gazette</title>{channel}{body}</channel></rss>")


def atom(entries: str, head: str = "") -> ParsedFeed:
    return read(f"<feed xmlns='http://www.w3.org/2005/Atom'><title>Gazette</title>{head}{entries}</feed>")


# Shared links and ids


@pytest.mark.parametrize(
    "item",
    [
        "<title>Brief {n}</title><link>https://gazette.example/briefs#b{n}</link>",
        "<title>Brief {n}</title><link>https://gazette.example/briefs</link>",
        "<title>Briefs</title><link>https://gazette.example/briefs#b{n}</link>",
        "<title>Brief {n}</title><link>https://gazette.example/briefs</link><guid isPermaLink='false'>1</guid>",
        "<title>Table {n}</title><link>N/A</link><guid isPermaLink='false'>N/A</guid>",
        "<title>Table {n}</title><guid isPermaLink='false'>0</guid><description>Tide {n}</description>",
        "<link>https://gazette.example/</link><description>Note {n}</description>",
        "<title>Update</title><link>https://gazette.example/live</link><pubDate>Thu, 19 Nov 2026 10:0{n}:00 GMT</pubDate>",
        "<title>Update</title><guid isPermaLink='false'>live</guid><description>Note {n}</description>",
    ],
)
def test_items_that_share_a_link_or_an_id_are_all_read(item: str) -> None:
    forwards = rss(*(item.format(n=n) for n in range(5)))
    backwards = rss(*(item.format(n=n) for n in reversed(range(5))))
    assert len({e.identity for e in forwards.entries}) == len(forwards.entries) == 5
    assert [e.identity for e in reversed(backwards.entries)] == [e.identity for e in forwards.entries]


def test_a_repetition_and_tracking_anchors_are_no_entries() -> None:
    item = "<title>One</title><link>https://gazette.example/one</link>"
    feed = rss(item, item, item.replace("/one<", "/one#xtor=RSS-1<"), item.replace("/one<", "/one?utm_source=rss<"))
    assert len(feed.entries) == 1


def test_the_picture_and_the_headline_of_a_section_page_are_one_entry() -> None:
    page = """<html><body><a href="/2026/11/a-long-way-to-go"><img src="x.jpg"></a>
        <a href="/2026/11/a-long-way-to-go">A long way to go for the harbour</a>
        <a href="/2026/11/a-long-way-to-go">The council said that it would take years</a></body></html>"""
    feed = parse_feed(page.encode(), "https://gazette.example/news", now=NOW, kind="page")
    assert [e.title for e in feed.entries] == ["A long way to go for the harbour"]


# Summaries


CAPTION = "<media:content url='x.jpg'><media:description>A caption</media:description></media:content>"
EPISODE = "<itunes:summary>Of the episode</itunes:summary>"
TEXT = "<description>The text.</description>"
FULL = "<content:encoded><![CDATA[<p>In full</p>]]></content:encoded>"


@pytest.mark.parametrize(
    ("item", "summary", "content"),
    [
        (CAPTION + TEXT, "The text.", None),
        (TEXT + CAPTION, "The text.", None),
        (EPISODE + TEXT, "The text.", None),
        (TEXT + EPISODE, "The text.", None),
        (EPISODE + CAPTION + TEXT, "The text.", None),
        (CAPTION + TEXT + FULL, "The text.", "<p>In full</p>"),
        (FULL + CAPTION + TEXT, "The text.", "<p>In full</p>"),
        (CAPTION + FULL, None, "<p>In full</p>"),
        (EPISODE + FULL, "Of the episode", "<p>In full</p>"),
        (EPISODE, "Of the episode", None),
        ("<dc:description>Of the item</dc:description>" + TEXT, "The text.", None),
        ("<dc:description>Of the item</dc:description>", "Of the item", None),
        (CAPTION, "A caption", None),
        (CAPTION + EPISODE, "Of the episode", None),
        (FULL, None, "<p>In full</p>"),
    ],
)
def test_a_caption_is_a_summary_only_where_there_is_nothing_else(
    item: str, summary: str | None, content: str | None
) -> None:
    entry = rss(f"<title>One</title><link>https://gazette.example/1</link>{item}").entries[0]
    assert (entry.summary, entry.content) == (summary, content)


# Ampersands


def test_a_bare_ampersand_is_text() -> None:
    feed = rss(
        "<title>AT&T & R&D: Q&A; x&nbsp;y &#38; &lt;b&gt; &copy 2026 &copy=3</title>"
        "<link>https://gazette.example/y?a=1&b=2&copy=3&section=4&amp;c=5</link><guid isPermaLink='false'>g&h</guid>",
        "<title><![CDATA[AT&T and &copy=3 &amp; more]]></title><link>https://gazette.example/2</link>",
    )
    first, second = feed.entries
    assert first.title == "AT&T & R&D: Q&A; x y & <b> © 2026 &copy=3"
    assert first.url == "https://gazette.example/y?a=1&b=2&copy=3&section=4&c=5"
    assert first.guid == "g&h"
    assert second.title == "AT&T and &copy=3 & more"


def test_both_parameters_of_a_sitemaps_address_stay() -> None:
    locs = ("?a=1&amp;b=2", "?a=1&b=2&c", "?x=1&lt=3&times=4", "?a=1&#38;b=9")
    feed = read(f"<urlset>{''.join(f'<url><loc>https://g.example/{loc}</loc></url>' for loc in locs)}</urlset>")
    assert [e.url for e in feed.entries] == [
        "https://g.example/?a=1&b=2", "https://g.example/?a=1&b=2&c", "https://g.example/?x=1&lt=3&times=4",
        "https://g.example/?a=1&b=9",
    ]  # fmt: skip


def test_an_address_in_opml_keeps_its_parameters() -> None:
    found = read_opml(
        b'<opml><body><outline text="R&D" xmlUrl="https://g.example/f?a=1&copy=3&amp;b=2"/></body></opml>'
    )
    assert [(f.name, f.feed) for f in found.wanted] == [("R&D", "https://g.example/f?a=1&copy=3&b=2")]


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("&copy; &copy 2026", "© © 2026"),
        ("&copy=3 &copyright &notit; &nbsp;x", "&copy=3 &copyright &notit; \xa0x"),
        ("&amp;copy;", "&copy;"),
        ("a & b", "a & b"),
    ],
)
def test_only_complete_references_are_decoded(text: str, decoded: str) -> None:
    assert unescaped(text) == decoded


def test_repairing_references_is_linear() -> None:
    begin = time.process_time()
    for flood in ("&" * 500_000, "&a" * 200_000, "<![CDATA[" * 50_000, "&#" * 200_000):
        repair_references(flood)
    assert time.process_time() - begin < 3


# Addresses


def test_relative_links_of_rss_are_relative_to_the_channels_link() -> None:
    feed = rss(
        "<title>A</title><link>/a/1</link>",
        "<title>B</title><link>b/2</link>",
        "<title>C</title><link>//c.example/3</link>",
    )
    assert [e.url for e in feed.entries] == [
        "https://gazette.example/a/1",
        "https://gazette.example/b/2",
        "https://c.example/3",
    ]
    assert rss("<title>A</title><link>/a/1</link>", channel="").entries[0].url == "https://feeds.example.net/a/1"
    below = rss("<title>A</title><link>a/1</link>", channel="<link>/home/</link>")
    assert (below.home, below.entries[0].url) == (
        "https://feeds.example.net/home/",
        "https://feeds.example.net/home/a/1",
    )


def test_relative_links_of_atom_follow_xml_base_and_the_outlets_page() -> None:
    entry = "<entry><id>1</id><title>A</title><link href='a/1'/></entry>"
    elsewhere = "<link rel='alternate' href='https://gazette.example/'/>"
    assert atom(entry, elsewhere).entries[0].url == "https://gazette.example/a/1"
    assert (
        atom(entry, "<link href='https://feeds.example.net/'/>").entries[0].url == "https://feeds.example.net/post/a/1"
    )
    own = "<link rel='self' href='https://gazette.example/blog/atom.xml'/>"
    assert atom(entry, own).entries[0].url == "https://gazette.example/blog/a/1"
    based = entry.replace("<entry>", "<entry xml:base='https://b.example/z/'>")
    assert atom(based, elsewhere).entries[0].url == "https://b.example/z/a/1"


def test_an_id_is_no_address() -> None:
    text = "<content type='html'>&lt;p&gt;Notice&lt;/p&gt;</content>"
    (one,) = atom(f"<entry><id>2026-11-20-item-1</id><title>Notice</title>{text}</entry>").entries
    assert (one.url, one.guid, one.content) == (None, "2026-11-20-item-1", "<p>Notice</p>")
    assert (
        atom(f"<entry><id>https://g.example/1</id><title>Notice</title>{text}</entry>").entries[0].url
        == "https://g.example/1"
    )
    for guid in ("item/7", "/item/7", "tag:g.example,2026:7", "urn:uuid:7", "7", "g.example/7"):
        (item,) = rss(f"<title>Notice</title><guid>{guid}</guid>").entries
        assert (item.url, item.guid) == (None, guid)
    items = [{"id": "item/7", "content_text": "Notice"}, {"id": "https://g.example/1", "content_text": "Notice"}]
    feed = read(json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}))
    assert [e.url for e in feed.entries] == [None, "https://g.example/1"]


@pytest.mark.parametrize("link", ["N/A", "none", "null", "#", "-", " undefined "])
def test_a_placeholder_is_no_address(link: str) -> None:
    assert rss(f"<title>Notice</title><link>{link}</link>").entries[0].url is None


@pytest.mark.parametrize(
    "link",
    [
        "<link type='text/html; charset=utf-8' href='https://g.example/1'/>",
        "<link rel='http://www.iana.org/assignments/relation/alternate' href='https://g.example/1'/>",
        "<link rel='Alternate' type='TEXT/HTML' href='https://g.example/1'/>",
        "<link rel='enclosure' type='text/html' href='https://g.example/2'/><link href='https://g.example/1'/>",
        "<link rel='http://www.iana.org/assignments/relation/self' href='https://g.example/2'/><link href='https://g.example/1'/>",
    ],
)
def test_an_atom_link_is_found_however_it_is_written(link: str) -> None:
    assert atom(f"<entry><id>x</id><title>A</title>{link}</entry>").entries[0].url == "https://g.example/1"


def test_related_links_of_a_feed_are_found_by_their_iri_and_are_absolute() -> None:
    iri = "http://www.iana.org/assignments/relation/"
    head = f"<link rel='{iri}self' href='main.xml'/><link rel='{iri}next' href='?page=2'/><link rel='hub' href='https://h.example/'/>"
    feed = atom("<entry><id>x</id><title>A</title></entry>", head)
    assert (feed.self_url, feed.previous, feed.hub) == (FEED, f"{FEED}?page=2", "https://h.example/")


# Authors


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        ("desk@post.com (Ana Brandt)", ["Ana Brandt"]),
        ("desk@post.online (Ana Brandt)", ["Ana Brandt"]),
        ("desk@post.berlin(Ana Brandt)", ["Ana Brandt"]),
        ("desk@xn--nxasmq6b.xn--j6w193g (Ana Brandt)", ["Ana Brandt"]),
        ("Ana Brandt (desk@post.press)", ["Ana Brandt"]),
        ("Ana Brandt <desk@post.media>", ["Ana Brandt"]),
        ("mailto:desk@post.media (Ana Brandt)", ["Ana Brandt"]),
        ("a@post.media (Ana Brandt), t@post.media (Tom Lund)", ["Ana Brandt", "Tom Lund"]),
        ("Ana Brandt", ["Ana Brandt"]),
        ("Ana Brandt (Oslo)", ["Ana Brandt (Oslo)"]),
        ("desk@post.online", []),
        ("desk@post.online ()", []),
        ("<desk@post.online>", []),
        ("@anabrandt", ["@anabrandt"]),
        ("", []),
    ],
)
def test_an_author_is_a_name(raw: str, names: list[str]) -> None:
    assert author_names(raw.replace("<", "&lt;").replace(">", "&gt;")) == names
    item = f"<title>A</title><link>https://g.example/1</link><author>{raw.replace('<', '&lt;').replace('>', '&gt;')}</author>"
    assert list(rss(item).entries[0].authors) == names


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"author": "Ana Brandt"}, ["Ana Brandt"]),
        ({"author": {"name": "Ana Brandt"}}, ["Ana Brandt"]),
        ({"author": ["Ana Brandt", {"name": "Tom Lund"}]}, ["Ana Brandt", "Tom Lund"]),
        ({"authors": {"name": "Ana Brandt"}}, ["Ana Brandt"]),
        ({"authors": "Ana Brandt"}, ["Ana Brandt"]),
        ({"authors": ["Ana Brandt", "Tom Lund"]}, ["Ana Brandt", "Tom Lund"]),
        ({"authors": [], "author": {"name": "Ana Brandt"}}, ["Ana Brandt"]),
        ({"authors": [{"url": "https://g.example/ana"}, 7, None, {}]}, ["7"]),
        ({"author": None, "authors": None}, []),
    ],
)
def test_json_authors_are_read_in_every_shape(fields: dict[str, object], names: list[str]) -> None:
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "items": [{"id": "1", "url": "https://g.example/1", **fields}],
    }
    assert list(read(json.dumps(document)).entries[0].authors) == names


# Charsets


def cut_feed(kind: str, label: str = "utf-8") -> bytes:
    """Ten entries, each with an excerpt that ends within a character."""
    excerpt = "Портовые службы сообщили, что маяк закроют на ремонт до начала мая".encode()[:-1] + b"..."
    if kind == "json":
        items = b",".join(
            b'{"id": "%d", "title": "\xd0\x9c\xd0\xb0\xd1\x8f\xd0\xba", "summary": "%s"}' % (n, excerpt)
            for n in range(10)
        )
        return b'{"version": "https://jsonfeed.org/version/1.1", "items": [%s]}' % items
    if kind == "sitemap":
        urls = b"".join(
            b"<url><loc>https://g.example/%d</loc><news><title>%s</title></news></url>" % (n, excerpt)
            for n in range(10)
        )
        return b'<?xml version="1.0" encoding="%s"?><urlset>%s</urlset>' % (label.encode(), urls)
    items = b"".join(
        b"<item><title>\xd0\x9c\xd0\xb0\xd1\x8f\xd0\xba</title><guid>%d</guid><description>%s</description></item>"
        % (n, excerpt)
        for n in range(10)
    )
    return b'<?xml version="1.0" encoding="%s"?><rss><channel><title>x</title>%s</channel></rss>' % (
        label.encode(),
        items,
    )


@pytest.mark.parametrize("kind", ["rss", "json", "sitemap"])
@pytest.mark.parametrize("label", ["utf-8", "windows-1251", "iso-8859-1"])
def test_an_excerpt_cut_in_mid_character_leaves_the_rest(kind: str, label: str) -> None:
    feed = read(cut_feed(kind, label))
    assert len(feed.entries) == 10
    for entry in feed.entries:
        said = f"{entry.title} {entry.summary}"
        assert "маяк" in said.lower()
        assert said.count("\ufffd") <= 1


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("cp1251", "Новости дня"), ("cp1252", "Café déjà vu à la carte"), ("gb18030", "今天的新闻很重要")],
)
@pytest.mark.parametrize("label", ["utf-8", ""])
def test_another_charset_is_not_taken_for_damaged_utf8(encoding: str, text: str, label: str) -> None:
    declaration = f' encoding="{label}"' if label else ""
    titles = "".join(f"<item><title>{text} {n}</title><guid>{n}</guid></item>" for n in range(20))
    body = f'<?xml version="1.0"{declaration}?><rss><channel><title>x</title>{titles}</channel></rss>'.encode(encoding)
    assert "\ufffd" not in (read(body).entries[0].title or "")


# Discovery and source lists


def page(title: str, *feeds: tuple[str, str]) -> bytes:
    links = "".join(
        f'<link rel="alternate" type="application/rss+xml" title="{name}" href="{href}">' for href, name in feeds
    )
    return f"<html><head><title>{title}</title>{links}</head><body><p>x</p></body></html>".encode()


@pytest.mark.parametrize(
    ("url", "outlet"),
    [
        ("https://commentary-weekly.example/", "Commentary Weekly"),
        ("https://comment.example/", "Comment"),
        ("https://g.example/", "No Comment"),
    ],
)
def test_an_outlet_may_be_named_after_comments(url: str, outlet: str) -> None:
    found = discover_feeds(page(outlet, ("/feed/", outlet), ("/comments/feed/", f"{outlet} » Comments Feed")), url)
    assert [each.url for each in found] == [f"{url}feed/"]
    assert [each.url for each in discover_feeds(page(outlet, ("/feed/", outlet)), url)] == [f"{url}feed/"]


def test_comment_feeds_are_still_left_out() -> None:
    feeds = (
        ("/feed/", "Post » Feed"),
        ("/comments/feed/", "Post » Comments Feed"),
        ("/2026/one/feed/", "Post » One Comments Feed"),
        ("/?feed=comments-rss2", "x"),
    )
    found = discover_feeds(page("Post", *feeds), "https://g.example/")
    assert [each.url for each in found] == ["https://g.example/feed/"]
    assert discover_feeds(page("Post", ("/comments/feed/", "x")), "https://g.example/") == []


def test_outlines_that_are_commented_out_are_left_out() -> None:
    found = read_opml(
        b"""<opml version="2.0"><body><outline text="A" xmlUrl="https://a.example/f"/>
        <outline text="B" xmlUrl="https://b.example/f" isComment="true"/>
        <outline text="Off" isComment="true"><outline text="C" xmlUrl="https://c.example/f"/><outline text="In"><outline text="D" xmlUrl="https://d.example/f"/></outline></outline>
        <outline text="E" xmlUrl="https://e.example/f" isComment="false"/></body></opml>"""
    )
    assert [each.feed for each in found.wanted] == ["https://a.example/f", "https://e.example/f"]
    assert [line for line, _ in found.warnings] == [2, 3, 3]


# Dates


def test_the_other_dates_of_a_feed_decide_their_order() -> None:
    dates = ("25/10/2026 10:00:00 +0000", "05/11/2026 10:00:00 +0000")
    feed = rss(
        *(f"<title>{d}</title><link>https://g.example/{n}</link><pubDate>{d}</pubDate>" for n, d in enumerate(dates))
    )
    assert [e.published_at for e in feed.entries] == ["2026-10-25T10:00:00Z", "2026-11-05T10:00:00Z"]
    maps = "".join(f"<url><loc>https://g.example/{n}</loc><lastmod>{d}</lastmod></url>" for n, d in enumerate(dates))
    assert read(f"<urlset>{maps}</urlset>").entries[1].published_at == "2026-11-05T10:00:00Z"
    items = [{"id": str(n), "date_published": d} for n, d in enumerate(dates)]
    feed = read(json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}))
    assert feed.entries[1].published_at == "2026-11-05T10:00:00Z"
    american = rss(
        "<title>A</title><link>https://g.example/1</link><pubDate>11/05/2026</pubDate>",
        channel="<language>en-us</language>",
    )
    assert american.entries[0].published_at == "2026-11-05"


@pytest.mark.parametrize(
    "raw", ["2026年11月", "11月20日", "05/11/2026", "2026-11-20T10:00 maybe later", "vor 2 Stunden"]
)
def test_no_library_invents_a_date(raw: str) -> None:
    assert rss(f"<title>A</title><link>https://g.example/1</link><pubDate>{raw}</pubDate>").entries[0].published_at in {
        None,
        "2026-11-20",
    }
