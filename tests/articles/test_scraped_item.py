"""Items of Scrapy spiders: what they give, in whatever form."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from itemadapter import ItemAdapter

from crawler.articles.scraped_item import item_page, read_item, text_visit
from tests.conftest import NOW


@dataclass
class Author:
    name: str


@dataclass
class Found:
    url: str
    headline: str | None = None
    authors: list[Author] = field(default_factory=list)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"published_at": datetime(2026, 11, 20, 8, tzinfo=timezone(timedelta(hours=3)))}, {"published_at": "2026-11-20T05:00:00Z"}),
        ({"published_at": NOW.replace(tzinfo=None)}, {"published_at": NOW.date().isoformat()}),
        ({"published_at": date(2026, 11, 20)}, {"published_at": "2026-11-20"}),
        ({"datePublished": "2126-11-20"}, {}),
        ({"author": "Ada Quill", "tags": ["a", 3, None, "b"]}, {"authors": ("Ada Quill",), "tags": ("a", "b")}),
        ({"published_at": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))}, {}),
        ({"image_url": "http://[bad", "canonicalUrl": "http://[bad"}, {}),
        ({"language": 7, "summary": ["x"], "section": {"no": "url"}}, {}),
    ],
)  # fmt: skip
def test_fields_of_any_type_are_read_or_left_out(given: dict[str, Any], found: dict[str, Any]) -> None:
    item = read_item({"url": "https://a.example/1", "title": "T", **given}, NOW)
    assert dict(item.fields) == {"title": "T", **found}


def test_nested_items_are_read() -> None:
    item = ItemAdapter(Found("https://a.example/1", "Headline", [Author("Ada Quill")])).asdict()
    assert dict(read_item(item, NOW).fields) == {"title": "Headline", "authors": ("Ada Quill",)}


@pytest.mark.parametrize(
    "values", [{}, {"url": 7}, {"url": "https://["}, {"url": "ftp://a.example/"}, {"url": "https://a.example/"}]
)
def test_an_unusable_item_says_why(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_item(values, NOW)


def test_plain_text_is_plain_text() -> None:
    text = "Shares fell <b and then rose> more.\nOne a<b case, x > y."
    item = read_item({"url": "https://a.example/1", "title": "T", "text": text}, NOW)
    assert item.text == "Shares fell <b and then rose> more.\n\nOne a<b case, x > y."
    assert (
        read_item({"url": "https://a.example/1", "articleBodyHtml": "<p>One</p><p>Two</p>"}, NOW).text == "One\n\nTwo"
    )


def test_a_text_is_an_article_with_what_the_item_gives() -> None:
    item = read_item(
        {"url": "https://a.example/1", "title": "T", "text": "Words.", "author": "Ada", "language": "en"}, NOW
    )
    article = text_visit(item, item_page(item, "a", NOW)).article
    assert article is not None
    assert (article.title, article.text, article.authors, article.language) == ("T", "Words.", ("Ada",), "en")
    assert (article.completeness, article.source, article.published_at) == ("full", "a", None)
    headline = read_item({"url": "https://a.example/1", "title": "T"}, NOW)
    only = text_visit(headline, item_page(headline, None, NOW)).article
    assert only is not None
    assert (only.completeness, only.text) == ("headline", None)


def test_html_is_for_a_worker() -> None:
    item = read_item({"url": "https://a.example/1", "html": "<p>é</p>"}, NOW)
    assert (item.html, item.text) == ("<p>é</p>".encode(), None)
    assert item_page(item, None, NOW).body == item.html
