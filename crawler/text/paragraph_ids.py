"""Ids of paragraphs, by their words. Pure, and cheap to import."""

from __future__ import annotations

import hashlib
import re

_LETTERS = re.compile(r"(?:[^\W\d_]\W{0,9}){3}")  # that a line has if it is counted


def block_ids(text: str) -> tuple[int, ...]:
    """Return the id of each paragraph of a text, in order, without those of less than three letters.

    An id is 63 bits of a hash of the words as they are; other numbers or dates give another id.
    """
    return tuple(block_id(line) for line in text.split("\n\n") if _LETTERS.search(line))


def block_id(line: str) -> int:
    """Return the id of one paragraph."""
    digest = hashlib.blake2b(" ".join(line.split()).encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1  # fits SQLite's and PostgreSQL's integers
