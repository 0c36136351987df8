"""Row 34: the local server answers to its own names, reads and nothing else, and holds up no crawl. What it shows of hostile text: row 14."""

from __future__ import annotations

import contextlib
import http.client
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from storage.writer import open_writer
from tests import torture
from tests.conftest import Desk, source
from tests.hostile.measure import tree
from tests.outputs.test_exports import article, put, verdict
from tests.running import browsing, until
from tests.site import Site


@dataclass
class Browsed:
    desk: Desk
    site: Site
    host: str
    port: int

    def ask(
        self, path: str, *, method: str = "GET", host: str = "", body: bytes | None = None, **headers: str
    ) -> tuple[int, str, dict[str, str]]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        sent = {"Host": host or f"{self.host}:{self.port}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            return answer.status, text, {k.lower(): v for k, v in answer.getheaders()}


@pytest.fixture(scope="module")
def browsed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsed]:
    desk, site = Desk(tmp_path_factory.mktemp("browsed")), Site()
    site.news(20)
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    with browsing(desk) as base:
        where = urllib.parse.urlsplit(base)
        yield Browsed(desk, site, where.hostname or "", where.port or 0)
    site.close()


def test_row_34_it_listens_on_loopback_only(browsed: Browsed) -> None:
    assert browsed.host == "127.0.0.1"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example:8001",
        "2130706433",
        "127.1",
        "",
        "[::ffff:127.0.0.1]",
        "127.0.0.1@evil.example",
        "xn--localhost-9za",
    ],
)
def test_row_34_a_foreign_host_is_refused(browsed: Browsed, host: str) -> None:
    assert browsed.ask("/", host=host or " ")[0] == 403
    assert "harbour" not in browsed.ask("/news/articles", host=host or " ")[1]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_row_34_nothing_is_written(browsed: Browsed, method: str) -> None:
    for path in ("/news/articles", "/news", "/-/permissions", "/news/articles/1"):
        assert browsed.ask(path, method=method, body=b"title=x")[0] in {400, 403, 405}
    before = browsed.desk.rows("SELECT count(*) AS n, max(id) AS id FROM articles")
    for sql in ("delete from articles", "update articles set title='x'", "insert into meta values ('a','b')", "drop table articles", "attach '/tmp/x.db' as x", "pragma writable_schema=1", "vacuum into '/tmp/x.db'", "select load_extension('x')", "select readfile('/etc/passwd')", "select writefile('/tmp/x','y')"):  # fmt: skip
        status, page, _ = browsed.ask("/news.json?" + urllib.parse.urlencode({"sql": sql, "_shape": "objects"}))
        assert status >= 400 or '"ok": false' in page, sql
    assert browsed.desk.rows("SELECT count(*) AS n, max(id) AS id FROM articles") == before


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/-/static/../../../../etc/passwd",
        "/-/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/-/static/..%2f..%2f..%2fetc/passwd",
        "/news.db",
        "/news/..%2f..%2fnewsdesk.toml",
        "/newsdesk.toml",
        "//etc/passwd",
        "/%00",
        "/news.db-wal",
    ],
)
def test_row_34_no_path_leads_out(browsed: Browsed, path: str) -> None:
    status, page, _ = browsed.ask(path)
    assert status >= 300
    assert "root:" not in page
    assert "[http]" not in page
    assert "SQLite format 3" not in page


def test_row_34_sql_that_runs_long_is_cut_off(browsed: Browsed) -> None:
    sql = "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c"
    status, page, _ = browsed.ask("/news.json?" + urllib.parse.urlencode({"sql": sql}))
    assert status >= 400 or "interrupted" in page.lower()
    assert "interrupted" in page.lower() or "time limit" in page.lower()
    assert browsed.ask("/news/articles?_size=1")[0] == 200


def test_row_34_every_answer_carries_a_policy(browsed: Browsed) -> None:
    for path in ("/", "/news/articles", "/news/articles/1", "/nowhere", "/news?sql=bad"):
        headers = browsed.ask(path)[2]
        assert headers["content-security-policy"].startswith(("default-src 'self'", "default-src 'none'"))
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers


def test_row_34_readers_in_a_crowd_hold_up_no_crawl(browsed: Browsed) -> None:
    readers = torture.times(20, 100)
    statuses: list[int] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            statuses.append(browsed.ask("/news/articles?_search=harbour&_facet=source")[0])

    threads = [threading.Thread(target=read, daemon=True) for _ in range(readers)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    browsed.site.news(60)
    done = browsed.desk.run("crawl")
    ended.set()
    for thread in threads:
        thread.join(30)
    assert done.code == 0, done.err
    assert len(browsed.desk.rows("SELECT 1 FROM articles")) == 60
    assert statuses
    assert set(statuses) == {200}


def test_row_34_another_site_cannot_ask_behind_the_readers_back(browsed: Browsed) -> None:
    """Fetch Metadata: an image, a frame or a script of another site is refused, a link that a reader follows is not."""
    for wanted in ("image", "iframe", "empty", "script"):
        asked = browsed.ask("/news.json?sql=select+1", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest=wanted)
        assert asked[0] == 403, wanted
    assert browsed.ask("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="document")[0] == 200
    assert browsed.ask("/static/newsdesk.css", Sec_Fetch_Site="same-origin", Sec_Fetch_Dest="style")[0] == 200


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select length(hex(randomblob(500000)))", "not authorized"),
        ("select instr(zeroblob(1000000), 'x')", "not authorized"),
        ("select length(printf('%900000000c', 'x'))", ""),
        (
            "with r(n) as (select 1 union all select n + 1 from r limit 900) select length(group_concat(printf('%1000000c', 'x'))) from r",
            "",
        ),
    ],
)
def test_row_34_sql_takes_no_memory_out_of_nothing(browsed: Browsed, sql: str, said: str) -> None:
    status, page, _ = browsed.ask("/news.json?" + urllib.parse.urlencode({"sql": sql}))
    assert (status, said in page) == (400, True), page[:300]
    assert browsed.ask("/news/articles?_size=1")[0] == 200


SLOW = "select instr(x, substr(x, 1, 500000) || 'b') from (select printf('%1000000c', 'a') as x union all select printf('%1000001c', 'a'))"


def test_row_34_a_function_that_nobody_can_interrupt_is_ended_with_its_process(browsed: Browsed) -> None:
    """instr() over megabytes: three links held all of Datasette's threads for minutes."""
    path = "/news.json?" + urllib.parse.urlencode({"sql": SLOW})
    answers: list[tuple[int, str]] = []
    threads = [threading.Thread(target=lambda: answers.append(browsed.ask(path)[:2]), daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    assert browsed.ask("/")[0] == 200
    assert browsed.ask("/news/articles?_size=1")[0] == 200
    for thread in threads:
        thread.join(30)
    assert [status for status, _ in answers] == [400] * 3
    assert all("interrupted" in page.lower() or "time limit" in page.lower() for _, page in answers)


def test_row_34_ctrl_c_ends_it_whatever_is_asked(desk: Desk) -> None:
    desk.configure()
    open_writer(desk.database).close()
    server = subprocess.Popen(
        desk.command("browse", "--port", "0"),
        cwd=desk.folder,
        env=desk.environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    where = serve_of(desk, server.stderr.readline().split()[0].rstrip("/"))
    path = "/news.json?" + urllib.parse.urlencode({"sql": SLOW})

    def ask() -> None:
        # The server ends while this waits: a reset, a closed connection and an answer are all right.
        with contextlib.suppress(OSError, http.client.HTTPException):
            where.ask(path)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(5)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    below = tree(server.pid)
    server.send_signal(signal.SIGINT)
    assert server.wait(20) == 130 or server.returncode == 0
    server.stderr.close()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below), 10)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("[::1]", 200),
        ("[::1]:8001", 200),
        ("LOCALHOST:9", 200),
        ("127.0.0.1", 200),
        ("[::2]", 403),
        ("[::1].evil.example", 403),
        ("evil.example:80", 403),
    ],
)
def test_row_34_hosts_by_every_form_of_their_names(browsed: Browsed, host: str, status: int) -> None:
    assert browsed.ask("/", host=host)[0] == status


@pytest.mark.parametrize(
    ("host", "warned"), [("0.0.0.0", True), ("::", True), ("127.0.0.1", False), ("localhost", False)]
)
def test_row_34_a_host_beyond_this_machine_is_warned_of(desk: Desk, host: str, warned: bool) -> None:
    desk.configure()
    open_writer(desk.database).close()
    server = subprocess.Popen(
        desk.command("browse", "--port", "0", "--host", host),
        cwd=desk.folder,
        env=desk.environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    first = server.stderr.readline()  # where it listens; a warning is said before anything is answered
    where = urllib.parse.urlsplit(first.split()[0])
    address = "::1" if host == "::" else "127.0.0.1"
    with socket.create_connection((address, where.port or 0), timeout=20) as client:
        client.sendall(b"GET /-/versions.json HTTP/1.0\r\nHost: localhost\r\n\r\n")
        client.settimeout(60)
        assert client.recv(10)
    server.send_signal(signal.SIGINT)
    server.wait(20)
    said = server.stderr.read()  # not communicate(), which loses what readline() had read ahead
    server.stderr.close()
    assert ("without --token" in said) == warned, said
    assert len([line for line in said.splitlines() if "warning" in line]) == int(warned)


def serve_of(desk: Desk, base: str) -> Browsed:
    where = urllib.parse.urlsplit(base)
    return Browsed(desk, None, where.hostname or "", where.port or 0)  # type: ignore[arg-type]  # no site is asked


def test_row_34_a_restored_backup_is_what_every_page_shows(desk: Desk) -> None:
    desk.configure()
    with open_writer(desk.database) as writer:
        put(writer, verdict(1, article(1, "In the backup", "The harbour.")))
    assert desk.run("db", "backup", "kept.db").code == 0
    with open_writer(desk.database) as writer:
        put(writer, verdict(2, article(2, "After it", "The bridge.")))
    with browsing(desk) as base:
        server = serve_of(desk, base)
        for path in ("/", "/news/articles"):
            assert "After it" in server.ask(path)[1]
        assert desk.run("db", "restore", "kept.db").code == 0
        for path in ("/", "/news/articles"):
            status, page, _ = server.ask(path)
            assert (status, "In the backup" in page, "After it" in page) == (200, True, False), path


@pytest.mark.parametrize("name", ["news.2026.db", "sources.db", "a b%c.db"])
def test_every_file_name_has_its_tables(desk: Desk, name: str) -> None:
    desk.configure()
    with open_writer(desk.folder / name) as writer:
        put(writer, verdict(1, article(1, "Kept", "The harbour.")))
    desk.env["NEWSDESK_DB"] = str(desk.folder / name)
    with browsing(desk) as base:
        server = serve_of(desk, base)
        page = server.ask("/article/1")[1]
        links = re.findall(r'href="(/[A-Za-z0-9_-]+|/[A-Za-z0-9_-]+/articles/1)"', page)
        assert len(links) >= 4
        assert {server.ask(link)[0] for link in links} == {200}


def test_a_row_that_another_program_damaged_takes_nothing_down(desk: Desk) -> None:
    desk.configure()
    with open_writer(desk.database) as writer:
        for n in range(1, 5):
            put(writer, verdict(n, article(n, f"Kept {n}", "The harbour.")))
        for n, cell in enumerate(
            ("authors = 'no json'", "provenance = '{bad'", "published_at = 'garbage'", "tags = '7'"), 1
        ):
            writer.db.conn.execute(f"UPDATE articles SET {cell} WHERE id = {n}")
        writer.db.conn.commit()
    assert desk.run("list", "--json").code == 0
    assert desk.run("search", "harbour").code == 0
    for form in ("jsonl", "csv", "atom", "markdown"):
        assert desk.run("export", "--format", form, f"out-{form}").code == 0
    checked = desk.run("db", "check")
    assert (checked.code, "3 articles with a cell that cannot be read" in checked.out + checked.err) == (1, True)
    with browsing(desk) as base:
        server = serve_of(desk, base)
        for path in ("/", "/sources", *(f"/{page}/{n}" for page in ("article", "story") for n in range(1, 5))):
            assert server.ask(path)[0] == 200, path


def test_a_host_that_is_empty_is_not_every_interface(desk: Desk) -> None:
    desk.configure()
    done = desk.run("browse", "--host", "")
    assert (done.code, "names nothing" in done.err) == (2, True)
