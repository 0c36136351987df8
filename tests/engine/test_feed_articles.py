"""Entries that share a link are one request; entries without a link are articles of their feed, and no request."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from xml.sax.saxutils import escape

import pytest

from tests.conftest import Desk, source
from tests.site import Answer, Site, story

Item = tuple[str, str]  # a title, and the other elements


def rss(*items: Item) -> Answer:
    body = "".join(f"<item><title>{escape(title)}</title>{rest}</item>" for title, rest in items)
    text = f'<rss version="2.0"><channel><title>Mole Gazette</title><language>en</language>{body}</channel></rss>'
    return Answer(text.encode(), kind="application/rss+xml")


def note(number: int, text: str = "") -> Item:
    said = (
        text or f"The keeper of lamp {number} reported that the pier was dry and the tide turned at {number} o'clock."
    )
    return f"Notice {number}", f"<guid isPermaLink='false'>note-{number}</guid><description>{said}</description>"


def brief(number: int) -> Item:
    return f"Brief {number} of the day", f"<link>/briefs/of-the-day-2026#b{number}</link>"


def entries(desk: Desk) -> list[dict[str, Any]]:
    return desk.rows("SELECT * FROM entries ORDER BY id")


def test_items_on_one_page_are_one_request_and_all_have_its_verdict(desk: Desk, site: Site) -> None:
    site.answers["/feed.xml"] = rss(*(brief(n) for n in range(5)))
    site.page("/briefs/of-the-day-2026", "Briefs of the day", story(1))
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    assert site.paths().count("/briefs/of-the-day-2026") == 1
    assert [(e["state"], e["article_id"], e["verdict"]) for e in entries(desk)] == [("fetched", 1, "new")] * 5
    site.requests.clear()
    site.answers["/feed.xml"] = rss(*(brief(n) for n in range(6)))
    assert desk.run("crawl").code == 0
    assert len(entries(desk)) == 6
    assert site.paths() == ["/feed.xml"]


@pytest.mark.parametrize(("status", "state"), [(410, "gone"), (404, "gone"), (500, "retry")])
def test_a_page_of_items_that_fails_is_requested_once_a_crawl(desk: Desk, site: Site, status: int, state: str) -> None:
    site.answers["/feed.xml"] = rss(*(brief(n) for n in range(5)))
    site.answers["/briefs/of-the-day-2026"] = Answer(b"no", status=status)
    desk.configure(source(site))
    for crawl in range(2):
        site.requests.clear()
        desk.run("crawl")
        assert site.paths().count("/briefs/of-the-day-2026") <= 1 - (status == 410 and crawl)
        found = entries(desk)
        assert {e["state"] for e in found} == {state}
        assert len({(e["verdict"], e["reason"], e["attempts"], e["retry_at"]) for e in found}) == 1


def test_items_on_one_page_that_change_together_are_one_request(desk: Desk, site: Site) -> None:
    site.answers["/feed.xml"] = rss(*(brief(n) for n in range(5)))
    site.page("/briefs/of-the-day-2026", "Briefs of the day", story(1))
    desk.configure(source(site))
    desk.run("crawl")
    site.requests.clear()
    site.answers["/feed.xml"] = rss(
        *((f"Brief {n} of the day", f"{brief(n)[1]}<description>More</description>") for n in range(5))
    )
    for _ in range(3):
        desk.run("crawl")
    assert site.paths().count("/briefs/of-the-day-2026") == 1
    assert len(entries(desk)) == 5


def test_an_entry_without_a_link_is_an_article_and_no_request(desk: Desk, site: Site) -> None:
    site.answers["/feed.xml"] = rss(
        *(note(n) for n in range(3)), ("Only a title", "<guid isPermaLink='false'>t</guid>")
    )
    desk.configure(source(site))
    done = desk.run("crawl")
    assert done.code == 0, done.err
    assert site.paths() == ["/feed.xml"]
    found = desk.rows("SELECT * FROM articles ORDER BY id")
    assert [(a["title"], a["completeness"], a["source"], a["language"]) for a in found] == [
        (f"Notice {n}", "feed", found[0]["source"], "en") for n in range(3)
    ]
    assert all(
        a["url"].startswith("tag:127.0.0.1,2026:") and a["url"].endswith(f"#note-{n}") for n, a in enumerate(found)
    )
    assert all("the pier was dry" in a["text"] and a["recheck_at"] is None for a in found)
    assert [e["state"] for e in entries(desk)] == ["fetched"] * 3 + ["rejected"]
    assert len(json.loads(desk.run("search", "keeper lamp", "--json").out)) == 3
    assert len(json.loads(desk.run("list", "--json").out)) == 3
    assert "Notice 1" in desk.run("show", found[1]["url"]).out
    assert desk.run("db", "check").code == 0
    shown = desk.run("show", "2", "--json").out
    assert json.loads(shown)[0]["url"] == found[1]["url"]
    for name in ("jsonl", "csv", "atom"):
        assert desk.run("export", "--format", name, f"out.{name}").code == 0
    rows = [json.loads(line) for line in (desk.folder / "out.jsonl").read_text().splitlines()]
    assert {row["url"] for row in rows} == {a["url"] for a in found}
    assert len(list(csv.DictReader(io.StringIO((desk.folder / "out.csv").read_text())))) == 3
    atom = (desk.folder / "out.atom").read_text()
    assert atom.count("<entry") == 3
    assert 'rel="alternate"' not in atom.partition("<entry")[2]
    site.requests.clear()
    assert desk.run("crawl").code == 0
    assert site.paths() == ["/feed.xml"]
    assert len(desk.rows("SELECT * FROM articles")) == 3


def test_an_edit_of_an_entry_without_a_link_is_a_revision(desk: Desk, site: Site) -> None:
    site.answers["/feed.xml"] = rss(*(note(n) for n in range(3)))
    desk.configure(source(site))
    desk.run("crawl")
    site.answers["/feed.xml"] = rss(
        note(3), note(0), note(1, "The keeper of lamp 1 reported that the pier was flooded."), note(2)
    )
    assert desk.run("crawl").code == 0
    assert [(a["title"], a["revision"]) for a in desk.rows("SELECT * FROM articles ORDER BY id")] == [
        ("Notice 0", 1), ("Notice 1", 2), ("Notice 2", 1), ("Notice 3", 1),
    ]  # fmt: skip
    edits = json.loads(desk.run("edits", "--json").out)
    assert [(e["title"], e["words_added"] > 0) for e in edits] == [("Notice 1", True)]
    assert set(site.paths()) == {"/feed.xml"}
    assert desk.rows("SELECT text FROM articles WHERE id = 2")[0]["text"].endswith("flooded.")


def test_two_feeds_with_the_same_guids_are_two_sets_of_articles(desk: Desk, site: Site) -> None:
    site.answers["/feed.xml"] = rss(note(1, "Of the first feed."))
    site.answers["/other.xml"] = rss(note(1, "Of the second feed."))
    desk.configure(source(site, feeds=("/feed.xml", "/other.xml")))
    desk.run("crawl")
    assert {a["text"] for a in desk.rows("SELECT * FROM articles")} == {"Of the first feed.", "Of the second feed."}


def test_a_pruned_article_of_a_feed_stays_pruned(desk: Desk, site: Site) -> None:
    site.answers["/feed.xml"] = rss(note(1))
    desk.configure(source(site))
    desk.run("crawl")
    assert desk.run("db", "prune", "--articles-before", "2100-01-01").code == 0
    site.answers["/feed.xml"] = rss(note(1, "An edited notice about lamp 1."), note(2))
    desk.run("crawl")
    assert [a["title"] for a in desk.rows("SELECT * FROM articles")] == ["Notice 2"]
    assert entries(desk)[0]["reason"] == "pruned"


def test_ids_and_placeholders_are_never_requested(desk: Desk, site: Site) -> None:
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title>'
        + "".join(
            f"<entry><id>notice-{n}</id><title>Notice {n}</title><updated>2026-11-20T10:0{n}:00Z</updated>"
            f'<content type="html">&lt;p&gt;Text {n}&lt;/p&gt;</content></entry>'
            for n in range(3)
        )
        + "</feed>"
    )
    site.answers["/feed.xml"] = Answer(atom.encode(), kind="application/atom+xml")
    site.answers["/other.xml"] = rss(
        *(
            (f"Table {n}", f"<link>N/A</link><guid isPermaLink='false'>N/A</guid><description>Tide {n}</description>")
            for n in range(3)
        )
    )
    desk.configure(source(site, feeds=("/feed.xml", "/other.xml")))
    assert desk.run("crawl").code == 0
    assert set(site.paths()) == {"/feed.xml", "/other.xml"}
    assert {a["text"] for a in desk.rows("SELECT * FROM articles")} == {
        f"{w} {n}" for w in ("Text", "Tide") for n in range(3)
    }


def test_an_entry_that_gets_a_link_later_is_one_article(desk: Desk, site: Site) -> None:
    text = " ".join(story(3))
    site.answers["/feed.xml"] = rss(note(1, text), note(2))
    desk.configure(source(site))
    desk.run("crawl")
    site.page("/2026/notice-number-one-2026", "Notice 1", story(3))
    title, rest = note(1, text)
    site.answers["/feed.xml"] = rss((title, f"{rest}<link>/2026/notice-number-one-2026</link>"), note(2))
    assert desk.run("crawl").code == 0
    found = desk.rows("SELECT * FROM articles ORDER BY id")
    assert [(a["title"], a["completeness"]) for a in found] == [("Notice 1", "full"), ("Notice 2", "feed")]
    assert found[0]["url"].endswith("/2026/notice-number-one-2026")
    site.requests.clear()
    site.answers["/feed.xml"] = rss(note(1, f"{text} More."), note(2), note(3))
    assert desk.run("crawl").code == 0
    assert [a["title"] for a in desk.rows("SELECT * FROM articles ORDER BY id")] == ["Notice 1", "Notice 2", "Notice 3"]
    assert site.paths().count("/2026/notice-number-one-2026") == 1  # its page is asked whether it changed, too


def test_without_a_guid_an_edit_is_known_by_title_and_date(desk: Desk, site: Site) -> None:
    def item(number: int, text: str) -> Item:
        return (
            f"Notice {number}",
            f"<description>{text}</description><pubDate>Fri, 20 Nov 2026 1{number}:00:00 GMT</pubDate>",
        )

    site.answers["/feed.xml"] = rss(*(item(n, f"The lamp number {n} is lit.") for n in range(3)))
    desk.configure(source(site))
    desk.run("crawl")
    site.answers["/feed.xml"] = rss(
        item(3, "A new one."), *(item(n, f"The lamp number {n} is {'out' if n == 1 else 'lit'}.") for n in range(3))
    )
    desk.run("crawl")
    assert [(a["title"], a["revision"], a["text"]) for a in desk.rows("SELECT * FROM articles ORDER BY id")] == [
        ("Notice 0", 1, "The lamp number 0 is lit."),
        ("Notice 1", 2, "The lamp number 1 is out."),
        ("Notice 2", 1, "The lamp number 2 is lit."),
        ("Notice 3", 1, "A new one."),
    ]


def test_an_article_of_a_feed_is_shown_without_a_link(desk: Desk, site: Site) -> None:
    site.answers["/feed.xml"] = rss(*(note(n) for n in range(6)))
    desk.configure(source(site))
    desk.run("crawl")
    address = desk.rows("SELECT url FROM articles WHERE id = 1")[0]["url"]
    shown = desk.run("show", "1").out
    assert "which gives no address" in shown
    assert f"<{address}>" not in desk.run("show", address, "--markdown").out
    assert "no full text" not in desk.run("status").out
    done = desk.run("fetch", address)
    assert done.code not in {0, 1}
    assert len(done.err.strip().splitlines()) <= 2
    assert desk.run("reprocess").code == 0
    assert "the texts of 6 entries are in the feed" in desk.run("sources", "test", "post").out
    assert set(site.paths()) == {"/feed.xml"}
