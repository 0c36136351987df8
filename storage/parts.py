"""Parts of hosts: a host belongs to one of 256 parts, and a part to one worker at a time. Pure."""

from __future__ import annotations

from hashlib import md5

PARTS = 256


def part_of(host: str) -> int:
    """The part of a host; the function `part` of the PostgreSQL schema computes the same."""
    return md5(host.encode("utf-8", "replace"), usedforsecurity=False).digest()[0]
