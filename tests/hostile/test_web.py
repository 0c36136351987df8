"""Row 34: the local server answers to its own names, reads and nothing else, and holds up no crawl. What it shows of hostile text: row 14."""

from __future__ import annotations

import http.client
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests import torture
from tests.conftest import Desk, source
from tests.running import browsing
from tests.site import Site


@dataclass
class Browsed:
    desk: Desk
    site: Site
    host: str
    port: int

    def ask(
        self, path: str, *, method: str = "GET", host: str = "", body: bytes | None = None
    ) -> tuple[int, str, dict[str, str]]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        connection.request(method, path, body=body, headers={"Host": host or f"{self.host}:{self.port}"})
        answer = connection.getresponse()
        found = answer.status, answer.read().decode("utf-8", "replace"), {k.lower(): v for k, v in answer.getheaders()}
        connection.close()
        return found


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
        assert "default-src 'self'" in headers["content-security-policy"]
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
