"""The part of an article that shows why a search found it. Pure.

FTS5's snippet() cannot do this: it does not see the original text of unspaced scripts, only the indexed pairs. Matches
are searched in the folded text, and marked in the text as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from storage.article import Article
from storage.query_language import Word, parse, words
from storage.search_folding import fold_all, fold_with_origins
from storage.search_terms import RUN, UNSPACED

WIDTH = 160  # characters of a snippet
_MOST = 200  # words of a query that are marked
_PIECE = re.compile(r"\w+")


class Snippets:
    """Snippets for one query: its words between « and »."""

    def __init__(self, query: str) -> None:
        found = list(words(parse(query).node))
        self._in_text = _pattern(word for word in found if not word.field)
        self._in_byline = _pattern(word for word in found if word.field in {"", "author"})

    def of_article(self, article: Article) -> str:
        """The first match in the text; the byline where the match is there alone; else the beginning of the text."""
        text = " ".join((article.text or article.summary or "").split())
        matches = _matches(text, self._in_text)
        if not matches and not _matches(f"{article.title or ''} {article.subtitle or ''}", self._in_text):
            byline = ", ".join(article.authors)
            if found := _matches(byline, self._in_byline):
                return f"by {_cut(byline, found)} · {_cut(text, [])}".rstrip(" ·")
        return _cut(text, matches)


def _matches(text: str, pattern: re.Pattern[str] | None) -> list[tuple[int, int]]:
    """Where a text matches, as far as a snippet shows it: (begin, end)."""
    if pattern is None or not text:
        return []
    folded, origins = fold_with_origins(text)
    found: list[tuple[int, int]] = []
    for match in pattern.finditer(folded):
        found.append((origins[match.start()], _end(origins, match.end())))
        if found[-1][0] > found[0][0] + 2 * WIDTH:
            break
    return found


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


def _pattern(searched: Iterable[Word]) -> re.Pattern[str] | None:
    """The pattern of all words and phrases, the longest first; None for none."""
    wanted = {(fold_all(word.text).casefold(), word.prefix) for word in searched}
    longest = sorted(wanted, key=lambda word: len(word[0]), reverse=True)[:_MOST]
    patterns = [made for text, prefix in longest if (made := _marked(text, prefix))]
    return re.compile("|".join(patterns), re.IGNORECASE) if patterns else None


def _marked(text: str, prefix: bool) -> str:
    """The pattern of a word or phrase: complete, but it may be between characters of an unspaced script."""
    pieces = _PIECE.findall(text)
    if not pieces:
        return ""
    phrase = r"\W{1,4}".join(map(re.escape, pieces))
    start = "" if RUN.match(pieces[0]) else rf"(?:(?<!\w)|(?<={UNSPACED}))"
    end = "" if RUN.search(pieces[-1][-1]) else r"\w{0,40}" if prefix else rf"(?:(?!\w)|(?={UNSPACED}))"
    return start + phrase + end


def _end(origins: Sequence[int], position: int) -> int:
    """Where a match in the folded text ends in the original: after the last character that it has a part of."""
    last = origins[position - 1]
    while origins[position] == last:
        position += 1
    return origins[position]
