"""The result of every feed parser, and the making of entries: clean text, absolute links, an identity. Pure."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

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
MAX_ANCHOR = 200
MAX_NAMED = 300  # characters of a guid or an address in longer identities; else its hash
# The version of how feeds are read, in each fingerprint: with another one, entries differ without any edit. Raise it
# with each change of this folder that alters titles, summaries or contents.
READING = 2
# Placeholders of feeds that have no address.
_NO_ADDRESS = {"n/a", "na", "none", "null", "nil", "undefined", "nan", "false", "true", "tbd", "-", "--", "#", "."}
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
    former_urls: Iterable[str | None] = (),
    former_guid: str | None = None,
) -> FeedEntry:
    """Make an entry with an absolute link and an identity: its guid, else its URL key, else its title and date.

    `former_urls` and `former_guid` are what earlier versions made of its link and guid: it may be stored under them.
    """
    guid = (clean_text(guid).strip()[:MAX_GUID] or None) if guid else None
    address, key = _address(url, base)
    content = clean_text(content)[:MAX_CONTENT] if content else None
    said = limit_fields(
        {
            "title": title,
            "authors": [name for raw in authors for name in author_names(raw)],
            "published_raw": plain_text(published_raw),
            "updated_raw": plain_text(updated_raw),
            "summary": summary,
            "tags": [tag for raw in tags if (tag := plain_text(raw, html=True))],
            "language": plain_text(language),
        }
    )
    fingerprint = _hash(title, updated_raw or published_raw, summary, content)
    by_text = _hash(title, published_raw, summary)  # of earlier versions: an edited summary made another entry
    named = _hash(title, published_raw) if title or published_raw else _hash(summary or content)
    identity = _bounded(guid or key or named)
    former_keys = [key, *(_address(former, base)[1] for former in former_urls)]
    others: tuple[str, ...] = ()
    if title or guid or summary or content or not key or len(former_keys) > 1 or anchor_of(address):
        hashes = (_hash(title), _hash(title, published_raw, summary, content))
        stored = former_identities([guid, former_guid] if guid else former_keys, former_keys, fingerprint)
        others = (*_longer_names(identity, key, address, hashes), *stored, *([] if guid or key else [by_text]))
    return FeedEntry(
        identity=identity,
        other_identities=tuple(dict.fromkeys(others)),
        guid=guid,
        url=address,
        published_at=published_at,
        content=sanitize_html(content) if content else None,
        image_url=_address(image_url, base)[0],
        url_key=key,
        host=host_of(address or ""),
        fingerprint=f"{READING}:{fingerprint}",
        **said,
    )


def _bounded(identity: str) -> str:
    return identity if len(identity) <= MAX_IDENTITY else f"{identity[: MAX_IDENTITY - 33]} {_hash(identity)}"


def _longer_names(identity: str, key: str, url: str | None, hashes: Iterable[str]) -> list[str]:
    """Return the identities of an entry among others with the same guid or address.

    They are followed by its address with the anchor, then also by a hash of its title, or of its title and text.
    """
    address = f"{key}#{anchor}" if (anchor := anchor_of(url)) else key
    base, place = (each if len(each) <= MAX_NAMED else _hash(each) for each in (identity, address))
    placed = f"{base} {place}".rstrip()
    return [placed, *(f"{placed} {each}" for each in hashes)]


def anchor_of(url: str | None) -> str:
    """Return the fragment of an address if it names a part of the page; "" for tracking such as #xtor=RSS-1."""
    anchor = (url or "").partition("#")[2][:MAX_ANCHOR]
    return "" if "=" in anchor or anchor.startswith((".", "!", "/")) else anchor


def former_identities(bases: Iterable[str | None], keys: Iterable[str], fingerprint: str) -> list[str]:
    """Return the identities that earlier versions gave to an entry; the fingerprint stood for a missing address.

    An entry that is stored under one of them is not new.
    """
    known = [each for each in dict.fromkeys(bases) if each and len(each) <= MAX_NAMED]
    rest = [*dict.fromkeys(each for each in keys if each), fingerprint]
    return [*known, *(f"{one} {other}"[:2000] for one in known for other in rest)]


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
    if not url or url.strip().lower() in _NO_ADDRESS:
        return None, ""
    try:
        address = join(base, clean_text(url)) or ""
        canonical_url(address)  # raises if it cannot be requested
        scheme, rest = address.split(":", 1)
        address = f"{scheme.lower()}:{rest}"
        return address, url_key(address)
    except ValueError:
        return None, ""


_WITH_NAME = re.compile(r"(?:mailto:)?[^\s@()<>,;]{1,64}@[^\s@()<>,;]{1,255} ?\(([^()]{0,200})\)")
_EMAIL = re.compile(r"[(<\[]? ?(?:mailto:)?[^\s@()<>,;\[\]]{1,64}@[^\s@()<>,;\[\]]{1,255} ?[)>\]]?")


def author_names(raw: str) -> list[str]:
    """Return the names in an author field: RSS writes `address (Name)`, outlets write names; an address is no name."""
    text = (plain_text(raw, html=True) or "")[:MAX_NAME]
    if "@" not in text:
        return [text] if text else []
    named = [name.strip() for name in _WITH_NAME.findall(text)]
    rest = _EMAIL.sub(" ", _WITH_NAME.sub(" ", text)).strip(" ,;()<>")
    names = [*named, " ".join(rest.replace("()", " ").split())]
    return [name for name in names if name]


def _hash(*parts: str | None) -> str:
    return hashlib.sha256("\x1f".join(part or "" for part in parts).encode("utf-8", "replace")).hexdigest()[:32]


def unique_entries(entries: Iterable[FeedEntry], *, texts: bool = True) -> tuple[FeedEntry, ...]:
    """Make identities unique: those who share a guid or a link are named by address, anchor, title, then text.

    Which of these is used does not depend on the order of the feed. Only repetitions are left out.

    Args:
        entries: in the order of the feed.
        texts: whether the same title at the same address with another date or text is another entry.
    """
    shared: dict[str, dict[object, FeedEntry]] = {}
    kept = []
    for entry in entries:
        content = (entry.url_key, anchor_of(entry.url), entry.title, entry.fingerprint if texts else None)
        group = shared.setdefault(entry.identity, {})
        if content not in group:
            group[content] = entry
            kept.append((entry.identity, content))
    named = {identity: _named_apart(group) for identity, group in shared.items()}
    unique: dict[str, FeedEntry] = {}
    for identity, content in kept:
        unique.setdefault((entry := named[identity][content]).identity, entry)
    return tuple(unique.values())


def _named_apart(group: dict[object, FeedEntry]) -> dict[object, FeedEntry]:
    """Give entries with one identity the shortest names that are unique among them."""
    if len(group) == 1:
        return group
    for level in range(3):
        names = [
            entry.other_identities[level] if entry.other_identities else entry.identity for entry in group.values()
        ]
        if len(set(names)) == len(group):
            break
    return {
        content: replace(entry, identity=name, other_identities=(entry.identity, *entry.other_identities))
        for (content, entry), name in zip(group.items(), names, strict=True)
    }
