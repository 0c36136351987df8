"""The Python functions for the commands of the command line.

fetch and crawl run the engine in a child process, so they can be called any number of times, from threads, notebooks
and event loops.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from crawler.config.dump import to_toml
from crawler.config.loader import load_config, shipped_sources
from crawler.config.models import Config, PublisherRules
from crawler.errors import CrawlerError, FetchError
from crawler.startup import own_command
from crawler.urls import site
from storage.address import ServerAddress, parse_address
from storage.article import Article
from storage.errors import MissingDatabase, StorageError
from storage.records import CrawlRun, SourceCounts

LOOK = 0.5  # seconds between two looks for what a crawl has stored

if TYPE_CHECKING:
    from crawler.extraction.extraction import Extraction
    from crawler.feeds.parsed_feed import ParsedFeed
    from storage.sql.changes import ChangeEvent


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
    answer = _Child({"verb": "fetch", "urls": list(dict.fromkeys(wanted)), "store": store}, config, database).answer()
    found = {
        f["url"]: _article(f["article"]) if f["article"] else FetchError(f"{f['url']}: {f['reason']}")
        for f in answer["fetched"]
    }
    return [found[url] for url in wanted]


@overload
def crawl(
    *sources: str,
    config: Config | str | Path | None = None,
    database: str | Path | None = None,
    due: bool = False,
    limit: int | None = None,
    articles: Literal[False] = False,
) -> CrawlRun: ...


@overload
def crawl(
    *sources: str,
    config: Config | str | Path | None = None,
    database: str | Path | None = None,
    due: bool = False,
    limit: int | None = None,
    articles: Literal[True],
) -> Iterator[Article]: ...


def crawl(
    *sources: str,
    config: Config | str | Path | None = None,
    database: str | Path | None = None,
    due: bool = False,
    limit: int | None = None,
    articles: bool = False,
) -> CrawlRun | Iterator[Article]:
    """Run one pass over the sources.

    Args:
        sources: ids, or `tag:TAG`; by default all enabled sources.
        config: as in fetch.
        database: as in fetch.
        due: only feeds and rechecks that are due.
        limit: at most this many of the newest new articles per source.
        articles: return the articles instead, new and edited, each as it is stored; the crawl begins with the first
            one that is taken, and is stopped where the iterator is closed before its end.

    Returns:
        The counts per source; `exit_code` as on the command line.

    Raises:
        CrawlerError: the settings or the database cannot be used, or another newsdesk has locked the database.
    """
    request = {"verb": "crawl", "sources": list(sources), "due": due, "limit": limit}
    if articles:
        return _crawled(_Child(request, config, database))
    found = _Child(request, config, database).answer()["run"]
    counts = tuple(SourceCounts(**row) for row in found.pop("sources"))
    return CrawlRun(**found, sources=counts)


def _article(row: dict[str, Any]) -> Article:
    return Article(**{**row, "authors": tuple(row["authors"]), "tags": tuple(row["tags"])})


def _crawled(child: _Child) -> Iterator[Article]:
    """The articles that a crawl stores; what another worker of a shared store writes meanwhile is among them."""
    seq = child.last_seq()
    with ThreadPoolExecutor(1) as pool:
        try:
            crawling = pool.submit(child.answer)
            while not crawling.done():
                wait([crawling], LOOK)
                with suppress(StorageError):  # it does not exist yet, or is migrated just now
                    for event in child.events_after(seq):
                        seq = event.seq
                        yield event.article
            crawling.result()
            yield from (event.article for event in child.events_after(seq))
        finally:
            child.stop()


class _Child:
    """One request in a child process."""

    def __init__(
        self, request: dict[str, Any], config: Config | str | Path | None, database: str | Path | None
    ) -> None:
        settings = config if isinstance(config, Config) else load_config(config, database=database)
        self._address = parse_address(database or settings.database, settings.folder).absolute()
        request["config"] = to_toml(
            dataclasses.replace(settings, storage=dataclasses.replace(settings.storage, database=""))
        )
        request["folder"] = str(self._address.folder if isinstance(self._address, ServerAddress) else "")
        self._request = request
        self._process: subprocess.Popen[str] | None = None

    def answer(self) -> dict[str, Any]:
        """Start the process, and wait for its answer."""
        place = self._address.url if isinstance(self._address, ServerAddress) else str(self._address)
        self._process = subprocess.Popen(
            own_command("crawler.engine.jobs.subprocess_entry"),
            env={**os.environ, "NEWSDESK_DB": place},  # it may have a password
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with self._process as process:
            try:
                out, err = process.communicate(json.dumps(self._request))
            except BaseException:  # as subprocess.run does, where a signal interrupts the wait
                process.kill()
                raise
        try:
            answer: dict[str, Any] = json.loads(out)
        except ValueError:
            last = (err.strip().splitlines() or ["it said nothing"])[-1]
            raise CrawlerError(
                f"the engine's process ended with {process.returncode}: {last}; `newsdesk doctor` checks the machine"
            ) from None
        if error := answer.get("error"):
            failure = CrawlerError(error["message"])
            failure.exit_code = error["exit_code"]
            raise failure
        return answer

    def stop(self) -> None:
        """Let the process end soon, as Ctrl-C does; nothing is lost."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def last_seq(self) -> int:
        """The last change that is stored; 0 in a database that does not exist yet."""
        from storage.store import open_store

        try:
            with open_store(self._address) as store:
                return store.last_seq()
        except MissingDatabase:
            return 0

    def events_after(self, seq: int) -> Iterator[ChangeEvent]:
        """New and edited articles after that change."""
        from storage.store import open_store

        with open_store(self._address) as store:
            events = store.change_events(seq, store.last_seq())
            yield from (event for event in events if event.event != "vanished")
