"""The address of a database: the path of a SQLite file, or `postgresql://…`.

The address of a server may have a password. It is shown in no message: `str` and `repr` leave it out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

_SCHEMES = ("postgresql://", "postgres://")
_SECRET = ("password", "sslpassword", "passfile", "oauth_client_secret")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A PostgreSQL database, as libpq's connection URIs have it (libpq-connect.html, 34.1.1.2)."""

    url: str = field(repr=False)  # with its password
    folder: Path = field(default=Path(), repr=False, compare=False)  # where raw pages are stored: files are local

    def __str__(self) -> str:
        return redacted(self.url)

    def __repr__(self) -> str:
        return f"ServerAddress({str(self)!r})"

    @property
    def name(self) -> str:
        """The name of the database, for the folder of raw pages."""
        parts = urlsplit(self.url)
        named = dict(parse_qsl(parts.query)).get("dbname") or unquote(parts.path.lstrip("/"))
        return "".join(c if c.isalnum() or c in "-_." else "-" for c in named).strip(".") or "newsdesk"

    def absolute(self) -> ServerAddress:
        """The same address, as a path has it: nothing in it depends on the current folder but the raw pages'."""
        return ServerAddress(self.url, self.folder.absolute())


DatabaseAddress: TypeAlias = Path | ServerAddress


def is_server(text: str) -> bool:
    """Whether a setting is the address of a server, not a path."""
    return text.lower().startswith(_SCHEMES)


def parse_address(database: str | DatabaseAddress, folder: Path = Path()) -> DatabaseAddress:
    """The address that a setting names.

    Args:
        database: a path or an address of a server.
        folder: where the raw pages of a server's database are stored.
    """
    if isinstance(database, str) and is_server(database):
        return ServerAddress(database, folder)
    return Path(database) if isinstance(database, str) else database


def password_of(url: str) -> str | None:
    """The password in the address of a server; None if there is none."""
    parts = urlsplit(url)
    _, colon, password = parts.netloc.rpartition("@")[0].partition(":")
    if colon and password:
        return unquote(password)
    return next((value for key, value in parse_qsl(parts.query) if key in _SECRET and value), None)


def redacted(url: str) -> str:
    """The address without its password."""
    if not is_server(url):
        return url
    parts = urlsplit(url)
    credentials, at, place = parts.netloc.rpartition("@")
    user, colon, password = credentials.partition(":")
    hidden = f"{user}:***" if colon and password else credentials
    query = [(key, "***" if key in _SECRET else value) for key, value in parse_qsl(parts.query, keep_blank_values=True)]
    tail = f"?{urlencode(query, safe='*/,', quote_via=quote)}" if query else ""
    return f"{parts.scheme}://{hidden}{at}{place}{parts.path}{tail}"
