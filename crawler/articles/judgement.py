"""Is this page an article, and how much of it? Walls, challenges, error pages and section pages are told by evidence on the page. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from crawler.articles.body import words
from crawler.articles.boilerplate import body_of, densest, measure
from crawler.articles.page import Page, text_of
from crawler.articles.structured import Structured
from crawler.urls import is_root_or_section

SHORT = 60  # words; below, a page must show that it is an article
_LONG = 150  # words; above, a marker in the text is what the article is about, not what the page is

_HEADLINES = 8  # linked headlines that make a list
_RUNS = 30  # words of a paragraph that is no teaser line

# A page asked for again after an hour, six hours, a day: the article is behind it (DESIGN, Walls).
WALLS = ("consent wall", "login wall", "paywall", "needs JavaScript")
# No article stands at such an address now.
NOT_ARTICLES = ("soft 404", "section page", "bot challenge", "empty")

_CHALLENGE = re.compile(
    r"cf-browser-verification|cf_chl_|challenge-platform/h/|_cf_chl_opt|cf-challenge|jschl[_-]answer|ddos-guard|px-captcha|perimeterx|captcha-delivery\.com|incapsula incident|_incapsula_resource|"
    r"distil_r_captcha|sucuri website firewall|aws-waf-token|awswafintegration|akamai.{0,40}reference #|hcaptcha-challenge|geo\.captcha-delivery",
    re.IGNORECASE,
)
_CHALLENGE_TEXT = re.compile(
    r"checking (?:your browser|if the site connection is secure)|just a moment\.\.\.|attention required! \| cloudflare|verify(?:ing)? (?:that )?you are (?:a )?human|are you a robot|unusual traffic from your|"
    r"press (?:&|and) hold to confirm|please complete the security check|enable javascript and cookies to continue|access (?:to this page has been )?denied|pardon our interruption",
    re.IGNORECASE,
)
_CONSENT = re.compile(
    r"before you continue to|we (?:and our \d* ?(?:technology )?partners )?(?:value|care about|respect) your privacy|accept (?:all )?(?:cookies|and continue)|(?:agree|zustimmen|accepter|aceptar|accetta)[^.]{0,40}(?:cookies|tracking|werbung)|"
    r"cookies? (?:zustimmen|akzeptieren)|mit werbung (?:und tracking )?(?:weiter)?lesen|store and/or access information on a device|"
    r"tout accepter|accepter et (?:continuer|fermer)|aceptar (?:y continuar|todo)|accetta e continua|alle(?:s)? akzeptieren|privacy settings|manage (?:your )?(?:privacy|consent|cookie)|your privacy choices|consent to the use|同意.{0,10}cookie|cookies? (?:policy|preferences|settings)",
    re.IGNORECASE,
)
_CONSENT_HOST = re.compile(
    r"^https?://(?:consent|guce|cmp|privacy|cookie)[.-]|/(?:cookie-?wall|consent|privacygate|privacy-gate|zustimmung)(?:[/?]|$)|collectConsent",
    re.IGNORECASE,
)
_LOGIN = re.compile(
    r"(?:log|sign) ?in to (?:continue|read|your account|view)|please (?:log|sign) in|create (?:a free|an) account to (?:continue|read)|register (?:for free )?to (?:continue|read)|anmelden,? um|connectez-vous pour|inicia sesión para|войдите,? чтобы",
    re.IGNORECASE,
)
_PAYWALL = re.compile(
    r"subscribe (?:now |today )?to (?:continue|read|unlock|keep reading)|this (?:article|content|story) is (?:only |exclusively )?(?:for|available to) (?:our )?(?:subscribers|members)|already a subscriber|"
    r"(?:nur|exklusiv) für (?:abonnenten|mitglieder)|weiterlesen mit|jetzt (?:abonnieren|weiterlesen)|réservé aux abonnés|il vous reste \d+ ?%|contenido (?:exclusivo )?para suscriptores|riservato agli abbonati|доступ(?:но|ен) (?:только )?(?:по подписке|подписчикам)|"
    r"to continue reading|unlock (?:this|the full) (?:article|story)|you(?:'|’)ve reached your (?:free )?(?:article )?limit",
    re.IGNORECASE,
)
_JAVASCRIPT = re.compile(
    r"(?:please |you need to |must )?(?:enable|turn on|activate|aktivieren sie) java ?script|java ?script (?:is|must be|to be|seems to be) (?:required|enabled|disabled|turned off)|needs javascript|requires javascript|without javascript enabled",
    re.IGNORECASE,
)
_MISSING = re.compile(
    r"\b404\b|page (?:not found|cannot be found|can(?:no|')t be found|does(?:n['’]t| not) exist|is (?:no longer available|missing|gone))|(?:couldn['’]t|could not|cannot|can['’]t) find (?:your|the|that|this) (?:page|article|story)|"
    r"not found|no longer (?:available|exists)|seite (?:wurde )?nicht gefunden|seite existiert nicht|page (?:introuvable|non trouvée)|página no encontrada|pagina non trovata|страница не найдена|页面不存在|ページが見つかりません|찾을 수 없습니다|niet gevonden|strona nie została znaleziona|oops",
    re.IGNORECASE,
)


def obstacle(page: Page, said: Structured, fields: Mapping[str, Any], text: str) -> str | None:
    """What stands in the place of an article: one of WALLS or NOT_ARTICLES; None where it is one."""
    count = len(words(text))
    described = (
        bool(said.article)
        or "article" in (said.first("og:type") or "").lower()
        or bool(said.first("article:published_time"))
    )
    visible = text_of(page.tree)[:6000] if count < _LONG else ""
    if count < _LONG and not (described and count >= SHORT):
        heading = " ".join(text_of(node) for name in ("h1", "h2") for node in list(page.tree.iter(name))[:2])
        title = page.tree.findtext(".//title") or ""
        for name, found in (
            (
                "bot challenge",
                _CHALLENGE.search(page.markup[:200_000]) and (not described or count < 20) and len(visible) < 2500,
            ),
            (
                "bot challenge",
                _CHALLENGE_TEXT.search(f"{title} {visible[:600]}") and len(visible) < 3000 and not described,
            ),
            (
                "soft 404",
                not described and _MISSING.search(f"{title} {heading} {visible[:200] if count < SHORT else ''}"),
            ),
            (
                "consent wall",
                _CONSENT_HOST.search(page.url)
                or (
                    _CONSENT.search(visible)
                    and (not text or _CONSENT.search(text))
                    and count < SHORT * 2
                    and not (described and count >= 20 and not _CONSENT.search(text))
                ),
            ),
            ("login wall", _LOGIN.search(text or visible[:1500]) and count < SHORT),
            ("paywall", _PAYWALL.search(text or visible[:3000]) and count < 20),
            ("needs JavaScript", count < 30 and _JAVASCRIPT.search(f"{text} {visible[:1500]} {page.markup[:20_000]}")),
        ):
            if found:
                return name
    if not described and _lists_others(page, text, count):
        return "section page"
    if not text and not (described and fields.get("title") and fields.get("published_at")):
        return "empty"
    return None


def _lists_others(page: Page, text: str, count: int) -> bool:
    """A page that lists other articles: many headlines that are links, most of the visible words linked, and no paragraph that runs on.

    At the address of a home or section page a list is one even where its teasers run on.
    """
    listing = is_root_or_section(page.url)
    body = body_of(page.tree)
    headlines = _linked_headlines(densest(body, measure(body)) if listing else body)
    running = sum(len(words(paragraph)) >= _RUNS for paragraph in text.split("\n\n"))
    if listing and headlines >= max(_HEADLINES, running):
        return True
    if count > 400 or running:
        return False
    links = list(body.iter("a"))
    if headlines < _HEADLINES:
        return listing and count < SHORT and len(links) > 20
    return listing or sum(len(words(text_of(node))) for node in links) > 0.4 * len(words(text_of(body)))


def _linked_headlines(holder: Any) -> int:
    """How many addresses the headlines and cards below an element link to."""
    cards = (node for name in ("h2", "h3", "h4", "article") for node in holder.iter(name))
    return len(
        {
            link.get("href")
            for node in cards
            for link in (*node.iter("a"), *node.iterancestors("a"))
            if not (link.get("href") or "#").startswith("#")
        }
    )


def completeness(said: Structured, text: str) -> str:
    """How much of the article the page shows: "full", "teaser" where it is cut, "headline" where there is no text."""
    if not text:
        return "headline"
    free = said.article.get("isAccessibleForFree")
    paid = str(free).lower() == "false" or (said.first("article:content_tier") or "").lower() in {"locked", "metered"}
    count = len(words(text))
    tail = text[-400:]
    if count < 250 and _PAYWALL.search(tail):
        return "teaser"
    if paid and count < 120:
        return "teaser"
    if count < 120 and re.search(r"(?:…|\.\.\.|\[…\])\s*$", text):
        return "teaser"
    return "full"


_OPINION = re.compile(
    r"^(?:opinion|opinions|comment|commentary|comment is free|editorial|editorials|op-ed|meinung|kommentar|kommentare|tribune|débats|opinión|tribuna|editoriale|opinioni|мнения|мнение|观点|评论|社説|오피니언|사설|columnists?|columns?|leitartikel|gastbeitrag|ledare|leder|opinie)$",
    re.IGNORECASE,
)


def kind_of(said: Structured, fields: Mapping[str, Any], text: str, url: str) -> str:
    """article, opinion, brief, gallery, video, live, podcast or advertorial."""
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
