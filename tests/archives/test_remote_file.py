"""A file at an address: resumed where its server confirms that it is the same, and refused where it is another."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from io import BufferedReader
from typing import Any, cast

import pytest

from crawler.archives.remote_file import Address, ConnectionEnded, RemoteFile, RemoteFileChanged, is_address

DATA = bytes(range(256)) * 40


class Body:
    """A response that ends after so many bytes."""

    def __init__(
        self, status: int, headers: dict[str, str], data: bytes, *, length: int | None = None, cut: int | None = None
    ) -> None:
        self.status, self.headers = status, headers
        self.length: int | None = len(data) if length is None else length
        self._data, self._cut = data, cut
        self.closed = False

    def read(self, most: int) -> bytes:
        if self._cut is not None and self._cut <= 0:
            raise ConnectionEnded(0, "the connection ended early")
        count = min(most, 1000, len(self._data), self._cut if self._cut is not None else most)
        piece, self._data = self._data[:count], self._data[count:]
        if self._cut is not None:
            self._cut -= count
        return piece

    def close(self) -> None:
        self.closed = True


def served(
    *answers: Callable[[dict[str, str]], Body],
) -> tuple[Callable[[str, dict[str, str]], Body], list[dict[str, str]]]:
    waiting, came = list(answers), []

    def connect(_: str, headers: dict[str, str]) -> Body:
        came.append(headers)
        return waiting.pop(0)(headers)

    return connect, came


def opened(*answers: Callable[[dict[str, str]], Body]) -> tuple[RemoteFile, list[dict[str, str]]]:
    connect, came = served(*answers)
    return RemoteFile("https://a.example/x.warc", connect, sleep=lambda _: None), came


def first(cut: int | None = None, etag: str = '"1"') -> Callable[[dict[str, str]], Body]:
    return lambda _: Body(200, {"etag": etag} if etag else {}, DATA, cut=cut)


def rest(total: int | None = None, status: int = 206, etag: str = '"1"') -> Callable[[dict[str, str]], Body]:
    def answer(headers: dict[str, str]) -> Body:
        start = int(headers["Range"].removeprefix("bytes=").rstrip("-"))
        said = {"etag": etag, "content-range": f"bytes {start}-{len(DATA) - 1}/{total or len(DATA)}"}
        return Body(status, said, DATA[start:])

    return answer


def test_a_file_is_read_with_its_hash() -> None:
    file, came = opened(first())
    buffered = BufferedReader(cast("Any", file))
    assert buffered.read() == DATA
    assert (file.size, file.sha256, file.tell()) == (len(DATA), sha256(DATA).hexdigest(), len(DATA))
    assert came == [{"Accept-Encoding": "identity"}]
    buffered.close()


def test_what_ends_early_goes_on() -> None:
    file, came = opened(first(cut=2500), rest())
    assert BufferedReader(cast("Any", file)).read() == DATA
    assert came[1]["Range"] == "bytes=2500-"
    assert came[1]["If-Range"] == '"1"'


def test_seeks_begin_another_request() -> None:
    file, came = opened(first(), rest(), rest())
    assert file.seekable()
    file.seek(-10, 2)
    assert file.read(100) == DATA[-10:]
    file.seek(5)
    assert file.read(3) == DATA[5:8]
    assert [headers.get("Range") for headers in came] == [None, f"bytes={len(DATA) - 10}-", "bytes=5-"]
    assert file.sha256 is None


def test_errors_are_tried_again_and_then_said() -> None:
    busy = [lambda _: Body(503, {"retry-after": "1"}, b"")] * 4
    file, came = opened(*busy, first())
    assert (file.size, len(came)) == (len(DATA), 5)
    with pytest.raises(OSError, match="answered 503"):
        opened(*busy, lambda _: Body(503, {}, b""))
    with pytest.raises(OSError, match="answered 404"):
        opened(lambda _: Body(404, {}, b""))

    def lost(_: dict[str, str]) -> Body:
        raise ConnectionEnded(0, "it was refused")

    with pytest.raises(OSError, match="it was refused"):
        opened(*[lost] * 5)
    with pytest.raises(OSError, match="at byte 0"):
        opened(*[first(cut=0)] * 9)[0].read(10)


@pytest.mark.parametrize(
    ("answers", "error", "said"),
    [
        ([first(cut=1000, etag=""), rest()], RemoteFileChanged, "only be read anew"),
        ([first(cut=1000), rest(status=200, etag='"2"')], RemoteFileChanged, "it changed"),
        ([first(cut=1000), rest(status=200)], OSError, "no parts of files"),
        ([first(cut=1000), rest(total=5)], RemoteFileChanged, "its length changed"),
        ([first(cut=1000), rest(status=416)], OSError, "with 416"),
    ],
)
def test_another_file_is_not_read_on(answers: list[Any], error: type[OSError], said: str) -> None:
    file, _ = opened(*answers)
    with pytest.raises(error, match=said):
        BufferedReader(cast("Any", file)).read()


def test_a_body_without_a_length_ends_where_it_ends() -> None:
    class Endless(Body):
        def __init__(self) -> None:
            super().__init__(200, {"last-modified": "Fri, 20 Nov 2026 10:00:00 GMT"}, DATA)
            self.length = None

    file, _ = opened(lambda _: Endless())
    assert not file.seekable()
    assert BufferedReader(cast("Any", file)).read() == DATA
    assert file.sha256 == sha256(DATA).hexdigest()


def test_names_of_addresses() -> None:
    assert Address("https://a.example/cc/CC-NEWS%201.warc.gz?x=1").name == "CC-NEWS 1.warc.gz"
    assert Address("https://a.example/").name == "archive"
    assert [is_address(name) for name in ("HTTPS://a", "http://a", "https.warc", "/http://x")] == [
        True,
        True,
        False,
        False,
    ]
