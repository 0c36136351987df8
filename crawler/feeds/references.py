"""Repair character references in XML: a bare `&` is text, as in every browser. Pure, linear.

Without this, an XML parser that accepts errors drops `&b` from `?a=1&b=2`, and a parser for HTML reads `&copy=3` as ©=3.
"""

from __future__ import annotations

import re
from html.entities import html5

_REFERENCE = re.compile(r"&(?:(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)?")
_OF_XML = {"amp", "lt", "gt", "quot", "apos"}


def repair_references(text: str) -> str:
    """Return an XML document in which each `&` begins a reference that XML defines; CDATA sections stay unchanged.

    References to HTML's characters, such as `&nbsp;`, are replaced by the characters.
    """
    if "&" not in text:
        return text
    parts: list[str] = []
    at = 0
    while (begin := text.find("<![CDATA[", at)) >= 0 and (end := text.find("]]>", begin)) >= 0:
        parts += [_REFERENCE.sub(_repaired, text[at:begin]), text[begin : end + 3]]
        at = end + 3
    return "".join([*parts, _REFERENCE.sub(_repaired, text[at:])])


def _repaired(match: re.Match[str]) -> str:
    name = match[1]
    if name is None:
        return "&amp;"
    if name.startswith("#") or name in _OF_XML:
        return match[0]
    character = html5.get(f"{name};")
    if character is None:
        return f"&amp;{name};"
    return character.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
