"""trafilatura with its XPaths evaluated by attribute_xpath.py, and justext's lists read by word_lists.py.

There is no public interface for either.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

from crawler.extraction.attribute_xpath import evaluated_here
from crawler.extraction.word_lists import all_words


@cache
def patched_trafilatura() -> Any:
    """Return trafilatura, patched once per process."""
    import trafilatura

    for name, expressions in vars(import_module("trafilatura.xpaths")).items():
        if name.endswith(("_XPATH", "_ELEMENTS")) and isinstance(expressions, list):
            expressions[:] = map(evaluated_here, expressions)  # its modules share the lists
    baseline = vars(import_module("trafilatura.baseline"))
    baseline["BASIC_CLEAN_XPATH"] = evaluated_here(baseline["BASIC_CLEAN_XPATH"])
    vars(import_module("trafilatura.external"))["jt_stoplist_init"] = all_words
    vars(import_module("justext.core"))["define_stoplist"] = _define_stoplist
    return trafilatura


@lru_cache(maxsize=128)  # trafilatura clears the cache of the function that it finds
def _define_stoplist(words: Collection[str]) -> frozenset[str]:
    if words is all_words():
        return all_words()
    return frozenset(word.lower() for word in words)
