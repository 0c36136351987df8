"""The connection parameters of a server's address, for libpq. TLS is required beyond this machine."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from storage.address import ServerAddress
from storage.errors import StorageError

_DEFAULTS = {
    "application_name": "newsdesk",
    "client_encoding": "utf8",
    "connect_timeout": 10,  # seconds, for each host that the address names
    # a server that is gone without a word is noticed within half a minute
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # milliseconds
}


def parameters(address: ServerAddress, *, writing: bool = False) -> dict[str, Any]:
    """The parameters of an address, as psycopg.connect takes them.

    Beyond loopback and Unix sockets sslmode is verify-full, where neither the address nor PGSSLMODE says another one:
    libpq's own default sends a password to whoever answers. Of several hosts, a writer takes the primary.

    Raises:
        StorageError: libpq cannot read the address.
    """
    try:
        found: dict[str, Any] = dict(conninfo_to_dict(address.url))
    except psycopg.Error:  # whose text may have the password
        raise StorageError(
            f"{address}: no address of a server; write postgresql://USER@HOST:PORT/DATABASE, and other characters than "
            "letters and digits of a password as %XX"
        ) from None
    for name, value in _DEFAULTS.items():
        found.setdefault(name, value)
    if writing and len(_hosts(found)) > 1:
        found.setdefault("target_session_attrs", "read-write")
    if "sslmode" not in found and "PGSSLMODE" not in os.environ and not all(map(_is_local, _hosts(found))):
        found["sslmode"] = "verify-full"
        own_root = Path.home() / ".postgresql" / "root.crt"
        if "sslrootcert" not in found and "PGSSLROOTCERT" not in os.environ and not own_root.exists():
            found["sslrootcert"] = "system"
    return found


def _hosts(found: dict[str, Any]) -> list[str]:
    named = found.get("hostaddr") or found.get("host") or os.environ.get("PGHOSTADDR") or os.environ.get("PGHOST") or ""
    return str(named).split(",")


def _is_local(host: str) -> bool:
    """Whether a host is this machine: a Unix socket (a path, or none), or loopback."""
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
