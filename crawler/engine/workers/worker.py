"""The functions that run in a worker process. Heavy modules are imported only there."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib
import os
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crawler.content_encoding import DecodeError, gunzip
from crawler.errors import FeedError
from crawler.startup import collect_garbage_seldom, limit

if TYPE_CHECKING:
    from crawler.articles.page_result import PageResult
    from crawler.config.models import PublisherRules
    from crawler.extraction.extraction import Extraction
    from crawler.feeds.discovery import Candidate
    from crawler.feeds.parsed_feed import ParsedFeed
    from crawler.feeds.robots import Rules
    from crawler.feeds.source_lists import ImportResult
    from storage.warc import RawPage, RawPlace

# The modules that a worker needs: half a second, loaded once for all workers by the fork server.
PRELOAD = ("crawler.articles.read_page", "crawler.feeds.parser", "storage.warc", "crawler.engine.workers.preload")
LARGE = 2 * 1024**2  # bytes of a page or feed after which freed memory is returned to the system
# Memory limits of one worker, in bytes: a page that exceeds them fails alone. RLIMIT_AS limits the reserved address
# space, RLIMIT_DATA what may become resident.
MEMORY = {"RLIMIT_AS": 1024**3, "RLIMIT_DATA": 384 * 1024**2}


def init_worker() -> None:
    """Initialize a new process: limit its memory, ignore Ctrl-C, end with the parent, import the modules."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name, most in MEMORY.items():
        with contextlib.suppress(OSError, ValueError):  # not every system has each limit
            limit(name, most)
    collect_garbage_seldom()
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    for module in PRELOAD:  # the fork server has loaded most of them
        importlib.import_module(module)


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


class ExtractionError(Exception):
    """An error raised by a parser, as text: not every library's exceptions can be pickled."""

    def __init__(self, text: str, trace: str) -> None:
        super().__init__(text, trace)
        self.trace = trace

    def __str__(self) -> str:
        return str(self.args[0])


def _full() -> bool:
    """Whether this process came near its memory limit."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > 0.8 * MEMORY["RLIMIT_DATA"]


@contextlib.contextmanager
def _as_text() -> Iterator[None]:
    try:
        yield
    except (FeedError, DecodeError, MemoryError):
        raise
    except Exception as error:
        text = f"{type(error).__name__}: {error}"[:300]
        if "alloc" in text.lower() or _full():  # libxml2 has many messages for a lack of memory
            raise MemoryError(text) from None
        raise ExtractionError(text, traceback.format_exc()) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRead:
    """The result of reading a page, the hash of its bytes, and its WARC record (empty if it is not stored)."""

    reading: PageResult
    sha256: str
    record: bytes


@_as_text()
def read_page(page: RawPage, *, most: int, keep: bool, **how: Any) -> PageRead:
    """Read one page, including everything that takes time, so that the writing process only writes.

    Args:
        page: as it was received, compressed or not.
        most: bytes that it may decompress to.
        keep: whether to make the WARC record.
        how: the arguments of crawler.articles.read_page.read_page.

    Raises:
        DecodeError: the page cannot be decompressed.
        MemoryError: it takes more than MEMORY.
        ExtractionError: any other error of a parser.
    """
    from crawler.articles.read_page import read_page
    from storage.warc import warc_record

    body, alone = gunzip(page.body, most) if page.packed else (page.body, True)
    if not alone:  # readers of WARC files read the first gzip member only
        page = replace(page, body=body, packed=False)
    reading = read_page(body, page.url, page.status, content_type=page.header("Content-Type"), **how)
    if len(body) > LARGE:
        release_memory()
    return PageRead(
        reading=reading,
        sha256=hashlib.sha256(body).hexdigest(),
        record=warc_record(page) if keep and reading.article is not None else b"",
    )


@_as_text()
def read_stored_page(
    place: RawPlace, *, url: str | None = None, sha256: str | None = None, **how: Any
) -> PageRead | str:
    """Read the stored raw page of an article again.

    Args:
        place: of its record.
        url: the address that it must have; a folder that was moved may have been begun anew under the same names.
        sha256: the hash of its bytes, likewise.
        how: the arguments of crawler.articles.read_page.read_page, without the time of the request.

    Returns:
        The page; a reason where there is no such raw page.
    """
    from storage.errors import StorageError
    from storage.warc import read_raw

    try:
        raw = read_raw(place)
    except StorageError as error:
        return str(error)
    if (url and raw.url != url) or (sha256 and hashlib.sha256(raw.body).hexdigest() != sha256):
        return f"{place.path.name}: another page is stored at {place.offset}; is it the file that the database was made with?"
    return read_page(raw, most=len(raw.body), keep=False, now=raw.at, **how)


def release_memory() -> None:
    """Return freed memory to the system, so that one large page does not take the room of the next (glibc only)."""
    from trafilatura.meta import reset_caches

    reset_caches()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@_as_text()
def read_candidates(body: bytes, url: str) -> list[Candidate]:
    """The feeds that a page links to."""
    from crawler.feeds.discovery import discover_feeds

    return discover_feeds(body, url)


@_as_text()
def extract_page(body: bytes, url: str, rules: PublisherRules, now: datetime) -> Extraction | None:
    """Extract one page by itself, for a check that stores nothing."""
    from crawler.extraction.extractor import extract

    return extract(body, url, rules=rules, now=now)


@_as_text()
def read_list(body: bytes, name: str) -> ImportResult:
    """Read a source list written by another program."""
    from crawler.feeds.source_lists import read_any

    return read_any(body, name)


@_as_text()
def read_robots(body: bytes, agent: str) -> Rules:
    """Parse a large robots.txt for a user agent."""
    from crawler.feeds.robots import read_rules

    return read_rules(body, agent)


@_as_text()
def allows(packed: bytes, url: str) -> bool:
    """Whether packed rules allow an address."""
    from crawler.feeds.robots import unpacked

    return unpacked(packed).allows(url)


@_as_text()
def read_feed(
    body: bytes,
    url: str,
    content_type: str,
    now: datetime,
    kind: str,
    *,
    source_id: str | None = None,
    language: str | None = None,
) -> ParsedFeed:
    """Parse one feed, sitemap or section page, with the articles of entries that have a text and no address.

    Args:
        body: without content-encoding.
        url: its address.
        content_type: the header.
        now: the clock.
        kind: "page" for a section page.
        source_id: of those articles.
        language: the source's.
    """
    from crawler.articles.feed_article import feed_article
    from crawler.feeds.parser import parse_feed

    parsed = parse_feed(body, url, content_type=content_type, now=now, kind=kind)
    if any(entry.url is None for entry in parsed.entries):
        language = (parsed.language or language) if parsed.kind != "sitemap" else language
        entries = (
            replace(entry, article=feed_article(entry, source=source_id, language=language, now=now))
            for entry in parsed.entries
        )
        parsed = replace(parsed, entries=tuple(entries))
    if len(body) > LARGE:
        release_memory()
    return parsed
