"""Which regular expressions take more than linear time on a text that was made for them.

Three shapes, each found by the parsed expression (re._parser), over a sample of characters:

- adjacent: two unbounded runs side by side, or with only optional things between them, that both take the same whitespace: `\\s*\\s*`;
- nested: an unbounded run around something that may be a run of whitespace alone: `(?:\\s+|x)*`;
- rescan: an unbounded run that a search enters at each of its characters anew, because what comes before it can be found inside the run, and what
  follows can fail: `^\\s*word` over lines, `\\s+$`, `<!--.*?-->`, `<[^>]*>`.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from re import _constants as c  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

SAMPLE = [*string.printable, "é", "中", "\u00a0", "\u2028"]
SPACES = {" ", "\t", "\n", "\r"}
LONG = 1_000  # a run that may be longer counts as unbounded
_REPEATS = {c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT}
_SEARCHES = {"search", "sub", "subn", "findall", "finditer", "split", "compile"}


@dataclass(frozen=True)
class Found:
    shape: str
    pattern: str
    where: str


def matched(op: Any, value: Any, flags: int) -> set[str]:
    """The characters of the sample that a single-character node takes."""
    text = _one(op, value)
    if text is None:
        return set()
    compiled = re.compile(text, flags & (re.DOTALL | re.IGNORECASE | re.ASCII))
    return {char for char in SAMPLE if compiled.fullmatch(char)}


def _one(op: Any, value: Any) -> str | None:
    if op is c.ANY:
        return "."
    if op is c.LITERAL:
        return re.escape(chr(value))
    if op is c.NOT_LITERAL:
        return f"[^{re.escape(chr(value))}]"
    if op is c.IN:
        parts = "".join(_member(o, v) for o, v in value if o is not c.NEGATE)
        return f"[{'^' if value[0][0] is c.NEGATE else ''}{parts}]"
    return None


def _member(op: Any, value: Any) -> str:
    if op is c.LITERAL:
        return re.escape(chr(value))
    if op is c.RANGE:
        return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
    names = {c.CATEGORY_SPACE: r"\s", c.CATEGORY_NOT_SPACE: r"\S", c.CATEGORY_DIGIT: r"\d", c.CATEGORY_NOT_DIGIT: r"\D", c.CATEGORY_WORD: r"\w", c.CATEGORY_NOT_WORD: r"\W"}  # fmt: skip
    return names[value]


def flat(items: Any) -> list[tuple[Any, Any]]:
    """A sequence with its groups opened."""
    found: list[tuple[Any, Any]] = []
    for op, value in items:
        if op is c.SUBPATTERN:
            found += flat(value[3])
        elif op is c.ATOMIC_GROUP:
            found += flat(value)
        else:
            found.append((op, value))
    return found


def minimum(op: Any, value: Any) -> int:
    """The least that a node takes."""
    if op in _REPEATS:
        return int(value[0]) * sum(minimum(*item) for item in flat(value[2]))
    if op is c.BRANCH:
        return min((sum(minimum(*item) for item in flat(branch)) for branch in value[1]), default=0)
    if op in {c.AT, c.ASSERT, c.ASSERT_NOT, c.GROUPREF}:
        return 0
    return 1


def chars(op: Any, value: Any, flags: int) -> set[str]:
    """The characters that anything in a node takes."""
    if op in _REPEATS:
        return set().union(*(chars(*item, flags) for item in flat(value[2])), set())
    if op is c.BRANCH:
        return set().union(*(chars(*item, flags) for branch in value[1] for item in flat(branch)), set())
    return matched(op, value, flags)


def unbounded(op: Any, value: Any) -> bool:
    return op in _REPEATS and (value[1] is c.MAXREPEAT or int(value[1]) > LONG)


def adjacent(items: list[tuple[Any, Any]], flags: int) -> bool:
    for at, (op, value) in enumerate(items):
        if not unbounded(op, value) or op is c.POSSESSIVE_REPEAT:
            continue
        mine = chars(op, value, flags) & SPACES
        for other, what in items[at + 1 :]:
            if mine & leading(other, what, flags):
                return True
            if minimum(other, what) > 0:
                break
    return False


def leading(op: Any, value: Any, flags: int) -> set[str]:
    """The characters of unbounded runs that a node can begin with."""
    if unbounded(op, value) and len(flat(value[2])) == 1 and minimum(*flat(value[2])[0]) == 1:
        return chars(op, value, flags)
    bodies = [flat(value[2])] if op in _REPEATS else [flat(branch) for branch in value[1]] if op is c.BRANCH else []
    found: set[str] = set()
    for body in bodies:
        for item in body:
            found |= leading(*item, flags)
            if minimum(*item) > 0:
                break
    return found


def nested(op: Any, value: Any, flags: int) -> bool:
    if not unbounded(op, value) or op is c.POSSESSIVE_REPEAT:
        return False
    bodies = [flat(value[2])]
    bodies += [flat(branch) for o, v in bodies[0] if o is c.BRANCH for branch in v[1]]
    for body in bodies:
        runs = [i for i in body if unbounded(*i) and i[0] is not c.POSSESSIVE_REPEAT and chars(*i, flags) & SPACES]
        others = [i for i in body if i not in runs and minimum(*i) > 0 and not chars(*i, flags) & SPACES]
        if runs and not others:
            return True
    return False


def rescans(items: list[tuple[Any, Any]], flags: int) -> bool:
    """A search that begins again inside of a run that it left."""
    before: list[set[str]] = []  # what each character before the run may be
    for at, (op, value) in enumerate(items):
        if (
            op is c.AT
            and value in {c.AT_BEGINNING_STRING, c.AT_BEGINNING}
            and not (value is c.AT_BEGINNING and flags & re.MULTILINE)
        ):
            return False  # it is entered once
        if op is c.ASSERT_NOT and value[0] < 0 and not before:  # (?<!\s)\s+: entered at a run's beginning alone
            following = items[at + 1] if at + 1 < len(items) else None
            if (
                following
                and unbounded(*following)
                and chars(*following, flags) <= set().union(*(chars(*i, flags) for i in flat(value[1])))
            ):
                return False
        if op is c.ASSERT and value[0] < 0:
            before += [chars(*item, flags) for item in flat(value[1])]
        if unbounded(op, value):
            mine = chars(op, value, flags)
            fails = any(minimum(*item) > 0 or item[0] in {c.AT, c.ASSERT, c.ASSERT_NOT} for item in items[at + 1 :])
            inside = all(chars_before & mine for chars_before in before)
            return bool(fails and inside and mine & (SPACES | {"<"}))
        if minimum(op, value) > 0:
            before.append(chars(op, value, flags))
    return False


def shapes(pattern: str | bytes, flags: int, *, searched: bool) -> Iterator[str]:
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    tree = _parser.parse(text, flags)
    every = tree.state.flags | flags
    stack = [(flat(tree), searched)]
    while stack:
        items, top = stack.pop()
        if adjacent(items, every):
            yield "adjacent"
        if top and rescans(items, every):
            yield "rescan"
        for op, value in items:
            if nested(op, value, every):
                yield "nested"
            if op in _REPEATS:
                stack.append((flat(value[2]), False))
            elif op is c.BRANCH:
                rest = items[items.index((op, value)) + 1 :] if items[0] == (op, value) else []
                stack += [(flat(branch) + rest, top and bool(items[0] == (op, value))) for branch in value[1]]
            elif op in {c.ASSERT, c.ASSERT_NOT}:
                stack.append((flat(value[1]), False))


def patterns(file: Path) -> Iterator[tuple[str | bytes, int, bool, int]]:
    """(pattern, flags, whether it is searched for, line) of each call of re in a file; constants of the module are put into f-strings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names: dict[str, Any] = {"re": re}
    for stated in tree.body:
        if isinstance(stated, ast.Assign | ast.AnnAssign) and stated.value is not None:
            targets = stated.targets if isinstance(stated, ast.Assign) else [stated.target]
            value = _value(stated.value, names)
            if value is not None:
                names.update({t.id: value for t in targets if isinstance(t, ast.Name)})
    used: dict[str, set[str]] = {}  # how a compiled one is used, by its name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used.setdefault(node.value.id, set()).add(node.attr)
    compiled = {
        id(n.value): t.id
        for n in ast.walk(tree)
        if isinstance(n, ast.Assign)
        for t in n.targets
        if isinstance(t, ast.Name)
    }
    for node in ast.walk(tree):
        if not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            continue
        if node.func.value.id != "re" or not node.args or node.func.attr == "escape":
            continue
        pattern = _value(node.args[0], names)
        if not isinstance(pattern, str | bytes):
            continue
        said = [a for a in node.args[1:] if _flags(a)] + [k.value for k in node.keywords if k.arg == "flags"]
        flags = int(_value(said[-1], names) or 0) if said else 0
        how = node.func.attr
        if how == "compile":
            uses = used.get(compiled.get(id(node), ""), {"search"})
            searched = bool(uses & _SEARCHES) or not uses & {"match", "fullmatch"}
        else:
            searched = how in _SEARCHES
        yield pattern, flags, searched, node.lineno


def _flags(node: ast.AST) -> bool:
    return "re." in ast.unparse(node) and "(" not in ast.unparse(node)


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    try:
        return eval(  # noqa: S307 - our own code
            compile(ast.Expression(node), "", "eval"),
            {"__builtins__": {"str": str, "frozenset": frozenset}},
            dict(names),
        )
    except Exception:
        return None


def suspects(root: Path, *folders: str) -> list[Found]:
    found = []
    for folder in folders:
        for file in sorted((root / folder).rglob("*.py")):
            for pattern, flags, searched, line in patterns(file):
                for shape in sorted(set(shapes(pattern, flags, searched=searched))):
                    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
                    found.append(Found(shape, text, f"{file.relative_to(root)}:{line}"))
    return found
