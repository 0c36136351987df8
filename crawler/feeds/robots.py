"""robots.txt (RFC 9309): what it says to one crawler, and the sitemaps it names. Pure, and linear in the file: each line is read once.

Only the rules of the groups that are meant for the crawler are kept. A library that gives each rule to each agent that a file names takes a gigabyte
for 80 KB of agents and rules.
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
_DISALLOW = {"disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw"}  # as they are met
_TOKEN = re.compile(r"[a-zA-Z_-]*")  # RFC 9309, 2.2.1: a product token
_UNRESERVED = frozenset((string.ascii_letters + string.digits + "-._~").encode())
_BARE = re.compile(r"(user-agent|user agent|useragent|disallow|allow|crawl-delay|sitemap)[ \t]", re.IGNORECASE)
_NEVER = re.compile(r"[^!-~]|[\"<>\\^`{|}]")  # what stands in no address but percent-encoded (RFC 3986, 2)
_TRIPLET = re.compile(r"%([0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a robots.txt says to one crawler: (allows, pattern) each, and the seconds between two requests that it asks for."""

    rules: tuple[tuple[bool, str], ...] = ()
    delay: float = 0.0

    @property
    def wild(self) -> int:
        """Characters of the patterns with wildcards: comparing them with a path takes time in proportion to both (`str.find` of short texts is quadratic)."""
        return sum(len(pattern) for _, pattern in self.rules if "*" in pattern)

    @property
    def size(self) -> int:
        """Bytes of memory that they take, about."""
        return 200 * len(self.rules) + sum(len(pattern) for _, pattern in self.rules)

    def packed(self) -> bytes:
        """The rules in a tenth of the memory, for `unpacked`."""
        return zlib.compress(
            "\n".join(f"{'+' if allow else '-'}{p}" for allow, p in self.rules).encode("utf-8", "replace")
        )

    def allows(self, url: str) -> bool:
        """Whether an address may be requested: by the longest pattern that fits, and by an allowing one of two that are as long (RFC 9309, 2.2.2)."""
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
    """The rules for a crawler.

    Args:
        body: the file; what is beyond MAX_BYTES is not read.
        agent: the crawler's product token, or a User-Agent that begins with it.
    """
    ours = _Named(agent)
    found: dict[str, list[tuple[bool, str]]] = {"ours": [], "all": []}
    delays: dict[str, float] = {}
    named = False  # a group of ours is there, if without a rule
    group: set[str] = set()  # whom the group that is being read is for
    began = False  # a rule of it was read: the next agent begins another
    slow: set[str] = (
        set()
    )  # whom a delay is for: it is no record of RFC 9309, so it ends no group, but the next agent's is its own
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
    """What `Rules.packed` packed; the delay aside."""
    lines = zlib.decompress(packed).decode("utf-8").split("\n")
    return Rules(rules=tuple((line[0] == "+", line[1:]) for line in lines if line))


def read_sitemaps(body: bytes) -> list[str]:
    """The sitemaps that a robots.txt names, as they are written there."""
    named = (value for key, value in _records(body) if key in {"sitemap", "site-map"} and value)
    found: dict[str, None] = {}
    for value in named:
        found[value.split(None, 1)[0]] = None
        if len(found) >= MAX_SITEMAPS:
            break
    return list(found)


def _records(body: bytes) -> Iterator[tuple[str, str]]:
    """(key in lower case, value) of each line that is one."""
    text = body[:MAX_BYTES].decode("utf-8", "replace").lstrip("\ufeff")
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        record = line.partition("#")[0].strip()
        key, colon, value = record.partition(":")
        if not colon:  # "Disallow /private": met, and meant
            known = _BARE.match(record)
            key, value = (known[1], record[known.end() :]) if known else ("", "")
        if key and len(key) <= 20:
            yield key.strip().lower(), value.strip()


class _Named:
    """Whether a user-agent line names a crawler: by product token, whatever version or words stand behind it (RFC 9309, 2.2.1)."""

    def __init__(self, agent: str) -> None:
        first = re.split(r"[/\s]", agent.strip(), maxsplit=1)[0].casefold()
        token = _token(agent)
        self._token, self._first = (
            (token if token == first else ""),
            first,
        )  # one with digits in it is compared as it is

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
    """What patterns are compared with: path and query, in one form of percent-encoding; `*` and `$`, special in patterns, are encoded too (2.2.3)."""
    parts = urlsplit(url)
    path = _normal((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    return path.replace("*", "%2A").replace("$", "%24")


def _patterns(value: str, *, allow: bool) -> list[str]:
    """A rule's pattern as it is compared; where an index file is allowed its folder is meant too, as the large crawlers read it."""
    pattern = _normal(value)
    pattern = pattern[:-1].replace("$", "%24") + pattern[-1:]  # at the end alone it is special
    folder, _, name = pattern.rpartition("/")
    return [pattern, f"{folder}/$"] if allow and name in {"index.html", "index.htm"} else [pattern]


def _normal(text: str) -> str:
    """A path or pattern in one form of percent-encoding (RFC 9309, 2.2.2): unreserved octets as they are, all that need it encoded."""
    text = _NEVER.sub(lambda m: "".join(f"%{octet:02X}" for octet in m[0].encode("utf-8", "replace")), text)
    return _TRIPLET.sub(_triplet, text) if "%" in text else text


def _triplet(match: re.Match[str]) -> str:
    octet = int(match[1], 16)
    return chr(octet) if octet in _UNRESERVED else f"%{octet:02X}"


def _fits(pattern: str, path: str) -> bool:
    """Whether a pattern fits a path: from its beginning, `*` for anything, `$` at the end for the end. In the path's length times the pattern's at most."""
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
