"""WARC files made for tests."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from benchmarks.prose import Prose

HTML = (("Content-Type", "text/html; charset=utf-8"),)


def page(title: str, seed: int, edited: str = "") -> bytes:
    paragraphs = "".join(f"<p>{text}</p>" for text in [*Prose(seed).text(250).split("\n"), edited] if text)
    return (
        f"<!doctype html><html lang='en'><head><title>{title}</title>"
        f"<meta property='article:published_time' content='2026-11-20T08:00:00Z'></head>"
        f"<body><article><h1>{title}</h1>{paragraphs}</article></body></html>"
    ).encode()


def record(
    url: str,
    body: bytes,
    at: str = "2026-11-20T12:00:00Z",
    *,
    kind: str = "response",
    status: str = "200 OK",
    headers: Sequence[tuple[str, str]] = HTML,
) -> bytes:
    """One record, not compressed."""
    out = BytesIO()
    writer = WARCWriter(out, gzip=False, warc_version="1.1")
    http = StatusAndHeaders(status, list(headers), protocol="HTTP/1.1")
    writer.write_record(
        writer.create_warc_record(
            url, kind, payload=BytesIO(body), length=len(body), http_headers=http, warc_headers_dict={"WARC-Date": at}
        )
    )
    return out.getvalue()


def packed(records: Iterable[bytes]) -> bytes:
    """A gzip member a record, as archives are usually stored."""
    return b"".join(gzip.compress(each, mtime=0) for each in records)


def written(path: Path, records: Iterable[bytes]) -> Path:
    path.write_bytes(packed(records) if path.name.endswith(".gz") else b"".join(records))
    return path


def parts(folder: Path) -> dict[str, list[dict[str, Any]]]:
    pq = pytest.importorskip("pyarrow.parquet")
    return {path.name: pq.read_table(path).to_pylist() for path in sorted(folder.glob("*.parquet"))}


def many(folder: Path, files: int = 2, pages: int = 4) -> list[Path]:
    folder.mkdir(exist_ok=True)
    return [
        written(
            folder / f"part-{file}.warc.gz",
            [
                record(f"https://site{n}.example/2026/{file}/story-{n}", page(f"Headline {file} {n}", 100 * file + n))
                for n in range(pages)
            ],
        )
        for file in range(files)
    ]
