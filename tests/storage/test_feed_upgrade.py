"""A database of an earlier version: what its feeds listed is known, however the new version reads the same bytes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import pytest

from crawler.config.models import Schedule, Source
from crawler.feeds.parser import parse_feed
from crawler.feeds.revisit import KnownEntries, PollResponse, decide
from crawler.urls import url_key
from storage.records import Entry, FeedCheck, FeedEntry
from storage.writer import Writer, open_writer
from tests.conftest import NOW

FEED = "https://feeds.example.net/gazette/main.xml"
HOME = "https://gazette.example/"


def earlier_hash(*parts: str | None) -> str:
    return hashlib.sha256("\x1f".join(part or "" for part in parts).encode()).hexdigest()[:32]


def earlier(
    title: str,
    *,
    url: str | None,
    guid: str | None = None,
    date: str | None = None,
    summary: str | None = None,
    content: str | None = None,
) -> FeedEntry:
    """An entry as the version before made it of what it read: its identity and its fingerprint are computed as there."""
    key = url_key(url) if url else ""
    return FeedEntry(
        identity=guid or key or earlier_hash(title, date, summary), guid=guid, url=url, url_key=key, host="gazette.example", title=title,
        published_raw=date, summary=summary, content=content, fingerprint=earlier_hash(title, date, summary, content),
    )  # fmt: skip


def earlier_unique(entries: list[FeedEntry]) -> list[FeedEntry]:
    """Identities as the version before made them unique: the third of three at one address was dropped."""
    seen: dict[str, FeedEntry] = {}
    for e in entries:
        first = seen.get(e.identity)
        if first is None:
            seen[e.identity] = e
        elif (first.url_key, first.title) != (e.url_key, e.title):
            name = f"{e.identity} {e.url_key or e.fingerprint}"
            seen.setdefault(name, replace(e, identity=name))
    return list(seen.values())


def upgraded(path: Path, entries: list[FeedEntry]) -> Writer:
    """A database whose feed listed these entries, all of them fetched."""
    writer = open_writer(path)
    writer.sync_sources([Source(id="g", name="G", url=HOME, feeds=(FEED,))], {FEED: "feeds.example.net"}, NOW)
    with writer.transaction():
        writer.apply_check(
            FeedCheck(
                feed_url=FEED, at=NOW - timedelta(hours=1), outcome="changed", listed=tuple(earlier_unique(entries)), window_size=len(entries),
                last_success_at=NOW - timedelta(hours=1), body_hash="of the earlier bytes", due_at=NOW,
            ),
            "g",
        )  # fmt: skip
        writer.db.conn.execute("UPDATE entries SET state = 'fetched'")
    return writer


def poll(writer: Writer, body: str) -> tuple[int, FeedCheck, list[Entry]]:
    """Poll with the version of today: (new entries, the check, the requests that follow)."""
    parsed = parse_feed(body.encode(), FEED, now=NOW)
    feed = writer.feed(FEED)
    assert feed is not None
    known = writer.known_entries(FEED, parsed.entries)
    answer = PollResponse(status=200, final_url=FEED, body_hash=earlier_hash(body), parsed=parsed)
    check = decide(feed, answer, schedule=Schedule(), every=None, now=NOW, seen=KnownEntries(known=len(known)))
    with writer.transaction():
        counts = writer.apply_check(check, "g")
    leased = writer.lease_entries(
        now=NOW, until=NOW + timedelta(minutes=9), limit=99, per_host=99, sources=None, ignore_retry=True
    )
    return counts.new, check, leased


def rss(items: str) -> str:
    return f"<rss version='2.0' xmlns:media='http://search.yahoo.com/mrss/' xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd'><channel><title>G</title><link>{HOME}</link>{items}</channel></rss>"


DATE = "Fri, 20 Nov 2026 10:00:00 GMT"
ITEMS: dict[str, tuple[list[FeedEntry], str, int]] = {
    "titles with a bare ampersand": (
        [earlier("AT&T; wins", url=f"{HOME}a", guid="a", date=DATE), earlier("Q&A;: what", url=f"{HOME}b", date=DATE)],
        (f"<item><title>AT&T wins</title><link>{HOME}a</link><guid isPermaLink='false'>a</guid><pubDate>{DATE}</pubDate></item>"
        f"<item><title>Q&A: what</title><link>{HOME}b</link><pubDate>{DATE}</pubDate></item>"),
        0,
    ),
    "addresses with a bare ampersand": (
        [earlier("One", url=unescape(f"{HOME}y?a=1&copy;=3")), earlier("Two", url=f"{HOME}y?a=1&b=4")],
        f"<item><title>One</title><link>{HOME}y?a=1&copy=3</link></item><item><title>Two</title><link>{HOME}y?a=1&b=4</link></item>",
        0,
    ),
    "relative links": (
        [earlier("One", url=urljoin(FEED, "/a/1")), earlier("Two", url=urljoin(FEED, "b/2"), guid="2"), earlier("Three", url=urljoin(FEED, "b/3"))],
        ("<item><title>One</title><link>/a/1</link></item><item><title>Two</title><link>b/2</link><guid isPermaLink='false'>2</guid></item>"
        "<item><title>Three</title><link>b/3</link></item>"),
        0,
    ),
    "a caption as summary": (
        [earlier("One", url=f"{HOME}1", guid="1", summary="A caption", content="The text.")],
        (f"<item><title>One</title><link>{HOME}1</link><guid isPermaLink='false'>1</guid><media:content><media:description>A caption</media:description>"
        "</media:content><description>The text.</description></item>"),
        0,
    ),
    "a podcast's summary": (
        [earlier("One", url=f"{HOME}1", guid="1", summary="The text.", content="Of the episode")],
        f"<item><title>One</title><link>{HOME}1</link><guid isPermaLink='false'>1</guid><description>The text.</description><itunes:summary>Of the episode</itunes:summary></item>",
        0,
    ),
    "three of one page, two of which were stored": (
        [earlier(f"Brief {n}", url=f"{HOME}briefs#b{n}") for n in range(3)],
        "".join(f"<item><title>Brief {n}</title><link>{HOME}briefs#b{n}</link></item>" for n in range(3)),
        1,
    ),
    "three with one guid and no address, all stored": (
        [earlier(f"Table {n}", url=None, guid="N/A", summary=f"Tide {n}") for n in range(3)],
        "".join(f"<item><title>Table {n}</title><guid isPermaLink='false'>N/A</guid><description>Tide {n}</description></item>" for n in range(3)),
        0,
    ),
    "a guid on two links": (
        [earlier("A", url=f"{HOME}1", guid="1"), earlier("B", url=f"{HOME}2", guid="1"), earlier("B", url=f"{HOME}2", guid="1")],
        "".join(f"<item><title>{t}</title><link>{HOME}{n}</link><guid isPermaLink='false'>1</guid></item>" for t, n in ("A1", "B2", "B2")),
        0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ITEMS)
@pytest.mark.parametrize("more", [False, True], ids=["the same", "and a new one"])
def test_what_an_earlier_version_listed_is_not_new(tmp_path: Path, case: str, more: bool) -> None:
    stored, items, recovered = ITEMS[case]
    fresh = f"<item><title>A new one</title><link>{HOME}new</link><guid isPermaLink='false'>new</guid></item>"
    with upgraded(tmp_path / "news.db", stored) as writer:
        for again in range(2):
            new, check, leased = poll(writer, rss((fresh if more else "") + items))
            assert new == (0 if again else recovered + more)
            assert check.gap is None
            pages = {entry.url.partition("#")[0] for entry in leased}
            due = [f"{HOME}new"] if more else []
            assert pages == (set() if again else {*due, *([f"{HOME}briefs"] if recovered else [])})


def test_atom_ids_that_were_made_addresses_are_known(tmp_path: Path) -> None:
    made = [urljoin(FEED, f"2026-11-20-item-{n}") for n in range(3)]
    body = "<feed xmlns='http://www.w3.org/2005/Atom'><title>G</title>" + "".join(
        f"<entry><id>2026-11-20-item-{n}</id><title>Notice {n}</title><updated>2026-11-20T10:0{n}:00Z</updated><content>Text {n}</content></entry>"
        for n in range(3)
    )
    stored = [
        earlier(f"Notice {n}", url=url, guid=url, date=f"2026-11-20T10:0{n}:00Z", content=f"Text {n}")
        for n, url in enumerate(made)
    ]
    with upgraded(tmp_path / "news.db", stored) as writer:
        new, check, leased = poll(writer, f"{body}</feed>")
        assert (new, check.gap, leased) == (0, None, [])
        assert {row[0] for row in writer.db.conn.execute("SELECT url FROM entries")} == {None}


def test_an_edit_after_the_upgrade_is_one(tmp_path: Path) -> None:
    stored = [earlier(f"Story {n}", url=f"{HOME}{n}", guid=f"{n}", date=DATE) for n in range(4)]
    items = "".join(
        f"<item><title>{'Corrected: ' if n == 2 else ''}Story {n}</title><link>{HOME}{n}</link><guid isPermaLink='false'>{n}</guid><pubDate>{DATE}</pubDate></item>"
        for n in range(4)
    )
    with upgraded(tmp_path / "news.db", stored) as writer:
        new, _, leased = poll(writer, rss(items))
        assert (new, [entry.url for entry in leased]) == (0, [f"{HOME}2"])


def test_a_title_that_was_decoded_wrongly_is_no_edit(tmp_path: Path) -> None:
    titles = [f"Порт {n}: маяк" for n in range(4)]
    stored = [
        earlier(t.encode().decode("cp1251"), url=f"{HOME}{n}", guid=f"{n}", date=DATE) for n, t in enumerate(titles)
    ]
    items = "".join(
        f"<item><title>{t}</title><link>{HOME}{n}</link><guid isPermaLink='false'>{n}</guid><pubDate>{DATE}</pubDate></item>"
        for n, t in enumerate(titles)
    )
    with upgraded(tmp_path / "news.db", stored) as writer:
        assert poll(writer, rss(items.replace("Порт 3", "Берег 3")))[2][0].url == f"{HOME}3"
        assert {row[0] for row in writer.db.conn.execute("SELECT title FROM entries")} == {*titles[:3], "Берег 3: маяк"}


@pytest.mark.parametrize("anchor", ["#b{n}", ""])
@pytest.mark.parametrize("title", ["Brief {n} of the day", "Коротко о погоде {w}"])
def test_in_a_rolling_page_of_briefs_each_new_one_is_new(tmp_path: Path, anchor: str, title: str) -> None:
    words = ["утром", "днём", "вечером", "ночью", "завтра", "скоро", "потом", "опять", "снова", "вчера"]

    def said(n: int) -> tuple[str, str]:
        return title.format(n=n, w=words[n]), f"{HOME}briefs{anchor.format(n=n)}"

    with upgraded(tmp_path / "news.db", [earlier(said(n)[0], url=said(n)[1]) for n in (1, 0)]) as writer:
        for newest in range(2, 10):
            items = "".join(
                f"<item><title>{said(n)[0]}</title><link>{said(n)[1]}</link></item>" for n in (newest, newest - 1)
            )
            assert poll(writer, rss(items))[0] == 1
        assert writer.db.conn.execute("SELECT count(*) FROM entries").fetchone()[0] == 10
