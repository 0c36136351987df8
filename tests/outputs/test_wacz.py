"""WACZ files: every raw page is found by its address, byte for byte as it was stored."""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from crawler.outputs.wacz import sort_key
from tests.archives.warcs import page, record, written
from tests.conftest import Desk

A = "https://www.a.example/2026/11/20/the-harbour-opens?b=2&a=1"


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as zipped:
        assert zipped.testzip() is None
        assert {info.compress_type for info in zipped.infolist()} == {zipfile.ZIP_STORED}
        return {name: zipped.read(name) for name in zipped.namelist()}


def indexed(found: dict[str, bytes]) -> list[tuple[str, str, dict[str, Any]]]:
    lines = [line.split(" ", 2) for line in found["indexes/index.cdxj"].decode().splitlines()]
    assert lines == sorted(lines)
    return [(key, at, json.loads(fields)) for key, at, fields in lines]


def test_all_versions_of_all_pages_are_in_it_as_they_were_stored(desk: Desk) -> None:
    desk.configure()
    first = record(A, page("The Harbour Opens", 1), "2026-11-19T12:00:00Z")
    edited = record(A, page("The Harbour Opens", 1, "One more paragraph of news."), "2026-11-20T12:00:00Z")
    other = record("https://b.example/2026/another-story", page("Another", 2), "2026-11-18T12:00:00Z")
    written(desk.folder / "x.warc.gz", [first, edited])
    written(desk.folder / "y.warc", [other])  # not compressed
    (desk.folder / "z.warc.gz").write_bytes(gzip.compress(first + record(A + "&c=3", page("Third", 3))))
    desk.run("import", "x.warc.gz", "y.warc", "z.warc.gz")
    done = desk.run("export", "out.wacz")
    assert (done.code, done.out) == (0, "")
    assert "2 articles in out.wacz; 1 without a raw page are left out" in done.err
    found = contents(desk.folder / "out.wacz")
    rows = indexed(found)
    assert [(key, at) for key, at, _ in rows] == [
        ("example,a)/2026/11/20/the-harbour-opens?a=1&b=2", "20261119120000"),
        ("example,a)/2026/11/20/the-harbour-opens?a=1&b=2", "20261120120000"),
        ("example,b)/2026/another-story", "20261118120000"),
    ]
    for (_, _, fields), stored in zip(rows, (first, edited, other), strict=True):
        start = int(fields["offset"])
        member = found["archive/data.warc.gz"][start : start + int(fields["length"])]
        assert gzip.decompress(member).rstrip() == stored.rstrip()
        again = next(iter(ArchiveIterator(BytesIO(member), check_digests="raise")))
        assert again.rec_headers.get_header("WARC-Payload-Digest") == fields["digest"]
        again.content_stream().read()
    pages = [json.loads(line) for line in found["pages/pages.jsonl"].decode().splitlines()]
    assert pages[0]["format"] == "json-pages-1.0"
    assert {each["url"] for each in pages[1:]} == {A, "https://b.example/2026/another-story"}
    description = json.loads(found["datapackage.json"])
    assert description["wacz_version"] == "1.1.1"
    for resource in description["resources"]:
        data = found[resource["path"]]
        assert (resource["bytes"], resource["hash"]) == (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")
    digest = json.loads(found["datapackage-digest.json"])
    assert digest["hash"] == f"sha256:{hashlib.sha256(found['datapackage.json']).hexdigest()}"
    desk.run("export", "again.wacz", "--since", "2020-01-01")
    assert contents(desk.folder / "again.wacz")["archive/data.warc.gz"] == found["archive/data.warc.gz"]


def test_a_check_reads_all_raw_pages_and_names_those_that_are_damaged(desk: Desk) -> None:
    desk.configure()
    first = record(A, page("The Harbour Opens", 1), "2026-11-19T12:00:00Z")
    edited = record(A, page("The Harbour Opens", 1, "One more paragraph of news."), "2026-11-20T12:00:00Z")
    path = written(desk.folder / "x.warc", [first, edited])
    desk.run("import", "x.warc")
    assert desk.run("db", "check", "--raw").code == 0
    path.write_bytes(path.read_bytes().replace(b"One more", b"Two more"))
    done = desk.run("db", "check", "--raw")
    assert done.code == 1
    assert "raw page of article 1, version 2" in done.out
    assert "version 1" not in done.out
    path.write_bytes(path.read_bytes().replace(b"Two more", b"One more").replace(b"Harbour", b"Airport"))
    assert "version 1: " in (found := desk.run("db", "check", "--raw").out)
    assert "the digest of its record does not fit" in found
    path.unlink()
    assert desk.run("db", "check", "--raw").out.count("the archive is not there") == 2
    assert desk.run("db", "check").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since-seq", "0"), "for other formats"),
        (("--fields", "url"), "for other formats"),
        ((), "none of these articles has a raw page"),
    ],
)
def test_what_a_wacz_file_cannot_have_is_one_line(desk: Desk, arguments: tuple[str, ...], said: str) -> None:
    desk.configure()
    (desk.folder / "x.warc.gz").write_bytes(
        gzip.compress(record(A, b"x", status="404 Not Found") + record(A, page("The Harbour Opens", 1)))
    )
    desk.run("import", "x.warc.gz")
    done = desk.run("export", "out.wacz", *arguments)
    assert (done.code, said in done.err) == (2, True), done.err
    assert not (desk.folder / "out.wacz").exists()


def test_an_imported_wacz_file_of_ours_has_the_same_articles(desk: Desk) -> None:
    desk.configure()
    written(desk.folder / "x.warc.gz", [record(A, page("The Harbour Opens", 1))])
    desk.run("import", "x.warc.gz")
    desk.run("export", "out.wacz")
    assert "1 articles" in desk.run("--db", "other.db", "import", "out.wacz").err
    listed = [
        desk.run("--db", name, "list", "--json", "--fields", "url,title,text").out for name in ("news.db", "other.db")
    ]
    assert listed[0] == listed[1] != ""


def test_the_key_of_an_address_is_that_of_other_replayers() -> None:
    assert sort_key("https://WWW2.Example.org:443/A/b?z=1&a=%20x") == "org,example)/a/b?a=+x&z=1"
    assert sort_key("http://example.org:8080") == "org,example:8080)/"
