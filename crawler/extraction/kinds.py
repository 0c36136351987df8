"""The kind of an article: opinion, brief, gallery, video, live, podcast or advertorial, else article. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from crawler.config.models import PublisherRules
from crawler.extraction.main_text import select
from crawler.extraction.page import Page, text_of
from crawler.extraction.structured_data import StructuredData
from crawler.text.tokens import words

KINDS = ("article", "opinion", "brief", "gallery", "video", "live", "podcast", "advertorial")
_BRIEF = 100  # words
_OPINION = re.compile(
    "(?:opinion|opinions|comment|commentary|comment is free|editorial|editorials|op-ed|meinung|kommentar|"
    "kommentare|tribune|débats|opinión|tribuna|editoriale|opinioni|мнения|мнение|观点|评论|社説|오피니언|사설|columnists?|"
    "columns?|leitartikel|gastbeitrag|ledare|leder|opinie)",
    re.IGNORECASE,
)
_LABELS = {
    "advertorial": re.compile(
        r"\W{0,3}(?:advertorials?|sponsored(?: (?:content|post|article|story))?|paid (?:content|post|partnership|program)|"
        r"partner(?:ed)? content|brand(?:ed)? (?:content|studio|voice)|promoted(?: content)?|native ad\w*|advertisement feature|"
        r"(?:content )?(?:brought to you|presented|paid for|sponsored|supported) by\b.{0,60}|in partnership with\b.{0,60}|"
        r"anzeige|werbung|bezahlter inhalt|publireportage|contenu (?:sponsorisé|partenaire)|publi-?(?:rédactionnel|"
        r"reportaje|redazionale)|contenido (?:patrocinado|de marca)|contenuto sponsorizzato|conteúdo (?:patrocinado|de marca)|"
        r"на правах рекламы|реклама|партн[её]рский (?:материал|проект)|спецпроект)\W{0,3}",
        re.IGNORECASE,
    ),
    "live": re.compile(
        r"\W{0,3}(?:live(?:[ -]?(?:blog|ticker|updates?|coverage|feed|text|reporting))?|news-?ticker|as it happened|"
        r"en (?:direct|vivo|directo)|in diretta|ao vivo|онлайн|прямая трансляция|текстовая трансляция)\W{0,3}",
        re.IGNORECASE,
    ),
    "podcast": re.compile(r"\W{0,3}(?:podcasts?|подкаст\w*|ポッドキャスト)\W{0,3}", re.IGNORECASE),
    "video": re.compile(r"\W{0,3}(?:videos?|watch|видео|vídeos?|動画)\W{0,3}", re.IGNORECASE),
    "gallery": re.compile(
        r"\W{0,3}(?:(?:photo |picture |image )?galler(?:y|ies)|photos?|in (?:pictures|photos)|photo essay|bildergalerie|"
        r"bilderstrecke|fotostrecke|diaporama|galerie photos?|galería(?: de fotos)?|fotogalería|fotogaler[ií]a|"
        r"fotogallery|фото(?:галерея|репортаж)?)\W{0,3}",
        re.IGNORECASE,
    ),
    "opinion": _OPINION,
}
# Beside a headline: "Anzeige" and "Advertisement" alone are the labels of advertisements there.
_NEAR_LABELS = {
    "live": _LABELS["live"],
    "advertorial": re.compile(
        r"\W{0,3}(?:advertorials?|sponsored(?: (?:content|post|article|story))?|paid (?:content|post|partnership|program)|"
        r"partner(?:ed)? content|brand(?:ed)? content|advertisement feature|"
        r"(?:(?:content|article|story) )?(?:brought to you|presented|paid for|sponsored) by\b.{0,60}|"
        r"bezahlter inhalt|publireportage|contenu sponsorisé|publi-?(?:rédactionnel|reportaje|redazionale)|"
        r"contenido patrocinado|contenuto sponsorizzato|conteúdo patrocinado|на правах рекламы|"
        r"партн[её]рский (?:материал|проект))\W{0,3}",
        re.IGNORECASE,
    ),
}
_PATHS = {
    "live": re.compile(
        r"/live(?:blog|ticker|-?updates?|-?coverage)?/|/live-?(?:blog|ticker|updates?|coverage|news|text)\b|[/-](?:live-?(?:updates?|blog|ticker|coverage)|liveblog|liveticker|newsblog|news-?ticker)(?:[-/.?]|$)"
    ),
    "advertorial": re.compile(
        r"/(?:sponsored|advertorials?|partner-?content|paid-?content|branded-?content|brand-?studio|brandvoice|promoted|anzeige|plus)/"
    ),
    "opinion": re.compile("/(?:opinions?|op-ed|commentisfree|meinung|opinion|kommentare?|columns?|columnists?)/"),
    "podcast": re.compile("/podcasts?/"),
    "video": re.compile("/videos?/"),
    "gallery": re.compile("/(?:gallery|galleries|photos?|bilder|fotostrecken?|galerie|diaporama|pictures)/"),
}
_LIVE_TITLE = re.compile(
    r"\blive[ -]?(?:updates?|blog|ticker|coverage)\b|^live\s?[:|–—-]|\bliveblog\b|\bnewsblog\b|\b(?:news|live)-?ticker\b|"
    r"\bas it happened\b|^en (?:direct|vivo|directo)[:\s]|[-–—|:]\s?(?:live|en direct|en vivo|онлайн)$|онлайн-трансляция",
    re.IGNORECASE,
)
_LIVE_CLASS = re.compile(r"(?:^|[\s_-])live-?(?:blog|ticker|feed|updates?)(?:$|[\s_-])", re.IGNORECASE)
_SPONSORED_CLASS = re.compile(
    r"(?:^|[\s_-])(?:sponsored[-_]?(?:content|post|article)|advertorial|brand(?:ed)?-?content|paid-?(?:content|post)|"
    r"native-?ad|partner-?content)(?:$|[\s_-])",
    re.IGNORECASE,
)
_TYPES = {
    "advertisercontentarticle": "advertorial", "liveblogposting": "live", "opinionnewsarticle": "opinion",
    "podcastepisode": "podcast", "videoobject": "video", "imagegallery": "gallery", "mediagallery": "gallery",
}  # fmt: skip
KINDS_BY_EVIDENCE = ("advertorial", "live", "opinion", "podcast", "video", "gallery")
_LABEL = 120  # characters
_POSTS = 200  # elements after the headline in which a container of live posts begins
_LIVE_POSTS = re.compile(
    r"(?:^|__)live-?(?:blog|ticker|feed|updates?)(?:[_-]{1,2}(?:posts?|body|content|entries|feed|container|wrapper|list|stream))?$",
    re.IGNORECASE,
)
_LEVELS = 4  # elements around the headline whose class may say it
_NEAR = 40  # elements before and after the headline in which a label says what the article is


def declared_kind(page: Page, said: StructuredData, fields: Mapping[str, Any], rules: PublisherRules) -> str | None:
    """Return the kind that the publisher's rule or the page gives; None for an ordinary article.

    A label counts only near the headline, as boxes of other articles have labels too.

    Args:
        page: the page, before text extraction changes its tree.
        said: its structured data.
        fields: its metadata fields.
        rules: the publisher's rules.
    """
    kind = _ruled(page, rules)
    if kind is not None:
        return kind
    types = said.types()
    found = _of_data(types, said, fields)
    path = urlsplit(page.url).path.lower()
    for name in KINDS_BY_EVIDENCE:
        pattern = _PATHS[name]
        if name in found or pattern.search(path) or (name == "live" and _LIVE_TITLE.search(fields.get("title") or "")):
            return name
        if name in {"advertorial", "live"} and _marked(page, name):
            return name
    return None


def kind_by_size(text: str) -> str:
    """Return "brief" for a short text, else "article"."""
    return "brief" if 0 < len(words(text)) < _BRIEF else "article"


def _of_data(types: set[str], said: StructuredData, fields: Mapping[str, Any]) -> set[str]:
    """Return the kinds that JSON-LD types, section, content type and the description's prefix give."""
    found = {kind for name, kind in _TYPES.items() if name in types}
    section = str(fields.get("section") or "")
    content = said.first("article:content_type", "parsely-type") or ""
    prefix = (said.first("og:description", "description") or "").split(" | ")[0]
    for label in (section, said.first("article:section") or "", content, prefix):
        kind = _of_label(label)
        if kind:
            found.add(kind)
    if said.article.get("sponsor"):
        found.add("advertorial")
    if (said.first("og:type") or "").lower().startswith("video"):
        found.add("video")
    return found


def _marked(page: Page, name: str) -> bool:
    """Return whether a class name or a label in the headline's block says "sponsored" or "live"."""
    classes = _SPONSORED_CLASS if name == "advertorial" else _LIVE_CLASS
    headline = next((node for node in page.nodes if node.tag == "h1"), None)
    if headline is None:
        return False
    around = [up for up in headline.iterancestors() if up.tag not in {"html", "body"}]
    if any(classes.search((up.get("class") or "")[:500]) for up in around[:_LEVELS]):
        return True
    block = next((up for up in around[:_LEVELS] if up.tag in {"header", "article"}), around[0] if around else headline)
    at = page.nodes.index(headline)
    if name == "live" and _has_live_posts(page, at):
        return True
    for node in page.nodes[max(0, at - _NEAR) : at + _NEAR]:
        if not isinstance(node.tag, str) or node.tag in {"script", "style", "title", "option", "a"}:
            continue
        text = node.text or ""
        if 3 < len(text) < _LABEL and _NEAR_LABELS[name].fullmatch(" ".join(text.split())):
            above = set(node.iterancestors())
            if block in above and not any(up.tag in {"a", "nav", "aside"} for up in above):
                return True
    return False


def _has_live_posts(page: Page, at: int) -> bool:
    """Return whether a container of live posts follows the headline, outside of boxes."""
    for node in page.nodes[at : at + _POSTS]:
        names = " ".join(filter(None, (node.get("class"), node.get("data-component")))).lower()
        if "live" in names and any(_LIVE_POSTS.search(name) for name in names[:500].split()):
            boxes = {"aside", "nav", "footer", "header", "a", "body", "html"}
            if node.tag not in boxes and not any(up.tag in {"aside", "nav", "footer"} for up in node.iterancestors()):
                return True
    return False


def _ruled(page: Page, rules: PublisherRules) -> str | None:
    if rules.kind[:1] and rules.kind[0] in KINDS:
        return rules.kind[0]
    labels = [text_of(node) or node.get("content") or "" for node in select(page.tree, rules.kind)]
    return next((kind for label in labels if (kind := _of_label(label))), None)


def _of_label(label: str) -> str | None:
    return next((kind for kind, pattern in _LABELS.items() if pattern.fullmatch(label.strip())), None)
