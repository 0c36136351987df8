"""Captures placed among the versions of an article, in any order of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.articles.earlier_captures import article_seen_later, capture_of, with_capture
from crawler.articles.page_response import PageResponse
from crawler.articles.visit import PageVisit, StoredMatches
from crawler.extraction.extraction import Extraction
from crawler.urls import url_key
from storage.article import Article, Version
from storage.records import Entry
from storage.utc import format_utc, parse_utc
from tests.conftest import NOW

A = "https://a.example/2026/11/20/the-harbour-opens"


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


def visited(at: datetime, **fields: Any) -> PageVisit:
    entry = Entry(id=0, feed_url="", source=None, url=A, url_key=url_key(A), found_by="archive")
    page = PageResponse(entry=entry, requested_url=A, url=A, at=at, answered_at=at, status=200)
    article = Article(url=A, title="T", text="Words.", content_hash="h", **fields)
    return PageVisit(page=page, extraction=Extraction(url=A), article=article)


def kept(**fields: Any) -> StoredMatches:
    article = Article(
        id=1, url=A, page_url=A, title="T", text="Other words.", content_hash="o", fetched_at=format_utc(NOW), **fields
    )
    return StoredMatches(by_key={url_key(A): (1, "final")}, articles={1: article})


def test_only_what_was_captured_before_is_placed_before() -> None:
    earlier, later = NOW - timedelta(days=1), NOW + timedelta(days=1)
    assert article_seen_later(visited(later), kept()) is None
    assert article_seen_later(visited(NOW), kept()) is None
    assert article_seen_later(visited(earlier), StoredMatches()) is None
    known = article_seen_later(visited(earlier), kept())
    assert known is not None
    assert article_seen_later(visited(earlier), kept(completeness="teaser")) is None  # it completes the article


@pytest.mark.parametrize(
    ("capture", "stored", "said"),
    [
        ({"completeness": "teaser"}, {}, "less than what is stored"),
        ({}, {"kind": "live"}, "live page of which later posts are stored"),
    ],
)
def test_what_is_no_version(capture: dict[str, str], stored: dict[str, str], said: str) -> None:
    matches = kept(**stored)
    assert capture_of(visited(NOW - timedelta(days=1), **capture), matches.articles[1], matches) == said


def test_what_is_a_version_is_the_article_of_the_page() -> None:
    matches = kept()
    found = capture_of(visited(NOW - timedelta(days=1)), matches.articles[1], matches)
    assert isinstance(found, Article)
    assert found.text == "Words."
