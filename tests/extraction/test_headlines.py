"""The headline: one of several witnesses, without the site's name; and its copies in the text, wherever they are."""

from __future__ import annotations

import pytest

from tests.extraction.pages import PROSE, TITLES, cases, grid, lines, news, p, page, read, same, whole

LANGUAGES = ("en", "de", "ru")
REPEATED = {
    "above": ("<h2>{h}</h2>{0}{1}{2}{3}{4}", (0, 1, 2, 3, 4)),
    "above, as a paragraph": ("<p><b>{h}</b></p>{0}{1}{2}{3}{4}", (0, 1, 2, 3, 4)),
    "twice above": ("<h2>{h}</h2><div>{h}</div>{0}{1}{2}{3}{4}", (0, 1, 2, 3, 4)),
    "below a kicker": ("<p>Ashbrook</p><h2>{h}</h2>{0}{1}{2}{3}{4}", (0, 1, 2, 3, 4)),
    "below a date": ("<p>20.11.2026</p><h2>{h}</h2>{0}{1}{2}{3}{4}", (0, 1, 2, 3, 4)),
    "after a long lead": ("{0}<h2>{h}</h2>{1}{2}{3}{4}", (0, 1, 2, 3, 4)),
    "after two long leads": ("{0}{1}<h2>{h}</h2>{2}{3}{4}", (0, 1, 2, 3, 4)),
    "after most of the text": ("{0}{1}{2}{3}<h2>{h}</h2>{4}", (0, 1, 2, 3, 4)),
    "below the text": ("{0}{1}{2}{3}{4}<h2>{h}</h2><p>Ashbrook News</p>", (0, 1, 2, 3, 4)),
    "in capitals": ("<p>{H}</p>{0}{1}{2}{3}{4}", (0, 1, 2, 3, 4)),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", cases(REPEATED))
def test_a_repeated_headline_costs_no_paragraph(case: tuple[str, tuple[int, ...]], language: str) -> None:
    text, title = PROSE[language], TITLES[language]
    body = case[0].format(*map(p, text), h=title, H=title.upper())
    found = lines(page(body, title=title, lang=language))
    assert [line for line in found if line in text] == [text[at] for at in case[1]]
    assert title not in found[:1]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("leads", [1, 2])
def test_a_lead_above_the_headline_stays(language: str, leads: int) -> None:
    text, title = PROSE[language], TITLES[language]
    body = f"<article>{p(*text[:leads])}<h1>{title}</h1>{p(*text[leads:])}</article>"
    found = read(whole(body, title=title, lang=language))
    assert found.title == title
    assert found.text.split("\n\n") == list(text)


NAMES = {
    "en": "The Brook Post",
    "de": "Bachbote",
    "ru": "Вести долины",
    "ja": "谷の新聞",
    "ar": "صحيفة الوادي",
    "el": "Η Κοιλάδα",
}
SUFFIXES = {
    "hyphen": "{t} - {n}",
    "pipe": "{t} | {n}",
    "dash": "{t} – {n}",
    "long dash": "{t} — {n}",
    "dot": "{t} · {n}",
    "arrow": "{t} » {n}",
    "section and name": "{t} | Region | {n}",
    "name first": "{n} | {t}",
    "name first, hyphen": "{n} - {t}",
    "no spaces": "{t}|{n}",
    "wide bar": "{t}｜{n}",
    "underscore": "{t}_{n}",
    "brackets": "{t} ({n})",
    "square brackets": "{t} [{n}]",
    "host": "{t} - example.org",
}  # fmt: skip


@pytest.mark.parametrize(("heading", "form", "language"), grid({"h1": True, "no h1": False}, SUFFIXES, same(*NAMES)))
def test_the_sites_name_is_no_part_of_the_title(form: str, language: str, heading: bool) -> None:
    title, name = TITLES[language], NAMES[language]
    full = form.format(t=title, n=name)
    head = f'<meta property="og:site_name" content="{name}"><meta property="og:title" content="{full}">'
    text = p(*PROSE[language])
    shown = f"<article><h1>{title}</h1>{text}</article>" if heading else f"<article>{text}</article>"
    assert read(whole(shown, title=full, head=head, lang=language)).title == title


BRAND = {
    "og": '<meta property="og:title" content="{n}">',
    "twitter": '<meta name="twitter:title" content="{n}">',
    "og and twitter": '<meta property="og:title" content="{n}"><meta name="twitter:title" content="{n}">',
    "og, a tagline": '<meta property="og:title" content="{n}: news from the brook and the hills">',
    "json-ld": '<script type="application/ld+json">{{"@type": "NewsArticle", "headline": "{n}"}}</script>',
    "json-ld, a tagline": '<script type="application/ld+json">{{"@type": "NewsArticle", "headline": "wood, water and work"}}</script>',
    "json-ld, a teaser": '<script type="application/ld+json">{{"@type": "NewsArticle", "headline": "Oak, 1994, Portugal", "name": "{t}"}}</script>',
    "all for other sites": '<meta property="og:title" content="{n}"><meta name="twitter:title" content="{n}"><script type="application/ld+json">{{"@type": "NewsArticle", "headline": "{n}"}}</script>',
}  # fmt: skip


@pytest.mark.parametrize(
    ("brand", "named", "language"), grid(BRAND, {"named": True, "no name": False}, same("en", "ru", "ja"))
)
def test_the_site_or_its_tagline_is_no_title(brand: str, language: str, named: bool) -> None:
    title, name = TITLES[language], NAMES[language]
    head = brand.format(n=name, t=title) + (f'<meta property="og:site_name" content="{name}">' if named else "")
    body = f"<article><h1>{title}</h1>{p(*PROSE[language])}</article>"
    assert read(whole(body, title=f"{title} - {name}", head=head, lang=language)).title == title


WIDGETS = {
    "translator": "<div class='skiptranslate'><h1>Original text</h1></div>{0}",
    "translator below": "{0}<div class='skiptranslate'><h1>Original text</h1><div>Rate this translation</div></div>",
    "menu": "<header><h1>MENU</h1></header>{0}",
    "search": "<div class='overlay'><h1>Search</h1></div>{0}",
    "navigation": "<nav><h1>Main navigation</h1></nav>{0}",
    "the site's name": "<header><h1><a href='/'>The Brook Post</a></h1></header>{0}",
    "a consent box": "<div class='cmp'><h1>Cookies</h1></div>{0}",
    "a newsletter": "<div><h1>Newsletter</h1></div>{0}",
    "an empty h1": "<h1><a href='/'><img src='/logo.svg' alt='The Brook Post'></a></h1>{0}",
    "German menu": "<header><h1>Menü</h1></header>{0}",
    "German search": "<div><h1>Suche</h1></div>{0}",
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("said", [True, False], ids=["og:title", "title alone"])
@pytest.mark.parametrize("widget", cases(WIDGETS))
def test_a_widgets_h1_is_no_title(widget: str, language: str, said: bool) -> None:
    title = TITLES[language]
    head = '<meta property="og:site_name" content="The Brook Post">'
    head += f'<meta property="og:title" content="{title}">' if said else ""
    body = widget.format(f"<article><h1>{title}</h1>{p(*PROSE[language])}</article>")
    found = read(whole(body, title=f"{title} - The Brook Post", head=head, lang=language))
    assert found.title == title
    assert found.text.split("\n\n") == list(PROSE[language])


@pytest.mark.parametrize(
    ("h1", "og", "title"),
    [
        ("Mill: a new wheel, at last", "Mill: a new wheel, at last", "Mill: a new wheel, at last | The Brook Post"),
        ("Wheel - the last one - is gone", "Wheel - the last one - is gone", "Wheel - the last one - is gone"),
        ("Mill-owners win", "Mill-owners win - The Brook Post", "Mill-owners win - The Brook Post"),
        ("Why the Brook Post Office closes", "Why the Brook Post Office closes", "Why the Brook Post Office closes"),
        ("1994-2026: a mill without a wheel", "1994-2026: a mill without a wheel", "1994-2026: a mill without a wheel - News"),
        ("“A wheel | a life”", "“A wheel | a life”", "“A wheel | a life” | The Brook Post"),
    ],
)  # fmt: skip
def test_separators_of_the_headline_itself_stay(h1: str, og: str, title: str) -> None:
    head = f'<meta property="og:site_name" content="The Brook Post"><meta property="og:title" content="{og}">'
    assert read(whole(f"<article><h1>{h1}</h1>{p(*PROSE['en'])}</article>", title=title, head=head)).title == h1


@pytest.mark.parametrize("language", ["en", "de", "ru", "ja"])
def test_an_h1_that_is_the_titles_head_wins(language: str) -> None:
    """Suffixes that no name announces: a section, a town, a programme."""
    title = TITLES[language]
    for suffix in (" - Region", " | Tal und Hügel", ": News", " — 20.11.2026", " | Ashbrook, Holt, Alder"):
        body = f"<main><h1>{title}</h1>{p(*PROSE[language])}</main>"
        assert read(whole(body, title=title + suffix, lang=language)).title == title, suffix
        graph = f'<meta property="og:title" content="{title}{suffix}">'
        assert read(whole(body, title=title + suffix, head=graph, lang=language)).title == title, suffix


@pytest.mark.parametrize("language", ["en", "de", "ru"])
def test_a_related_articles_data_gives_no_title(language: str) -> None:
    title = TITLES[language]
    body = f"<main><h1>{title}</h1>{p(*PROSE[language])}</main>"
    for head in (
        news("Bridge tolls rise again"),
        news("Bridge tolls rise again", url="https://www.example.org/2026/11/1/bridge"),
    ):
        assert read(whole(body, title=title, head=head, lang=language)).title == title
