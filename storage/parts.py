"""Parts of hosts: a host belongs to one of 256 parts, and a part to one worker at a time. Pure.

Hosts of one site belong to one part, as feeds and articles of an outlet redirect between them: example.org, www, amp.
The site is guessed by a pattern that PostgreSQL's regular expressions know too; the public suffix list is not there.
"""

from __future__ import annotations

import re
from hashlib import md5

PARTS = 256
# The last two labels, or three of them where the second-last is usual below a country: bbc.co.uk. Not of a numeric address.
SITE = r"[^.:]{1,63}\.(?:(?:ac|co|com|edu|go|gob|gov|ne|net|or|org)\.)?[a-z][^.:]{0,62}$"
_SITE = re.compile(SITE)


def part_of(host: str) -> int:
    """The part of a host; the function `part` of the PostgreSQL schema computes the same."""
    found = _SITE.search(host)
    return md5((found[0] if found else host).encode("utf-8", "replace"), usedforsecurity=False).digest()[0]
