"""Remove parts of markup as text, in one pass, before a parser reads it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

MAX_TAG = 20_000  # characters of a tag from which its attributes are counted
MAX_ATTRIBUTES = 1_000  # libxml2 compares each with all before it: 100,000 take minutes; expat takes 3 s for 15,000

_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_LONG_TAG = re.compile(rf"([a-zA-Z][\w:.-]{{0,99}})(\s[^<>]{{{MAX_TAG},}})>")
_COMMENT = re.compile("--!?>")


def strip_attribute_floods(markup: str) -> str:
    """Remove all attributes of tags with more than MAX_ATTRIBUTES; the element and its content stay."""
    pieces: list[str] = []
    done = 0
    for at in _long_gaps(markup):
        if tag := _LONG_TAG.match(markup, at + 1):
            pieces += [markup[done : at + 1], _without_attributes(tag)]
            done = tag.end()
    return "".join([*pieces, markup[done:]]) if pieces else markup


def _long_gaps(markup: str) -> Iterator[int]:
    """Yield the place of each `<` with more than MAX_TAG characters to the next one, skipping as far as there is none."""
    at = markup.find("<")
    while at >= 0:
        following = markup.rfind("<", at + 1, at + MAX_TAG + 2)
        if following < 0 and len(markup) > at + MAX_TAG + 1:
            yield at
            following = markup.find("<", at + MAX_TAG + 2)
        at = following


def _without_attributes(tag: re.Match[str]) -> str:
    attributes = tag[2]
    if len(_QUOTED.sub("", attributes).split()) <= MAX_ATTRIBUTES:
        return tag[0]
    return f"{tag[1]}{'/' if attributes.endswith('/') else ''}>"


class NonTextStripper:
    """Removes comments and elements without text (scripts, styles) from markup."""

    def __init__(self, *names: str) -> None:
        self._opening = re.compile(rf"<(?:!--|({'|'.join(names)})\b)", re.IGNORECASE)
        self._closing: Mapping[str, re.Pattern[str]] = {
            "": _COMMENT,
            **{name: re.compile(rf"</{name}\s{{0,99}}>", re.IGNORECASE) for name in names},
        }

    def strip(self, markup: str, instead: Callable[[str, str], str]) -> str:
        """Return the markup without them, in one pass; an unclosed element stays, and its end is searched only once.

        Args:
            markup: of any size, maybe malformed.
            instead: called with an element's name ("" for a comment) and its markup; returns the replacement.
        """
        kept: list[str] = []
        at = 0
        never: set[str] = set()
        while (opening := self._opening.search(markup, at)) is not None:
            name = (opening[1] or "").lower()
            closing = None if name in never else self._closing[name].search(markup, opening.end())
            kept.append(markup[at : opening.start()])
            if closing is None:
                never.add(name)
                kept.append(opening[0])
                at = opening.end()
            else:
                kept.append(instead(name, markup[opening.start() : closing.end()]))
                at = closing.end()
        return "".join([*kept, markup[at:]])
