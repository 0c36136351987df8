"""`sources test`: one look at a feed and its newest article, kept nowhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from crawler.config.models import Config, PublisherRules, SourceIndex
from crawler.errors import ALL_FAILED, DONE, SOME_FAILED
from crawler.extraction.extraction import Extraction
from crawler.feeds.revisit import PollResponse, decide
from crawler.urls import canonical_url
from storage.records import Feed, FeedCheck, FeedEntry
from storage.utc import format_utc

if TYPE_CHECKING:
    from crawler.engine.jobs.discover import Discovery, Web

TRIED = 3  # newest entries that are asked for until one answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What one address came to."""

    found: Discovery
    check: FeedCheck | None = None
    newest: FeedEntry | None = None
    article: Extraction | None = None
    article_error: str | None = None
    skipped: int = 0


async def run_test(web: Web, config: Config, urls: list[str], now: Callable[[], datetime]) -> list[Tested]:
    """Ask each address, and the newest article it lists."""
    from crawler.engine.jobs.discover import discover
    from crawler.engine.workers.pool import PageFailed

    tested = []
    index = SourceIndex(config.sources)
    for url in urls:
        found = await discover(web, url, now())
        lists = (*found.feeds, *found.sitemaps, *found.pages)
        if not lists:
            tested.append(Tested(found=found))
            continue
        address, parsed = lists[0]
        source = index.for_url(found.home or url)
        checked = decide(
            Feed(url=address, source=None, kind=parsed.kind),
            PollResponse(status=200, final_url=address, parsed=parsed),
            schedule=config.schedule,
            every=source.every if source else None,
            now=now(),
        )
        newest, article, error, skipped = None, None, None, 0
        for entry in sorted((e for e in parsed.entries if e.url), key=lambda e: e.published_at or "", reverse=True)[
            :TRIED
        ]:
            newest, got = entry, await web.get(canonical_url(entry.url or ""))
            error = got.error
            if not error:
                try:
                    article = await web.extraction(got, source.article if source else PublisherRules(), now())
                except PageFailed as failure:
                    error = str(failure)
                break
            skipped += 1
        tested.append(
            Tested(found=found, check=checked, newest=newest, article=article, article_error=error, skipped=skipped)
        )
    return tested


def print_test(tested: list[Tested]) -> int:
    """Tell it; the exit code."""
    from crawler.outputs.terminal import local_time, safe, say, zone_name

    failed = 0
    for one in tested:
        print(safe(one.found.url))
        if not one.found.found:
            failed += 1
            print(f"  {one.found.error}")
            continue
        for kind, items in (("feed", one.found.feeds), ("sitemap", one.found.sitemaps), ("page", one.found.pages)):
            for address, parsed in items:
                print(
                    f"  {kind}: {safe(address)} ({parsed.kind}, {len(parsed.entries)} "
                    f"entries{f', {len(parsed.children)} maps' if parsed.children else ''}): "
                    f"{safe(parsed.title or 'no title')}"
                )
                for entry in parsed.entries[:3]:
                    line = f"    {local_time(entry.published_at) or '(no date)':16}  {entry.title or entry.url}"
                    say(line, " " * 22)
        if one.check and one.check.due_at:
            print(f"  the next poll would be at {local_time(format_utc(one.check.due_at))} {zone_name()}")
        _print_newest(one)
    return DONE if not failed else ALL_FAILED if failed == len(tested) else SOME_FAILED


def _print_newest(one: Tested) -> None:
    from crawler.outputs.terminal import local_time, safe, say

    if one.newest is None:
        entries = [entry for _, parsed in one.found.feeds for entry in parsed.entries]
        own = sum(bool(entry.url is None and (entry.content or entry.summary)) for entry in entries)
        print(f"  it lists no address; the texts of {own} entries are in the feed" if own else "  it lists no article")
        return
    print(
        f"  newest article{f' that answers ({one.skipped} newer did not)' if one.skipped and one.article else ''}: "
        f"{safe(one.newest.url)}"
    )
    if one.article is None:
        print(f"    {safe(one.article_error or 'nothing to read')}")
        return
    a = one.article
    if a.problem:
        print(f"    not an article: {a.problem}")
    count = len(a.text.split())
    for name, value in (
        ("title", a.title),
        ("authors", ", ".join(a.authors)),
        ("published", local_time(a.published_at)),
        ("section", a.section),
        ("language", a.language),
        ("kind", a.kind),
    ):
        say(f"    {name:10} {value or '(none)'}", " " * 15)
    say(f"    {'text':10} {count} words: {a.text[:160]}{'…' if len(a.text) > 160 else ''}", " " * 15)
