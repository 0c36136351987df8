from __future__ import annotations

import contextlib

from hypothesis import example, given
from hypothesis import strategies as st

from crawler.errors import FeedError
from crawler.feeds.source_lists import read_csv, read_lines, read_opml, write_opml

WILD = b"""<?xml version='1.0' encoding='UTF-8' ?>
<opml version="1.0">
  <!-- <outline text="hidden" xmlUrl="http://hidden.org/rss"/> -->
  <body>
    <outline text="World & More" title="World">
      <outline text="One & only" xmlUrl="https://one.org/rss?a=1&b=2" type="rss" />
      <outline text="a "quoted" name" type="rss" xmlUrl="https://two.org/rss" htmlUrl='https://two.org/'/>
      <outline text="less < more" xmlUrl="feed://three.org/rss"></outline>
    </outline>
    <OUTLINE TEXT="Upper" XMLURL="https://four.org/rss" CATEGORY="/Tech/News,daily"/>
    <outline text="never closed" xmlUrl="https://five.org/rss"
    <outline text="bad" xmlUrl="not an address at all"/>
    <outline text="home only" htmlUrl="https://six.org/" type="link"/>
    <outline text="World again"><outline text="One twice" xmlUrl="https://one.org/rss?a=1&amp;b=2"/></outline>
"""


def test_every_feed_that_a_person_could_read_comes_in() -> None:
    found = read_opml(WILD)
    feeds = {w.feed: w for w in found.wanted if w.feed}
    assert set(feeds) == {
        "https://one.org/rss?a=1&b=2",
        "https://two.org/rss",
        "http://three.org/rss",
        "https://four.org/rss",
        "https://five.org/rss",
    }
    assert feeds["https://one.org/rss?a=1&b=2"].tags == ("world-&-more", "world-again")
    assert feeds["https://one.org/rss?a=1&b=2"].name == "One & only"
    assert feeds["https://two.org/rss"].home == "https://two.org/"
    assert feeds["https://four.org/rss"].tags == ("news", "daily")
    assert [w.home for w in found.wanted if not w.feed] == ["https://six.org/"]


def test_warnings_name_the_line() -> None:
    warnings = read_opml(WILD).warnings
    assert any("not well-formed XML" in text for _, text in warnings)
    assert any("cannot be read" in text and line == 12 for line, text in warnings)


def test_write_opml_reads_back() -> None:
    feeds = [
        ('A "quoted" & name', "https://a.org/rss?x=1&y=2", "https://a.org/", ("world", "x")),
        ("B", "https://b.org/rss", "", ()),
    ]
    found = read_opml(write_opml(feeds).encode())
    assert not found.warnings
    assert [(w.name, w.feed, w.home) for w in found.wanted] == [
        ('A "quoted" & name', "https://a.org/rss?x=1&y=2", "https://a.org/"),
        ("B", "https://b.org/rss", None),
    ]
    assert found.wanted[0].tags == ("world", "x")


def test_lines_and_csv() -> None:
    lines = read_lines(b"# mine\nhttps://a.org/rss\nb.org # home\nnot an address\n")
    assert [w.home for w in lines.wanted] == ["https://a.org/rss", "http://b.org"]
    assert [line for line, _ in lines.warnings] == [4]
    table = read_csv(b"name,url,feed,tags\nA,https://a.org/,https://a.org/rss,x;y\nB,b.org,,\n,,,\n")
    assert [(w.name, w.feed, w.home, w.tags) for w in table.wanted] == [
        ("A", "https://a.org/rss", "https://a.org/", ("x", "y")),
        ("B", None, "http://b.org", ()),
    ]


@given(st.binary(max_size=300))
@example(b"\x1f\x8b")  # a gzip file that ends where it begins
def test_no_bytes_break_it(body: bytes) -> None:
    read_opml(b'<opml><outline text="' + body)
    with contextlib.suppress(FeedError):
        read_lines(body)
