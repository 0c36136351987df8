"""Which paragraphs repeat on a source's pages: counted over its last pages, by stories. Pure.

What stands with the same words on page after page is not the article (Bar-Yossef and Rajagopalan 2002; Yi, Liu and Li
2003). Words alone do not decide: crawler.extraction.repeated looks at where they stand.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import chain

from crawler.text.clean import one_line

WINDOW = 30  # the last pages of a source
STORIES = 3  # different stories that have a paragraph; versions and copies of one story share their own words
SHARE = 0.2  # of the window's pages that have it
MOST = 64  # paragraphs of one source

Page = tuple[int, Collection[int]]  # its story, and the ids of its paragraphs


def repeated_blocks(pages: Sequence[Page]) -> frozenset[int]:
    """Return the ids of the paragraphs that repeat on these pages, at most MOST of them: those on most pages.

    Args:
        pages: the last WINDOW pages of a source, in any order.
    """
    found = [
        (-count, block)
        for block, (count, stories) in count_blocks(pages).items()
        if count >= SHARE * len(pages) and stories >= STORIES
    ]
    return frozenset(block for _, block in sorted(found)[:MOST])


def count_blocks(pages: Sequence[Page]) -> Mapping[int, tuple[int, int]]:
    """Return on how many pages each paragraph is, and in how many stories; those on fewer than STORIES are left out."""
    counts = Counter(chain.from_iterable(set(blocks) for _, blocks in pages))
    often = {block for block, count in counts.items() if count >= STORIES}
    stories: defaultdict[int, set[int]] = defaultdict(set)
    for story, blocks in pages:
        for block in often.intersection(blocks):
            stories[block].add(story)
    return {block: (counts[block], len(found)) for block, found in stories.items()}


def ever_repeated_blocks(pages: Sequence[Page]) -> frozenset[int]:
    """Return the ids of the paragraphs that repeat on any WINDOW pages in a row.

    Args:
        pages: all pages of a source, in the order of their publication.
    """
    step = WINDOW // 2
    starts = range(0, max(1, len(pages) - step), step)
    return frozenset().union(*(repeated_blocks(pages[start : start + WINDOW]) for start in starts))


def without_kept(blocks: frozenset[int], texts: Mapping[int, str], keep: Collection[str]) -> frozenset[int]:
    """Return the paragraphs without those that the configuration exempts by their first words."""
    if not keep:
        return blocks
    starts = tuple(one_line(start) for start in keep)
    return frozenset(block for block in blocks if not texts.get(block, "").startswith(starts))


def version_of(blocks: Collection[int]) -> int | None:
    """Return the number of a set of paragraphs, the same for every writer; None for the empty one."""
    if not blocks:
        return None
    digest = hashlib.blake2b(array("q", sorted(blocks)).tobytes(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
