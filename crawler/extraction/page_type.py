"""Decide whether a page is an article, and how much of it is shown, by evidence on the page. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from crawler.extraction.interstitials import (
    MOST_WORDS,
    PageEvidence,
    classify_interstitial,
    may_be_interstitial,
    strip_offer_lines,
)
from crawler.extraction.measures import PROSE, body_of, measure
from crawler.extraction.page import Page, text_of
from crawler.extraction.split_body import densest_element
from crawler.extraction.structured_data import StructuredData
from crawler.text.tokens import has_single_characters, words
from crawler.urls import is_root_or_section

SHORT = 60  # words; a shorter page needs evidence that it is an article
_LONG = 150  # words; in a longer text, an interstitial's vocabulary is the topic of the article

_HEADLINES = 8  # linked headlines that make a list
_HEADLINE = 4  # words from which a link is a headline
_LINKED = 6  # linked headlines outside of menus that make a list
_LISTING = re.compile(
    "/(?:tags?|topics?|themen?|temas?|thèmes?|autor(?:en|es)?|authors?|auteurs?|profile|category|categor[iy]a|"
    r"kategorie|rubri[ckq]\w*|section|secci[oó]n|dossiers?|label|archiv[eo]?s?|search|suche|recherche|buscar)/|"
    r"[?&](?:q|s|query|suche|search)=|/index\.html?$",
    re.IGNORECASE,
)
_DESCRIBED = re.compile("article|video|music|podcast|book", re.IGNORECASE)  # og:type of one thing, not of a list
_RUNS = 35  # words from which a paragraph is not a teaser line

_RUNNING = 18  # words of a paragraph that is no label; teasers are recognized by their headlines
_SHARE = 0.3  # of an article's words are in running paragraphs
_MUCH = 1000  # words in running paragraphs that no list of teasers has
_OWN = 3  # running paragraphs that make an article, if they are not teasers

_PAYWALL = re.compile(
    "subscribe (?:now |today )?to (?:continue|read|unlock|keep reading)|"
    "this (?:article|content|story) is (?:only |exclusively )?(?:for|available to) (?:our )?(?:subscribers|"
    "members)|already a subscriber|"
    "(?:nur|exklusiv) für (?:abonnenten|mitglieder)|weiterlesen mit|jetzt (?:abonnieren|weiterlesen)|"
    r"réservé aux abonnés|il vous reste \d+ ?%|contenido (?:exclusivo )?para suscriptores|riservato agli abbonati|"
    "доступ(?:но|ен) (?:только )?(?:по подписке|подписчикам)|"
    r"to continue reading|有料(?:記事|会員)|会員限定|残り[\d,]+文字|付费(?:内容|阅读)|订阅后|unlock (?:this|the full) (?:article|story)|"
    "you(?:'|’)ve reached your (?:free )?(?:article )?limit",
    re.IGNORECASE,
)


def page_problem(
    whole: Callable[[], Page], said: StructuredData, fields: Mapping[str, Any], text: str, url: str
) -> str | None:
    """Return why a page is not an article, one of WALLS or NON_ARTICLES; None for an article.

    Args:
        whole: parses the page again; not called for a long text on a page whose metadata says it is an article.
        said: its structured data.
        fields: its metadata fields.
        text: its text.
        url: its address.
    """
    count = int(_size(text))
    described = (
        bool(said.article)
        or bool(_DESCRIBED.search(said.first("og:type") or ""))
        or bool(said.first("article:published_time"))
    )
    short = may_be_interstitial(count, described=described)
    if short and (found := classify_interstitial(_seen(whole(), text, count, described))):
        return found
    listing = is_root_or_section(url) or _LISTING.search(url)
    if not described and (listing or count <= 400) and _lists_others(whole(), text, count):
        return "section page"
    if not text and not (described and fields.get("title") and fields.get("published_at")):
        return "empty"
    return None


def _seen(page: Page, text: str, count: int, described: bool) -> PageEvidence:
    heading = "\n".join(text_of(node) for name in ("h1", "h2") for node in list(page.tree.iter(name))[:2])
    return PageEvidence(
        url=page.url,
        text=text,
        count=count,
        visible=text_of(page.tree)[:6000] if count < _LONG else "",
        heading=f"{page.tree.findtext('.//title') or ''}\n{heading}"[:300],
        markup=page.markup,
        noscript=" ".join(text for node in page.tree.iter("noscript") for text in node.itertext())[:2000],
        described=described,
        running=sum(_size(paragraph) >= _RUNS for paragraph in text.split("\n\n")),
        password=any(node.get("type") in {"password", "email"} for node in page.tree.iter("input")),
    )


def _lists_others(page: Page, text: str, count: int) -> bool:
    """Return whether a page is a list of other articles.

    A list has many linked headlines, most words outside of menus are links, and no paragraph is running text. At the
    address of a home or section page, a list may have teasers of running text.
    """
    listing = is_root_or_section(page.url)
    if _is_article_shaped(page, text):
        return False
    listed = bool(_LISTING.search(page.url))  # at such an address a few linked headlines are a list
    enough, much = (3, 0.12) if listed else (_LINKED - listing, 0.3 - 0.15 * listing)
    body = body_of(page.tree)
    running = sum(_size(paragraph) >= _RUNS for paragraph in text.split("\n\n"))
    if listing and _linked_headlines(densest_element(body, measure(body))) >= max(_HEADLINES, running):
        return True
    if count > 400:
        return False
    menus = {inner for name in ("nav", "footer", "aside", "form") for menu in body.iter(name) for inner in menu.iter()}
    links = [link for link in body.iter("a") if link not in menus]
    headlines = [(title, size) for link in links if (size := _size(title := text_of(link))) >= _HEADLINE]
    inside = [size for title, size in headlines if title in text]
    if len(inside) >= enough and sum(inside) >= 0.4 * _size(text):  # the text is a list of links in one paragraph
        return True
    if running > (len(headlines) / 2 if listed else 0):
        return False
    own = _size(text_of(body)) - sum(_size(text_of(menu)) for name in ("nav", "footer") for menu in body.iter(name))
    if len(headlines) >= enough and sum(size for _, size in headlines) >= much * own:
        return True
    return listing and (_linked_headlines(body) >= _HEADLINES or (count < SHORT and len(links) > 20))


def _is_article_shaped(page: Page, text: str) -> bool:
    """Return whether most of the text is running paragraphs that are not the teasers of linked headlines."""
    long = [paragraph for paragraph in text.split("\n\n") if len(paragraph) >= PROSE or _size(paragraph) >= _RUNNING]
    running = sum(map(_size, long))
    if running >= _MUCH:
        return True
    if len(long) < _OWN or running < _SHARE * _size(text):
        return False
    teasers: set[str] = set()
    cards: set[Any] = set()
    sizes: dict[Any, float] = {}  # a long list's headings may all stand in one element
    for heading in page.tree.iter("h2", "h3", "h4"):
        link = next(heading.iter("a"), None)
        link = next(heading.iterancestors("a"), None) if link is None else link
        if link is None or (link.get("href") or "#").startswith("#"):
            continue
        card = _card(heading, sizes)
        if card is not None and card not in cards:
            cards.add(card)
            teasers.add(_start(text_of(card).removeprefix(text_of(heading))))
            teasers |= {_start(text_of(p)) for p in card.iter("p", "div")}
    return sum(_start(paragraph) not in teasers for paragraph in long) >= _OWN


def _card(heading: Any, sizes: dict[Any, float]) -> Any | None:
    """Return the smallest element around a headline with as much text again."""
    least = 2 * _size(text_of(heading))
    for up in heading.iterancestors():
        if up not in sizes:
            sizes[up] = _size(text_of(up))
        if sizes[up] >= least:
            return up
    return None


def _start(text: str) -> str:
    return "".join(text.split())[:40]


def _size(text: str) -> float:
    """Return how many words a text has; in a script without spaces, two characters count as a word."""
    found = words(text)
    if text.isascii() or not has_single_characters(text):
        return len(found)
    return len(found) - 0.5 * len([word for word in found if len(word) == 1 and not word.isascii()])


def _linked_headlines(holder: Any) -> int:
    """Return how many addresses the headlines and cards below an element link to."""
    cards = (node for name in ("h2", "h3", "h4", "article") for node in holder.iter(name) if node is not holder)
    return len(
        {
            link.get("href")
            for node in cards
            for link in (*node.iter("a"), *node.iterancestors("a"))
            if "#" not in (link.get("href") or "#")  # a heading that links to itself
        }
    )


def strip_offers(said: StructuredData, text: str) -> tuple[str, str]:
    """Return the article's own text without paywall offers, and how much of the article the page shows.

    The second value is "full", "teaser" if the text is cut, or "headline" if there is none.
    """
    free = said.article.get("isAccessibleForFree")
    paid = str(free).lower() == "false" or (said.first("article:content_tier") or "").lower() in {"locked", "metered"}
    own = strip_offer_lines(text) if _size(text) < MOST_WORDS else text
    offered = bool(_PAYWALL.search(text[-400:])) or text.count("\n\n") - own.count("\n\n") > 1
    if paid or offered:
        text = own
    count = _size(text)
    if not text:
        return "", "headline"
    cut = count < SHORT * 2 and re.search(r"(?:…|\.\.\.|\[…\])\s*$", text)
    return text, "teaser" if cut or (paid and count < SHORT * 2) or (offered and count < SHORT * 2) else "full"
