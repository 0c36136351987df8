"""Decode the bytes of a feed and remove what XML parsers reject. Pure: bytes in, text out.

Errors of real feeds, all measured: a wrong charset label (yandex-news says windows-1251 and sends UTF-8), no label,
excerpts that are cut in the middle of a character,
NULs, characters and character references that XML forbids (one `&#xD83D;` lost the complete feed), HTML entities, gzip
around the file, text before the prolog.
"""

from __future__ import annotations

import codecs
import re

from crawler.content_encoding import DecodeError, gunzip, is_gzip
from crawler.errors import FeedError
from crawler.text.clean import clean_text

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_PROLOG = re.compile(
    rb"""<\?xml[^<>]{0,500}?encoding\s{0,20}=\s{0,20}["']\s{0,20}([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE
)
CHARSET = re.compile(r"""charset\s{0,20}=\s{0,20}["']?\s{0,20}([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_ALIASES = {
    "x-sjis": "cp932",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "iso-8859-9": "cp1254",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "big5": "big5hkscs",
    "unicode": "utf-8",
    "utf8": "utf-8",
    "windows-874": "cp874",
    "tis-620": "cp874",
    "iso-8859-11": "cp874",
    "utf-8lias": "utf-8",
    "x-user-defined": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
}  # WHATWG Encoding: what a label means on the web, often a superset of the encoding it names
_GUESSES = ("utf-8", "cp1251", "cp1252")
MAX_UNZIPPED = 64 * 1024**2


def decode_feed(body: bytes, content_type: str = "") -> str:
    """Return the text of a feed without characters that XML forbids.

    Args:
        body: the bytes, without content-encoding; a gzip file (.xml.gz) is unpacked.
        content_type: the header, for its charset.

    Raises:
        FeedError: it is a gzip file that cannot be unpacked completely.
    """
    try:
        return clean_text(_decode(unzip(body), content_type))
    except DecodeError as error:
        raise FeedError(str(error)) from error


def unzip(body: bytes) -> bytes:
    """Return the content of a gzip file; anything else unchanged.

    Raises:
        DecodeError: it is incomplete, damaged, or contains more than MAX_UNZIPPED bytes.
    """
    return gunzip(body, MAX_UNZIPPED)[0] if is_gzip(body) else body


def _decode(body: bytes, content_type: str) -> str:
    for mark, encoding in (*_BOMS, (b"", _wide_without_mark(body))):
        if encoding and body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    body = body.replace(b"\x00", b"")
    named = _labels(body, content_type)
    text = strict(body, "utf-8")
    if text is not None and not body.isascii():
        return text  # non-ASCII bytes that are valid UTF-8 are UTF-8, whatever the label: chance is below 1 in 10^6
    if text is None and (damaged := mostly_utf8(body, named)) is not None:
        return damaged
    for label in named:
        if (found := strict(body, label)) is not None:
            return found
    if text is not None:
        return text
    for label in [n for n in named if _known(n)] or ["utf-8"]:
        found = body.decode(_known(label) or "utf-8", "replace")
        if found.count("\ufffd") < max(3, len(found) // 500):
            return found
    return _guess(body)


def _labels(body: bytes, content_type: str) -> list[str]:
    """Return the charsets that the header and the XML declaration name."""
    said = CHARSET.search(content_type or "")
    declared = _PROLOG.search(body[:1024])
    return [*([said[1]] if said else []), *([declared[1].decode("ascii", "replace")] if declared else [])]


def mostly_utf8(body: bytes, named: list[str]) -> str | None:
    """Return the text of UTF-8 that is damaged in places, as excerpts cut in mid-character are; None for any other.

    In text of another encoding, nearly all non-ASCII bytes are errors.
    """
    text = body.decode("utf-8", "replace")
    errors = text.count("\ufffd") - body.count(b"\xef\xbf\xbd")
    valid = len(text) - len(text.encode("ascii", "ignore")) - errors
    other = named and "utf-8" not in {_known(label) for label in named}
    return text if valid >= (10 if other else 1) * errors else None


def _wide_without_mark(body: bytes) -> str | None:
    """Detect UTF-16 and UTF-32 without a byte order mark, by the zeros around `<?` (XML 1.0, appendix F)."""
    for head, name in ((b"<\0\0\0", "utf-32-le"), (b"\0\0\0<", "utf-32-be")):
        if body.startswith(head):
            return name
    if body[:4] in {b"<\0?\0", b"<\0r\0", b"<\0f\0"}:
        return "utf-16-le"
    return "utf-16-be" if body[:4] in {b"\0<\0?", b"\0<\0r", b"\0<\0f"} else None


def _known(label: str) -> str | None:
    name = _ALIASES.get(label.lower(), label)
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    return info.name if getattr(info, "_is_text_encoding", True) else None


def strict(body: bytes, label: str) -> str | None:
    """Decode without errors by the encoding that a label means on the web; None if that fails."""
    name = _known(label)
    if name is None or name.startswith(("utf-16", "utf-32")):
        return None
    try:
        return body.decode(name)
    except UnicodeError:
        return None


def _guess(body: bytes) -> str:
    """Decode without a valid label: charset-normalizer's best guess, else the first of a few encodings that works."""
    from charset_normalizer import from_bytes

    best = from_bytes(body[:100_000]).best()
    names = ([best.encoding] if best else []) + list(_GUESSES)
    for name in names:
        if (text := strict(body, name)) is not None:
            return text
    return body.decode("utf-8", "replace")
