"""Articles as an Atom feed (RFC 4287), with tombstones (RFC 6721); text from publishers is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID
from xml.sax.saxutils import escape, quoteattr

from crawler.outputs.rows import ExportItem
from storage.article import Article
from storage.utc import format_utc

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2


def atom_lines(items: Iterable[ExportItem], *, title: str, feed_id: str, now: datetime) -> Iterator[str]:
    """The lines of the document, one per entry.

    Args:
        items: the entries, in order.
        title: the feed's title.
        feed_id: an IRI that stays the same for the same query on the same database.
        now: the clock.
    """
    yield '<?xml version="1.0" encoding="utf-8"?>'
    yield '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0">'
    yield (
        f"<title>{_text(title)}</title><id>{_text(feed_id)}</id><updated>{format_utc(now)}</updated><author>"
        "<name>newsdesk</name></author><generator>newsdesk</generator>"
    )
    for item in items:
        yield _entry(item.article) if item.article is not None else _deleted(item)
    yield "</feed>"


def _entry(article: Article) -> str:
    paragraphs = "".join(f"<p>{_text(p)}</p>" for p in (article.text or "").split("\n\n") if p.strip())
    parts = [
        f"<id>{_urn(article.uid)}</id>",
        f"<title>{_text(article.title or '(no title)')}</title>",
        f"<link rel={quoteattr('alternate')} href={_attribute(article.url)}/>"
        if article.url.startswith(("http://", "https://"))  # a tag: address of record is no link
        else "",
        f"<updated>{article.fetched_at or article.first_seen_at}</updated>",
        # A day without a time is not a valid Atom date; it is left out here, and is in every other format.
        f"<published>{article.published_at}</published>"
        if article.published_at and "T" in article.published_at
        else "",
        *(f"<author><name>{_text(name)}</name></author>" for name in article.authors),
        *(f"<category term={_attribute(tag)}/>" for tag in article.tags),
        f"<summary>{_text(article.summary)}</summary>" if article.summary else "",
        f'<content type="html">{escape(paragraphs)}</content>' if paragraphs else "",
    ]
    language = f" xml:lang={_attribute(article.language)}" if article.language else ""
    return f"<entry{language}>{''.join(parts)}</entry>"


def _deleted(item: ExportItem) -> str:
    return (
        f"<at:deleted-entry ref={quoteattr(_urn(item.uid or ''))} when={quoteattr(item.at or '')}>"
        f"<at:comment>{_text(item.op)}</at:comment></at:deleted-entry>"
    )


def _urn(uid: str) -> str:
    try:
        return UUID(uid).urn
    except ValueError:
        return f"urn:newsdesk:{_text(uid)}"


def _text(text: str | None) -> str:
    return escape(_ILLEGAL.sub("", text or ""))


def _attribute(text: str) -> str:
    return quoteattr(_ILLEGAL.sub("", text))
