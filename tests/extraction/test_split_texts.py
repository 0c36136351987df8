"""Texts that are not in the page's paragraphs: on other pages, in templates and scripts, in captions."""

from __future__ import annotations

import json
from html import escape

import pytest

from tests.extraction.pages import PROSE, TITLES, cases, grid, lines, news, p, page, read, same, whole

PAGED = {
    "en: a line": ("en", "<div class='pager'>Page 1 of 3 <a rel='next' href='?page=2'>Next</a></div>"),
    "en: a sentence": ("en", "<p class='pages'>Page 1 of 3</p><a class='next' href='/2026/11/20/mill/2'>Next page »</a>"),
    "en: a fraction": ("en", "<nav class='article-pages'><span>1/3</span> <a href='?page=2' rel='next'>Next page</a></nav>"),
    "en: rel next": ("en", "<ul class='pagination'><li>1</li><li><a href='?page=2' rel='next'>2</a></li><li><a href='?page=3'>3</a></li></ul>"),
    "en: numbers": ("en", "<div class='page-links'>Pages: <span>1</span> <a href='/2026/11/20/the-mill-gets-a-new-wheel/2/'>2</a> <a href='/2026/11/20/the-mill-gets-a-new-wheel/3/'>3</a></div>"),
    "de: a line": ("de", "<div class='seiten'>Seite 1 von 3 <a href='/2026/11/20/muehle/seite-2'>Weiter</a></div>"),
    "de: next": ("de", "<div>Seite 1/3</div><a rel='next' href='?p=2'>Nächste Seite</a>"),
    "fr: a line": ("fr", "<div class='pages'>Page 1 sur 3 <a rel='next' href='?page=2'>Suivant</a></div>"),
    "es: a line": ("es", "<div class='paginas'>Página 1 de 3 <a rel='next' href='?page=2'>Siguiente</a></div>"),
    "ru: a line": ("ru", "<div class='pages'>Страница 1 из 3 <a rel='next' href='?page=2'>Дальше</a></div>"),
    "ja: a line": ("ja", "<div class='pages'>1/3ページ <a rel='next' href='?page=2'>次へ</a></div>"),
}  # fmt: skip


@pytest.mark.parametrize("case", cases(PAGED))
def test_page_1_of_3_is_a_teaser(case: tuple[str, str]) -> None:
    language, pager = case
    text = PROSE[language]
    head = news(TITLES[language])
    if "rel='next'" in pager:
        head += "<link rel='next' href='https://www.example.org/2026/11/20/the-mill-gets-a-new-wheel?page=2'>"
    found = read(page(p(*text) + pager, title=TITLES[language], lang=language, head=head))
    assert found.text.split("\n\n") == list(text)
    assert found.completeness == "teaser"
    assert found.provenance["text"]["raw"] == "page 1 of 3"


@pytest.mark.parametrize("language", ["en", "de", "ru"])
@pytest.mark.parametrize(
    "near",
    [
        "<nav><a rel='next' href='/2026/11/19/bridge'>Next article</a></nav>",
        "<div class='pagination'><a rel='prev' href='/2026/11/19/bridge'>1</a> <a rel='next' href='/2026/11/21/fair'>2</a></div>",
        "<div id='comments'>Page 1 of 3 <a href='?comments=2'>More comments</a></div>",
        "<div class='gallery'>Picture 1 of 3</div>",
        "<section><h2>Page 1 of 3 of the accounts</h2></section>",
    ],
)
def test_what_only_looks_like_pages_makes_no_teaser(near: str, language: str) -> None:
    found = read(page(p(*PROSE[language]) + near, title=TITLES[language], lang=language, head=news(TITLES[language])))
    assert found.completeness == "full"
    assert [line for line in found.text.split("\n\n") if line in PROSE[language]] == list(PROSE[language])


def test_a_page_that_is_the_last_or_the_only_one_is_full() -> None:
    for pager in ("<div class='pager'>Page 1 of 1</div>", "<div class='pager'>1/1</div>"):
        assert read(page(p(*PROSE["en"]) + pager, head=news())).completeness == "full"


TEMPLATES = {
    "text/template": '<div id="story"></div><script type="text/template" id="body">{0}</script>',
    "text/x-handlebars": '<div id="story"></div><script type="text/x-handlebars-template">{0}</script>',
    "text/html": '<div id="story"></div><script type="text/html" data-for="story">{0}</script>',
    "template element": "<div id='story'></div><template id='body'>{0}</template>",
    "noscript": "<div id='story'></div><noscript>{0}</noscript>",
}


@pytest.mark.parametrize(("made", "language"), grid(TEMPLATES, same("en", "de", "ru")))
def test_a_body_in_a_template_is_the_text(made: str, language: str) -> None:
    body = f"<main><h1>{TITLES[language]}</h1>{made.format(p(*PROSE[language]))}</main>"
    found = read(whole(body, title=TITLES[language], lang=language, head=news(TITLES[language])))
    assert (found.problem, found.text.split("\n\n")) == (None, list(PROSE[language]))


def state(paragraphs: tuple[str, ...]) -> dict[str, object]:
    return {"props": {"pageProps": {"article": {"id": 7, "title": "x", "body": p(*paragraphs), "tags": ["a"]}}}}


def dumped(paragraphs: tuple[str, ...]) -> str:
    return json.dumps(state(paragraphs)).replace("</", "<\\/")


JSON = {
    "next data": lambda text: f'<script id="__NEXT_DATA__" type="application/json">{dumped(text)}</script>',
    "blocks": lambda text: f'<script type="application/json">{json.dumps({"content": [{"type": "paragraph", "text": line} for line in text]})}</script>',
    "assigned": lambda text: f"<script>window.__STATE__ = {dumped(text)};</script>",
    "an attribute": lambda text: f'<div id="app" data-page="{escape(json.dumps(state(text)))}"></div>',
}  # fmt: skip


@pytest.mark.parametrize(("made", "language"), grid(JSON, same("en", "de", "ru")))
def test_a_body_in_json_data_is_the_text(made, language: str) -> None:  # type: ignore[no-untyped-def]
    body = f"<div id='app'><h1>{TITLES[language]}</h1></div>{made(PROSE[language])}"
    found = read(whole(body, title=TITLES[language], lang=language, head=news(TITLES[language])))
    assert (found.problem, found.text.split("\n\n")) == (None, list(PROSE[language]))


@pytest.mark.parametrize("language", ["en", "de", "ru"])
def test_a_headline_alone_is_no_text(language: str) -> None:
    body = f"<div id='app'><h1>{TITLES[language]}</h1></div><script src='/app.js'></script>"
    found = read(whole(body, title=TITLES[language], lang=language, head=news(TITLES[language])))
    assert (found.text, found.completeness) == ("", "headline")


@pytest.mark.parametrize("language", ["en", "de", "ru"])
def test_a_body_in_json_ld_is_the_text_where_the_page_has_none(language: str) -> None:
    text = PROSE[language]
    for body in ("\n\n".join(text), p(*text)):
        head = news(TITLES[language], articleBody=body)
        shell = whole(
            f"<div id='app'><h1>{TITLES[language]}</h1></div>", title=TITLES[language], lang=language, head=head
        )
        found = read(shell)
        assert (found.problem, found.text.split("\n\n")) == (None, list(text))


@pytest.mark.parametrize("language", ["en", "de", "ru"])
def test_data_of_other_articles_is_no_text(language: str) -> None:
    other = f'<script id="__NEXT_DATA__" type="application/json">{dumped(PROSE["fr"])}</script>'
    template = f'<script type="text/template">{p(*PROSE["es"])}</script>'
    found = page(p(*PROSE[language]) + other + template, title=TITLES[language], lang=language)
    assert lines(found) == list(PROSE[language])


CAPTIONS = {
    "en": ("The wheel is cut from nine oaks.", "The carpenters drink tea on the dam.", "The first sack is filled to the brim.", "The brook carries ice until March."),
    "de": ("Das Rad ist aus neun Eichen gemacht.", "Die Zimmerleute trinken Tee auf dem Damm.", "Der erste Sack ist randvoll.", "Der Bach führt bis März noch Eis."),
    "ru": ("Колесо вытесано из девяти дубов.", "Плотники пьют чай на плотине.", "Первый мешок наполнен до краёв.", "До марта ручей несёт лёд."),
}  # fmt: skip
SLIDES = {
    "figcaption": "<figure><img src='/{n}.jpg'><figcaption>{c}</figcaption></figure>",
    "figcaption with credit": "<figure><img src='/{n}.jpg'><figcaption><span class='caption'>{c}</span><span class='credit'>Ada Quill</span></figcaption></figure>",
    "figcaption with small": "<figure><img src='/{n}.jpg'><figcaption>{c} <small class='copyright'>© Ada Quill</small></figcaption></figure>",
    "block caption": "<div class='slide'><img src='/{n}.jpg'><div class='slide__caption'>{c}</div></div>",
    "paragraph caption": "<div class='gallery-item'><img src='/{n}.jpg'><p class='gallery-item__caption'>{c}</p></div>",
    "camel caption": "<li class='slide'><img src='/{n}.jpg'><span class='imageCaption'>{c}</span></li>",
    "data-caption": "<a class='slide' href='/{n}.jpg' data-caption='{c}'><img src='/{n}-s.jpg'></a>",
    "data-caption on the picture": "<div class='slide'><img src='/{n}.jpg' data-caption='{c}'></div>",
    "data-sub-html": "<a class='slide' href='/{n}.jpg' data-sub-html='&lt;p&gt;{c}&lt;/p&gt;'><img src='/{n}-s.jpg'></a>",
    "wp": "<div class='wp-caption'><img src='/{n}.jpg'><p class='wp-caption-text'>{c}</p></div>",
}  # fmt: skip


@pytest.mark.parametrize(("slide", "language"), grid(SLIDES, same("en", "de", "ru")))
def test_a_gallerys_captions_are_its_text_in_order(slide: str, language: str) -> None:
    intro = PROSE[language][0]
    slides = "".join(slide.format(n=n, c=caption) for n, caption in enumerate(CAPTIONS[language]))
    body = page(f"{p(intro)}<div class='gallery'>{slides}</div>", title=TITLES[language], lang=language, head=news(TITLES[language], **{"@type": "ImageGallery"}))  # fmt: skip
    found = read(body, "https://www.example.org/gallery/2026/the-mill")
    assert found.kind == "gallery"
    assert found.text.split("\n\n") == [intro, *CAPTIONS[language]]


def test_captions_of_an_article_are_no_text() -> None:
    for name, slide in SLIDES.items():
        found = page(p(*PROSE["en"][:2]) + slide.format(n=1, c=CAPTIONS["en"][0]) + p(*PROSE["en"][2:]))
        assert lines(found) == list(PROSE["en"]), name
