"""What reading a page gives. Apart from read_page.py, so that the process that writes loads no extraction. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from crawler.extraction.extraction import Extraction
from storage.article import Article


@dataclass(frozen=True, slots=True, kw_only=True)
class PageResult:
    """The result of reading one page."""

    extraction: Extraction | None  # None: forbidden (403), and the page does not say why
    article: Article | None  # None: neither page nor feed gives one; extraction.problem has the reason
    before: Article | None = None  # as the rules of its stored version read it, if that gives another text
    grams: frozenset[int] = frozenset()  # of the article's text; see near_duplicates.shingles
    comments: bool = False  # HTML comments are next to its words; see comments_in_text
