"""Spellings of one word that the full-text index does not distinguish: е and ё, o and ø, full and half width. Pure.

SQLite's unicode61 tokenizer removes marks from Latin letters only, and knows neither letters with a stroke nor
ligatures, widths, or marks of other scripts. Texts and queries are folded before they reach it; the stored text is not
changed.

The result for a character must never depend on the version of Python: FTS5 deletes a text by the very words that went
into the index. So the tables are literal, and Unicode's normalization, which is stable for characters that exist, is
used in ranges that are full. A change of this module is a new version of the folding.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

FOLDING = 2  # version 1 folds nothing
_MARKS = "\u0300-\u036f\u3099\u309a"
_FORMS = (
    "\u01c4-\u01cc"  # Croatian digraphs
    "\u0958-\u095f\u09dc\u09dd\u09df\u0a33\u0a36\u0a59-\u0a5b\u0a5e"  # Indic letters with a dot, written in two ways
    "\ufb00-\ufb06\ufb13-\ufb17\ufb1d\ufb1f-\ufb36\ufb38-\ufb3c\ufb3e\ufb40\ufb41\ufb43\ufb44\ufb46-\ufb4f"  # ligatures
    "\ufb50-\ufbb1\ufbd3-\ufd3d\ufd50-\ufd8f\ufd92-\ufdc7\ufdf0-\ufdf9\ufe70-\ufe74\ufe76-\ufefc"  # Arabic forms
    "\uff01-\uffbe\uffc2-\uffc7\uffca-\uffcf\uffd2-\uffd7\uffda-\uffdc\uffe0-\uffe6"  # full and half width
)
_FORM_RUN = re.compile(f"[{_FORMS}]+")
_COMBINING = re.compile(f"[{_MARKS}\u1100-\u11ff]")
# Marks are bounded: sorting a long run of them takes quadratic time.
_COMPOSABLE = re.compile(f"[^{_MARKS}][{_MARKS}]{{1,8}}|[\u1100-\u1112\u1161-\u1175\u11a8-\u11c2]+")

_LETTERS = {
    "ё": "е", "Ё": "Е", "ѐ": "е", "Ѐ": "Е", "ѝ": "и", "Ѝ": "И",
    "ø": "o", "Ø": "O", "ǿ": "o", "Ǿ": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th",
    "Þ": "TH", "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "ǽ": "ae", "Ǽ": "AE", "ǣ": "ae", "Ǣ": "AE", "œ": "oe",
    "Œ": "OE", "ı": "i", "İ": "I", "ħ": "h", "Ħ": "H", "ŧ": "t", "Ŧ": "T", "ŋ": "n", "Ŋ": "N", "ſ": "s", "ĸ": "q",
    "ƒ": "f", "Ƒ": "F", "ə": "a", "Ə": "A", "ɛ": "e", "Ɛ": "E", "ɔ": "o", "Ɔ": "O", "ɓ": "b", "Ɓ": "B", "ɗ": "d",
    "Ɗ": "D", "ɖ": "d", "Ɖ": "D", "ƙ": "k", "Ƙ": "K", "ƴ": "y", "Ƴ": "Y", "ɣ": "g", "Ɣ": "G", "ʋ": "v", "Ʋ": "V",
    "ƀ": "b", "Ƀ": "B", "ɨ": "i", "Ɨ": "I", "ʉ": "u", "Ʉ": "U", "ƶ": "z", "Ƶ": "Z", "ɫ": "l", "Ɫ": "L", "ŀ": "l",
    "Ŀ": "L", "ŉ": "n",
    "ʼ": "'", "ʻ": "'", "ʹ": "'", "ʾ": "'", "ʿ": "'",  # letters by Unicode, but printed as apostrophes too
    "ς": "σ",
    "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ۀ": "ه", "ہ": "ه",
}  # fmt: skip
# Vowel points of Arabic and Hebrew, and the Arabic stroke that only widens a word: news leaves them out, or not.
_DROPPED = [
    0x640, *range(0x64B, 0x660), 0x670, *range(0x6D6, 0x6DD), *range(0x6DF, 0x6E5), 0x6E7, 0x6E8, *range(0x6EA, 0x6EE),
    *range(0x591, 0x5BE), 0x5BF, 0x5C1, 0x5C2, 0x5C4, 0x5C5, 0x5C7,
]  # fmt: skip
# Arabic, Persian, Devanagari, Bengali, Gurmukhi, Gujarati, Oriya, Tamil, Telugu, Kannada, Malayalam, Thai, Lao,
# Burmese, Khmer
_ZEROS = (
    0x660, 0x6F0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xE50, 0xED0, 0x1040, 0x17E0,
)  # fmt: skip


def _base(character: str) -> str:
    """A letter without its marks."""
    return re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", character))


def _unaccented(*ranges: range) -> dict[str, str]:
    letters = [chr(code) for codes in ranges for code in codes]
    return {c: base for c in letters if c.isalpha() and (base := _base(c)) != c and len(base) == 1}


_GREEK = _unaccented(range(0x386, 0x3CF), range(0x1F00, 0x1FFD))  # headlines in capitals have no accents
_TABLE: dict[int, str | None] = {
    **{ord(zero): str(digit) for start in _ZEROS for digit in range(10) for zero in [chr(start + digit)]},
    **{ord(letter): base for letter, base in (_GREEK | _LETTERS).items()},
    **dict.fromkeys(_DROPPED),
}
_CHANGED = re.compile(f"[{re.escape(''.join(map(chr, _TABLE)))}]")
# What unicode61 removes by itself, for finding matches in a text that it does not see.
_LATIN = {ord(c): base for c, base in _unaccented(range(0xC0, 0x250), range(0x1E00, 0x1F00)).items()}


def fold(text: str) -> str:
    """The text as its words are indexed and queried."""
    if text.isascii():
        return text
    text = _FORM_RUN.sub(lambda forms: unicodedata.normalize("NFKC", forms[0]), text)
    if _COMBINING.search(text):
        text = _COMPOSABLE.sub(lambda letters: unicodedata.normalize("NFC", letters[0]), text)
    return _CHANGED.sub(lambda letter: _TABLE[ord(letter[0])] or "", text)  # a fifth of the time of str.translate


def fold_all(text: str) -> str:
    """The text without any difference that the index ignores, except case."""
    return text if text.isascii() else fold(text).translate(_LATIN)


_RESIZED = re.compile(
    f"[{_FORMS}][\uff9e\uff9f]?[{_MARKS}]{{0,8}}|[^{_MARKS}][{_MARKS}]{{1,8}}|[\u1100-\u11ff]+|["
    + re.escape("".join(chr(code) for code, to in _TABLE.items() if to is None or len(to) != 1))
    + "]"
)


def fold_with_origins(text: str) -> tuple[str, Sequence[int]]:
    """The text folded by fold_all, and where each of its characters comes from; the end of the text is the last one."""
    if text.isascii():
        return text, range(len(text) + 1)
    parts: list[str] = []
    origins: list[int] = []
    done = 0
    for unit in _RESIZED.finditer(text):
        parts.append(fold_all(text[done : unit.start()]))
        origins.extend(range(done, unit.start()))
        parts.append(fold_all(unit[0]))
        origins.extend([unit.start()] * len(parts[-1]))
        done = unit.end()
    parts.append(fold_all(text[done:]))
    origins.extend(range(done, len(text) + 1))
    return "".join(parts), origins
