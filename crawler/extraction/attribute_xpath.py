"""XPaths that select elements by tag and attributes, evaluated in Python. Pure.

trafilatura has a dozen such expressions as `.//*[self::div or self::p][re:test(@class, 'share|social')]`. lxml calls
back into Python for each `re:test` of each element, a seventh of a page's processing time. Here each combination of
tag and attributes is tested once per process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

_Attributes = Mapping[str, str]
_Test = Callable[[Any, _Attributes], bool]  # (element, its attributes in the markup's order) -> whether it matches
_MOST = 1_000  # combinations that each expression remembers: 300 kB as pages are, 1 MB at most
_LONGEST = 200  # characters of the values of one of them
_STEP = re.compile(r"\s*(?P<all>\(?)\s*\.//(?P<tag>\w+|\*)(?P<tests>.*)", re.DOTALL)
_FIRST = re.compile(r"\)\s*\[1\]\s*$")
_VALUE = r"@[\w-]+(?:\s*\|\s*@[\w-]+)*"
_TRANSLATED = rf"translate\(\s*(?P<translated>{_VALUE})\s*,\s*'(?P<upper>[^']*)'\s*,\s*'(?P<lower>[^']*)'\s*\)"
_ATOM = re.compile(
    rf"\s*(?:self::(?P<tag>\w+)|\.//(?P<below>\w+)|re:test\(\s*(?P<tested>{_VALUE})\s*,\s*'(?P<pattern>[^']*)'\s*(?:,\s*'(?P<flag>i)'\s*)?\)|"
    rf"(?P<function>contains|starts-with)\(\s*(?:{_TRANSLATED}|(?P<value>{_VALUE}))\s*,\s*'(?P<part>[^']*)'\s*\)|"
    rf"(?P<compared>@[\w-]+)\s*=\s*'(?P<text>[^']*)'|(?P<present>@[\w-]+)(?!\s*\|))\s*"
)
_TAGS = re.compile(r"self::\w+(?:\s+or\s+self::\w+)*")
_WORD = re.compile(r"\s*(or\b|and\b|not\(|\(|\))\s*")


class _OtherXPathError(Exception):
    """The expression needs more than an element's tag and attributes."""


def evaluated_here(expression: Any) -> Any:
    """Return what has the results of an XPath: a function from here, or the XPath itself if it needs more."""
    try:
        steps = [AttributeXPath(path) for path in _alternatives(expression.path)]
    except _OtherXPathError:
        return expression
    return steps[0] if len(steps) == 1 else _Union(expression.path, steps)


class _Union:
    """Several expressions; their results together in document order."""

    def __init__(self, path: str, steps: list[AttributeXPath]) -> None:
        self.path = path
        self._steps = steps

    def __call__(self, tree: Any) -> list[Any]:
        found = {node for step in self._steps for node in step(tree)}
        return [node for node in tree.iter() if node in found] if found else []


class AttributeXPath:
    """An expression of one step, with predicates of tag and attributes.

    Args:
        path: the expression.

    Raises:
        _OtherXPathError: it is another one.
    """

    def __init__(self, path: str) -> None:
        step = _STEP.fullmatch(path)
        first = _FIRST.search(path)
        if step is None or bool(step["all"]) != bool(first):
            raise _OtherXPathError(path)
        predicates = _predicates(step["tests"][: -len(first[0])] if first else step["tests"])
        self.path = path
        self._first, self._first_child = bool(first), predicates[-1:] == ["1"]
        if self._first_child:
            predicates.pop()
        self._tags = [step["tag"]]
        if predicates and _TAGS.fullmatch(predicates[0]):
            self._tags = re.findall(r"self::(\w+)", predicates.pop(0))
        self._tests = [_parsed(text) for text in predicates if ".//" not in text]
        self._of_content = [_parsed(text) for text in predicates if ".//" in text]
        self._names = {name.lstrip("@") for name in re.findall(r"@[\w-]+", path)}
        self._known: dict[tuple[Any, ...], bool] = {}

    def __call__(self, tree: Any) -> list[Any]:
        """Return the matching elements below one, in document order."""
        found = self._matching(tree)
        if self._first:
            return list(islice(found, 1))
        if self._first_child:
            first: dict[Any, Any] = {}
            for node in found:
                first.setdefault(node.getparent(), node)
            return list(first.values())
        return list(found)

    def _matching(self, tree: Any) -> Iterator[Any]:
        names, known = self._names, self._known
        for node in tree.iter(*self._tags):
            key = (node.tag, *[item for item in node.items() if item[0] in names])
            if (matches := known.get(key)) is None:
                own = dict(key[1:])
                matches = all(test(node, own) for test in self._tests)
                if len(known) >= _MOST:
                    known.clear()
                if sum(map(len, own.values())) <= _LONGEST:
                    known[key] = matches
            if matches and node is not tree and all(test(node, dict(node.items())) for test in self._of_content):
                yield node


def _unquoted(text: str) -> Iterator[tuple[int, str]]:
    """Yield the place of each character outside of quotes, and the character; of a quotation its two quotes."""
    quoted = False
    for at, char in enumerate(text):
        if char == "'":
            quoted = not quoted
        if not quoted or char == "'":
            yield at, char
    if quoted:
        raise _OtherXPathError(text)


def _alternatives(path: str) -> list[str]:
    """Return the parts of a union, which `|` separates outside of brackets and quotes."""
    parts, depth, start = [], 0, 0
    for at, char in _unquoted(path):
        depth += (char in "[(") - (char in "])")
        if char == "|" and not depth:
            parts.append(path[start:at])
            start = at + 1
    return [*parts, path[start:]]


def _predicates(text: str) -> list[str]:
    """Return the content of each pair of outer brackets."""
    found, depth, start = [], 0, 0
    for at, char in _unquoted(text):
        if not depth and char not in "[ \n":
            raise _OtherXPathError(text)
        if char == "[":
            depth, start = depth + 1, start if depth else at + 1
        elif char == "]":
            depth -= 1
            if not depth:
                found.append(text[start:at])
    if depth:
        raise _OtherXPathError(text)
    return found


def _parsed(text: str) -> _Test:
    test, end = _either(text, 0)
    if end != len(text):
        raise _OtherXPathError(text)
    return test


def _either(text: str, at: int) -> tuple[_Test, int]:
    tests, at = _joined(text, at, "or", _both)
    return (tests[0] if len(tests) == 1 else _decided_by(tests, by=True)), at


def _both(text: str, at: int) -> tuple[_Test, int]:
    tests, at = _joined(text, at, "and", _one)
    return (tests[0] if len(tests) == 1 else _decided_by(tests, by=False)), at


def _decided_by(tests: list[_Test], *, by: bool) -> _Test:
    """Return the test whose result is `by` if that of one of the tests is."""

    def test(node: Any, own: _Attributes) -> bool:
        for each in tests:  # half the time of any() and all()
            if each(node, own) is by:
                return by
        return not by

    return test


def _joined(text: str, at: int, by: str, operand: Callable[[str, int], tuple[_Test, int]]) -> tuple[list[_Test], int]:
    test, at = operand(text, at)
    tests = [test]
    while (word := _WORD.match(text, at)) and word[1] == by:
        test, at = operand(text, word.end())
        tests.append(test)
    return tests, at


def _one(text: str, at: int) -> tuple[_Test, int]:
    if (word := _WORD.match(text, at)) and word[1] in {"(", "not("}:
        inner, at = _either(text, word.end())
        end = _WORD.match(text, at)
        if end is None or end[1] != ")":
            raise _OtherXPathError(text)
        return (inner if word[1] == "(" else lambda node, own: not inner(node, own)), end.end()
    atom = _ATOM.match(text, at)
    if atom is None:
        raise _OtherXPathError(text)
    return _of_atom(atom), atom.end()


def _of_atom(atom: re.Match[str]) -> _Test:
    """Return the test of one function, comparison, tag or attribute."""
    if wanted := atom["tag"]:
        return lambda node, _: node.tag == wanted
    if below := atom["below"]:
        return lambda node, _: node.find(f".//{below}") is not None
    if atom["tested"]:
        value, search = _value(atom["tested"]), re.compile(atom["pattern"], re.IGNORECASE if atom["flag"] else 0).search
        return lambda _, own: search(value(own)) is not None
    if atom["function"]:
        part, value = atom["part"], _value(atom["translated"] or atom["value"])
        if atom["translated"]:
            value = _translated(value, atom["upper"], atom["lower"])
        if atom["function"] == "contains":
            return lambda _, own: part in value(own)
        return lambda _, own: value(own).startswith(part)
    name = (atom["compared"] or atom["present"])[1:]
    if atom["compared"]:
        return lambda _, own: own.get(name) == atom["text"]
    return lambda _, own: name in own


def _value(attributes: str) -> Callable[[_Attributes], str]:
    """Return the function that reads `@id|@class`: the attribute that comes first in the markup; "" without any."""
    names = {name.strip()[1:] for name in attributes.split("|")}
    if len(names) == 1:
        (name,) = names
        return lambda own: own.get(name, "")
    return lambda own: next((value for name, value in own.items() if name in names), "")


def _translated(value: Callable[[_Attributes], str], upper: str, lower: str) -> Callable[[_Attributes], str]:
    table = {ord(char): lower[at : at + 1] for at, char in enumerate(upper)}
    return lambda own: value(own).translate(table)
