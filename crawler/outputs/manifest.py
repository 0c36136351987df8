"""The manifest of an export: metadata to cite a corpus and to verify it."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from typing import Any

from crawler.config.dump import to_toml
from crawler.config.models import Config
from crawler.outputs.exports import ExportResult
from crawler.version import __version__
from storage.article import FIELDS, SCHEMA
from storage.sqlite.connection import SQLITE_VERSION
from storage.store import Store
from storage.utc import format_utc


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


def as_text(found: Mapping[str, Any]) -> bytes:
    """The manifest as it is written."""
    return (json.dumps(found, ensure_ascii=False, indent=1) + "\n").encode()
