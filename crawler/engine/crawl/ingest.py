"""What one page means for the store: look up what it may be, decide, and write the raw page. Knows no Scrapy."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from crawler.articles.identity import SAME_TEXT_WORDS
from crawler.articles.near_duplicates import content_hash
from crawler.articles.verdict import decide
from crawler.articles.visit import PageVisit, StoredMatches
from storage.records import Verdict, parse_utc
from storage.writer import Writer


def look_up_and_decide(writer: Writer, visit: PageVisit, record: bytes) -> Verdict:
    """In the writer's thread and transaction: what is held that this may be, the decision, and the raw page of what is written."""
    verdict = _decided(writer, visit)
    if writer.pages is None or verdict.article is None or not record:
        return verdict
    file, offset = writer.pages.add(record, visit_time(visit))
    return dataclasses.replace(
        verdict, article=dataclasses.replace(verdict.article, warc_file=file, warc_offset=offset)
    )


def _decided(writer: Writer, visit: PageVisit) -> Verdict:
    if visit.article is None:
        return decide(visit, StoredMatches(), now=visit_time(visit))
    article = visit.article
    by_key = writer.articles_by_url_keys([address.url_key for address in visit.addresses])
    ids = {article_id for article_id, _ in by_key.values()} | (
        {visit.entry.article_id} if visit.entry.article_id else set()
    )
    articles = {article_id: found for article_id in ids if (found := writer.article(article_id)) is not None}
    same = (
        writer.articles_with_text(visit.source, content_hash(article.title, article.subtitle, article.text))
        if article.word_count >= SAME_TEXT_WORDS
        else []
    )
    now = visit_time(visit)
    alone = all(held.completeness != "full" and held.duplicate_of is None for held in articles.values())
    likely = writer.twins(visit.prints, now, visit.source) if alone else []
    twins = [twin for twin in likely if twin.id not in articles]
    return decide(visit, StoredMatches(by_key=by_key, articles=articles, same_text=same, twins=twins), now=now)


def visit_time(visit: PageVisit) -> datetime:
    """When the page was asked for."""
    return parse_utc(visit.article.fetched_at) if visit.article and visit.article.fetched_at else datetime.now(UTC)
