"""`fetch --from`: a corpus that was shared as addresses and hashes."""

from __future__ import annotations

import json

import pytest

from crawler.articles.shared_corpus import SharedArticle, read_corpus
from crawler.errors import UsageError
from tests.conftest import Desk, source
from tests.site import Answer, Site


@pytest.mark.parametrize("name", ["corpus.csv", "corpus.jsonl"])
def test_a_shared_corpus_is_fetched_and_compared(desk: Desk, site: Site, name: str) -> None:
    site.news(4)
    desk.configure(source(site))
    desk.run("crawl")
    desk.run("export", name, "--fields", "id,url,published_at,content_hash")
    paths = sorted(path for path in site.answers if path.startswith("/2026"))
    edited = site.answers[paths[0]]
    edited.body = edited.body.replace(b"</p>", b" And one more sentence of news for the readers.</p>", 1)
    site.answers[paths[1]] = Answer(status=404)
    site.answers[paths[2]] = Answer(status=403)
    done = desk.run("--db", "other.db", "fetch", "--from", name)
    statuses = {line.split("\t")[1]: line.split("\t")[0] for line in done.out.splitlines()}
    assert statuses == {
        f"{site.base}{path}": status for path, status in zip(paths, ("changed", "gone", "failed", "same"), strict=True)
    }
    assert (done.code, done.err.splitlines()[-1].endswith("1 same, 1 changed, 1 gone, 1 failed")) == (4, True)
    again = desk.run("--db", "other.db", "fetch", "--no-store", "--json", "--from", name)
    assert {row["url"]: row["status"] for row in json.loads(again.out)} == statuses


def test_rows_are_read_from_both_formats() -> None:
    expected = [SharedArticle(url="https://a.example/1", content_hash="abc")]
    assert read_corpus("id,url,content_hash\n1,https://a.example/1,abc\n", "x") == expected
    assert read_corpus('\n{"url": "https://a.example/1", "content_hash": "abc"}\n\n', "x") == expected
    assert read_corpus("url,content_hash\n", "x") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("url\nhttps://a.example/1\n", "row 1 has no content_hash"),
        ("content_hash\nabc\n", "row 1 has no url"),
        ('{"url": "https://a.example/1", "content_hash": "a"}\n{"url', "line 2 is not JSON"),
        ('{"url": "https://a.example/1", "content_hash": "a"}\n[]', "line 2 is no JSON object"),
    ],
)
def test_what_is_no_corpus_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_corpus(text, "x")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "nothing.csv"), "cannot be read"),
        (("--from", "empty.csv"), "has no article"),
        (("--from", "empty.csv", "https://a.example/"), "takes no URL"),
        (("--from", "empty.csv", "--text"), "takes no URL"),
        ((), "no address to fetch"),
    ],
)
def test_wrong_arguments_are_one_line(desk: Desk, arguments: tuple[str, ...], said: str) -> None:
    desk.configure()
    (desk.folder / "empty.csv").write_text("url,content_hash\n")
    done = desk.run("fetch", *arguments)
    assert (done.code, said in done.err, len(done.err.splitlines())) == (2, True, 1), done.err
