"""Imported by the fork server only: reads a few pages and a feed once, so that workers start with everything loaded.

Reading the first page loads word lists of forty languages, a list of top-level domains and compiled patterns: 0.3 s of
CPU, and memory that all workers share.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from datetime import UTC, datetime

from crawler.extraction.extractor import extract
from crawler.feeds.parser import parse_feed

_WORDS = (
    "The council met on Monday and agreed that the old bridge over the river would be closed for repairs until the "
    "spring, said the mayor of the town."
)
_PARAGRAPHS = "".join(
    f"<p>{_WORDS} It was the {n}th time in as many years that they had to do so.</p>" for n in range(8)
)
# An article; its text alone, whose language and date must be guessed; and a page without a text, for which every method
# is tried.
_PAGES = (
    (
        '<html lang="en"><head><title>A bridge</title><meta property="og:type" content="article"></head><body>'
        f"<article><h1>A bridge</h1>{_PARAGRAPHS}</article></body></html>"
    ),
    f"<html><body><div>{_PARAGRAPHS}</div></body></html>",
    f"<html><body><ul><li><a href='/a'>{_WORDS}</a></li></ul><p>{_WORDS}</p></body></html>",
)
_FEED = (
    b"<rss version='2.0'><channel><title>x</title><item><title>A bridge</title><link>/a-bridge</link></item>"
    b"</channel></rss>"
)


def _in_one_line(kind: type[BaseException], error: BaseException, _: object) -> None:
    print(
        f"newsdesk: the extraction processes' server ended ({kind.__name__}: {error}); it is restarted",
        file=sys.stderr,
    )


# one line instead of a traceback: this process ends for lack of resources, such as file descriptors
sys.excepthook = _in_one_line

for _page in _PAGES:
    with contextlib.suppress(Exception):  # a worker without the preload works too
        extract(_page.encode(), "https://www.example.org/2026/11/22/a-bridge", now=datetime(2026, 11, 22, tzinfo=UTC))

with contextlib.suppress(Exception):
    parse_feed(_FEED, "https://www.example.org/feed.xml", now=datetime(2026, 11, 22, tzinfo=UTC))

gc.collect()
gc.freeze()  # a collection in a worker would write to the shared memory of loaded objects and so copy it
