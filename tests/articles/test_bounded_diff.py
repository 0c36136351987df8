"""Comparing is bounded: what is dear is told more coarsely, and never wrong."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.articles.bounded_diff import STEPS, Budget, count_changed_words, diff_opcodes
from crawler.outputs.diff import changed

WORDS = st.lists(st.sampled_from(["the", "minister", "said", "no", "yes", "harbour"]), max_size=40)


def version(text: str) -> dict[str, Any]:
    return {"title": "T", "subtitle": None, "text": text}


@given(WORDS, WORDS)
def test_what_is_kept_and_added_makes_the_new_text(old: list[str], new: list[str]) -> None:
    found = diff_opcodes(old, new, Budget())
    assert found is not None
    assert [word for _, _, _, j1, j2 in found for word in new[j1:j2]] == new
    assert [word for _, i1, i2, _, _ in found for word in old[i1:i2]] == old
    assert all(old[i1:i2] == new[j1:j2] for op, i1, i2, j1, j2 in found if op == "equal")


@given(WORDS)
def test_of_a_change_in_the_middle_it_is_what_difflib_says(old: list[str]) -> None:
    new = ["Before", *old, "after"]
    assert diff_opcodes(old, new, Budget()) == difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()


@pytest.mark.integration  # takes long
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("yes no " * 900, "no yes yes " * 600),
        ("\n\n".join("ab" * 1000), "\n\n".join("bba" * 700)),
        (" ".join(str(i % 100) for i in range(8000)), " ".join(str(i * 7 % 100) for i in range(8000))),
    ],
    ids=["yes and no", "short paragraphs", "numbers"],
)
def test_words_that_repeat_take_bounded_work(old: str, new: str) -> None:
    spent = Budget()
    assert diff_opcodes(old.split(), new.split(), spent) is None
    assert -STEPS * 10 < spent.left < 0
    added, removed = count_changed_words(version(old), version(new))
    assert added - removed == len(new.split()) - len(old.split())
    pieces = [piece for _, parts in changed(version(old), version(new)) for piece in parts]
    assert sum(len(words.split()) for op, words in pieces if op != "delete") <= len(new.split())
    assert pieces
