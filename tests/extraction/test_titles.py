"""A title is one of those that the page says, or a part of it; without the site's name where it has it."""

from __future__ import annotations

from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.extraction.titles import without_site
from tests.extraction.pages import PROSE, news, p, read, whole

word = st.sampled_from(["Mill", "wheel", "oak", "Ясень", "колесо", "水車", "1994", "it's", "E-mail", "a"])
headline = st.lists(word, min_size=2, max_size=7).map(" ".join)
separator = st.sampled_from([" - ", " | ", " – ", " — ", " · ", " » ", "｜", "|", ": ", " -", "_"])
name = st.sampled_from(["The Brook Post", "Brook", "Вести", "谷の新聞", "example.org", "A-Z News", "Post | Valley", ""])
title = st.lists(st.one_of(headline, separator, name), min_size=1, max_size=6).map("".join)


@given(title, name)
def test_a_part_of_the_title_and_never_nothing(whole_title: str, site: str) -> None:
    found = without_site(whole_title, site)
    assert found in whole_title
    assert bool(found.strip()) == bool(whole_title.strip())


@given(headline, st.sampled_from([" - ", " | ", " – ", " — ", " · ", " » "]), st.sampled_from(["The Brook Post", "Вести", "谷の新聞", "A-Z News"]))  # fmt: skip
def test_a_name_at_either_end_goes(text: str, between: str, site: str) -> None:
    assert without_site(f"{text}{between}{site}", site) == text
    assert without_site(f"{site}{between}{text}", site) == text
    assert without_site(f"{text}{between}{site.upper()}", site) == text


@given(headline)
def test_a_title_without_the_name_stays(text: str) -> None:
    for site in ("The Brook Post", "", "Z"):
        assert without_site(text, site) == text


@given(
    og=st.one_of(st.just(""), title),
    head=st.one_of(st.just(""), title),
    data=st.one_of(st.just(""), title),
    headings=st.lists(st.one_of(headline, name), max_size=3),
    site=name,
)
def test_the_title_is_part_of_what_the_page_says(og: str, head: str, data: str, headings: list[str], site: str) -> None:
    metas = f'<meta property="og:site_name" content="{escape(site)}"><meta property="og:title" content="{escape(og)}">'
    body = "".join(f"<h1>{escape(line)}</h1>" for line in headings) + p(*PROSE["en"])
    found = read(whole(body, title=head, head=metas + (news(data) if data else ""))).title
    said = [" ".join(text.split()) for text in (og, head, data, *headings)]
    assert found is None or any(found in text for text in said)
    assert found is not None or not any(said)


@given(headline, st.sampled_from(["The Brook Post", "Вести", "谷の新聞"]), separator)
def test_witnesses_that_agree_are_the_title(text: str, site: str, between: str) -> None:
    metas = f'<meta property="og:site_name" content="{site}"><meta property="og:title" content="{escape(text)}">'
    body = f"<h1>{escape(text)}</h1>{p(*PROSE['en'])}"
    assert read(whole(body, title=f"{text}{between}{site}", head=metas + news(text))).title == text


@pytest.mark.parametrize("long", [3_000, 50_000])
def test_an_endless_title_is_cut(long: int) -> None:
    found = read(whole(f"<h1>{'mill ' * long}</h1>{p(*PROSE['en'])}", title="mill - " * long))
    assert found.title is not None
    assert len(found.title) <= 2_000
