"""Captures of one address in any order: the same versions, diffs and current text; what is stored is never replaced."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.articles.earlier_captures import with_capture
from storage.article import Article, Version
from storage.sql.changes import change_events
from storage.store import open_store
from storage.utc import format_utc, parse_utc
from tests import torture
from tests.archives.warcs import page, record, written
from tests.conftest import NOW, Desk
from tests.site import Answer, Site

A = "https://a.example/2026/11/20/the-harbour-opens"
DAYS = {"a": 19, "b": 20, "c": 21}


def text_of(name: str) -> bytes:
    return page("The Harbour Opens", 1, f"The news of day {DAYS[name]}.")


def captured(desk: Desk, address: str = A) -> None:
    for name, day in DAYS.items():
        written(
            desk.folder / f"{name}.warc.gz",
            [record(address, text_of(name), f"2026-11-{day}T12:00:00Z"), record(f"{address}-{name}", page(name, day))],
        )


def printed(desk: Desk, *arguments: str) -> list[dict[str, Any]]:
    found = json.loads(desk.run(*arguments, "--json").out)
    return found if isinstance(found, list) else [found]


def history(desk: Desk, address: str = A) -> tuple[list[str], list[Any], str]:
    """The versions' last words and times, the edits, and what `show` prints."""
    rows = printed(desk, "show", address, "--revisions")
    found = printed(desk, "edits", "--since", "2026-11-01")
    edits = [(e["seen_at"], e["before_at"], e["words_added"], e["words_removed"], e["silent"]) for e in found]
    return [f"{r['seen_at'][8:10]} {r['text'][-7:]}" for r in rows], edits, printed(desk, "show", address)[0]["text"]


ORDERS = sorted(itertools.permutations("abc"))


@pytest.mark.parametrize("order", ORDERS[:: torture.times(2, 1)])
def test_files_in_any_order_and_in_commands_of_their_own_give_the_same_versions(
    desk: Desk, order: Sequence[str]
) -> None:
    desk.configure()
    captured(desk)
    for name in order:
        done = desk.run("import", f"{name}.warc.gz")
        assert done.code == 0, done.err
    versions, edits, _ = history(desk)
    assert versions == ["19 day 19.", "20 day 20.", "21 day 21."]
    assert edits == [
        ("2026-11-21T12:00:00Z", "2026-11-20T12:00:00Z", 1, 1, 1),
        ("2026-11-20T12:00:00Z", "2026-11-19T12:00:00Z", 1, 1, 1),
    ]
    numbers = {r["seen_at"][8:10]: r["number"] for r in desk.rows("SELECT * FROM revisions")}
    assert [numbers[str(DAYS[name])] for name in order] == [1, 2, 3]  # in the order of arrival
    if order[-1] != "c":  # what arrived first is the article, and stays it
        assert desk.rows("SELECT text FROM articles WHERE url = ?", A)[0]["text"].endswith(
            f"day {max(DAYS[name] for name in order)}."
        )
    for name, day in DAYS.items():
        raw = desk.run("show", A, "--raw", "--at", str(numbers[str(day)]))
        assert raw.out.encode() == text_of(name)
    diff = desk.run("show", A, "--diff")
    assert "[-20.-]" in diff.out, diff.out
    assert "{+21.+}" in diff.out
    assert desk.run("db", "check").code == 0
    for name in order:  # once more: nothing is stored twice
        assert "0 articles" in desk.run("import", f"{name}.warc.gz").err
    assert history(desk)[:2] == (versions, edits)


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "a", "b")])
def test_captures_from_before_a_crawl_become_versions_and_change_no_article(
    desk: Desk, site: Site, order: Sequence[str]
) -> None:
    desk.configure()
    address = f"{site.base}/2026/11/20/the-harbour-opens"
    captured(desk, address)
    site.answers["/2026/11/20/the-harbour-opens"] = Answer(text_of("c"))
    assert desk.run("fetch", address).code == 0
    before = desk.rows("SELECT * FROM articles WHERE url = ?", address)
    changes = desk.rows("SELECT max(seq) AS seq FROM changes")[0]["seq"]
    for name in order:
        assert desk.run("import", f"{name}.warc.gz").code == 0
    assert desk.rows("SELECT * FROM articles WHERE url = ?", address) == before
    versions, edits, text = history(desk, address)
    assert versions == ["19 day 19.", "20 day 20.", "21 day 21."]
    assert text.endswith("day 21.")
    assert len(edits) == 2
    assert [row["title"] for row in printed(desk, "list", "--changed")] == ["The Harbour Opens"]
    with open_store(desk.database) as store:
        assert {event.event for event in change_events(store.db, changes, 1000)} == {"new"}
        assert store.edits(sources=("nobody",)) == []
    site.answers["/2026/11/20/the-harbour-opens"] = Answer(page("The Harbour Opens", 1, "And one day more."))
    assert desk.run("fetch", address).code == 0
    (article,) = desk.rows("SELECT revision, text FROM articles WHERE url = ?", address)
    assert article["revision"] == 4
    assert history(desk, address)[0][-1].endswith("y more.")
    assert desk.run("db", "check").code == 0


def test_a_later_capture_of_a_crawled_article_is_an_edit_that_no_watch_reports(desk: Desk) -> None:
    desk.configure()
    captured(desk)
    desk.run("import", "a.warc.gz", "b.warc.gz")
    with open_store(desk.database) as store:
        found = [(event.event, event.suppressed_reason) for event in change_events(store.db, 0, 100)]
    assert ("edited", "of an archive") in found
    assert all(reason for _, reason in found)


def versions_of(captures: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """What an article's history is if its captures arrive in this order, as an import stores them."""
    known: list[Version] = []
    for day, text in captures:
        at = NOW + timedelta(days=day)
        article = Article(url=A, text=text, content_hash=text)
        newest = known[-1] if known else None
        if newest is None:
            known = [Version(number=1, article=article, seen_at=format_utc(at))]
        elif at < parse_utc(newest.last_same_at or newest.seen_at):
            known = list(with_capture(known, article, at))
        elif newest.article.content_hash == text:
            known[-1] = Version(number=0, article=article, seen_at=newest.seen_at, last_same_at=format_utc(at))
        else:
            known.append(Version(number=0, article=article, seen_at=format_utc(at)))
        known = [
            v if v.number else Version(number=n, article=v.article, seen_at=v.seen_at, last_same_at=v.last_same_at)
            for n, v in enumerate(known, 1000)
        ]
    assert [v.seen_at for v in known] == sorted(v.seen_at for v in known)
    return [((parse_utc(v.seen_at) - NOW).days, v.article.text or "") for v in known]


@given(st.data())
def test_every_order_of_arrival_gives_the_same_history(data: st.DataObject) -> None:
    runs = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    texts = [text for text, times in zip("ABCD", runs, strict=False) for _ in range(times)]
    if len(runs) == 3 and data.draw(st.booleans()):
        texts = ["A", "B", "A"]  # a text that came back
    captures = list(enumerate(texts))
    expected = [c for n, c in enumerate(captures) if n == 0 or captures[n - 1][1] != c[1]]
    arrived = versions_of(data.draw(st.permutations(captures)))
    assert [text for _, text in arrived] == [text for _, text in expected]
    ends = [next_one[0] for next_one in expected[1:]] + [len(texts)]
    for (seen, _), (first, _), end in zip(arrived, expected, ends, strict=True):
        assert first <= seen < end  # of a text that was seen several times, the first and last times are stored
    if len(expected) == len(captures):
        assert arrived == expected


def test_a_reprocessed_version_belongs_to_its_page() -> None:
    def article(text: str) -> Article:
        return Article(url=A, text=text, content_hash=text)

    def at(day: int) -> str:
        return format_utc(NOW + timedelta(days=day))

    read = Version(number=1, article=article("one"), seen_at=at(0))
    again = Version(number=2, article=article("One"), seen_at=at(9), last_same_at=at(5), cause="reprocess")
    stored = (read, again)
    assert with_capture(stored, article("One"), NOW + timedelta(days=3)) == stored
    divided = with_capture(stored, article("two"), NOW + timedelta(days=3))
    assert [(v.number, v.article.text, v.seen_at, v.cause) for v in divided] == [
        (1, "one", at(0), "publisher"), (0, "two", at(3), "publisher"), (2, "One", at(5), "publisher"),
    ]  # fmt: skip


def test_a_teaser_from_before_a_teaser_and_then_the_full_text(desk: Desk) -> None:
    desk.configure()
    full = page("The Harbour Opens", 1)
    wall = b"<div class='paywall'><p>Subscribe to read the full article. Already a subscriber? Sign in.</p></div></article>"
    data = b'<script type="application/ld+json">{"@type": "NewsArticle", "headline": "The Harbour Opens", "isAccessibleForFree": false}</script>'

    def teaser(n: int) -> bytes:
        words = f"<p>The harbour opened on Friday after {n} years, and the first ships came.</p>".encode()
        head, _, _ = full.partition(b"<p>")
        return head.replace(b"</head>", data + b"</head>") + words + wall + b"</body></html>"

    for name, body, day in (("b", teaser(4), 20), ("a", teaser(3), 19), ("c", full, 21)):
        written(desk.folder / f"{name}.warc", [record(A, body, f"2026-11-{day}T12:00:00Z")])
        assert desk.run("import", f"{name}.warc").code == 0
    (article,) = desk.rows("SELECT text, revision FROM articles")
    versions = printed(desk, "show", A, "--revisions")
    assert article["text"] == (versions[-1]["text"] if versions else article["text"])
    assert desk.run("db", "check").code == 0


def test_an_article_with_imported_versions_is_not_merged_away(desk: Desk) -> None:
    desk.configure()
    other = "https://a.example/2026/11/20/the-harbour-opens-again"
    for name, url, body, day in (
        ("1", A, text_of("c"), 21), ("2", other, page("Another", 2), 21), ("3", other, page("Another", 2, "Before."), 19),
        ("4", other, text_of("c").replace(b"<head>", f"<head><link rel='canonical' href='{A}'>".encode()), 22),
    ):  # fmt: skip
        written(desk.folder / f"{name}.warc", [record(url, body, f"2026-11-{day}T12:00:00Z")])
        assert desk.run("import", f"{name}.warc").code == 0
    assert desk.run("db", "check").code == 0
