"""The item that `scrapy crawl` passes to pipelines and exporters: an article, after its transaction."""

from __future__ import annotations

import scrapy

from crawler.outputs.rows import article_row
from storage.article import FIELDS, Article


class ArticleItem(scrapy.Item):
    """An article as `newsdesk export --format jsonl` writes it, and `change`: new, headline, revised or address."""

    fields = {name: scrapy.Field() for name in ("change", *FIELDS)}  # noqa: RUF012  # as Scrapy declares it


def article_item(article: Article, change: str) -> ArticleItem:
    """Convert a stored article to an item.

    Args:
        article: as read back from the store.
        change: the outcome of the request that brought it.
    """
    return ArticleItem(change=change, **article_row(article))
