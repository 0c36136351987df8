"""Detect near-duplicates: fingerprints find candidates, containment confirms them. Pure.

Wire stories are cut and edited, so Jaccard falls to .1-.5, and its usual threshold of .7 misses most of them.
Containment does not (measured: up to 32 sampled 3-gram fingerprints, two of them shared, then containment of .5:
precision 1.0, recall .98).
"""

from __future__ import annotations

import hashlib
import struct
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from hashlib import blake2b
from itertools import accumulate
from typing import TypeVar

from crawler.text.tokens import fold, words

MAX_FINGERPRINTS = 32  # fingerprints stored per text
MIN_SHARED = 2  # shared fingerprints from which a text is a candidate
MIN_CONTAINMENT = 0.5  # share of the shorter text's 3-grams that the longer one must contain
SHORTEST = 25  # words; a shorter text is as often boilerplate as news
_Id = TypeVar("_Id")


def shingles(text: str) -> frozenset[int]:
    """Return the text's word 3-grams as hashes; in a script without spaces, 5-grams of characters."""
    found = words(fold(text))
    if len(found) < SHORTEST:
        return frozenset()
    size = 5 if sum(len(word) for word in found) < 1.6 * len(found) else 3
    coded = [word.encode() for word in found]
    joined = b" ".join(coded)  # a gram is a slice of it
    starts = list(accumulate((len(word) + 1 for word in coded), initial=0))
    grams = {joined[start : end - 1] for start, end in zip(starts, starts[size:], strict=False)}
    hashed = b"".join([blake2b(gram, digest_size=8).digest() for gram in grams])
    return frozenset(struct.unpack(f">{len(grams)}Q", hashed))


def fingerprints(grams: Iterable[int]) -> tuple[int, ...]:
    """Return at most MAX_FINGERPRINTS of the 3-grams, selected by value, so that similar texts select the same.

    Sampling is by powers of two (every hash whose lowest k bits are zero), so the sample of a short version contains
    the 3-grams that it shares with the sample of a long one.
    """
    kept = list(grams)
    bits = 0
    while len(kept) > MAX_FINGERPRINTS:
        bits += 1
        mask = (1 << bits) - 1
        kept = [value for value in kept if not value & mask]
    return tuple(sorted(kept))


def containment(a: frozenset[int], b: frozenset[int]) -> float:
    """Return the share of the smaller set that is in the larger one; 0 if either is empty."""
    smaller = min(len(a), len(b))
    return len(a & b) / smaller if smaller else 0.0


def group_stories(texts: Iterable[tuple[_Id, str]]) -> dict[_Id, _Id]:
    """Group texts into stories, in order of arrival.

    Args:
        texts: (id, text), oldest first.

    Returns:
        For each id the id of its story's first text; a text without an earlier match is its own story.
    """
    story: dict[_Id, _Id] = {}
    grams: dict[_Id, frozenset[int]] = {}
    index: defaultdict[int, list[_Id]] = defaultdict(list)
    for key, text in texts:
        mine = shingles(text)
        prints = fingerprints(mine)
        shared = Counter(other for value in prints for other in index[value])
        best = max(
            (
                (containment(mine, grams[other]), -len(grams[other]), other)
                for other, n in shared.most_common(20)
                if n >= MIN_SHARED
            ),
            key=lambda found: found[:2],
            default=None,
        )
        story[key] = story[best[2]] if best and best[0] >= MIN_CONTAINMENT else key
        grams[key] = mine
        for value in prints:
            index[value].append(key)
    return story


def content_hash(title: str | None, subtitle: str | None, text: str | None) -> str:
    """Return the hash that identifies a version: of title, subtitle and text, without spacing and Unicode variants."""
    parts = (" ".join(unicodedata.normalize("NFC", part or "").split()) for part in (title, subtitle, text))
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()
