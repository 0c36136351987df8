"""The full-text index of articles in PostgreSQL: the table article_words, with a GIN index over tsvector.

Texts are folded, segmented and split into words here, by the rules of SQLite's index (storage.search_terms; unicode61
with the categories L*, N*, Co, Mn, Mc), and the vectors are written out: PostgreSQL's own parser splits by the locale
of the database and reads numbers, hosts and paths as one word. The same words are found in both.

Limits of tsvector: a phrase is found in the first 16,383 words of an article, and among the first 256 occurrences of
each of its words.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from storage.article import Article
from storage.engine import NO_LIMIT, Database
from storage.query_language import Word
from storage.search_folding import fold_all
from storage.search_terms import indexed_texts, queried
from storage.sql.versions import SEARCH_FOLDING, set_current

_FIRST = 4  # times the limit: the size of the first list of hits, as some are filtered out or folded
_WEIGHTS = "'{0.1, 0.001, 0.1, 1.0}'"  # of text (D), authors (C), nothing (B) and title (A)
_FIELDS = {"": "", "title": "A", "author": "C"}
_MOST_POSITIONS = 16_383
_MOST_BYTES = 800_000  # of the words of one vector; PostgreSQL allows a megabyte
_LONGEST = 400  # characters of a word; PostgreSQL allows 2,046 bytes
_BETWEEN_FIELDS = 20  # positions, so that no phrase goes from one field into the next
_MARKS = re.compile("[\u0300-\u036f]")
_SIGN = re.compile(r"[^\w\s]|_")
_UPSERT = (
    "INSERT INTO article_words (article_id, authors, words) VALUES (?, ?, CAST(? AS tsvector)) "
    "ON CONFLICT (article_id) DO UPDATE SET authors = excluded.authors, words = excluded.words"
)


class TsquerySyntax:
    """tsquery, with the weights of `vector`; storage.engine.QuerySyntax."""

    both, either, without = " & ", " | ", " & !"

    def word(self, word: Word) -> str:
        """A word, phrase or prefix, in one field or all."""
        text, begins = queried(word.text)
        found = _words(text)
        field = _FIELDS[word.field]
        marks = [field] * (len(found) - 1) + ["*" * (word.prefix or begins) + field]
        terms = [f"'{text}'{f':{mark}' * bool(mark)}" for text, mark in zip(found, marks, strict=False)]
        return f"({' <-> '.join(terms)})" if len(terms) > 1 else "".join(terms)

    def matches(self, alias: str, parameter: str) -> str:
        """The condition that an article matches."""
        return f"{alias}.id IN ({_ids(parameter)})"

    def matches_one(self, alias: str, parameter: str) -> str:
        """The same, for one article after another."""
        return (
            f"EXISTS (SELECT 1 FROM article_words w WHERE w.article_id = {alias}.id "
            f"AND w.words @@ CAST(:{parameter} AS tsquery))"
        )


class TsvectorIndex:
    """The index of one connection; storage.engine.FullText."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def syntax(self) -> TsquerySyntax:
        """The language of the index."""
        return TsquerySyntax()

    def ids(self, parameter: str) -> str:
        """A SELECT of the ids of all matching articles."""
        return _ids(parameter)

    def by_author(self, alias: str) -> str:
        """The condition that an author's name contains one of the folded names in :authors."""
        return (
            "EXISTS ("
            "  SELECT 1 FROM article_words w, json_each(w.authors) n, json_each(:authors) x "
            f"  WHERE w.article_id = {alias}.id AND instr(n.value, x.value) > 0)"
        )

    def ranked(
        self, query: str, in_headline: str, limit: int, narrow: str, values: dict[str, Any]
    ) -> Iterator[list[int]]:
        """Ids of hits: first those with the words in the headline, then by rank."""
        among = f"AND w.article_id IN ({narrow})" if narrow else ""
        given = {**values, "ranked": query, "headline": in_headline}
        sql = (
            "SELECT w.article_id FROM article_words w "
            f"WHERE w.words @@ CAST(:ranked AS tsquery) {among} "
            "ORDER BY w.words @@ CAST(:headline AS tsquery) DESC, "
            f"  ts_rank_cd({_WEIGHTS}, w.words, CAST(:ranked AS tsquery)) DESC, w.article_id DESC"
        )
        start, size = 0, NO_LIMIT if limit == NO_LIMIT else _FIRST * limit
        while True:
            rows = self._db.conn.execute(f"{sql} LIMIT {size} OFFSET {start}", given).fetchall()
            yield [row[0] for row in rows]
            if size == NO_LIMIT or len(rows) < size:
                return
            start, size = start + size, NO_LIMIT

    def has_more_than(self, most: int, query: str, narrow: str, values: dict[str, Any]) -> bool:
        """Whether more than so many articles match."""
        among = f"AND w.article_id IN ({narrow})" if narrow else ""
        sql = f"SELECT 1 FROM article_words w WHERE w.words @@ CAST(:ranked AS tsquery) {among} LIMIT {most + 1}"
        counted = self._db.conn.execute(f"SELECT count(*) FROM ({sql}) AS counted", {**values, "ranked": query})
        return bool(counted.fetchone()[0] > most)

    def matching_among(self, query: str, ids: Sequence[int]) -> set[int]:
        """Those of some articles that match."""
        rows = self._db.conn.execute(
            "SELECT w.article_id FROM article_words w "
            "WHERE w.article_id IN (SELECT CAST(value AS BIGINT) FROM json_each(:among)) "
            "  AND w.words @@ CAST(:ranked AS tsquery)",
            {"among": json.dumps(list(ids)), "ranked": query},
        )
        return {row[0] for row in rows.fetchall()}

    def add(self, article_id: int, article: Article) -> None:
        """Add an article, or replace it."""
        names = json.dumps([fold_all(name).casefold() for name in article.authors], ensure_ascii=False)
        self._db.conn.execute(_UPSERT, (article_id, names, vector(*indexed_texts(article))))

    def remove(self, article_id: int, article: Article) -> None:  # noqa: ARG002 - FTS5 needs the article
        """Remove an article."""
        self._db.conn.execute("DELETE FROM article_words WHERE article_id = ?", (article_id,))

    def clear(self, *, fold_anew: bool) -> None:
        """Remove all articles."""
        self._db.conn.execute("DELETE FROM article_words")
        if fold_anew:
            set_current(self._db, SEARCH_FOLDING)

    def write(self) -> None:
        """Nothing: `add` and `remove` have written."""


def _ids(parameter: str) -> str:
    return f"SELECT article_id AS id FROM article_words WHERE words @@ CAST(:{parameter} AS tsquery)"


def vector(title: str, text: str, authors: str) -> str:
    """The words of an article as a tsvector."""
    places: dict[str, list[str]] = {}
    position, room = 1, _MOST_BYTES
    for field, weight in ((title, "A"), (authors, "C"), (text, "D")):
        for word in _words(field):
            if word not in places:
                room -= len(word.encode()) + 8
                if room < 0:
                    continue
                places[word] = []
            if position <= _MOST_POSITIONS or not places[word]:
                places[word].append(f"{min(position, _MOST_POSITIONS)}{weight}")
            position += 1
        position += _BETWEEN_FIELDS
    return " ".join(f"'{word}':{','.join(at[:256])}" for word, at in places.items())


def _words(segmented: str) -> list[str]:
    """The words of a folded and segmented text, as unicode61 splits it, without case and marks."""
    text = segmented.lower() if segmented.isascii() else _MARKS.sub("", fold_all(segmented).casefold())
    return [word[:_LONGEST] for word in _SIGN.sub(_kept_sign, text).split()]


def _kept_sign(sign: re.Match[str]) -> str:
    """A mark or a private character belongs to its word; any other sign parts words."""
    return sign[0] if unicodedata.category(sign[0]) in {"Mn", "Mc", "Co"} else " "
