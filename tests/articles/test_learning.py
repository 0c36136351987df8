"""What repeats, counted over a source's last pages: by stories, in any order, by any number of writers."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from crawler.articles.learning import (
    WINDOW,
    count_blocks,
    ever_repeated_blocks,
    repeated_blocks,
    version_of,
    without_kept,
)

pages = st.lists(st.tuples(st.integers(1, 12), st.lists(st.integers(1, 30), max_size=12)), max_size=WINDOW)


def test_three_stories_and_a_fifth_of_the_pages() -> None:
    assert repeated_blocks([(1, [7]), (2, [7])]) == frozenset()
    assert repeated_blocks([(1, [7]), (2, [7]), (3, [7])]) == {7}
    assert repeated_blocks([(1, [7]), (2, [7]), (2, [7])]) == frozenset()  # versions of one story
    many = [(story, [story]) for story in range(100, 100 + WINDOW - 6)]
    assert repeated_blocks([*many, *((story, [7]) for story in range(6))]) == {7}
    assert repeated_blocks([*many, (99, []), *((story, [7]) for story in range(5))]) == frozenset()


@given(pages, st.randoms())
def test_the_order_of_pages_and_paragraphs_makes_no_difference(
    seen: list[tuple[int, list[int]]], rng: random.Random
) -> None:
    shuffled = [(story, rng.sample(blocks, len(blocks))) for story, blocks in seen]
    rng.shuffle(shuffled)
    assert repeated_blocks(shuffled) == repeated_blocks(seen)
    assert version_of(repeated_blocks(shuffled)) == version_of(repeated_blocks(seen))


@given(pages)
def test_what_repeats_is_counted_so(seen: list[tuple[int, list[int]]]) -> None:
    counted = count_blocks(seen)
    for block in repeated_blocks(seen):
        having = [story for story, blocks in seen if block in blocks]
        assert counted[block] == (len(having), len(set(having)))
        assert len(set(having)) >= 3
        assert len(having) >= len(seen) / 5


def test_all_pages_of_a_source_have_what_any_thirty_have() -> None:
    old = [(story, [1, story + 1000]) for story in range(60)]
    new = [(story, [2, story + 1000]) for story in range(60, 120)]
    assert ever_repeated_blocks([*old, *new]) == {1, 2}
    assert ever_repeated_blocks([]) == frozenset()
    rare = [(story, [3] if story % 40 == 0 else [story + 1000]) for story in range(400)]
    assert ever_repeated_blocks(rare) == frozenset()


def test_a_version_names_its_set() -> None:
    assert version_of(()) is None
    assert version_of({1, 2}) == version_of([2, 1])
    assert version_of({1, 2}) != version_of({1, 3})
    assert 0 <= (version_of({1, 2**62}) or 0) < 2**63


def test_the_configuration_exempts_by_the_first_words() -> None:
    texts = {1: "Join the readers today", 2: "Sign up for the letter"}
    assert without_kept(frozenset({1, 2, 3}), texts, ["Join  the"]) == {2, 3}
    assert without_kept(frozenset({1, 2}), texts, []) == {1, 2}
