"""Two versions of an article, word by word: removed and added words in colour on a terminal, in [-…-] and {+…+} elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.text import Text

from crawler.articles.comparison import Budget, opcodes
from crawler.outputs.terminal import local, on_terminal, out, safe, zone_name

Piece = tuple[str, str]  # ("equal" | "insert" | "delete", words)


_SHORT = 300_000  # steps for what is compared by itself: a headline


def word_diff(old: str, new: str, budget: Budget | None = None) -> Iterator[Piece]:
    """The pieces of new against old, in reading order; all of both where a comparison takes more steps than are left."""
    a, b = re.findall(r"\S+\s*", old), re.findall(r"\S+\s*", new)
    found = opcodes([w.strip() for w in a], [w.strip() for w in b], budget or Budget(_SHORT))
    for op, i1, i2, j1, j2 in found if found is not None else [("replace", 0, len(a), 0, len(b))]:
        if op == "equal":
            yield "equal", "".join(b[j1:j2])
            continue
        if i2 > i1:
            yield "delete", "".join(a[i1:i2])
        if j2 > j1:
            yield "insert", "".join(b[j1:j2])


def changed(
    old: Mapping[str, Any], new: Mapping[str, Any], budget: Budget | None = None
) -> Iterator[tuple[str, list[Piece]]]:
    """What differs between two versions: (title, subtitle or text, its pieces); of the text a stretch of paragraphs at a time."""
    budget = budget or Budget()
    for name in ("title", "subtitle"):
        if (old[name] or "") != (new[name] or ""):
            yield name, list(word_diff(old[name] or "", new[name] or "", budget))
    before, after = (old["text"] or "").split("\n\n"), (new["text"] or "").split("\n\n")
    found = opcodes(before, after, budget)
    for op, i1, i2, j1, j2 in found if found is not None else [("replace", 0, len(before), 0, len(after))]:
        if op != "equal":
            yield "text", list(word_diff("\n\n".join(before[i1:i2]), "\n\n".join(after[j1:j2]), budget))


def excerpt(pieces: Iterable[Piece], most: int = 320, before: int = 90) -> list[Piece]:
    """The part of a diff around its first change, of about so many characters."""
    found: list[Piece] = []
    left = most
    for op, words in pieces:
        if op == "equal" and not found:
            lead = words if len(words) <= before else f"…{words[-before:].partition(' ')[2]}"
            found.append((op, lead))
            continue
        if len(words) > left:
            found.append((op, f"{words[:left].rpartition(' ')[0] or words[:left]}…"))
            break
        found.append((op, words))
        left -= len(words)
    return found


def print_diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Print what changed: title, subtitle, and the paragraphs that differ."""
    console = out()
    silent = "; the page's own modified time does not admit it" if new["silent"] else ""
    if new["cause"] == "reprocess":
        silent = "; not by the publisher: another extractor read the page"
    console.print(
        Text(
            f"version {old['number']} to {new['number']}: changed between {local(old['last_same_at'] or old['seen_at'])} and {local(new['seen_at'])} {zone_name()}, +{new['words_added']} -{new['words_removed']} words{silent}",
            style="dim",
        )
    )
    for name, pieces in changed(old, new):
        if name == "text":
            console.print()
        console.print(_styled(pieces, "" if name == "text" else f"{name}: "))


def _styled(pieces: Iterable[Piece], head: str = "") -> Text:
    text = Text(head)
    marks = {"delete": ("[-", "-]", "red strike"), "insert": ("{+", "+}", "green bold")}
    for op, words in pieces:
        if op == "equal":
            text.append(safe(words))
            continue
        left, right, style = marks[op]
        body, space = words.rstrip(), words[len(words.rstrip()) :]
        text.append(safe(body) if on_terminal() else f"{left}{safe(body)}{right}", style=style)
        text.append(space or " ")
    return text
