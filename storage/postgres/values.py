"""Values that PostgreSQL refuses: NUL and lone surrogates, in texts and in JSON lists of texts. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_REFUSED = re.compile("[\0\ud800-\udfff]")
# as escapes of JSON: NUL, a high surrogate without a low one, a low one without a high one
_ESCAPED = re.compile(
    r"\\u0000|\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|"
    r"(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)


def clean(values: Any) -> Any:
    """The parameters of a statement, in a sequence or by name, as PostgreSQL stores them."""
    if isinstance(values, Mapping):
        return {name: clean_value(value) for name, value in values.items()}
    return [clean_value(value) for value in values]


def clean_value(value: Any) -> Any:
    """One parameter: a character that cannot be stored becomes U+FFFD, as in a decoded text."""
    if not isinstance(value, str):
        return value
    if not value.isascii() or "\0" in value:
        value = _REFUSED.sub("\ufffd", value)
    if "\\u" in value and _ESCAPED.search(value):
        value = _cleaned_json(value)
    return value


def _cleaned_json(text: str) -> str:
    """A JSON document without such characters; a text that is no JSON stays."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return json.dumps(_walk(found)) if isinstance(found, list | dict) else text


def _walk(found: Any) -> Any:
    if isinstance(found, str):
        return _REFUSED.sub("\ufffd", found)
    if isinstance(found, list):
        return [_walk(item) for item in found]
    if isinstance(found, dict):
        return {_walk(key): _walk(value) for key, value in found.items()}
    return found
