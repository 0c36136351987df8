"""Raw pages: each is read by its offset, other tools read the files, and a kill leaves nothing that a row points at."""

from __future__ import annotations

import gzip
import os
import resource
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from storage.errors import StorageError
from storage.warc import (
    RawPage,
    WarcWriter,
    delete_files,
    older_files,
    raw_place,
    raw_size,
    read_raw,
    warc_folder,
    warc_record,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HEADERS = (
    ("Content-Type", "text/html"),
    ("Set-Cookie", "session=secret"),
    ("Content-Encoding", "gzip"),
    ("Content-Length", "9"),
    ("ETag", '"a"'),
)


def page(number: int, at: datetime = NOW) -> RawPage:
    return RawPage(
        url=f"https://a.example/{number}",
        at=at,
        status=200,
        headers=HEADERS,
        body=f"<p>page {number} ü</p>".encode() * 50,
    )


def _record(of: RawPage) -> tuple[bytes, datetime]:
    return warc_record(of), of.at


def test_a_page_is_read_back_by_its_offset(tmp_path: Path) -> None:
    database = tmp_path / "news.db"
    pages = WarcWriter(database, ends=lambda: None)
    places = [pages.add(*_record(page(number))) for number in range(5)]
    pages.sync()
    pages.close()
    for number, (name, offset) in reversed(list(enumerate(places))):
        found = read_raw(raw_place(database, name, offset))
        assert (found.url, found.body, found.at, found.status) == (page(number).url, page(number).body, NOW, 200)
        names = {header.lower() for header, _ in found.headers}
        assert "etag" in names
        assert not {"set-cookie", "content-encoding"} & names
    assert raw_size(database) > 0


def test_a_page_that_came_packed_is_kept_as_it_came_and_read_back_unpacked(tmp_path: Path) -> None:
    database, plain = tmp_path / "news.db", b"<p>what the server sent</p>" * 200
    pages = WarcWriter(database, ends=lambda: None)
    packed = gzip.compress(plain)
    came = RawPage(url="https://a.example/1", at=NOW, status=200, headers=HEADERS, body=packed, packed=True)
    name, offset = pages.add(*_record(came))
    pages.sync()
    pages.close()
    assert packed in gzip.decompress((warc_folder(database) / name).read_bytes())
    back = read_raw(raw_place(database, name, offset))
    assert back.body == plain
    assert dict(back.headers) == {"Content-Type": "text/html", "ETag": '"a"', "Content-Length": str(len(packed))}


def test_other_tools_read_the_file_as_warc_1_1(tmp_path: Path) -> None:
    pages = WarcWriter(tmp_path / "news.db", ends=lambda: None)
    name = {pages.add(*_record(page(number)))[0] for number in range(3)}.pop()
    pages.sync()
    pages.close()
    with (warc_folder(tmp_path / "news.db") / name).open("rb") as file:
        records = [
            (r.rec_type, r.rec_headers.protocol, r.rec_headers.get_header("WARC-Target-URI"))
            for r in ArchiveIterator(file, check_digests=True)
        ]
    assert records == [("warcinfo", "WARC/1.1", None), *(("response", "WARC/1.1", page(n).url) for n in range(3))]


def test_a_file_that_ends_as_the_database_says_is_continued_and_another_is_not(tmp_path: Path) -> None:
    database = tmp_path / "news.db"
    first = WarcWriter(database, ends=lambda: None)
    name, _ = first.add(*_record(page(1)))
    end = first.sync()
    first.close()
    again = WarcWriter(database, ends=lambda: end)
    assert again.add(*_record(page(2)))[0] == name
    again.close()  # never told to the database: as after a kill
    other = WarcWriter(database, ends=lambda: end)
    assert other.add(*_record(page(3)))[0] != name
    other.close()


def test_a_new_day_is_a_new_file_and_old_days_are_forgotten(tmp_path: Path) -> None:
    database = tmp_path / "news.db"
    pages = WarcWriter(database, ends=lambda: None)
    old, offset = pages.add(*_record(page(1, NOW - timedelta(days=400))))
    new, _ = pages.add(*_record(page(2)))
    pages.sync()
    pages.close()
    assert old != new
    assert older_files(database, NOW - timedelta(days=365)) == [old]
    delete_files(database, [old])
    with pytest.raises(StorageError, match="raw_retain"):
        read_raw(raw_place(database, old, offset))


@pytest.mark.parametrize("offset", [3, 10**9])
def test_where_no_page_begins_is_told(tmp_path: Path, offset: int) -> None:
    database = tmp_path / "news.db"
    pages = WarcWriter(database, ends=lambda: None)
    name, _ = pages.add(*_record(page(1)))
    pages.sync()
    pages.close()
    with pytest.raises(StorageError, match="nothing can be read"):
        read_raw(raw_place(database, name, offset))


def test_a_name_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    with pytest.raises(StorageError):
        read_raw(raw_place(tmp_path / "news.db", "../secret", 0))


def test_a_page_from_before_midnight_goes_into_the_file_of_after_it_and_both_are_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}").rsplit("/", 1)[-1])
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    pages = WarcWriter(tmp_path / "news.db", ends=lambda: None)
    evening, _ = pages.add(*_record(page(1, NOW)))
    morning, _ = pages.add(*_record(page(2, NOW + timedelta(days=1))))
    late, _ = pages.add(*_record(page(3, NOW)))
    pages.sync()
    pages.close()
    assert evening != morning == late
    assert {evening, morning} <= set(synced)


def test_what_a_full_disk_refused_does_not_come_later(tmp_path: Path) -> None:
    database = tmp_path / "news.db"
    pages = WarcWriter(database, ends=lambda: None)
    name, _ = pages.add(*_record(page(1)))
    size = (warc_folder(database) / name).stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
    try:
        with pytest.raises(StorageError):
            pages.add(
                *_record(RawPage(url="https://a.example/big", at=NOW, status=200, headers=(), body=os.urandom(5000)))
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)
    again, offset = pages.add(*_record(page(2)))
    pages.sync()
    pages.close()
    assert (again, offset) == (name, size)
    assert read_raw(raw_place(database, again, offset)).url == page(2).url
