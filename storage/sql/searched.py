"""A query of the query language as SQL: what the full-text index answers, and conditions for the rest.

An index finds words together, words without others, and one word or another. It cannot find what lacks a word, and
knows neither sources nor languages: those parts of a query become conditions, joined as the query says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from storage.engine import QuerySyntax
from storage.query_language import Either, Every, Node, Not, Word, either, every, in_headline, parse

_OUTSIDE = ("source", "lang")  # fields that are columns of articles


@dataclass(slots=True)
class Searched:
    """A query, compiled for one engine.

    Attributes:
        ranked: what the index can rank by, in its language; "" if the query has no such part.
        in_headline: the same, with the words that name no field in the headline.
        complete: whether `ranked` is the complete query.
        values: the parameters of the conditions.
    """

    ranked: str = ""
    in_headline: str = ""
    complete: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    _condition: str = "false"
    _condition_of_one: str = "false"
    _rest: str = "true"

    @classmethod
    def compiled(cls, text: str, syntax: QuerySyntax, name: str) -> Self:
        """Compile a query; `name` begins the names of its parameters."""
        node = _searchable(parse(text).node, syntax)
        if node is None:
            return cls()
        made = cls()
        conditions = _Conditions(syntax.matches, syntax, name, made.values)
        made._condition = conditions.of(node)
        made._condition_of_one = _Conditions(syntax.matches_one, syntax, name, {}).of(node)  # with the same parameters
        within, outside = _split(node, syntax)
        if within is not None:
            made.ranked = _expression(within, syntax) or ""
            made.in_headline = _expression(in_headline(within), syntax) or ""
        made.complete = bool(made.ranked) and outside is None
        if outside is not None:
            made._rest = _Conditions(syntax.matches_one, syntax, f"{name}_rest", made.values).of(outside)
        return made

    def condition(self, alias: str) -> str:
        """The condition that an article matches the query; false for a query without a word."""
        return self._condition.replace("{a}", alias)

    def condition_of_one(self, alias: str) -> str:
        """The same, for one article after another, where few are looked at."""
        return self._condition_of_one.replace("{a}", alias)

    def rest(self, alias: str) -> str:
        """The condition for what `ranked` leaves open."""
        return self._rest.replace("{a}", alias)

    def __bool__(self) -> bool:
        return self._condition != "false"


def _searchable(node: Node | None, syntax: QuerySyntax) -> Node | None:
    """The query without words of which nothing is indexed."""
    if node is None or isinstance(node, Word):
        return node if node is not None and (node.field in _OUTSIDE or syntax.word(node)) else None
    if isinstance(node, Not):
        part = _searchable(node.part, syntax)
        return None if part is None else Not(part)
    parts = [_searchable(part, syntax) for part in node.parts]
    return every(parts) if isinstance(node, Every) else either(parts)


def _split(node: Node, syntax: QuerySyntax) -> tuple[Node | None, Node | None]:
    """The query as two that must both match: one for the index, one of conditions; None for nothing."""
    if _expression(node, syntax) is not None:
        return node, None
    if not isinstance(node, Every):
        return None, node
    within = [part for part in node.parts if _expression(part, syntax) is not None]
    without = [part for part in node.parts if isinstance(part, Not) and _expression(part.part, syntax) is not None]
    if not within:
        return None, node
    taken = [*within, *without]
    return every(list(taken)), every([part for part in node.parts if part not in taken])


def _expression(node: Node, syntax: QuerySyntax) -> str | None:
    """The query in the language of the index; None if it cannot say it."""
    if isinstance(node, Word):
        return None if node.field in _OUTSIDE else syntax.word(node)
    if isinstance(node, Not):
        return None
    if isinstance(node, Either):
        parts = [_expression(part, syntax) for part in node.parts]
        return None if None in parts else f"({syntax.either.join(map(str, parts))})"
    wanted = [_expression(part, syntax) for part in node.parts if not isinstance(part, Not)]
    unwanted = [_expression(part.part, syntax) for part in node.parts if isinstance(part, Not)]
    if not wanted or None in wanted or None in unwanted:
        return None
    both = syntax.both.join(map(str, wanted))
    return f"(({both}){syntax.without}({syntax.either.join(map(str, unwanted))}))" if unwanted else f"({both})"


class _Conditions:
    """Conditions for an article under the alias `{a}`; their parameters go into `values`."""

    def __init__(
        self, matches: Callable[[str, str], str], syntax: QuerySyntax, name: str, values: dict[str, Any]
    ) -> None:
        self._matches = matches
        self._syntax = syntax
        self._name = name
        self._values = values

    def of(self, node: Node) -> str:
        expression = _expression(node, self._syntax)
        if expression is not None:
            return self._matches("{a}", self._parameter(expression))
        if isinstance(node, Word):
            return self._source(node) if node.field == "source" else self._language(node)
        if isinstance(node, Not):
            return f"NOT coalesce({self.of(node.part)}, false)"
        if isinstance(node, Either):
            return f"({' OR '.join(map(self.of, node.parts))})"
        within, outside = _split(node, self._syntax)
        if within is None or outside is None:
            return f"({' AND '.join(map(self.of, node.parts))})"
        return f"({self.of(within)} AND {self.of(outside)})"

    def _source(self, word: Word) -> str:
        pattern = self._parameter(_like(word.text.lower()) + "%" * word.prefix)
        return f"{{a}}.source IN (SELECT id FROM sources WHERE lower(id) LIKE :{pattern} ESCAPE '!')"

    def _language(self, word: Word) -> str:
        start = _like(word.text.lower())
        name, below = self._parameter(start + "%" * word.prefix), self._parameter(f"{start}-%")
        column = "lower({a}.language)"
        return f"({column} LIKE :{name} ESCAPE '!' OR {column} LIKE :{below} ESCAPE '!')"

    def _parameter(self, value: Any) -> str:
        name = f"{self._name}_{len(self._values)}"
        self._values[name] = value
        return name


def _like(text: str) -> str:
    """A text as a pattern of LIKE that matches it alone."""
    return "".join(f"!{sign}" if sign in "!%_" else sign for sign in text)
