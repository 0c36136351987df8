"""Closing what a page leaves open: end tags are added, nothing else changes, and the work grows with the page alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from crawler.text import unclosed_tags
from crawler.text.unclosed_tags import close_unclosed

NAMES = ("div", "section", "article", "main", "header", "footer", "nav", "aside", "form", "figure", "button", "a", "label", "blockquote", "noscript")  # fmt: skip
_TOKEN = re.compile(r"</[a-z]+>|.", re.DOTALL)
tags = st.sampled_from([f"<{name}>" for name in NAMES] + [f"</{name}>" for name in NAMES] * 2)
odd = st.sampled_from(["<DIV>", "</DIV >", "<div class='a>b'>", "<div/>", "<p>", "</p>", "<br>", "<!-- <div> -->", "<!--", "-->", "<script>'<div>'</script>", "<style>", "</style>", "<svg><path/></svg>", "<template><div></template>", "<", "</", "</div", "<div"])  # fmt: skip
words = st.text("abc <>&/-!ж漢", max_size=6)
markup = st.lists(st.one_of(tags, tags, odd, words), max_size=40).map("".join)


def only_added(before: str, after: str) -> bool:
    """Return whether a text is another one with end tags of elements between its characters."""
    old = _TOKEN.findall(before)
    at = 0
    for token in _TOKEN.findall(after):
        if at < len(old) and token == old[at]:
            at += 1
        elif not (len(token) > 1 and token[2:-1] in {*NAMES, "fieldset", "details", "dialog"}):
            return False
    return at == len(old)


@given(markup)
def test_nothing_is_added_but_end_tags_and_nothing_is_taken(text: str) -> None:
    assert only_added(text, close_unclosed(text))


@given(markup)
def test_what_is_closed_stays_as_it_is(text: str) -> None:
    once = close_unclosed(text)
    assert close_unclosed(once) == once


@given(st.lists(st.one_of(tags, st.sampled_from(["one ", "two ", "three ", "<p>", "</p>"])), max_size=40).map("".join))
def test_every_word_is_in_the_parsed_page(text: str) -> None:
    body = f"<html><body>{close_unclosed(text)}</body></html>"
    parsed = html.document_fromstring(body)
    assert re.findall("one|two|three", parsed.text_content()) == re.findall("one|two|three", text)


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=8), st.sampled_from(["header", "nav", "a", "section"]))
def test_what_follows_a_box_is_outside_of_it(opened: list[str], box: str) -> None:
    inner = "".join(f"<{name}>" for name in opened if name not in {box, "button", "noscript"})
    parsed = html.document_fromstring(close_unclosed(f"<body><{box}>{inner}<div>x</{box}><p>text</p></body>"))
    assert box not in {up.tag for up in next(parsed.iter("p")).iterancestors()}


class Counted:
    """A pattern that counts the characters it was run over."""

    def __init__(self, pattern: re.Pattern[str], seen: list[int]) -> None:
        self.pattern, self.seen = pattern, seen

    def search(self, text: str, at: int = 0) -> Any:
        found = self.pattern.search(text, at)
        self.seen.append((found.end() if found else len(text)) - at)
        return found


FLOODS = {
    "open": "<div>",
    "close": "<div></div></div>",
    "pairs": "<div><a></div>",
    "buttons": "<button><div></button>",
    "ends in buttons": "<div><button></div></div>",
    "open comments": "<!-- <div>",
    "open scripts": "<script><div>",
    "open styles": "<style>a</div>",
    "open templates": "<template></template <div>",
    "svg": "<svg><div></svg>",
    "brackets": "<<<<",
    "no name": "</>",
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_flood_of_tags_is_read_a_fixed_number_of_times(flood: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(unclosed_tags, "_TAGS", Counted(unclosed_tags._TAGS, seen))
    ends = {name: Counted(pattern, seen) for name, pattern in unclosed_tags._ENDS.items()}
    monkeypatch.setattr(unclosed_tags, "_ENDS", ends)
    text = flood * 3_000
    out = close_unclosed(text)
    assert sum(seen) <= (1 + len(ends)) * len(text)
    assert len(seen) <= 2 * text.count("<") + 1
    assert out.count("</") - text.count("</") <= text.count("<")
