"""Trim a text's start and end: repeated headline, dates and reading time above; appeals and link lists below. Pure.

Only what is unmistakable goes: a short line of nothing but a date, a heading like "Related articles" with little
below it, a request to subscribe, follow or give at the very end. Corrections, notes on sources and disclosures stay.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

from crawler.text.date_names import MONTHS
from crawler.text.tokens import normalize

_LEADS = 5  # paragraphs in which a repeated headline is searched
_SHORT = 80  # characters of a kicker, a date or a byline above the headline
_LINE = 60  # characters of a heading like "Related articles"
_TEASER = 160  # characters of a line below such a heading; below running text nothing is cut
_APPEAL = 500  # characters of a paragraph that asks for something
_MOST = 12  # paragraphs of appeals at the end

_WORD = re.compile(r"[^\W\d_]+")
_DATE_WORDS = frozenset(
    [
        "updated",
        "update",
        "published",
        "posted",
        "modified",
        "last",
        "first",
        "on",
        "at",
        "by",
        "the",
        "am",
        "pm",
        "uhr",
        "um",
        "am",
        "aktualisiert",
        "veröffentlicht",
        "stand",
        "mis",
        "à",
        "jour",
        "publié",
        "le",
        "actualizado",
        "publicado",
        "el",
        "em",
        "às",
        "atualizado",
        "aggiornato",
        "pubblicato",
        "il",
        "alle",
        "ore",
        "опубликовано",
        "обновлено",
        "в",
        "года",
        "gmt",
        "utc",
        "est",
        "edt",
        "cst",
        "cdt",
        "pst",
        "pdt",
        "bst",
        "cet",
        "cest",
        "msk",
        "ist",
        "jst",
        "st",
        "nd",
        "rd",
        "th",
        "ago",
        "days",
        "day",
        "hours",
        "hour",
        "hrs",
        "minutes",
        "minute",
        "mins",
        "min",
        "weeks",
        "week",
        "months",
        "month",
        "years",
        "year",
        "vor",
        "stunden",
        "tagen",
        "minuten",
        "hace",
        "horas",
        "días",
        "il",
        "y",
        "a",
        "jours",
        "heures",
        "назад",
        "часов",
        "дней",
        "минут",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
        "montag",
        "dienstag",
        "mittwoch",
        "donnerstag",
        "freitag",
        "samstag",
        "sonntag",
        "lundi",
        "mardi",
        "mercredi",
        "jeudi",
        "vendredi",
        "samedi",
        "dimanche",
        "lunes",
        "martes",
        "miércoles",
        "jueves",
        "viernes",
        "sábado",
        "domingo",
        "lunedì",
        "martedì",
        "mercoledì",
        "giovedì",
        "venerdì",
        "sabato",
        "domenica",
        "понедельник",
        "вторник",
        "среда",
        "четверг",
        "пятница",
        "суббота",
        "воскресенье",
    ]
)
_BYLINE_WORDS = frozenset(
    [
        "by",
        "von",
        "par",
        "por",
        "di",
        "da",
        "de",
        "del",
        "door",
        "av",
        "af",
        "от",
        "автор",
        "автора",
        "text",
        "texte",
        "texto",
        "words",
        "story",
        "and",
        "und",
        "et",
        "y",
        "e",
        "i",
        "og",
        "och",
        "и",
        "reporter",
        "editor",
        "correspondent",
        "writer",
        "staff",
        "author",
        "autor",
        "autorin",
    ]
)
_READING = re.compile(
    r"\W{0,3}(?:(?:estimated )?reading time\b.{0,30}|\d{1,3}[- ]?min(?:ute)?s?\.?[- ](?:read|listen|watch|lesezeit)\w*|"
    r"(?:lesezeit|lesedauer|temps de lecture|tiempo de lectura|tempo (?:de leitura|di lettura)|время чтения|leestijd|"
    r"lästid)\b.{0,30}|[\d,.]{1,12}k? (?:views?|reads?|shares?|comments?|aufrufe|просмотр\w*)|"
    r"(?:table of )?contents:?|inhalt(?:sverzeichnis)?:?|sommaire|índice|indice|содержание|in this article:?|"
    r"jump to:?|listen to this article.{0,40}|artikel (?:anhören|hören).{0,40}|écouter (?:cet|l.)article.{0,40}|"
    r"share(?: this| on.{0,20})?:?|teilen:?|compartir:?|partager:?|print|drucken)\W{0,3}",
    re.IGNORECASE,
)
_MORE = re.compile(
    r"\W{0,3}(?:(?:related|recommended|similar|other|further|popular|latest|recent|trending|featured|top)\s"
    r"(?:articles?|posts?|stories|content|reading|news|topics?|links|coverage|guides?|videos?)\b.{0,30}|"
    r"you (?:may|might|can) (?:also )?(?:like|enjoy|be interested in)|(?:this )?(?:might|may) (?:also )?"
    r"(?:be interesting|interest)(?: (?:to|for))?(?: you)?|"
    r"(?:more|explore more|read more|keep reading|up next|next up|what to read next)(?: (?:from|on|in|about|stories|"
    r"articles|news|like this)\b.{0,30})?|see also|also read|read (?:also|next)|related(?: content)?|"
    r"recommended(?: for you| reading)?|don.t miss|explore (?:more|further)|\d{0,4}\s?comments?|leave a (?:comment|reply)|"
    r"(?:join the )?conversation|discussion|about the author|about us|share this.{0,20}|tags|topics|"
    r"mehr zum thema|mehr (?:aus|von|zu)\b.{0,30}|lesen sie auch.{0,20}|das könnte (?:sie|dich) (?:auch )?interessieren|"
    r"weitere (?:artikel|themen|nachrichten|meldungen).{0,20}|auch interessant|ähnliche (?:artikel|beiträge|themen)|"
    r"verwandte (?:artikel|themen|beiträge)|meistgelesen\w*|kommentare?(?: \(\d+\))?|über (?:den autor|die autorin|uns)|"
    r"(?:à lire|lire) aussi.{0,20}|sur le même (?:sujet|thème)|voir aussi|articles? (?:liés|similaires|associés)|"
    r"vous (?:pourriez|aimerez) (?:aussi|aimer)\b.{0,20}|commentaires?|"
    r"(?:te|le) puede interesar.{0,20}|noticias relacionadas|artículos relacionados|más (?:noticias|información)|"
    r"lee también|lea también|también te puede interesar|comentarios|"
    r"você (?:pode|também pode|vai) gostar.{0,10}|leia (?:também|mais)|veja também|(?:notícias|artigos|matérias) "
    r"relacionad[ao]s|leggi anche|potrebbe (?:interessarti|anche interessarti)|articoli correlati|commenti|"
    r"lees (?:ook|verder)|meer (?:over|nieuws)\b.{0,20}|les også|les mer|relaterte? (?:saker|artikler)|läs (?:också|mer)|"
    r"læs også|czytaj (?:też|także|również)|zobacz (?:też|także)|podobne (?:artykuły|tematy)|komentarze|"
    r"читайте (?:также|ещё|еще)|(?:новости|материалы|статьи) по теме|похожие (?:новости|статьи|материалы)|"
    r"другие (?:новости|материалы)|комментарии|関連記事|おすすめ(?:記事)?|あわせて読みたい|相关(?:阅读|新闻|文章|推荐)|"
    r"推荐阅读|延伸阅读|延伸閱讀|관련\s?기사|관련\s?뉴스)\W{0,6}",
    re.IGNORECASE,
)
# A request to the reader in the imperative, or in the publisher's first person; two of these are an appeal.
_ASKS = (
    re.compile(
        r"\b(?:sign(?:ing)? up|subscrib(?:e|ing)|follow(?: us| \w+ on)?|join (?:us|our|the)|download (?:our|the) app|"
        r"like us|donate|contribute|support (?:us|our)|become a (?:member|subscriber)|get in touch|contact us|"
        r"e-?mail(?: us)?|click here|bookmark|check out|get (?:the best|our|all the)|add us|newsletter anmelden|"
        r"abonnieren|folgen sie|folge uns|jetzt (?:anmelden|bestellen|testen)|abonnez[- ]vous|inscrivez[- ]vous|"
        r"suivez[- ]nous|suscr[ií]b\w+|síguenos|regístrate|inscreva-se|siga\b|assine|iscriviti|seguici|"
        r"abbonati|подпи(?:сывайтесь|шитесь)|присоединяйтесь|следите|поддержите|volg ons|meld je aan|följ oss|"
        r"følg oss|zapisz się|obserwuj)\b|登録|订阅|关注|구독",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:newsletters?|inbox|alerts?|facebook|twitter|instagram|telegram|whatsapp|youtube|linkedin|tiktok|threads|"
        r"google news|push|app store|google play|podcast|patreon|paypal|free e-?book|for free|kostenlos|gratuit\w*|"
        r"gratis|рассылк\w+|телеграм\w*|канал\w*)\b|ニュースレター|メール|微信|公众号",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:our (?:journalis\w+|newsroom|reporting|readers|work|mission|team|website|site|community|social|"
        r"daily|weekly|free|latest)|independent (?:journalism|media|news)|your (?:inbox|support|story|e-?mail|contribution)|"
        r"for more (?:stories|news|information|tips|articles|recipes)|story to (?:tell|share)|latest (?:news|updates|articles|stories)|"
        r"breaking news|unsere?\w? (?:arbeit|redaktion|newsletter)|notre (?:newsletter|rédaction|journalisme)|"
        r"nuestr[ao] (?:bolet[ií]n|newsletter|periodismo)|нашу? (?:рассылку|канал|журналистику))\b",
        re.IGNORECASE,
    ),
)
_GIVE = (
    re.compile(
        r"\b(?:donat\w+|contribut\w+|support (?:us|our|the|independent)|your support|please support|chip in|"
        r"become a (?:member|supporter|patron)|favou?r to ask|need your help|spend(?:e|en)\b|unterstützen sie|"
        r"faire un don|soutenez|dona\b|apoya|apoie|sostieni|поддерж\w+|пожертв\w+)\b",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:journalis\w+|newsroom|reporting|independent|readers?|our (?:work|mission|team)|редакци\w+|"
        r"журналист\w+|независим\w+|redaktion|rédaction|redacción|redação|redazione)\b",
        re.IGNORECASE,
    ),
    re.compile(
        r"[$€£₽]\s?\d|\d\s?[$€£₽]|\b(?:monthly|one-time|no matter how small|as little as|every (?:cent|dollar|contribution)|"
        r"a month|today|tax.deductible|free for (?:all|everyone)|foreign agent|continue|our critical|"
        r"monatlich|mensuel\w*|mensual\w*|mensal\w*|ежемесячн\w+|refuse to|thank you|makes? (?:a|all the) "
        r"(?:world of )?difference)\b",
        re.IGNORECASE,
    ),
)
_MARKS = re.compile(
    r"\W{0,3}(?:end of article|advertisement|anzeige|werbung|publicité|publicidad|pubblicità|реклама|featured image\b.{0,60}|"
    r"image (?:used )?(?:under|from|credits?)\b.{0,60}|無断転載.{0,20}|版权所有.{0,20})\W{0,3}",
    re.IGNORECASE,
)


def trim(text: str, headlines: Iterable[str | None], authors: Collection[str] = ()) -> str:
    """Return a text without what repeats or frames the article at its start and end.

    Args:
        text: paragraphs, separated by blank lines.
        headlines: what the page gives as headline and subtitle (title element, h1, OpenGraph).
        authors: their names; a line of only them is a byline.
    """
    paragraphs = [paragraph for paragraph in text.split("\n\n") if _has_text(paragraph)]
    paragraphs = _trim_start(paragraphs, {normalize(line) for line in headlines} - {""}, authors)
    return "\n\n".join(_trim_end(paragraphs))


def is_appeal(text: str) -> bool:
    """Return whether a box asks for money for the publisher's work: three kinds of its words are there."""
    return len(text) <= 3_000 and sum(bool(group.search(text)) for group in _GIVE) == len(_GIVE)


def names_other_articles(line: str) -> bool:
    """Return whether a line is a heading over links to other articles, or over comments."""
    return len(line) <= _LINE and bool(_MORE.fullmatch(line))


def _has_text(paragraph: str) -> bool:
    return any(not char.isspace() and unicodedata.category(char) != "Cf" for char in paragraph)


def _trim_start(paragraphs: list[str], said: Collection[str], authors: Collection[str]) -> list[str]:
    """Remove the headline, and short lines above it: a kicker, a date or a byline; a longer lead stays."""
    if len(paragraphs) == 1 and normalize(paragraphs[0]) in said:
        return []
    at = next((i for i, paragraph in enumerate(paragraphs[:_LEADS]) if normalize(paragraph) in said), None)
    if at is not None and len(paragraphs) > at + 1:
        paragraphs = [line for line in paragraphs[:at] if len(line) > _SHORT] + paragraphs[at + 1 :]
    kept = list(paragraphs)
    for line in paragraphs[:_LEADS]:
        if len(kept) > 1 and (
            normalize(line) in said or (len(line) <= _SHORT and (_frames(line) or _is_byline(line, authors)))
        ):
            kept.remove(line)
        elif len(line) > _SHORT:
            break
    return kept


def _is_byline(line: str, authors: Collection[str]) -> bool:
    """Return whether a line is only the authors' names, "By", a date and a job title."""
    rest = line.casefold()
    for name in authors:
        rest = rest.replace(name.casefold(), " ")
    return rest != line.casefold() and all(
        word in _BYLINE_WORDS or word in _DATE_WORDS or word in MONTHS for word in _WORD.findall(rest)
    )


def _frames(line: str) -> bool:
    """Return whether a line is only a date, a time, or says how long the text is."""
    if _READING.fullmatch(line):
        return True
    return any(char.isdigit() for char in line) and all(
        word in _DATE_WORDS or word in MONTHS for word in map(str.lower, _WORD.findall(line))
    )


def _trim_end(paragraphs: list[str]) -> list[str]:
    """Remove what stands below a heading like "Related articles", and the appeals at the end."""
    at = len(paragraphs) - 1
    while at > 0 and len(paragraphs[at]) <= _TEASER:
        if names_other_articles(paragraphs[at]):
            paragraphs = paragraphs[:at]
        at -= 1
    for _ in range(_MOST):
        if len(paragraphs) < 2 or not _ends(paragraphs[-1]):
            break
        paragraphs = paragraphs[:-1]
    return paragraphs


def _ends(paragraph: str) -> bool:
    if _MARKS.fullmatch(paragraph) or (len(paragraph) <= _SHORT and _frames(paragraph)):
        return True
    return len(paragraph) <= _APPEAL and (
        sum(bool(group.search(paragraph)) for group in _ASKS) >= 2 or is_appeal(paragraph)
    )
