"""`newsdesk import`: the same articles as a crawl, into the database and into parts."""

from __future__ import annotations

import base64
import gzip
import hashlib
import itertools
import json
import os
import random
import shlex
import subprocess
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from storage.sql.changes import change_events
from storage.sqlite.lock import Lock
from storage.store import open_store
from tests import torture
from tests.archives.warcs import HTML, many, page, parts, record, written
from tests.conftest import NOW, ROOT, Desk

A = "https://a.example/2026/11/20/the-harbour-opens"

GERMAN = (
    "Der Hafen wurde am Freitag nach vier Jahren wieder geöffnet, und die ersten Schiffe legten noch am Morgen an den "
    "neuen Mauern an, wie die Verwaltung der Stadt mitteilte."
)


def articles(desk: Desk) -> list[dict[str, Any]]:
    return desk.rows("SELECT * FROM articles ORDER BY id")


def test_an_archived_page_is_an_article_first_seen_when_it_was_captured(desk: Desk) -> None:
    desk.configure('[[source]]\nid = "a"\nurl = "https://a.example/"\nfeeds = ["https://a.example/rss"]\n')
    written(
        desk.folder / "x.warc.gz",
        [
            record(A, page("The Harbour Opens", 1), "2026-11-19T10:11:12Z"),
            record("https://a.example/style.css", b"p {}", headers=[("Content-Type", "text/css")]),
            record("https://a.example/gone", page("Gone", 2), status="404 Not Found"),
            record("https://b.example/2026/11/20/another-outlet", page("The Harbour Opens Today", 1)),
        ],
    )
    done = desk.run("import", "x.warc.gz")
    assert (done.code, done.out) == (0, "")
    assert "x.warc.gz: 2 pages, 2 articles" in done.err
    assert "1 response that is no HTML page" in done.err
    assert "1 response with status 404" in done.err
    first, copy = articles(desk)
    assert (first["url"], first["source"], first["first_seen_at"]) == (A, "a", "2026-11-19T10:11:12Z")
    assert (first["title"], first["recheck_at"], first["published_at"]) == (
        "The Harbour Opens", None, "2026-11-20T08:00:00Z",
    )  # fmt: skip
    assert (copy["source"], copy["duplicate_of"]) == (None, first["id"])
    assert {row["found_by"] for row in desk.rows("SELECT found_by FROM entries")} == {"archive"}
    assert desk.rows("SELECT * FROM fetches") == []
    again = desk.run("import", "x.warc.gz")
    assert "0 articles" in again.err
    assert len(articles(desk)) == 2


def test_a_later_capture_is_a_revision_and_an_earlier_one_a_version_before_it(desk: Desk) -> None:
    desk.configure()
    for name, at, edited in (("b", "2026-11-20T12:00:00Z", "One more."), ("c", "2026-11-21T12:00:00Z", "Two more.")):
        written(desk.folder / f"{name}.warc", [record(A, page("The Harbour Opens", 1, edited), at)])
    written(desk.folder / "a.warc", [record(A, page("The Harbour Opens", 1), "2026-11-19T12:00:00Z")])
    desk.run("import", "b.warc", "c.warc")
    (article,) = articles(desk)
    assert (article["revision"], article["fetched_at"]) == (2, "2026-11-21T12:00:00Z")
    assert article["text"].endswith("Two more.")
    assert desk.run("import", "a.warc").code == 0
    assert articles(desk) == [article]
    numbers = desk.rows("SELECT number FROM revisions ORDER BY seen_at")
    assert [row["number"] for row in numbers] == [3, 1, 2]


@pytest.mark.parametrize("order", sorted(itertools.permutations("abc"), reverse=True)[: torture.times(2, 6)])
def test_captures_are_stored_by_their_times_in_whatever_order_the_files_are(desk: Desk, order: Sequence[str]) -> None:
    desk.configure()
    for day, name in ((19, "a"), (20, "b"), (21, "c")):
        edited = record(A, page("The Harbour Opens", 1, f"The news of day {day}."), f"2026-11-{day}T12:00:00Z")
        other = record(f"https://b.example/2026/story-{name}", page(f"Story {name}", day))
        written(desk.folder / f"{name}.warc.gz", [edited, other])
    desk.run("import", *(f"{name}.warc.gz" for name in order))
    article = next(row for row in articles(desk) if row["url"] == A)
    assert (article["first_seen_at"], article["revision"]) == ("2026-11-19T12:00:00Z", 3)
    versions = desk.rows("SELECT text, seen_at FROM revisions WHERE article_id = ? ORDER BY number", article["id"])
    assert [(row["text"][-7:], row["seen_at"][8:10]) for row in versions] == [
        ("day 19.", "19"), ("day 20.", "20"), ("day 21.", "21"),
    ]  # fmt: skip
    assert desk.run("show", A, "--raw").out.encode() == page("The Harbour Opens", 1, "The news of day 21.")
    assert len(articles(desk)) == 4


def test_copies_of_outlets_that_no_source_list_has_are_copies(desk: Desk) -> None:
    desk.configure()
    pages = [record(f"https://{n}.example/2026/11/20/story", page(f"Headline {n}", 1)) for n in "ab"]
    written(desk.folder / "x.warc.gz", [*pages, record("https://a.example/2026/11/20/again", page("Headline a", 1))])
    desk.run("import", "x.warc.gz")
    first, copy, again = articles(desk)
    assert (first["duplicate_of"], copy["duplicate_of"], again["duplicate_of"]) == (None, first["id"], None)
    assert first["story_id"] == copy["story_id"] == again["story_id"]


def test_imported_articles_are_sent_by_no_watch(desk: Desk) -> None:
    desk.configure()
    written(desk.folder / "x.warc.gz", [record(A, page("The Harbour Opens", 1))])
    desk.run("import", "x.warc.gz")
    with open_store(desk.database) as store:
        (event,) = change_events(store.db, 0, 100)
    assert (event.event, event.suppressed_reason) == ("new", "of a backfill")


def test_raw_pages_are_read_from_the_archive_where_it_is(desk: Desk) -> None:
    desk.configure()
    body = page("The Harbour Opens", 1)
    other = record("https://b.example/2026/another-story", page("Another", 2))
    packed_body = record(
        "https://c.example/2026/a-third-story",
        gzip.compress(page("Third", 3)),
        headers=[*HTML, ("Content-Encoding", "gzip")],
    )
    path = written(desk.folder / "x.warc.gz", [other, record(A, body), packed_body])
    desk.run("import", "x.warc.gz")
    rows = articles(desk)
    assert {row["warc_file"] for row in rows} == {"archive:1"}
    assert desk.run("show", A, "--raw").out.encode() == body
    assert desk.run("show", "https://c.example/2026/a-third-story", "--raw").out.encode() == page("Third", 3)
    assert "3 stored pages extracted again; 0 articles changed" in desk.run("reprocess").err
    path.rename(desk.folder / "moved.warc.gz")
    assert "import it again from where it is" in desk.run("show", A, "--raw").err
    desk.run("import", "moved.warc.gz")
    assert desk.run("show", A, "--raw").out.encode() == body
    (desk.folder / "moved.warc.gz").write_bytes(b"x" * 3000)
    done = desk.run("show", A, "--raw")
    assert (done.code, done.out) == (1, "")
    assert "its size is not that of the archive" in done.err
    (desk.folder / "moved.warc.gz").unlink()
    os.mkfifo(desk.folder / "moved.warc.gz")
    assert desk.run("show", A, "--raw").code == 1


def test_a_manifest_names_the_record_and_the_digests_of_each_raw_page(desk: Desk) -> None:
    desk.configure()
    body = page("The Harbour Opens", 1)
    written(desk.folder / "x.warc.gz", [record(A, body), record("https://b.example/2026/b", page("Other", 2))])
    desk.run("import", "x.warc.gz")
    assert desk.run("export", "out.jsonl", "--manifest", "m.json").code == 0
    found = json.loads((desk.folder / "m.json").read_text())
    first = next(row for row in found["warc_records"] if row["id"] == 1)
    assert len(found["warc_records"]) == found["articles"] == 2
    assert (first["file"], first["offset"], first["revision"]) == ("x.warc.gz", 0, 1)
    assert first["sha256"] == hashlib.sha256(body).hexdigest()
    digest = base64.b32encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()
    assert first["payload_digest"] == f"sha1:{digest}"
    assert first["record_id"].startswith("<urn:uuid:")
    assert first["record_id"].encode() in gzip.decompress((desk.folder / "x.warc.gz").read_bytes())
    (desk.folder / "x.warc.gz").write_bytes(b"another file")
    assert desk.run("export", "out.jsonl", "--manifest", "m.json").code == 0
    damaged = json.loads((desk.folder / "m.json").read_text())["warc_records"]
    assert all("its size is not that of the archive" in row["error"] for row in damaged), damaged


def test_a_page_that_takes_too_long_costs_itself_alone(desk: Desk) -> None:
    desk.configure(extra='page_timeout = "1s"')
    paragraph = b"<p>word <b>and</b> more <a href=x>text</a> in a sentence that is long.</p>"
    slow = b"<html><body><article>" + paragraph * 9_000 + b"</article></body></html>"
    written(
        desk.folder / "x.warc.gz",
        [
            record(A, page("The Harbour Opens", 1)),
            record("https://a.example/2026/slow-story", slow),
            record("https://a.example/2026/last-story", page("Last", 2)),
        ],
    )
    done = desk.run("import", "x.warc.gz", "--jsonl")
    report = json.loads(done.out)
    assert report["records"] == {"failed": 1, "new": 2}
    (failed,) = report["broken"]
    assert (failed["file"], "longer than 1 s" in failed["reason"]) == ("https://a.example/2026/slow-story", True)


def test_another_page_in_the_place_of_a_raw_page_is_not_shown(desk: Desk) -> None:
    desk.configure()
    path = written(desk.folder / "x.warc", [record(A, page("The Harbour Opens", 1))])
    desk.run("import", "x.warc")
    path.write_bytes(path.read_bytes().replace(b"Harbour", b"Airport"))
    assert "it has another page there" in desk.run("show", A, "--raw").err


def test_pages_that_no_offset_finds_again_have_no_raw_page(desk: Desk) -> None:
    desk.configure()
    (desk.folder / "x.warc.gz").write_bytes(gzip.compress(record(A, page("The Harbour Opens", 1))))
    both = gzip.compress(record(A + "-2", page("Two", 2)) + record(A + "-3", page("Three", 3)))
    (desk.folder / "y.warc.gz").write_bytes(both)
    desk.run("import", "x.warc.gz", "y.warc.gz")
    assert [row["warc_file"] for row in articles(desk)] == ["archive:1", "archive:2", None]
    assert "exclude one another" in desk.run("import", "y.warc.gz", "--keep-raw", "--to", "parts").err
    desk.run("--db", "other.db", "import", "y.warc.gz", "--keep-raw")
    (desk.folder / "y.warc.gz").unlink()
    for n, body in (("-2", page("Two", 2)), ("-3", page("Three", 3))):
        assert desk.run("--db", "other.db", "show", A + n, "--raw").out.encode() == body


def test_filters_leave_pages_out_before_and_after_they_are_read(desk: Desk) -> None:
    desk.configure()
    german = f"<html lang='de'><title>Der Hafen</title><article><h1>Der Hafen</h1>{f'<p>{GERMAN}</p>' * 4}</article>".encode()
    old = page("Old", 4).replace(b"2026-11-20T08", b"2025-01-02T08")
    written(
        desk.folder / "x.warc.gz",
        [
            record("https://news.a.example/2026/one-story", page("One", 1)),
            record("https://b.example/2026/two-story", page("Two", 2)),
            record("https://a.example/2026/old-story", old),
            record("https://nota.example/2026/three-story", page("Three", 5)),
            record("https://a.example/2026/deutsche-geschichte", german),
        ],
    )
    done = desk.run("import", "x.warc.gz", "--domain", "a.example", "--since", "2026-01-01", "--lang", "en", "--jsonl")
    (report,) = map(json.loads, done.out.splitlines())
    assert [row["title"] for row in articles(desk)] == ["One"]
    assert (report["pages"], report["articles"], report["error"]) == (3, 1, None)
    assert report["records"]["other domain"] == 2
    assert report["records"]["other time"] == 1


def test_folders_lists_and_wacz_are_read_and_a_limit_ends_it(desk: Desk) -> None:
    desk.configure()
    files = many(desk.folder / "in")
    with zipfile.ZipFile(desk.folder / "in" / "site.wacz", "w") as wacz:
        wacz.writestr("datapackage.json", "{}")
        wacz.write(files[0], "archive/data.warc.gz")
        wacz.writestr("archive/nested.wacz", b"PK\x03\x04")
    (desk.folder / "list.txt").write_text("# files\nin/part-1.warc.gz\nin/site.wacz\n")
    assert "2 files, 8 pages, 8 articles" in desk.run("import", "@list.txt").err
    assert "3 files, 12 pages, 0 articles" in desk.run("import", "in").err
    other = desk.run("--db", "other.db", "import", "in", "--limit", "3")
    assert "3 articles" in other.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.warc"], "no such file or folder"),
        (["@nothing.txt"], "the list cannot be read"),
        (["."], "no file in this folder"),
        (["x.warc", "--part", "3/2"], "write I/N"),
        (["x.warc", "--limit", "0"], "write 1 or more"),
    ],
)
def test_wrong_arguments_are_one_line_and_exit_2(desk: Desk, arguments: list[str], said: str) -> None:
    desk.configure()
    done = desk.run("import", *arguments)
    assert done.code == 2
    assert said in done.err
    assert not desk.database.exists()


def test_a_file_that_is_no_archive_is_named_and_the_others_are_read(desk: Desk) -> None:
    desk.configure()
    files = many(desk.folder / "in", files=1)
    (desk.folder / "bad.wacz").write_bytes(b"PK\x03\x04 and nothing more")
    (desk.folder / "text.warc").write_bytes(b"this is a text\nof two lines\n")
    done = desk.run("import", "bad.wacz", "text.warc", str(files[0]))
    assert done.code == 4
    assert "cannot be read as a WACZ file" in done.err
    assert "text.warc: skipped at 0: no record begins here" in done.err
    assert len(articles(desk)) == 4
    assert desk.run("import", "bad.wacz").code == 5


def test_a_damaged_file_in_a_wacz_file_is_named(desk: Desk) -> None:
    desk.configure()
    (inside,) = many(desk.folder / "in", files=1)
    with zipfile.ZipFile(desk.folder / "site.wacz", "w") as wacz:
        wacz.write(inside, "archive/data.warc.gz", compress_type=zipfile.ZIP_DEFLATED)
    data = bytearray((desk.folder / "site.wacz").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20] = bytes(20)
    (desk.folder / "site.wacz").write_bytes(data)
    done = desk.run("import", "site.wacz", str(inside))
    assert done.code == 4
    assert "a file in it is damaged" in done.err
    assert len(articles(desk)) == 4


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_part_that_cannot_be_written_ends_the_command(desk: Desk, tmp_path: Path) -> None:
    desk.configure()
    many(desk.folder / "in")
    (desk.folder / "parts").mkdir()
    (desk.folder / "parts" / "part-0.parquet").symlink_to("/dev/full")
    done = desk.run("import", "in", "--to", "parts")
    assert done.code == 1
    assert "cannot be written" in done.err
    assert len(done.err.splitlines()) == 1


def test_another_newsdesk_is_named_with_exit_6(desk: Desk) -> None:
    desk.configure()
    files = many(desk.folder / "in", files=1)
    desk.run("import", str(files[0]))
    with Lock(desk.database, command="run", now=NOW):
        done = desk.run("import", str(files[0]))
    assert done.code == 6
    assert "run" in done.err


def test_parts_are_made_once_and_have_what_the_database_has(desk: Desk) -> None:
    desk.configure()
    many(desk.folder / "in")
    assert "2 files, 8 pages, 8 articles in parts" in desk.run("import", "in", "--to", "parts").err
    made = parts(desk.folder / "parts")
    assert [len(rows) for rows in made.values()] == [4, 4]
    row = made["part-0.parquet"][0]
    assert row["published"].isoformat() == "2026-11-20T08:00:00+00:00"
    assert row["first_seen"].isoformat() == "2026-11-20T12:00:00+00:00"
    assert len(row["fingerprints"]) > 10
    about = json.loads((desk.folder / "parts" / "part-0.json").read_text())
    assert (about["pages"], about["articles"], about["input"]["name"]) == (4, 4, "part-0.warc.gz")
    before = {path: path.stat().st_mtime_ns for path in (desk.folder / "parts").iterdir()}
    assert "its part is there" in desk.run("import", "in", "--to", "parts").err
    assert {path: path.stat().st_mtime_ns for path in (desk.folder / "parts").iterdir()} == before
    desk.run("import", "in")
    texts = {row["url"]: row["text"] for rows in made.values() for row in rows}
    assert {row["url"]: row["text"] for row in articles(desk)} == texts
    (desk.folder / "parts" / "part-1.parquet").write_bytes(b"half of it")
    for n in (1, 2):
        desk.run("import", "in", "--to", "parts", "--part", f"{n}/2")
    assert parts(desk.folder / "parts") == made


def test_a_kill_leaves_no_half_part_and_a_rerun_makes_the_rest(desk: Desk) -> None:
    desk.configure()
    many(desk.folder / "in", files=3, pages=8)
    desk.run("import", "in", "--to", "whole")
    whole = parts(desk.folder / "whole")
    draw = random.Random(3)
    for _ in range(torture.times(2, 20)):
        running = subprocess.Popen(
            desk.command("import", "in", "--to", "parts"), cwd=desk.folder, env=desk.environment(),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(draw.uniform(0.5, 2.5))
        running.kill()
        running.wait(30)
        assert all(rows == whole[name] for name, rows in parts(desk.folder / "parts").items())
    desk.run("import", "in", "--to", "parts")
    assert parts(desk.folder / "parts") == whole
    assert {path.suffix for path in (desk.folder / "parts").iterdir()} == {".parquet", ".json"}


def test_a_kill_in_the_database_stores_nothing_twice(desk: Desk) -> None:
    desk.configure()
    many(desk.folder / "in", files=2, pages=12)
    for seconds in (1.5, 0.6, 0.9, 1.2, 1.8, 2.1)[: torture.times(1, 6)]:
        running = desk.start("import", "in")
        time.sleep(seconds)
        running.kill()
        running.wait(30)
    desk.run("import", "in")
    assert len({row["url"] for row in articles(desk)}) == len(articles(desk)) == 24
    assert desk.run("db", "check").code == 0


def test_the_documented_commands_lead_from_files_to_a_table_of_stories(desk: Desk) -> None:
    duckdb = pytest.importorskip("duckdb")
    desk.configure()
    text = (ROOT / "docs" / "how-to" / "cc-news.md").read_text("utf-8")
    first = text.split("```console\n")[1].split("```")[0].splitlines()
    wire = page("The Harbour Opens", 1)
    for name, host, title, hour in (("one", "a", "The Harbour Opens", 8), ("two", "b", "Harbour Open Again", 9)):
        copy = wire.replace(b"The Harbour Opens", title.encode()).replace(b"T08:", f"T{hour:02d}:".encode())
        own = record(f"https://{host}.example/2026/own-story-{name}", page(f"Own story {name}", hour))
        written(
            desk.folder / f"CC-NEWS-{name}.warc.gz", [record(f"https://{host}.example/2026/harbour-{name}", copy), own]
        )
    subprocess.run(first[4].removeprefix("$ "), shell=True, cwd=desk.folder, check=True)
    (command,) = (line.removeprefix("$ newsdesk ").split() for line in first if line.startswith("$ newsdesk "))
    assert desk.run(*command).code == 0
    query = text.split("```sql\n")[1].split("```")[0].replace("parts/", f"{desk.folder}/parts/")
    with duckdb.connect() as connection:
        connection.execute(query)
        found = connection.execute(shlex.split(first[-1])[-1]).fetchall()
        assert [(copies, title) for copies, _, title in found] == [(1, "The Harbour Opens")]
        assert connection.execute("SELECT first FROM stories").fetchall() == [("https://a.example/2026/harbour-one",)]
