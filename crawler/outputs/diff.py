"""Two versions of an article, word by word: removed and added words in colour on a terminal, in [-…-] and {+…+} elsewhere."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.text import Text

from crawler.outputs.terminal import local, on_terminal, out, safe, zone_name

Piece = tuple[str, str]  # ("equal" | "insert" | "delete", words)


def word_diff(old: str, new: str) -> Iterator[Piece]:
    """The pieces of new against old, in reading order."""
    a, b = re.findall(r"\S+\s*", old), re.findall(r"\S+\s*", new)
    for op, i1, i2, j1, j2 in difflib.SequenceMatcher(
        None, [w.strip() for w in a], [w.strip() for w in b], autojunk=False
    ).get_opcodes():
        if op == "equal":
            yield "equal", "".join(b[j1:j2])
            continue
        if i2 > i1:
            yield "delete", "".join(a[i1:i2])
        if j2 > j1:
            yield "insert", "".join(b[j1:j2])


MOST_WORDS = (
    4_000  # of one changed stretch that is compared word by word; the comparison is quadratic in the worst case
)


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, list[Piece]]]:
    """What differs between two versions: (title, subtitle or text, its pieces); of the text a stretch of paragraphs at a time."""
    for name in ("title", "subtitle"):
        if (old[name] or "") != (new[name] or ""):
            yield name, list(word_diff(old[name] or "", new[name] or ""))
    before, after = (old["text"] or "").split("\n\n"), (new["text"] or "").split("\n\n")
    for op, i1, i2, j1, j2 in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if op == "equal":
            continue
        gone, come = "\n\n".join(before[i1:i2]), "\n\n".join(after[j1:j2])
        if len(gone.split()) + len(come.split()) > MOST_WORDS:
            yield "text", [("delete", gone), ("insert", come)]
        else:
            yield "text", list(word_diff(gone, come))


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
