"""What runs in an extraction process: one page in, one Extraction out. Imports nothing until it is warmed."""

from __future__ import annotations

import os
import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crawler.articles.extraction import Extraction
    from crawler.feeds.listing import ParsedFeed
    from crawler.settings import PublisherRules

MEMORY = 2 * 1024**3  # address space of one worker, bytes: a page of 5 MB JSON-LD took 708 MB


def warm() -> None:
    """Called once in a new process: limit its memory, leave Ctrl-C to the parent, end with the parent, import what is needed."""
    import resource
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard), hard))
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    import crawler.articles.extraction
    import crawler.feeds.parser  # noqa: F401 - warmed: trafilatura alone takes half a second to import


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def extract_page(body: bytes, url: str, rules: PublisherRules, now: datetime) -> Extraction | None:
    """Extract one page."""
    from crawler.articles.extraction import extract

    return extract(body, url, rules=rules, now=now)


def read_feed(body: bytes, url: str, content_type: str, now: datetime, kind: str) -> ParsedFeed:
    """Parse one large feed."""
    from crawler.feeds.parser import parse_feed

    return parse_feed(body, url, content_type=content_type, now=now, kind=kind)
