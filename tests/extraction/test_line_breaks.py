"""Empty lines become paragraphs, and no word is lost, added or moved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from crawler.extraction.line_breaks import split_at_empty_lines

HOLDERS = ("p", "div", "td", "li", "blockquote", "section", "span")
texts = st.sampled_from(["", " ", "\n", "\xa0", "one", "two ", " three", "ж", "漢字", "4 &amp; 5"])
inline = st.builds(lambda tag, text: f"<{tag}>{text}</{tag}>", st.sampled_from(["b", "a", "em", "span"]), texts)
pieces = st.lists(st.one_of(texts, inline, st.sampled_from(["<br>", "<br><br>", "<br/> <br/>", "<br><br><br>"])), max_size=12).map("".join)  # fmt: skip
blocks = st.recursive(
    pieces,
    lambda inner: st.builds(
        lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag}>", st.sampled_from(HOLDERS), st.lists(inner, max_size=3)
    ),
    max_leaves=8,
)


def tree_of(markup: str) -> html.HtmlElement:
    return html.document_fromstring(f"<html><body><main>{markup}</main></body></html>")


def text_of(tree: html.HtmlElement) -> str:
    """All text but spaces, of which those between two line breaks go."""
    return "".join("".join(tree.itertext()).split())


@given(st.lists(blocks, max_size=4).map("".join))
def test_no_text_is_lost_added_or_moved(markup: str) -> None:
    tree = tree_of(markup)
    before = text_of(tree)
    split_at_empty_lines(tree)
    assert text_of(tree) == before


@given(st.lists(blocks, max_size=4).map("".join))
def test_what_is_split_stays_as_it_is(markup: str) -> None:
    tree = tree_of(markup)
    split_at_empty_lines(tree)
    once = html.tostring(tree)
    split_at_empty_lines(tree)
    assert html.tostring(tree) == once


@given(st.lists(st.text("abc ж", min_size=1, max_size=9).map(str.strip).filter(bool), min_size=1, max_size=8), st.sampled_from(["<br><br>", "<br> <br>", "<br><br><br>"]))  # fmt: skip
def test_a_paragraph_is_as_many_as_it_has_lines(lines: list[str], gap: str) -> None:
    tree = tree_of(f"<p>{gap.join(lines)}</p>")
    split_at_empty_lines(tree)
    assert [p.text_content() for p in tree.iter("p")] == lines


@pytest.mark.parametrize("tail", ["", "after", " <b>after</b>"])
def test_what_follows_the_paragraph_stays_behind_it(tail: str) -> None:
    tree = tree_of(f"<p>one<br><br>two</p>{tail}<p>three</p>")
    split_at_empty_lines(tree)
    assert text_of(tree) == f"onetwo{'after' if tail else ''}three"
