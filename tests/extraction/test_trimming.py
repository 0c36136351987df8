"""Trimming takes paragraphs away at start and end: it never writes, reorders or takes all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.extraction.trimming import is_appeal, names_other_articles, trim
from crawler.text.tokens import normalize
from tests.extraction.pages import PROSE, TITLES

HEADLINES = (TITLES["en"], TITLES["ru"], "A subtitle of the mill")
FRAMES = ("20.11.2026", "Updated: 20 November 2026, 10:05", "5 min read", "Пятница, 20 ноября", "3 comments", "1994")
OTHERS = ("Related articles", "Mehr zum Thema", "Читайте также", "関連記事", "Comments", "You may also like", "Tags")
APPEALS = (
    "Sign up for our newsletter and get the latest news in your inbox.",
    "Подписывайтесь на наш канал в телеграме.",
    "Please support our independent journalism from $2 a month. Thank you.",
    "Advertisement",
)
paragraph = st.one_of(
    st.sampled_from(HEADLINES + FRAMES + OTHERS + APPEALS),
    st.sampled_from([line for lines in PROSE.values() for line in lines]),
    st.text("ab .:1ж漢\u200b\u2060", max_size=30).map(lambda text: " ".join(text.split())),
)
texts = st.lists(paragraph, max_size=12).map(lambda lines: "\n\n".join(filter(None, lines)))
headlines = st.lists(st.sampled_from([*HEADLINES, "", None]), max_size=4)


@given(texts, headlines)
def test_only_paragraphs_of_the_text_in_their_order(text: str, said: list[str | None]) -> None:
    left = iter(text.split("\n\n"))
    assert all(line in left for line in trim(text, said).split("\n\n") if line)


@given(texts, headlines)
def test_never_all_of_it_but_a_headline_alone(text: str, said: list[str | None]) -> None:
    alone = normalize(text) in {normalize(line) for line in said}
    if any(char.isalnum() for char in text):
        assert bool(trim(text, said)) is not alone


@given(st.permutations(range(5)), st.sampled_from(sorted(PROSE)), headlines)
def test_running_text_is_never_taken(order: list[int], language: str, said: list[str | None]) -> None:
    lines = [PROSE[language][at % len(PROSE[language])] for at in order]
    assert trim("\n\n".join(lines), said).split("\n\n") == lines


@pytest.mark.parametrize("language", ["en", "de", "ru"])
@pytest.mark.parametrize("other", OTHERS)
def test_what_is_below_a_heading_of_other_articles_goes(other: str, language: str) -> None:
    text = [*PROSE[language], other, "The bridge is closed", "Two new ferries"]
    assert trim("\n\n".join(text), []).split("\n\n") == list(PROSE[language])


@pytest.mark.parametrize(
    "line",
    [
        "Correction: an earlier version gave the year as 1995.",
        "This story was updated with the words of the miller.",
        "The author owns a share of the mill.",
        "With reporting by Bo Lind in Holt.",
        "Contact the parish by e-mail before the end of the month.",
    ],
)
def test_notes_at_the_end_stay(line: str) -> None:
    assert trim("\n\n".join([*PROSE["en"], line]), []).split("\n\n")[-1] == line


def test_news_about_donations_is_no_appeal() -> None:
    for text in (
        "Readers gave $2 million to the independent newsroom last year, and its journalists thanked them.",
        "The museum asks for donations of old tools; whoever gives something can visit it for free today.",
    ):
        assert not names_other_articles(text)
        assert not is_appeal(text) or "$" in text
        assert text in trim("\n\n".join([*PROSE["en"][:2], text, *PROSE["en"][2:]]), [])
