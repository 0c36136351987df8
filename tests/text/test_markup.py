"""Floods of attributes are removed from markup; everything else stays as it is."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.text.markup import MAX_ATTRIBUTES, MAX_TAG, _long_gaps, strip_attribute_floods

FLOOD = "".join(f" a{n}=1" for n in range(MAX_TAG // 4))
LONG_VALUE = f'<div title="{"word " * MAX_TAG}">text</div>'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"<p>one</p><div{FLOOD}>two</div>", "<p>one</p><div>two</div>"),
        (f"<br{FLOOD}/>two", "<br/>two"),
        (f"<b{FLOOD}><i{FLOOD}>x</i></b>", "<b><i>x</i></b>"),
    ],
)
def test_the_attributes_of_a_flooded_tag_go(before: str, after: str) -> None:
    assert len(FLOOD.split()) > MAX_ATTRIBUTES
    assert strip_attribute_floods(before) == after


@pytest.mark.parametrize(
    "markup",
    [
        "",
        "<" * 50_000,
        "words " * MAX_TAG,  # before the first tag
        f"<p>{'word ' * MAX_TAG}</p>",  # a long text is no long tag
        f"<script>{'if (a) { b(c) } ' * MAX_TAG}</script>",
        LONG_VALUE,  # one attribute, however long
        f"<div{FLOOD}",  # never closed: no tag
        f"<{'x' * 200}{FLOOD}>",  # no name that a parser knows
    ],
)
def test_everything_else_stays(markup: str) -> None:
    assert strip_attribute_floods(markup) == markup


@given(st.text("<ab", max_size=60))
def test_each_long_gap_is_found(markup: str) -> None:
    places = [at for at, char in enumerate(markup) if char == "<"]
    ends = [*places[1:], len(markup)]
    with patch("crawler.text.markup.MAX_TAG", 4):
        assert list(_long_gaps(markup)) == [at for at, end in zip(places, ends, strict=False) if end - at - 1 > 4]
