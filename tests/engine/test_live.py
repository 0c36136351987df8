"""Live pages: posts in order of time, updates that are no edits, edits and removals, and when they are requested again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.articles.test_live_posts import BEGAN, FORMS, INTRO, PATH, Update, markup, page
from tests.conftest import Desk, source
from tests.site import Answer, Site


@pytest.mark.parametrize("form", FORMS)
def test_a_growing_page_is_updated_and_an_edit_and_a_removal_are_two_edits(desk: Desk, site: Site, form: Any) -> None:
    desk.configure()
    updates = [Update(n) for n in range(30)]

    def fetch(shown: Sequence[Update]) -> None:
        site.answers[PATH] = Answer(form(shown))
        done = desk.run("fetch", site.base + PATH)
        assert done.code == 0, done.err

    fetch(updates[:5])
    fetch(updates[:10])
    updates[3] = replace(updates[3], words="said that the harbour and the bridge would stay closed for the season")
    fetch(updates[:15])  # five posts more, and an edit
    without = [u for u in updates if u.number != 7]
    fetch([u for u in without if u.number < 20])  # missing once: it may come back
    assert desk.rows("SELECT missing FROM posts WHERE key = 'post-7'") == [{"missing": 1}]
    fetch([u for u in without if u.number < 25])  # twice: removed
    fetch([u for u in without if u.number >= 12])  # the last ones only
    (article,) = desk.rows("SELECT * FROM articles")
    assert article["kind"] == "live"
    assert article["text"].startswith(
        f"{INTRO}\n\n2026-11-27 08:00 UTC · Report number 0 of the day\n\n{updates[0].text}\n\n"
    )
    titles = [line for line in article["text"].split("\n\n") if line.startswith("2026-")]
    assert titles == [f"{u.at:%Y-%m-%d %H:%M} UTC · {u.title}" for u in without]
    assert updates[3].text in article["text"]
    causes = [row["cause"] for row in desk.rows("SELECT cause FROM revisions ORDER BY number")]
    assert causes == ["publisher", "live", "live", "publisher", "live", "live", "publisher", "live"]
    edits = desk.printed("edits")
    assert [(e["words_added"] > 0, e["words_removed"] > 0) for e in edits] == [(False, True), (True, True)]
    live = desk.printed("edits", "--live")
    assert len(live) == 5
    assert all(e["words_removed"] == 0 and e["words_added"] > 50 for e in live)
    versions = desk.printed("show", "1", "--revisions")
    assert versions[0]["text"].count(" UTC · ") == 5
    assert [v["text"].count(" UTC · ") for v in versions] == [5, 10, 15, 15, 20, 25, 24, 29]
    assert versions[-1]["text"] == article["text"]
    assert desk.rows("SELECT count(*) AS n FROM revisions WHERE text IS NOT NULL") == [{"n": 0}]
    assert "closed" in desk.run("show", "1", "--diff", "--revision", "4").out
    assert desk.printed("search", "closed")[0]["id"] == 1
    assert desk.run("db", "check").code == 0


def test_a_live_page_is_requested_every_ten_minutes_while_it_is_updated(desk: Desk, site: Site) -> None:
    site.rss("/feed.xml", [{"title": "Live: the harbour opens", "link": PATH, "date": "Fri, 27 Nov 2026 08:00:00 GMT"}])
    now = datetime.now(UTC)
    fresh = [Update(round((now - BEGAN).total_seconds() / 420) - n) for n in range(4)]
    site.answers[PATH] = Answer(markup(fresh))
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    (article,) = desk.rows("SELECT first_seen_at, recheck_at FROM articles")
    first, due = (datetime.fromisoformat(article[name]) for name in ("first_seen_at", "recheck_at"))
    assert timedelta(minutes=9) < due - first < timedelta(minutes=12)
    stale = [Update(round((now - BEGAN).total_seconds() / 420) - 60 - n) for n in range(4)]  # seven hours ago
    site.answers[PATH.replace("harbour", "bridge")] = Answer(markup(stale).replace(b"harbour", b"bridge"))
    site.rss(
        "/feed.xml",
        [
            {
                "title": "Live: the bridge opens",
                "link": PATH.replace("harbour", "bridge"),
                "date": "Fri, 27 Nov 2026 08:00:00 GMT",
            }
        ],
    )
    assert desk.run("crawl").code == 0
    (other,) = desk.rows("SELECT first_seen_at, recheck_at FROM articles WHERE id = 2")
    first, due = (datetime.fromisoformat(other[name]) for name in ("first_seen_at", "recheck_at"))
    assert due - first > timedelta(minutes=13)


RULES = """
[source.article]
id = '/live/.*-(\\d+)$'
posts = "/live/{id}/0"
post_time = "published"
post_title = "headline"
post_text = "body.html"
"""


def document(updates: Sequence[Update]) -> bytes:
    return json.dumps(
        [
            {
                "id": u.number,
                "published": int(u.at.timestamp()),
                "headline": u.title,
                "body": {"html": f"<p>{u.text}</p>"},
            }
            for u in updates
        ]
    ).encode()


def test_posts_at_an_address_of_their_own_are_requested_with_the_page(desk: Desk, site: Site) -> None:
    path = "/live/the-harbour-123"
    site.answers[path] = Answer(page("<div class='live-intro'></div>"))
    site.answers["/live/123/0"] = Answer(document([Update(n) for n in range(4)]), kind="application/json")
    desk.configure(source(site, more=RULES))
    assert desk.run("fetch", site.base + path).code == 0
    (article,) = desk.rows("SELECT * FROM articles")
    assert (article["kind"], article["completeness"]) == ("live", "full")
    assert [p["key"] for p in desk.rows("SELECT key FROM posts ORDER BY at")] == ["", "0", "1", "2", "3"]
    assert Update(3).text in article["text"]
    site.answers["/live/123/0"] = Answer(document([Update(n) for n in range(6)]), kind="application/json")
    assert desk.run("fetch", site.base + path).code == 0
    (article,) = desk.rows("SELECT * FROM articles")
    assert Update(5).text in article["text"]
    site.answers["/live/123/0"] = Answer(b"", status=500)  # the page alone would seem to have lost its posts
    desk.run("fetch", site.base + path)
    assert desk.rows("SELECT * FROM articles")[0]["text"] == article["text"]
    assert [row["cause"] for row in desk.rows("SELECT cause FROM revisions ORDER BY number")] == ["publisher", "live"]
    assert site.paths().count("/live/123/0") == 3


def test_posts_of_one_minute_keep_the_order_of_the_page(desk: Desk, site: Site) -> None:
    desk.configure()
    minute = "".join(
        f"<section id='post-{key}'><time datetime='2026-11-27T09:00:00Z'>9:00</time><h3>Post {key}</h3><p>The words of post {key} are these and no others.</p></section>"
        for key in "zyab"
    )
    site.answers[PATH] = Answer(page(f"<div>{minute}</div>"))
    for _ in range(3):
        assert desk.run("fetch", site.base + PATH).code == 0
    (row,) = desk.rows("SELECT text, revision FROM articles")
    assert row["revision"] == 1
    places = [row["text"].index(f"Post {key}") for key in "zyab"]
    assert places == sorted(places)
