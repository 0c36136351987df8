"""The benchmarks measure what they say: the web they serve, the process tree they count, the archive they make. No time is asserted."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import archive, growth, outlets, web
from benchmarks.crawl import f1_of, medians
from benchmarks.process import run
from storage.records import Filter
from storage.store import open_store

pytestmark = pytest.mark.integration  # a large archive or a browser


def test_the_web_has_distinct_articles_that_its_feeds_list() -> None:
    pages = web.build(30, 4, corpus=None)
    assert len({page.truth for page in pages}) == len({page.url for page in pages}) == 30
    feeds = web.feeds(pages)
    assert len(feeds) == 4
    assert all(page.url.encode() in feeds[page.host] for page in pages)
    assert all(60_000 < len(page.body) < 200_000 for page in pages)


def test_another_story_of_a_page_has_other_words_and_the_same_tags() -> None:
    title, body, truth = next(web._made(1))
    page = web.Page(host="h", path="/", title=title, published=datetime.now(UTC), body=body, truth=truth)
    other, other_body, other_truth = web._reworded(title, body, truth, 1)
    assert other != title
    assert other_body.count(b"<p ") == body.count(b"<p ")
    assert f1_of({page.url: truth or ""}, [page]) == 1.0
    assert f1_of({page.url: other_truth or ""}, [page]) < 0.1


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_children_of_children_are_counted_too(tmp_path: Path) -> None:
    burn = "import time\nuntil = time.process_time() + 0.4\nwhile time.process_time() < until: pass"
    nested = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {burn!r}])"  # its parent ends before it
    used = run([sys.executable, "-c", nested], cwd=tmp_path)
    assert used.code == 0
    assert used.cpu_s > 0.35


def test_medians_are_told_of_each_figure() -> None:
    assert medians([{"wall_s": 3.0}, {"wall_s": 1.0}, {"wall_s": 2.0}]) == {"wall_s": 2.0}


@pytest.mark.timeout(120)
def test_an_archive_answers_every_question_and_takes_one_article_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "SEARCHES", 2)
    monkeypatch.setattr(growth, "MORE", 20)
    path = tmp_path / "small.db"
    archive.build(path, 300)
    with open_store(path) as store:
        assert store.count() == 300
        assert store.count(Filter(fold_copies=True)) < 300
    found = growth.measure(path, 300, seed=1)
    assert all(asked["asked"] == 2 for asked in found["asked"].values())
    assert found["copies_found"] > 0
    with open_store(path) as store:
        assert store.count() == 320


class Outlet:
    """What benchmarks.outlets uses of a page."""

    outlet, number, url, title = 3, 7, "https://www.outlet.example/news/7-a-title", "A title"
    html = b'<a href="https://www.outlet.example/x">x</a><script>{"url": "https:\\/\\/www.outlet.example\\/y"}</script>'
    truth = "One sentence. Another one.\nA third one."


def test_an_outlets_addresses_are_those_of_the_local_web() -> None:
    page = outlets.served(Outlet(), datetime(2026, 11, 20, tzinfo=UTC))
    assert page.path == "/news/7-a-title"
    assert page.host == web.host(2)
    assert b"outlet.example" not in page.body
    assert page.body.count(page.host.encode()) == 2


def test_a_sentence_is_lost_if_only_the_plain_reading_has_it() -> None:
    flat = SimpleNamespace(flat=lambda text: " ".join(text.split()))
    plain = {Outlet.url: "One sentence.  Another one."}
    learned = {Outlet.url: "One sentence."}
    assert outlets.lost_sentences(flat, [Outlet()], plain, learned) == ["Another one"]  # type: ignore[arg-type]
