"""Find the wire service that wrote a text: from its byline, or from "(Reuters)" at its start or end. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from crawler.extraction.extraction import Provenance

_AGENCIES = {
    "Reuters": r"reuters",
    "AP": r"ap|(?:the )?associated press|ap news",
    "AFP": r"afp|agence france[- ]presse",
    "dpa": r"dpa|deutsche presse-agentur",
    "TASS": r"tass|тасс",
    "Interfax": r"interfax|интерфакс",
    "RIA Novosti": r"ria novosti|риа новости",
    "PA": r"pa|pa media|press association",
    "EFE": r"efe|agencia efe",
    "ANSA": r"ansa",
    "Xinhua": r"xinhua|新华社",
    "Kyodo": r"kyodo(?: news)?|共同通信",
    "Yonhap": r"yonhap|연합뉴스",
    "Bloomberg": r"bloomberg(?: news)?",
    "APA": r"apa",
    "Anadolu": r"aa|anadolu(?: agency)?",
    "UPI": r"upi",
    "IANS": r"ians",
    "PTI": r"pti|press trust of india",
    "Ukrinform": r"ukrinform",
    "Belga": r"belga",
    "NTB": r"ntb",
    "TT": r"tt(?: nyhetsbyrån)?",
    "ČTK": r"čtk|ctk",
}
_AUTHOR_AGENCY = {
    name: re.compile(rf"^(?:the )?(?:{pattern})(?:$|[\s,/]+(?:staff|news|agency)?$)", re.IGNORECASE)
    for name, pattern in _AGENCIES.items()
}
_TEXT_AGENCY = {
    name: re.compile(
        rf"(?:^.{{0,60}}?[(\[](?:{pattern})[)\]]|[(\[](?:{pattern})[)\]]\s*$|^.{{0,40}}\b(?:{pattern})\s*[-–—]\s)",
        re.IGNORECASE | re.DOTALL,
    )
    for name, pattern in _AGENCIES.items()
}


def agency_of(name: str) -> str | None:
    """Return the wire service that one part of a byline names, or None."""
    return next((agency for agency, pattern in _AUTHOR_AGENCY.items() if pattern.match(name)), None)


def find_agency(fields: Mapping[str, Any], provenance: Provenance, text: str) -> tuple[str | None, str]:
    """Return the wire service and its source: the byline, else "(Reuters)" at the text's start or end."""
    line = f"{'; '.join(fields.get('authors', ()))}; {provenance.get('authors', {}).get('raw') or ''}"
    for part in re.split(r"[/,;|]| (?:with|and|und|mit|et|y|for|via) ", line):
        if agency := agency_of(part.strip()):
            return agency, "byline"
    head, tail = text[:120], text[-40:]
    for name, pattern in _TEXT_AGENCY.items():
        if pattern.search(head) or (("(" in tail or "[" in tail) and pattern.search(tail)):
            return name, "text"
    return None, ""
