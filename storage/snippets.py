"""The part of an article that shows why a search found it. Pure.

FTS5's snippet() cannot do this: it does not see the original text of unspaced scripts, only the indexed pairs. Matches
are searched in the folded text, and marked in the text as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property

from storage.article import Article
from storage.query_language import Word, parse, words
from storage.search_folding import fold_all, fold_with_origins
from storage.search_terms import RUN, UNSPACED

WIDTH = 160  # characters of a snippet
_MOST = 200  # words of a query that are marked
_PIECE = re.compile(r"\w+")
# These scripts have no case; with IGNORECASE their class takes three times as long to compile.
_UNSPACED = f"(?-i:{UNSPACED})"


class Snippets:
    """Snippets for one query: its words between « and »."""

    def __init__(self, query: str) -> None:
        found = list(words(parse(query).node))
        self._in_text = _Marks(word for word in found if not word.field)
        self._in_byline = _Marks(word for word in found if word.field in {"", "author"})

    def of_article(self, article: Article) -> str:
        """The first match in the text; the byline where the match is there alone; else the beginning of the text."""
        text = " ".join((article.text or article.summary or "").split())
        matches = self._in_text.find(text)
        if not matches and not self._in_text.find(f"{article.title or ''} {article.subtitle or ''}"):
            byline = ", ".join(article.authors)
            if found := self._in_byline.find(byline):
                return f"by {_cut(byline, found)} · {_cut(text, [])}".rstrip(" ·")
        return _cut(text, matches)


class _Marks:
    """The words and phrases that are marked in a text."""

    def __init__(self, searched: Iterable[Word]) -> None:
        wanted = {(fold_all(word.text).casefold(), word.prefix) for word in searched}
        longest = sorted(wanted, key=lambda word: len(word[0]), reverse=True)[:_MOST]
        self._words = [(pieces, prefix) for text, prefix in longest if (pieces := _PIECE.findall(text))]
        self._starts = [pieces[0] for pieces, _ in self._words]

    @cached_property
    def _spaced(self) -> re.Pattern[str]:
        """The pattern for a text whose words have spaces between them: quick to compile."""
        return re.compile("|".join(_marked(pieces, prefix) for pieces, prefix in self._words), re.IGNORECASE)

    @cached_property
    def _unspaced(self) -> re.Pattern[str]:
        """The pattern for a text with characters of an unspaced script, which may be next to a word."""
        patterns = (_marked(pieces, prefix, _UNSPACED) for pieces, prefix in self._words)
        return re.compile("|".join(patterns), re.IGNORECASE)

    def find(self, text: str) -> list[tuple[int, int]]:
        """Where a text matches, as far as a snippet shows it: (begin, end)."""
        if not self._starts or not text:
            return []
        folded, origins = fold_with_origins(text)
        pattern = self._spaced if folded.isascii() or not RUN.search(folded) else self._unspaced
        first = pattern.search(folded, self._first(folded))
        if first is None:
            return []
        shown = pattern.finditer(folded, first.start(), first.end() + 2 * WIDTH)
        return [(origins[match.start()], _end(origins, match.end())) for match in shown]

    def _first(self, folded: str) -> int:
        """Where the first match may begin: the pattern looks at each character, which takes ten times as long."""
        lower = folded.lower()
        if len(lower) != len(folded):
            return 0
        places = [place for start in self._starts if (place := lower.find(start)) >= 0]
        return min(places, default=len(folded))


def _cut(text: str, matches: list[tuple[int, int]]) -> str:
    start = max(0, (matches[0][0] if matches else 0) - WIDTH // 3)
    if start and " " in text[start : start + 20]:
        start = text.index(" ", start) + 1
    end = start + WIDTH
    if end < len(text) and (space := text.rfind(" ", end - 20, end)) > max([start, *(ends for _, ends in matches[:1])]):
        end = space
    marked, done = "", start
    for begins, ends in matches:
        if begins >= done and ends <= end:
            marked += f"{text[done:begins]}«{text[begins:ends]}»"
            done = ends
    return ("…" if start else "") + marked + text[done:end] + ("…" if end < len(text) else "")


def _marked(pieces: Sequence[str], prefix: bool, neighbours: str = "") -> str:
    """The pattern of a word or phrase: complete, but it may be between characters of the class `neighbours`."""
    before = rf"(?:(?<!\w)|(?<={neighbours}))" if neighbours else r"(?<!\w)"
    after = rf"(?:(?!\w)|(?={neighbours}))" if neighbours else r"(?!\w)"
    start = "" if RUN.match(pieces[0]) else before
    end = "" if RUN.search(pieces[-1][-1]) else r"\w{0,40}" if prefix else after
    return start + r"\W{1,4}".join(map(re.escape, pieces)) + end


def _end(origins: Sequence[int], position: int) -> int:
    """Where a match in the folded text ends in the original: after the last character that it has a part of."""
    last = origins[position - 1]
    while origins[position] == last:
        position += 1
    return origins[position]
