"""What is beside an article is not its text, and what only looks like it is: links, appeals, notices, in several languages."""

from __future__ import annotations

import pytest

from tests.extraction.pages import PROSE, TITLES, URL, cases, lines, news, p, page, read, whole

ANNOUNCED = {
    "en": ("The prize goes to one of three workshops:", ("Holt & Sons", "Brook Joinery", "The Alder Yard")),
    "de": ("Um den Auftrag bewerben sich drei Werkstätten:", ("Holt und Söhne", "Tischlerei am Bach", "Erlenhof")),
    "ru": ("На заказ претендуют три мастерские:", ("Холт и сыновья", "Столярная у ручья", "Ольховый двор")),
    "fr": ("Trois ateliers se partagent les travaux:", ("Holt et fils", "Menuiserie du ruisseau", "La cour des aulnes")),
    "ja": ("仕事に名乗りを上げたのは次の三つの工房で、村が選ぶことになっている：", ("ホルト木工所", "小川木工", "榛の木工房")),
}  # fmt: skip
LISTS = {
    "ul": lambda names: "<ul>" + "".join(f"<li><a href='/w/{n}'>{name}</a></li>" for n, name in enumerate(names)) + "</ul>",
    "ol": lambda names: "<ol>" + "".join(f"<li><a href='/w/{n}'>{name}</a></li>" for n, name in enumerate(names)) + "</ol>",
    "paragraphs in items": lambda names: "<ul>" + "".join(f"<li><p><a href='/w/{n}'>{name}</a></p></li>" for n, name in enumerate(names)) + "</ul>",
    "strong links": lambda names: "<ul>" + "".join(f"<li><strong><a href='/w/{n}'>{name}</a></strong></li>" for n, name in enumerate(names)) + "</ul>",
    "elsewhere": lambda names: "<ul>" + "".join(f"<li><a href='https://w{n}.example.net/'>{name}</a></li>" for n, name in enumerate(names)) + "</ul>",
}  # fmt: skip


@pytest.mark.parametrize("language", ANNOUNCED)
@pytest.mark.parametrize("made", cases(LISTS))
def test_a_list_of_links_that_a_sentence_announces_is_text(made, language: str) -> None:  # type: ignore[no-untyped-def]
    said, names = ANNOUNCED[language]
    text = PROSE[language]
    body = p(*text[:2], said) + made([name.replace("&", "&amp;") for name in names]) + p(*text[2:])
    assert lines(page(body, title=TITLES[language], lang=language)) == [*text[:2], said, *names, *text[2:]]


@pytest.mark.parametrize("language", ["en", "de", "ru"])
@pytest.mark.parametrize(
    "heading", ['<h2 id="s{0}"><a href="#s{0}">{1}</a></h2>', '<h3><a id="s{0}" href="#s{0}">{1}</a></h3>', '<h2><a name="s{0}">{1}</a></h2>']
)  # fmt: skip
def test_a_heading_that_links_to_itself_is_text(heading: str, language: str) -> None:
    text = PROSE[language]
    names = {"en": ("The wood", "The money"), "de": ("Das Holz", "Das Geld"), "ru": ("Дерево", "Деньги")}[language]
    body = p(*text[:2]) + heading.format(1, names[0]) + p(*text[2:4]) + heading.format(2, names[1]) + p(*text[4:])
    assert lines(page(body, title=TITLES[language], lang=language)) == [
        *text[:2],
        names[0],
        *text[2:4],
        names[1],
        *text[4:],
    ]


@pytest.mark.parametrize("language", ["en", "de", "ru"])
@pytest.mark.parametrize("shell", ["<p>{}</p>", "<p><strong>{}</strong></p>", "<ul><li>{}</li></ul>"])
def test_a_paragraph_that_is_a_link_to_another_site_is_text(shell: str, language: str) -> None:
    words = {"en": "The plan of the parish, with drawings of the wheel", "de": "Der Plan der Gemeinde mit Zeichnungen des Rades", "ru": "План сельсовета с чертежами нового колеса"}[language]  # fmt: skip
    text = PROSE[language]
    link = shell.format(f"<a href='https://plans.example.net/wheel.pdf'>{words}</a>")
    body = p(*text[:3]) + link + p(*text[3:])
    assert lines(page(body, title=TITLES[language], lang=language)) == [*text[:3], words, *text[3:]]


READ_ALSO = {
    "en": ("Read also:", "Also read:", "See also:", "Related:", "Read more:", "More on this:", "You may also like:"),
    "de": ("Lesen Sie auch:", "Lies auch:", "Mehr dazu:", "Mehr zum Thema:", "Auch interessant:", "Siehe auch:"),
    "fr": ("Lire aussi :", "À lire aussi :", "Voir aussi :", "À lire :"),
    "es": ("Lee también:", "Lea también:", "Te puede interesar:", "Leer más:", "Más información:"),
    "ru": ("Читайте также:", "Читайте ещё:", "По теме:", "См. также:", "Смотрите также:"),
    "el": ("Διαβάστε επίσης:", "Δείτε επίσης:"),
    "ar": ("اقرأ أيضا:", "اقرأ أيضاً:"),
    "ja": ("関連記事:", "あわせて読みたい:", "【関連記事】"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("language", "said"),
    [
        pytest.param(language, line, id=f"{language}: {line}")
        for language, said in READ_ALSO.items()
        for line in said
    ],
)  # fmt: skip
def test_lines_that_lead_to_other_articles_are_no_text(language: str, said: str) -> None:
    text = PROSE[language]
    other = {"ja": "隣町の橋", "ar": "الجسر القديم", "el": "Η γέφυρα", "ru": "Мост закрыт на зиму"}.get(
        language, "Pont des Aulnes"
    )
    for line in (
        f"<p>{said} <a href='/2026/bridge'>{other}</a></p>",
        f"<p><strong>{said}</strong> <a href='/2026/bridge'>{other}</a></p>",
    ):
        assert lines(page(p(*text[:2]) + line + p(*text[2:]), title=TITLES[language], lang=language)) == list(text)


APPEALS = {
    "en": ("contribute-box", "We have a favour to ask", "Our journalists are independent, and readers pay for our reporting. Please support us with a monthly gift from £3, no matter how small. Thank you.", "We refuse to be silenced, and every contribution makes a difference to the work of our newsroom this year and in the years to come."),
    "de": ("spenden-aufruf", "Wir brauchen Sie", "Unsere Redaktion ist unabhängig. Unterstützen Sie unseren Journalismus monatlich mit 5 €, damit alle Leserinnen und Leser ihn frei lesen können.", "Jede Spende hilft der Redaktion, auch im kommenden Jahr über das zu berichten, was andere lieber verschweigen würden."),
    "ru": ("donate-banner", "У нас есть просьба", "Наша редакция независима. Поддержите журналистику ежемесячно, от 100 ₽, чтобы читатели могли и дальше узнавать правду.", "Любое пожертвование помогает журналистам работать в следующем году и писать о том, о чём другие молчат."),
    "fr": ("soutien", "Nous avons besoin de vous", "Notre rédaction est indépendante. Soutenez le journalisme par un don mensuel de 5 €, pour que tous les lecteurs puissent lire nos articles.", "Chaque don aide la rédaction à écrire, l'an prochain encore, ce que d'autres préfèrent taire."),
    "es": ("apoya-nos", "Necesitamos tu ayuda", "Nuestra redacción es independiente. Apoya el periodismo con una cuota mensual de 5 €, para que los lectores sigan informados.", "Cada aporte ayuda a la redacción a contar el año próximo lo que otros prefieren callar."),
}  # fmt: skip
BRIEF = {
    "en": ("The mill at Ashbrook turned again on Friday.", "Two hundred people came to see it.", "The flour was sold within an hour."),
    "de": ("Die Mühle am Eschenbach dreht sich wieder.", "Zweihundert Menschen kamen am Freitag.", "Das Mehl war nach einer Stunde verkauft."),
    "ru": ("Мельница на Ясеневом ручье снова работает.", "В пятницу её смотрели двести человек.", "Муку раскупили за час."),
    "fr": ("Le moulin du ruisseau tourne de nouveau.", "Deux cents personnes sont venues vendredi.", "La farine a été vendue en une heure."),
    "es": ("El molino del arroyo vuelve a girar.", "Doscientas personas vinieron el viernes.", "La harina se vendió en una hora."),
}  # fmt: skip
PLACES = {
    "below, in the article": "<article><h1>{title}</h1><div class='text'>{text}</div>{appeal}</article>",
    "below the article": "<article><h1>{title}</h1><div class='text'>{text}</div></article>{appeal}",
    "above": "{appeal}<article><h1>{title}</h1><div class='text'>{text}</div></article>",
    "in the text": "<article><h1>{title}</h1><div class='text'>{text}{appeal}</div></article>",
}


@pytest.mark.parametrize("place", cases(PLACES))
@pytest.mark.parametrize("language", APPEALS)
@pytest.mark.parametrize("of", [BRIEF, PROSE], ids=["brief", "article"])
def test_an_appeal_for_money_is_no_text(of: dict[str, tuple[str, ...]], language: str, place: str) -> None:
    """Beside a brief the appeal is the longer text."""
    name, heading, *words = APPEALS[language]
    appeal = f"<div class='{name}'><h4>{heading}</h4>{p(*words)}<a href='/give'>OK</a></div>"
    body = place.format(title=TITLES[language], text=p(*of[language]), appeal=appeal)
    found = read(whole(f"<main>{body}</main>", title=TITLES[language], lang=language, head=news(TITLES[language])))
    assert found.text.split("\n\n") == list(of[language])


NOTICES = {
    "en": "<noscript>You need to enable JavaScript to run this app.</noscript>",
    "a comments notice": "<noscript><p>Please turn on JavaScript to read and write comments.</p></noscript>",
    "de": "<noscript>Bitte aktivieren Sie JavaScript, um alle Funktionen zu nutzen.</noscript>",
    "ru": "<noscript><div>Включите JavaScript в вашем браузере.</div></noscript>",
    "a pixel": "<noscript><img src='https://stats.example/p.gif' style='display:none'></noscript>",
    "a script": "<script type='text/javascript'>var s = {javascript_enabled: true, msg: 'Please enable JavaScript'};</script>",
    "a script's source": '<script type="text/javascript">x.enabled_slots = []; // without JavaScript nothing works</script>',
    "an attribute": "<div data-message='This site requires JavaScript'></div>",
    "a comment": "<!-- JavaScript must be enabled -->",
    "a lazy picture": "<figure><img data-src='/1.jpg'><noscript><img src='/1.jpg'></noscript></figure>",
}


@pytest.mark.parametrize("described", [True, False], ids=["described", "bare"])
@pytest.mark.parametrize("language", ["en", "de", "ru"])
@pytest.mark.parametrize("notice", cases(NOTICES))
def test_a_brief_beside_a_notice_on_scripts_is_a_brief(notice: str, language: str, described: bool) -> None:
    head = news(TITLES[language]) if described else ""
    for where in ("{0}{1}", "{1}{0}"):
        body = f"<article><h1>{TITLES[language]}</h1>{p(*BRIEF[language])}</article>"
        found = read(whole(where.format(notice, body), title=TITLES[language], lang=language, head=head))
        assert (found.problem, found.completeness) == (None, "full")
        assert found.text.split("\n\n") == list(BRIEF[language])


def test_a_shell_that_needs_scripts_is_still_one() -> None:
    for notice in ("You need to enable JavaScript to run this app.", "Bitte aktivieren Sie JavaScript."):
        shell = whole(f"<div id='root'></div><noscript>{notice}</noscript><script src='/app.js'></script>")
        assert read(shell).problem == "needs JavaScript"


CARDS = (
    "<section class='cluster'><h2>{more}</h2><div class='row'>"
    + "".join(f"<div class='card'><a href='/2026/11/{n}/card'><span class='label'>news</span><h3>{{card}} {n}</h3><div class='teaser'>{{teaser}}</div></a></div>" for n in range(1, 5))
    + "</div></section>"
)  # fmt: skip


@pytest.mark.parametrize("language", ["en", "de", "ru"])
@pytest.mark.parametrize("place", ["<article><article><h1>{0}</h1>{1}</article>{2}</article>", "<div><div><h1>{0}</h1><div class='t'>{1}</div></div>{2}</div>"])  # fmt: skip
def test_the_cards_below_a_brief_are_no_text(place: str, language: str) -> None:
    more, card, teaser = {"en": ("Read more", "The bridge is closed, part", "What there is to know about it."), "de": ("Mehr", "Die Brücke ist gesperrt, Teil", "Was man wissen muss."), "ru": ("Читайте также", "Мост закрыт, часть", "Что об этом известно.")}[language]  # fmt: skip
    body = place.format(TITLES[language], p(*BRIEF[language]), CARDS.format(more=more, card=card, teaser=teaser))
    found = read(whole(body, title=TITLES[language], lang=language, head=news(TITLES[language])))
    assert found.text.split("\n\n") == list(BRIEF[language])


PARTS = {
    "a random id": '<div id="ad7c3f" class="css-ad1x9">{0}</div>',
    "a class that begins with ad": '<div class="adlibris-text">{0}</div>',
    "an item that is a link in a sentence": "<ul><li>{1} <a href='/x'>Ashbrook</a></li></ul>",
    "a heading in a block of its own": "<div class='block'><h2>{2}</h2></div><div class='block'>{0}</div>",
}


@pytest.mark.parametrize("language", ["en", "de", "ru"])
@pytest.mark.parametrize("name", PARTS)
def test_parts_of_the_article_stay(name: str, language: str) -> None:
    text = PROSE[language]
    part = PARTS[name].format(p(*text[2:4]), text[2], "1994–2026")
    found = lines(page(p(*text[:2]) + part + p(text[4]), title=TITLES[language], lang=language), URL)
    wanted = {"an item that is a link in a sentence": [f"{text[2]} Ashbrook"], "a heading in a block of its own": ["1994–2026", *text[2:4]]}  # fmt: skip
    assert found == [*text[:2], *wanted.get(name, text[2:4]), text[4]]
