"""Versions side by side: each side is that version's own text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crawler.outputs.diff import diff_blocks, excerpt

WORDS = st.lists(st.sampled_from(["the", "pilots", "accept", "an", "offer,", "\n\nThe", "strike", "3.1"]), max_size=25)


def version(words: list[str]) -> dict[str, str]:
    return {"title": "T", "subtitle": "", "text": " ".join(words).strip()}


@given(WORDS, WORDS)
def test_each_side_is_the_text_of_its_version(old: list[str], new: list[str]) -> None:
    before, after = version(old), version(new)
    for side, text in (("left", before["text"]), ("right", after["text"])):
        shown = []
        for block in diff_blocks(before, after):
            shown.append("\n\n".join(block["same"]) if "same" in block else "".join(words for _, words in block[side]))
        assert " ".join(shown).split() == text.split()


def test_the_paragraphs_of_the_old_version_stay_apart() -> None:
    before = {"title": "", "subtitle": "", "text": "One two.\n\nThree four five."}
    after = {"title": "", "subtitle": "", "text": "One six.\n\nThree seven five."}
    (block,) = diff_blocks(before, after)
    assert "".join(words for _, words in block["left"]) == before["text"]
    assert "".join(words for _, words in block["right"]) == after["text"]


def test_a_cut_is_no_deletion() -> None:
    pieces = excerpt([("equal", "So "), ("delete", "word " * 100)])
    assert pieces[-1] == ("equal", "…")
