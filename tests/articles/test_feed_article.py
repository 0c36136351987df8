"""Entries without an address as articles of their feed."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from crawler.articles.feed_article import feed_article
from crawler.articles.feed_visit import MAX_SPECIFIC, entry_visit, tag_address
from crawler.articles.verdict import decide
from crawler.articles.visit import StoredMatches
from crawler.feeds.parsed_feed import make_entry
from crawler.urls import canonical_url, url_key
from storage.records import FeedArticle, FeedEntry
from storage.verdicts import NewArticle, Revision, Unchanged
from tests.conftest import NOW

FEED = "https://gazette.example/feed.xml"
ADDRESS = tag_address(FEED, "note-1")
ENGLISH = (
    "The keeper of the lamp said that the old pier was dry and that the ships would return with the tide in spring."
)
LONG = (
    "The mayor of the town said that it was not the first time that they had to close the bridge, and that the people "
    "who live in the north would have to wait for a ferry; but she added that there is more money for it this year than "
    "in the year before, and that the work will be done when the winter is over, as it has been with all the others."
)
GERMAN = "Der Hafenmeister sagte, dass die alte Mole wieder trocken ist und dass die Schiffe im Frühjahr zurückkehren werden."


def entry(**fields: Any) -> FeedEntry:
    return make_entry(
        **{"url": None, "base": FEED, "guid": "note-1", "title": "A notice", "content": f"<p>{ENGLISH}</p>", **fields}
    )


def made(listed: FeedEntry, language: str | None = None) -> FeedArticle:
    found = feed_article(listed, source="gazette", language=language, now=NOW)
    assert found is not None
    return found


def test_the_text_is_the_content_else_the_summary() -> None:
    both = made(entry(content="<p>One.</p><p>Two.</p>", summary="Short."))
    assert (both.article.text, both.article.summary, both.article.completeness) == ("One.\n\nTwo.", "Short.", "feed")
    alone = made(entry(content=None, summary="Short."))
    assert (alone.article.text, alone.article.summary) == ("Short.", None)
    assert alone.article.source == "gazette"


@pytest.mark.parametrize(
    "listed", [entry(url="https://gazette.example/1"), entry(content=None), entry(content="<img src='x.jpg'>")]
)
def test_with_an_address_or_without_a_text_there_is_none(listed: FeedEntry) -> None:
    assert feed_article(listed, source="gazette", language=None, now=NOW) is None


@pytest.mark.parametrize(
    ("text", "said", "of_feed", "language"),
    [
        (ENGLISH, None, "EN_us", "en-us"),
        (LONG, None, None, "en"),
        (GERMAN * 3, None, "en", "de"),
        (ENGLISH, "en-GB", "de", "en-GB"),
    ],
)
def test_the_language_is_the_feeds_unless_the_text_is_clearly_in_another(
    text: str, said: str | None, of_feed: str | None, language: str
) -> None:
    assert made(entry(content=f"<p>{text}</p>", language=said), of_feed).article.language == language


def test_a_date_of_change_is_kept_where_it_is_not_the_date_of_publication() -> None:
    dates = {"published_raw": "2026-11-20T10:00:00Z", "published_at": "2026-11-20T10:00:00Z"}
    assert made(entry(**dates, updated_raw="2026-11-21T10:00:00Z")).article.modified_at == "2026-11-21T10:00:00Z"
    assert made(entry(**dates, updated_raw=dates["published_raw"])).article.modified_at is None


def test_an_address_of_record_is_unique_in_its_feed_and_cannot_be_requested() -> None:
    assert ADDRESS == "tag:gazette.example,2026:/feed.xml#note-1"
    others = [
        ("http://gazette.example/feed.xml?a=1", "note-1"),
        ("https://gazette.example:8443/feed.xml", "note-1"),
        (FEED, "note-2"),
        (FEED, "näte 1"),
    ]
    addresses = {ADDRESS, *(tag_address(*other) for other in others)}
    assert len(addresses) == 5
    assert tag_address("http://gazette.example/feed.xml", "note-1") == ADDRESS
    for address in addresses:
        assert " " not in address
        assert address.isascii()
        assert url_key(address) == address
        with pytest.raises(ValueError, match="not an http"):
            canonical_url(address)
    assert len(tag_address(FEED, "ж" * 900)) < MAX_SPECIFIC


def test_it_is_decided_like_a_page() -> None:
    visit = entry_visit(made(entry()), 7, ADDRESS, at=NOW)
    new = decide(visit, StoredMatches())
    assert isinstance(new, NewArticle)
    assert (new.article.url, new.entry_ids, new.outcome, new.entry_state, new.recheck_at) == (
        ADDRESS,
        (7,),
        "new",
        "fetched",
        None,
    )
    assert [a.url_key for a in new.addresses] == [ADDRESS]
    stored = dataclasses.replace(new.article, id=1, story_id=1, first_seen_at="2026-11-22T12:00:00Z")
    known = StoredMatches(by_key={ADDRESS: (1, "final")}, articles={1: stored})
    assert isinstance(decide(visit, known), Unchanged)
    edited = decide(entry_visit(made(entry(content=f"<p>{ENGLISH} It was late.</p>")), 7, ADDRESS, at=NOW), known)
    assert isinstance(edited, Revision)
    assert (edited.words_added, edited.words_removed, edited.cause, edited.article.url) == (3, 0, "publisher", ADDRESS)
