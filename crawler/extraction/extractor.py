"""Extract one page, without the feed and without the store. Pure; runs in worker processes.

bytes -> Page (one parse) -> structured data -> fields -> text -> page type (page_type.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Any

from crawler.config.models import PublisherRules
from crawler.extraction import page_type
from crawler.extraction import repeated as repeats
from crawler.extraction.agencies import find_agency
from crawler.extraction.authors import guess_authors
from crawler.extraction.dates import guess_day
from crawler.extraction.extraction import Extraction, Provenance
from crawler.extraction.images import captions
from crawler.extraction.kinds import declared_kind, kind_by_size
from crawler.extraction.language import contradicts, text_language
from crawler.extraction.live_posts import intro_of, posts_in_data, posts_in_json, take_posts
from crawler.extraction.main_text import extract_main_text
from crawler.extraction.metadata import find_fields
from crawler.extraction.page import Page, read_page, text_of
from crawler.extraction.page_numbers import find_page_number
from crawler.extraction.structured_data import StructuredData, read_json, read_structured_data, text_value
from crawler.extraction.titles import without_site
from crawler.extraction.trimming import trim
from crawler.text.clean import one_line
from crawler.text.paragraph_ids import block_ids
from crawler.urls import canonical_url, site
from storage.posts import Post, live_text

_SUBHEADINGS = {"h2", "h3", "h4", "h5", "h6"}


@lru_cache(maxsize=1)
def extractor_name() -> str:
    """Return the extractor's name and version, as stored with each text."""
    return f"newsdesk 3, trafilatura {version('trafilatura')}"


def extract(
    body: bytes,
    url: str,
    *,
    rules: PublisherRules | None = None,
    now: datetime | None = None,
    charset: str | None = None,
    repeated: frozenset[int] = frozenset(),
    before: frozenset[int] | None = None,
    posts: bytes | None = None,
) -> Extraction | None:
    """Extract one page.

    Args:
        body: the page's bytes, without content-encoding.
        url: its final address.
        rules: the publisher's rules.
        now: the current time; dates more than a day later are ignored.
        charset: the one that the HTTP header names, for a page that is not UTF-8.
        repeated: the paragraphs that repeat on pages of its source (ids, see paragraph_ids.block_id); left out if they
            stand in a box beside the article's own text.
        before: those that were known when the stored version of this page was read, for `text_before`.
        posts: the JSON document with the posts of a live page, at the address that the rules name.

    Returns:
        The extraction; its `problem` is None for an article. None if there is nothing to parse.
    """
    rules = rules or PublisherRules()
    now = now or datetime.now(UTC)
    page = read_page(body, url, charset)
    if page is None:
        return None
    said = read_structured_data(page)
    fields, provenance = find_fields(page, said, rules, now)
    canonical, elsewhere = _canonical(page, said)
    amp = _is_amp(page)
    number = find_page_number(page)
    declared = declared_kind(page, said, fields, rules)
    below_pictures = captions(page) if declared == "gallery" else []
    headings = set() if "authors" in fields else {text_of(node) for node in page.tree.iter(*_SUBHEADINGS)}
    main = extract_main_text(page, said, rules)
    whole = cache(page.again)  # one page in three is parsed again
    text = trim(main.text, _headlines(page, said, fields), fields.get("authors", ()))
    _fill_in(page, said, fields, provenance, main.text, headings, now)
    provenance["text"] = {"source": main.source, "raw": page.cut or main.reason}
    agency = _put_agency(fields, provenance, text)
    text = _append_captions(text, below_pictures) if declared == "gallery" else text
    listed = posts_in_json(read_json(posts.decode("utf-8", "replace")), rules.post_fields, now) if posts else ()
    text = "\n\n".join(filter(None, (text, live_text(listed))))  # which the page does not show
    obstacle = page_type.page_problem(whole, said, fields, text, url)
    text, completeness = page_type.strip_offers(said, text) if obstacle is None else ("", "headline")
    if number and completeness == "full":  # the other pages have the rest
        completeness = "teaser"
        provenance["text"]["raw"] = f"page {number[0]} of {number[1]}"
    live, intro = _live_posts(whole(), said, rules, listed, now) if declared == "live" and not obstacle else ((), "")
    blocks = block_ids(intro if live else text)
    other = before if before != repeated else None  # on most rechecks both are the same
    text_before = None if other is None else repeats.leave_out(page.tree, text, blocks, other)[0]
    text, left_out = repeats.leave_out(page.tree, text, blocks, repeated)
    if left_out:
        provenance["left_out"] = {"source": "repeated", "raw": str(len(left_out))}
    return Extraction(
        url=url,
        text_before=text_before,
        blocks=blocks,
        canonical_url=canonical,
        canonical_elsewhere=elsewhere,
        is_amp=amp,
        text=text,
        agency=agency,
        kind=declared or kind_by_size(text),
        completeness=completeness,
        problem=obstacle,
        publisher_id=rules.publisher_id(url) or rules.publisher_id(canonical),
        extractor=extractor_name(),
        published_raw=provenance.get("published_at", {}).get("raw") or fields.get("published_at"),
        posts=live,
        intro=intro,
        provenance=provenance,
        **fields,
    )


def _live_posts(
    page: Page, said: StructuredData, rules: PublisherRules, listed: tuple[Post, ...], now: datetime
) -> tuple[tuple[Post, ...], str]:
    """Return the posts of a live page, in order of time, and its text without them; modifies the page's tree."""
    shown = take_posts(page, now)
    posts = listed or posts_in_data(said, now) or shown
    if not posts:
        return (), ""
    text = trim(extract_main_text(page, said, rules).text, _headlines(page, said, {}), ())
    return posts, intro_of(text, posts)


def _fill_in(
    page: Page,
    said: StructuredData,
    fields: dict[str, Any],
    provenance: Provenance,
    text: str,
    headings: Collection[str],
    now: datetime,
) -> None:
    """Guess missing fields; each guess is expensive, so only what is missing is guessed."""
    if not fields.get("authors"):
        names, line = guess_authors(page.url, said, text, headings)
        if names:
            fields["authors"], provenance["authors"] = names, {"source": "text", "raw": line}
    if not fields.get("published_at") and (day := guess_day(page.again(), said, now)):
        fields["published_at"], provenance["published_at"] = day, {"source": "htmldate", "raw": None}
    declared = fields.get("language")
    written = contradicts(text, declared) if declared else text_language(text)
    if written:
        provenance["language"] = {"source": "text", "raw": declared}
        fields["language"] = written


def _put_agency(fields: dict[str, Any], provenance: Provenance, text: str) -> str | None:
    """Find the news agency that wrote the text, and store where it is named."""
    agency, source = find_agency(fields, provenance, text)
    if agency:
        provenance["agency"] = {"source": source, "raw": None}
    return agency


def _append_captions(text: str, captions_below: Iterable[str]) -> str:
    """Return the text of a gallery with the captions of its pictures."""
    more = [caption for caption in captions_below if caption not in text]
    if len(more) <= 1:  # one caption is the lead image's, which has its own field
        return text
    return "\n\n".join(filter(None, (text, *more)))


def _is_amp(page: Page) -> bool:
    """Return whether the page is an AMP version."""
    return page.tree.get("amp") is not None or page.tree.get("\u26a1") is not None or "⚡" in page.markup[:300]


def _headlines(page: Page, said: StructuredData, fields: dict[str, Any]) -> list[str | None]:
    """Return what the page gives as its headline, and the subtitle."""
    name = said.first("og:site_name") or text_value(said.article.get("publisher")) or ""
    title = page.tree.findtext(".//title")
    said_titles = [said.first("og:title"), title, fields.get("title")]
    return [
        *said_titles,
        *(without_site(one_line(line), name) for line in said_titles if line),
        *(text_of(node) for node in list(page.tree.iter("h1"))[:2]),
        fields.get("subtitle"),
    ]


def _canonical(page: Page, said: StructuredData) -> tuple[str | None, str | None]:
    """Return (the canonical link on the page's own site, the canonical link to another site)."""
    hrefs = [
        node.get("href") for node in page.tree.iter("link") if "canonical" in (node.get("rel") or "").lower().split()
    ]
    for href in [*hrefs, said.first("og:url") if not hrefs else None]:
        address = page.link(href)
        if address:
            try:
                return (address, None) if site(address) == site(canonical_url(page.url)) else (None, address)
            except ValueError:
                return None, None
    return None, None
