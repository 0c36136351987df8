"""Synthetic text with realistic lengths and word frequencies, reproducible by seed.

Benchmarks store and serve it where there is no corpus.
"""

from __future__ import annotations

import itertools
import random

_SMALL = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "a",
    "that",
    "is",
    "was",
    "for",
    "on",
    "with",
    "as",
    "by",
    "at",
    "it",
    "from",
    "his",
    "be",
    "he",
    "an",
    "are",
    "were",
    "which",
    "this",
    "had",
    "has",
    "have",
    "not",
    "but",
    "its",
    "or",
    "who",
    "their",
    "been",
    "one",
    "said",
    "will",
    "would",
    "more",
    "about",
    "after",
    "when",
    "there",
    "they",
    "also",
    "two",
    "than",
    "into",
    "over",
    "first",
    "could",
    "other",
    "some",
    "before",
    "out",
    "last",
    "year",
    "years",
    "new",
    "time",
    "people",
    "government",
    "minister",
    "president",
    "state",
    "under",
    "between",
    "against",
    "because",
    "during",
    "while",
    "most",
    "where",
    "only",
    "may",
    "since",
    "until",
    "three",
    "told",
]
_ONSETS = (
    "b", "br", "c", "ch", "cl", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pl", "pr", "r",
    "s", "sh", "st", "t", "tr", "v", "w",
)  # fmt: skip
_VOWELS = ("a", "e", "i", "o", "u", "ea", "ou", "ie")
_CODAS = ("", "n", "r", "l", "s", "t", "nd", "rk", "st", "m", "ck")
VOCABULARY = 40_000


class Prose:
    """Sentences, headlines and names from one seed; words follow Zipf's law, as in news."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        made = random.Random(1)
        words: dict[str, None] = dict.fromkeys(_SMALL)
        while len(words) < VOCABULARY:
            syllables = made.choice((1, 2, 2, 3, 3, 4))
            words[
                "".join(made.choice(_ONSETS) + made.choice(_VOWELS) + made.choice(_CODAS) for _ in range(syllables))
            ] = None
        self._words = list(words)
        self._weights = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(VOCABULARY)))

    @property
    def common(self) -> frozenset[str]:
        """Stop words and the next hundred most common words: nobody searches for them alone."""
        return frozenset(self._words[:200])

    def words(self, count: int) -> list[str]:
        return self.random.choices(self._words, cum_weights=self._weights, k=count)

    def sentence(self) -> str:
        words = self.words(max(5, round(self.random.gauss(21, 7))))
        return " ".join(words).capitalize() + "."

    def paragraph(self) -> str:
        return " ".join(self.sentence() for _ in range(self.random.choice((1, 2, 2, 3))))

    def text(self, words: int) -> str:
        """Paragraphs of about so many words in total."""
        found: list[str] = []
        count = 0
        while count < words:
            found.append(self.paragraph())
            count += found[-1].count(" ") + 1
        return "\n".join(found)

    def headline(self) -> str:
        return " ".join(word.capitalize() for word in self.words(self.random.randint(6, 12)))

    def name(self) -> str:
        return " ".join(word.capitalize() for word in self.random.choices(self._words[200:], k=2))
