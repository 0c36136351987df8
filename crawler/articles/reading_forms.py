"""An old text or headline in the form of a new reading of it. Pure.

Used where the old page is not there any more: whatever a new release may read differently takes the new form, and only
words of the old version that the publisher must have changed stay.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from crawler.articles.bounded_diff import Budget, diff_opcodes
from crawler.text.tokens import Token, letters, tokens
from crawler.urls import host_of
from storage.article import Article

BOTH_HAVE = 0.6  # share of a paragraph's words that the other reading must have too
SAME_HEADLINE = 0.5  # share of a headline's words that its edited form keeps
MOST_PARTS = 6  # separators of a title that are looked at
# Between a headline and the name of its site or section. A colon is left out: it also joins two halves of a headline.
_SEPARATOR = re.compile(r"\s{0,9}[|•·»]\s{0,9}|\s{1,9}[-–—]{1,2}\s{1,9}|\s{1,9}::\s{1,9}")


@dataclass(frozen=True, slots=True)
class _Reading:
    """A text as words without case and punctuation, and the paragraph of each."""

    text: str
    tokens: tuple[Token, ...]
    paragraphs: tuple[int, ...]  # the paragraph's number, for each token

    @property
    def words(self) -> list[str]:
        return [token.word for token in self.tokens]


def _reading(text: str) -> _Reading:
    found = tokens(text)
    paragraphs: list[int] = []
    number, at = 0, 0
    for token in found:
        number += "\n" in text[at : token.start]
        at = token.end
        paragraphs.append(number)
    return _Reading(text, found, tuple(paragraphs))


def text_in_form(old: str | None, new: str | None, *, clear: bool) -> str | None:
    """Return the new text with the words of the old one where a paragraph that both have says something else.

    Paragraphs that only one reading has, their order and breaks, spaces and punctuation are a matter of reading; unless
    `clear`, so are words that only one reading has inside a paragraph, and other words at its start or end.
    """
    if not old or not new:
        return new
    a, b = _reading(old), _reading(new)
    steps = diff_opcodes(a.words, b.words, Budget())
    if steps is None:
        return new
    in_old, in_new = [False] * len(a.tokens), [False] * len(b.tokens)
    for op, i1, i2, j1, j2 in steps:
        if op == "equal":
            in_old[i1:i2], in_new[j1:j2] = [True] * (i2 - i1), [True] * (j2 - j1)
    shared = _shared(a, in_old), _shared(b, in_new)
    pieces: list[str] = []
    at = 0
    for op, i1, i2, j1, j2 in steps:
        if not _is_edit(op, a, b, (i1, i2, j1, j2), shared, clear=clear):
            continue
        start, end, before = _replaced(op, a, b, (i1, i2, j1, j2))
        pieces += [new[at:start], before]
        at = end
    return "".join([*pieces, new[at:]])


def _replaced(op: str, a: _Reading, b: _Reading, at: tuple[int, int, int, int]) -> tuple[int, int, str]:
    """Return (start, end, old text): what of the new text is replaced, with the spaces and punctuation before it."""
    i1, i2, j1, j2 = at
    if op == "delete":
        place = b.tokens[j1 - 1].end
        return place, place, a.text[a.tokens[i1 - 1].end : a.tokens[i2 - 1].end]
    if op == "replace":
        return b.tokens[j1].start, b.tokens[j2 - 1].end, a.text[a.tokens[i1].start : a.tokens[i2 - 1].end]
    if j1 > 0 and b.paragraphs[j1 - 1] == b.paragraphs[j1]:
        return b.tokens[j1 - 1].end, b.tokens[j2 - 1].end, ""
    return b.tokens[j1].start, b.tokens[j2].start if j2 < len(b.tokens) else b.tokens[j2 - 1].end, ""


def _is_edit(
    op: str, a: _Reading, b: _Reading, at: tuple[int, int, int, int], shared: tuple[set[int], set[int]], *, clear: bool
) -> bool:
    """Return whether a difference of two readings is the publisher's: inside paragraphs that both have."""
    i1, i2, j1, j2 = at
    if op == "insert":
        return clear and _in_one(b, j1, j2, shared[1])
    if op == "delete":  # at the edge of a paragraph it may be a line of its own, of boilerplate
        inside = 0 < j1 < len(b.tokens) and b.paragraphs[j1 - 1] == b.paragraphs[j1]
        return clear and inside and _in_one(a, i1, i2, shared[0])
    if op == "replace":
        both = _in_one(a, i1, i2, shared[0]) and _in_one(b, j1, j2, shared[1])
        inside = j1 > 0 and j2 < len(b.tokens) and b.paragraphs[j1 - 1] == b.paragraphs[j2]
        return both and (clear or inside) and not _read_alike(a.words[i1:i2], b.words[j1:j2])
    return False


def _shared(reading: _Reading, equal: list[bool]) -> set[int]:
    """Return the paragraphs most of whose words the other reading has."""
    counted: dict[int, list[bool]] = {}
    for number, found in zip(reading.paragraphs, equal, strict=True):
        counted.setdefault(number, []).append(found)
    return {number for number, found in counted.items() if sum(found) >= BOTH_HAVE * len(found)}


def _in_one(reading: _Reading, start: int, end: int, shared: set[int]) -> bool:
    """Return whether the words from `start` to `end` are in one paragraph that both readings have."""
    at = reading.paragraphs
    return at[start] == at[end - 1] and at[start] in shared


def _read_alike(old: list[str], new: list[str]) -> bool:
    """Return whether two runs of words are the same letters: glued, split, or decoded in another way."""
    one, other = "".join(old), "".join(new)
    if one == other or "\ufffd" in one + other:
        return True
    if _without_marks(one) == _without_marks(other):
        return True
    bare = [text.encode("ascii", "ignore") for text in (one, other)]  # "cafÃ©" and "café"
    return bool(bare[0]) and bare[0] == bare[1] and not (one.isascii() and other.isascii())


def _without_marks(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))


# Headlines


def title_in_form(known: Article, new: Article) -> str | None:
    """Return the stored headline in the form of the new one: with or without the names beside it, as that is.

    Args:
        known: the stored article, read by another extractor.
        new: the new page's article.
    """
    old, title = known.title, new.title
    if not old or not title or not new.title:
        return title
    old, title = _without_shared_name(old, title, known, new)
    score, _, mine, theirs = max(
        (_similarity(a, b), len(a) + len(b), a, b) for a in _pieces(old, known, new) for b in _pieces(title, known, new)
    )
    if score == 1 or _names_site(old, known, new):
        return new.title
    same_place = _source(known) == _source(new)
    if score >= SAME_HEADLINE and (same_place or (mine, theirs) != (old, title)):
        return new.title.replace(theirs, mine, 1)
    return new.title.replace(title, _without_names(old, known, new), 1) if same_place else new.title


def _without_shared_name(old: str, title: str, known: Article, new: Article) -> tuple[str, str]:
    """Return two titles without the site's name, if both have it, and without a name at the end that both have."""
    bare = _without_names(old, known, new), _without_names(title, known, new)
    if bare[0] != old and bare[1] != title:
        old, title = bare
    for _ in range(MOST_PARTS):
        a, b = (list(_SEPARATOR.finditer(text)) for text in (old, title))
        if not a or not b or a[-1].start() < len(end := old[a[-1].end() :]):
            break
        if letters(end) != letters(title[b[-1].end() :]):
            break
        old, title = old[: a[-1].start()], title[: b[-1].start()]
    return old, title


def _source(article: Article) -> str | None:
    return (article.provenance.get("title") or {}).get("source")


def _pieces(title: str, known: Article, new: Article) -> list[str]:
    """Return a title, and what is left of it without its last parts or without its first ones."""
    places = list(_SEPARATOR.finditer(title))[:MOST_PARTS]
    parts = [*(title[: place.start()] for place in places), *(title[place.end() :] for place in places)]
    return [title, *(part for part in parts if not _names_site(part, known, new))]


def _similarity(one: str, other: str) -> float:
    """Return the share of words that two headlines have in common; 1 for the same letters."""
    a, b = (Counter(token.word for token in tokens(text)) for text in (one, other))
    if letters(one) == letters(other):
        return float(bool(a))
    return min(0.99, (a & b).total() / max(a.total(), b.total(), 1))


def _without_names(title: str, known: Article, new: Article) -> str:
    """Return a title without the name of its site at its end or start."""
    places = list(_SEPARATOR.finditer(title))
    if places and _names_site(title[places[-1].end() :], known, new):
        return title[: places[-1].start()]
    if places and _names_site(title[: places[0].start()], known, new):
        return title[places[0].end() :]
    return title


def _names_site(part: str, known: Article, new: Article) -> bool:
    """Return whether a part of a title is the site's name, by its source, its host, or what the new title lacks."""
    name, title = letters(part), letters(new.title or "")
    cut = letters((new.provenance.get("title") or {}).get("raw") or "").replace(title, "", 1)
    short = name.removeprefix("the")
    return len(short) >= 3 and (
        name == cut or any(short in letters(p) for p in (host_of(known.url), known.source or ""))
    )
