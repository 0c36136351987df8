"""What came over the wire is unpacked whole, or not at all."""

from __future__ import annotations

import gzip
import zlib

import brotli
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from crawler.content_encoding import MAX_GZIP_MEMBERS, DecodeError, decode_body, gunzip, is_gzip


@given(
    st.lists(st.binary(max_size=2000), min_size=1, max_size=4),
    st.binary(max_size=20).filter(lambda b: not is_gzip(b)),
)
def test_members_are_joined_and_what_stands_behind_them_is_left_out(parts: list[bytes], behind: bytes) -> None:
    assert gunzip(b"".join(map(gzip.compress, parts)) + behind, 10_000)[0] == b"".join(parts)


@given(st.binary(min_size=1, max_size=2000), st.data())
def test_a_body_that_was_cut_off_is_no_body(body: bytes, data: st.DataObject) -> None:
    packed = gzip.compress(body)
    cut = data.draw(st.integers(min_value=2, max_value=len(packed) - 1))
    with pytest.raises(DecodeError, match=r"ends before it is over"):
        gunzip(packed[:cut], 10_000)[0]


def test_a_body_that_unpacks_beyond_the_limit_is_refused_without_being_unpacked() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()
    with pytest.raises(DecodeError, match=r"larger than \[http\] max_bytes"):
        gunzip(bomb, 1 << 20)[0]
    with pytest.raises(DecodeError, match=r"larger than"):
        gunzip(gzip.compress(bytes(600)) * 2, 1000)[0]
    assert len(gunzip(gzip.compress(bytes(500)) * 2, 1000)[0]) == 1000


def test_a_damaged_body_is_told() -> None:
    packed = bytearray(gzip.compress(b"what happened " * 100))
    packed[-6] ^= 255  # the checksum
    with pytest.raises(DecodeError, match="damaged"):
        gunzip(bytes(packed), 10_000)[0]


def test_a_body_of_very_many_members_is_refused() -> None:
    member = gzip.compress(b"")
    assert gunzip(member * MAX_GZIP_MEMBERS, 10)[0] == b""
    with pytest.raises(DecodeError, match="more than"):
        gunzip(member * (MAX_GZIP_MEMBERS + 1), 10)[0]


def test_one_member_is_told_from_several_and_from_one_with_something_behind_it() -> None:
    big = gzip.compress(bytes(range(256)) * 4000, compresslevel=0)  # more than a slice
    assert gunzip(big, 1 << 21) == (bytes(range(256)) * 4000, True)
    assert gunzip(big + big, 1 << 22) == (bytes(range(256)) * 8000, False)
    assert gunzip(gzip.compress(b"a") + b"behind", 10) == (b"a", False)


PAGE = b"<html>what happened in the night of the flood</html>" * 50


@pytest.mark.parametrize(
    ("body", "encodings"),
    [
        (gzip.compress(PAGE), ["gzip"]),
        (gzip.compress(PAGE), ["x-gzip"]),
        (zlib.compress(PAGE), ["deflate"]),
        (gzip.compress(zlib.compress(PAGE)), ["deflate", "gzip"]),
        (brotli.compress(PAGE), ["br"]),
        (zstd.compress(PAGE), ["zstd"]),
        (zstd.compress(PAGE[:100]) + zstd.compress(PAGE[100:]), ["zstd"]),
        (PAGE, ["utf-8"]),
        (gzip.compress(PAGE), ["gzip", "aws-chunked"]),
        (PAGE, ["identity"]),
    ],
)
def test_encodings_are_undone_last_first(body: bytes, encodings: list[str]) -> None:
    assert decode_body(body, encodings, 10_000) == PAGE


def test_bare_deflate_is_read() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    assert decode_body(packer.compress(PAGE) + packer.flush(), ["deflate"], 10_000) == PAGE


@pytest.mark.parametrize(
    ("body", "encoding", "said"),
    [
        (zlib.compress(PAGE)[:-9], "deflate", "ends before"),
        (zlib.compress(PAGE), "compress", "not requested"),
        (brotli.compress(bytes(range(256)) * 40)[:-9], "br", "ends before|damaged"),
        (zstd.compress(bytes(range(256)) * 40)[:-9], "zstd", "ends before|damaged"),
        (brotli.compress(bytes(1 << 24)), "br", "larger than"),
        (zstd.compress(bytes(1 << 24)), "zstd", "larger than"),
        (b"\xff" * 50, "br", "damaged|ends"),
        (b"\xff" * 50, "zstd", "damaged"),
        (b"hello", "gzip", "and is not"),
        (b"hello, this is no stream at all", "deflate", "damaged|ends before"),
        (zlib.compress(bytes(1 << 20)), "deflate", "larger than"),
    ],
)
def test_what_cannot_be_undone_is_a_broken_transfer(body: bytes, encoding: str, said: str) -> None:
    with pytest.raises(DecodeError, match=said):
        decode_body(body, [encoding], 10_000)
