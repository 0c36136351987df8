"""An article as a value, as a row of JSON values, and as a notebook shows it. Pure."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any

from storage.utc import parse_utc

SCHEMA = 1  # of a row: crawler/outputs/article.schema.json; increased when a field changes its meaning
_INTERNAL = ("page_url", "etag", "last_modified", "recheck_at", "learned_version")  # not part of the record
_OPENING = 400  # characters of the text that a notebook shows


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Article:
    """One article as stored; the columns of the articles table. Lists are tuples; ids are 0 until it is stored.

    Times are texts as stored, as of some only the day is known ("2020-02-11"); `published`, `modified`, `first_seen`,
    `fetched`, `last_same` and `vanished` are the same as datetimes.
    """

    url: str
    id: int = 0
    uid: str = ""
    source: str | None = None
    kind: str = "article"
    completeness: str = "full"
    title: str | None = None
    subtitle: str | None = None
    authors: tuple[str, ...] = ()
    published_at: str | None = None
    published_raw: str | None = None
    modified_at: str | None = None
    section: str | None = None
    tags: tuple[str, ...] = ()
    language: str | None = None
    summary: str | None = None
    text: str | None = None
    image_url: str | None = None
    image_caption: str | None = None
    image_credit: str | None = None
    agency: str | None = None
    word_count: int = 0
    content_hash: str | None = None
    story_id: int | None = None
    duplicate_of: int | None = None
    revision: int = 1
    first_seen_at: str | None = None
    fetched_at: str | None = None
    last_same_at: str | None = None
    vanished_at: str | None = None
    vanished_reason: str | None = None
    canonical_elsewhere: str | None = None
    extractor: str | None = None
    raw_sha256: str | None = None
    warc_file: str | None = None
    warc_offset: int | None = None
    provenance: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    page_url: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    recheck_at: str | None = None
    learned_version: int | None = None  # of the repeated paragraphs that its text was read without

    @property
    def published(self) -> datetime | None:
        """When its publisher says that it was published; of a day without a time, its first second in UTC."""
        return moment(self.published_at)

    @property
    def modified(self) -> datetime | None:
        """When its publisher says that it was changed last."""
        return moment(self.modified_at)

    @property
    def first_seen(self) -> datetime | None:
        """When newsdesk first saw it."""
        return moment(self.first_seen_at)

    @property
    def fetched(self) -> datetime | None:
        """When the stored version was fetched."""
        return moment(self.fetched_at)

    @property
    def last_same(self) -> datetime | None:
        """When the page last showed the stored version."""
        return moment(self.last_same_at)

    @property
    def vanished(self) -> datetime | None:
        """When its page was found gone."""
        return moment(self.vanished_at)

    def to_dict(self) -> dict[str, Any]:
        """The row that `newsdesk export` and `--json` write: JSON values, by FIELDS, lists as lists."""
        return {name: SCHEMA if name == "schema" else _plain(getattr(self, name)) for name in FIELDS}

    def __repr__(self) -> str:
        shown = ("id", "source", "title", "published_at")
        return f"Article({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)}, url={self.url!r})"

    def _repr_html_(self) -> str:
        """The article in a notebook: headline, byline, and how its text begins."""
        title = escape(self.title or self.url)
        if self.url.startswith(("https://", "http://")):
            title = f'<a href="{escape(self.url)}" rel="noopener noreferrer">{title}</a>'
        facts = [self.source, ", ".join(self.authors), self.published_at, self.completeness]
        line = " · ".join(escape(fact) for fact in facts if fact)
        text = self.text or self.summary or ""
        opening = escape(text[:_OPENING]) + "…" * (len(text) > _OPENING)
        return f"<article><b>{title}</b><br><small>{line}</small><p>{opening}</p></article>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of an article; a row of the revisions table."""

    number: int  # counted from 1 in the order of arrival; 0 until it is stored
    article: Article  # with the texts, times and raw page of this version
    seen_at: str
    last_same_at: str | None = None
    cause: str = "publisher"
    silent: bool = False
    words_added: int = 0  # compared with the version before
    words_removed: int = 0
    imported: bool = False  # captured in an archive


_OF_VERSION = (
    "title", "subtitle", "text", "published_at", "modified_at", "content_hash", "extractor", "warc_file", "warc_offset",
)  # fmt: skip


def in_version(article: Article, row: Mapping[str, Any]) -> Article:
    """An article as a row of the revisions table has it; what that row lacks is as it is now, the page's hash unknown."""
    found = {name: row[name] for name in _OF_VERSION}
    authors = tuple(json.loads(row["authors"]))
    return dataclasses.replace(article, revision=row["number"], authors=authors, raw_sha256=None, **found)


_FIRST = ("id", "uid", "source", "url", "title")
_RECORD = tuple(f.name for f in dataclasses.fields(Article) if f.name not in _INTERNAL)
# The fields of a row, first what identifies the article.
FIELDS = (*_FIRST, *(name for name in _RECORD if name not in _FIRST), "schema")


def moment(text: str | None) -> datetime | None:
    """A stored time as a datetime; of a day without a time, its first second in UTC."""
    return parse_utc(text) if text else None


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return value
