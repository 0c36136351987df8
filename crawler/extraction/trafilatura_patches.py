"""trafilatura with its XPaths evaluated by attribute_xpath.py, and justext's lists read by word_lists.py.

There is no public interface for either.
"""

from __future__ import annotations

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
    # the lists are in lower case, and a frozenset of a frozenset is itself; trafilatura clears the function's cache
    vars(import_module("justext.core"))["define_stoplist"] = lru_cache(maxsize=1)(frozenset)
    return trafilatura
