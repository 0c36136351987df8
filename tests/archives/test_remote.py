"""Archives at addresses: read as they come, resumed where the server allows it, each address through the guard."""

from __future__ import annotations

import copy
import json
import sqlite3
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.archives.warcs import many, parts, written
from tests.conftest import Desk


@dataclass
class Served:
    """A file, and how its server misbehaves."""

    body: bytes
    etag: str = '"one"'
    cut: list[int] = field(default_factory=list)  # bytes after which a transfer ends, a number a request
    stall: bool = False  # instead of ending it, send nothing more
    ranges: bool = True
    length: bool = True
    status: list[int] = field(default_factory=list)  # errors, one a request, before the file
    then: bytes | None = None  # another file from the second request on
    location: str = ""


class FileServer:
    """Serves files with ranges; `requests` are the paths and headers that came."""

    def __init__(self) -> None:
        self.files: dict[str, Served] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.requests.append((self.path, headers))
                self.close_connection = True
                found = server.files.get(self.path)
                if found is None or found.status or found.location:
                    status = 404 if found is None else found.status.pop(0) if found.status else 302
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.send_header("Retry-After", "0")
                    if found is not None and found.location:
                        self.send_header("Location", found.location)
                    self.end_headers()
                    return
                server.send(self, found, headers)

        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.httpd.server_address[1]}"
        threading.Thread(target=self.httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def send(self, handler: BaseHTTPRequestHandler, served: Served, headers: dict[str, str]) -> None:
        body, start = served.body, 0
        wanted = headers.get("range", "")
        if wanted and served.ranges and headers.get("if-range") == served.etag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            handler.send_response(200)
        if served.etag:
            handler.send_header("ETag", served.etag)
        if served.length:
            handler.send_header("Content-Length", str(len(body) - start))
        handler.end_headers()
        end = start + served.cut.pop(0) if served.cut else len(body)
        if served.then is not None:
            served.body, served.etag, served.then = served.then, '"two"', None
        handler.wfile.write(body[start:end])
        handler.wfile.flush()
        if served.stall and end < len(body):
            time.sleep(20)

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]


@pytest.fixture
def server() -> Iterator[FileServer]:
    found = FileServer()
    yield found
    found.httpd.shutdown()
    found.httpd.server_close()


@pytest.fixture
def archive(tmp_path: Path) -> bytes:
    """Eight pages, and a large record that is none, so that a transfer does not end at once."""
    (path,) = many(tmp_path / "made", files=1, pages=8)
    return path.read_bytes()


def stored(desk: Desk) -> list[tuple[str, str]]:
    return [(row["url"], row["text"]) for row in desk.rows("SELECT url, text FROM articles ORDER BY url")]


def expected(desk: Desk, archive: bytes) -> list[tuple[str, str]]:
    written(desk.folder / "here.warc.gz", [])
    (desk.folder / "here.warc.gz").write_bytes(archive)
    assert desk.run("--db", "local.db", "import", "here.warc.gz").code == 0
    with sqlite3.connect(desk.folder / "local.db") as connection:
        return list(connection.execute("SELECT url, text FROM articles ORDER BY url"))


def test_a_file_at_an_address_gives_the_same_articles(desk: Desk, server: FileServer, archive: bytes) -> None:
    desk.configure()
    server.files["/2026/a.warc.gz"] = Served(archive)
    server.files["/moved"] = Served(b"", location="/2026/a.warc.gz")
    done = desk.run("import", f"{server.base}/moved", "--jsonl")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert (report["file"], report["size"], report["articles"]) == (f"{server.base}/moved", len(archive), 8)
    assert stored(desk) == expected(desk, archive)
    assert server.paths() == ["/moved", "/2026/a.warc.gz"]
    assert server.requests[0][1]["user-agent"].startswith("newsdesk/")
    (row,) = desk.rows("SELECT warc_file, provenance FROM articles LIMIT 1")
    assert row["warc_file"] is None
    assert json.loads(row["provenance"])["archive"]["source"] == f"{server.base}/moved"
    kept = desk.run("--db", "kept.db", "import", f"{server.base}/moved", "--keep-raw")
    assert kept.code == 0, kept.err
    assert b"<h1>" in desk.run("--db", "kept.db", "show", "1", "--raw").out.encode()


@pytest.mark.parametrize("stall", [False, True])
def test_a_transfer_that_ends_early_goes_on_where_it_ended(
    desk: Desk, server: FileServer, archive: bytes, stall: bool
) -> None:
    desk.configure()
    (desk.folder / "newsdesk.toml").write_text(
        (desk.folder / "newsdesk.toml").read_text().replace("timeout = 5", "timeout = 1")
    )
    server.files["/a.warc.gz"] = Served(archive, cut=[1000, 1000, 1000], stall=stall, status=[503])
    done = desk.run("import", f"{server.base}/a.warc.gz")
    assert done.code == 0, done.err
    assert stored(desk) == expected(desk, archive)
    ranges = [headers.get("range") for _, headers in server.requests]
    assert ranges == [None, None, "bytes=1000-", "bytes=2000-", "bytes=3000-"]
    assert {headers["if-range"] for _, headers in server.requests[2:]} == {'"one"'}


def test_a_file_that_changes_meanwhile_is_read_anew(
    desk: Desk, server: FileServer, archive: bytes, tmp_path: Path
) -> None:
    desk.configure()
    (other,) = many(tmp_path / "other", files=1, pages=3)
    for name in ("a", "b"):
        server.files[f"/{name}.warc.gz"] = Served(archive, cut=[len(archive) // 2], then=other.read_bytes())
    server.files["/b.warc.gz"].cut.insert(0, 0)  # the first request only looks at the headers
    done = desk.run("import", f"{server.base}/a.warc.gz")
    assert done.code == 0, done.err
    assert server.paths() == ["/a.warc.gz"] * 3
    server.files["/b.warc.gz"] = Served(archive, cut=[len(archive), len(archive) // 2])
    done = desk.run("import", f"{server.base}/b.warc.gz", "--to", "parts")
    assert done.code == 0, done.err
    (rows,) = parts(desk.folder / "parts").values()
    assert len(rows) == 8
    about = json.loads((desk.folder / "parts" / "b.json").read_text())
    assert about["input"] == {
        "address": f"{server.base}/b.warc.gz", "size": len(archive), "version": '"one"',
        "sha256": sha256(archive).hexdigest(),
    }  # fmt: skip
    count = len(server.requests)
    again = desk.run("import", f"{server.base}/b.warc.gz", "--to", "parts")
    assert "its part is there, 8 articles" in again.err
    assert len(server.requests) == count + 1
    server.files["/b.warc.gz"].etag = '"two"'
    assert "8 pages, 8 articles" in desk.run("import", f"{server.base}/b.warc.gz", "--to", "parts").err


@pytest.mark.parametrize(
    ("served", "said"),
    [
        ({"status": [404]}, "the server answered 404"),
        ({"status": [503] * 9}, "the server answered 503"),
        ({"length": False}, "the server does not say where the file ends"),
        ({"cut": [1000] * 9, "ranges": False}, "the server sends no parts of files"),
        ({"cut": [1000] * 9, "etag": ""}, "it can only be read anew"),
        ({"location": "/a.warc.gz"}, "it is redirected too often"),
        ({"location": "http://[::ffff:10.0.0.1]/a.warc.gz"}, "a00:1 is not a public address"),
        ({"location": "ftp://127.0.0.1/a.warc.gz"}, "only http and https are requested"),
        ({"location": "http://localhost:1/a.warc.gz"}, "refused"),
        ({"location": "http://[x/"}, "it is redirected to what is no address"),
        ({"location": "http://127.0.0.1:99999/"}, "Port out of range"),
    ],
)
def test_a_file_that_cannot_be_had_is_named_and_the_others_are_read(
    desk: Desk, server: FileServer, archive: bytes, served: dict[str, Any], said: str
) -> None:
    desk.configure()
    server.files["/a.warc.gz"] = Served(archive, **served)
    server.files["/b.warc.gz"] = Served(archive)
    (desk.folder / "list.txt").write_text(f"{server.base}/a.warc.gz\n{server.base}/b.warc.gz\n")
    for more in ((), ("--to", "parts")):
        server.files["/a.warc.gz"] = Served(archive, **copy.deepcopy(served))
        done = desk.run("import", "@list.txt", "--jsonl", *more)
        reports = {report["file"][-9:]: report for report in map(json.loads, done.out.splitlines())}
        assert done.code == 4, (done.code, done.err)
        assert said in reports["a.warc.gz"]["error"]
        assert reports["b.warc.gz"]["error"] is None
        assert not (desk.folder / "parts" / "a.parquet").exists()


def test_an_address_that_is_not_public_is_never_requested(desk: Desk, server: FileServer, archive: bytes) -> None:
    server.files["/a.warc.gz"] = Served(archive)
    done = desk.run("import", f"{server.base}/a.warc.gz", "--to", "parts")
    assert (done.code, server.requests) == (5, [])
    assert "127.0.0.1 is not a public address" in done.err
    (desk.folder / "newsdesk.toml").write_text('[http]\nallow_ports = ["1-65535"]\n')
    host = server.base.replace("127.0.0.1", "localhost")
    done = desk.run("import", f"{host}/a.warc.gz", "--to", "parts")
    assert (done.code, server.requests) == (5, [])
    assert "is not a public address" in done.err


def test_a_wacz_file_at_an_address_is_read_by_its_directory(desk: Desk, server: FileServer, archive: bytes) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        zipped.writestr("archive/data.warc.gz", archive)
    desk.configure()
    server.files["/a.wacz"] = Served(packed.getvalue())
    done = desk.run("import", f"{server.base}/a.wacz")
    assert done.code == 0, done.err
    assert stored(desk) == expected(desk, archive)
