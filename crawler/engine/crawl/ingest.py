"""Process one article response: read the page in a worker, then look up, decide and write in one transaction.

This module does not depend on Scrapy, so a reader of archives can call it too.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from datetime import datetime

from crawler.articles import failures
from crawler.articles.feed_visit import STORED, entry_visit, tag_address
from crawler.articles.identity import SAME_TEXT_WORDS
from crawler.articles.page_response import PageFailure, PageResponse
from crawler.articles.verdict import decide, needs_rereading
from crawler.articles.visit import LearnedRules, PageVisit, StoredMatches, rules_site
from crawler.config.models import Config, PublisherRules, Source
from crawler.content_encoding import DecodeError
from crawler.engine.crawl.rereading import RereadingNeeded
from crawler.engine.workers import worker
from crawler.engine.workers.pool import PageFailed, WorkerPool
from crawler.urls import host_of
from storage.article import Article
from storage.learned import LearnedBlocks
from storage.records import BROUGHT, FeedEntry
from storage.sql import new_entries
from storage.sql.articles import newest_number
from storage.sql.posts import of_article as posts_of
from storage.utc import parse_utc
from storage.verdicts import Alias, FullerView, NewArticle, Revision, Verdict
from storage.warc import RawPage
from storage.writer import Writer

NOTHING_LEARNED = LearnedRules()


def unread_visit(page: PageResponse, source: Source | None, config: Config) -> PageVisit:
    """The request as a visit, before its page is read, if there is one.

    Args:
        page: the request and its response.
        source: the source of the response's final address.
        config: the settings in force.
    """
    ages = source.recheck if source and source.recheck is not None else config.schedule.recheck
    rechecks = () if page.entry.backfill or page.entry.found_by in BROUGHT else ages
    return PageVisit(page=page, source=page.entry.source, rechecks=rechecks, hour=config.pace.hour)


async def visit_page(
    page: PageResponse,
    source: Source | None,
    config: Config,
    pool: WorkerPool,
    learned: LearnedRules = NOTHING_LEARNED,
    *,
    posts: bytes | None = None,
) -> PageVisit:
    """Read the page of a response, if there is one.

    Args:
        page: the request and its response.
        source: the source of the response's final address.
        config: the settings in force.
        pool: the worker processes.
        learned: the repeated paragraphs of its source.
        posts: the document with the posts of a live page, where a rule names it.
    """
    visit = unread_visit(page, source, config)
    if failures.without_page(page, visit.recheck_at, hour=visit.hour) is not None:
        return visit
    rules = source.article if source else PublisherRules()
    entry = dataclasses.replace(page.entry, source=source.id if source else None)
    raw = RawPage(
        url=page.url, at=page.at, status=page.status or 0, headers=page.headers, body=page.body, packed=page.gzipped
    )
    read = functools.partial(
        worker.read_page, most=config.http.max_bytes, keep=config.extract.keep_raw, entry=entry, source=entry.source,
        language=source.language if source else None, rules=rules, now=page.at,
        repeated=learned.blocks, before=learned.before, posts=posts,
    )  # fmt: skip
    try:
        found = await pool.run(read, raw, source=entry.source or host_of(page.url))
    except (PageFailed, DecodeError) as error:
        failure = PageFailure(reason=str(error), permanent=isinstance(error, PageFailed))
        return dataclasses.replace(visit, page=dataclasses.replace(page, failure=failure))
    extraction, article = found.reading.extraction, found.reading.article
    if extraction is None:
        return dataclasses.replace(visit, forbidden=True)
    if article is not None:
        article = dataclasses.replace(
            article,
            etag=page.header("ETag"),
            last_modified=page.header("Last-Modified"),
            raw_sha256=found.sha256,
            learned_version=learned.version,
        )
        if page.rendered:
            article = dataclasses.replace(
                article, provenance={**article.provenance, "page": {"source": "rendered", "raw": page.url}}
            )
    return dataclasses.replace(
        visit, page=dataclasses.replace(page, entry=entry), source=entry.source, extraction=extraction, article=article,
        grams=found.reading.grams, comments=found.reading.comments, id_site=rules_site(entry.source, page.url, rules), warc_record=found.record,
        learned=learned, before=found.reading.before,
    )  # fmt: skip


def store_visit(writer: Writer, visit: PageVisit, stored: StoredMatches | None = None) -> tuple[Verdict, int | None]:
    """Look up, decide and write, inside the writer's transaction; returns the verdict and the id of its article.

    Args:
        writer: the database.
        visit: the page.
        stored: the result of look_up in the same transaction, if it was needed before.

    Raises:
        RereadingNeeded: another extractor read the stored article; its raw page must be read again first.
    """
    stored = look_up(writer, visit) if stored is None else stored
    if (known := needs_rereading(visit, stored)) is not None:
        entry = visit.page.entry
        if not entry.of_feed:
            entry = writer.entry_of(known.id) or entry
        left_out = _left_out_of(writer, known)
        if left_out is not None:
            raise RereadingNeeded(writer.raw_place(known), known, entry, left_out)
    verdict = decide(visit, stored)
    if visit.page.entry.found_by in BROUGHT and (old := stored.articles.get(verdict.article_id or 0)) is not None:
        due = parse_utc(old.recheck_at) if old.recheck_at else None  # which that page does not change
        verdict = dataclasses.replace(verdict, recheck_at=due)
    if isinstance(verdict, NewArticle | Revision | FullerView | Alias) and verdict.article is not None:
        article = placed(writer, visit, verdict.article)
        verdict = dataclasses.replace(verdict, article=article)
        if not isinstance(verdict, NewArticle) and (then := verdict.then) is not None:  # another reading of the page
            read = dataclasses.replace(then.article, warc_file=article.warc_file, warc_offset=article.warc_offset)
            verdict = dataclasses.replace(verdict, then=dataclasses.replace(then, article=read))
    return verdict, writer.apply_verdict(verdict)


def store_brought(writer: Writer, visit: PageVisit, stored: StoredMatches | None = None) -> Verdict:
    """Store a page of an archive or a spider, whose entry is made with the article; returns the verdict.

    Args:
        writer: the database.
        visit: the page.
        stored: as of store_visit.

    Raises:
        RereadingNeeded: as store_visit does.
    """
    verdict, article_id = store_visit(writer, visit, stored)
    if isinstance(verdict, NewArticle) and article_id is not None:
        new_entries.add_brought(writer.db, article_id, visit.page.entry, host_of(visit.page.url), visit.page.at)
    return verdict


def placed(writer: Writer, visit: PageVisit, article: Article) -> Article:
    """Return the article with the place of its raw page, which is stored if the crawl stores raw pages."""
    place = visit.archived
    if writer.pages is not None and visit.warc_record:
        place = writer.pages.add(visit.warc_record, visit.page.at)
    return article if place is None else dataclasses.replace(article, warc_file=place[0], warc_offset=place[1])


def store_feed_articles(
    writer: Writer, feed_url: str, entries: Iterable[tuple[int, FeedEntry]], at: datetime
) -> list[Verdict]:
    """Store the articles of entries without an address, inside the writer's transaction.

    Args:
        writer: the database.
        feed_url: of the feed that lists them.
        entries: each with the id of its row.
        at: when the feed was polled.
    """
    verdicts: list[Verdict] = []
    for entry_id, listed in entries:
        row = writer.entry(entry_id)
        if listed.article is None or row is None:
            continue
        address = tag_address(feed_url, row["identity"])
        if writer.reject_pruned(entry_id, address):
            continue
        visit = entry_visit(listed.article, entry_id, address, at=at)
        # An article with the same text at an address of its own stays as it is, with its rechecks.
        verdict = decide(visit, dataclasses.replace(look_up(writer, visit), same_text=()))
        if isinstance(verdict, NewArticle):
            verdict = dataclasses.replace(verdict, reason=STORED)
        writer.apply_verdict(verdict)
        verdicts.append(verdict)
    return verdicts


def look_up(writer: Writer, visit: PageVisit) -> StoredMatches:
    """Find the stored articles that the page may be the same as."""
    article, requested_id = visit.article, visit.page.entry.article_id
    if article is None:
        if requested_id is None or visit.page.status != 404:
            return StoredMatches()
        since = writer.first_not_found_at(requested_id)
        return StoredMatches(not_found_since=parse_utc(since) if since else None)
    by_key = writer.articles_at(visit.addresses)
    ids = {article_id for article_id, _ in by_key.values()} | ({requested_id} if requested_id else set())
    articles = {article_id: found for article_id in ids if (found := writer.article(article_id)) is not None}
    same: list[Article] = []
    if article.word_count >= SAME_TEXT_WORDS and article.content_hash is not None:
        same = writer.articles_with_text(visit.source, article.content_hash)
    alone = all(stored.completeness != "full" and stored.duplicate_of is None for stored in articles.values())
    posts = {known.id: posts_of(writer.db, known.id) for known in (*articles.values(), *same) if visit.extraction.posts}
    several = articles if len(articles) > 1 else {}
    versioned = frozenset(article_id for article_id in several if newest_number(writer.db, article_id) is not None)
    repeated: frozenset[int] = frozenset()
    if others := [known for known in (*articles.values(), *same) if _has_other_rules(visit, known)]:
        repeated = frozenset().union(*(LearnedBlocks(writer).ever(s) for s in {k.source or "" for k in others}))
    likely = writer.duplicate_candidates(visit.prints, visit.page.at, visit.source) if alone else []
    candidates = [other for other in likely if other.id not in articles]
    return StoredMatches(
        by_key=by_key, articles=articles, same_text=same, candidates=candidates, repeated=repeated,
        versioned=versioned, posts={article_id: found for article_id, found in posts.items() if found},
    )  # fmt: skip


def _left_out_of(writer: Writer, known: Article) -> frozenset[int] | None:
    """Return the paragraphs that a stored text was read without; None if they are not kept any more."""
    if known.learned_version is None:
        return frozenset()
    return LearnedBlocks(writer).version(known.source or "", known.learned_version)


def _has_other_rules(visit: PageVisit, known: Article) -> bool:
    """Return whether a stored version was read with rules that the page was not read with too."""
    rules = visit.learned
    read = {rules.version} | ({rules.before_version} if rules.before is not None else set())
    return known.learned_version not in read
