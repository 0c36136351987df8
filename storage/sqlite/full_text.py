"""The full-text index of articles in SQLite: FTS5 with external content.

Index rows are written together at the end of a transaction. If they were written between the rows of articles, each
savepoint would make FTS5 write its buffer as a separate segment, and segments are merged again and again (measured: 0.7
ms of CPU per article in an archive of 1,000,000; ten articles at once take a tenth).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from storage.article import Article
from storage.engine import NO_LIMIT, Database
from storage.query_language import Word
from storage.search_terms import indexed_texts, queried
from storage.sql.versions import CURRENT, SEARCH_FOLDING, set_current, version

INSERT_WORDS = "INSERT INTO articles_fts (rowid, title, text, authors) VALUES (?, ?, ?, ?)"
# FTS5 with external content needs the old text to delete a row; it must equal the indexed text exactly.
_DELETE = "INSERT INTO articles_fts (articles_fts, rowid, title, text, authors) VALUES ('delete', ?, ?, ?, ?)"
# weights of title, text and authors: who searches a name wants what is written about it, so a byline counts last
_WEIGHTS = "10.0, 1.0, 0.0"
_COLUMNS = {"title": "title", "author": "authors"}
_FIRST = 4  # times the limit: the size of the first batch of hits, as some are filtered out or folded
# The most ids that an index returns for a filter; a filter that matches more articles is applied to the best hits
# instead.
_NARROW = 60_000


class Fts5Syntax:
    """FTS5's query language, for an index of some version of the folding; storage.engine.QuerySyntax."""

    both, either, without = " AND ", " OR ", " NOT "

    def __init__(self, folding: int) -> None:
        self._folding = folding

    def word(self, word: Word) -> str:
        """A word, phrase or prefix, in one column or all."""
        text, begins = queried(word.text, self._folding)
        if not text:
            return ""
        term = f'"{text}"{"*" * (word.prefix or begins)}'
        return f"{{{_COLUMNS[word.field]}}} : {term}" if word.field else term

    def matches(self, alias: str, parameter: str) -> str:
        """The condition that an article matches."""
        return f"{alias}.id IN ({_ids(parameter)})"

    def matches_one(self, alias: str, parameter: str) -> str:
        """The same, for one article after another: seeks its rowid, where `matches` collects those of all hits."""
        return f"EXISTS (SELECT 1 FROM articles_fts WHERE articles_fts MATCH :{parameter} AND rowid = {alias}.id)"


class Fts5Index:
    """The index of one connection, with the rows that its transaction will write; storage.engine.FullText."""

    def __init__(self, db: Database) -> None:
        self.pending: list[tuple[str, tuple[Any, ...]]] = []
        self._db = db
        self._folding: int | None = None

    @property
    def folding(self) -> int:
        """The folding that the index is written with. Only the process with the lock may change it."""
        if self._folding is None:
            self._folding = version(self._db, SEARCH_FOLDING)
        return self._folding

    def syntax(self) -> Fts5Syntax:
        """The language of the index. A reader asks the file each time, as a writer may change its folding."""
        return Fts5Syntax(version(self._db, SEARCH_FOLDING))

    def ids(self, parameter: str) -> str:
        """A SELECT of the ids of all matching articles."""
        return _ids(parameter)

    def by_author(self, alias: str) -> str:
        """The condition that an author's name contains one of the folded names in :authors."""
        return (
            "EXISTS ("
            f"  SELECT 1 FROM json_each({alias}.authors) w, json_each(:authors) x "
            "  WHERE instr(folded(w.value), x.value) > 0)"
        )

    def ranked(
        self, query: str, in_headline: str, limit: int, narrow: str, values: dict[str, Any]
    ) -> Iterator[list[int]]:
        """Ids of hits: first those with the words in the headline, then the others, each group best first.

        Hits are ranked by the index alone. (Measured with 1,000,000 articles: reading the row of each hit takes seconds
        for a common word, ranking each hit a fifth of a second, ranking those in headlines a hundredth.)
        """
        most = NO_LIMIT if limit == NO_LIMIT else _FIRST * limit
        among = self._within(narrow, values)
        for match in dict.fromkeys((in_headline, query)):
            start, size = 0, most
            while True:
                found = [
                    row[0]
                    for row in self._db.conn.execute(
                        "SELECT rowid FROM articles_fts "
                        f"WHERE articles_fts MATCH :ranked {among} "
                        f"ORDER BY bm25(articles_fts, {_WEIGHTS}), rowid DESC "
                        "LIMIT :most OFFSET :from",
                        {**values, "ranked": match, "most": size, "from": start},
                    )
                ]
                yield found
                if size == NO_LIMIT or len(found) < size:
                    break
                start, size = start + size, NO_LIMIT

    def has_more_than(self, most: int, query: str, narrow: str, values: dict[str, Any]) -> bool:
        """Whether more than so many articles match. Without the narrowing first, which costs more."""

        def many(among: str) -> bool:
            sql = f"SELECT 1 FROM articles_fts WHERE articles_fts MATCH :ranked {among} LIMIT {most + 1}"
            counted = self._db.conn.execute(f"SELECT count(*) FROM ({sql})", {**values, "ranked": query})
            return bool(counted.fetchone()[0] > most)

        return many("") and (not narrow or many(self._within(narrow, values)))

    def matching_among(self, query: str, ids: Sequence[int]) -> set[int]:
        """Those of some articles that match: neighbours, for which FTS5 skips the others."""
        rows = self._db.conn.execute(
            "SELECT rowid FROM articles_fts WHERE articles_fts MATCH ? AND rowid BETWEEN ? AND ?",
            (query, min(ids, default=0), max(ids, default=0)),
        )
        return {row[0] for row in rows}.intersection(ids)

    def _within(self, narrow: str, values: dict[str, Any]) -> str:
        """Narrow the hits before ranking, by conditions that an index serves and that match few articles."""
        if not narrow:
            return ""
        many, least, most = self._db.conn.execute(
            f"SELECT count(*), min(id), max(id) FROM ({narrow} LIMIT {_NARROW + 1})", values
        ).fetchone()
        if many > _NARROW:
            return ""
        # Articles of one week have neighbouring ids: with the range, FTS5 skips all ids before the first.
        return f"AND rowid BETWEEN {least or 0} AND {most or 0} AND +rowid IN ({narrow})"

    def add(self, article_id: int, article: Article) -> None:
        """Add an article to the index, at the end of the transaction."""
        self.pending.append((INSERT_WORDS, (article_id, *indexed_texts(article, self.folding))))

    def remove(self, article_id: int, article: Article) -> None:
        """Remove an article from the index, at the end of the transaction; `article` is as it was indexed."""
        self.pending.append((_DELETE, (article_id, *indexed_texts(article, self.folding))))

    def clear(self, *, fold_anew: bool) -> None:
        """Empty the index; with `fold_anew`, write it with the present folding from now on."""
        self._db.conn.execute("INSERT INTO articles_fts (articles_fts) VALUES ('delete-all')")
        if fold_anew:
            set_current(self._db, SEARCH_FOLDING)
            self._folding = CURRENT[SEARCH_FOLDING]

    def write(self) -> None:
        """Write the pending index rows in order."""
        for statement, values in self.pending:
            self._db.conn.execute(statement, values)
        self.pending.clear()


def _ids(parameter: str) -> str:
    return f"SELECT rowid AS id FROM articles_fts WHERE articles_fts MATCH :{parameter}"
