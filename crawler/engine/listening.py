"""HOST:PORT of a server that newsdesk runs, as options and settings give it."""

from __future__ import annotations

import socket

from crawler.errors import UsageError


def host_and_port(where: str, named: str, example: str) -> tuple[str, int]:
    """Split HOST:PORT; without a host it is this machine alone.

    Args:
        where: what was given.
        named: the option or setting that gave it.
        example: a right value.

    Raises:
        UsageError: it is not HOST:PORT.
    """
    host, _, port = where.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{named} {where!r} is not HOST:PORT, like {example}")
    return host.strip("[]") or "127.0.0.1", int(port)


def family_of(host: str, port: int) -> socket.AddressFamily:
    """The address family to listen with."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
