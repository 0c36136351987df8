"""Live pages: posts in order of time, updates that are no edits, edits and removals, and when they are requested again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crawler.articles.live import compare_posts
from crawler.extraction.extractor import extract
from storage.posts import Post, StoredPost
from tests.conftest import Desk, source
from tests.site import Answer, Site

PATH = "/live/2026/11/27/the-harbour"
BEGAN = datetime(2026, 11, 27, 8, tzinfo=UTC)
INTRO = "We follow the opening of the harbour all day with our reporters on the spot, in the town and on the water."


@dataclass(frozen=True)
class Update:
    number: int
    words: str = "said that the harbour and the bridge would open for the season"

    @property
    def at(self) -> datetime:
        return BEGAN + timedelta(minutes=7 * self.number)

    @property
    def title(self) -> str:
        return f"Report number {self.number} of the day"

    @property
    def text(self) -> str:
        return f"In report {self.number} the minister {self.words}, and {self.number * 31} guests came."


def markup(updates: Sequence[Update], *, ids: bool = True, newest_first: bool = True) -> bytes:
    shown = sorted(updates, key=lambda update: update.at, reverse=newest_first)
    items = "".join(
        f'<section class="entry"{f" id=post-{u.number}" if ids else ""}><p><time datetime="{u.at.isoformat()}">{u.at:%H:%M}</time></p>'
        f"<h3>{u.title}</h3><p>{u.text}</p><div class='share-bar'>Share</div></section>"
        for u in shown
    )
    return page(f'<div class="entries">{items}</div>')


def page(inside: str, head: str = "") -> bytes:
    return (
        f"<!doctype html><html lang='en'><head><title>Live: the harbour opens</title>{head}"
        f"<meta property='article:published_time' content='{BEGAN.isoformat()}'></head><body><nav><a href='/'>Home</a></nav>"
        f"<main><h1>Live: the harbour opens</h1><p>{INTRO}</p>{inside}</main><footer>All rights reserved</footer></body></html>"
    ).encode()


def data(updates: Sequence[Update]) -> bytes:
    listed = [
        {"@type": "BlogPosting", "@id": f"https://a.example{PATH}#post-{u.number}", "headline": u.title,
         "datePublished": u.at.isoformat(), "articleBody": u.text} for u in reversed(updates)
    ]  # fmt: skip
    posting = {
        "@context": "https://schema.org",
        "@type": "LiveBlogPosting",
        "headline": "Live: the harbour opens",
        "liveBlogUpdate": listed,
    }
    visible = "".join(f"<div><h3>{u.title}</h3><p>{u.text}</p></div>" for u in reversed(updates))
    return page(visible, f'<script type="application/ld+json">{json.dumps(posting)}</script>')


FORMS = [markup, data]


@pytest.mark.parametrize("form", FORMS)
def test_posts_are_read_in_order_of_time(form: Any) -> None:
    updates = [Update(n) for n in range(30)]
    found = extract(form(updates), f"https://a.example{PATH}", now=BEGAN + timedelta(days=1))
    assert found is not None
    assert (found.kind, found.problem, found.intro) == ("live", None, INTRO)
    assert [(p.key, p.at, p.title, p.text) for p in found.posts] == [
        (f"post-{u.number}", u.at.strftime("%Y-%m-%dT%H:%M:%SZ"), u.title, u.text) for u in updates
    ]
    assert all(u.text in found.text for u in updates)


def test_times_that_are_no_posts_make_no_live_page() -> None:
    cards = "".join(
        f'<li><time datetime="{Update(n).at.isoformat()}">8:00</time><a href="/x{n}">Short card {n}</a></li>'
        for n in range(9)
    )
    body = page(
        "".join(f"<p>{Update(n).text} It was a long day in the town.</p>" for n in range(20)) + f"<ul>{cards}</ul>"
    )
    found = extract(body, "https://a.example/live/x", now=BEGAN + timedelta(days=1))
    assert found is not None
    assert found.posts == ()
    assert "Short card" not in found.text


def rows(desk: Desk, *arguments: str) -> list[dict[str, Any]]:
    found = json.loads(desk.run(*arguments, "--json").out)
    return found if isinstance(found, list) else [found]


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
    edits = rows(desk, "edits")
    assert [(e["words_added"] > 0, e["words_removed"] > 0) for e in edits] == [(False, True), (True, True)]
    live = rows(desk, "edits", "--live")
    assert len(live) == 5
    assert all(e["words_removed"] == 0 and e["words_added"] > 50 for e in live)
    versions = rows(desk, "show", "1", "--revisions")
    assert versions[0]["text"].count(" UTC · ") == 5
    assert [v["text"].count(" UTC · ") for v in versions] == [5, 10, 15, 15, 20, 25, 24, 29]
    assert versions[-1]["text"] == article["text"]
    assert desk.rows("SELECT count(*) AS n FROM revisions WHERE text IS NOT NULL") == [{"n": 0}]
    assert "closed" in desk.run("show", "1", "--diff", "--revision", "4").out
    assert rows(desk, "search", "closed")[0]["id"] == 1
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


def post(n: int, text: str = "x", *, key: str | None = None) -> Post:
    return Post(key=key or f"p{n}", at=f"2026-11-27T{n:02d}:00:00Z", title=f"T{n}", text=text)


def stored(*posts: Post, missing: int = 0) -> list[StoredPost]:
    return [StoredPost(post=each, missing=missing) for each in posts]


@pytest.mark.parametrize(
    ("before", "shown", "added", "changed", "removed", "missing"),
    [
        (stored(post(1), post(2)), [post(1), post(2), post(3)], ["p3"], [], [], {}),
        (stored(post(1), post(2), post(3)), [post(2), post(3)], [], [], [], {}),  # older than the oldest one shown
        (stored(post(1), post(2), post(3)), [post(1), post(3)], [], [], [], {"p2": 1}),
        (stored(post(1), post(2), post(3), missing=1), [post(1), post(3)], [], [], ["p2"], {"p1": 0, "p3": 0}),
        (stored(post(1), post(2), missing=1), [post(1), post(2)], [], [], [], {"p1": 0, "p2": 0}),
        (stored(post(1), post(2), missing=1), [post(1)], [], [], [], {"p1": 0}),  # newer than the newest one shown
        (stored(post(1), post(2)), [post(1), post(2, "y")], [], ["p2"], [], {}),
        (stored(post(1), post(2)), [post(1), post(2, "y", key="q")], [], ["p2"], [], {}),  # a key of its headline
        (stored(post(1), post(2)), [post(1), post(2), post(2, "z", key="q")], ["q"], [], [], {}),
        (stored(post(1)), [], [], [], [], {}),
        # an old post above the last ones: what is between is only older than these
        (stored(*(post(n) for n in range(12))), [post(1), post(10), post(11)], [], [], [], {}),
        (stored(*(post(n) for n in range(12)), missing=1), [post(7), post(8), post(10), post(11)], [], [], ["p9"], {"p7": 0, "p8": 0, "p10": 0, "p11": 0}),
    ],
)  # fmt: skip
def test_posts_compared(
    before: list[StoredPost],
    shown: list[Post],
    added: list[str],
    changed: list[str],
    removed: list[str],
    missing: dict[str, int],
) -> None:
    changes, posts = compare_posts(before, shown)
    assert [p.key for p in changes.added] == added
    assert [p.key for p in changes.changed] == changed
    assert list(changes.removed) == removed
    assert dict(changes.missing) == missing
    assert [p.at for p in posts] == sorted(p.at or "" for p in posts)


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


def test_paths_of_a_document_that_lead_nowhere_give_no_posts() -> None:
    for bad in (b"", b"not json", b"{}", b"[1, null, []]", b'[{"id": {}}]', b"[" * 5000):
        found = extract(
            page("<p>" + "Words of the intro. " * 30 + "</p>"), "https://a.example/live/x", now=BEGAN, posts=bad
        )
        assert found is not None
        assert found.posts == ()


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


def test_ids_of_posts_that_no_store_takes() -> None:
    updates = [
        {"@type": "BlogPosting", "@id": key, "headline": f"Post {n}", "datePublished": f"2026-11-27T0{n}:00:00Z", "articleBody": "Words. " * 20}
        for n, key in enumerate(["http://[", "https://a.example/x#\ud800", "https://a.example/x#a\x00b", "https://a.example/x#" + "k" * 9000, "", None])
    ]  # fmt: skip
    posting = {"@type": "LiveBlogPosting", "headline": "Live", "liveBlogUpdate": updates}
    body = page("<p>Words of the page. </p>" * 30, f'<script type="application/ld+json">{json.dumps(posting)}</script>')
    found = extract(body, "https://a.example/live/x", now=BEGAN + timedelta(days=1))
    assert found is not None
    assert len(found.posts) == 6
    for each in found.posts:
        each.key.encode("utf-8")
        assert "\x00" not in each.key
        assert 0 < len(each.key) <= 100


def test_an_article_has_room_for_so_many_posts() -> None:
    many = [
        Post(
            key=str(n),
            at=f"2026-11-27T{n // 3600 % 24:02d}:{n // 60 % 60:02d}:{n % 60:02d}Z",
            title=None,
            text="x" * 2000,
        )
        for n in range(6000)
    ]
    changes, posts = compare_posts([], many)
    assert len(changes.added) == len(posts) == 2500


def test_a_pinned_post_removes_nothing_when_the_last_posts_leave_it_behind() -> None:
    pinned, known = Update(0), [Update(n) for n in range(12)]
    held: list[StoredPost] = []
    for newest in range(12, 40):
        known.append(Update(newest))
        shown = [pinned, *reversed(known[-10:])]  # the pinned one above the last ten
        items = "".join(
            f"<section class='entry' id='post-{u.number}'><time datetime='{u.at.isoformat()}'>x</time><h3>{u.title}</h3><p>{u.text}</p></section>"
            for u in shown
        )
        found = extract(
            page(f"<div class='entries'>{items}</div>"), f"https://a.example{PATH}", now=BEGAN + timedelta(days=1)
        )
        assert found is not None
        assert [p.key for p in found.posts if p.pinned] == ["post-0"]
        changes, posts = compare_posts(held, found.posts)
        assert (changes.removed, dict(changes.missing)) == ((), {})
        held = stored(*posts)
