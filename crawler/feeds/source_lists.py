"""Import source lists: OPML as found in the wild, CSV, plain lines. Bytes in, feeds and warnings out. Pure.

Two thirds of thirty public OPML files were not well-formed XML (bare ampersands, `<` in a title, cut endings). Every
feed that a person could read in them is imported: each `<outline …>` is parsed by itself, with relaxed rules, and
errors are reported with their line.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from crawler.errors import FeedError
from crawler.feeds.decode import decode_feed
from crawler.feeds.parsed_feed import plain_text
from crawler.feeds.prolog import without_prolog
from crawler.text.clean import unescaped
from crawler.urls import canonical_url


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFeed:
    """One feed or home page in a list."""

    line: int
    feed: str | None = None
    home: str | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """The feeds of a list, and its errors as (line, message)."""

    wanted: tuple[ListedFeed, ...]
    warnings: tuple[tuple[int, str], ...] = ()


# The start of an outline tag; it ends at the next one, however broken it is.
_BEGIN = re.compile(r"<\s{0,20}(?P<end>/?)\s{0,20}(?:\w{1,40}:)?outline\b", re.IGNORECASE)
# Its attributes: quoted values may contain > and <; one without a closing quote ends at the next tag.
_STRICT = re.compile(r"(?P<attributes>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*+)(?P<close>/?>|(?=<)|\Z)")
_CLOSE = re.compile(r"/?>(?=\s{0,99}(?:<|\Z))")
MAX_OUTLINE = 10_000  # characters of one outline; a closing quote is searched no further
_ATTRIBUTE = re.compile(r"""(?<![\w:.-])([\w:.-]{1,100})\s{0,20}=\s{0,20}(?:"([^"]*)"|'([^']*)'|([^\s"'>/]+))""")
# A value that contains a bare quote ends only before another attribute or the tag's end.
_TOLERANT = re.compile(
    r"""(?<![\w:.-])([\w:.-]{1,100})\s{0,20}=\s{0,20}(["'])(.*?)\2"""
    r"""(?=\s{0,99}(?:/?>|[\w:.-]{1,100}\s{0,20}=\s{0,20}["']|/?\Z))""",
    re.DOTALL,
)
_COMMENTED = "\0commented"  # a folder that is commented out, with all outlines in it (OPML 2.0)
MAX_FOLDERS = 8  # innermost folders of a feed that become tags
MAX_TAGS = 20  # tags of one feed
MAX_QUOTES = 200  # quotes in an outline that is parsed tolerantly, which is quadratic in them


def read_any(body: bytes, name: str) -> ImportResult:
    """Parse a list as OPML, CSV or plain lines, by the extension of its name and by its start.

    Raises:
        FeedError: it is named as CSV, but is not CSV.
    """
    head, ending = body[:2000].lstrip().lower(), name.lower().rpartition(".")[2]
    if ending in {"opml", "xml"} or b"<opml" in head or b"<outline" in body[:100_000].lower():
        return read_opml(body)
    return read_csv(body) if ending in {"csv", "tsv"} else read_lines(body)


def read_opml(body: bytes) -> ImportResult:
    """Parse an OPML file; folders become tags."""
    text = decode_feed(body)
    blanked = _without_comments(text)
    warnings = list(_not_well_formed(text))
    found: list[ListedFeed] = []
    folders: list[str | None] = []
    for line, attributes, ends, opens in _outlines(blanked):
        if ends:
            if folders:
                folders.pop()
            continue
        if _COMMENTED in folders or attributes.get("iscomment", "").lower() == "true":
            if attributes.get("xmlurl"):
                warnings.append((line, "left out: its outline is commented out (isComment)"))
            if opens:
                folders.append(_COMMENTED)
            continue
        entry = _wanted(attributes, tuple(f for f in folders[-MAX_FOLDERS:] if f), line)
        if isinstance(entry, ListedFeed):
            found.append(entry)
        elif entry:
            warnings.append((line, entry))
        if opens:
            folders.append(None if isinstance(entry, ListedFeed) else _folder(attributes))
    return ImportResult(wanted=_merged(found), warnings=tuple(sorted(warnings)))


def _without_comments(text: str) -> str:
    """Replace comments by spaces, which keeps line numbers; a comment without an end is not replaced."""
    kept: list[str] = []
    at = 0
    while (begin := text.find("<!--", at)) >= 0 and (end := text.find("-->", begin + 4)) >= 0:
        kept += [text[at:begin], re.sub(r"[^\n]", " ", text[begin : end + 3])]
        at = end + 3
    return "".join([*kept, text[at:]])


def _outlines(text: str) -> Iterator[tuple[int, dict[str, str], bool, bool]]:
    """Yield (line, attributes by lower-case name, is an end tag, opens a folder)."""
    line, counted = 1, 0
    begins = _BEGIN.finditer(text)
    following = next(begins, None)
    while following is not None:
        begin, following = following, next(begins, None)
        end = following.start() if following is not None else len(text)
        rest = text[begin.end() : min(end, begin.end() + MAX_OUTLINE)]
        line += text.count("\n", counted, begin.start())
        counted = begin.start()
        if match := _STRICT.match(rest):
            raw, close = match["attributes"].rstrip(), match["close"]
        else:
            loose = _CLOSE.search(rest)
            raw, close = (rest[: loose.start()].rstrip(), loose[0]) if loose else (rest.rstrip(), "")
        if raw.endswith("/"):
            raw, close = raw[:-1], "/>"
        yield line, _attributes(raw), bool(begin["end"]), close == ">"


def _attributes(raw: str) -> dict[str, str]:
    found = {m[1].lower(): unescaped(next(filter(None, m.groups()[1:]), "")) for m in _ATTRIBUTE.finditer(raw)}
    if raw.count('"') + raw.count("'") <= MAX_QUOTES:
        found.update({m[1].lower(): unescaped(m[3]) for m in _TOLERANT.finditer(raw)})
    return found


def _wanted(attributes: dict[str, str], tags: tuple[str, ...], line: int) -> ListedFeed | str | None:
    """Return a feed or home page; a warning if an address cannot be read; None for a folder."""
    kind = attributes.get("type", "").lower()
    feed = (
        attributes.get("xmlurl")
        or attributes.get("xml_url")
        or (attributes.get("url") if kind in {"rss", "atom", "feed"} else None)
    )
    home = attributes.get("htmlurl") or (
        attributes.get("url") if kind in {"link", "html", ""} and not feed and "include" not in kind else None
    )
    if not feed and not home:
        return None
    name = plain_text(attributes.get("title") or attributes.get("text"), html=True)
    address, address_of_home = _address(feed), _address(home)
    if feed and not address:
        return f"the feed's address cannot be read: {feed[:100]!r}"
    if not address and not address_of_home:
        return None
    extra = tuple(
        part.strip("/ ").split("/")[-1] for part in attributes.get("category", "").split(",") if part.strip("/ ")
    )
    return ListedFeed(
        line=line,
        feed=address,
        home=address_of_home,
        name=name,
        tags=tuple(dict.fromkeys(map(slugify_tag, (*tags, *extra[:MAX_TAGS]))))[:MAX_TAGS],
        language=attributes.get("language") or None,
    )


def _address(raw: str | None) -> str | None:
    if not raw:
        return None
    text = re.sub(r"^feed:(?://)?(?=https?:)", "", raw.strip(), flags=re.IGNORECASE)
    text = re.sub(r"^feed://", "http://", text, flags=re.IGNORECASE)
    if "://" not in text and re.match(r"[\w-]+(?:\.[\w-]+)+(?:[/:?].*)?$", text):
        text = f"http://{text}"
    try:
        canonical_url(text)
    except ValueError:
        return None
    return quote(text, safe="%/:=&?~#+!$,;'@()*[]")


def _folder(attributes: dict[str, str]) -> str | None:
    return plain_text(attributes.get("text") or attributes.get("title"), html=True)


def slugify_tag(text: str) -> str:
    """Return a folder's name as a tag: lower case, without commas and spaces."""
    return re.sub(r"[\s,]+", "-", text.strip().lower())[:60]


def _merged(found: list[ListedFeed]) -> tuple[ListedFeed, ...]:
    """Return each feed once, with the tags of all its folders."""
    import dataclasses

    merged: dict[str, ListedFeed] = {}
    for one in found:
        key = one.feed or one.home or ""
        first = merged.get(key)
        merged[key] = (
            one
            if first is None
            else dataclasses.replace(first, tags=tuple(dict.fromkeys((*first.tags, *one.tags)))[:MAX_TAGS])
        )
    return tuple(merged.values())


def _not_well_formed(text: str) -> Iterator[tuple[int, str]]:
    """Yield the first error of an XML parser, with its line."""
    from xml.parsers import expat

    parser = expat.ParserCreate()
    document = without_prolog(text)  # no document type: expat recurses into its entities
    before = max(0, text.count("\n") - document.count("\n"))
    try:
        parser.Parse(document.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        yield before + error.lineno, f"not well-formed XML ({expat.ErrorString(error.code)}); read all the same"


def read_lines(body: bytes) -> ImportResult:
    """Parse plain lines, each the address of a feed or a home page; # starts a comment."""
    wanted, warnings = [], []
    for number, line in enumerate(decode_feed(body).splitlines(), 1):
        text = line.split(" #", 1)[0].strip()
        if not text or text.startswith("#"):
            continue
        address = _address(text)
        if address:
            wanted.append(ListedFeed(line=number, home=address))
        else:
            warnings.append((number, f"not an address: {text[:100]!r}"))
    return ImportResult(wanted=_merged(wanted), warnings=tuple(warnings))


def read_csv(body: bytes) -> ImportResult:
    """Parse CSV; without a header, the first column is the address.

    The header names the columns: url or feed, name or title, tags, language.

    Raises:
        FeedError: it is not CSV.
    """
    try:
        rows = list(csv.reader(io.StringIO(decode_feed(body), newline="")))
    except csv.Error as error:
        raise FeedError(f"cannot be read as CSV: {error}") from error
    if not rows:
        return ImportResult(wanted=())
    header = [cell.strip().lower() for cell in rows[0]]
    named = any(name in header for name in ("url", "feed", "feeds", "feed_url", "xmlurl", "homepage", "home"))
    wanted, warnings = [], []
    for number, row in enumerate(rows[1:] if named else rows, 2 if named else 1):
        cells = dict(zip(header, row, strict=False)) if named else {"url": row[0] if row else ""}
        feed = _address(next((cells[n] for n in ("feed", "feed_url", "feeds", "xmlurl") if cells.get(n)), None))
        home = _address(next((cells[n] for n in ("url", "homepage", "home") if cells.get(n)), None))
        if not feed and not home:
            if any(cell.strip() for cell in row):
                warnings.append((number, "no address on this line"))
            continue
        tags = tuple(slugify_tag(part) for part in re.split(r"[;|,]", cells.get("tags", "")) if part.strip())[:MAX_TAGS]
        wanted.append(
            ListedFeed(
                line=number,
                feed=feed,
                home=home,
                name=plain_text(cells.get("name") or cells.get("title")),
                tags=tags,
                language=cells.get("language") or None,
            )
        )
    return ImportResult(wanted=_merged(wanted), warnings=tuple(warnings))


def write_opml(feeds: list[tuple[str, str, str, tuple[str, ...]]]) -> str:
    """Return OPML 2.0 from (name, feed, home page, tags); the first tag becomes the folder."""
    folders: dict[str, list[str]] = {}
    for name, feed, home, tags in feeds:
        line = f'<outline type="rss" text={quoteattr(name)} title={quoteattr(name)} xmlUrl={quoteattr(feed)}' + (
            f" htmlUrl={quoteattr(home)}" if home else ""
        )
        folders.setdefault(tags[0] if tags else "", []).append(
            line + (f" category={quoteattr(','.join(tags))}" if tags else "") + "/>"
        )
    body = []
    for folder, lines in folders.items():
        body += (
            [f"    <outline text={quoteattr(folder)}>", *(f"      {line}" for line in lines), "    </outline>"]
            if folder
            else [f"    {line}" for line in lines]
        )
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<opml version="2.0">',
            "  <head><title>newsdesk sources</title></head>",
            "  <body>",
            *body,
            "  </body>",
            "</opml>",
            "",
        ]
    )
