"""The body that a page has only in its scripts: templates, and data from which scripts build the page. Pure.

Read only where the page shows next to nothing. Of several bodies in the data, as of recommended articles, the one
beside the page's own headline counts, else the longest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from crawler.extraction.structured_data import title_words
from crawler.text.clean import unescaped

_TEMPLATE = re.compile(r"template|text/html|x-handlebars|x-tmpl", re.IGNORECASE)
_BODY_KEY = re.compile(
    r"(?:article|story|post|main|full|page)?_?(?:body|content|contents|text|html|markup|paragraphs?|blocks?|components?|"
    r"elements|contentHtml|bodyHtml|bodyText)",
    re.IGNORECASE,
)
_PARAGRAPH_KEYS = ("html", "text", "content", "value", "body", "paragraph", "data", "children")
_TITLE_KEYS = ("headline", "title", "name", "webTitle")
_SENTENCE = re.compile(r"[.!?。！？…»”\"]")
_LEAST = 250  # characters of a body
_DEEP = 40  # levels of data
_MOST = 3_000_000  # characters of one script
# What stands before a string; the string itself is read by JSON's own scanner, once.
_BODY_STRING = re.compile(
    r"\"(?:article|story|post|full)?_?(?:body|content|contents|contentHtml|bodyHtml|bodyText|text|html)\"\s{0,9}:\s{0,9}(?=\")",
    re.IGNORECASE,
)
_PUSHED = re.compile(r"\.push\(\[\d{1,3},(?=\")")


def embedded_bodies(tree: Any, titles: tuple[str, ...]) -> list[str]:
    """Return the bodies in a page's scripts and templates as HTML or plain text, the most likely one first.

    Args:
        tree: the page, not yet pruned.
        titles: what the page gives as its titles.
    """
    found: list[tuple[bool, int, str]] = []
    said = [words for title in titles if (words := title_words(title))]
    for script in tree.iter("script", "template"):
        text = script.text or ""
        kind = script.get("type") or ""
        if script.tag == "template" or _TEMPLATE.search(kind):
            inner = "".join(part for part in script.itertext()) if script.tag == "script" else _inner_markup(script)
            found.append((False, len(inner), inner))
        elif _LEAST <= len(text) <= _MOST and "ld+json" not in kind:
            for headline, body in _in_script(text):
                words = title_words(headline)
                own = any(len(words & other) > len(words) / 2 for other in said) if words else False
                found.append((own, len(body), body))
    found.sort(key=lambda item: item[:2], reverse=True)
    return [body for _, size, body in found if size >= _LEAST]


def _inner_markup(template: Any) -> str:
    from lxml.etree import tostring

    return (template.text or "") + "".join(tostring(child, encoding="unicode", method="html") for child in template)


def _in_script(text: str) -> Iterator[tuple[str, str]]:
    """Yield (headline beside it, body) for each body in a script's data."""
    data = _data(text)
    if data is not None:
        yield from _in_data(data, "", 0)
        return
    plain = "".join(_strings(text, _PUSHED)) or text
    for body in _strings(plain, _BODY_STRING):
        if _is_body(body):
            yield "", body


def _strings(text: str, opening: re.Pattern[str]) -> Iterator[str]:
    """Yield the JSON strings after each match of a pattern, in one pass."""
    decoder = json.JSONDecoder(strict=False)
    at = 0
    while (match := opening.search(text, at)) is not None:
        at = match.end()
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, str):
            yield value


def _data(text: str) -> Any:
    """Parse a script that is JSON, or assigns it to a variable; None if it is neither."""
    text = text.strip().removesuffix(";")
    start = text.find("{") if text[:1] not in "[{" else 0
    if start < 0 or start > 200:
        return None
    try:
        return json.JSONDecoder(strict=False).raw_decode(text[start:])[0]
    except (ValueError, RecursionError):
        return None


def _in_data(value: Any, headline: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _DEEP:
        return
    if isinstance(value, list):
        for item in value:
            yield from _in_data(item, headline, depth + 1)
    elif isinstance(value, dict):
        own = next((value[key] for key in _TITLE_KEYS if isinstance(value.get(key), str)), headline)
        for key, inner in value.items():
            body = _body(inner) if _BODY_KEY.fullmatch(key) else ""
            if body:
                yield own, body
            elif isinstance(inner, dict | list):
                yield from _in_data(inner, own, depth + 1)


def _body(value: Any) -> str:
    """Return a body as HTML: a long string, or a list of paragraphs; "" if it is neither."""
    if isinstance(value, str):
        return value if _is_body(value) else ""
    if isinstance(value, list):
        parts = [part for item in value if (part := _paragraph(item))]
        return "".join(f"<p>{part}</p>" for part in parts) if _is_body(" ".join(parts)) else ""
    return ""


def _paragraph(item: Any) -> str:
    if isinstance(item, str):
        return item
    if not isinstance(item, dict):
        return ""
    return next((item[key] for key in _PARAGRAPH_KEYS if isinstance(item.get(key), str)), "")


def _is_body(text: str) -> bool:
    return len(text) >= _LEAST and len(_SENTENCE.findall(unescaped(text[:5000]))) >= 3 and " " in text[:200]
