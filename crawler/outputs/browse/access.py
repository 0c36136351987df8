"""Who may read the pages: known Host names against DNS rebinding, no requests from other sites, and a token if one is set."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from crawler.config.models import Config

_AUTHORITY = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^\[\]:]+))(?::[0-9]{0,5})?")
_REFUSED = b"This newsdesk answers to other names; --allow-host adds one.\n"
_FORM = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>newsdesk</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"></head>
<body><main><h1>newsdesk</h1><form method="get"><label>Token <input name="token" type="password" autocomplete="current-password"></label>
<button>Enter</button></form><p>The token was printed where <code>newsdesk browse</code> was started.</p></main></body></html>
"""
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer instead of a page."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"text/plain; charset=utf-8"),)


class Access:
    """The checks of every request.

    Args:
        hosts: the names that the server answers to.
        base: the path that it is served under, as "/" or "/news/".
        token: what a reader must have; "" for nothing.
    """

    def __init__(self, hosts: set[str], base: str, token: str = "") -> None:
        self.hosts = hosts
        self.base = base
        self._token = token
        # the cookie is a hash, so that the token itself is stored nowhere; cookies do not know ports, so its name does
        self._kept = hashlib.sha256(f"newsdesk cookie {token}".encode()).hexdigest()
        self._name = f"newsdesk_{self._kept[:8]}"

    def refusal(self, scope: MutableMapping[str, Any]) -> Answer | None:
        """The answer to a request that is not served; None where it is."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if host_of(headers.get(b"host", "")) not in self.hosts:
            return Answer(403, _REFUSED)
        if scope["method"] not in {"GET", "HEAD"}:
            return Answer(405, b"Read-only.\n")
        if _elsewhere(headers):
            return Answer(403, _REFUSED)
        return self._without_token(scope, headers) if self._token else None

    def _without_token(self, scope: MutableMapping[str, Any], headers: Mapping[bytes, str]) -> Answer | None:
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        given = next((value for name, value in query if name == "token"), None)
        rest = [(name, value) for name, value in query if name != "token"]
        if given is not None and self._is_token(given):
            return self._enter(scope, rest)
        if self._has_cookie(headers.get(b"cookie", "")) or self._is_authorized(headers.get(b"authorization", "")):
            return None if given is None else self._onward(scope, rest)
        html = (b"content-type", b"text/html; charset=utf-8")
        ask = (b"www-authenticate", b'Bearer realm="newsdesk"')
        return Answer(401, _FORM.encode(), (html, ask, (b"cache-control", b"no-store")))

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode())

    def _has_cookie(self, header: str) -> bool:
        try:
            cookie = SimpleCookie(header).get(self._name)
        except CookieError:
            return False
        return cookie is not None and hmac.compare_digest(cookie.value.encode(), self._kept.encode())

    def _is_authorized(self, header: str) -> bool:
        """Whether a feed reader or program has the token: `Bearer TOKEN`, or as the password of Basic."""
        kind, _, given = header.partition(" ")
        if kind.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).decode("utf-8", "replace").partition(":")[2]
            except ValueError:
                return False
        return kind.lower() in {"bearer", "basic"} and self._is_token(given.strip())

    def _enter(self, scope: MutableMapping[str, Any], query: list[tuple[str, str]]) -> Answer:
        """Move the token from the address into a cookie."""
        answer = self._onward(scope, query)
        cookie = f"{self._name}={self._kept}; Path={self.base}; HttpOnly; SameSite=Strict"
        return Answer(303, b"", (*answer.headers, (b"set-cookie", cookie.encode())))

    def _onward(self, scope: MutableMapping[str, Any], query: list[tuple[str, str]]) -> Answer:
        path = quote(scope["path"], safe="/:@!$&'()*+,;=~")
        place = self.base + path.removeprefix(self.base).lstrip("/")
        to = place + (f"?{urlencode(query)}" if query else "")
        return Answer(303, b"", ((b"location", to.encode()), (b"cache-control", b"no-store")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What is served: a database and the settings beside it.

    Attributes:
        path: the database.
        config: the settings, for watches and the status.
        access: who may read it.
        images: whether lead pictures are loaded from the outlets.
    """

    path: Path
    config: Config
    access: Access
    images: bool = False


def host_of(header: str) -> str:
    """The host of a Host header, without its port: an IPv6 address is in brackets (RFC 9110, 7.2)."""
    match = _AUTHORITY.fullmatch(header)
    return (match[1] or match[2]).lower() if match else ""


def _elsewhere(headers: Mapping[bytes, str]) -> bool:
    """Whether a page of another site makes the request in the background (Fetch Metadata, W3C).

    A link that a user follows is allowed.
    """
    return headers.get(b"sec-fetch-site") == "cross-site" and headers.get(b"sec-fetch-dest") != "document"
