"""The manifest of an export: metadata to cite a corpus and to verify it."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crawler.config.dump import to_toml
from crawler.config.models import Config
from crawler.outputs.exports import ExportResult, export_items
from crawler.version import __version__
from storage.article import FIELDS, SCHEMA
from storage.errors import StorageError
from storage.records import Filter
from storage.sqlite.connection import SQLITE_VERSION
from storage.store import Store
from storage.utc import format_utc
from storage.warc_records import read_record


def manifest(done: ExportResult, store: Store, config: Config) -> dict[str, Any]:
    """The content of an export, its database and state, the settings, and the known gaps.

    Args:
        done: the export.
        store: its database, in the same state.
        config: the settings in force.
    """
    sources = dict(sorted((source or "", count) for source, count in done.sources.items()))
    return {
        "newsdesk": "manifest",
        "schema": SCHEMA,
        "at": format_utc(done.at),
        "database_id": done.cursor.database_id,
        "generation": int(done.cursor.generation),
        "seq": done.cursor.seq,
        "since_seq": done.since,
        "query": dict(done.cursor.query),
        "fields": list(done.fields or FIELDS),
        "file": done.path.name,
        "format": done.form,
        "sha256": done.sha256,
        "articles": done.articles,
        "tombstones": done.tombstones,
        "sources": sources,
        "gaps_open": [
            {"source": gap.source, "feed_url": gap.feed_url, "from_at": gap.from_at, "to_at": gap.to_at}
            for gap in store.gaps(states=("open",))
            if not sources or gap.source in sources
        ],
        "versions": {**_versions(), "sqlite": SQLITE_VERSION, "python": platform.python_version()},
        "extractors": store.extractors(),
        "configuration_sha256": configuration_hash(config),
    }


def _versions() -> Mapping[str, str]:
    from importlib.metadata import version

    return {"newsdesk": __version__, **{name: version(name) for name in ("trafilatura", "scrapy", "sqlite-utils")}}


def configuration_hash(config: Config) -> str:
    """SHA-256 of all settings and sources; secrets are hashed as their references (`env:NAME`), never as values."""
    return hashlib.sha256(to_toml(config).encode()).hexdigest()


def warc_records(done: ExportResult, store: Store, which: Filter) -> Iterator[dict[str, Any]]:
    """The WARC record of each article of an export whose raw page is stored, with the digests of its page.

    Args:
        done: the export.
        store: its database, in the same state.
        which: the articles of the export.
    """
    for item in export_items(store, which, done.since, done.cursor.seq):
        article = item.article
        if article is None or (place := store.raw_place(article)) is None:
            continue
        found = {
            "id": article.id, "uid": article.uid, "revision": article.revision, "file": place.path.name,
            "offset": place.offset, "sha256": article.raw_sha256,
        }  # fmt: skip
        try:
            record = read_record(place)
            yield found | {"record_id": record.record_id, "payload_digest": record.digest}
        except StorageError as error:
            yield found | {"error": str(error)}


def lines(found: Mapping[str, Any], records: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """The manifest as it is written, a line a record: there may be millions of them."""
    head = json.dumps(found, ensure_ascii=False, indent=1).removesuffix("\n}")
    yield f'{head},\n "warc_records": ['.encode()
    between = "\n  "
    for record in records:
        yield (between + json.dumps(record, ensure_ascii=False)).encode()
        between = ",\n  "
    yield b"]\n}\n"
