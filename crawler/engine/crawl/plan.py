"""What one crawl is to do: which sources or addresses, and when it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from crawler.config.models import Config, Source, SourceIndex
from crawler.errors import ConfigError, UsageError
from crawler.urls import canonical_url, host_of, url_key
from storage.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlPlan:
    """What one run is to do."""

    command: str
    sources: tuple[str, ...] = ()
    feeds: bool = True
    due_only: bool = False
    limit: int | None = None  # at most this many of the newest new articles per source
    entries: tuple[int, ...] = ()  # a fetch: these entries only
    endless: bool = False  # the background crawler: runs until it is stopped
    backfill: bool = False  # only older articles, listed by steps
    dry: bool = False  # a backfill that only counts


def clock() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def urgent_entry(writer: Writer, url: str, source: Source | None, now: datetime) -> int:
    """Add an address that a user requests to the frontier; returns the entry's id."""
    address = canonical_url(url)
    return writer.add_urgent_entry(
        url=address, url_key=url_key(address), host=host_of(address), source=source.id if source else None, now=now
    )


def plan_crawl(
    *, sources: tuple[str, ...] = (), due_only: bool = False, limit: int | None = None, command: str = "crawl"
) -> Callable[[Writer, Config], CrawlPlan]:
    """Plan one pass over the sources."""

    def plan(writer: Writer, config: Config) -> CrawlPlan:  # noqa: ARG001 - one signature
        chosen = config.select_sources(sources)
        if not chosen:
            raise ConfigError(
                "no source to crawl; `newsdesk sources add URL` adds one, `newsdesk sources enable ID` enables one"
            )
        return CrawlPlan(command=command, sources=tuple(s.id for s in chosen), due_only=due_only, limit=limit)

    return plan


def plan_run(writer: Writer, config: Config) -> CrawlPlan:  # noqa: ARG001 - one signature
    """Plan a run that lasts until it is stopped; sources may be added and removed meanwhile."""
    return CrawlPlan(
        command="run", sources=tuple(s.id for s in config.sources if s.enabled), due_only=True, endless=True
    )


def plan_fetch(urls: tuple[str, ...], *, command: str = "fetch") -> Callable[[Writer, Config], CrawlPlan]:
    """Plan a fetch of the given addresses."""

    def plan(writer: Writer, config: Config) -> CrawlPlan:
        if not urls:
            raise UsageError("no address to fetch; say -a url=https://…")
        index = SourceIndex(config.sources)
        try:
            entries = tuple(urgent_entry(writer, url, index.for_url(url), clock()) for url in urls)
        except ValueError as error:
            raise UsageError(str(error)) from error
        return CrawlPlan(command=command, feeds=False, entries=entries)

    return plan
