"""A receiver of messages: a webhook on loopback that can be down, slow, or answer what it is told."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from crawler.watches.receivers import Delivery


def delivery(body: str, **more: Any) -> Delivery:
    """An attempt to send that document."""
    return Delivery(
        **{"body": body, "uid": "u", "at": datetime(2026, 11, 20, 12, tzinfo=UTC), "user_agent": "x", **more}
    )


class Receiver:
    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.tries = 0
        self.status = 200
        self.delay = 0.0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                body = json.loads(raw)
                receiver.tries += 1
                time.sleep(receiver.delay)
                if receiver.status == 200:
                    receiver.got.append(body)
                    receiver.bodies.append(raw)
                    receiver.headers.append({k.lower(): v for k, v in self.headers.items()})
                self.send_response(receiver.status)
                if receiver.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook?token=s3cret"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def hits(self) -> list[dict[str, Any]]:
        return [hit for body in self.got for hit in body.get("hits", [])]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
