"""Names of authors: all of them, whatever is around them; and nothing that only stands where a name would."""

from __future__ import annotations

import pytest

from crawler.config.models import PublisherRules
from crawler.extraction.extractor import extract
from tests.conftest import NOW
from tests.extraction.pages import PROSE, TITLES, cases, grid, news, p, read, same, whole

JUNK = (
    "Staff Writer", "Staff Reporter", "Written by", "Written By:", "Posted by", "By", "Name *", "Email *", "Comments", "Leave a comment",
    "Sunday", "Thursday", "Freitag", "dimanche", "четверг", "if(window.x){var a=1;}", "function(){return 1}", "var author = null;",
    "undefined", "null", "[object Object]", "{{author.name}}", "%AUTHOR%", "Brought to you by", "Brought to you by Brook Bank", "Sponsored by Brook Bank",
    "Sponsored Content", "Paid Post", "Presented by Brook Bank", "In partnership with Brook Bank", "Guest Post", "Web Desk", "News Desk", "Our Correspondent",
    "Редакция", "Автор", "Redaktion", "Autor", "La rédaction", "Redacción", "admin", "Administrator", "webmaster", "editor", "Share", "Follow", "Facebook",
    "Read more", "More from this author", "View all posts", "20 November 2026", "5 min read", "Updated", "Published", "info@example.org", "https://www.example.org/author/1",
    "The Brook Post", "Brook Post", "www.example.org", "example.org",
)  # fmt: skip
BYLINES = {
    "meta": ("<meta name='author' content='{n}'>", ""),
    "span": ("", "<span class='author'>{n}</span>"),
    "byline": ("", "<div class='byline'>By <a href='/author/x'>{n}</a></div>"),
    "rel": ("", "<p>By <a rel='author' href='/author/x'>{n}</a></p>"),
    "microdata": ("", "<div itemprop='author' itemscope><span itemprop='name'>{n}</span></div>"),
}
NAME = '<meta property="og:site_name" content="The Brook Post">'


def article(head: str = "", byline: str = "", language: str = "en", *, author: object = None) -> bytes:
    data = news(
        TITLES[language],
        **({"author": author} if author is not None else {}),
        publisher={"@type": "Organization", "name": "The Brook Post"},
    )
    body = f"<main><article><h1>{TITLES[language]}</h1>{byline}{p(*PROSE[language])}</article></main>"
    return whole(body, title=TITLES[language], lang=language, head=head + NAME + data)


def authors(body: bytes) -> tuple[str, ...]:
    return read(body).authors


@pytest.mark.parametrize(("junk", "place"), grid(same(*JUNK), same(*BYLINES, "json-ld", "json-ld text")))
def test_what_is_no_name_is_no_author(junk: str, place: str) -> None:
    shown = junk.replace("{{", "{ {")
    if place == "json-ld":
        found = authors(article(author={"@type": "Person", "name": junk}))
    elif place == "json-ld text":
        found = authors(article(author=junk))
    else:
        head, byline = (part.replace("{n}", shown) for part in BYLINES[place])
        found = authors(article(head, byline))
    assert found == ()


PEOPLE = {
    "en": ("Ada Quill", "Bo Lind"),
    "double": ("Jean-Luc Ferreira", "Mary-Kate O'Hara"),
    "particles": ("Ludwig van der Berg", "María de la Cruz"),
    "initials": ("J. R. Holt", "A.B. Marsh"),
    "ru": ("Варвара Соснина", "Глеб Устинов"),
    "accents": ("Žofie Říhová", "Łukasz Żak"),
    "el": ("Ελένη Παππά", "Νίκος Ρήγας"),
}
LINES = {
    "and": "By {0} and {1}",
    "comma": "By {0}, {1}",
    "ampersand": "By {0} &amp; {1}",
    "roles": "By {0}, Staff Writer, and {1}, Political Editor",
    "roles in spans": "By <span>{0}</span> <span>Staff Writer</span>, <span>{1}</span> <span>Science Editor</span>",
    "links": "By <a href='/author/1'>{0}</a> and <a href='/author/2'>{1}</a>",
    "text and photos": "Text: {0}, {1}",
    "slash": "By {0} / {1}",
    "bar": "{0} | {1}",
    "with a date": "By {0} and {1} | 20 November 2026",
    "reporting by": "Reporting by {0} and {1}",
}


@pytest.mark.parametrize(("line", "names"), grid(LINES, PEOPLE))
def test_both_names_of_a_byline(line: str, names: tuple[str, str]) -> None:
    assert authors(article(byline=f"<div class='byline'>{line.format(*names)}</div>")) == names


WORDS = {
    "de": "Von {0} und {1}",
    "fr": "Par {0} et {1}",
    "es": "Por {0} y {1}",
    "it": "Di {0} e {1}",
    "ru": "Автор: {0}, {1}",
    "nl": "Door {0} en {1}",
    "sv": "Av {0} och {1}",
    "pl": "Autorzy: {0}, {1}",
}


@pytest.mark.parametrize("language", cases(same(*WORDS)))
def test_the_word_for_by_in_several_languages(language: str) -> None:
    names = PEOPLE["ru"] if language == "ru" else PEOPLE["en"]
    assert authors(article(byline=f"<div class='byline'>{WORDS[language].format(*names)}</div>")) == names


DATA = {
    "persons": ([{"@type": "Person", "name": "Ada Quill"}, {"@type": "Person", "name": "Bo Lind"}], ("Ada Quill", "Bo Lind")),
    "with jobs": ([{"@type": "Person", "name": "Ada Quill", "jobTitle": "Editor"}, {"@type": "Person", "name": "Bo Lind"}], ("Ada Quill", "Bo Lind")),
    "job in the name": ({"@type": "Person", "name": "Ada Quill, Political Editor"}, ("Ada Quill",)),
    "job after a bar": ({"@type": "Person", "name": "Ada Quill | Staff Writer"}, ("Ada Quill",)),
    "job in brackets": ({"@type": "Person", "name": "Ada Quill (Staff Writer)"}, ("Ada Quill",)),
    "by in the name": ({"@type": "Person", "name": "By Ada Quill"}, ("Ada Quill",)),
    "mail": ({"@type": "Person", "name": "ada.quill@example.org (Ada Quill)"}, ("Ada Quill",)),
    "outlet as a person": ({"@type": "Person", "name": "The Brook Post"}, ()),
    "outlet as a person, short": ({"@type": "Person", "name": "Brook Post"}, ()),
    "outlet and a person": ([{"@type": "Person", "name": "The Brook Post"}, {"@type": "Person", "name": "Ada Quill"}], ("Ada Quill",)),
    "sponsor": ({"@type": "Organization", "name": "Sponsored by Brook Bank"}, ()),
    "twice": ([{"@type": "Person", "name": "Ada Quill"}, {"@type": "Person", "name": "Ada  Quill"}], ("Ada Quill",)),
    "list in one": ({"@type": "Person", "name": "Ada Quill, Bo Lind and Carl Marsh"}, ("Ada Quill", "Bo Lind", "Carl Marsh")),
    "names as a list": ({"@type": "Person", "name": ["Ada Quill", "Bo Lind"]}, ("Ada Quill", "Bo Lind")),
}  # fmt: skip


@pytest.mark.parametrize("case", cases(DATA))
def test_names_of_json_ld(case: tuple[object, tuple[str, ...]]) -> None:
    assert authors(article(author=case[0])) == case[1]


@pytest.mark.parametrize("language", ["en", "de", "ru"])
def test_a_blog_named_after_its_author_keeps_the_author(language: str) -> None:
    name = {"en": "Ada Quill", "de": "Jürgen Weiß", "ru": "Варвара Соснина"}[language]
    head = f'<meta property="og:site_name" content="{name}">' + news(TITLES[language], author={"@type": "Person", "name": name}, publisher={"@type": "Person", "name": name})  # fmt: skip
    body = f"<article><h1>{TITLES[language]}</h1>{p(*PROSE[language])}</article>"
    assert read(
        whole(body, title=f"{TITLES[language]} - {name}", lang=language, head=head), "https://adaquill.example/mill"
    ).authors == (name,)


@pytest.mark.parametrize(
    "shown", ["The Brook Post", "Brook Post", "example.org", "By The Brook Post", "THE BROOK POST"]
)
def test_the_outlet_is_no_author_with_rules_too(shown: str) -> None:
    rules = PublisherRules(authors=(".by a",))
    found = extract(
        article(byline=f"<div class='by'><a href='/about'>{shown}</a></div>"),
        "https://www.example.org/2026/11/20/mill",
        rules=rules,
        now=NOW,
    )
    assert found is not None
    assert found.authors == ()


@pytest.mark.parametrize("junk", ["Staff Writer", "Written by", "Brought to you by Brook Bank", "Thursday"])
def test_junk_is_no_author_with_rules_too(junk: str) -> None:
    rules = PublisherRules(authors=(".by a",))
    found = extract(
        article(byline=f"<div class='by'><a href='/about'>{junk}</a></div>"),
        "https://www.example.org/2026/11/20/mill",
        rules=rules,
        now=NOW,
    )
    assert found is not None
    assert found.authors == ()
