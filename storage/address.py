"""The address of a database: the path of a SQLite file, or `postgresql://…`.

The address of a server may have a password. It is shown in no message: `str` and `repr` leave it out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qsl, unquote

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
        rest = _parts(self.url)[3]
        path, _, query = rest.partition("?")
        named = dict(parse_qsl(query)).get("dbname") or unquote(path.rpartition("/")[2] if "/" in path else "")
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


def _parts(url: str) -> tuple[str, str, str, str]:
    """(scheme with its slashes, user, password, the rest); what is between the slashes and the last @ is a login.

    Not by urllib: libpq takes signs like ? and # as part of a password, and a message must not show half of one.
    """
    scheme, slashes, rest = url.partition("://")
    login, at, place = rest.rpartition("@")
    user, _, password = login.partition(":")
    return scheme + slashes, user, password, f"{at}{place}"


_PARAMETER = re.compile(rf"(?i)\b({'|'.join(_SECRET)})=([^&\s]*)")


def secrets_of(url: str) -> list[str]:
    """All passwords in the address of a server, as they are written and as they are meant."""
    _, _, password, rest = _parts(url)
    found = [password, *(match[2] for match in _PARAMETER.finditer(rest))]
    return list(dict.fromkeys(text for each in found if each for text in (each, unquote(each))))


def password_of(url: str) -> str | None:
    """The password in the address of a server; None if there is none."""
    found = secrets_of(url)
    return found[-1] if found else None


def redacted(url: str) -> str:
    """The address without its password."""
    if not is_server(url):
        return url
    scheme, user, password, rest = _parts(url)
    return f"{scheme}{user}{':***' if password else ''}{_PARAMETER.sub(lambda m: f'{m[1]}=***', rest)}"
