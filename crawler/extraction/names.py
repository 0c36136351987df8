"""Author values to names: without "By", job titles, addresses, labels, and without the outlet's own name. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from crawler.extraction.agencies import agency_of
from crawler.extraction.structured_data import StructuredData, text_value
from crawler.text.clean import one_line

MOST = 20  # names per article; more is a masthead
_BY = re.compile(
    r"^(?:by|von|par|por|di|da|door|av|af|от|van|przez|yazan|haber|text|texte|texto|testo|tekst|foto)(?:\s*+:)?"
    r"\s++(?=\S)|^(?:reporting|written|reported|posted|published|authored|compiled|created|produced)\s++by(?:\s*+:)?\s++|"
    r"^(?:this (?:post|article|story|guide) (?:was|is) written by|erstellt von|verfasst von|geschrieben von|"
    r"ein(?:e)? \w{3,20} von|(?:article|recipe|words|story) by|(?:ein )?(?:kommentar|gastbeitrag|gastkommentar|"
    r"analyse|interview|kolumne|essay|bericht) von|opinion by|commentaire de|opinión de)\s++|^(?:articles?|posts?|stories|more|all posts)\s++(?:by|from)\s++|^(?:authors?|autoren|autores|auteurs|autori|autorzy|författare|forfattere|авторы)\s*:\s*|"
    r"^(?:автор|текст|autor|author|autore|auteur|autorin|verfasser|escrito por|publicado por|written by)\s*:\s*|"
    r"^作者\s*[:：]\s*|^文\s*[:：/]\s*",
    re.IGNORECASE,
)
# Left before the second name of "Anna Smith, reporter, and Li Wei"; the capital is looked for, so case counts.
_AND_FIRST = re.compile(r"^(?:and|und|y|et|e|og|och|en|и|та|και)\s++(?=[^\W\d_a-zà-ÿа-яё])")
_AND = re.compile(
    r"\s{0,9}(?:;|\||\n|\s[&+]\s|\s(?:and|und|et|y|e|i|og|och|en|ja|ve|и|та|és|a)\s(?=[\w.'’-]+\s\w|[\w.'’-]+$)|\s/\s|"
    r",(?!\s*(?:Jr|Sr|PhD|M\.?D|II|III)\b)|、)\s{0,9}"
)
_NOT_NAMES = re.compile(
    r"https?:|^@|www\.|^(?:admin|editor|editorial|staff|redaktion|redazione|redacción|redacção|redactie|redakce|"
    "redakcja|newsroom|unserer redaktion|news|nachrichten|unknown|none|null|anonymous|author|general|"
    "no author|guest|"
    "twitter|facebook|instagram|linkedin|email|e-mail|mail|follow|weiter|mehr|more|updated|published|share|"
    "website|view|reporter|correspondent|journalist|contributor|photographer|autor|autorin|autor/in|edit)$|"
    # A form's labels, a menu's items, what stands around a name, sponsors; what a script left.
    r"^(?:name|e-?mail|website|comment|message)s?\s{0,3}(?:\*|\(.{0,40}\))|^(?:comments?|kommentare?|comentarios?|"
    r"by|von|par|por|written by|posted by|edited by|reviewed by|post author|the author|about the author|from the|dept\.?|"
    r"publicado el|escribe|authored by|recipe by|words by|last updated?(?: on)?|published on|updated on|min(?:ute)? read|"
    r"fact[- ]checked(?: by)?|tested by|view (?:full|author) profile|view (?:all|more) posts|cite this \w+|full bio|"
    r"more posts|read more|редакция|администратор|la rédaction|la redacción|a redação|la redazione|administrator|webmaster|"
    r"paid post|in partnership with .{0,60}|\[object object\]|%\w{1,30}%|leave(?: a comment)?|this author|"
    r"(?:more )?from this author|\d{1,3}[ -]min(?:ute)?s? read|reporting by|(?:sponsored|partner|branded|promoted) content|"
    r"понедельник|вторник|среда|четверг|пятница|суббота|воскресенье|political editor|∙? ?paid|corresponding author\.?|guest post|sponsored content|get app|sign in|log in|subscribe|staff writer|staff reporter|news staff|web desk|news desk|"
    r"our (?:correspondent|reporter|team)|special correspondent|contributing writer|key takeaways?|top picks?|image title|"
    r"table of contents|image|photo|video|(?:mon|tues|wednes|thurs|fri|satur|sun)day|montag|dienstag|mittwoch|donnerstag|"
    r"freitag|samstag|sonntag|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche)$|"
    r"^(?:brought to you|sponsored|presented|powered|paid for) by\b|[{}<>=;]|\b(?:function|undefined|null|var)\b|"
    r"\S@\S|^\(|(?:image|photo|foto|getty)\s*:|^(?:zeige alle|view all|see all|all posts|weitere artikel|more from|"
    r"alle artikel|read more|posts by)|\bcookies?\b|^posted\b|^updated\b|\d{1,2}[:.]\d{2}|\d{4}",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"\s{1,9}@\w{1,60}$|\s{1,9}(?:기자|특파원|記者|特派員)$|\s{0,9}\((?:text|words|foto|photos?|pictures)[^()]{0,300}\)$",
    re.IGNORECASE,
)
# Of several authors these are where the others work, and no authors.
_BODIES = re.compile(
    r"\b(?:university|universität|université|universidad|institute?|institut|college|department|faculty|hospital|school)\b",
    re.IGNORECASE,
)
_JOB_AFTER = re.compile(
    r"\s{0,9}\((?:[\w ]{0,40}\b)?(?:writer|reporter|editor|correspondent|staff|manager|analyst|columnist|author|photographer)"
    r"(?:\b[\w ]{0,20})?\)$",
    re.IGNORECASE,
)
_ADDRESS_BEFORE = re.compile(r"^[\w.+-]{1,80}@[\w.-]{1,80}\s{0,3}\(([^()]{2,80})\)$")  # as RSS writes authors
_ROLE_BEFORE = re.compile(
    r"^(?:[\w-]{0,40}(?:experte|expertin|redakteur(?:in)?|korrespondent(?:in)?|reporter(?:in)?|gastautor(?:in)?|autor(?:in)?|"
    r"correspondent|columnist|journalist))\s+(?=[^\W\d_a-z][\w'’-]+\s+[^\W\d_a-z])",
    re.IGNORECASE,
)
BY_ALONE = re.compile(r"(?:written |posted |story )?by:?|von:?|par:?|por:?|di:?|автор:?", re.IGNORECASE)
_OTHER_ROLE = re.compile(
    r"(?:(?:fact|medically|clinically|expertly)[ -]?(?:checked|reviewed)|edited|reviewed|tested|updated|illustrat\w+|photo\w*|"
    r"graphics?|video|translated)(?:\s+by\b|\s*:)",
    re.IGNORECASE,
)
# Words of outlets and teams, which a person's name has none of.
OUTLET_WORDS = re.compile(
    r"\b(?:times|news|post|daily|weekly|journal|tribune|herald|gazette|online|media|magazine|team|editors?|editorial|"
    r"staff|desk|redaktion|redacción|rédaction|studios?|store|group|inc|ltd|gmbh|llc|press|agency|tv|radio|blog|guides?|"
    r"experts?|health|dental|care|insurance|construction|services?|solutions|security|travel|digital|network|club|"
    r"cent(?:er|re)|institute|university|college|school|company|contributors?|writers?|admin|today|deutschland|germany|france|españa|italia|uk|usa|us|world|sports?|panorama|politi[ck]\w*|business|money|marketing|growth|bank|global|weltweit|world|report|review|"
    r"the|les?|las?|der|die|das|el|los)\b|[.@/]|\d",
    re.IGNORECASE,
)
_SMALL = re.compile(r"[a-zà-ÿ]{1,12}$")  # "and", "mit", "unserer": not a name when the value has several parts
_SLUG = re.compile(r"[a-z]+(?:-[a-z]+)+$")
_JOB = re.compile(
    r"\b(?:reporter|writer|editor|correspondent|journalist|columnist|producer|redakteur(?:in)?|"
    r"korrespondent(?:in)?|reporter(?:in)?|ressort|team lead|contributor|staff|desk|analyst|director|manager|officer|"
    r"specialist|strategist|consultant|coach|(?:co-?)?founder|ceo|cto|cmo|cfo|coo|president|educators?|professor|lecturer|"
    r"researcher|fellow|expert|advis[eo]r|physician|dietitian|nutritionist|therapist|attorney|engineer|developer|designer|"
    r"photographer|intern|author|reviewer|coordinator|assistant|scientist|teacher|instructor|trainer|associate|partner|phd|ph\.d\.?|m\.?d\.?|rdn?|mba|cfp|cpa|rn|dds|dmd|mph|jd)$|"
    r"^(?:(?:executive |senior )?vice president|(?:head|chief|director|editor|professor|founder) (?:of|at)|"
    r"(?:vp|svp|evp|avp)\b|(?:senior|sr\.?|lead|head|chief|master|registered|licensed|certified|contributing|managing|executive|associate|assistant|freelance|former)\s)",
    re.IGNORECASE,
)


def _is_beside(name: str) -> bool:
    """Return whether a part of a byline with several is a job title, a date or a small word beside the name."""
    return bool(_JOB.search(name) or _SMALL.match(name) or any(char.isdigit() for char in name))


_ARTICLE = re.compile(r"^(?:the|die|der|das|le|la|les|el|los|il|o|a)\s+", re.IGNORECASE)


class OutletNames:
    """The names of an outlet, which are never authors."""

    def __init__(self, url: str, said: StructuredData) -> None:
        host = (urlsplit(url).hostname or "").removeprefix("www.")
        names = {
            host,
            host.rsplit(".", 1)[0],
            host.split(".")[-2] if "." in host else host,
            said.first("og:site_name"),
            text_value(said.article.get("publisher")),
        }
        names |= {text_value(node.get("name")) for node in said.nodes if "WebSite" in str(node.get("@type"))}
        names |= {_ARTICLE.sub("", name) for name in names if name}
        self.names = {folded for name in names if name and len(folded := _fold(name)) > 1}
        self.host = host
        self.label = host.split(".")[-2] if "." in host else host

    def clean(self, raw: Iterable[str]) -> tuple[str, ...]:
        """Return the names in these texts without repetitions; a slug of a name already found does not count again."""
        parts = list(self._parts(raw))
        found: dict[str, str] = {}
        for part in parts:
            name = clean_name(part)
            if not name or self.is_it(name) or (len(parts) > 1 and _is_beside(name)):
                continue
            if any(name in other.split() for other in found.values()):
                continue
            if _SLUG.match(name):
                name = name.replace("-", " ").title()
            found.setdefault(_fold(name), name)
        people = [name for name in found.values() if not agency_of(name) and not _BODIES.search(name)]
        # "Anna Smith, Associated Press": the agency is a field of its own
        return tuple(people or found.values())[:MOST]

    def _parts(self, raw: Iterable[str]) -> Iterator[str]:
        """Yield the parts of author values, up to a label of another role: "Edited by", "Fact-checked by"."""
        for item in raw:
            parts = split_names(item)
            if len(parts) > 1 and "|" not in item and any(self.is_it(part) for part in parts[:1]):
                continue  # "hessenschau.de, Frankfurt, Germany" is an imprint
            start = next((at + 1 for at, part in enumerate(parts) if BY_ALONE.fullmatch(part)), 0)
            for part in parts[start:]:  # "Travel | By | Anna Smith": before "By" is a section
                if _OTHER_ROLE.match(part):
                    return
                yield part

    def is_it(self, name: str) -> bool:
        """Return whether a name is the outlet's."""
        return (
            _fold(name) in self.names
            or _fold(_ARTICLE.sub("", name)) in self.names
            or (len(self.host) > 4 and self.host in name.casefold())
            or (self.label in name.casefold().split() and not self._is_namesake(name))
        )

    def _is_namesake(self, name: str) -> bool:
        """Return whether a name is a person's whose first or family name is the site's, as of a blog."""
        words = name.split()
        return (
            len(words) == 2
            and all(word.istitle() and word.isalpha() for word in words)
            and not OUTLET_WORDS.search(name)
        )


def _fold(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def split_names(raw: str) -> list[str]:
    """Split an author value into names; empty if the value is a paragraph."""
    if len(raw) > 400:
        return []
    return [part for part in _AND.split(_BY.sub("", " ".join(raw.split()))) if part]


def clean_name(raw: str) -> str | None:
    """Return a name without "By", job title and address; None if it is not a name."""
    if addressed := _ADDRESS_BEFORE.match(raw.strip()):
        raw = addressed[1]
    raw = raw.strip(" \"“”„'") if raw.count('"') != 1 else raw
    text = _TITLE.sub("", _AND_FIRST.sub("", _BY.sub("", one_line(raw))).strip(" ,;|·•-–—:/")).strip(" ,;|·•-–—:/")
    text = _ROLE_BEFORE.sub("", _JOB_AFTER.sub("", text))
    if (
        not text
        or len(text) > 80
        or _NOT_NAMES.search(text)
        or not re.search(r"[^\W\d_]", text)
        or len(text.split()) > 7
    ):
        return None
    return text
