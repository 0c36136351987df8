"""The metrics server and clients that ask nothing."""

from __future__ import annotations

import socket
import struct
import threading

import pytest

from crawler.engine.daemon import metrics


def _nothing(environ: object, start_response: object) -> list[bytes]:
    raise AssertionError("a fault of ours")


def _asked(port: int, said: bytes, *, reset: bool = False) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(said)
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            client.recv(100)


@pytest.mark.parametrize("reset", [False, True])
def test_a_silent_client_is_no_news(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], reset: bool
) -> None:
    monkeypatch.setattr(metrics._Silent, "timeout", 0.2)
    server = metrics._server("127.0.0.1", 0, _nothing)
    server.daemon_threads = False  # so that closing waits for them
    try:
        server.timeout = 5
        for said in (b"", b"GET /metrics HT"):
            thread = threading.Thread(target=server.handle_request)
            thread.start()
            _asked(server.server_port, said, reset=reset)
            thread.join()
    finally:
        server.server_close()
    assert capfd.readouterr() == ("", "")
