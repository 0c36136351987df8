"""What Scrapy's users expect of `scrapy crawl`, and what newsdesk uses of Scrapy and Twisted that they do not promise."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Desk, source
from tests.site import Site

PIPELINE = """
class Seen:
    def open_spider(self):
        self.file = open("seen.txt", "w")

    def close_spider(self):
        self.file.close()

    def process_item(self, item):
        item["title"] = item["title"].upper()
        self.file.write(f"{item['change']} {item['id']} {item['title']}\\n")
        return item
"""


def scrapy(desk: Desk, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**desk.environment(), "PYTHONPATH": f"{ROOT}:{desk.folder}"}
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", *arguments],
        cwd=desk.folder, env=environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture
def project(desk: Desk, site: Site) -> Desk:
    (desk.folder / "scrapy.cfg").write_text("[settings]\ndefault = crawler.engine.settings\n")
    (desk.folder / "mine.py").write_text(PIPELINE)
    site.news(3)
    desk.configure(source(site))
    return desk


def test_crawl_writes_each_stored_article_once_as_an_item(project: Desk, site: Site) -> None:
    done = scrapy(project, "crawl", "feed", "-O", "articles.jsonl")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (project.folder / "articles.jsonl").read_text().splitlines()]
    assert sorted(row["title"] for row in rows) == [f"Story number {n} of the week" for n in range(3)]
    assert {row["change"] for row in rows} == {"new"}
    exported = [json.loads(line) for line in project.run("list", "--jsonl").out.splitlines()]
    stored = {row["id"]: row for row in exported}
    assert all(stored[row["id"]]["uid"] == row["uid"] and row["authors"] == ["Ada Quill"] for row in rows)
    site.page("/2026/11/20/story-number-1", "Story number 1 of the week", ["Quite another text, in a paragraph."] * 3)
    again = scrapy(project, "crawl", "url", "-a", f"url={site.base}/2026/11/20/story-number-1", "-O", "again.jsonl")
    assert again.returncode == 0, again.stderr
    assert [json.loads(line)["change"] for line in (project.folder / "again.jsonl").read_text().splitlines()] == [
        "revised"
    ]


def test_a_pipeline_of_a_user_sees_the_articles_after_their_commit(project: Desk) -> None:
    done = scrapy(project, "crawl", "feed", "-s", 'ITEM_PIPELINES={"mine.Seen": 300}', "-O", "articles.jsonl")
    assert done.returncode == 0, done.stderr
    seen = sorted((project.folder / "seen.txt").read_text().splitlines())
    titles = {row["id"]: row["title"] for row in map(json.loads, project.run("list", "--jsonl").out.splitlines())}
    assert seen == sorted(f"new {n} {title.upper()}" for n, title in titles.items())
    rows = [json.loads(line) for line in (project.folder / "articles.jsonl").read_text().splitlines()]
    assert all(row["title"].isupper() for row in rows)


def test_scrapys_stats_count_items_and_answers(project: Desk) -> None:
    (project.folder / "told.py").write_text(
        "import json\n"
        "from scrapy import signals\n"
        "class Stats:\n"
        "    def __init__(self, crawler):\n"
        "        self.crawler, self.scraped = crawler, 0\n"
        "        crawler.signals.connect(self.item, signal=signals.item_scraped)\n"
        "        crawler.signals.connect(self.closed, signal=signals.spider_closed)\n"
        "    @classmethod\n"
        "    def from_crawler(cls, crawler): return cls(crawler)\n"
        "    def item(self, item): self.scraped += 1\n"
        "    def closed(self):\n"
        "        found = {**self.crawler.stats.get_stats(), 'scraped': self.scraped}\n"
        "        open('stats.json', 'w').write(json.dumps(found, default=str))\n"
    )
    done = scrapy(project, "crawl", "feed", "-s", 'EXTENSIONS={"told.Stats": 500}')
    assert done.returncode == 0, done.stderr
    stats = json.loads((project.folder / "stats.json").read_text())
    assert (stats["item_scraped_count"], stats["scraped"]) == (3, 3)
    assert "start_time" in stats


# One test for each private name, so that an upgrade says which one is gone.


def test_private_scrapy_lenient_protocol_and_factory() -> None:
    from scrapy.core.downloader.handlers import http11
    from twisted.web._newclient import HTTP11ClientProtocol
    from twisted.web.client import _HTTP11ClientFactory

    assert issubclass(http11._LenientHTTP11ClientProtocol, HTTP11ClientProtocol)
    assert issubclass(http11._LenientHTTP11ClientFactory, _HTTP11ClientFactory)


def test_private_scrapy_agent_with_a_proxy() -> None:
    from scrapy.core.downloader.handlers.http11 import _ScrapyAgent

    assert [*inspect.signature(_ScrapyAgent._get_agent).parameters] == ["self", "request", "timeout"]
    assert {"contextFactory", "pool", "crawler"} <= {*inspect.signature(_ScrapyAgent).parameters}


def test_private_scrapy_pool_factory_and_context_factory() -> None:
    from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler

    text = inspect.getsource(HTTP11DownloadHandler)
    for name in ("self._pool._factory", "self._contextFactory", "self._crawler"):
        assert name in text or name in inspect.getsource(HTTP11DownloadHandler.__mro__[1]), name


def test_private_twisted_parser_of_a_connection() -> None:
    from twisted.web._newclient import HTTP11ClientProtocol, HTTPClientParser

    text = inspect.getsource(HTTP11ClientProtocol)
    for name in ("_parser", "_disconnectParser", "_state", '"QUIESCENT"'):
        assert name in text, name
    assert {"STATUS", "HEADER"} <= {
        word for word in ("STATUS", "HEADER") if f"{word}" in inspect.getsource(HTTPClientParser.__mro__[1])
    }


def test_private_twisted_quiescent_callback() -> None:
    from twisted.web.client import _HTTP11ClientFactory

    assert "_quiescentCallback" in inspect.getsource(_HTTP11ClientFactory)


def test_private_twisted_tls_connection_creator() -> None:
    from twisted.internet._sslverify import ClientTLSOptions

    assert "self._createConnection(" in inspect.getsource(ClientTLSOptions)


def test_private_scrapy_slots_of_the_downloader() -> None:
    from scrapy.core.downloader import Downloader

    text = inspect.getsource(Downloader)
    for name in ("self.slots", "self.per_slot_settings"):
        assert name in text, name


def test_the_list_of_private_names_is_complete() -> None:
    """Every import of a private name of Scrapy or Twisted in the product is one of those above."""
    found = set()
    for path in [*(ROOT / "crawler").rglob("*.py"), *(ROOT / "spiders").rglob("*.py")]:
        found |= private_imports(path)
    assert found == {"_LenientHTTP11ClientFactory", "_LenientHTTP11ClientProtocol", "_ScrapyAgent"}


def private_imports(path: Path) -> set[str]:
    import ast

    return {
        alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in {"scrapy", "twisted"}
        for alias in node.names
        if alias.name.startswith("_")
    }
