"""A stock Scrapy project with the item pipeline: the steps of docs/how-to/scrapy.md, and what items may be."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.sqlite.lock import Lock
from tests.conftest import ROOT, Desk
from tests.postgres import cluster
from tests.site import Answer, Site, story

DOCUMENT = (ROOT / "docs" / "how-to" / "scrapy.md").read_text("utf-8")
SETTINGS, SPIDER = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
EMIT = """
import json, pathlib, scrapy

class EmitSpider(scrapy.Spider):
    name = "emit"
    start_urls = ["data:,x"]
    def parse(self, response):
        yield from map(eval, json.loads(pathlib.Path("items.json").read_text()))
"""


@dataclass
class Project:
    """A folder made by `scrapy startproject`, as the document says."""

    desk: Desk

    def make(self) -> None:
        self.scrapy("startproject", "desk", ".")
        with (self.desk.folder / "desk" / "settings.py").open("a") as file:
            file.write(f"\n{SETTINGS}\nDOWNLOAD_DELAY = 0\n")

    def spider(self, name: str, text: str) -> None:
        (self.desk.folder / "desk" / "spiders" / f"{name}.py").write_text(text)

    def scrapy(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.desk.environment(), "PAPER_USER": "ada", "PAPER_PASSWORD": "secret", **env}
        return subprocess.run(
            [sys.executable, "-m", "scrapy", *arguments], cwd=self.desk.folder, env=environment,
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip

    def crawl(self, name: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        done = self.scrapy("crawl", name, "-L", "WARNING", *arguments, **env)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def emit(self, *items: str, **env: str) -> subprocess.CompletedProcess[str]:
        self.spider("emit", EMIT)
        (self.desk.folder / "items.json").write_text(json.dumps(items))
        return self.crawl("emit", **env)


@pytest.fixture
def project(desk: Desk) -> Project:
    made = Project(desk)
    made.make()
    return made


class PaperSite:
    """A site whose articles need a login."""

    def __init__(self, site: Site) -> None:
        self.site = site
        for n in range(3):
            site.page(f"/2026/11/20/story-{n}", f"Story {n} of the week", story(n))
        self.articles = dict(site.answers)
        front = "".join(f'<h2><a href="/2026/11/20/story-{n}">Story {n}</a></h2>' for n in range(3))
        site.answers["/login"] = Answer(front.encode())


def test_the_documented_steps_store_articles_once_and_an_edit_as_a_version(
    project: Project, desk: Desk, site: Site
) -> None:
    PaperSite(site)
    assert len([line for line in SPIDER.splitlines() if line.strip()]) <= 14
    project.spider("paper", SPIDER.replace("https://www.example.org", site.base))
    assert project.crawl("paper").returncode == 0
    rows = desk.rows("SELECT * FROM articles ORDER BY url")
    assert [row["title"] for row in rows] == [f"Story {n} of the week" for n in range(3)]
    assert all(row["completeness"] == "full" and row["recheck_at"] is None for row in rows)
    assert {row["found_by"] for row in desk.rows("SELECT found_by FROM entries")} == {"spider"}
    site.page("/2026/11/20/story-1", "Story 1 of the week", [*story(1), "One more thing was added."])
    assert project.crawl("paper").returncode == 0
    rows = desk.rows("SELECT * FROM articles ORDER BY url")
    assert [row["revision"] for row in rows] == [1, 2, 1]
    assert rows[1]["text"].endswith("One more thing was added.")
    listed = desk.run("--db", "news.db", "list", "--json")
    assert len(json.loads(listed.out)) == 3
    assert desk.run("--db", "news.db", "db", "check").code == 0


def test_items_of_every_form_are_stored_as_they_are(project: Project, desk: Desk) -> None:
    text = "\n\n".join(story(1))
    done = project.emit(
        repr({"url": "https://a.example/1?utm_source=x", "headline": "One", "articleBody": text, "inLanguage": "en",
              "authors": [{"name": "Ada Quill"}], "datePublished": "2026-11-20T08:00:00Z",
              "mainImage": {"url": "/i.jpg"}, "canonicalUrl": "https://a.example/1"}),
        repr({"url": "https://b.example/2", "title": "Two", "text": text}),
        repr({"url": "https://c.example/3", "html": "<title>No article</title>"}),
        repr({"url": "https://d.example/4", "title": "Only a headline"}),
        repr({"title": "No address"}), repr({"url": "https://e.example/5"}), repr({"url": "file:///etc/passwd", "title": "x"}),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("an item is not stored: ") == 3
    one, two, four = desk.rows("SELECT * FROM articles ORDER BY url")
    assert (one["url"], one["title"], one["text"], one["authors"]) == (
        "https://a.example/1", "One", text, '["Ada Quill"]',
    )  # fmt: skip
    assert (one["published_at"], one["language"], one["image_url"]) == (
        "2026-11-20T08:00:00Z", "en", "https://a.example/i.jpg",
    )  # fmt: skip
    assert json.loads(one["provenance"])["title"] == {"source": "item", "raw": None}
    assert one["story_id"] == two["story_id"]
    assert (one["duplicate_of"], two["duplicate_of"]) in {(two["id"], None), (None, one["id"])}
    assert (two["authors"], two["published_at"], two["language"], two["summary"], two["modified_at"]) == (
        "[]", None, None, None, None,
    )  # fmt: skip
    assert (four["completeness"], four["text"]) == ("headline", None)
    assert len(json.loads(desk.run("--db", "news.db", "search", "library", "--json").out)) == 2


def test_a_database_in_use_refuses_the_spider_before_it_requests_anything(
    project: Project, desk: Desk, site: Site
) -> None:
    PaperSite(site)
    project.spider("paper", SPIDER.replace("https://www.example.org", site.base))
    with Lock(desk.database, command="run", now=datetime.now(UTC)):
        done = project.crawl("paper")
    assert done.returncode == 6
    (line,) = done.stderr.strip().splitlines()
    assert "is locked by `newsdesk run`" in line
    assert site.requests == []
    assert not desk.database.exists() or desk.rows("SELECT count(*) AS n FROM sqlite_master")[0]["n"] == 0
    (desk.folder / "newsdesk.toml").write_text("[extract]\nworker = 1\n")
    done = project.crawl("paper")
    assert done.returncode == 3
    assert "workers" in done.stderr


def test_the_environment_names_the_database_where_the_settings_do_not(project: Project, desk: Desk) -> None:
    settings = desk.folder / "desk" / "settings.py"
    settings.write_text(settings.read_text().replace('NEWSDESK_DB = "news.db"', ""))
    done = project.emit(repr({"url": "https://a.example/1", "title": "One"}), NEWSDESK_DB="other.db")
    assert done.returncode == 0, done.stderr
    assert not desk.database.exists()
    assert desk.run("--db", "other.db", "list").out.count("\n") == 1


def test_a_database_that_cannot_be_written_ends_the_spider_with_a_line(project: Project, desk: Desk) -> None:
    if os.geteuid() == 0:
        (desk.folder / "news.db").mkdir()
    else:
        (desk.folder / "news.db").write_bytes(b"no database")
    done = project.emit(repr({"url": "https://a.example/1", "title": "One"}))
    assert done.returncode not in {0, 3, 6}
    assert "news.db" in done.stderr


def test_on_postgresql_two_spiders_store_at_the_same_time(project: Project, desk: Desk) -> None:
    postgres_url = cluster().new_database()
    project.spider("emit", EMIT)
    items = [
        repr({"url": f"https://a.example/{n}", "title": f"Story {n}", "text": " ".join(story(n))}) for n in range(20)
    ]
    (desk.folder / "items.json").write_text(json.dumps(items))
    settings = desk.folder / "desk" / "settings.py"
    settings.write_text(settings.read_text().replace('"news.db"', repr(postgres_url)))
    desk.env["NEWSDESK_DB"] = postgres_url
    with ThreadPoolExecutor(2) as both:
        done = list(both.map(lambda _: project.crawl("emit"), range(2)))
    assert [each.returncode for each in done] == [0, 0], [each.stderr for each in done]
    assert len(json.loads(desk.run("list", "--limit", "100", "--json").out)) == 20


def test_html_is_read_as_a_page_and_given_fields_come_first(project: Project, desk: Desk, site: Site) -> None:
    site.page("/x", "The page's headline", story(3))
    body = site.answers["/x"].body
    done = project.emit(
        repr({"url": "https://a.example/x", "html": body, "title": "The item's headline"}),
        repr({"url": "https://b.example/y", "html": body.decode()}),
    )
    assert done.returncode == 0, done.stderr
    rows = desk.rows("SELECT title, text, authors FROM articles ORDER BY url")
    assert [row["title"] for row in rows] == ["The item's headline", "The page's headline"]
    assert rows[0]["text"] == rows[1]["text"]
    assert rows[1]["authors"] == '["Ada Quill"]'
    assert Path(desk.folder / "news.db").exists()
