"""The decision, page by page, against what is held: no article is lost to a merge, none is kept twice."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from crawler.articles import failures
from crawler.articles.assembly import assemble
from crawler.articles.failures import apply_status
from crawler.articles.near_duplicates import content_hash, shingles
from crawler.articles.page_response import PageFailure, PageResponse
from crawler.articles.verdict import decide as decide_typed
from crawler.articles.visit import PageVisit, StoredMatches, next_recheck
from crawler.extraction.extraction import Extraction
from crawler.urls import url_key
from storage.article import Article
from storage.records import DuplicateCandidate, Entry
from storage.utc import format_utc
from storage.verdicts import Alias, FullerView, NotArticle, NotFound, Unchanged, Verdict
from tests.conftest import NOW
from tests.site import story

A = "https://a.org/2026/11/20/a-story-of-the-harbour"


def decide(seen: PageVisit, stored: StoredMatches) -> Any:
    """The verdict without its type: a test looks at the fields of the one that it expects."""
    return decide_typed(seen, stored)


def visit(
    url: str = A,
    title: str = "A story of the harbour",
    seed: int = 1,
    *,
    text: str | None = None,
    requested: str = "",
    entry: Entry | None = None,
    **said: Any,
) -> PageVisit:
    extraction = Extraction(
        url=url,
        title=title,
        text="\n\n".join(story(seed)) if text is None else text,
        published_at="2026-11-20T08:00:00Z",
        modified_at="2026-11-20T08:00:00Z",
        **said,
    )
    entry = entry or Entry(
        id=7,
        feed_url="https://a.org/rss",
        source="a.org",
        url=requested or url,
        url_key=url_key(requested or url),
        title=title,
    )
    article = assemble(extraction, entry, source="a.org", language="en", now=NOW)
    return PageVisit(
        page=PageResponse(entry=entry, requested_url=requested or url, url=url, at=NOW, answered_at=NOW, status=200),
        source="a.org",
        extraction=extraction,
        article=article,
        grams=shingles(article.text or "") if article else frozenset(),
        rechecks=(900.0, 3600.0),
    )


def held(*articles: Article, kinds: dict[str, str] | None = None, **more: Any) -> StoredMatches:
    by_key = {url_key(a.url): (a.id, (kinds or {}).get(a.url, "final")) for a in articles}
    return StoredMatches(by_key={**by_key, **more.pop("keys", {})}, articles={a.id: a for a in articles}, **more)


def kept(v: PageVisit, **changes: Any) -> Article:
    assert v.article is not None
    return dataclasses.replace(
        v.article, **{"id": 1, "story_id": 1, "first_seen_at": format_utc(NOW - timedelta(hours=2)), **changes}
    )


def test_a_page_nobody_holds_is_new() -> None:
    found = decide(visit(), StoredMatches())
    assert found.outcome == "new"
    assert found.article is not None
    assert (found.article.url, found.article.duplicate_of, found.article.story_id) == (A, None, None)
    assert found.recheck_at == NOW + timedelta(minutes=15)


def test_the_same_page_again_is_the_same() -> None:
    found = decide(visit(), held(kept(visit())))
    assert (found.outcome, found.article_id) == ("same", 1)
    assert found.recheck_at is None or found.recheck_at > NOW


def test_a_changed_text_is_a_revision_with_its_words() -> None:
    text = "\n\n".join(story(1)).replace("harbour", "airport", 1)
    found = decide(visit(text=text), held(kept(visit())))
    assert (found.outcome, found.words_added, found.words_removed, found.silent) == ("revised", 1, 1, True)


def test_an_admitted_edit_is_not_silent() -> None:
    new = visit(text="\n\n".join(story(1)) + " More.")
    assert new.article is not None
    new = dataclasses.replace(new, article=dataclasses.replace(new.article, modified_at="2026-11-20T09:00:00Z"))
    assert decide(new, held(kept(visit()))).silent is False


def test_a_less_complete_page_never_overwrites() -> None:
    wall = visit(text="", problem="consent wall")
    found = decide(wall, held(kept(visit())))
    assert isinstance(found, Unchanged)
    assert (found.shows_less, found.retry_at) == (True, NOW + timedelta(hours=1))


def test_a_more_complete_page_replaces_without_a_revision() -> None:
    wall = visit(text="", problem="consent wall")
    assert wall.article is not None
    assert wall.article.completeness == "headline"
    found = decide(visit(), held(kept(wall)))
    assert isinstance(found, FullerView)
    assert found.article_id == 1


def test_a_wall_with_a_title_in_the_feed_is_an_article_asked_for_again() -> None:
    found = decide(visit(text="", problem="consent wall"), StoredMatches())
    assert (found.outcome, found.reason, found.retry_at) == ("headline", "consent wall", NOW + timedelta(hours=1))
    assert found.article is not None
    assert found.article.text is None


def test_a_soft_404_stays_an_entry() -> None:
    found = decide(visit(text="", problem="soft 404"), StoredMatches())
    assert isinstance(found, NotArticle)
    assert found.reason == "soft 404"


def test_another_address_with_a_canonical_link_and_the_same_text_is_one_article() -> None:
    other = visit("https://a.org/print/77", canonical_url=A)
    found = decide(other, held(kept(visit())))
    assert (found.outcome, found.article_id, found.article) == ("address", 1, None)
    assert {a.kind for a in found.addresses} == {"feed", "final", "canonical"} or "final" in {
        a.kind for a in found.addresses
    }


def test_a_canonical_link_to_another_text_merges_nothing() -> None:
    horoscope = visit("https://a.org/horoscope/2026-11-21-taurus", "Your horoscope", seed=5, canonical_url=A)
    found = decide(horoscope, held(kept(visit())))
    assert (found.outcome, found.article_id) == ("new", None)
    assert found.article is not None
    assert found.article.url == "https://a.org/horoscope/2026-11-21-taurus"


def test_a_canonical_link_to_the_home_page_counts_for_nothing() -> None:
    one = visit("https://a.org/2026/11/20/story-one-of-three", "One", seed=2, canonical_url="https://a.org/")
    two = visit("https://a.org/2026/11/20/story-two-of-three", "Two", seed=3, canonical_url="https://a.org/")
    first = decide(one, StoredMatches())
    assert first.article is not None
    assert first.article.url == "https://a.org/2026/11/20/story-one-of-three"
    assert all(a.kind != "canonical" for a in first.addresses)
    assert decide(two, held(kept(one, url=first.article.url))).outcome == "new"


def test_two_videos_with_the_same_boilerplate_are_two_articles() -> None:
    boilerplate = "Watch our latest videos here. Subscribe for more. " * 4
    one, two = (
        visit("https://a.org/video/1111", "First video", text=boilerplate),
        visit("https://a.org/video/2222", "Second video", text=boilerplate),
    )
    assert decide(two, held(kept(one), same_text=[kept(one)])).outcome == "new"


def test_the_same_text_at_two_addresses_merges_only_within_a_week_and_with_60_words() -> None:
    one, two = visit("https://a.org/x/story-1-2-3-4"), visit("https://a.org/y/story-1-2-3-4")
    assert decide(two, StoredMatches(same_text=[kept(one)])).article_id == 1
    assert decide(two, StoredMatches(same_text=[kept(one, published_at="2026-11-01T08:00:00Z")])).outcome == "new"
    short_one, short_two = (
        visit("https://a.org/x/9", text="Too short to tell."),
        visit("https://a.org/y/9", text="Too short to tell."),
    )
    assert decide(short_two, StoredMatches(same_text=[kept(short_one)])).outcome == "new"


def test_a_publishers_id_leads_to_one_article_and_its_new_slug_becomes_the_address() -> None:
    old, new = (
        visit("https://a.org/2026/11/20/old-slug-of-it-a55", publisher_id="55"),
        visit("https://a.org/2026/11/20/new-slug-of-it-a55", "A new headline", publisher_id="55"),
    )
    found = decide(new, held(kept(old), keys={"id:/55": (1, "id")}))
    assert (found.outcome, found.article_id) == ("revised", 1)
    assert found.article is not None
    assert found.article.url.endswith("new-slug-of-it-a55")


def test_the_page_at_the_address_of_record_replaces_an_amp_view_without_a_revision() -> None:
    amp = visit("https://a.org/all/69?amp=1", text="\n\n".join(story(1)[:3]), canonical_url=A, is_amp=True)
    found = decide(visit(), held(kept(amp, url=A, page_url="https://a.org/all/69?amp=1")))
    assert isinstance(found, Alias)
    assert (found.article is not None, found.article_id) == (True, 1)


def test_an_amp_view_never_makes_a_revision() -> None:
    amp = visit("https://a.org/all/69?amp=1", text="\n\n".join(story(1)[:3]), canonical_url=A, is_amp=True)
    found = decide(amp, held(kept(visit())))
    assert (found.outcome, found.article) == ("address", None)


def test_a_wire_story_in_another_outlet_is_a_copy_that_shares_the_story() -> None:
    text = "\n\n".join(story(1))
    twin = DuplicateCandidate(
        id=3,
        story_id=2,
        source="b.org",
        url="https://b.org/x",
        text="A lead of their own.\n\n" + text,
    )
    found = decide(visit(), StoredMatches(candidates=[twin]))
    assert found.is_copy
    assert found.article is not None
    assert (found.article.duplicate_of, found.article.story_id) == (3, 2)


def test_the_same_outlets_update_shares_the_story_but_is_no_copy() -> None:
    twin = DuplicateCandidate(
        id=3,
        story_id=2,
        source="a.org",
        url="https://a.org/x",
        text="\n\n".join(story(1)),
    )
    found = decide(
        visit(
            "https://a.org/2026/11/21/an-update-of-the-story",
            "Update",
            text="\n\n".join(story(1)) + "\n\nAnd more words here than before.",
        ),
        StoredMatches(candidates=[twin]),
    )
    assert found.article is not None
    assert (found.article.duplicate_of, found.article.story_id) == (None, 2)


def test_rechecks_are_counted_from_the_first_sight() -> None:
    seen = NOW - timedelta(minutes=20)
    assert next_recheck((900.0, 3600.0), seen, NOW) == seen + timedelta(hours=1)
    assert next_recheck((900.0, 3600.0), NOW - timedelta(hours=2), NOW) is None


def test_verdicts_are_plain_values() -> None:
    assert decide(visit(), StoredMatches()) == decide(visit(), StoredMatches())
    assert isinstance(decide(visit(), StoredMatches()), Verdict)


def test_an_amp_view_with_the_same_key_gives_way_to_the_page_without_a_revision() -> None:
    amp = kept(visit(A + "/amp/", text="\n\n".join(story(1)[:3]), canonical_url=A), url=A, page_url=A + "/amp/")
    found = decide(visit(A, canonical_url=A), held(amp))
    assert isinstance(found, Alias)
    assert found.article is not None
    back = decide(visit(A + "/amp/", text="\n\n".join(story(1)[:3]), canonical_url=A), held(kept(visit(A))))
    assert (back.outcome, back.article) == ("address", None)


def again_after(seen: PageVisit, attempts: int) -> PageVisit:
    entry = dataclasses.replace(seen.page.entry, verdict="headline", attempts=attempts, article_id=1)
    return dataclasses.replace(seen, page=dataclasses.replace(seen.page, entry=entry))


def test_a_wall_is_asked_again_three_times_and_then_left() -> None:
    wall = visit(text="", problem="consent wall")
    article = kept(wall)
    for tries, hours in ((1, 6), (2, 24)):
        again = again_after(wall, tries)
        found = decide(again, held(article))
        assert (found.outcome, found.retry_at) == ("headline", NOW + timedelta(hours=hours))
    assert decide(again_after(wall, 3), held(article)).retry_at is None


def test_a_headline_whose_text_comes_later_joins_its_story() -> None:
    wall = visit(text="", problem="consent wall")
    twin = DuplicateCandidate(
        id=3,
        story_id=2,
        source="b.org",
        url="https://b.org/x",
        text="\n\n".join(story(1)),
    )
    found = decide(visit(), held(kept(wall), candidates=[twin]))
    assert found.article is not None
    assert (found.article.duplicate_of, found.article.story_id) == (3, 2)


def test_an_address_that_another_article_holds_is_not_taken_over() -> None:
    old, other = (
        kept(visit("https://a.org/2026/old-slug-of-it-a55", publisher_id="55")),
        kept(visit("https://a.org/2026/new-slug-of-it-a55", seed=9), id=2),
    )
    found = decide(
        visit("https://a.org/2026/new-slug-of-it-a55", "A new headline", publisher_id="55"),
        held(old, other, keys={"id:/55": (1, "id")}),
    )
    article = getattr(found, "article", None)
    assert article is None or article.url != other.url or found.article_id == 2


def test_a_walled_article_whose_feed_entry_changes_is_revised_and_still_asked_again() -> None:
    old, new = (
        visit(text="", problem="paywall", title="Old title"),
        visit(text="", problem="paywall", title="New title"),
    )
    found = decide(new, held(kept(old)))
    assert (found.outcome, found.retry_at) == ("revised", NOW + timedelta(hours=1))


def test_a_deleted_article_is_looked_at_twice_and_then_at_its_ages() -> None:
    recheck = Entry(id=0, feed_url="", source="a", url=A, url_key="", article_id=1)
    assert failures.not_found(recheck, 404, NOW, None).recheck_at == NOW + timedelta(hours=1)
    assert (
        failures.not_found(dataclasses.replace(recheck, verdict="gone", attempts=1), 404, NOW, None).recheck_at is None
    )


@pytest.mark.parametrize(
    ("status", "since", "vanished"), [(404, None, False), (404, 9, False), (404, 10, True), (410, None, True)]
)
def test_an_article_has_vanished_when_a_second_look_does_not_find_it(
    status: int, since: int | None, vanished: bool
) -> None:
    recheck = Entry(id=0, feed_url="", source="a", url=A, url_key="", article_id=1)
    page = PageResponse(entry=recheck, requested_url=A, url=A, at=NOW, answered_at=NOW, status=status)
    stored = StoredMatches(not_found_since=NOW - timedelta(minutes=since) if since else None)
    found = decide(PageVisit(page=page), stored)
    assert isinstance(found, NotFound)
    assert found.vanished == vanished


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"status": 304}, ("failed", "the server answered 304 (not modified) to a request without validators")),
        ({"status": 304, "conditional": True}, ("same", None)),
        ({"status": 500}, ("failed", "the server answered 500")),
        ({"status": 429}, ("failed", "the server answered 429")),
        ({"status": 302}, ("failed", "it redirects (302) to nowhere")),
        ({"status": 200, "headers": (("content-type", "image/png"),)}, ("rejected", "not a web page (image/png)")),
        (
            {"failure": PageFailure(reason="disallowed by robots.txt", refused=True)},
            ("rejected", "disallowed by robots.txt"),
        ),
        ({"failure": PageFailure(reason="it did not answer in time")}, ("failed", "it did not answer in time")),
    ],
)
def test_an_answer_without_a_page(changes: dict[str, object], verdict: tuple[str, str | None]) -> None:
    entry = Entry(id=7, feed_url="", source="a", url=A, url_key="", article_id=1)
    page = PageResponse(entry=entry, requested_url=A, url=A, at=NOW, answered_at=NOW, **changes)  # type: ignore[arg-type]
    found = decide(PageVisit(page=page), StoredMatches())
    assert (found.outcome, found.reason) == verdict


def test_only_the_same_hard_failure_thrice_gives_an_entry_up() -> None:
    entry = Entry(
        id=1,
        feed_url="f",
        source="a",
        url=A,
        url_key="",
        verdict="failed",
        attempts=2,
        reason="it did not answer in time",
        first_seen_at=format_utc(NOW),
    )
    assert failures.failed(entry, "reading it took too long", NOW, None, permanent=True).outcome == "failed"
    same = dataclasses.replace(entry, reason="reading it took too long")
    assert failures.failed(same, "reading it took too long", NOW, None, permanent=True).outcome == "rejected"


@pytest.mark.parametrize(
    ("status", "obstacle", "becomes"),
    [
        (200, None, None),
        (401, None, "login wall"),
        (402, None, "paywall"),
        (402, "login wall", "paywall"),
        (403, "bot challenge", "bot challenge"),
    ],
)
def test_a_status_says_what_its_page_is(status: int, obstacle: str | None, becomes: str | None) -> None:
    page = Extraction(url="https://a.example/b", problem=obstacle, text="words")
    found = apply_status(page, page.url, status)
    assert found is not None
    assert found.problem == becomes
    assert (found.text == "") == (status in {401, 402})


def test_a_refused_page_says_nothing_of_the_article() -> None:
    assert apply_status(Extraction(url="https://a.example/b", text="words"), "https://a.example/b", 403) is None
    assert apply_status(None, "https://a.example/b", 403) is None


@pytest.mark.parametrize(
    ("held", "new", "cause"),
    [
        ({"raw_sha256": "a"}, {"raw_sha256": "a", "modified_at": "2026-11-20T09:00:00Z"}, "reprocess"),
        ({}, {}, "reprocess"),
        ({}, {"title": "Another headline"}, "publisher"),
        ({}, {"modified_at": "2026-11-20T09:00:00Z"}, "publisher"),
        ({"extractor": "new"}, {}, "publisher"),
    ],
    ids=["same bytes", "another reading", "another headline", "another modified time", "same extractor"],
)
def test_whose_doing_another_text_is(held: dict[str, str], new: dict[str, str], cause: str) -> None:
    text = " ".join(f"word{number}" for number in range(100))
    url = "https://a.example/2026/11/20/a-story-of-the-day"

    def article(words: str, **more: Any) -> Article:
        kept = Article(
            **{
                "url": url,
                "source": "a",
                "title": "Headline",
                "text": words,
                "page_url": url,
                "word_count": 100,
                "fetched_at": "2026-11-20T08:00:00Z",
                **more,
            }
        )
        return dataclasses.replace(kept, content_hash=content_hash(kept.title, None, kept.text))

    known = dataclasses.replace(article(text, **{"extractor": "old", **held}), id=1)
    seen = article(f"{text} and a few more of them", **{"extractor": "new", **new})
    entry = Entry(id=0, feed_url="", source="a", url=url, url_key="", article_id=1)
    visit = PageVisit(
        page=PageResponse(entry=entry, requested_url=url, url=url, at=NOW, answered_at=NOW, status=200),
        source="a",
        extraction=Extraction(url=url),
        article=seen,
        grams=shingles(seen.text or ""),
    )
    verdict = decide(visit, StoredMatches(by_key={visit.addresses[0].url_key: (1, "final")}, articles={1: known}))
    assert (verdict.outcome, verdict.cause) == ("revised", cause)
