"""A backfill: walk every page that lists older articles, report how many articles there are, then fetch them."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from crawler.articles.key_versions import KEYS
from crawler.config.models import Config
from crawler.config.value_types import format_duration
from crawler.engine.crawl.plan import CrawlPlan
from crawler.engine.crawl.runner import run
from crawler.engine.crawl.session import CrawlSession
from crawler.feeds.backfill import initial_steps
from storage import databases
from storage.records import CrawlRun
from storage.utc import format_utc
from storage.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """What a backfill covers; in complete days, so that repeating the command continues the same backfill."""

    sources: tuple[str, ...]
    since: datetime
    until: datetime
    dry: bool


def backfill(
    config: Config,
    names: Sequence[str],
    *,
    since: datetime,
    until: datetime,
    dry: bool,
    say: Callable[[str], None],
    observer: Callable[[Any], None] | None = None,
) -> CrawlRun:
    """Fetch the older articles of sources.

    Args:
        config: the settings.
        names: source ids, or tag:TAG.
        since: the start of the period.
        until: the end of the period.
        dry: only count; store nothing.
        say: called with each line of the report: the count, the duration, the errors.
        observer: called after each change of the counts.

    Raises:
        StorageError: the file is locked or cannot be written.
        ConfigError: no source has one of the names.
    """
    scope = _Scope(
        sources=tuple(s.id for s in config.select_sources(tuple(names))),
        since=_start_of_day(since),
        until=_start_of_day(until.astimezone(UTC) + timedelta(days=1)) - timedelta(seconds=1),
        dry=dry,
    )

    def plan(writer: Writer, config: Config) -> CrawlPlan:
        return _plan_steps(scope, writer, config)

    def ready(live: CrawlSession) -> None:
        live.frontier.on_listed = partial(_report_listed, scope, config, live, say)

    if not dry:
        return run(config, plan, command="backfill", spider="feed", observer=observer, ready=ready).run
    with tempfile.TemporaryDirectory(prefix="newsdesk-") as folder:
        storage = dataclasses.replace(config.storage, database=str(Path(folder) / "count.db"))
        elsewhere = dataclasses.replace(config, storage=storage)

        def copied(writer: Writer, config_: Config) -> CrawlPlan:
            _take_feeds(config, writer)
            return plan(writer, config_)

        return run(elsewhere, copied, command="backfill --dry-run", spider="feed", observer=observer, ready=ready).run


def _start_of_day(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _plan_steps(scope: _Scope, writer: Writer, config: Config) -> CrawlPlan:
    """Store the first steps of each source, and retry those that failed in an earlier run."""
    for source_id in scope.sources:
        source = config.source(source_id)
        assert source is not None
        feeds = tuple(f for f in (writer.feed(url) for _, url in source.feed_urls) if f is not None)
        writer.retry_steps(source_id, format_utc(scope.since), format_utc(scope.until))
        writer.add_steps(initial_steps(source, feeds, since=scope.since, until=scope.until))
    return CrawlPlan(command="backfill", sources=scope.sources, backfill=True, dry=scope.dry)


async def _report_listed(scope: _Scope, config: Config, live: CrawlSession, say: Callable[[str], None]) -> None:
    """Report the pages that could not be read, and the number of articles that the others list."""
    hosts, looked = await live.async_writer.run(
        lambda writer: (
            writer.pending_by_host(scope.sources),
            writer.steps_looked(scope.sources, format_utc(scope.since), format_utc(scope.until)),
        )
    )
    stored = _count_stored(config, live) if scope.dry else 0
    unread = {source: problems for source, (read, problems) in looked.items() if not read}
    for source, problems in unread.items():
        live.counts.not_looked(source, _not_looked(problems))
        say(f"{source}: could not be searched: {_not_looked(problems)}")
    for url, error in (row for source, (_, rows) in looked.items() if source not in unread for row in rows):
        say(f"{url}: {error}")
    if hosts or len(unread) < len(scope.sources):
        say(_estimate(config, hosts, stored, dry=scope.dry))


def _not_looked(problems: Sequence[tuple[str, str]]) -> str:
    """Explain why no page that lists older articles of a source was read."""
    if not problems:
        return "it has no archive page, sitemap or section page that is known; `newsdesk sources test` looks for one"
    (url, error), more = problems[0], len(problems) - 1
    return f"{url}: {error}" + (f", and {more} more" if more else "")


def _take_feeds(config: Config, writer: Writer) -> None:
    """Copy the known archive pages of the feeds into the temporary file of a dry run."""
    if not databases.exists(config.database):
        return
    with databases.open_reading(config.database) as store:
        for source in config.sources:
            for _, url in source.feed_urls:
                if (feed := store.feed(url)) is not None and feed.archive_url:
                    writer.set_archive(url, feed.archive_url, feed.kind)


def _count_stored(config: Config, live: CrawlSession) -> int:
    """How many of the counted articles are already stored."""
    if not databases.exists(config.database):
        return 0
    with databases.open_reading(live.config.database) as counted, databases.open_reading(config.database) as store:
        return store.count_known(counted.backfill_urls(), KEYS)


def _estimate(config: Config, hosts: dict[str, int], stored: int, *, dry: bool) -> str:
    """Report the number of articles and the duration at one request per host and delay.

    A longer Crawl-delay makes the backfill take longer.
    """
    total = sum(hosts.values()) - stored
    seconds = max(hosts.values(), default=0) * max(config.politeness.delay, 0.5)
    ends = " nothing was kept" if dry else " fetching; interrupt it as you like, the same command goes on"
    if total <= 0:
        return "no article of that time is missing, as far as archive pages and sitemaps list"
    return (
        f"{total:,} articles of {len(hosts)} host{'s' * (len(hosts) != 1)}, about {format_duration(max(1.0, seconds))}"
        f" at one request every {config.politeness.delay:g} s a host;{ends}"
    )
