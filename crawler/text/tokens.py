"""Split text into words, in every script. Pure, and cheap to import."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")


_SHORT = 100_000  # characters; longer texts are rare, and not worth caching


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text: runs of letters and digits, and single characters in a script without spaces."""
    return _counted(text) if len(text) <= _SHORT else _found(text)


def has_single_characters(text: str) -> bool:
    """Return whether a text has characters of a script without spaces, which are words of their own."""
    return _CJK.search(text) is not None


def _found(text: str) -> tuple[str, ...]:
    if text.isascii():
        return tuple(_WORD.findall(text))
    return tuple(_WORD.findall(_CJK.sub(r" \g<0> ", text)))


_counted = lru_cache(maxsize=16)(_found)  # five steps count the words of the same page


_PLAIN = (("‘’", "'"), ("“”„«»", '"'), ("–—", "-"))


def fold(text: str) -> str:
    """Return text with quotes, dashes and case normalized."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        for marks, plain in _PLAIN:  # str.translate takes ten times as long
            for mark in marks:
                text = text.replace(mark, plain)
    return text.casefold()


def normalize(text: str | None) -> str:
    """Return text for comparison: quotes, dashes, case and spaces are normalized."""
    return " ".join(fold(text or "").split())


class Token(NamedTuple):
    """A run of letters and digits, or a character of a script without spaces, and its place in the text."""

    word: str  # normalized and without case
    start: int
    end: int


_RUN = re.compile(f"{_CJK.pattern}|(?:(?!{_CJK.pattern})[^\\W_])+")


def tokens(text: str) -> tuple[Token, ...]:
    """Return the text's runs of letters and digits; unlike `words`, "end.Next" is two."""
    return tuple(
        Token(unicodedata.normalize("NFKC", match[0]).casefold(), match.start(), match.end())
        for match in _RUN.finditer(text)
    )


def letters(text: str) -> str:
    """Return a text's letters and digits alone, normalized and without case."""
    return "".join(token.word for token in tokens(text))
