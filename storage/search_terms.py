"""Tokens of the full-text index: texts and queries are segmented the same way. Pure.

SQLite's unicode61 tokenizer splits words at spaces, but Han, Kana, Thai, Lao, Khmer and Burmese are written without
them (Hangul has spaces, but particles are attached to its words). Runs of these scripts are therefore indexed as
overlapping pairs of characters, and queried as a phrase of such pairs: 北京市 becomes 北京 京市 市. Before that, both are
folded (storage.search_folding), by the version of the folding that the index was written with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from storage.records import Article
from storage.search_folding import FOLDING, fold, fold_all, fold_with_origins

_UNSPACED = (
    "["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Burmese
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff"  # Hangul
    "\u1780-\u17ff"  # Khmer
    "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff"  # Kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "]"
)
_RUN = re.compile(f"{_UNSPACED}+")
_QUOTED = re.compile(r'"([^"]*)"')


def segment_for_search(text: str | None, folding: int = FOLDING) -> str:
    """The text as it is indexed; version 1 of the folding folds nothing."""
    if not text or text.isascii():
        return text or ""
    return _RUN.sub(lambda match: f" {_pairs(match[0])} ", fold(text) if folding > 1 else text)


def indexed_texts(article: Article, folding: int = FOLDING) -> tuple[str, str, str]:
    """What is indexed of an article: title, text and authors; the summary where there is no text."""
    summary = f"\n\n{article.summary}" if article.summary and not article.text else ""
    subtitle = f" {article.subtitle}" if article.subtitle else ""
    return (
        segment_for_search(f"{article.title or ''}{subtitle}", folding),
        segment_for_search(f"{article.text or ''}{summary}", folding),
        segment_for_search("; ".join(article.authors), folding),
    )


def _pairs(run: str) -> str:
    """Each pair of neighbours, and the last character alone, so that one character matches every run with it."""
    return " ".join([*(run[i : i + 2] for i in range(len(run) - 1)), run[-1]])


@dataclass(frozen=True, slots=True)
class Term:
    """A word or a phrase of a query, folded and segmented; a prefix matches every word that begins with it."""

    text: str
    prefix: bool = False


def query_terms(query: str, folding: int = FOLDING) -> list[Term]:
    """The terms of user input: quoted text is a phrase, the rest is words, and all must occur.

    The folding is that of the index. What has no letter or digit is left out.
    """
    query = (fold(query) if folding > 1 else query).replace("\0", " ")
    terms: list[str] = []
    position = 0
    for quoted in _QUOTED.finditer(query):
        terms += query[position : quoted.start()].split()
        terms.append(quoted[1])
        position = quoted.end()
    terms += query[position:].split()
    return [term for term in map(_term, terms) if term is not None]


def fts_query(query: str, folding: int = FOLDING) -> str:
    """Turn user input into a valid FTS5 query; "" if it has no searchable term."""
    return " ".join(f'"{term.text}"{"*" * term.prefix}' for term in query_terms(query, folding))


def _term(words: str) -> Term | None:
    """One word or phrase; a run of an unspaced script is a phrase of pairs, a single character of one is a prefix."""
    if len(words) == 1 and _RUN.fullmatch(words):
        return Term(words, prefix=True)
    text = _RUN.sub(lambda match: f" {' '.join(_query_pairs(match[0]))} ", words).replace('"', " ").strip()
    return Term(text) if re.search(r"\w", text) else None


def _query_pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]


_MARK_WORD = re.compile(r"\w+")


def snippet(text: str, query: str, *, width: int = 160) -> str:
    """The part of a text around the first match, with matches between « and »; the start of the text if there is none.

    FTS5's snippet() cannot do this: it does not see the original text of unspaced scripts, only the indexed pairs.
    Matches are searched in the folded text, and marked in the text as it is.
    """
    query = fold_all(query)
    needles = sorted(
        {w.casefold() for t in _QUOTED.findall(query) + _QUOTED.sub(" ", query).split() for w in _MARK_WORD.findall(t)},
        key=len,
        reverse=True,
    )
    flat = " ".join(text.split())
    if not needles:
        return flat[:width] + ("…" if len(flat) > width else "")
    pattern = re.compile("|".join(map(_marked, needles)), re.IGNORECASE)
    folded, origins = fold_with_origins(flat)
    matches = [(origins[m.start()], _end(origins, m.end())) for m in pattern.finditer(folded)]
    start = max(0, (matches[0][0] if matches else 0) - width // 3)
    if start and " " in flat[start : start + 20]:
        start = flat.index(" ", start) + 1
    end = start + width
    marked, done = "", start
    for begins, ends in matches:
        if begins >= done and ends <= end:
            marked += f"{flat[done:begins]}«{flat[begins:ends]}»"
            done = ends
    return ("…" if start else "") + marked + flat[done:end] + ("…" if end < len(flat) else "")


def _marked(needle: str) -> str:
    """The pattern of a word: complete, but it may stand between characters of an unspaced script."""
    word = re.escape(needle)
    if _RUN.search(needle):
        return word
    return rf"(?:(?<!\w)|(?<={_UNSPACED})){word}(?:(?!\w)|(?={_UNSPACED}))"


def _end(origins: list[int], position: int) -> int:
    """Where a match in the folded text ends in the original: after the last character that it has a part of."""
    last = origins[position - 1]
    while origins[position] == last:
        position += 1
    return origins[position]
