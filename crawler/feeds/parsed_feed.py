"""The result of every feed parser, and the making of entries: clean text, absolute links, an identity. Pure."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterable
from dataclasses import dataclass

import nh3

from crawler.text.clean import clean_text, limit_fields, one_line, strip_nontext, unescaped
from crawler.urls import canonical_url, host_of, join, url_key
from storage.records import FeedEntry

MAX_ENTRIES = 50_000  # the limit of the sitemap protocol; no feed comes near it
MAX_FIELD = 20_000  # characters of a title or summary that are stored
MAX_RAW = 200_000  # characters of markup that are read for a title or summary
MAX_CONTENT = 1_000_000
MAX_DEPTH = 250  # nesting depth of a feed's content: HTML's own algorithm is quadratic in it (195 KB of <ul><li>: 4 s)
MAX_NAME = 300
MAX_GUID = 4_000
MAX_IDENTITY = 1_000
_KEPT = {
    "p", "div", "br", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "dl", "dt", "dd", "blockquote", "pre",
    "code", "table", "thead", "tbody", "tr", "td", "th", "figure", "figcaption", "section", "article", "em", "strong",
    "b", "i", "u", "s", "a", "cite", "q", "sub", "sup", "span",
}  # fmt: skip
_TAG = re.compile(r"<(?:/?[a-zA-Z][^<>]{0,2000}|!--[^<>]{0,2000}--|!\[CDATA\[|\?[^<>]*)>|\]\]>")
_MARKUP = re.compile(r"<[a-zA-Z/!?]")  # what a browser may read as a tag; anything else is text
_NESTING = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})")
_SELF_ENDING = {
    "p", "li", "dt", "dd", "tr", "td", "th", "br", "img", "hr", "input", "source", "wbr", "col", "meta", "link",
    "option", "area", "embed", "track",
}  # fmt: skip
_BLOCK = re.compile(r"<(?:/?(?:p|div|br|li|ul|ol|h[1-6]|tr|blockquote|section|article|figure)\b)[^<>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFeed:
    """The content of a feed of any format."""

    kind: str  # rss, atom, json, sitemap, page
    title: str | None = None
    home: str | None = None
    language: str | None = None
    ttl: float | None = None  # as sent: RSS means minutes, some sites mean seconds
    period: float | None = None  # seconds
    skip_hours: tuple[str, ...] = ()
    skip_days: tuple[str, ...] = ()
    entries: tuple[FeedEntry, ...] = ()
    children: tuple[tuple[str, str | None], ...] = ()  # a sitemap index: (address, lastmod or None)
    self_url: str | None = None
    hub: str | None = None
    previous: str | None = None  # RFC 5005
    cut: str | None = None  # what was left out, if it lists more than is read


def plain_text(value: object, *, html: bool = False) -> str | None:
    """Return one line of text without markup and entities, with spaces collapsed; None if nothing is left."""
    text = str(value or "")[:MAX_RAW]
    if html or "&" in text:
        text = _unmarked(text) if html else unescaped(text)
    return one_line(text, MAX_FIELD) or None


def _unmarked(text: str) -> str:
    """Remove tags and decode entities, twice if a feed escaped twice."""
    text = _TAG.sub("", _BLOCK.sub(" ", strip_nontext(text)))
    text = unescaped(text)
    if "&" in text and re.search(r"&(?:#\d{1,9}|#x[0-9a-f]{1,9}|[a-z]{1,40});", text, re.IGNORECASE):
        text = unescaped(text)
    return text


def make_entry(
    *,
    url: str | None,
    base: str,
    guid: str | None = None,
    title: str | None = None,
    authors: Iterable[str] = (),
    published_at: str | None = None,
    published_raw: str | None = None,
    updated_raw: str | None = None,
    summary: str | None = None,
    content: str | None = None,
    tags: Iterable[str] = (),
    language: str | None = None,
    image_url: str | None = None,
) -> FeedEntry:
    """Make an entry with an absolute link and an identity: its guid, else its URL key, else its title and date."""
    guid = (clean_text(guid).strip()[:MAX_GUID] or None) if guid else None
    address, key = _address(url, base)
    identity = guid or key or _hash(title, published_raw, summary)
    content = clean_text(content)[:MAX_CONTENT] if content else None
    said = limit_fields(
        {
            "title": title,
            "authors": [name for raw in authors if (name := _name(raw))],
            "published_raw": plain_text(published_raw),
            "updated_raw": plain_text(updated_raw),
            "summary": summary,
            "tags": [tag for raw in tags if (tag := plain_text(raw, html=True))],
            "language": plain_text(language),
        }
    )
    return FeedEntry(
        identity=identity if len(identity) <= MAX_IDENTITY else f"{identity[: MAX_IDENTITY - 33]} {_hash(identity)}",
        guid=guid,
        url=address,
        published_at=published_at,
        content=sanitize_html(content) if content else None,
        image_url=_address(image_url, base)[0],
        url_key=key,
        host=host_of(address or ""),
        fingerprint=_hash(title, updated_raw or published_raw, summary, content),
        **said,
    )


def size_of(entry: FeedEntry) -> int:
    """Return the number of characters of an entry."""
    texts = (
        entry.identity,
        entry.url,
        entry.guid,
        entry.title,
        entry.summary,
        entry.content,
        entry.image_url,
        entry.url_key,
    )
    return sum(len(text) for text in (*texts, *entry.authors, *entry.tags) if text)


def sanitize_html(content: str) -> str:
    """Sanitize a feed's HTML for the store: only elements of text structure stay, no scripts, links or media."""
    if not _MARKUP.search(content):
        return content
    if _depth(content) > MAX_DEPTH:
        lines = (one_line(_unmarked(part)) for part in _BLOCK.split(content))
        return "".join(f"<p>{html.escape(line)}</p>" for line in lines if line)
    return str(nh3.clean(content, tags=_KEPT, attributes={}, link_rel=None))


def _depth(content: str) -> int:
    """Return the maximum nesting depth, without elements whose end tag may be omitted."""
    depth = deepest = 0
    for match in _NESTING.finditer(content):
        if match[2].lower() not in _SELF_ENDING:
            depth = max(0, depth + (-1 if match[1] else 1))
            deepest = max(deepest, depth)
    return deepest


def _address(url: str | None, base: str) -> tuple[str | None, str]:
    """Return (the link as it may be requested, its key); (None, "") if it is not an http(s) address."""
    if not url:
        return None, ""
    try:
        address = join(base, clean_text(url)) or ""
        canonical_url(address)  # raises if it cannot be requested
        scheme, rest = address.split(":", 1)
        address = f"{scheme.lower()}:{rest}"
        return address, url_key(address)
    except ValueError:
        return None, ""


_EMAIL = re.compile(r"^[^\s@]+@[^\s@]+\.[^\s@.]+(?: \((?P<name>[^()]+)\))?$")  # for a stripped line


def _name(raw: str) -> str | None:
    text = (plain_text(raw, html=True) or "")[:MAX_NAME]  # the patterns for email addresses are slow on long text
    if match := _EMAIL.match(text):
        text = (match["name"] or "").strip()
    return re.sub(r" ?[<(][^\s@<>()]+@[^\s@<>()]+[>)]$", "", text) or None


def _hash(*parts: str | None) -> str:
    return hashlib.sha256("\x1f".join(part or "" for part in parts).encode("utf-8", "replace")).hexdigest()[:32]


def unique_entries(entries: Iterable[FeedEntry]) -> tuple[FeedEntry, ...]:
    """Make identities unique: the same guid with another link or title is another entry, else a repetition."""
    seen: dict[str, FeedEntry] = {}
    for entry in entries:
        first = seen.get(entry.identity)
        if first is None:
            seen[entry.identity] = entry
        elif (first.url_key, first.title) != (entry.url_key, entry.title):
            identity = f"{entry.identity} {entry.url_key or entry.fingerprint}"
            seen.setdefault(identity, _renamed(entry, identity))
    return tuple(seen.values())


def _renamed(entry: FeedEntry, identity: str) -> FeedEntry:
    from dataclasses import replace

    return replace(entry, identity=identity[:2000])
