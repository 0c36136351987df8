"""What a page only seems to say never beats what its feed says."""

from __future__ import annotations

from typing import Any

import pytest

from crawler.articles.assembly import assemble
from storage.article import Article
from storage.records import Entry
from tests.conftest import NOW
from tests.extraction.pages import PROSE, TITLES, cases, news, p, read, whole

URL = "https://www.example.org/the-mill-gets-a-new-wheel"
FEED = {
    "published_at": "2026-11-20T08:00:00Z",
    "published_raw": "Fri, 20 Nov 2026 08:00:00 GMT",
    "authors": ("Ada Quill",),
}


def stored(body: str, *, head: str = "", language: str = "en", **listed: Any) -> Article:
    entry = Entry(id=1, feed_url="f", source="post", url=URL, url_key="k", title=TITLES[language], **{**FEED, **listed})
    shown = whole(
        f"<main><article><h1>{TITLES[language]}</h1>{p(*PROSE[language])}</article></main>{body}",
        title=TITLES[language],
        head=head,
    )
    article = assemble(read(shown, URL), entry, source="post", language=language, now=NOW)
    assert article is not None
    return article


WEAK = {
    "a footer": "<footer>© 2024 <time datetime='2024-02-03'>3 February 2024</time></footer>",
    "a card": "<div class='related-articles'><div class='card'><a href='/b'><h3>Bridge</h3></a><span class='author'>Bo Lind</span> <time datetime='2024-02-03T08:00:00Z'>3 Feb 2024</time></div></div>",
    "a comment": "<div class='comments-area'><div class='comment-metadata'>21.11.2025</div><b class='fn'>gull</b><p>Well said.</p></div>",
    "another article's data": news("Bridge tolls", url="https://www.example.org/b", datePublished="2024-02-03T08:00:00Z", author={"@type": "Person", "name": "Bo Lind"}),
    "a picture's address": "<img src='/uploads/2024/02/03/wheel.jpg'>",
    "an event": "<div class='events'><p>Fair on 1 March 2025</p></div>",
}  # fmt: skip


@pytest.mark.parametrize("language", ["en", "de", "ru"])
@pytest.mark.parametrize("weak", cases(WEAK))
def test_a_weak_guess_never_beats_the_feeds_date(weak: str, language: str) -> None:
    assert stored(weak, language=language).published_at == FEED["published_at"]


@pytest.mark.parametrize("language", ["en", "de", "ru"])
@pytest.mark.parametrize("weak", cases(WEAK))
def test_a_weak_guess_never_beats_the_feeds_author(weak: str, language: str) -> None:
    assert stored(weak, language=language).authors == ("Ada Quill",)


def test_modified_does_not_beat_the_feeds_published() -> None:
    head = '<meta property="article:modified_time" content="2026-11-22T09:00:00Z">'
    assert stored("", head=head, published_at="2026-10-05T08:00:00Z").published_at == "2026-10-05T08:00:00Z"


def test_what_the_page_says_of_itself_beats_the_feed() -> None:
    head = news(datePublished="2026-11-18T10:00:00Z", author={"@type": "Person", "name": "Bo Lind"})
    article = stored("", head=head)
    assert (article.published_at, article.authors) == ("2026-11-18T10:00:00Z", ("Bo Lind",))
    assert article.provenance["published_at_in_feed"]["raw"] == FEED["published_raw"]


def test_a_site_name_for_a_title_does_not_beat_the_feeds() -> None:
    body = whole(
        p(*PROSE["en"]), title="The Brook Post", head='<meta property="og:site_name" content="The Brook Post">'
    )
    entry = Entry(id=1, feed_url="f", source="post", url=URL, url_key="k", title=TITLES["en"])
    article = assemble(read(body, URL), entry, source="post", language="en", now=NOW)
    assert article is not None
    assert article.title == TITLES["en"]
