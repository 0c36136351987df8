"""Several captures of one address, in the order of their times, whatever the order of the files.

A first pass reads the headers of all records. Pages of addresses whose captures are not in order are put aside into a
temporary file, and handed on at the end, oldest first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import blake2b
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self

from crawler.archives.files import Source, opened
from crawler.archives.records import RecordHead, read_records
from crawler.archives.remote_file import Address
from crawler.archives.selection import Selection
from crawler.articles.page_response import PageResponse
from crawler.errors import CrawlerError
from crawler.urls import url_key
from storage.records import Entry

Place = tuple[str, int] | None  # the warc_file and offset of a page that can be read again


def unordered_addresses(files: Sequence[Source], selection: Selection) -> frozenset[int]:
    """The addresses (see `address_hash`) of which a file has an older capture than a file before it.

    Args:
        files: in the order in which they are read. One that cannot be read is reported when its pages are; one at an
            address is left out, as its pages would be transferred twice.
        selection: the filters.
    """
    newest: dict[int, float] = {}
    found: set[int] = set()

    def note(head: RecordHead) -> str:
        if (reason := selection.unwanted(head)) is not None:
            return reason
        try:
            key = address_hash(url_key(head.url))
        except ValueError:
            return "no address"
        at = head.at.timestamp()
        if at < newest.setdefault(key, at):
            found.add(key)
        newest[key] = max(at, newest[key])
        return "noted"

    for path in files:
        if isinstance(path, Address):
            continue
        try:
            with opened(path) as inside:
                for _, file in inside:
                    for _ in read_records(file, most=0, unwanted=note):
                        pass
        except CrawlerError:
            continue
    return frozenset(found)


def archived_page(url: str, key: str, source: str | None, at: datetime, **response: Any) -> PageResponse:
    """A page of an archive as if it had been requested when it was captured.

    Args:
        url: its address.
        key: the address's URL key.
        source: the source of the address, if any.
        at: when it was captured.
        response: status, headers and body.
    """
    entry = Entry(id=0, feed_url="", source=source, url=url, url_key=key, found_by="archive", backfill=True)
    return PageResponse(entry=entry, requested_url=url, url=url, at=at, answered_at=at, **response)


def address_hash(key: str) -> int:
    """A URL key as a number, as millions of them are compared."""
    return int.from_bytes(blake2b(key.encode("utf-8", "replace"), digest_size=8).digest(), "big")


class PagesAside:
    """Pages in a temporary file."""

    def __init__(self, unordered: frozenset[int]) -> None:
        """Create the file.

        Args:
            unordered: the addresses whose pages it takes.
        """
        self._unordered = unordered
        self._file = TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._places: list[tuple[float, int]] = []

    def take(self, page: PageResponse, place: Place) -> bool:
        """Put a page aside; False where its address is not one of those."""
        if not self._unordered or address_hash(page.entry.url_key) not in self._unordered:
            return False
        self._places.append((page.at.timestamp(), self._file.seek(0, 2)))
        fields = {
            "url": page.url, "url_key": page.entry.url_key, "source": page.entry.source, "at": page.at.isoformat(),
            "status": page.status, "headers": page.headers, "place": place, "bytes": len(page.body),
        }  # fmt: skip
        self._file.write(json.dumps(fields).encode() + b"\n" + page.body)
        return True

    def pages(self) -> Iterator[tuple[PageResponse, Place]]:
        """The pages, oldest first."""
        for _, position in sorted(self._places):
            self._file.seek(position)
            fields = json.loads(self._file.readline())
            place = tuple(fields["place"]) if fields["place"] else None
            page = archived_page(
                fields["url"], fields["url_key"], fields["source"], datetime.fromisoformat(fields["at"]),
                status=fields["status"], headers=tuple(map(tuple, fields["headers"])),
                body=self._file.read(fields["bytes"]),
            )  # fmt: skip
            yield page, place

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._file.close()
