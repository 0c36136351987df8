from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crawler.errors import FeedError
from crawler.feeds.parsed_feed import ParsedFeed
from crawler.feeds.parser import parse_feed
from crawler.feeds.sitemap import children_to_open, recent_entries
from tests.charsets import LABELS, TEXT
from tests.conftest import NOW

URL = "https://www.example.org/feeds/main.xml"


def read(text: str | bytes, *, kind: str = "", content_type: str = "") -> ParsedFeed:
    return parse_feed(
        text.encode() if isinstance(text, str) else text, URL, now=NOW, kind=kind, content_type=content_type
    )


RSS = """<?xml version="1.0" encoding="utf-8"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"><channel><title>A &amp; B</title><link>https://www.example.org/</link><ttl>600</ttl><language>en-us</language>
<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>2</sy:updateFrequency><skipHours><hour>1</hour><hour>2</hour></skipHours><skipDays><day>Sunday</day></skipDays>
<item><title>First &lt;b&gt;bold&lt;/b&gt;</title><link>/2026/first-story</link><guid isPermaLink="false">id-1</guid><pubDate>Fri, 20 Nov 2026 10:00:00 +0300</pubDate>
<description>\t\t A <![CDATA[<p>summary</p>]]> </description><content:encoded><![CDATA[<p>Full text</p><p>More</p>]]></content:encoded><dc:creator>Ada Quill</dc:creator><category>Harbour</category>
<enclosure url="https://www.example.org/a.mp3" type="audio/mpeg" length="1"/></item>
<item><title>No date</title><link>https://other.example/x?utm_source=rss</link><author>desk@example.org (Max Lot)</author></item>
</channel></rss>"""


def test_rss_keeps_what_the_feed_said() -> None:
    feed = read(RSS)
    first, second = feed.entries
    assert (feed.kind, feed.title, feed.ttl, feed.period, feed.skip_hours, feed.skip_days) == (
        "rss",
        "A & B",
        600,
        1800,
        ("1", "2"),
        ("Sunday",),
    )
    assert first.url == "https://www.example.org/2026/first-story"
    assert (first.title, first.guid, first.authors, first.tags) == ("First bold", "id-1", ("Ada Quill",), ("Harbour",))
    assert (first.published_at, first.published_raw) == ("2026-11-20T07:00:00Z", "Fri, 20 Nov 2026 10:00:00 +0300")
    assert first.content == "<p>Full text</p><p>More</p>"
    assert first.summary == "A summary"
    assert second.published_at is None
    assert second.authors == ("Max Lot",)
    assert second.guid is None
    assert second.identity == "other.example/x"


@pytest.mark.parametrize(
    ("text", "kind", "titles"),
    [
        (
            '<rss version="0.91"><channel><title>x</title><item><title>old</title><link>http://a.org/1</link></item></channel></rss>',
            "rss",
            ["old"],
        ),
        (
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"><channel><title>x</title></channel><item><title>rdf</title><link>http://a.org/1</link></item></rdf:RDF>',
            "rss",
            ["rdf"],
        ),
        (
            '<feed xmlns="http://www.w3.org/2005/Atom" xml:base="http://a.org/b/"><title>x</title><entry><id>1</id><title type="html">&lt;i&gt;atom&lt;/i&gt;</title><link href="c"/></entry></feed>',
            "atom",
            ["atom"],
        ),
        (
            '{"version":"https://jsonfeed.org/version/1.1","title":"x","items":[{"id":"1","url":"http://a.org/1","title":"json"}]}',
            "json",
            ["json"],
        ),
        (
            '{"items":[{"id":5,"external_url":"http://a.org/1","content_text":"a < b"}],"version":"https://jsonfeed.org/version/1"}',
            "json",
            [None],
        ),
        (
            '<urlset><url><loc>http://a.org/1</loc><news:news xmlns:news="n"><news:publication_date>2026-11-20</news:publication_date><news:title>map</news:title></news:news></url></urlset>',
            "sitemap",
            ["map"],
        ),
        ("http://a.org/1\nhttp://a.org/2\n", "sitemap", [None, None]),
        (
            '\n\n <!-- hello --> <?xml version="1.0"?><rss><channel><title>x</title><item><title>late prolog</title><link>http://a.org/1</link></item></channel></rss>',
            "rss",
            ["late prolog"],
        ),
        (
            "<rss><channel><title>x</title><item><title>a &nbsp; b & c</title><link>http://a.org/1</link></item></channel></rss>",
            "rss",
            ["a b & c"],
        ),
        (
            '<?xml?xml version="1.0" ??>\n<rss rss:version=2.0>\n<rss:channel><rss:title>x</rss:title><rss:item><rss:title>prefixed</rss:title><rss:link>http://a.org/1</rss:link></rss:item></rss:channel></rss>',
            "rss",
            ["prefixed"],
        ),
    ],
    ids=[
        "rss091",
        "rss10",
        "atom",
        "json11",
        "json10",
        "news sitemap",
        "text sitemap",
        "late prolog",
        "html entities",
        "prefixed rss",
    ],
)
def test_every_kind_is_read(text: str, kind: str, titles: list[str | None]) -> None:
    feed = read(text)
    assert feed.kind == kind
    assert [e.title for e in feed.entries] == titles
    assert all(e.url and e.url.startswith("http://a.org/") for e in feed.entries)


def test_xml_base_and_relative_links_are_resolved() -> None:
    feed = read(
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:base="http://a.org/b/"><title>x</title><entry><id>1</id><title>t</title><link href="c?d=1"/></entry></feed>'
    )
    assert feed.entries[0].url == "http://a.org/b/c?d=1"


def test_a_link_is_a_link_and_not_an_enclosure() -> None:
    feed = read(
        '<rss><channel><title>x</title><item><title>t</title><enclosure url="http://a.org/a.mp3" type="audio/mpeg"/></item></channel></rss>'
    )
    assert feed.entries[0].url is None


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (
            '<?xml version="1.0" encoding="windows-1251"?><rss><channel><title>x</title><item><title>Новости дня</title></item></channel></rss>'.encode(),
            "Новости дня",
        ),
        (
            '<?xml version="1.0" encoding="windows-1251"?><rss><channel><title>x</title><item><title>Новости дня</title></item></channel></rss>'.encode(
                "cp1251"
            ),
            "Новости дня",
        ),
        (
            '<?xml version="1.0" encoding="shift_jis"?><rss><channel><title>x</title><item><title>東京の天気</title></item></channel></rss>'.encode(
                "cp932"
            ),
            "東京の天気",
        ),
        (
            '<?xml version="1.0" encoding="utf-16"?><rss><channel><title>x</title><item><title>wide</title></item></channel></rss>'.encode(
                "utf-16"
            ),
            "wide",
        ),
        (
            b"<rss><channel><title>x</title><item><title>one\x00two &#xD83D;three &#8; four</title></item></channel></rss>",
            "onetwo three four",
        ),
        (b"<rss><channel><title>x</title><item><title>it&#146;s</title></item></channel></rss>", "it’s"),
    ],
    ids=[
        "label lies",
        "label true",
        "shift_jis",
        "utf-16",
        "surrogate, NUL and control references",
        "windows reference",
    ],
)
def test_bytes_are_repaired_before_they_are_parsed(body: bytes, title: str) -> None:
    assert read(body).entries[0].title == title


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"<!doctype html><html><body>hello</body></html>", "a web page, not a feed"),
        (b"just words", "not a feed"),
        (b'{"a": 1}', "not a JSON feed"),
        (b"[" * 200_000, "not valid JSON"),
        (b'{"items": [', "not valid JSON"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "not a feed"),
    ],
)
def test_what_is_no_feed_is_said_in_one_line(body: bytes, said: str) -> None:
    with pytest.raises(FeedError) as caught:
        read(body)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_guid_on_two_links_is_two_entries() -> None:
    feed = read(
        "<rss><channel><title>x</title><item><guid>1</guid><title>a</title><link>http://a.org/1</link></item><item><guid>1</guid><title>b</title><link>http://a.org/2</link></item><item><guid>1</guid><title>a</title><link>http://a.org/1</link></item></channel></rss>"
    )
    assert [e.title for e in feed.entries] == ["a", "b"]
    assert len({e.identity for e in feed.entries}) == 2


def test_an_empty_guid_is_missing() -> None:
    feed = read(
        "<rss><channel><title>x</title><item><guid> </guid><title>a</title><link>http://a.org/1</link></item></channel></rss>"
    )
    assert feed.entries[0].guid is None
    assert feed.entries[0].identity == "a.org/1"


def test_children_of_an_index_older_than_max_age_are_not_opened() -> None:
    index = "".join(
        f"<sitemap><loc>https://a.org/{name}</loc>{f'<lastmod>{lastmod}</lastmod>' if lastmod else ''}</sitemap>"
        for name, lastmod in [
            ("old.xml", "2026-01-01"),
            ("new.xml", "2026-11-21T10:00:00Z"),
            ("2019-2.xml", None),
            ("2026-11.xml", None),
            ("plain.xml", None),
        ]
    )
    feed = read(f"<sitemapindex>{index}</sitemapindex>")
    assert [u.rsplit("/", 1)[1] for u in children_to_open(feed, now=NOW, max_age=7 * 86400)] == [
        "new.xml",
        "2026-11.xml",
        "plain.xml",
    ]


def test_entries_of_a_sitemap_older_than_max_age_are_left_to_backfill() -> None:
    urls = "".join(
        f"<url><loc>https://a.org/{n}</loc><lastmod>{d}</lastmod></url>"
        for n, d in [("a-b-c-1", "2026-11-21"), ("a-b-c-2", "2026-10-01"), ("a-b-c-3", "")]
    )
    assert [e.url for e in recent_entries(read(f"<urlset>{urls}</urlset>").entries, now=NOW, max_age=7 * 86400)] == [
        "https://a.org/a-b-c-1",
        "https://a.org/a-b-c-3",
    ]


def test_a_section_page_gives_its_article_links() -> None:
    page = """<html lang="de"><head><base href="https://a.org/x/"><title>News</title></head><body><a href="/2026/11/20/a-long-story-slug">A long story about the harbour</a>
    <a href="/tag/harbour-and-more-and-more">tag</a><a href="/about">About</a><a href="https://other.org/2026/11/20/a-long-story-slug">elsewhere</a><a href="javascript:x">j</a>
    <a href="y/story-about-the-bridge-1234">Another story about the bridge</a></body></html>"""
    feed = read(page, kind="page")
    assert [e.url for e in feed.entries] == [
        "https://a.org/2026/11/20/a-long-story-slug",
        "https://a.org/x/y/story-about-the-bridge-1234",
    ]
    assert feed.entries[0].title == "A long story about the harbour"


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_feed_is_read_or_refused_but_never_breaks_the_parser(data: st.DataObject) -> None:
    body = bytearray(
        data.draw(
            st.sampled_from(
                [
                    RSS.encode(),
                    json.dumps(
                        {"version": "https://jsonfeed.org/version/1", "items": [{"id": "1", "title": "x"}]}
                    ).encode(),
                    b"<urlset><url><loc>http://a.org/1</loc></url></urlset>",
                ]
            )
        )
    )
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=6))
        if not body:
            return
    try:
        feed = read(bytes(body))
    except FeedError:
        return
    for entry in feed.entries:
        assert entry.identity
        (entry.title or "").encode("utf-8")


@pytest.mark.parametrize("sent", [None, "as it says"], ids=["no header", "header"])
@pytest.mark.parametrize(("language", "written", "labelled"), LABELS)
def test_row_08_the_charset_is_what_the_bytes_are_whatever_the_feed_says(
    language: str, written: str, labelled: str | None, sent: str | None
) -> None:
    text = TEXT["zh-Hant" if written == "big5" else language]
    label = f' encoding="{labelled}"' if labelled else ""
    items = "".join(f"<item><title>{text}</title><link>https://a.example/{n}</link></item>" for n in range(6))
    document = f'<?xml version="1.0"{label}?><rss version="2.0"><channel><title>{text}</title>{items}</channel></rss>'
    kind = f"text/xml; charset={labelled or 'utf-8'}" if sent else "application/rss+xml"
    found = parse_feed(document.encode(written), URL, content_type=kind, now=NOW)
    assert [entry.title for entry in found.entries] == [text] * 6


def test_an_item_flooded_with_attributes_keeps_its_place_and_its_title() -> None:
    flood = " ".join(f'a{n}="x"' for n in range(15_000))
    feed = (
        f'<rss version="2.0"><channel><title>C</title><item {flood}><title>One</title><link>https://a.example/1</link></item>'
        f'<item><title>Two</title><link>https://a.example/2</link><enclosure {flood} url="https://a.example/3"/></item></channel></rss>'
    )
    assert [entry.title for entry in parse_feed(feed.encode(), "https://a.example/feed", now=NOW).entries] == [
        "One",
        "Two",
    ]
