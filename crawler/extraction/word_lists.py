"""The common words of a hundred languages, from justext's files (BSD, a dependency of trafilatura).

justext and trafilatura decode each of the 270,000 words by itself, a tenth of a second at each start. Here a file is
decoded at once.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


def common_words(language: str) -> frozenset[str]:
    """The list of a language, in lower case; the same as justext.get_stoplist(language).

    Args:
        language: justext's name of it, as "English" or "Norwegian_Bokmal".
    """
    return _words((_folder() / f"{language}.txt").read_bytes())


@cache
def all_words() -> frozenset[str]:
    """The words of all lists."""
    return frozenset().union(*(_words(file.read_bytes()) for file in _folder().glob("*.txt")))


def _folder() -> Path:
    import justext

    return Path(justext.__file__).parent / "stoplists"


def _words(content: bytes) -> frozenset[str]:
    lines = content.decode().lower().replace("\r\n", "\n").split("\n")
    if not lines[-1]:
        del lines[-1]
    return frozenset(lines)
