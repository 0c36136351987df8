"""The records of WARC files: all of them, at their offsets, also after what is broken."""

from __future__ import annotations

import gzip
import random
import tracemalloc
from collections.abc import Callable
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from crawler.archives.byte_stream import PIECE
from crawler.archives.records import RecordHead, ResponseRecord, SkippedRecord, read_records
from crawler.archives.responses import decoded_body, parse_response
from crawler.content_encoding import DecodeError
from tests.archives.warcs import packed, page, record

MOST = 1_000_000
THREE = [record(f"https://a.example/{n}", page(f"Headline {n}", n)) for n in range(3)]
FORMS: dict[str, Callable[[list[bytes]], bytes]] = {
    "plain": b"".join,
    "gzip": packed,
    "one member": lambda records: gzip.compress(b"".join(records), mtime=0),
}


def read(data: bytes, most: int = MOST) -> tuple[list[str], list[SkippedRecord]]:
    found = list(read_records(BytesIO(data), most=most))
    urls = [each.head.url for each in found if isinstance(each, ResponseRecord)]
    return urls, [each for each in found if isinstance(each, SkippedRecord)]


def broken(skipped: list[SkippedRecord]) -> list[str]:
    return [each.reason for each in skipped if each.broken]


@pytest.mark.integration  # takes long
@pytest.mark.parametrize("form", FORMS)
def test_every_response_is_read_as_warcio_reads_it(form: str) -> None:
    data = FORMS[form]([record("https://a.example/i", b"x", kind="request"), *THREE])
    found = [each for each in read_records(BytesIO(data), most=MOST) if isinstance(each, ResponseRecord)]
    assert [each.head.url for each in found] == [f"https://a.example/{n}" for n in range(3)]
    for n, each in enumerate(found):
        response = parse_response(each.block)
        assert response is not None
        assert (response.status, response.header("content-type")) == (200, "text/html; charset=utf-8")
        assert decoded_body(response, MOST) == page(f"Headline {n}", n)
        if each.seekable:
            file = BytesIO(data)
            file.seek(each.offset)
            again = next(iter(ArchiveIterator(file)))
            assert again.rec_headers.get_header("WARC-Target-URI") == each.head.url
    assert [each.seekable for each in found] == [form != "one member"] * 3


def test_what_the_head_rules_out_is_counted_and_not_kept() -> None:
    def unwanted(head: RecordHead) -> str | None:
        return "other domain" if head.url.endswith("/1") else None

    found = list(read_records(BytesIO(packed(THREE)), most=MOST, unwanted=unwanted))
    assert [each.reason if isinstance(each, SkippedRecord) else each.head.url[-1] for each in found] == [
        "0", "other domain", "2",
    ]  # fmt: skip


BROKEN = {
    "a header without an end": b"WARC/1.1\r\nWARC-Type: response\r\nX: " + b"x" * 3_000_000 + b"\r\n\r\n",
    "a header of many lines": b"WARC/1.1\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
    "a length that is no number": b"WARC/1.1\r\nWARC-Type: response\r\nContent-Length: -1\r\n\r\n\r\n\r\n",
    "no length": b"WARC/1.1\r\nWARC-Type: response\r\n\r\n\r\n\r\n",
    "a date that is none": b"WARC/1.1\r\nWARC-Type: response\r\nWARC-Date: now\r\nContent-Length: 0\r\n\r\n\r\n\r\n",
    "no record": b"<html>not a record at all</html>\r\n\r\n",
    "a length that is too short": THREE[1].replace(b"Content-Length: ", b"Content-Length: 1\r\nX: ", 1),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_record_is_named_and_the_file_goes_on(name: str, form: str) -> None:
    data = FORMS[form]([THREE[0], BROKEN[name], THREE[2]])
    urls, skipped = read(data)
    assert urls == ["https://a.example/0", "https://a.example/2"]
    assert len(broken(skipped)) == 1
    if form == "plain":
        assert skipped[0].offset == len(THREE[0])
    elif form == "gzip":
        assert skipped[0].offset == len(packed(THREE[:1]))


@pytest.mark.parametrize("form", FORMS)
def test_a_length_that_is_too_long_takes_no_other_record_with_it(form: str) -> None:
    liar = THREE[1].replace(b"Content-Length: ", b"Content-Length: 900000\r\nX: ", 1)
    urls, skipped = read(FORMS[form]([THREE[0], liar, THREE[2]]))
    assert urls == ["https://a.example/0", "https://a.example/2"]
    assert broken(skipped) == ["the file ends inside a record"]


def test_a_file_that_is_cut_off_ends_with_its_last_whole_record() -> None:
    for form in FORMS.values():
        data = form(THREE)
        urls, skipped = read(data[:-700])
        assert urls == ["https://a.example/0", "https://a.example/1"]
        assert len(broken(skipped)) == 1


def test_damaged_gzip_costs_one_record() -> None:
    data = bytearray(packed(THREE))
    at = len(packed(THREE[:1])) + 60
    data[at : at + 40] = bytes(40)
    urls, skipped = read(bytes(data))
    assert urls == ["https://a.example/0", "https://a.example/2"]
    assert [each.offset for each in skipped] == [len(packed(THREE[:1]))]


@pytest.mark.parametrize("before", range(4))
def test_a_record_after_damage_is_found_wherever_its_gzip_member_begins(before: int) -> None:
    damage = packed([record("https://a.example/1", random.Random(1).randbytes(80_000).hex().encode())])
    damage = damage[:30] + bytes(20) + damage[50:]
    start = packed(THREE[:1])
    # the member's first bytes are the last ones of a piece that is read from the file
    data = start + (damage * 3)[: 2 * PIECE - len(start) - before] + packed(THREE[2:])
    assert read(data)[0] == ["https://a.example/0", "https://a.example/2"]


def test_a_response_beyond_the_limit_is_not_kept() -> None:
    huge = record("https://a.example/huge", b"<p>" + b"word " * 400_000)
    urls, skipped = read(packed([THREE[0], huge, THREE[2]]))
    assert urls == ["https://a.example/0", "https://a.example/2"]
    assert [each.reason for each in skipped] == ["response longer than 1,000,000 bytes"]


def test_memory_stays_small_whatever_a_file_says() -> None:
    bomb = packed([b"WARC/1.1\r\nWARC-Type: response\r\nX: " + b"x" * 200_000_000, THREE[2]])
    tracemalloc.start()
    urls, skipped = read(bomb)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert urls == ["https://a.example/2"]
    assert len(broken(skipped)) == 1
    assert most < 5_000_000


def test_tens_of_thousands_of_tiny_records_are_read() -> None:
    tiny = b"WARC/1.1\r\nWARC-Type: metadata\r\nContent-Length: 1\r\n\r\nx\r\n\r\n"
    urls, skipped = read(tiny * 30_000 + THREE[0])
    assert (urls, len(skipped)) == (["https://a.example/0"], 30_000)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(FORMS)), st.integers(0, 2**32))
def test_whatever_is_damaged_nothing_raises_and_the_rest_is_read(form: str, seed: int) -> None:
    draw = random.Random(seed)
    data = bytearray(FORMS[form](THREE))
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(data))
        match draw.randrange(3):
            case 0:
                data[at] = draw.randrange(256)
            case 1:
                del data[at : at + draw.randrange(1, 200)]
            case _:
                data[at:at] = draw.randbytes(draw.randrange(1, 50))
        if not data:
            break
    urls, _ = read(bytes(data))
    assert len(urls) <= 4


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"5\r\n<p>on\r\n4\r\ne</p\r\n1\r\n>\r\n0\r\n\r\n", [("Transfer-Encoding", "chunked")]),
        (gzip.compress(b"<p>one</p>"), [("Content-Encoding", "gzip")]),
        (b"<p>one</p>", [("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked")]),
        (b"<p>one</p>", [("Content-Encoding", "br")]),
    ],
)
def test_a_body_is_decoded_by_its_headers_unless_it_was_before(body: bytes, headers: list[tuple[str, str]]) -> None:
    (found,) = read_records(BytesIO(record("https://a.example/", body, headers=headers)), most=MOST)
    assert isinstance(found, ResponseRecord)
    response = parse_response(found.block)
    assert response is not None
    assert decoded_body(response, MOST) == b"<p>one</p>"


def test_a_body_that_grows_beyond_the_limit_is_refused() -> None:
    packed_body = record("https://a.example/", gzip.compress(b"x" * 2_000_000), headers=[("Content-Encoding", "gzip")])
    (found,) = read_records(BytesIO(packed_body), most=MOST)
    assert isinstance(found, ResponseRecord)
    response = parse_response(found.block)
    assert response is not None
    with pytest.raises(DecodeError):
        decoded_body(response, MOST)
