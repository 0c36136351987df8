"""Detect the language of a text by its script, then by its most common words. Pure.

This verifies the language that a page declares; it is not a detector for single lines. The word lists are the most
common words of Wikipedia in each language (word_lists.py).
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

from crawler.extraction.word_lists import common_words

ENOUGH = 40  # words in an alphabetic script; fewer are not enough evidence
CLEAR = 0.25  # share of the text's words that must be common words of its language
AHEAD = 1.25  # minimum ratio to the share of the next unrelated language
TWICE = 2.0  # minimum ratio to the share of the declared language
_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]"), 0.1),
    ("ko", re.compile("[\uac00-\ud7af]"), 0.2),
    ("zh", re.compile("[\u4e00-\u9fff]"), 0.3),
    ("th", re.compile("[\u0e00-\u0e7f]"), 0.3),
    ("el", re.compile("[\u0370-\u03ff]"), 0.3),
    ("he", re.compile("[\u0590-\u05ff]"), 0.3),
    ("hy", re.compile("[\u0530-\u058f]"), 0.3),
    ("ka", re.compile("[\u10a0-\u10ff]"), 0.3),
    ("hi", re.compile("[\u0900-\u097f]"), 0.3),
    ("bn", re.compile("[\u0980-\u09ff]"), 0.3),
    ("pa", re.compile("[\u0a00-\u0a7f]"), 0.3),
    ("gu", re.compile("[\u0a80-\u0aff]"), 0.3),
    ("ta", re.compile("[\u0b80-\u0bff]"), 0.3),
    ("te", re.compile("[\u0c00-\u0c7f]"), 0.3),
    ("kn", re.compile("[\u0c80-\u0cff]"), 0.3),
    ("ml", re.compile("[\u0d00-\u0d7f]"), 0.3),
    ("si", re.compile("[\u0d80-\u0dff]"), 0.3),
    ("lo", re.compile("[\u0e80-\u0eff]"), 0.3),
    ("my", re.compile("[\u1000-\u109f]"), 0.3),
    ("am", re.compile("[\u1200-\u137f]"), 0.3),
    ("km", re.compile("[\u1780-\u17ff]"), 0.3),
)
_NOT_LATIN = re.compile(
    "[\u0370-\u03ff\u0530-\u05ff\u0900-\u109f\u10a0-\u10ff\u1200-\u137f\u1780-\u17ff\u3040-\u9fff\uac00-\ud7af]"
)
# Scripts of several languages: letters that only one of them has, then the most common one.
_SHARED = (
    (
        re.compile("[\u0400-\u04ff]"),
        (
            ("uk", "[іїєґ]"),
            ("be", "ў"),
            ("mk", "[ѓќѕ]"),
            ("sr", "[јљњђћџ]"),
            ("kk", "[әғқңөұүһ]"),
            ("ru", "[ыэё]"),
            ("bg", "ъ"),
        ),
        "ru",
    ),
    (re.compile("[\u0600-\u06ff\u0750-\u077f]"), (("ur", "[ٹڈںے]"), ("fa", "[پچژگ]")), "ar"),
)
_LISTS = {
    "ar": "Arabic",
    "fa": "Persian",
    "ur": "Urdu",
    "ru": "Russian",
    "uk": "Ukrainian",
    "be": "Belarusian",
    "bg": "Bulgarian",
    "mk": "Macedonian",
    "sr": "Serbian",
    "kk": "Kazakh",
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "pt": "Portuguese",
    "nl": "Dutch",
    "sv": "Swedish",
    "da": "Danish",
    "no": "Norwegian_Bokmal",
    "fi": "Finnish",
    "et": "Estonian",
    "lv": "Latvian",
    "lt": "Lithuanian",
    "pl": "Polish",
    "cs": "Czech",
    "sk": "Slovak",
    "sl": "Slovenian",
    "hr": "Croatian",
    "ro": "Romanian",
    "hu": "Hungarian",
    "tr": "Turkish",
    "az": "Azerbaijani",
    "sq": "Albanian",
    "id": "Indonesian",
    "ms": "Malay",
    "vi": "Vietnamese",
    "ca": "Catalan",
    "eu": "Basque",
    "is": "Icelandic",
    "hi": "Hindi",
}
# Languages too similar for word lists: one does not contradict another of its group.
_KIN = (
    {"no", "nb", "nn", "da", "sv"},
    {"hr", "sr", "bs", "sh", "sl", "mk"},
    {"id", "ms"},
    {"cs", "sk"},
    {"es", "ca", "gl", "pt"},
    {"ru", "be", "uk", "bg"},
)
_COMMON = 250  # words used of each list: the lists differ in length, and a longer one would match more
_WORD = re.compile(r"[^\W\d_]+")


def text_language(text: str) -> str | None:
    """Return the language of a text as a two-letter code; None if it is not clear.

    Args:
        text: some paragraphs; only the first 4,000 characters are read.
    """
    sample = text[:4000]
    if (by_script := _by_script(sample)) is not None:
        return by_script or None
    found = Counter(word.lower() for word in _WORD.findall(sample))
    return _by_words(found) or _by_letters(sample, "")


def contradicts(text: str, declared: str) -> str | None:
    """Return the text's language if it clearly is not the declared one; None if it agrees or is not clear."""
    sample, said = text[:4000], declared.partition("-")[0].lower()
    found = _by_script(sample)
    if found is None:
        counted = Counter(word.lower() for word in _WORD.findall(sample))
        mine = _score(counted, said) if said in _LISTS else 0.0
        if mine >= CLEAR:
            return None
        found = _by_words(counted)
        if found and _score(counted, found) < TWICE * mine:
            return None
    if not found and found != "":
        found = _by_letters(sample, said)
    if not found or found == said or any({found, said} <= kin for kin in _KIN):
        return None
    return found


def _by_script(sample: str) -> str | None:
    """Return the language of a script; "" if there is too little text, None if the words must decide."""
    if not _NOT_LATIN.search(sample):
        return None
    letters = sum(char.isalpha() for char in sample)
    if letters < 20:
        return ""
    for language, script, share in _SCRIPTS:
        if len(script.findall(sample)) >= share * letters:
            return language
    return None


def _by_letters(sample: str, said: str) -> str | None:
    """Return the language of a text in Cyrillic or Arabic script that is declared as another script's."""
    letters = sum(char.isalpha() for char in sample)
    for script, marks, common in _SHARED:
        if letters >= 20 and len(script.findall(sample)) >= 0.6 * letters:
            family = {language for language, _ in marks} | {common}
            if said in family:
                return None
            lower = sample.lower()
            return next((language for language, letter in marks if re.search(letter, lower)), common)
    return None


def _by_words(found: Counter[str]) -> str | None:
    if found.total() < ENOUGH:
        return None
    scores = sorted(((_score(found, language), language) for language in _LISTS), reverse=True)
    (score, best), rivals = (
        scores[0],
        [other for other in scores[1:] if not any({other[1], scores[0][1]} <= kin for kin in _KIN)],
    )
    return best if score >= CLEAR and score >= AHEAD * rivals[0][0] else None


def _score(found: Counter[str], language: str) -> float:
    common = _common(language)
    return sum(count for word, count in found.items() if word in common) / max(1, found.total())


@lru_cache(maxsize=64)
def _common(language: str) -> frozenset[str]:
    """Return the shortest words of a language's list, which are its most common ones."""
    by_length = sorted(sorted(common_words(_LISTS[language])), key=len)
    return frozenset(by_length[:_COMMON])
