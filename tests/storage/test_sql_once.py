"""Each SQL statement is written once: for both engines, and for all its callers."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

from tests.conftest import ROOT

_STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
_SHORT = 26  # characters; "SELECT count(*) FROM x" may be anywhere


def statements(source: str) -> list[str]:
    """The statements of a module; what an f-string inserts is part of them."""
    tree = ast.parse(source)
    parts = {id(value) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for value in node.values}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(
                str(v.value) if isinstance(v, ast.Constant) else f"{{{ast.unparse(v)}}}" for v in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            text = node.value
        else:
            continue
        if _STATEMENT.match(text) and len(text) > _SHORT:
            found.append(" ".join(text.split()))
    return found


def test_no_statement_is_written_twice() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "storage").rglob("*.py")):
        for text in statements(path.read_text(encoding="utf-8")):
            places[text].append(path.name)
    assert len(places) > 250
    assert {text: names for text, names in places.items() if len(names) > 1} == {}
