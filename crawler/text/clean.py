"""Clean untrusted text so that it can be stored, searched, shown and exported; the only place that does so. Pure.

A document loses the characters that XML forbids before a parser reads it (`clean_text`). Each field and paragraph
becomes one line of visible text (`one_line`) of limited length (`LIMITS`). docs/security.md explains what is removed,
and why.
"""

from __future__ import annotations

import contextlib
import html
import re
from html.entities import html5
from itertools import accumulate, takewhile
from typing import Any

from crawler.text.markup import NonTextStripper

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_CONTROLS = bytes(n for n in range(32) if n not in {9, 10, 13})
_LONG = 2000  # characters of a document, whose bytes are searched five times faster
_REFERENCE = re.compile(r"&#(?:x([0-9a-f]{1,8})|([0-9]{1,10}));?", re.IGNORECASE)
# Not text: control characters (C0, DEL, C1); characters that change or hide the order of text (bidi marks, embeddings,
# overrides, isolates); invisible ones (soft hyphen, zero-width space, word joiner, byte order mark); noncharacters
# (FDD0 to FDEF and the last two of each plane). Zero-width joiners stay: Persian and emoji need them.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufdd0-\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "\ud800-\udfff]"
)
# Invisible letters that may spell a hidden message; only in the flags of England, Scotland and Wales are they needed.
_TAGS = re.compile("(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f)|[\U000e0000-\U000e007f]+")
# Combining marks stacked on one letter until they cover the lines around it; no language needs more than four.
_PILES = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
    "\U000e0100-\U000e01ef]{8})"
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
    "\U000e0100-\U000e01ef]+"
)

# Maximum characters of each field and of each item of a list; a real publisher's are far below.
LIMITS = {
    "title": 2_000,
    "subtitle": 2_000,
    "summary": 20_000,
    "section": 300,
    "image_caption": 5_000,
    "image_credit": 1_000,
    "agency": 200,
    "language": 20,
    "published_raw": 300,
    "updated_raw": 300,
    "guid": 4_000,
    "authors": 300,
    "tags": 200,
}
MOST_AUTHORS, MOST_TAGS = 100, 100
MOST_LISTED = 4_000  # characters of all items together


def one_line(value: object, most: int = 0) -> str:
    """Return a value as one line of visible text, with spaces collapsed.

    Args:
        value: anything; None is empty.
        most: maximum characters; 0 means no limit.
    """
    text = " ".join(str(value if value is not None else "").split())
    # Printable text (str.isprintable covers everything except stacked marks) is clean: nearly every paragraph.
    if not text.isprintable() or "&#" in text or (not text.isascii() and _PILES.search(text)):
        text = _TAGS.sub(lambda m: m[1] or "", _INVISIBLE.sub("", clean_text(text)))
        text = " ".join(_PILES.sub(r"\1", text).split())
    return text[:most].rstrip() if most and len(text) > most else text


def limit_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Clean the fields of a record and cut them to LIMITS; other fields stay unchanged."""
    return {name: _fitted(name, value) for name, value in fields.items()}


def _fitted(name: str, value: Any) -> Any:
    most = LIMITS.get(name)
    if most is None or value is None:
        return value
    if isinstance(value, str):
        return one_line(value, most) or None
    kept = dict.fromkeys(text for item in value if (text := one_line(item, most)))
    room = accumulate(map(len, kept))
    fits = takewhile(lambda pair: pair[1] <= MOST_LISTED, zip(kept, room, strict=True))
    return tuple(text for text, _ in fits)[: MOST_AUTHORS if name == "authors" else MOST_TAGS]


_ASIDES = NonTextStripper("script", "style", "noscript", "template")


def strip_nontext(markup: str) -> str:
    """Return markup without comments, scripts, styles and templates."""
    return _ASIDES.strip(markup, lambda name, whole: " ")  # noqa: ARG005 - all of them alike


def clean_text(text: str, packed: bytes | None = None) -> str:
    """Return a document without what XML 1.0 (2.2) forbids.

    These are control characters, lone surrogates, noncharacters, and references to them.

    Args:
        text: the document.
        packed: the same as valid UTF-8, if it is there.
    """
    return _REFERENCE.sub(_reference, _legal(text, packed))


_ENDLESS = re.compile(r"&#(?:[0-9]{10,}|[xX][0-9a-fA-F]{10,});?")
_NAMED = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31})(;?)(=?)")


def unescaped(text: str) -> str:
    """Decode character references, and leave a bare `&`: `&copy=3` and `&copyright` stay as they are.

    html.unescape alone decodes the beginning of a name, which breaks addresses, and raises an error for a number of
    more than 4,300 digits.
    """
    if "&" not in text:
        return text
    return html.unescape(_NAMED.sub(_protected, _ENDLESS.sub("", text) if "&#" in text else text))


def _protected(match: re.Match[str]) -> str:
    name, semicolon, equals = match.groups()
    known = f"{name};" in html5 if semicolon else (name in html5 and not equals)
    return match[0] if known else f"&amp;{match[0][1:]}"


def _legal(text: str, packed: bytes | None) -> str:
    if packed is None and len(text) > _LONG:
        with contextlib.suppress(UnicodeEncodeError):  # a lone surrogate
            packed = text.encode()
    clean = packed is not None and len(packed) == len(packed.translate(None, _CONTROLS))  # nearly every document
    if clean and "\ufffe" not in text and "\uffff" not in text:
        return text
    return _ILLEGAL.sub("", text)


def _reference(match: re.Match[str]) -> str:
    code = int(match[1], 16) if match[1] else int(match[2])
    legal = code in {9, 10, 13} or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF
    if 0x80 <= code <= 0x9F:  # windows-1252, as in every browser (HTML, numeric character reference end state)
        try:
            return bytes([code]).decode("cp1252")
        except UnicodeDecodeError:
            return ""
    return match[0] if legal else ""
