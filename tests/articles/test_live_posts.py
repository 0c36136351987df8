"""The posts of live pages: read in order of time, and compared with the stored ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crawler.articles.live import compare_posts
from crawler.extraction.extractor import extract
from storage.posts import Post, StoredPost

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


def test_paths_of_a_document_that_lead_nowhere_give_no_posts() -> None:
    for bad in (b"", b"not json", b"{}", b"[1, null, []]", b'[{"id": {}}]', b"[" * 5000):
        found = extract(
            page("<p>" + "Words of the intro. " * 30 + "</p>"), "https://a.example/live/x", now=BEGAN, posts=bad
        )
        assert found is not None
        assert found.posts == ()


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


@pytest.mark.integration  # takes long
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
    before: list[StoredPost] = []
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
        changes, posts = compare_posts(before, found.posts)
        assert (changes.removed, dict(changes.missing)) == ((), {})
        before = stored(*posts)
