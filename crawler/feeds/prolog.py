"""Remove everything before the root element of an XML document, in one pass, before a parser reads it. Pure, linear.

expat recurses into entities that a document type declares (40,000 levels end the process), and feedparser searches for
the declaration with an expression that takes seconds for 50 KB of line breaks. So no document type reaches either. The
few entities that real feeds declare, short replacements for a few characters, are replaced here.
"""

from __future__ import annotations

import re

MAX_ENTITIES = 300  # declared entities that are replaced
_START = re.compile(r"<(?=[A-Za-z_])")
_SUBSET = re.compile(
    r"<!--|<\?|[\"'\]]"
)  # in an internal subset: the bracket that ends it, and the start of anything that may contain another
_DECLARED = re.compile(
    r"<!ENTITY\s{1,9}(\w{1,40})\s{1,9}(?:\"([^\"<&%]{0,64}|&#\w{1,8};)\"|'([^'<&%]{0,64}|&#\w{1,8};)')\s{0,9}>"
)
_USED = re.compile(r"&(\w{1,40});")
_OF_XML = {"amp", "lt", "gt", "quot", "apos"}


def without_prolog(text: str) -> str:
    """Return a document from its root element on, with simple declared entities replaced; "" if it has no element."""
    at, subsets = 0, []
    while True:
        at = text.find("<", at)
        if at < 0:
            return ""
        if text.startswith("<!--", at):
            at = _behind(text, "-->", at + 4)
        elif text.startswith("<?", at):
            at = _behind(text, "?>", at + 2)
        elif text[at : at + 9].lower() == "<!doctype":
            end = _doctype_end(text, at)
            subsets.append(text[at:end])
            at = end
        elif _START.match(text, at):
            return _entities_in(text[at:], "".join(subsets))
        else:  # junk
            at += 1


def _behind(text: str, mark: str, at: int) -> int:
    """Return the position after `mark`, or the end of the text if it is missing."""
    end = text.find(mark, at)
    return len(text) if end < 0 else end + len(mark)


def _doctype_end(text: str, at: int) -> int:
    """Return the position after a document type declaration, including its internal subset."""
    closing = _behind(text, ">", at)
    opening = text.find("[", at, closing)
    if opening < 0:
        return closing
    at = opening + 1
    while (match := _SUBSET.search(text, at)) is not None:
        found = match[0]
        if found == "]":
            return _behind(text, ">", match.end())
        at = _behind(text, {"<!--": "-->", "<?": "?>"}.get(found, found), match.end())
    return len(text)


def _entities_in(text: str, subset: str) -> str:
    declared: dict[str, str] = {}
    for match in _DECLARED.finditer(subset):
        if match[1] not in _OF_XML:
            declared.setdefault(match[1], match[2] if match[2] is not None else match[3])
        if len(declared) >= MAX_ENTITIES:
            break
    return _USED.sub(lambda m: declared.get(m[1], m[0]), text) if declared else text
