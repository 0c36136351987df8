"""newsdesk in an internet of our own: `python -m tests.hostile.internet crawl`. Names resolve as a table says; every public address is one server of
ours; each connection that anybody opens is written down, by the address that really was connected to."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import sys
import time
from itertools import cycle
from pathlib import Path
from typing import Any

PLAN = "HOSTILE_INTERNET"  # the environment: a JSON file with names, server and log


def main() -> None:
    """Put the table and the log between the process and the network, then be newsdesk."""
    plan = json.loads(Path(os.environ[PLAN]).read_text(encoding="utf-8"))
    log = Path(plan["log"])
    slow = dict(plan.get("slow", {}))  # seconds that the first answer for a name takes
    names = {name: cycle(answers) for name, answers in plan["names"].items()}
    host, port = plan["server"]
    resolve, connect = socket.getaddrinfo, socket.socket.connect_ex

    def getaddrinfo(name: Any, service: Any, *more: Any, **options: Any) -> Any:
        text = name.decode() if isinstance(name, bytes) else str(name)
        if "dead" in plan and Path(plan["dead"]).exists():
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        time.sleep(slow.pop(text, 0))
        if text in names:
            found = next(names[text])
            return [entry for one in found for entry in resolve(one, service, 0, socket.SOCK_STREAM)]
        try:
            ipaddress.ip_address(text)
        except ValueError:
            if not set(text) <= set("0123456789abcdefABCDEFxX."):
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None
        return resolve(name, service, *more, **options)  # the system's own reading of odd numbers

    def connect_ex(self: socket.socket, address: Any) -> int:
        if self.family not in {socket.AF_INET, socket.AF_INET6}:
            return connect(self, address)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{address[0]} {address[1]}\n")
        ip = ipaddress.ip_address(address[0].split("%")[0])
        if ip.is_global:  # the whole internet is one server
            return connect(self, (f"::ffff:{host}" if self.family == socket.AF_INET6 else host, port))
        return connect(self, address)

    socket.getaddrinfo = getaddrinfo  # type: ignore[assignment]
    socket.socket.connect_ex = connect_ex  # type: ignore[method-assign, assignment]
    from crawler.cli import main as newsdesk
    from crawler.config.models import Pace

    newsdesk(sys.argv[2:], pace=Pace(hour=float(sys.argv[1])))


if __name__ == "__main__":
    main()
