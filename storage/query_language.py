"""The query language of search, export --query, watches and browse: text to a tree of words. Pure.

    harbour mayor            both words
    "harbour plan"           the phrase
    harbour OR port          either
    harbour -ferry           the first without the second; also NOT ferry
    harb*                    every word that begins so
    title:harbour            in the headline; author:, source: and lang: likewise
    (harbour OR port) mayor  parentheses; else NOT binds closest, then words beside each other, then OR

No text is an error: what is no valid syntax is words (an OR that joins nothing, a field that does not exist), or is
left out where it has no letter or digit (a parenthesis that matches no other).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

MAX_DEPTH = 20  # of parentheses; deeper ones are left out
FIELDS = ("title", "author", "source", "lang")
_OPERATORS = frozenset(("OR", "AND", "NOT"))
# Signs that keyboards for other scripts and typographers put where the language has ASCII.
_ASCII = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"', "＂": '"', "（": "(", "）": ")", "：": ":", "＊": "*",
     "－": "-", "−": "-", "\0": " "}
)  # fmt: skip
_TOKEN = re.compile(
    r'(?P<phrase>"(?P<quoted>[^"]*)"(?P<begins>\*?))'
    r"|(?P<open>\()|(?P<close>\))"
    r"|(?P<minus>(?<![^\s(:])-(?=[^\s\-)]))"
    rf"|(?P<field>(?i:{'|'.join(FIELDS)}):(?=[^\s)]))"
    r'|(?P<word>[^\s"()]+)'
    r'|(?P<sign>")'
)
_NO_FIELD = re.compile(rf"[A-Za-z_]+:(?!//)\w|(?i:{'|'.join(FIELDS)}):$")  # another name, or no word after it
_PLAIN = re.compile(r"[^\W_](?:[^\s\"()*:]*[^\W_])?")


@dataclass(frozen=True, slots=True)
class Word:
    """A word or phrase; with `prefix`, also words that begin with it. `field` is one of FIELDS, or "" for all."""

    text: str
    prefix: bool = False
    field: str = ""

    def __str__(self) -> str:
        plain = _PLAIN.fullmatch(self.text) and self.text not in _OPERATORS
        text = self.text if plain else f'"{self.text}"'
        return f"{self.field}:{text}{'*' * self.prefix}" if self.field else f"{text}{'*' * self.prefix}"


@dataclass(frozen=True, slots=True)
class Not:
    """What does not match the part."""

    part: Node

    def __str__(self) -> str:
        return f"-{self.part}" if isinstance(self.part, Word) else f"-({self.part})"


@dataclass(frozen=True, slots=True)
class Every:
    """What matches all parts; two or more, none of which is an Every."""

    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return " ".join(f"({part})" if isinstance(part, Either) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Either:
    """What matches one part at least; two or more, none of which is an Either."""

    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return " OR ".join(map(str, self.parts))


Node: TypeAlias = Word | Not | Every | Either


@dataclass(frozen=True, slots=True)
class Query:
    """A query as it was understood; its text is a query with the same meaning.

    Attributes:
        node: None if there is nothing to search for.
        repaired: something was no valid syntax; the text is shown to a person.
    """

    node: Node | None
    repaired: bool = False

    def __str__(self) -> str:
        return "" if self.node is None else str(self.node)


def parse(text: str) -> Query:
    """Read a query; any text is one."""
    return _Parser(text).query()


def words(node: Node | None) -> Iterator[Word]:
    """The words that an article is found by: those that are not negated."""
    if isinstance(node, Word):
        yield node
    elif isinstance(node, Every | Either):
        for part in node.parts:
            yield from words(part)


def changed(node: Node, change: Callable[[Word], Word]) -> Node:
    """The tree with another word for each one that is not negated."""
    if isinstance(node, Word):
        return change(node)
    return node if isinstance(node, Not) else type(node)(tuple(changed(part, change) for part in node.parts))


def every(parts: list[Node | None]) -> Node | None:
    """The parts together; None for nothing."""
    flat = [p for part in parts if part for p in (part.parts if isinstance(part, Every) else (part,))]
    return Every(tuple(flat)) if len(flat) > 1 else flat[0] if flat else None


def either(parts: list[Node | None]) -> Node | None:
    """One of the parts at least; None for nothing."""
    flat = [p for part in parts if part for p in (part.parts if isinstance(part, Either) else (part,))]
    return Either(tuple(flat)) if len(flat) > 1 else flat[0] if flat else None


@dataclass(slots=True)
class _Token:
    kind: str  # word, open, close, minus, field, or an operator
    text: str = ""
    prefix: bool = False

    @property
    def ends_operand(self) -> bool:
        return self.kind in {"word", "close"}

    @property
    def begins_operand(self) -> bool:
        return self.kind in {"word", "open", "minus", "field", "NOT"}


class _Parser:
    """Recursive descent over tokens of which every operator has its operands and every parenthesis its other one."""

    def __init__(self, text: str) -> None:
        self.repaired = False
        self.tokens = list(self._scan(text.encode("utf-8", "replace").decode().translate(_ASCII)))
        self._match_parentheses()
        self._match_operators()
        self.at = 0

    def query(self) -> Query:
        return Query(self._either(""), self.repaired)

    def _scan(self, text: str) -> Iterator[_Token]:
        for found in _TOKEN.finditer(text):
            kind = found.lastgroup or ""
            if found["phrase"]:
                yield _Token("word", " ".join(found["quoted"].split()), prefix=found["begins"] == "*")
            elif kind == "word":
                word = found[0]
                bare = word.rstrip("*")
                if word in _OPERATORS:
                    yield _Token(word, word)
                    continue
                if "*" in bare or word.count("*") > 1 or not bare or _NO_FIELD.match(word):
                    self.repaired = True
                yield _Token("word", bare, prefix=bare != word)
            elif kind == "sign":
                self.repaired = True
            else:
                yield _Token(kind, found[0])

    def _match_parentheses(self) -> None:
        """Drop those that match no other, those that are too deep, and those with nothing between them."""
        opened: list[int] = []
        kept: set[int] = set()
        for at, token in enumerate(self.tokens):
            if token.kind == "open":
                opened.append(at)
            elif token.kind == "close" and opened:
                start = opened.pop()
                if len(opened) < MAX_DEPTH and any(self.tokens[i].kind != "close" for i in range(start + 1, at)):
                    kept |= {start, at}
        before = len(self.tokens)
        self.tokens = [t for at, t in enumerate(self.tokens) if t.kind not in {"open", "close"} or at in kept]
        self.repaired |= len(self.tokens) < before

    def _match_operators(self) -> None:
        """An operator, a minus or a field without what it applies to is a word."""
        for at in reversed(range(len(self.tokens))):
            token = self.tokens[at]
            after = self.tokens[at + 1] if at + 1 < len(self.tokens) else None
            if (token.kind in {"minus", "field"} and (after is None or not after.begins_operand)) or (
                token.kind == "NOT" and (after is None or not after.begins_operand)
            ):
                self._as_word(at)
        for at, token in enumerate(self.tokens):
            if token.kind not in {"OR", "AND"}:
                continue
            after = self.tokens[at + 1] if at + 1 < len(self.tokens) else None
            if at == 0 or not self.tokens[at - 1].ends_operand or after is None or not after.begins_operand:
                self._as_word(at)

    def _as_word(self, at: int) -> None:
        self.tokens[at] = _Token("word", self.tokens[at].text)
        self.repaired = True

    def _kind(self) -> str:
        return self.tokens[self.at].kind if self.at < len(self.tokens) else ""

    def _either(self, field: str) -> Node | None:
        parts = [self._every(field)]
        while self._kind() == "OR":
            self.at += 1
            parts.append(self._every(field))
        return either(parts)

    def _every(self, field: str) -> Node | None:
        parts: list[Node | None] = []
        while self._kind() not in {"", "OR", "close"}:
            if self._kind() == "AND":
                self.at += 1
                continue
            parts.append(self._operand(field))
        return every(parts)

    def _operand(self, field: str) -> Node | None:
        negated = False
        while (kind := self._kind()) in {"NOT", "minus", "field"}:
            if kind == "field":
                field = self.tokens[self.at].text[:-1].lower()
            else:
                negated = not negated
            self.at += 1
        token = self.tokens[self.at]
        self.at += 1
        if token.kind == "open":
            node = self._either(field)
            self.at += 1  # its other parenthesis
        else:
            node = Word(token.text, token.prefix, field) if re.search(r"[^\W_]", token.text) else None
        if node is None or not negated:
            return node
        return node.part if isinstance(node, Not) else Not(node)


def in_headline(node: Node) -> Node:
    """The query that finds those of its articles whose headline has the words."""
    return changed(node, lambda word: word if word.field else replace(word, field="title"))
