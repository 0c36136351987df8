"""Raw pages through whole crawls: kept with what they belong to, shown, and read again by a newer extractor."""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crawler.config.models import PublisherRules
from crawler.engine.workers.worker import read_page, read_stored_page
from storage.records import Entry
from storage.warc import RawPage, WarcWriter, raw_place, read_raw, warc_record
from storage.writer import open_writer
from tests.conftest import Desk, source
from tests.site import Site, article_html, story


def test_each_version_has_its_page_and_an_unchanged_one_is_not_kept_twice(desk: Desk, site: Site) -> None:
    site.news(3)
    desk.configure(source(site))
    desk.run("crawl")
    rows = desk.rows("SELECT id, url, warc_file, warc_offset, raw_sha256 FROM articles ORDER BY id")
    assert len({(r["warc_file"], r["warc_offset"]) for r in rows}) == 3
    path = "/2026/11/20/story-number-0"
    shown = desk.run("show", f"{site.base}{path}", "--raw")
    assert shown.code == 0
    assert shown.out.startswith("<!doctype html") or "<html" in shown.out
    files = {f: f.stat().st_size for f in desk.database.with_name("news.db.warc").iterdir()}
    desk.run("fetch", f"{site.base}{path}")
    assert {f: f.stat().st_size for f in desk.database.with_name("news.db.warc").iterdir()} == files
    edited = story(7)
    site.page(path, "Another headline altogether", edited)
    desk.run("fetch", f"{site.base}{path}")
    article = desk.rows("SELECT id FROM articles WHERE title = 'Another headline altogether'")[0]["id"]
    first, second = (
        desk.run("show", str(article), "--raw", "--revision", "1"),
        desk.run("show", str(article), "--raw", "--revision", "2"),
    )
    assert first.out == shown.out
    assert edited[0] in second.out


def test_raw_pages_are_not_kept_where_they_are_not_wanted(desk: Desk, site: Site) -> None:
    site.news(1)
    desk.configure(source(site), extra="keep_raw = false")
    desk.run("crawl")
    assert not desk.database.with_name("news.db.warc").exists()
    told = desk.run("show", "1", "--raw")
    assert told.code == 2
    assert "keep_raw" in told.err


def _spoil(desk: Desk, *, title: bool = True) -> None:
    """As if an older extractor had read the pages: another title, other authors."""
    with sqlite3.connect(desk.database) as db:
        db.execute(
            "UPDATE articles SET extractor = 'newsdesk 0', title = CASE WHEN ? THEN 'Old ' || title ELSE title END, authors = '[\"Somebody\"]' WHERE id = 1",
            (title,),
        )
        db.execute("UPDATE articles SET content_hash = 'old' WHERE id = 1")
    db.close()
    desk.run("db", "check", "--rebuild-index")


def test_reprocess_shows_what_would_change_and_then_changes_it_and_no_list_of_edits_does(
    desk: Desk, site: Site
) -> None:
    site.news(3)
    desk.configure(source(site))
    desk.run("crawl")
    before = desk.rows("SELECT * FROM articles WHERE id = 1")[0]
    assert "0 articles would change" in desk.run("reprocess", "--dry-run").err
    _spoil(desk)
    dry = desk.run("reprocess", "--dry-run", "--json")
    [row] = json.loads(dry.out)
    assert row["changes"]["title"] == {"before": f"Old {before['title']}", "after": before["title"]}
    assert row["changes"]["authors"]["after"] == json.loads(before["authors"])
    assert desk.rows("SELECT title FROM articles WHERE id = 1")[0]["title"].startswith("Old ")
    done = desk.run("reprocess")
    assert done.code == 0
    assert "3 stored pages extracted again; 1 articles changed" in done.err
    after = desk.rows("SELECT * FROM articles WHERE id = 1")[0]
    for name in ("title", "authors", "text", "content_hash", "first_seen_at", "fetched_at", "uid", "warc_offset"):
        assert after[name] == before[name], name
    assert [(r["number"], r["cause"]) for r in desk.rows("SELECT * FROM revisions ORDER BY number")] == [
        (1, "publisher"),
        (2, "reprocess"),
    ]
    assert desk.run("edits", "--json").out.strip() == "[]"
    assert desk.run("list", "--changed", "--json").out.strip() == "[]"
    assert [r["op"] for r in desk.rows("SELECT op FROM changes WHERE article_id = 1 ORDER BY seq")] == [
        "new",
        "reprocessed",
    ]
    assert desk.run("search", before["title"].split()[0]).out
    assert "0 articles changed" in desk.run("reprocess").err
    assert desk.run("db", "check").code == 0


def test_a_newer_extractors_other_text_is_no_edit_by_the_publisher(desk: Desk, site: Site) -> None:
    site.news(1)
    site.answers["/2026/11/20/story-number-0"].etag = False
    desk.configure(source(site))
    desk.run("crawl")
    _spoil(desk)
    url = desk.rows("SELECT url FROM articles")[0]["url"]
    told = desk.run("fetch", url)
    assert told.code == 0, told.err
    assert [r["cause"] for r in desk.rows("SELECT cause FROM revisions ORDER BY number")] == ["publisher", "reprocess"]
    assert desk.run("edits", "--json").out.strip() == "[]"


def test_a_page_that_is_gone_from_the_folder_is_told_and_its_article_left(desk: Desk, site: Site) -> None:
    site.news(1)
    desk.configure(source(site))
    desk.run("crawl")
    for file in desk.database.with_name("news.db.warc").iterdir():
        file.unlink()
    _spoil(desk)
    told = desk.run("reprocess")
    assert told.code == 5
    assert "raw_retain" in told.err
    assert desk.rows("SELECT title FROM articles")[0]["title"].startswith("Old ")


def test_a_subscribers_page_keeps_its_own_headline_and_none_of_the_offer(desk: Desk, site: Site) -> None:
    wall = article_html(
        site.base,
        "/2026/11/20/story-number-0",
        "Ministers weigh review of steel bid",
        ["The government is considering an intervention…"],
    ).replace(
        "</article>",
        "<h2>Subscribe to unlock this article</h2><p>Only £1 for 4 weeks, then £39 per month. Cancel any time.</p></article>",
    )
    site.news(1)
    path = "/2026/11/20/story-number-0"
    site.answers[path].body = wall.encode()
    desk.configure(source(site))
    desk.run("crawl")
    [article] = desk.rows("SELECT * FROM articles")
    assert article["completeness"] in {"teaser", "headline"}
    assert "Subscribe" not in (article["text"] or "")


def test_what_only_the_feed_told_stays_when_the_page_is_edited(desk: Desk, site: Site) -> None:
    path = "/2026/11/20/story-number-0"
    site.page(path, "Story number 0 of the week", story(0), jsonld=False)
    site.answers[path].etag = False
    site.rss(
        "/feed.xml",
        [
            {
                "title": "Story number 0 of the week",
                "link": path,
                "date": "Fri, 20 Nov 2026 08:00:00 GMT",
                "summary": "What the feed alone says of it.",
            }
        ],
    )
    desk.configure(source(site, more=f"recheck = {list(range(1, 60))}"))
    desk.run("crawl")
    assert desk.rows("SELECT summary FROM articles")[0]["summary"] == "What the feed alone says of it."
    time.sleep(1.5)
    site.page(
        path,
        "Story number 0 of the week",
        [*story(0), "A paragraph that was added later, about the cost of it all."],
        jsonld=False,
    )
    desk.run("crawl")
    assert desk.rows("SELECT revision, summary FROM articles") == [
        {"revision": 2, "summary": "What the feed alone says of it."}
    ]
    shown = desk.run("show", "1", "--revisions").out
    assert "between" in shown


def test_status_counts_what_was_no_article_by_reason(desk: Desk, site: Site) -> None:
    site.news(1)
    site.answers[
        "/2026/11/20/story-number-0"
    ].body = b"<html><head><title>Page not found</title></head><body><h1>404</h1><p>Sorry, the page you are looking for was not found.</p></body></html>"
    desk.configure(source(site))
    desk.run("crawl")
    assert "verdicts  post: 1 × soft 404" in desk.run("status").out
    [row] = json.loads(desk.run("status", "--json").out)["sources"]
    assert row["verdicts"] == {"soft 404": 1}


def test_reprocess_never_puts_less_in_the_place_of_more_and_renews_the_fingerprints(desk: Desk, site: Site) -> None:
    site.news(2)
    desk.configure(source(site))
    desk.run("crawl")
    path = "/2026/11/20/story-number-1"
    cut = article_html(site.base, path, "Story number 1 of the week", ["A first sentence that is cut…"]).encode()
    with open_writer(desk.database) as writer:
        writer.enable_raw_pages()
        with writer.transaction():
            raw = RawPage(url=site.base + path, at=datetime.now(UTC), status=200, headers=(), body=cut)
            assert writer.pages is not None
            file, offset = writer.pages.add(warc_record(raw), raw.at)
            writer.db.conn.execute(
                "UPDATE articles SET warc_file = ?, warc_offset = ? WHERE url LIKE '%number-1'", (file, offset)
            )
            writer.db.conn.execute("DELETE FROM fingerprints")
    _spoil(desk)
    told = desk.run("reprocess")
    assert "a page that shows less" in told.err
    assert len(desk.rows("SELECT text FROM articles WHERE url LIKE '%number-1'")[0]["text"]) > 100
    assert desk.rows("SELECT DISTINCT article_id FROM fingerprints") == [{"article_id": 1}]


def test_a_page_of_several_members_is_kept_whole(tmp_path: Path) -> None:
    halves = [
        f"<html><body>{'<p>A sentence of the article that stands in this half of it.</p>' * 20}".encode(),
        b"<p>And the end.</p></body></html>",
    ]
    came = RawPage(
        url="https://a.example/1",
        at=datetime.now(UTC),
        status=200,
        headers=(),
        body=b"".join(map(gzip.compress, halves)),
        packed=True,
    )
    entry = Entry(id=1, feed_url="", source=None, url=came.url, url_key="", title="The title")
    found = read_page(
        came, most=1 << 20, keep=True, entry=entry, source=None, language=None, rules=PublisherRules(), now=came.at
    )
    pages = WarcWriter(tmp_path / "news.db", ends=lambda: None)
    name, offset = pages.add(found.record, came.at)
    pages.close()
    assert read_raw(raw_place(tmp_path / "news.db", name, offset)).body == b"".join(halves)
    assert found.sha256 == hashlib.sha256(b"".join(halves)).hexdigest()


def test_a_stored_page_that_is_not_there_is_a_reason_and_no_error(tmp_path: Path) -> None:
    page = RawPage(url="https://a.example/1", at=datetime.now(UTC), status=200, headers=(), body=b"<p>A page.</p>" * 9)
    pages = WarcWriter(tmp_path / "news.db", ends=lambda: None)
    name, offset = pages.add(warc_record(page), page.at)
    pages.close()
    entry = Entry(id=1, feed_url="", source=None, url=page.url, url_key="", title="The title")
    how: dict[str, Any] = {"entry": entry, "source": None, "language": None, "rules": PublisherRules()}
    found = read_stored_page(raw_place(tmp_path / "news.db", name, offset), **how)
    assert not isinstance(found, str)
    assert found.sha256 == hashlib.sha256(page.body).hexdigest()
    for wrong in ({"url": "https://a.example/2"}, {"sha256": "0" * 64}):  # another file of that name
        assert "another page is stored" in str(
            read_stored_page(raw_place(tmp_path / "news.db", name, offset), **how, **wrong)
        )
    right = {"url": page.url, "sha256": found.sha256}
    assert read_stored_page(raw_place(tmp_path / "news.db", name, offset), **how, **right) == found
    assert "raw_retain" in str(
        read_stored_page(raw_place(tmp_path / "news.db", "newsdesk-19990101-00001.warc.gz", 0), **how)
    )
    assert "nothing can be read at 3" in str(read_stored_page(raw_place(tmp_path / "news.db", name, 3), **how))
