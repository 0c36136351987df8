"""What runs in an extraction process: one page in, what it came to out. Imports nothing heavy until it is warmed."""

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
from crawler.startup import limit, raise_gc_thresholds

if TYPE_CHECKING:
    from crawler.articles.read_page import PageResult
    from crawler.config.models import PublisherRules
    from crawler.extraction.extraction import Extraction
    from crawler.feeds.discovery import Candidate
    from crawler.feeds.parsed_feed import ParsedFeed
    from crawler.feeds.robots import Rules
    from crawler.feeds.source_lists import ImportResult
    from storage.warc import RawPage

# What a worker needs: half a second, loaded once for all of them by the fork server.
PRELOAD = ("crawler.articles.read_page", "crawler.feeds.parser", "storage.warc", "crawler.engine.workers.preload")
LARGE = 2 * 1024**2  # bytes of a page or feed after which memory is given back
# Bytes of one worker: a page that takes more fails alone. Address space is what is asked for, data is what may become resident.
MEMORY = {"RLIMIT_AS": 1024**3, "RLIMIT_DATA": 384 * 1024**2}


def init_worker() -> None:
    """Called once in a new process: limit its memory, leave Ctrl-C to the parent, end with the parent, import what is needed."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name, most in MEMORY.items():
        with contextlib.suppress(OSError, ValueError):  # not every system knows each
            limit(name, most)
    raise_gc_thresholds()
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    for module in PRELOAD:  # loaded already where the fork server could
        importlib.import_module(module)


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


class ExtractionError(Exception):
    """What a page or feed made a parser trip over, as text: not every library's errors travel between processes."""

    def __init__(self, text: str, trace: str) -> None:
        super().__init__(text, trace)
        self.trace = trace

    def __str__(self) -> str:
        return str(self.args[0])


def _full() -> bool:
    """Whether this process came near its limit."""
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
        if "alloc" in text.lower() or _full():  # libxml2 says many things where memory is what it lacks
            raise MemoryError(text) from None
        raise ExtractionError(text, traceback.format_exc()) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRead:
    """What comes back of a page: what it came to, the hash of its bytes, and its record for the raw pages (empty where they are not kept)."""

    reading: PageResult
    sha256: str
    record: bytes


@_as_text()
def read_page(page: RawPage, *, most: int, keep: bool, **how: Any) -> PageRead:
    """Read one page; all that takes time of it is done here, so that the process that writes only writes.

    Args:
        page: as it came, packed or not.
        most: bytes that it may unpack to.
        keep: whether the raw page is kept.
        how: see articles.reading.read.

    Raises:
        DecodeError: it cannot be unpacked.
        MemoryError: it takes more than MEMORY.
        ReadFailed: anything else that it made us trip over.
    """
    from crawler.articles.read_page import read_page
    from storage.warc import warc_record

    body, alone = gunzip(page.body, most) if page.packed else (page.body, True)
    if not alone:  # readers of WARC files read the first member only
        page = replace(page, body=body, packed=False)
    reading = read_page(body, page.url, page.status, **how)
    if len(body) > LARGE:
        release_memory()
    return PageRead(
        reading=reading,
        sha256=hashlib.sha256(body).hexdigest(),
        record=warc_record(page) if keep and reading.article is not None else b"",
    )


def release_memory() -> None:
    """Hand freed memory back to the system, so that one large page does not take the next one's room (glibc only)."""
    from trafilatura.meta import reset_caches

    reset_caches()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@_as_text()
def read_candidates(body: bytes, url: str) -> list[Candidate]:
    """The feeds that a page names."""
    from crawler.feeds.discovery import discover_feeds

    return discover_feeds(body, url)


@_as_text()
def extract_page(body: bytes, url: str, rules: PublisherRules, now: datetime) -> Extraction | None:
    """One page by itself, for a look that keeps nothing."""
    from crawler.extraction.extractor import extract

    return extract(body, url, rules=rules, now=now)


@_as_text()
def read_list(body: bytes, name: str) -> ImportResult:
    """A source list of others."""
    from crawler.feeds.source_lists import read_any

    return read_any(body, name)


@_as_text()
def read_robots(body: bytes, agent: str) -> Rules:
    """What a large robots.txt says to a crawler."""
    from crawler.feeds.robots import read_rules

    return read_rules(body, agent)


@_as_text()
def allows(packed: bytes, url: str) -> bool:
    """Whether many rules, packed, let an address be requested."""
    from crawler.feeds.robots import unpacked

    return unpacked(packed).allows(url)


@_as_text()
def read_feed(body: bytes, url: str, content_type: str, now: datetime, kind: str) -> ParsedFeed:
    """Parse one feed, sitemap or section page."""
    from crawler.feeds.parser import parse_feed

    parsed = parse_feed(body, url, content_type=content_type, now=now, kind=kind)
    if len(body) > LARGE:
        release_memory()
    return parsed
