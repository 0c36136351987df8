"""Small inputs that took a reader minutes or gigabytes, each by a class of fault: made here, the smallest that showed it."""

from __future__ import annotations

from itertools import pairwise, product
from string import ascii_letters, digits

from tests.site import RSS_KIND, Answer, rss

ITEM = "<item><title>Ferry line opens</title><link>http://harbour.example/ferry</link></item>"
FEED = f'<rss version="2.0"><channel><title>Harbour</title>{ITEM}</channel></rss>'


def breaks_before_root(begin: str = "<!-- x -->", size: int = 195_000) -> bytes:
    """An expression that looks for a document type goes back over the line breaks at each of them."""
    return f"{begin}{chr(10) * size}{FEED}".encode()


def nested_sitemap(levels: int = 200, places: int = 5_000) -> bytes:
    """Each level gathers the text of all below it."""
    return (
        "<urlset>" + "<url>" * levels + "<loc>http://harbour.example/</loc>" * places + "</url>" * levels + "</urlset>"
    ).encode()


def _names(count: int) -> list[str]:
    return [
        "".join(letters)
        for _, letters in zip(
            range(count), product(ascii_letters, ascii_letters + digits, ascii_letters + digits), strict=False
        )
    ]


def chained_entities(kind: str = "rss", count: int = 40_000) -> str:
    """A document type in which each entity names the one before it: expat recurses until the stack ends."""
    names = _names(count)
    chain = "".join(f'<!ENTITY {name} "&{before};">' for before, name in pairwise(names))
    return f'<!DOCTYPE {kind} [<!ENTITY {names[0]} "x">{chain}]>'


def deep_entities(*, one_line: bool = False) -> bytes:
    """On one line with the XML declaration, what takes document types out of feeds misses it."""
    last = _names(40_000)[-1]
    declaration = '<?xml version="1.0"?>' if one_line else ""
    return f'{declaration}{chained_entities()}<rss version="2.0"><channel><title>t</title><item><title>&{last};</title><link>http://harbour.example/1</link></item></channel></rss>'.encode()


def agents_times_rules(size: int = 80_000) -> bytes:
    """Every agent gets every rule of its group."""
    agents = "".join(f"User-agent: {n:x}\n" for n in range(size // 2 // 16))
    return (agents + "Allow: /\n" * (size // 2 // 9)).encode()


def list_description(tag: str = "<ul><li>", size: int = 195_000) -> bytes:
    """HTML's own algorithm looks through all open elements at each new one."""
    return FEED.replace("</item>", f"<description><![CDATA[{tag * (size // len(tag))}]]></description></item>").encode()


def skip_hours(size: int = 50_000) -> bytes:
    return FEED.replace("<item>", "<skipHours>" * (size // 11) + "<item>", 1).encode()


def feed(body: bytes, kind: str = RSS_KIND) -> Answer:
    return Answer(body, kind=kind, etag=False)


def robots(body: bytes) -> Answer:
    return Answer(body, kind="text/plain", etag=False)


def answers() -> dict[str, dict[str, Answer]]:
    """Sources by name, each with what it answers by path."""
    plain = feed(FEED.encode())
    long_header = Answer(FEED.encode(), kind="text/xml; charset=" + " " * 32_000 + ";", etag=False)
    found = {
        "breaks": {"/feed.xml": feed(breaks_before_root())},
        "doctype": {"/feed.xml": feed(breaks_before_root("<!DOCTYPE rss>"))},
        "nested": {"/feed.xml": feed(nested_sitemap(), "application/xml")},
        "entities": {"/feed.xml": feed(deep_entities())},
        "entities-line": {"/feed.xml": feed(deep_entities(one_line=True))},
        "header": {"/feed.xml": long_header},
        "list": {"/feed.xml": feed(list_description())},
        "skip": {"/feed.xml": feed(skip_hours())},
    }
    for number in range(3):
        found[f"robots{number}"] = {"/feed.xml": plain, "/robots.txt": robots(agents_times_rules())}
    return found


def news(base: str, count: int) -> bytes:
    return rss(base, [{"title": f"Story {n}", "link": f"/2026/11/20/story-{n}"} for n in range(count)]).encode()
