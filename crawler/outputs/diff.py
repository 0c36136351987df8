"""Word diff of two versions of an article: in colour on a terminal, as [-…-] and {+…+} elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any

from rich.text import Text

from crawler.articles.bounded_diff import Budget, diff_opcodes
from crawler.outputs.terminal import local_time, on_terminal, safe, stdout_console, zone_name

Piece = tuple[str, str]  # ("equal" | "insert" | "delete", words)


_SHORT = 300_000  # steps for a single comparison: a headline


def word_diff(old: str, new: str, budget: Budget | None = None) -> Iterator[Piece]:
    """The diff of two texts, in reading order.

    If the comparison needs more steps than are left, all of the old text is deleted and all of the new inserted.
    """
    a, b = _words(old), _words(new)
    found = diff_opcodes([w.strip() for w in a], [w.strip() for w in b], budget or Budget(_SHORT))
    steps = list(found) if found is not None else [("replace", 0, len(a), 0, len(b))]
    for (op, i1, i2, j1, j2), following in zip_longest(steps, steps[1:]):
        if op == "equal":
            words = "".join(b[j1:j2])
            if following is not None and following[3] == following[4]:  # words were deleted after them
                words = words.rstrip() + _breaks(a, b, i2, following[2], j2)[0]
            yield "equal", words
            continue
        if i2 > i1:
            yield "delete", "".join(a[i1:i2]).rstrip() + (" " if j2 > j1 else _breaks(a, b, i1, i2, j1)[1])
        if j2 > j1:
            yield "insert", "".join(b[j1:j2])


def _words(text: str) -> list[str]:
    """Its words, each with the whitespace after it."""
    return re.findall(r"\S+\s*", text)


def _breaks(a: list[str], b: list[str], i1: int, i2: int, j: int) -> tuple[str, str]:
    """The whitespace before and after deleted words, so that the paragraphs around them are those of the new version.

    Args:
        a: the old words, each with the whitespace after it.
        b: the new words.
        i1: the index in a of the first deleted word.
        i2: the index in a of the first word after them.
        j: the index in b of the first word after them.
    """
    before, after, now = (_space(words, at) for words, at in ((a, i1), (a, i2), (b, j)))
    if i1 == 0 or j == 0:  # there are no words before them
        return "", after
    if "\n" not in now:
        return " ", " "
    return (before, after) if "\n" in before + after else (before, now)


def _space(words: list[str], at: int) -> str:
    """The whitespace before a word."""
    return words[at - 1][len(words[at - 1].rstrip()) :] if at else ""


def changed(
    old: Mapping[str, Any], new: Mapping[str, Any], budget: Budget | None = None
) -> Iterator[tuple[str, list[Piece]]]:
    """What differs between two versions: (title, subtitle or text, its pieces); of the text, one item per block."""
    budget = budget or Budget()
    for name, before, after in _blocks(old, new, budget):
        if before != after:
            yield name, list(word_diff(before, after, budget))


def _blocks(old: Mapping[str, Any], new: Mapping[str, Any], budget: Budget) -> Iterator[tuple[str, str, str]]:
    """Both versions in order: (title, subtitle or text, the old text, the new text); of the text, runs of paragraphs."""
    for name in ("title", "subtitle"):
        if (old[name] or "") != (new[name] or ""):
            yield name, old[name] or "", new[name] or ""
    before, after = (old["text"] or "").split("\n\n"), (new["text"] or "").split("\n\n")
    found = diff_opcodes(before, after, budget)
    for _, i1, i2, j1, j2 in found if found is not None else [("replace", 0, len(before), 0, len(after))]:
        yield "text", "\n\n".join(before[i1:i2]), "\n\n".join(after[j1:j2])


def diff_blocks(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Two versions as blocks, for a page that shows all of them.

    Each has `field` (title, subtitle or text); an unchanged one `same`, its paragraphs; a changed one `pieces`, and
    `left` and `right`, the pieces of the old and of the new text alone.
    """
    budget = Budget()
    for name, before, after in _blocks(old, new, budget):
        if before == after:
            yield {"field": name, "same": [p for p in after.split("\n\n") if p.strip()]}
        else:
            yield {"field": name, **_changed_block(before, after, budget)}


def _changed_block(old: str, new: str, budget: Budget) -> dict[str, list[Piece]]:
    pieces = list(word_diff(old, new, budget))
    a, b = _words(old), _words(new)
    left: list[Piece] = []
    right: list[Piece] = []
    at_a = at_b = 0
    for op, words in pieces:
        count = len(words.split())
        if op != "insert":
            left.append((op, "".join(a[at_a : at_a + count])))
            at_a += count
        if op != "delete":
            right.append((op, "".join(b[at_b : at_b + count])))
            at_b += count
    return {"pieces": pieces, "left": left, "right": right}


def excerpt(pieces: Iterable[Piece], most: int = 320, before: int = 90) -> list[Piece]:
    """The part of a diff around its first change, of at most about so many characters."""
    found: list[Piece] = []
    left = most
    for op, words in pieces:
        if op == "equal" and not found:
            lead = words if len(words) <= before else f"…{words[-before:].partition(' ')[2]}"
            found.append((op, lead))
            continue
        if len(words) > left:
            found.append((op, words[:left].rpartition(" ")[0] or words[:left]))
            found.append(("equal", "…"))
            break
        found.append((op, words))
        left -= len(words)
    return found


def print_diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Print the changes: title, subtitle, and the paragraphs that differ."""
    console = stdout_console()
    silent = "; the page's own modified time does not admit it" if new["silent"] else ""
    if new["cause"] == "reprocess":
        silent = "; not by the publisher: another extractor read the page"
    console.print(
        Text(
            f"version {old['number']} to {new['number']}: "
            f"changed between {local_time(old['last_same_at'] or old['seen_at'])} and {local_time(new['seen_at'])} "
            f"{zone_name()}, +{new['words_added']} -{new['words_removed']} words{silent}",
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
