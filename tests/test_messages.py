"""Each message that ends a command says what to do: an instruction after the reason, a command, an option, or the rule."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The errors that a user reads on the last line of a command. Those of feeds and pages (FeedError, RequestRefused) are
# shown by `status` and `sources` with the address and the next request, which is what is done about them.
ENDING = {
    "UsageError", "ConfigError", "CrawlerError", "StorageError", "DiskError", "MissingDatabase", "NotNewsdeskDatabase",
    "NewerDatabase", "OlderDatabase", "DamagedDatabase", "DatabaseLocked", "QueryTimeout",
}  # fmt: skip
VALUES = "crawler/config/value_types.py"  # the loader puts the file, the line and the key before them
INSTRUCTION = re.compile(r"; |`|--[a-z]|\[[a-z]+\]|exclude one another|\bmust be |\bwrite ")


def written(node: ast.expr) -> str:
    """The literal parts of a message."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(written(part) if isinstance(part, ast.Constant) else "\0" for part in node.values)
    if isinstance(node, ast.BinOp):
        return written(node.left) + written(node.right)
    if isinstance(node, ast.IfExp):
        return min(written(node.body), written(node.orelse), key=len)
    return "\0"


def messages() -> Iterator[tuple[str, str]]:
    """The place of each message, and its literal parts."""
    for path in sorted(file for folder in ("crawler", "storage", "spiders") for file in (ROOT / folder).rglob("*.py")):
        name = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                kind = ast.unparse(node.exc.func).split(".")[-1]
                if kind in ENDING or (kind == "ValueError" and name == VALUES):
                    yield f"{name}:{node.lineno}", written(node.exc.args[0])


def test_each_message_says_what_to_do() -> None:
    found = list(messages())
    assert len(found) > 100
    without = [
        f"{place}: {text!r}"
        for place, text in found
        if len(re.findall(r"[a-z]{3,}", text)) > 2 and not INSTRUCTION.search(text)
    ]
    # A key that is not known names its near ones in an expression
    assert [one for one in without if "unknown key" not in one and "sets nothing" not in one] == []


def test_a_message_is_one_line() -> None:
    assert [place for place, text in messages() if "\n" in text] == []
