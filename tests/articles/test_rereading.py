"""A stored article that an older release read: what only the release reads differently is no edit, the rest is."""

from __future__ import annotations

import dataclasses
import functools
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.articles.bounded_diff import count_changed_words
from crawler.articles.near_duplicates import content_hash, shingles
from crawler.articles.page_response import PageResponse
from crawler.articles.page_result import PageResult
from crawler.articles.read_page import comments_in_text
from crawler.articles.rereading import in_form_of
from crawler.articles.verdict import decide, needs_rereading
from crawler.articles.visit import PageVisit, StoredMatches
from crawler.extraction.extraction import Extraction
from crawler.text.tokens import letters, tokens, words
from crawler.urls import url_key
from storage.article import Article
from storage.records import Entry
from storage.verdicts import FullerView, Revision, Unchanged
from tests.conftest import NOW

URL = "https://www.harbourpost.example/2026/11/20/the-bridge-closes"
FIRST = (
    "The old bridge over the harbour closes on Monday for repairs that will take until the spring, the council said."
)
SECOND = "Nearly nine thousand cars cross it every day, and the ferry carries only forty of them at a time."
THIRD = "The mayor wants a tunnel instead, which engineers call too expensive for a town of this size."


def article(text: str, *, extractor: str = "newsdesk 9, new", **said: Any) -> Article:
    made = Article(
        **{
            "url": URL,
            "page_url": URL,
            "source": "post",
            "title": "The bridge closes",
            "text": text,
            "word_count": len(words(text)),
            "modified_at": "2026-11-20T08:00:00Z",
            "fetched_at": "2026-11-20T08:00:00Z",
            "extractor": extractor,
            **said,
        }
    )
    return dataclasses.replace(made, content_hash=content_hash(made.title, made.subtitle, made.text))


def stored(text: str, **said: Any) -> Article:
    return article(text, **{"extractor": "newsdesk 1, old", "id": 1, "first_seen_at": "2026-11-20T08:00:00Z", **said})


def seen(
    new: Article, *, reread: Article | None = None, comments: bool = False, problem: str | None = None
) -> PageVisit:
    entry = Entry(id=0, feed_url="", source="post", url=URL, url_key="", article_id=1)
    return PageVisit(
        page=PageResponse(entry=entry, requested_url=URL, url=URL, at=NOW, answered_at=NOW, status=200),
        source="post",
        extraction=Extraction(url=URL, problem=problem),
        article=new,
        grams=shingles(new.text or ""),
        comments=comments,
        rereads={} if reread is None else {1: PageResult(extraction=None, article=reread)},
    )


def known(*articles: Article) -> StoredMatches:
    return StoredMatches(by_key={url_key(URL): (1, "final")}, articles={a.id: a for a in articles})


def edits(old: Article, new: Article, **how: Any) -> tuple[int, int] | None:
    """The publisher's words of a verdict, added and removed; None if it is no edit."""
    verdict = decide(seen(new, **how), known(old))
    return (verdict.words_added, verdict.words_removed) if _by_publisher(verdict) else None  # type: ignore[union-attr]


def _by_publisher(verdict: object) -> bool:
    return isinstance(verdict, Revision) and verdict.cause == "publisher"


LATER = {"modified_at": "2026-11-20T11:00:00Z"}


# With the stored page


def test_a_page_that_only_the_new_release_reads_differently_is_unchanged_and_brought_up_to_date() -> None:
    old = stored(f"{FIRST} {SECOND}", title="The bridge closes - Harbour Post", warc_file="a.warc.gz", warc_offset=7)
    new = article(f"{FIRST}\n\n{SECOND}\n\n{THIRD}", **LATER)
    assert needs_rereading(seen(new), known(old)) == old
    again = seen(new, reread=article(f"{FIRST}\n\n{SECOND}\n\n{THIRD}"))
    assert needs_rereading(again, known(old)) is None
    verdict = decide(again, known(old))
    assert isinstance(verdict, Unchanged)
    assert verdict.reread is not None
    kept = verdict.reread.article
    assert (kept.id, kept.title, kept.text, kept.extractor) == (1, "The bridge closes", new.text, "newsdesk 9, new")
    assert (kept.warc_file, kept.warc_offset, kept.modified_at) == ("a.warc.gz", 7, old.modified_at)
    assert verdict.reread.words_added == len(words(THIRD))


def test_an_edit_is_counted_between_two_readings_of_the_new_release() -> None:
    old = stored(FIRST, title="The bridge closes - Harbour Post", warc_file="a.warc.gz", warc_offset=7)
    base = article(f"{FIRST}\n\n{SECOND}")
    new = article(f"{FIRST}\n\n{SECOND.replace('nine', 'ten')}\n\n{THIRD}", **LATER)
    verdict = decide(seen(new, reread=base), known(old))
    assert isinstance(verdict, Revision)
    assert (verdict.cause, verdict.silent) == ("publisher", False)
    assert (verdict.words_added, verdict.words_removed) == (1 + len(words(THIRD)), 1)
    assert verdict.reread is not None
    assert verdict.reread.article.text == base.text


def test_an_edit_is_found_where_the_new_release_calls_the_same_page_a_part() -> None:
    """The first of three pages was once called full."""
    text = f"{FIRST}\n\n{SECOND}"
    old = stored(text, warc_file="a.warc.gz", warc_offset=7)
    new = article(text.replace("nine", "ten"), completeness="teaser", **LATER)
    assert needs_rereading(seen(new), known(old)) == old
    assert edits(old, new, reread=article(text, completeness="teaser")) == (1, 1)
    assert needs_rereading(seen(article(FIRST, completeness="teaser", **LATER)), known(old)) is None


def test_whether_an_edit_is_silent_is_a_question_to_both_pages_as_the_new_release_reads_them() -> None:
    """An older release read no modified time of the page."""
    old = stored(FIRST, modified_at=None, warc_file="a.warc.gz", warc_offset=7)
    verdict = decide(seen(article(f"{FIRST} More of it."), reread=article(FIRST)), known(old))
    assert isinstance(verdict, Revision)
    assert (verdict.silent, verdict.cause) == (True, "publisher")


def test_an_up_to_date_article_is_never_read_again() -> None:
    old = stored(FIRST, extractor="newsdesk 9, new", warc_file="a.warc.gz", warc_offset=7)
    assert needs_rereading(seen(article(SECOND)), known(old)) is None


def test_a_page_with_the_stored_text_and_one_that_shows_less_need_no_second_reading() -> None:
    old = stored(FIRST, warc_file="a.warc.gz", warc_offset=7)
    assert needs_rereading(seen(article(FIRST)), known(old)) is None
    assert needs_rereading(seen(article("", completeness="teaser")), known(old)) is None


def test_a_text_that_only_the_old_release_lost_is_no_news() -> None:
    """A brief was taken for a page that needs JavaScript; its stored page is read in full now."""
    old = stored("", completeness="headline", warc_file="a.warc.gz", warc_offset=7)
    verdict = decide(seen(article(FIRST), reread=article(FIRST)), known(old))
    assert isinstance(verdict, Unchanged)
    assert verdict.reread is not None
    assert verdict.reread.article.completeness == "full"


def test_a_wall_that_is_gone_is_news_after_an_upgrade_too() -> None:
    old = stored("", completeness="headline", warc_file="a.warc.gz", warc_offset=7)
    verdict = decide(seen(article(FIRST), reread=article("", completeness="headline")), known(old))
    assert isinstance(verdict, FullerView)


def test_a_stored_page_that_shows_less_to_the_new_release_does_not_replace_what_is_stored() -> None:
    old = stored(FIRST, warc_file="a.warc.gz", warc_offset=7)
    base = article("", completeness="teaser")
    new = article(FIRST.replace("Monday", "Tuesday"), **LATER)
    assert edits(old, new, reread=base) == (1, 1)


def test_a_text_from_the_feed_is_compared_with_the_stored_one_as_the_old_feed_is_not_stored() -> None:
    of_feed: dict[str, Any] = {"completeness": "feed", "provenance": {"text": {"source": "feed", "raw": None}}}
    old = stored(f"{FIRST} {SECOND}", warc_file="a.warc.gz", warc_offset=7, **of_feed)
    changed = article(f"{FIRST.replace('Monday', 'Tuesday')}\n\n{SECOND}", **of_feed)
    assert edits(old, changed, reread=changed) == (1, 1)
    same = article(f"{FIRST}\n\n{SECOND}", **of_feed)
    assert edits(old, same, reread=same) is None


# Without the stored page

_READ_DIFFERENTLY = {
    "breaks": (f"{FIRST} {SECOND}", f"{FIRST}\n\n{SECOND}"),
    "glued": (f"{FIRST}{SECOND}", f"{FIRST}\n\n{SECOND}"),
    "glued words": (FIRST.replace("harbour closes", "harbourcloses"), FIRST),
    "a lost paragraph": (f"{FIRST}\n\n{THIRD}", f"{FIRST}\n\n{SECOND}\n\n{THIRD}"),
    "a lost end": (f"{FIRST[:60]}\n\n{SECOND}", f"{FIRST}\n\n{SECOND}"),
    "most of a paragraph lost": (f"{FIRST[:20]}\n\n{SECOND}", f"{FIRST}\n\n{SECOND}"),
    "boilerplate": (f"{FIRST}\n\nRead more: a tunnel\n\n{SECOND}\n\nFollow us", f"{FIRST}\n\n{SECOND}"),
    "more boilerplate": (f"{FIRST}\n\n{SECOND}", f"{FIRST}\n\n{SECOND}\n\nSign up for our letter"),
    "boilerplate of a br": (f"{FIRST} {SECOND} Follow us", f"{FIRST}\n\n{SECOND}"),
    "a dateline": (f"HARBOUR (Post) - {FIRST}\n\n{SECOND}", f"{FIRST}\n\n{SECOND}"),
    "quotes": (f"{FIRST}\n\n'{SECOND}'", f"{FIRST}\n\n“{SECOND}”"),
    "case": (f"{FIRST}\n\n{SECOND}", f"{FIRST.upper()}\n\n{SECOND}"),
    "a list": (f"{FIRST}\n\n- {SECOND}", f"{FIRST}\n\n{SECOND}"),
    "charset": (f"{FIRST} Un cafÃ© frais.", f"{FIRST} Un café frais."),
    "lost letters": (f"{FIRST} Un caf\ufffd frais.", f"{FIRST} Un café frais."),
    "marks": (f"{FIRST} Un cafe\u0301 frais.", f"{FIRST} Un café frais."),
    "another text": (SECOND, FIRST),
}


@pytest.mark.parametrize(("before", "after"), _READ_DIFFERENTLY.values(), ids=_READ_DIFFERENTLY)
def test_what_a_release_may_read_differently_is_no_edit(before: str, after: str) -> None:
    comments = before in {_READ_DIFFERENTLY["a lost end"][0], _READ_DIFFERENTLY["most of a paragraph lost"][0]}
    verdict = decide(seen(article(after, **LATER), comments=comments), known(stored(before)))
    if isinstance(verdict, Revision):
        assert (verdict.cause, verdict.silent, verdict.reread) == ("reprocess", False, None)
    else:  # the same letters and spaces
        assert isinstance(verdict, Unchanged)
        assert before.split() == unicodedata.normalize("NFD", after).split()


_EDITED = {
    "a word": (f"{FIRST} {SECOND}", f"{FIRST}\n\n{SECOND.replace('nine', 'ten')}", (1, 1)),
    "two words": (FIRST, FIRST.replace("Monday", "Tuesday").replace("spring", "summer"), (2, 2)),
    "the last word": (f"{FIRST}{SECOND}", f"{FIRST}\n\n{SECOND[:-5]}week.", (1, 1)),
    "a compound": (f"{FIRST} A well-known one.", f"{FIRST} A well-paid one.", (1, 1)),
    "more words": (FIRST, FIRST.replace("closes", "will not open"), (3, 1)),
    "a sentence": (f"{FIRST}\n\n{THIRD}", f"{FIRST} He left, he said.\n\n{THIRD}", (4, 0)),
    "a sentence less": (f"{FIRST} He left. {SECOND}\n\n{THIRD}", f"{FIRST} {SECOND}\n\n{THIRD}", (0, 2)),
    "beside boilerplate": (f"{FIRST}\n\nFollow us", f"{FIRST.replace('Monday', 'Friday')}\n\n{SECOND}", (1, 1)),
    "no spaces": ("東京都は月曜日に橋を閉鎖する。", "東京都は火曜日に橋を閉鎖する。", (1, 1)),
}


@pytest.mark.parametrize(("before", "after", "counted"), _EDITED.values(), ids=_EDITED)
def test_other_words_in_a_paragraph_that_both_have_are_an_edit(
    before: str, after: str, counted: tuple[int, int]
) -> None:
    old = stored(before, title="The bridge closes - Harbour Post")
    assert edits(old, article(after, **LATER)) == counted
    verdict = decide(seen(article(after, **LATER)), known(old))
    assert isinstance(verdict, Revision)
    assert verdict.reread is not None
    form = verdict.reread.article
    assert (form.extractor, form.title) == ("newsdesk 9, new", "The bridge closes")
    parts = ({"text": form.text}, {"text": after})
    assert count_changed_words(*parts) == counted


def test_the_old_words_keep_their_punctuation_in_the_new_form() -> None:
    old = stored(f"{FIRST} He left, she said. {SECOND}")
    form = in_form_of(old, article(f"{FIRST} He left, she said.\n\n{SECOND} And so on, it seems."), clear=True)
    assert form.article.text == f"{FIRST} He left, she said.\n\n{SECOND}"
    form = in_form_of(stored(f"{FIRST} No, never. {SECOND}"), article(f"{FIRST} {SECOND}"), clear=True)
    assert form.article.text == f"{FIRST} No, never. {SECOND}"


@pytest.mark.parametrize("how", [{}, {"comments": True}], ids=["not admitted", "beside comments"])
def test_more_words_in_a_paragraph_are_in_doubt(how: dict[str, bool]) -> None:
    more = {} if not how else LATER
    assert edits(stored(f"{FIRST}\n\n{SECOND}"), article(f"{FIRST} He left.\n\n{SECOND}", **more), **how) is None


def test_a_modified_time_that_is_only_read_differently_admits_nothing() -> None:
    said: dict[str, Any] = {"provenance": {"modified_at": {"source": "json-ld", "raw": "2026-11-20 09:00 GMT+0100"}}}
    old, new = stored(FIRST, **said), article(f"{FIRST} He left.", **LATER, **said)
    assert edits(old, new) is None
    edited = dataclasses.replace(new, text=FIRST.replace("Monday", "Friday"))
    verdict = decide(seen(dataclasses.replace(edited, content_hash="other")), known(old))
    assert isinstance(verdict, Revision)
    assert (verdict.cause, verdict.silent) == ("publisher", True)


def _title(title: str, source: str | None = "opengraph") -> dict[str, Any]:
    return {"title": title, "provenance": {"title": {"source": source, "raw": None}} if source else {}}


@pytest.mark.parametrize(
    ("before", "after", "counted"),
    [
        (_title("Bridge closes - Harbour Post"), _title("Bridge closes"), None),
        (_title("Bridge closes | News | Harbour Post"), _title("Bridge closes", "h1"), None),
        (_title("Harbour Post: Bridge closes"), _title("Harbour Post | Bridge closes"), None),
        (_title("The Harbour Post | Bridge closes"), _title("Bridge closes"), None),
        (_title("Harbour Post"), _title("Bridge closes", "h1"), None),
        (_title("BRIDGE CLOSES"), _title("Bridge closes", "h1"), None),
        (_title("Bridge closes"), _title("What the mayor plans", "json-ld"), None),
        (_title("Bridge closes"), _title("What the mayor plans"), (4, 2)),
        (_title("Bridge closes - Harbour Post"), _title("Bridge opens"), (1, 1)),
        (_title("Bridge closes - Harbour Post"), _title("Bridge opens", "h1"), (1, 1)),
        (_title("Bridge closes"), _title("Bridge closes: mayor angry"), (2, 0)),
        (_title("Bridge closes - Harbour Post"), _title("Bridge opens - Harbour Post"), (1, 1)),
        (_title("Harbour Post | Bridge closes"), _title("Harbour Post | Bridge opens"), (1, 1)),
        (_title("Bridge closes | News | Harbour Post"), _title("Bridge closes | Harbour Post"), None),
        (_title("Bridge closes - Harbour Post"), _title("What the mayor plans"), (4, 2)),
        (_title("Harbour Post | Bridge closes"), _title("Bridge opens | Harbour Post"), (1, 1)),
    ],
)
def test_a_headline_without_its_sites_name_is_the_same_headline(
    before: dict[str, Any], after: dict[str, Any], counted: tuple[int, int] | None
) -> None:
    assert edits(stored(FIRST, **before), article(FIRST, **LATER, **after)) == counted


@given(st.lists(st.sampled_from(["the", "bridge", "closes", "on", "Monday,", "he", "said.", "\n\n", "-", "It", "9", "%", "opens"]), max_size=40),
       st.lists(st.sampled_from(["the", "bridge", "closes", "on", "Tuesday,", "she", "said.", "\n\n", "-", "It", "8", "%", "opens"]), max_size=40),
       st.booleans())  # fmt: skip
def test_the_form_of_any_two_texts_keeps_the_new_words_or_the_old_ones(
    one: list[str], other: list[str], clear: bool
) -> None:
    old, new = stored(" ".join(one)), article(" ".join(other))
    form = in_form_of(old, new, clear=clear).article
    known_words = {token.word for text in (old.text, new.text) for token in tokens(text or "")}
    assert {token.word for token in tokens(form.text or "")} <= known_words
    assert in_form_of(dataclasses.replace(new, extractor="x"), new, clear=clear).article.text == new.text


@pytest.mark.parametrize(
    ("markup", "found"),
    [
        (b"<p>text<!-- --> text</p>", True),
        (b"<p><b>text</b><!-- -->, text</p>", True),
        (b"<p>text <!----><i>x</i></p>", True),
        (b"<div><!-- box --><p>text</p><!-- end --></div>", False),
        (b"<p>text</p>", False),
        (b"<!-- never ends", False),
        (b"", False),
    ],
)
def test_comments_beside_words(markup: bytes, found: bool) -> None:
    assert comments_in_text(markup) is found


def test_tokens_have_their_places_and_letters_have_none() -> None:
    text = "End.Next 20% don\u2019t 東京"
    assert [text[t.start : t.end] for t in tokens(text)] == ["End", "Next", "20", "don", "t", "東", "京"]
    assert letters(text) == letters("ENDNEXT 20 don't 東 京")
    assert functools.reduce(lambda at, t: t.end if t.start >= at else -1, tokens(text), 0) > 0
