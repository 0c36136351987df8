"""WACZ files (Web Archive Collection Zipped, 1.1.1): raw pages with an index, for ReplayWeb.page and other replayers."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import IO, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from crawler.errors import UsageError
from crawler.version import __version__
from storage.article import Article, in_version
from storage.errors import StorageError
from storage.store import Store
from storage.utc import format_utc
from storage.warc import RawPlace
from storage.warc_records import RawRecord, read_record

_WARC = "archive/data.warc.gz"
_INDEX = "indexes/index.cdxj"
_PAGES = "pages/pages.jsonl"
_DATE = (1980, 1, 1, 0, 0, 0)  # of the files in it, so that the same pages give the same bytes


class WaczWriter:
    """Writes one WACZ file: articles are added one by one, `close` writes the index and the description."""

    def __init__(self, store: Store, file: Any, *, title: str, now: datetime) -> None:
        """Begin the file.

        Args:
            store: the database, with its raw pages.
            file: a binary file, written sequentially.
            title: of the collection.
            now: the clock.
        """
        self._store, self._title, self._now = store, title, now
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._resources: list[dict[str, Any]] = []
        self._index: list[str] = []
        self._pages = [json.dumps({"format": "json-pages-1.0", "id": "pages", "title": "Articles"})]
        self._warc = _Entry(self._zip, _WARC)
        self._written: set[tuple[str, int]] = set()  # (file, offset): versions may share a page

    def add(self, article: Article) -> bool:
        """Add the raw pages of an article's versions; False where none can be read."""
        found = False
        for version, place in self._places(article):
            try:
                record = read_record(place)
            except StorageError:
                continue
            found = True
            if (key := (str(place.path), place.offset)) in self._written:
                continue
            self._written.add(key)
            member, raw = record.member(), record.page
            self._index.append(_index_line(record, self._warc.size, len(member)))
            self._warc.write(member)
            page = {"id": f"{article.uid}-{version.revision}", "url": raw.url, "ts": format_utc(raw.at)}
            self._pages.append(json.dumps(page | {"title": version.title or raw.url}, ensure_ascii=False))
        return found

    def _places(self, article: Article) -> Iterator[tuple[Article, RawPlace]]:
        """The article's versions with a raw page, oldest first."""
        for row in self._store.revisions(article.id):
            if row["number"] != article.revision:
                version = in_version(article, row)
                if (place := self._store.raw_place(version)) is not None:
                    yield version, place
        if (place := self._store.raw_place(article)) is not None:
            yield article, place

    def close(self) -> None:
        """Write the index, the list of pages and the description.

        Raises:
            UsageError: no article has a raw page.
        """
        if not self._index:
            raise UsageError(
                "none of these articles has a raw page that can be read; [extract] keep_raw = true stores them from the "
                "next crawl on"
            )
        self._note(_WARC, self._warc.close())
        self._text(_INDEX, "".join(f"{line}\n" for line in sorted(self._index)))
        self._text(_PAGES, "".join(f"{line}\n" for line in self._pages))
        description = {
            "profile": "data-package",
            "wacz_version": "1.1.1",
            "title": self._title,
            "created": format_utc(self._now),
            "software": f"newsdesk {__version__}",
            "resources": self._resources,
        }
        document = json.dumps(description, ensure_ascii=False, indent=2)
        sha256 = self._text("datapackage.json", document)
        digest = {"path": "datapackage.json", "hash": f"sha256:{sha256}"}
        self._text("datapackage-digest.json", json.dumps(digest, indent=2))
        self._zip.close()

    def abandon(self) -> None:
        """Close what is open after a failure; the file is of no use."""
        with suppress(OSError, ValueError):
            self._warc.close()
            self._zip.close()

    def _text(self, name: str, text: str) -> str:
        entry = _Entry(self._zip, name)
        entry.write(text.encode("utf-8", "replace"))
        sha256, size = entry.close()
        if name not in {"datapackage.json", "datapackage-digest.json"}:
            self._note(name, (sha256, size))
        return sha256

    def _note(self, path: str, made: tuple[str, int]) -> None:
        name = path.rpartition("/")[2]
        self._resources.append({"name": name, "path": path, "hash": f"sha256:{made[0]}", "bytes": made[1]})


class _Entry:
    """A file in a zip file, with its hash and size."""

    def __init__(self, zipped: zipfile.ZipFile, name: str) -> None:
        self._file: IO[bytes] = zipped.open(zipfile.ZipInfo(name, _DATE), "w", force_zip64=True)
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    def close(self) -> tuple[str, int]:
        """(sha256, bytes)."""
        self._file.close()
        return self._hash.hexdigest(), self.size


def _index_line(record: RawRecord, offset: int, length: int) -> str:
    """A line of the CDXJ index."""
    fields = {
        "url": record.page.url,
        "mime": record.media_type,
        "status": str(record.page.status),
        "digest": record.digest,
        "length": str(length),
        "offset": str(offset),
        "filename": _WARC.rpartition("/")[2],
    }
    at = record.page.at.astimezone(UTC).strftime("%Y%m%d%H%M%S")
    return f"{sort_key(record.page.url)} {at} {json.dumps(fields, ensure_ascii=False)}"


def sort_key(url: str) -> str:
    """The address by which a replayer looks a page up: the host reversed, in lower case, the query sorted (SURT)."""
    parts = urlsplit(url.lower())
    labels = (parts.hostname or "").split(".")
    if len(labels) > 2 and labels[0].startswith("www") and labels[0][3:].isdigit() | (labels[0] == "www"):
        labels = labels[1:]
    port = f":{parts.port}" if parts.port not in {None, 80, 443} else ""
    query = urlencode(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    return f"{','.join(reversed(labels))}{port}){parts.path or '/'}" + (f"?{query}" if query else "")


def write_wacz(
    store: Store, articles: Iterable[Article], file: Any, *, title: str, now: datetime
) -> Iterator[tuple[Article, bool]]:
    """Write a WACZ file; yields each article, and whether a page of it is in the file.

    Raises:
        UsageError: no article has a raw page.
    """
    writer = WaczWriter(store, file, title=title, now=now)
    try:
        for article in articles:
            yield article, writer.add(article)
        writer.close()
    except BaseException:
        writer.abandon()
        raise
