"""Decide whether a page is an article, and how much of it is shown, by evidence on the page. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from crawler.extraction.boilerplate import body_of, densest_element, measure
from crawler.extraction.interstitials import MOST_WORDS, PageEvidence, classify_interstitial, strip_offer_lines
from crawler.extraction.page import Page, text_of
from crawler.extraction.structured_data import StructuredData
from crawler.text.tokens import words
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
_RUNS = 35  # words from which a paragraph is not a teaser line

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
        or "article" in (said.first("og:type") or "").lower()
        or bool(said.first("article:published_time"))
    )
    if count <= MOST_WORDS and (found := classify_interstitial(_seen(whole(), text, count, described))):
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


def _size(text: str) -> float:
    """Return how many words a text has; in a script without spaces, two characters count as a word."""
    found = words(text)
    if text.isascii():
        return len(found)
    return len(found) - 0.5 * len([word for word in found if len(word) == 1 and not word.isascii()])


def _linked_headlines(holder: Any) -> int:
    """Return how many addresses the headlines and cards below an element link to."""
    cards = (node for name in ("h2", "h3", "h4", "article") for node in holder.iter(name))
    return len(
        {
            link.get("href")
            for node in cards
            for link in (*node.iter("a"), *node.iterancestors("a"))
            if not (link.get("href") or "#").startswith("#")
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


_OPINION = re.compile(
    "^(?:opinion|opinions|comment|commentary|comment is free|editorial|editorials|op-ed|meinung|kommentar|"
    "kommentare|tribune|débats|opinión|tribuna|editoriale|opinioni|мнения|мнение|观点|评论|社説|오피니언|사설|columnists?|"
    "columns?|leitartikel|gastbeitrag|ledare|leder|opinie)$",
    re.IGNORECASE,
)


def article_kind(said: StructuredData, fields: Mapping[str, Any], text: str, url: str) -> str:
    """Return the kind: article, opinion, brief, gallery, video, live, podcast or advertorial."""
    types = said.types()
    section = str(fields.get("section") or "")
    prefix = (said.first("og:description", "description") or "").split(" | ")[0].strip().lower()
    path = url.lower()
    label = (said.first("article:content_type", "og:type", "parsely-type") or "").lower()
    sponsored = re.search(
        r"\b(?:sponsored|advertorial|partner content|paid content|anzeige|branded)\b",
        f"{section} {label} {(said.first('article:section') or '')}".lower(),
    )
    if sponsored or "advertisercontentarticle" in types:
        return "advertorial"
    if "liveblogposting" in types or re.search(r"/live(?:blog|ticker)?[/-]", path):
        return "live"
    if (
        {"opinionnewsarticle"} & types
        or _OPINION.match(section)
        or prefix == "opinion"
        or re.search(r"/(?:opinions?|op-ed|commentisfree|meinung|opinion)/", path)
    ):
        return "opinion"
    if "podcastepisode" in types or prefix == "podcast" or re.search(r"/podcasts?/", path):
        return "podcast"
    if "videoobject" in types or prefix == "video" or label.startswith("video") or re.search(r"/videos?/", path):
        return "video"
    if (
        {"imagegallery", "mediagallery"} & types
        or prefix == "gallery"
        or re.search(r"/(?:gallery|galleries|photos?|bilder|fotostrecke)/", path)
    ):
        return "gallery"
    return "brief" if 0 < len(words(text)) < 100 else "article"
