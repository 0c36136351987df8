"""Translate the parameter marks of SQLite to those of psycopg: `?` to `%s`, `:name` to `%(name)s`. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

_TOKEN = re.compile(
    r"'[^']{0,2000}'"  # a literal; one with a doubled quote is two of them
    r'|"[^"]{0,100}"'  # a quoted name
    r"|::"  # a cast
    r"|\?"
    r"|:([A-Za-z_]\w{0,60})"
    r"|%"
)


@lru_cache(maxsize=2048)
def translate_marks(sql: str) -> str:
    """The statement with the marks of psycopg; a percent sign is doubled, as psycopg reads it as a mark."""

    def mark(token: re.Match[str]) -> str:
        text = token[0]
        if text == "?":
            return "%s"
        if token[1]:
            return f"%({token[1]})s"
        return text.replace("%", "%%")

    return _TOKEN.sub(mark, sql)
