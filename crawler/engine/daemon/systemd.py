"""Notify systemd (sd_notify): ready, alive, reloading, stopping. Without NOTIFY_SOCKET nothing is sent.

A notification is a datagram with lines of text (man 3 sd_notify); the libraries for it are older than this Python or
need systemd's headers.
"""

from __future__ import annotations

import os
import socket
import time


def notify(**words: str | int) -> bool:
    """Send systemd notifications, as in READY=1; returns whether they were sent. Never raises."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    text = "\n".join(f"{name}={str(value)[:500]}" for name, value in words.items())
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as wire:
            wire.connect(f"\0{address[1:]}" if address.startswith("@") else address)
            wire.sendall(text.encode())
    except OSError:
        return False
    return True


def reloading() -> None:
    """Notify systemd that a reload begins (Type=notify-reload needs its monotonic time)."""
    notify(RELOADING=1, MONOTONIC_USEC=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
