"""Plain words: the private vocabulary of the first version does not come back, neither in prose nor in names. tests/words.txt has the exceptions."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

WORDS = {
    "held": "stored, leased, locked or throttled",
    "told": "reported, logged or notified",
    "tells": "reports, shows or says",
    "owed": "pending or queued",
    "manners": "request statistics or politeness",
    "taming": "limits",
    "judgement": "page type",
    "mend": "repair, rebuild or fix",
}
NAMES = {*WORDS, "asked", "tally", "patchy", "desk", "teller", "upkeep", "timekeeper"}
_PROSE = re.compile(rf"\b({'|'.join(WORDS)})\b", re.IGNORECASE)
_SUFFIXES = {".py", ".md", ".toml", ".html", ".css", ".service", ".yml", ".yaml", ".sh", ".cfg", ""}


def exceptions() -> dict[str, set[str]]:
    """Words that a file may have: a line `PATH: WORD WORD  # why` each."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / "tests" / "words.txt").read_text(encoding="utf-8").splitlines():
        path, _, words = line.partition("#")[0].partition(":")
        if words:
            found.setdefault(path.strip(), set()).update(words.split())
    return found


def files() -> Iterator[Path]:
    """What is tracked, but for the tests."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
            "\n"
        )
        paths = [ROOT / name for name in listed if name]
    else:  # a source distribution
        paths = [
            path
            for folder in ("crawler", "storage", "spiders", "docs", "config", "benchmarks")
            for path in (ROOT / folder).rglob("*")
        ]
    for path in paths:
        if (
            path.is_file()
            and not path.is_symlink()
            and path.suffix in _SUFFIXES
            and "tests" not in path.relative_to(ROOT).parts
        ):
            yield path


def test_prose_has_none_of_the_private_words() -> None:
    allowed, found = exceptions(), []
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found += [
                f"{name}:{number}: {word}: write {WORDS[word.lower()]}"
                for word in _PROSE.findall(line)
                if word.lower() not in allowed.get(name, ())
            ]
    assert found == []


def test_names_have_none_of_the_private_words() -> None:
    allowed, found = exceptions(), []
    for path in files():
        if path.suffix != ".py":
            continue
        name = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            words = set(re.split(r"_+|(?<=[a-z])(?=[A-Z])", name_of(node))) if name_of(node) else set()
            bad = {word.lower() for word in words} & NAMES
            if bad - allowed.get(name, set()):
                found.append(f"{name}:{getattr(node, 'lineno', 0)}: {name_of(node)}")
    assert found == []


def test_each_exception_is_needed() -> None:
    for name, words in exceptions().items():
        text = (ROOT / name).read_text(encoding="utf-8").lower()
        assert all(re.search(rf"(?<![a-z]){word}(?![a-z])", text) for word in words), name


def name_of(node: ast.AST) -> str:
    """The name that a node of the syntax tree brings or uses."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str() as name):
            return name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case _:
            return ""
