"""Tokens of the full-text index: texts and queries are segmented the same way. Pure.

SQLite's unicode61 tokenizer splits words at spaces, but Han, Kana, Thai, Lao, Khmer and Burmese are written without
them (Hangul has spaces, but particles are attached to its words). Runs of these scripts are therefore indexed as
overlapping pairs of characters, and queried as a phrase of such pairs: 北京市 becomes 北京 京市 市. Before that, both are
folded (storage.search_folding), by the version of the folding that the index was written with.
"""

from __future__ import annotations

import re

from storage.article import Article
from storage.search_folding import FOLDING, fold

UNSPACED = (
    "["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Burmese
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff"  # Hangul
    "\u1780-\u17ff"  # Khmer
    "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff"  # Kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "]"
)
RUN = re.compile(f"{UNSPACED}+")


def segment_for_search(text: str | None, folding: int = FOLDING) -> str:
    """The text as it is indexed; version 1 of the folding folds nothing."""
    if not text or text.isascii():
        return text or ""
    return RUN.sub(lambda match: f" {_pairs(match[0])} ", fold(text) if folding > 1 else text)


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


def queried(text: str, folding: int = FOLDING) -> tuple[str, bool]:
    """A word or phrase of a query as it is indexed, and whether words that begin with it match too; "" for nothing.

    A run of an unspaced script is a phrase of pairs, a single character of one is a prefix. The folding is that of the
    index.
    """
    text = fold(text) if folding > 1 else text
    if len(text) == 1 and RUN.fullmatch(text):
        return text, True
    text = RUN.sub(lambda match: f" {' '.join(_query_pairs(match[0]))} ", text).replace('"', " ").strip()
    return (text, False) if re.search(r"\w", text) else ("", False)


def _query_pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]
