"""Rechecks after an upgrade: articles that an older release read, with changed bytes; only the publisher's edits count.

The older release is simulated: pages are crawled, then each stored record is rewritten as that release read its page.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from crawler.articles.near_duplicates import content_hash
from crawler.text.tokens import words
from tests import torture
from tests.conftest import Desk, source
from tests.site import Answer, Site, article_html, story
from tests.watches.receiver import Receiver

ARTICLES = torture.times(80, 200)
EDITED = 20
OLDER = "newsdesk 1, trafilatura 1.0.0"
NAME = "The Test Post"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@dataclass
class News:
    """One article of a publisher."""

    number: int
    title: str = ""
    paragraphs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.title = self.title or f"Council number {self.number} plans a harbour for the winter"
        self.paragraphs = self.paragraphs or story(self.number, 6)

    @property
    def path(self) -> str:
        return f"/2026/11/20/council-number-{self.number}-plans-a-harbour"

    def html(self, base: str, *, clock: int) -> str:
        """Comments inside the third paragraph, breaks instead of the fourth and fifth; bytes that always change."""
        marked = [f"<p>{p}</p>" for p in self.paragraphs]
        cut = self.paragraphs[2].index(" said ")
        marked[2] = f"<p>{self.paragraphs[2][:cut]}<!-- -->{self.paragraphs[2][cut:]}</p>"
        marked[3:5] = [f"<p>{self.paragraphs[3]}<br><br>{self.paragraphs[4]}</p>"]
        head = (
            f'<meta property="og:title" content="{self.title} - {NAME}"><meta property="og:site_name" content="{NAME}">'
            f'<meta name="generated" content="{clock}">'
        )
        page = article_html(base, self.path, self.title, ["HERE"], modified=f"2026-11-20T{8 + clock:02d}:00:00+00:00")
        page = page.replace(f'"headline": "{self.title}", ', "").replace("</head>", f"{head}</head>")
        return page.replace("<p>HERE</p>", "".join(marked)).replace("Home", f"Home ({clock} readers)")

    def as_older(self) -> tuple[str, str]:
        """(title, text) as the older release read it."""
        cut = self.paragraphs[2].index(" said ")
        glued = self.paragraphs[3] + self.paragraphs[4]
        text = [self.title, *self.paragraphs[:2], self.paragraphs[2][:cut], glued, *self.paragraphs[5:], "Read also"]
        return f"{self.title} - {NAME}", "\n\n".join(text)


def publish(site: Site, news: list[News], *, clock: int) -> None:
    for one in news:
        site.answers[one.path] = Answer(one.html(site.base, clock=clock).encode(), etag=False)
    items = [{"title": f"{n.title}", "link": n.path, "date": "Fri, 20 Nov 2026 08:00:00 GMT"} for n in news]
    site.rss("/feed.xml", items)


def as_older(desk: Desk, news: list[News]) -> None:
    """Rewrite what is stored, and let every recheck be due."""
    with sqlite3.connect(desk.database) as db:
        for one in news:
            title, text = one.as_older()
            db.execute(
                "UPDATE articles SET title = ?, text = ?, content_hash = ?, extractor = ?, word_count = ? WHERE url LIKE ?",
                (title, text, content_hash(title, None, text), OLDER, len(words(text)), f"%{one.path}"),
            )
        db.execute("UPDATE articles SET recheck_at = '2026-01-01T00:00:00Z', subtitle = NULL")
    db.close()
    assert desk.run("db", "check", "--rebuild-index").code == 0


def edit(one: News, kind: int) -> tuple[int, int]:
    """Edit an article as its publisher does; returns the words added and removed."""
    if kind == 0:
        one.paragraphs[1] = one.paragraphs[1].replace("according", "writes", 1)
        return 1, 1
    if kind == 1:
        one.title = one.title.replace("winter", "summer")
        return 1, 1
    if kind == 2:
        one.paragraphs[5] = one.paragraphs[5].replace("said on day", "denied for weeks", 1)
        return 3, 3
    if kind == 3:
        one.paragraphs.append("The quartermaster resigned on Thursday after nine years in his post.")
        return 11, 0
    gone = one.paragraphs.pop()
    return 0, len(words(gone))


def configured(desk: Desk, site: Site, receiver: Receiver, *, keep_raw: bool = True) -> None:
    watch = (
        '[[watch]]\nname = "all"\nquery = "office"\non = ["new", "edited", "silent", "vanished"]\nmax_age = "9999d"\n'
        f'min_words = 1\nnotify = ["{receiver.url}"]\n'
    )
    extra = "" if keep_raw else "keep_raw = false"
    desk.configure(source(site, more='recheck = ["9000d"]'), watch, extra=extra)


def upgraded(desk: Desk, site: Site, count: int) -> list[News]:
    """So many articles, read by an older release."""
    news = [News(number) for number in range(count)]
    publish(site, news, clock=0)
    assert desk.run("crawl").code == 0
    as_older(desk, news)
    assert desk.rows("SELECT count(*) AS n FROM articles WHERE extractor = ?", OLDER) == [{"n": count}]
    return news


def edits(desk: Desk) -> dict[str, tuple[int, int]]:
    found = json.loads(desk.run("edits", "--json").out)
    paths = {row["id"]: "/" + row["url"].split("/", 3)[3] for row in desk.rows("SELECT id, url FROM articles")}
    assert len({row["id"] for row in found}) == len(found)
    return {paths[row["id"]]: (row["words_added"], row["words_removed"]) for row in found}


def test_a_release_that_reads_pages_differently_makes_no_edit_and_hides_none(
    desk: Desk, site: Site, receiver: Receiver
) -> None:
    configured(desk, site, receiver)
    news = upgraded(desk, site, ARTICLES)
    publish(site, news, clock=1)
    assert desk.run("crawl").code == 0
    assert edits(desk) == {}
    assert receiver.got == []
    assert desk.rows("SELECT count(*) AS n FROM articles WHERE extractor = ?", OLDER) == [{"n": 0}]
    causes = desk.rows("SELECT number, cause, silent, count(*) AS n FROM revisions GROUP BY 1, 2, 3 ORDER BY 1")
    assert causes == [
        {"number": 1, "cause": "publisher", "silent": 0, "n": ARTICLES},
        {"number": 2, "cause": "reprocess", "silent": 0, "n": ARTICLES},
    ]
    assert json.loads(desk.run("list", "--changed", "--json").out) == []

    as_older(desk, news)
    expected = {one.path: edit(one, kind % 5) for kind, one in enumerate(news[:: ARTICLES // EDITED])}
    publish(site, news, clock=2)
    assert desk.run("crawl").code == 0
    assert edits(desk) == expected
    assert len(expected) == EDITED
    assert sorted((hit["words_added"], hit["words_removed"]) for hit in receiver.hits) == sorted(expected.values())
    assert desk.run("db", "check").code == 0

    as_current = desk.rows("SELECT count(*) AS n FROM revisions")
    publish(site, news, clock=3)
    with sqlite3.connect(desk.database) as db:
        db.execute("UPDATE articles SET recheck_at = '2026-01-01T00:00:00Z'")
    db.close()
    assert desk.run("crawl").code == 0
    assert desk.rows("SELECT count(*) AS n FROM revisions") == as_current


def test_an_edit_shows_the_publishers_words_and_each_version_its_page(
    desk: Desk, site: Site, receiver: Receiver
) -> None:
    configured(desk, site, receiver)
    news = upgraded(desk, site, 1)
    before = news[0].html(site.base, clock=0)
    assert edit(news[0], 0) == (1, 1)
    publish(site, news, clock=1)
    assert desk.run("crawl").code == 0
    rows = desk.rows("SELECT number, cause, extractor, warc_file, warc_offset FROM revisions ORDER BY number")
    assert [(row["number"], row["cause"]) for row in rows] == [(1, "publisher"), (2, "reprocess"), (3, "publisher")]
    assert rows[0]["extractor"] == OLDER
    assert rows[1]["extractor"] == rows[2]["extractor"] != OLDER
    pages = [desk.run("show", "1", "--raw", "--revision", str(number)).out for number in (1, 2, 3)]
    assert pages[0] == pages[1] == before
    assert pages[2] == news[0].html(site.base, clock=1)
    shown = desk.run("show", "1", "--diff").out
    assert "[-according-] {+writes+}" in shown
    assert shown.count("{+") == shown.count("[-") == 1
    ops = [row["op"] for row in desk.rows("SELECT op FROM changes ORDER BY seq")]
    assert ops == ["new", "reprocessed", "revised"]
    [row] = json.loads(desk.run("edits", "--json").out)
    seen = desk.rows("SELECT fetched_at, first_seen_at FROM articles")[0]
    assert row["last_same_at"] == seen["first_seen_at"]  # between this and fetched_at the publisher edited it


def test_an_address_that_becomes_known_only_by_its_page_is_compared_too(
    desk: Desk, site: Site, receiver: Receiver
) -> None:
    """Another feed lists the article; `fetch` asks for it: neither entry knows the stored article."""
    configured(desk, site, receiver)
    news = upgraded(desk, site, 3)
    with sqlite3.connect(desk.database) as db:
        db.execute("UPDATE articles SET recheck_at = NULL")
    db.close()
    expected = {news[1].path: edit(news[1], 0), news[2].path: edit(news[2], 3)}
    publish(site, news, clock=1)
    for one in news:
        assert desk.run("fetch", f"{site.base}{one.path}?utm_source=x").code == 0
    assert edits(desk) == expected
    assert desk.rows("SELECT count(*) AS n FROM articles") == [{"n": 3}]


@pytest.mark.parametrize("lost", ["not kept", "moved"])
def test_without_the_stored_pages_no_edit_is_made_up_and_clear_ones_are_found(
    desk: Desk, site: Site, receiver: Receiver, lost: str
) -> None:
    count = 40
    configured(desk, site, receiver, keep_raw=lost == "moved")
    news = upgraded(desk, site, count)
    if lost == "moved":
        desk.database.with_name("news.db.warc").rename(desk.folder / "elsewhere")
    expected = {one.path: edit(one, kind % 3) for kind, one in enumerate(news[::2])}
    publish(site, news, clock=1)
    done = desk.run("crawl")
    assert done.code == 0
    assert edits(desk) == expected
    assert len(expected) == EDITED
    assert sorted((hit["words_added"], hit["words_removed"]) for hit in receiver.hits) == sorted(expected.values())
    assert desk.rows("SELECT count(*) AS n FROM articles WHERE extractor = ?", OLDER) == [{"n": 0}]
    assert done.err.count("cannot be read again") == (1 if lost == "moved" else 0)
    shown = desk.run("show", "1", "--diff").out
    assert "[-according-] {+writes+}" in shown
    assert shown.count("{+") == shown.count("[-") == 1
    assert desk.run("db", "check").code == 0
