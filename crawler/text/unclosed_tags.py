"""Close the elements that a page leaves open inside others, as a browser's parser does. Pure.

`<button><div></button>`: a browser closes the div at the button's end (HTML standard, "generate implied end tags");
libxml2 ignores that end, so the rest of the page becomes part of the button, or of the link, header or menu.
"""

from __future__ import annotations

import re

_PLAIN = (
    "div", "section", "article", "main", "header", "footer", "nav", "aside", "form", "figure", "button", "a",
    "fieldset", "details", "dialog", "label", "blockquote", "noscript",
)  # fmt: skip
# Comments, and elements whose content is text to a browser, are skipped as a whole.
_TAGS = re.compile(
    rf"<!--|<(?:script|style|textarea|template|svg)\b|<(/?)({'|'.join(_PLAIN)})(?=[\s/>])", re.IGNORECASE
)
_ENDS = {
    "<!--": re.compile("--!?>"),
    **{
        f"<{name}": re.compile(rf"</{name}\b", re.IGNORECASE)
        for name in ("script", "style", "textarea", "template", "svg")
    },
}
_DIVS = re.compile("<(/?)(?:div|DIV)")
_DEEP = 500  # open elements; beyond that the page is left as it is


def close_unclosed(markup: str) -> str:
    """Return the markup with an end tag before each end of an outer element that would be ignored; one pass."""
    ends = _DIVS.findall(markup)  # faster than to count each by itself
    if 2 * ends.count("/") == len(ends):
        return markup
    pieces: list[str] = []
    opened: list[str] = []
    at = done = 0
    never: set[str] = set()
    while (tag := _TAGS.search(markup, at)) is not None:
        at = tag.end()
        name = (tag[2] or "").lower()
        if not name:
            whole = tag[0].lower()
            end = None if whole in never else _ENDS[whole].search(markup, at)
            if end is None:
                never.add(whole)
            else:
                at = end.end()
        elif not tag[1]:
            opened.append(name)
            if len(opened) > _DEEP:
                return markup
        elif name in opened:
            pieces.append(markup[done : tag.start()])
            done = tag.start()
            while (inner := opened.pop()) != name:
                pieces.append(f"</{inner}>")
    return "".join([*pieces, markup[done:]])
