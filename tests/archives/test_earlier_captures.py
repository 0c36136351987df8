"""Captures of one address in any order: the same versions, diffs and current text; what is stored is never replaced."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from storage.sql.changes import change_events
from storage.store import open_store
from tests import torture
from tests.archives.warcs import page, record, written
from tests.conftest import Desk
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


def history(desk: Desk, address: str = A) -> tuple[list[str], list[Any], str]:
    """The versions' last words and times, the edits, and what `show` prints."""
    rows = desk.printed("show", address, "--revisions")
    found = desk.printed("edits", "--since", "2026-11-01")
    edits = [(e["seen_at"], e["before_at"], e["words_added"], e["words_removed"], e["silent"]) for e in found]
    return [f"{r['seen_at'][8:10]} {r['text'][-7:]}" for r in rows], edits, desk.printed("show", address)[0]["text"]


ORDERS = sorted(itertools.permutations("abc"))


@pytest.mark.parametrize("order", ORDERS[:: torture.times(4, 1)])
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


@pytest.mark.parametrize("order", [("c", "a", "b"), ("a", "b", "c")][: torture.times(1, 2)])
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
    assert [row["title"] for row in desk.printed("list", "--changed")] == ["The Harbour Opens"]
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
    versions = desk.printed("show", A, "--revisions")
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
