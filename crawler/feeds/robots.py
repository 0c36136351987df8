"""Parse robots.txt (RFC 9309): the rules for one crawler, and the sitemaps. Pure, linear: each line is read once.

Only the rules of the crawler's groups are stored. A library that stores each rule for each agent takes a gigabyte for
80 KB of agents and rules.
"""

from __future__ import annotations

import re
import string
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_BYTES = 512 * 1024  # RFC 9309, 2.5: at least 500 KiB are read
MAX_SITEMAPS = 1_000
_AGENTS = {"user-agent", "useragent", "user agent"}
_DISALLOW = {"disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw"}  # including common misspellings
_TOKEN = re.compile(r"[a-zA-Z_-]*")  # RFC 9309, 2.2.1: a product token
_UNRESERVED = frozenset((string.ascii_letters + string.digits + "-._~").encode())
_BARE = re.compile(r"(user-agent|user agent|useragent|disallow|allow|crawl-delay|sitemap)[ \t]", re.IGNORECASE)
_NEVER = re.compile(r"[^!-~]|[\"<>\\^`{|}]")  # characters that an address contains only percent-encoded (RFC 3986, 2)
_TRIPLET = re.compile(r"%([0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a robots.txt for one crawler, as (allows, pattern), and its crawl delay in seconds."""

    rules: tuple[tuple[bool, str], ...] = ()
    delay: float = 0.0

    @property
    def wild(self) -> int:
        """Characters of the patterns with wildcards.

        Matching them takes time in proportion to both pattern and path (`str.find` of short texts is quadratic).
        """
        return sum(len(pattern) for _, pattern in self.rules if "*" in pattern)

    @property
    def size(self) -> int:
        """The approximate memory size in bytes."""
        return 200 * len(self.rules) + sum(len(pattern) for _, pattern in self.rules)

    def packed(self) -> bytes:
        """Return the rules compressed to a tenth of the memory, for `unpacked`."""
        return zlib.compress(
            "\n".join(f"{'+' if allow else '-'}{p}" for allow, p in self.rules).encode("utf-8", "replace")
        )

    def allows(self, url: str) -> bool:
        """Return whether an address may be requested, by the longest matching pattern (RFC 9309, 2.2.2).

        Of two patterns of the same length, an allowing one counts.
        """
        path = path_of(url)
        if path.partition("?")[0] == "/robots.txt":
            return True
        best, allowed = -1, True
        for allow, pattern in self.rules:
            length = len(pattern)
            if (length > best or (length == best and allow)) and _fits(pattern, path):
                best, allowed = length, allow
        return allowed


def read_rules(body: bytes, agent: str) -> Rules:
    """Return the rules for a crawler.

    Args:
        body: the file; only the first MAX_BYTES are read.
        agent: the crawler's product token, or a User-Agent that begins with it.
    """
    ours = _Named(agent)
    found: dict[str, list[tuple[bool, str]]] = {"ours": [], "all": []}
    delays: dict[str, float] = {}
    named = False  # there is a group for this crawler, maybe without rules
    group: set[str] = set()  # whom the current group is for
    began = False  # a rule of the group was read: the next user-agent line starts another group
    slow: set[str] = (
        set()
    )  # whom a delay is for: not a record of RFC 9309, so it does not end a group; but the next user-agent starts anew
    slowed = False
    for key, value in _records(body):
        if key in _AGENTS:
            if began:
                group, began = set(), False
            if slowed:
                slow, slowed = set(), False
            whom = {"all"} if _is_all(value) else {"ours"} if ours.meets(value) else set()
            group, slow = group | whom, slow | whom
            named |= "ours" in group
        elif key in _DISALLOW or key == "allow":
            began = slowed = True
            if value and group:
                rules = [(key == "allow", pattern) for pattern in _patterns(value, allow=key == "allow")]
                for each in group:
                    found[each] += rules
        elif key == "crawl-delay":
            slowed = True
            if (delay := _seconds(value)) is not None:
                delays.update(dict.fromkeys(slow, delay))
    chosen = "ours" if named else "all"
    return Rules(rules=tuple(dict.fromkeys(found[chosen])), delay=delays.get(chosen, 0.0))


def unpacked(packed: bytes) -> Rules:
    """Return the rules of `Rules.packed`, without the delay."""
    lines = zlib.decompress(packed).decode("utf-8").split("\n")
    return Rules(rules=tuple((line[0] == "+", line[1:]) for line in lines if line))


def read_sitemaps(body: bytes) -> list[str]:
    """Return the sitemaps listed in a robots.txt, as written."""
    named = (value for key, value in _records(body) if key in {"sitemap", "site-map"} and value)
    found: dict[str, None] = {}
    for value in named:
        found[value.split(None, 1)[0]] = None
        if len(found) >= MAX_SITEMAPS:
            break
    return list(found)


def _records(body: bytes) -> Iterator[tuple[str, str]]:
    """Yield (key in lower case, value) of each valid line."""
    text = body[:MAX_BYTES].decode("utf-8", "replace").lstrip("\ufeff")
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        record = line.partition("#")[0].strip()
        key, colon, value = record.partition(":")
        if not colon:  # "Disallow /private" occurs, and the intention is clear
            known = _BARE.match(record)
            key, value = (known[1], record[known.end() :]) if known else ("", "")
        if key and len(key) <= 20:
            yield key.strip().lower(), value.strip()


class _Named:
    """Matches user-agent lines of a crawler by product token, ignoring a version or other words (RFC 9309, 2.2.1)."""

    def __init__(self, agent: str) -> None:
        first = re.split(r"[/\s]", agent.strip(), maxsplit=1)[0].casefold()
        token = _token(agent)
        self._token, self._first = (
            (token if token == first else ""),
            first,
        )  # a token with digits is compared unchanged

    def meets(self, value: str) -> bool:
        if self._token:
            return _token(value) == self._token
        return bool(self._first) and re.split(r"[/\s]", value, maxsplit=1)[0].casefold() == self._first


def _token(text: str) -> str:
    match = _TOKEN.match(text.strip())
    return match[0].casefold() if match else ""


def _is_all(value: str) -> bool:
    return value == "*" or (value[:1] == "*" and value[1:2].isspace())


def _seconds(value: str) -> float | None:
    try:
        found = float(value[:20])
    except ValueError:
        return None
    return found if 0 <= found < 1e9 else None


def path_of(url: str) -> str:
    """Return what patterns are compared with: path and query, with normalized percent-encoding.

    `*` and `$`, which are special in patterns, are encoded too (2.2.3).
    """
    parts = urlsplit(url)
    path = _normal((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    return path.replace("*", "%2A").replace("$", "%24")


def _patterns(value: str, *, allow: bool) -> list[str]:
    """Return the patterns of a rule; allowing an index file also allows its folder, as the large crawlers do."""
    pattern = _normal(value)
    pattern = pattern[:-1].replace("$", "%24") + pattern[-1:]  # special only at the end
    folder, _, name = pattern.rpartition("/")
    return [pattern, f"{folder}/$"] if allow and name in {"index.html", "index.htm"} else [pattern]


def _normal(text: str) -> str:
    """Normalize the percent-encoding of a path or pattern (RFC 9309, 2.2.2): only unreserved octets stay unencoded."""
    text = _NEVER.sub(lambda m: "".join(f"%{octet:02X}" for octet in m[0].encode("utf-8", "replace")), text)
    return _TRIPLET.sub(_triplet, text) if "%" in text else text


def _triplet(match: re.Match[str]) -> str:
    octet = int(match[1], 16)
    return chr(octet) if octet in _UNRESERVED else f"%{octet:02X}"


def _fits(pattern: str, path: str) -> bool:
    """Return whether a pattern matches the start of a path; `*` matches anything, a `$` at the end the end.

    The time is at most proportional to the path's length times the pattern's.
    """
    ends = pattern.endswith("$")
    first, *others = (pattern[:-1] if ends else pattern).split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    if not others:
        return not ends or at == len(path)
    for part in others[:-1]:
        found = path.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    last = others[-1]
    return path.endswith(last) and len(path) - len(last) >= at if ends else path.find(last, at) >= 0
