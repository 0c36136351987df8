"""What the SQL of storage.sql needs of a database engine; storage.sqlite and storage.postgres provide it.

Statements are written once, in what both engines understand, with the parameter marks of SQLite (`?` and `:name`).
What differs is a method here: transactions, errors, streams, the full-text index, and the few queries that only an
engine of its own can serve from an index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from storage.article import Article
from storage.query_language import Word

NO_LIMIT = 2**63 - 1  # of a LIMIT clause: PostgreSQL refuses -1, SQLite refuses NULL


class Rows(Protocol):
    """The result of one statement."""

    @property
    def rowcount(self) -> int:
        """The number of rows that the statement wrote, of all rounds of an executemany."""

    @property
    def description(self) -> Any:
        """A tuple for each column, its name first."""

    def fetchone(self) -> Any:
        """The next row; None after the last one."""

    def fetchall(self) -> list[Any]:
        """The remaining rows."""

    def __iter__(self) -> Iterator[Any]:
        """The remaining rows."""


class Connection(Protocol):
    """One connection to a database."""

    def execute(self, sql: str, values: Any = ..., /) -> Rows:
        """Run one statement."""

    def executemany(self, sql: str, rows: Iterable[Any], /) -> Rows:
        """Run one statement for each of the rows."""

    def commit(self) -> None:
        """Commit what was written outside of `Database.transaction`."""

    def close(self) -> None:
        """Close the connection."""


class QuerySyntax(Protocol):
    """The query language of a full-text index."""

    both: str  # between two expressions that must both match
    either: str
    without: str

    def word(self, word: Word) -> str:
        """The expression of a word, phrase or prefix; "" if nothing of it is indexed."""

    def matches(self, alias: str, parameter: str) -> str:
        """The condition that an article matches the expression in a named parameter; for a list of articles."""

    def matches_one(self, alias: str, parameter: str) -> str:
        """The same condition, for one article after another."""


class FullText(Protocol):
    """The full-text index of articles."""

    def syntax(self) -> QuerySyntax:
        """The language of the index."""

    def ids(self, parameter: str) -> str:
        """A SELECT of the ids (`id`) of all articles that match the query in a named parameter."""

    def by_author(self, alias: str) -> str:
        """The condition that an author's name contains one of the folded names in the parameter :authors."""

    def ranked(
        self, query: str, in_headline: str, limit: int, narrow: str, values: dict[str, Any]
    ) -> Iterator[list[int]]:
        """Ids of matching articles, best first, in lists: the first ones short, as few hits are usually needed.

        Articles with the words in their headline come first; a match in a byline alone comes last.

        Args:
            query: in the language of the index.
            in_headline: those of its hits that come first, in the same language.
            limit: how many hits are wanted; NO_LIMIT for all.
            narrow: a SELECT of the ids that may be returned; "" for all.
            values: its parameters.
        """

    def has_more_than(self, most: int, query: str, narrow: str, values: dict[str, Any]) -> bool:
        """Whether more than so many articles match; the arguments are those of `ranked`."""

    def matching_among(self, query: str, ids: Sequence[int]) -> set[int]:
        """Those of some articles that match."""

    def add(self, article_id: int, article: Article) -> None:
        """Add an article, at the end of the transaction or earlier."""

    def remove(self, article_id: int, article: Article) -> None:
        """Remove an article, which is as it was added."""

    def clear(self, *, fold_anew: bool) -> None:
        """Remove all articles; with `fold_anew`, index by the present folding from now on."""

    def write(self) -> None:
        """Write what was added and removed."""


class Database(Protocol):
    """A connection, and what its engine does in a way of its own."""

    @property
    def conn(self) -> Connection:
        """The connection."""

    @property
    def full_text(self) -> FullText:
        """The full-text index of articles."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open; an engine may have rolled it back after an error."""

    def stream(self, sql: str, values: Any = ..., /) -> Iterator[Any]:
        """The rows of a query that may have very many."""

    def transaction(self) -> AbstractContextManager[None]:
        """One writing transaction; no other one decides meanwhile.

        Raises:
            StorageError: it cannot be written; everything inside is rolled back.
        """

    def savepoint(self) -> AbstractContextManager[None]:
        """A part of a transaction that is rolled back alone."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Let all queries inside see one state of the database."""

    def time_limit(self, seconds: float) -> AbstractContextManager[None]:
        """Limit the time of all queries inside, in total.

        Raises:
            QueryTimeout: they took longer.
        """

    def translate_errors(self) -> AbstractContextManager[None]:
        """Translate the engine's errors into StorageError."""

    def close(self) -> None:
        """Close the connection."""

    def optimize(self) -> None:
        """Let the engine update its statistics."""

    def server_version(self) -> str | None:
        """The version of the server; None where there is none."""

    def timeline(self) -> int | None:
        """A number that differs after a fail-over; None where there is none."""

    def last_ids(self) -> dict[str, int]:
        """By table with ids of its own: the last id that was given, also to a row that is deleted."""

    def set_last_id(self, table: str, last: int) -> None:
        """Let the next id of a table be after that one."""

    def using_index(self, name: str) -> str:
        """A hint, after a table's name, to use an index; "" where the engine takes none."""

    def of_this_worker(self, host: str) -> str:
        """The condition that the host in a column belongs to this process."""

    def leased_by_this_worker(self, host: str) -> str:
        """The condition that the host in a column belongs to this process, or will be given back soon by it."""

    def owns(self, host: str) -> bool:
        """Whether a host belongs to this process."""

    def visited_hosts(self) -> list[str]:
        """Hosts of this process that another one requests just now, led there by a redirect."""

    def oldest_of_each_host(self, *, pending: str, leasable: str) -> tuple[str, str]:
        """The oldest few pending entries of each host: (common table expressions, a FROM clause with the alias x).

        Args:
            pending: the condition of the partial index of pending entries, for the alias e.
            leasable: the condition that an entry may be leased, for the alias e.
        """
