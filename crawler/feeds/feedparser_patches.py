"""feedparser with patches: what it guesses wrongly is left as written, and what its callers never read is not computed.

There is no public interface for these. Each patch was compared on all feeds of feedparser's own tests.
"""

from __future__ import annotations

import types
from functools import cache, lru_cache, partialmethod
from typing import Any

MAX_AUTHOR = 1_000  # characters; a name and an address, or a list of both
ASIDES = ("dc_description", "itunes_summary")  # a summary where there is no description


@cache
def patched_feedparser() -> Any:
    """Return feedparser, patched once per process."""
    import feedparser

    feedparser.api.PREFERRED_XML_PARSERS[:] = [
        "xml.sax.expatreader"
    ]  # otherwise it tries to import a parser from 2004 for each feed
    _correct(feedparser.mixin._FeedParserMixin)  # noqa: SLF001
    _quicken(feedparser)
    return feedparser


def _correct(mixin: Any) -> None:
    """Leave ids, asides and authors as written."""
    mixin.can_be_relative_uri = mixin.can_be_relative_uri - {"id"}  # an id is not relative to anything
    for name in (*ASIDES, "media_description"):  # otherwise each is read as another <description>
        setattr(mixin, f"_start_{name}", partialmethod(_begin, name))
        setattr(mixin, f"_end_{name}", partialmethod(mixin.pop, name))
    look_for_address = mixin._sync_author_detail  # noqa: SLF001

    def keep_author(parser: Any, key: str = "author") -> None:
        """Keep an author as written: feedparser's pattern knows no domain such as .online, and is quadratic."""
        context = parser._get_context()  # noqa: SLF001
        details = context.get(f"{key}s") or [{}]
        if details[-1]:
            look_for_address(parser, key)
        elif author := context.get(key):
            context[key] = details[-1]["name"] = author[:MAX_AUTHOR]

    mixin._sync_author_detail = keep_author  # noqa: SLF001


def _begin(parser: Any, name: str, _attributes: Any) -> None:
    parser.push(name, 1)


def _quicken(feedparser: Any) -> None:
    """Save a quarter of its time: it joins an element's base, copies flat records and reads dates that nobody reads."""
    mixin, record = feedparser.mixin, feedparser.util.FeedParserDict
    mixin.copy = types.SimpleNamespace(deepcopy=record)  # the records that it copies hold nothing but texts
    mixin._urljoin = lru_cache(maxsize=64)(mixin._urljoin)  # noqa: SLF001
    mixin.make_safe_absolute_uri = lru_cache(maxsize=64)(mixin.make_safe_absolute_uri)
    feedparser.namespaces._base._parse_date = lambda _: None  # noqa: SLF001  # dates are read by crawler.text.dates
    renamed = {*record.keymap, "category", "enclosures", "license", "updated", "updated_parsed"}
    look_up, find = record.__getitem__, record.get

    def item(self: Any, key: str) -> Any:
        return look_up(self, key) if key in renamed else dict.__getitem__(self, key)

    def get(self: Any, key: str, default: Any = None) -> Any:
        return find(self, key, default) if key in renamed else dict.get(self, key, default)

    record.__getitem__, record.get = item, get
