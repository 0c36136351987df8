"""What is learned of a source is stored in bounds, in any order, by any number of writers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.learned import LearnedBlocks
from storage.sql import learned
from storage.writer import Writer, open_writer

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Writer]:
    with open_writer(tmp_path / "x.db") as opened:
        yield opened


def add_article(store: Writer, number: int) -> None:
    store.db.conn.execute(
        "INSERT INTO articles (id, uid, url, story_id, authors, first_seen_at) VALUES (?, ?, ?, ?, '[]', '2026-11-20T00:00:00Z')",
        (number, f"u{number}", f"https://a.org/{number}", number),
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_order_and_the_number_of_writers_make_no_difference(store: Writer, seed: int) -> None:
    numbers = list(range(1, 101))
    random.Random(seed).shuffle(numbers)
    blocks = LearnedBlocks(store)
    with store.transaction():
        for number in range(1, 101):
            add_article(store, number)
        for number in [*numbers, *numbers[:10]]:
            blocks.add_page("a.org", number, [number, 7, 7])
    pages = blocks.pages("a.org")
    assert [page.article_id for page in pages] == list(range(100, 100 - learned.PAGES, -1))
    assert all(page.blocks == (page.article_id, 7) for page in pages if page.article_id != 7)


def test_a_version_in_use_stays_and_what_was_left_out_once_is_remembered(store: Writer) -> None:
    blocks = LearnedBlocks(store)
    with store.transaction():
        add_article(store, 1)
        blocks.add_page("a.org", 1, [5])
        blocks.add_texts("a.org", {5: "Join us", 6: "Sign up"})
        for number in range(3 * learned.VERSIONS):
            at = NOW + timedelta(minutes=number)
            blocks.add_version("a.org", 10, {1, 2}, at)
            blocks.add_version("a.org", 1000 + number, {100 + number}, at)
    assert blocks.version("a.org", 10) == frozenset({1, 2})
    assert blocks.version("a.org", 1000) is None
    assert len(learned.versions(store.db, "a.org")) == learned.VERSIONS
    assert {1, 2, 100, 100 + 3 * learned.VERSIONS - 1} <= blocks.ever("a.org")
    assert blocks.texts("a.org") == {5: "Join us"}  # on a page that is remembered


def test_a_source_is_renamed_with_what_it_learned(store: Writer) -> None:
    blocks = LearnedBlocks(store)
    with store.transaction():
        add_article(store, 1)
        blocks.add_page("old", 1, [5])
        blocks.add_texts("old", {5: "Join us"})
        blocks.add_version("old", 3, {5}, NOW)
    store.rename_source("old", "new", NOW)
    assert (blocks.pages("old"), blocks.ever("old"), blocks.texts("old")) == ([], frozenset(), {})
    assert blocks.pages("new")[0].blocks == (5,)
    assert blocks.ever("new") == blocks.version("new", 3) == frozenset({5})


def test_a_damaged_cell_is_read_as_empty(store: Writer) -> None:
    blocks = LearnedBlocks(store)
    with store.transaction():
        add_article(store, 1)
        blocks.add_page("a.org", 1, [5])
        store.db.conn.execute("UPDATE learned_pages SET blocks = 'x'")
    assert blocks.pages("a.org")[0].blocks == ()
