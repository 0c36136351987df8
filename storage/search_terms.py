"""Tokens of the full-text index: texts and queries are segmented the same way. Pure.

SQLite's unicode61 tokenizer splits words at spaces, but Han, Kana, Thai, Lao, Khmer and Burmese are written without
them (Hangul has spaces, but particles are attached to its words). Runs of these scripts are therefore indexed as
overlapping pairs of characters, and queried as a phrase of such pairs: 北京市 becomes 北京 京市 市.
"""

from __future__ import annotations

import re

_RUN = re.compile(
    "["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Burmese
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff"  # Hangul
    "\u1780-\u17ff"  # Khmer
    "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff"  # Kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "]+"
)
_QUOTED = re.compile(r'"([^"]*)"')


def segment_for_search(text: str | None) -> str:
    """The text as it is indexed."""
    if not text or text.isascii():
        return text or ""
    return _RUN.sub(lambda match: f" {_pairs(match[0])} ", text)


def _pairs(run: str) -> str:
    """Each pair of neighbours, and the last character alone, so that one character matches every run with it."""
    return " ".join([*(run[i : i + 2] for i in range(len(run) - 1)), run[-1]])


def fts_query(query: str) -> str:
    """Turn user input into a valid FTS5 query: quoted text is a phrase, the rest is words, and all must occur.

    Returns "" if the input contains no searchable term.
    """
    query = query.replace("\0", " ")
    terms: list[str] = []
    position = 0
    for quoted in _QUOTED.finditer(query):
        terms += query[position : quoted.start()].split()
        terms.append(quoted[1])
        position = quoted.end()
    terms += query[position:].split()
    return " ".join(term for term in map(_term, terms) if term)


def _term(words: str) -> str:
    """One word or phrase as an FTS5 string.

    A run of an unspaced script is a phrase of pairs; a single character is a prefix.
    """
    if len(words) == 1 and _RUN.fullmatch(words):
        return f'"{words}"*'
    text = _RUN.sub(lambda match: f" {' '.join(_query_pairs(match[0]))} ", words).replace('"', " ").strip()
    return f'"{text}"' if re.search(r"\w", text) else ""


def _query_pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]


_MARK_WORD = re.compile(r"\w+")


def snippet(text: str, query: str, *, width: int = 160) -> str:
    """The part of a text around the first match, with matches between « and »; the start of the text if there is none.

    FTS5's snippet() cannot do this: it does not see the original text of unspaced scripts, only the indexed pairs.
    """
    needles = sorted(
        {w.casefold() for t in _QUOTED.findall(query) + _QUOTED.sub(" ", query).split() for w in _MARK_WORD.findall(t)},
        key=len,
        reverse=True,
    )
    flat = " ".join(text.split())
    if not needles:
        return flat[:width] + ("…" if len(flat) > width else "")
    pattern = re.compile(
        "|".join(re.escape(n) if _RUN.search(n) else rf"\b{re.escape(n)}\b" for n in needles), re.IGNORECASE
    )
    first = pattern.search(flat)
    start = max(0, (first.start() if first else 0) - width // 3)
    if start and " " in flat[start : start + 20]:
        start = flat.index(" ", start) + 1
    piece = flat[start : start + width]
    marked = pattern.sub(lambda match: f"«{match[0]}»", piece)
    return ("…" if start else "") + marked + ("…" if start + width < len(flat) else "")
