"""trafilatura with its XPaths evaluated by attribute_xpath.py. There is no public interface for that."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from crawler.extraction.attribute_xpath import evaluated_here


@cache
def patched_trafilatura() -> Any:
    """Return trafilatura, patched once per process."""
    import trafilatura

    for name, expressions in vars(import_module("trafilatura.xpaths")).items():
        if name.endswith(("_XPATH", "_ELEMENTS")) and isinstance(expressions, list):
            expressions[:] = map(evaluated_here, expressions)  # its modules share the lists
    baseline = vars(import_module("trafilatura.baseline"))
    baseline["BASIC_CLEAN_XPATH"] = evaluated_here(baseline["BASIC_CLEAN_XPATH"])
    return trafilatura
