"""Small pages in several languages, and cases by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from itertools import product
from typing import Any

import pytest

from crawler.extraction.extraction import Extraction
from crawler.extraction.extractor import extract
from tests.conftest import NOW

URL = "https://www.example.org/2026/11/20/the-mill-gets-a-new-wheel"
TITLES = {
    "en": "The old mill gets a new wheel",
    "de": "Die alte Mühle bekommt ein neues Rad",
    "fr": "Le vieux moulin reçoit une nouvelle roue",
    "es": "El viejo molino tendrá una rueda nueva",
    "ru": "Старая мельница получит новое колесо",
    "el": "Ο παλιός μύλος αποκτά νέα ρόδα",
    "ar": "الطاحونة القديمة تحصل على عجلة جديدة",
    "ja": "古い水車小屋に新しい車輪",
}
PROSE = {
    "en": (
        "The mill on the Ashbrook has stood without a wheel since the flood of 1994, and on Monday the parish agreed to build a new one of oak.",
        "Two carpenters from the next valley will cut the timber in the winter, when the sap is low and the road to the wood is frozen.",
        "The parish pays half of the cost, and the rest comes from people who bought flour sacks with a picture of the mill on them.",
        "A miller has been found as well: she learned the trade in Portugal and wants to grind rye, spelt and, if the water allows it, maize.",
        "The first sack of flour is to be sold at the spring fair, four weeks after the wheel turns for the first time.",
    ),
    "de": (
        "Die Mühle am Eschenbach steht seit dem Hochwasser von 1994 ohne Rad, und am Montag hat die Gemeinde beschlossen, ein neues aus Eiche zu bauen.",
        "Zwei Zimmerleute aus dem Nachbartal schneiden das Holz im Winter, wenn der Saft tief steht und der Weg in den Wald gefroren ist.",
        "Die Gemeinde zahlt die Hälfte der Kosten, den Rest geben Menschen, die Mehlsäcke mit einem Bild der Mühle gekauft haben.",
        "Auch eine Müllerin ist gefunden: Sie hat das Handwerk in Portugal gelernt und will Roggen, Dinkel und vielleicht Mais mahlen.",
        "Der erste Sack Mehl soll auf dem Frühlingsmarkt verkauft werden, vier Wochen nachdem sich das Rad zum ersten Mal dreht.",
    ),
    "fr": (
        "Le moulin du ruisseau des Frênes n'a plus de roue depuis la crue de 1994, et lundi la commune a décidé d'en construire une nouvelle en chêne.",
        "Deux charpentiers de la vallée voisine couperont le bois en hiver, quand la sève est basse et que le chemin de la forêt est gelé.",
        "La commune paie la moitié des travaux, et le reste vient de ceux qui ont acheté des sacs de farine avec une image du moulin.",
        "On a aussi trouvé une meunière: elle a appris le métier au Portugal et veut moudre du seigle, de l'épeautre et peut-être du maïs.",
        "Le premier sac de farine sera vendu à la foire de printemps, quatre semaines après le premier tour de la roue.",
    ),
    "es": (
        "El molino del arroyo de los Fresnos no tiene rueda desde la riada de 1994, y el lunes el municipio decidió construir una nueva de roble.",
        "Dos carpinteros del valle vecino cortarán la madera en invierno, cuando la savia está baja y el camino del bosque está helado.",
        "El municipio paga la mitad de las obras, y el resto viene de la gente que compró sacos de harina con un dibujo del molino.",
        "También hay una molinera: aprendió el oficio en Portugal y quiere moler centeno, espelta y, si el agua lo permite, maíz.",
        "El primer saco de harina se venderá en la feria de primavera, cuatro semanas después de la primera vuelta de la rueda.",
    ),
    "ru": (
        "Мельница на Ясеневом ручье стоит без колеса с паводка 1994 года, и в понедельник сельсовет решил построить новое, дубовое.",
        "Два плотника из соседней долины заготовят брус зимой, когда дерево спит, а дорога в лес уже замёрзла и держит сани.",
        "Половину расходов берёт на себя сельсовет, а остальное дали люди, которые купили мешки для муки с рисунком мельницы.",
        "Нашлась и мельничиха: она училась ремеслу в Португалии и хочет молоть рожь, полбу, а если хватит воды, то и кукурузу.",
        "Первый мешок муки продадут на весенней ярмарке, через четыре недели после того, как колесо повернётся в первый раз.",
    ),
    "el": (
        "Ο μύλος στο ρέμα στέκει χωρίς ρόδα από την πλημμύρα του 1994, και τη Δευτέρα η κοινότητα αποφάσισε να φτιάξει μια καινούργια από δρυ.",
        "Δύο ξυλουργοί από τη διπλανή κοιλάδα θα κόψουν τα ξύλα τον χειμώνα, όταν ο δρόμος προς το δάσος είναι παγωμένος.",
        "Η κοινότητα πληρώνει τα μισά έξοδα, και τα υπόλοιπα έρχονται από όσους αγόρασαν σακιά με μια εικόνα του μύλου.",
    ),
    "ar": (
        "تقف الطاحونة على الجدول بلا عجلة منذ فيضان عام 1994، وقرر المجلس المحلي يوم الاثنين بناء عجلة جديدة من خشب البلوط.",
        "سيقطع نجاران من الوادي المجاور الخشب في الشتاء، عندما يكون الطريق إلى الغابة متجمدا ويمكن جر الجذوع عليه.",
        "يدفع المجلس نصف التكاليف، ويأتي الباقي من الناس الذين اشتروا أكياس الطحين التي تحمل صورة الطاحونة.",
    ),
    "ja": (
        "小川の水車小屋は一九九四年の洪水から車輪がないままだったが、村は月曜日、樫の木で新しい車輪を作ることを決めた。",
        "隣の谷の大工二人が、道が凍る冬の間に木を切り出し、春までに小屋へ運ぶ予定だと村の担当者は述べた。",
        "費用の半分は村が払い、残りは水車の絵が入った粉袋を買った人たちの寄付でまかなわれるという。",
    ),
}  # fmt: skip


def p(*paragraphs: str) -> str:
    return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)


def page(body: str, *, title: str = TITLES["en"], head: str = "", lang: str = "en", heading: bool = True) -> bytes:
    """A page of one article: `body` goes below its headline."""
    h1 = f"<h1>{escape(title)}</h1>" if heading else ""
    return whole(f"<main><article>{h1}{body}</article></main>", title=title, head=head, lang=lang)


def whole(body: str, *, title: str = TITLES["en"], head: str = "", lang: str = "en") -> bytes:
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{escape(title)}</title>{head}</head>'
        f"<body>{body}</body></html>"
    ).encode()


def data(**fields: Any) -> str:
    """A block of JSON-LD."""
    return f'<script type="application/ld+json">{json.dumps({"@context": "https://schema.org", **fields})}</script>'


def news(title: str = TITLES["en"], **fields: Any) -> str:
    """The JSON-LD of an article."""
    return data(**{"@type": "NewsArticle", "headline": title, "datePublished": "2026-11-20T08:00:00Z", **fields})


def read(body: bytes, url: str = URL) -> Extraction:
    found = extract(body, url, now=NOW)
    assert found is not None
    return found


def lines(body: bytes, url: str = URL) -> list[str]:
    """The paragraphs of a page's text."""
    return read(body, url).text.split("\n\n")


def cases(table: Mapping[str, Any]) -> list[Any]:
    """The cases of a table, by name."""
    return [pytest.param(value, id=name) for name, value in table.items()]


def grid(*axes: Mapping[str, Any]) -> list[Any]:
    """The cases of several tables crossed, each named "a, b, c"."""
    return [
        pytest.param(*(value for _, value in pairs), id=", ".join(key for key, _ in pairs))
        for pairs in product(*(axis.items() for axis in axes))
    ]


def same(*names: str) -> dict[str, str]:
    """An axis of a grid whose values are their names."""
    return {name: name for name in names}
