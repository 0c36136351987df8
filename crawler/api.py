"""The Python functions for the commands of the command line.

fetch and crawl run the engine in a child process, so they can be called any number of times, from threads, notebooks
and event loops.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crawler.config.dump import to_toml
from crawler.config.loader import load_config, shipped_sources
from crawler.config.models import Config, PublisherRules
from crawler.errors import CrawlerError, FetchError
from crawler.startup import own_command
from crawler.urls import site
from storage.address import ServerAddress, parse_address
from storage.records import Article, CrawlRun, SourceCounts

if TYPE_CHECKING:
    from crawler.extraction.extraction import Extraction
    from crawler.feeds.parsed_feed import ParsedFeed


def extract(body: bytes, url: str) -> Extraction | None:
    """Extract one page, in this process; the only other input is the shipped publisher rules.

    Args:
        body: the page's bytes, without content-encoding; not decoded text.
        url: its address; the rules of a shipped source on the same site apply.

    Returns:
        The extraction; None where there is nothing to read. `problem` says why a page is not an article, for example
        "consent wall".
    """
    from crawler.extraction.extractor import extract as extract_page

    return extract_page(body, url, rules=_rules().get(site(url)))


@lru_cache(maxsize=1)
def _rules() -> dict[str, PublisherRules]:
    return {site(source.url): source.article for source in shipped_sources() if source.url}


def parse_feed(body: bytes, url: str) -> ParsedFeed:
    """Parse a feed of any kind: RSS, RDF, Atom, JSON Feed, sitemap.

    Args:
        body: its bytes.
        url: its address, for relative links.

    Raises:
        FeedError: it is not a feed.
    """
    from crawler.feeds.parser import parse_feed as read_feed

    return read_feed(body, url, now=datetime.now(UTC))


def fetch(
    url: str, *, config: Config | str | Path | None = None, database: str | Path | None = None, store: bool = True
) -> Article:
    """Fetch and extract one address now.

    Args:
        url: the address.
        config: settings, or the path of a configuration file; by default the file in force.
        database: the database, a file or postgresql://…; by default the configuration's.
        store: whether to store the article.

    Returns:
        The article.

    Raises:
        FetchError: the address could not be fetched, or gave no article; the message says why.
        CrawlerError: the settings or the database cannot be used.
    """
    found = fetch_many([url], config=config, database=database, store=store)[0]
    if isinstance(found, FetchError):
        raise found
    return found


def fetch_many(
    urls: Iterable[str],
    *,
    config: Config | str | Path | None = None,
    database: str | Path | None = None,
    store: bool = True,
) -> list[Article | FetchError]:
    """Fetch and extract addresses now, in parallel.

    Args:
        urls: the addresses.
        config: as in fetch.
        database: as in fetch.
        store: as in fetch.

    Returns:
        For each address, in the order given, its article, or a FetchError that says why there is none.

    Raises:
        CrawlerError: the settings or the database cannot be used.
    """
    wanted = list(urls)
    if not wanted:
        return []
    answer = _run_child({"verb": "fetch", "urls": list(dict.fromkeys(wanted)), "store": store}, config, database)
    found = {
        f["url"]: _article(f["article"]) if f["article"] else FetchError(f"{f['url']}: {f['reason']}")
        for f in answer["fetched"]
    }
    return [found[url] for url in wanted]


def crawl(
    *sources: str,
    config: Config | str | Path | None = None,
    database: str | Path | None = None,
    due: bool = False,
    limit: int | None = None,
) -> CrawlRun:
    """Run one pass over the sources.

    Args:
        sources: ids, or `tag:TAG`; by default all enabled sources.
        config: as in fetch.
        database: as in fetch.
        due: only feeds and rechecks that are due.
        limit: at most this many of the newest new articles per source.

    Returns:
        The counts per source; `exit_code` as on the command line.

    Raises:
        CrawlerError: the settings or the database cannot be used, or another newsdesk has locked the database.
    """
    found = _run_child({"verb": "crawl", "sources": list(sources), "due": due, "limit": limit}, config, database)["run"]
    counts = tuple(SourceCounts(**row) for row in found.pop("sources"))
    return CrawlRun(**found, sources=counts)


def _article(row: dict[str, Any]) -> Article:
    return Article(**{**row, "authors": tuple(row["authors"]), "tags": tuple(row["tags"])})


def _run_child(
    request: dict[str, Any], config: Config | str | Path | None, database: str | Path | None
) -> dict[str, Any]:
    """Run one request in a child process."""
    settings = config if isinstance(config, Config) else load_config(config, database=database)
    address = parse_address(database or settings.database, settings.folder).absolute()
    request["config"] = to_toml(
        dataclasses.replace(settings, storage=dataclasses.replace(settings.storage, database=""))
    )
    request["folder"] = str(address.folder if isinstance(address, ServerAddress) else "")
    place = address.url if isinstance(address, ServerAddress) else str(address)
    done = subprocess.run(
        own_command("crawler.engine.jobs.subprocess_entry"),
        env={**os.environ, "NEWSDESK_DB": place},  # it may have a password
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise CrawlerError(f"the engine's process ended with {done.returncode}: {last}") from None
    if error := answer.get("error"):
        failure = CrawlerError(error["message"])
        failure.exit_code = error["exit_code"]
        raise failure
    return answer
