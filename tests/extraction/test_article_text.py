"""The text of an article, complete and in order, whatever its markup leaves open, hides, repeats or comments on."""

from __future__ import annotations

import pytest

from tests.extraction.pages import PROSE, TITLES, cases, lines, p, page, read, whole

LANGUAGES = ("en", "de", "ru", "ja")


def commented(text: str, at: int) -> str:
    return f"{text[:at]}<!-- -->{text[at:]}"


COMMENTS = {
    "in a paragraph": lambda text: f"<p>{commented(text, len(text) // 2)}</p>",
    "at its start": lambda text: f"<p><!-- x -->{text}</p>",
    "at its end": lambda text: f"<p>{text}<!-- /x --></p>",
    "many": lambda text: "<p>" + "<!-- -->".join(text[i : i + 9] for i in range(0, len(text), 9)) + "</p>",
    "between inline nodes": lambda text: f"<p>{text[:20]}<em>{text[20:30]}</em><!-- -->{text[30:40]}<!-- --><a href='/x'>{text[40:44]}</a><!-- -->{text[44:]}</p>",
    "around a paragraph": lambda text: f"<!--[--><p>{text}</p><!--]-->",
    "in a div": lambda text: f"<div><!-- -->{commented(text, 17)}</div>",
    "in a span": lambda text: f"<p><span><!-- -->{commented(text, 5)}</span><!-- --></p>",
    "a processing instruction": lambda text: f"<p>{text[:9]}<?block x?>{text[9:]}</p>",
    "of a conditional": lambda text: f"<!--[if !IE]><!--><p>{text}</p><!--<![endif]-->",
    "with markup in it": lambda text: f"<p>{text[:12]}<!-- <p>not this</p> -->{text[12:]}</p>",
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("mark", cases(COMMENTS))
def test_comments_cost_no_text(mark, language: str) -> None:  # type: ignore[no-untyped-def]
    body = "".join(map(mark, PROSE[language]))
    assert lines(page(body, title=TITLES[language], lang=language)) == list(PROSE[language])


@pytest.mark.parametrize(
    "row",
    [
        "<tr><!-- row --><td>Oak</td><td>12 beams</td></tr>",
        "<tr><td>Oak</td><!-- cell --><td>12 beams</td></tr>",
        "<tr><td><!-- -->Oak</td><td>12<!-- --> beams<?x y?></td></tr>",
        "<!-- before --><tr><td>Oak</td><td>12 beams</td></tr><!-- after -->",
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_comments_in_a_table_row_are_no_error(row: str, language: str) -> None:
    text = PROSE[language]
    table = f"<table><tr><td>Iron</td><td>3 bands</td></tr>{row}</table>"
    found = lines(page(p(*text[:2]) + table + p(text[2]), title=TITLES[language], lang=language))
    assert [line for line in found if line in text] == list(text[:3])
    assert "Oak | 12 beams" in found


OPEN = {
    "div in a button": "<button class='menu'><div class='icon'><div></button>",
    "span and div in a button": "<button><span><div></span></button>",
    "div in a link": "<a href='/'><div class='logo'></a>",
    "section in a link": "<a href='/'><section><div>Home</a>",
    "div in a header": "<header><div class='bar'><div>The Post</header>",
    "div in a nav": "<nav><div><ul><li><a href='/a'>News</a></li></ul></nav>",
    "form in a header": "<header><form action='/s'><div><input name=q></header>",
    "label in a form": "<form><label><div>Search</form>",
    "aside in a header": "<header><aside><div>Weather</header>",
    "button in a nav": "<nav><button><div>Menu</nav>",
    "figure in a footer": "<footer><figure><div></footer>",
    "div in a dialog": "<dialog><div><div>Cookies</dialog>",
    "div in a details": "<details><summary>Menu</summary><div></details>",
    "div in an aside": "<aside><div><div>Weather</aside>",
    "upper case": "<BUTTON><DIV></BUTTON>",
    "svg in a button": "<button><svg><path d='M0'/></svg><div></button>",
}


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("opened", cases(OPEN))
def test_what_is_left_open_in_a_box_swallows_no_page(opened: str, language: str) -> None:
    body = f"<div class='top'>{opened}</div><main><article><h1>{TITLES[language]}</h1>{p(*PROSE[language])}</article></main>"
    found = read(whole(body, title=TITLES[language], lang=language))
    assert found.text.split("\n\n") == list(PROSE[language])
    assert (found.title, found.problem) == (TITLES[language], None)


def test_what_is_left_open_inside_the_article_swallows_no_paragraph() -> None:
    text = PROSE["en"]
    for opened in ("<button><div>Share</button>", "<a href='/x'><div></a>", "<figure><div><img src=x></figure>"):
        assert lines(page(p(*text[:2]) + opened + p(*text[2:]))) == list(text)


BREAKS = {
    "two": "<br><br>",
    "closed": "<br/><br/>",
    "spaced": "<br> \n <br>",
    "three": "<br><br><br>",
    "nbsp": "<br>&nbsp;<br>",
    "with a class": '<br class="x"><br clear="all">',
}
SHELLS = {
    "p": "<p>{}</p>",
    "div": "<div>{}</div>",
    "td": "<table><tr><td>{}</td></tr></table>",
    "font": "<div><font size=2>{}</font></div>",
    "section": "<section>{}</section>",
}


@pytest.mark.parametrize("gap", cases(BREAKS))
@pytest.mark.parametrize("shell", cases(SHELLS))
@pytest.mark.parametrize("language", ["en", "ru"])
def test_empty_lines_make_paragraphs(gap: str, shell: str, language: str) -> None:
    text = PROSE[language]
    assert lines(page(shell.format(gap.join(text)), title=TITLES[language], lang=language)) == list(text)


@pytest.mark.parametrize("gap", ["<br><br>", "<br/><br/>", "<br><br><br>"])
@pytest.mark.parametrize("shell", ["<p><span>{}</span></p>", "<p><strong><i>{}</i></strong></p>"])
def test_empty_lines_in_inline_elements_make_paragraphs(gap: str, shell: str) -> None:
    assert lines(page(shell.format(gap.join(PROSE["en"])))) == list(PROSE["en"])


def test_one_line_break_makes_none_and_inline_markup_stays_in_order() -> None:
    a, b, c = PROSE["en"][:3]
    body = f"<p>{a[:30]}<b>{a[30:50]}</b>{a[50:]}<br><br>{b[:20]}<a href='/x'>{b[20:30]}</a>{b[30:]}<br>{c}</p>"
    assert lines(page(body + p(*PROSE["en"][3:]))) == [a, f"{b} {c}", *PROSE["en"][3:]]


def test_a_list_of_empty_lines_inside_a_quote_keeps_its_order() -> None:
    a, b, c, d, e = PROSE["en"]
    assert lines(page(f"{p(a)}<blockquote>{b}<br><br>{c}</blockquote><ul><li>{d}<br><br>{e}</li></ul>")) == [
        a,
        b,
        c,
        d,
        e,
    ]


HIDDEN = {
    "hidden": "<p hidden>{}</p>",
    "hidden div": "<div hidden><p>{}</p></div>",
    "hidden=hidden": '<section hidden="hidden"><p>{}</p></section>',
    "display none": '<p style="display:none">{}</p>',
    "display none, spaced": '<p style="color: red; DISPLAY : none !important">{}</p>',
    "visibility": '<div style="visibility:hidden"><p>{}</p></div>',
    "visually-hidden": '<p class="visually-hidden">{}</p>',
    "sr-only": '<span class="sr-only">{}</span>',
    "screen-reader-text": '<p class="screen-reader-text">{}</p>',
    "aria": '<div aria-hidden="true" hidden>{}</div>',
    "template": "<template><p>{}</p></template>",
    "dialog": "<dialog><p>{}</p></dialog>",
}  # fmt: skip


@pytest.mark.parametrize("language", ["en", "de", "ru"])
@pytest.mark.parametrize("hidden", cases(HIDDEN))
def test_what_is_not_shown_is_no_text(hidden: str, language: str) -> None:
    text, extra = PROSE[language], PROSE["fr"][0]
    found = lines(page(p(*text[:3]) + hidden.format(extra) + p(*text[3:]), title=TITLES[language], lang=language))
    assert found == list(text)


OPENED_BY_CLICK = {
    "accordion": "<h2>{0}</h2><div class='panel' hidden><p>{1}</p></div>",
    "until found": "<h2>{0}</h2><div hidden='until-found'><p>{1}</p></div>",
    "display none": "<h3>{0}</h3><div style='display: none'><p>{1}</p></div>",
    "details": "<details><summary>{0}</summary><p>{1}</p></details>",
}


@pytest.mark.parametrize("language", ["en", "de", "ru"])
@pytest.mark.parametrize("section", cases(OPENED_BY_CLICK))
def test_sections_that_a_click_opens_are_text(section: str, language: str) -> None:
    text = PROSE[language]
    body = p(text[0]) + "".join(section.format(f"{number}. {language}", line) for number, line in enumerate(text[1:]))
    found = lines(page(body, title=TITLES[language], lang=language))
    assert [line for line in found if line in text] == list(text)


def test_a_text_hidden_until_its_script_runs_is_text() -> None:
    assert lines(page(f"<div class='body' style='visibility: hidden'>{p(*PROSE['en'])}</div>")) == list(PROSE["en"])


COPIES = {
    "classes": ("<div class='wide'>{}</div>", "<div class='narrow'>{}</div>"),
    "sections": ("<section class='desktop-only'>{}</section>", "<section class='mobile-only'>{}</section>"),
    "nested": ("<div><div class='body-l'>{}</div></div>", "<div><div><div class='body-s'>{}</div></div></div>"),
    "articles": ("<div class='d-none d-md-block'>{}</div>", "<div class='d-md-none'>{}</div>"),
}


@pytest.mark.parametrize("language", ["en", "de", "ru", "ja"])
@pytest.mark.parametrize("copy", cases(COPIES))
def test_a_body_for_wide_and_for_narrow_screens_is_one(copy: tuple[str, str], language: str) -> None:
    text = p(*PROSE[language])
    body = "".join(part.format(text) for part in copy)
    assert lines(page(body, title=TITLES[language], lang=language)) == list(PROSE[language])


NEXT = {
    "divs": "<div class='story'><h1>{0}</h1><div class='body'>{1}</div></div>",
    "articles": "<article><h1>{0}</h1>{1}</article>",
    "articles with a class": "<article class='post'><header><h1>{0}</h1></header><div class='content'>{1}</div></article>",
    "sections": "<section class='article-page'><h1>{0}</h1><div class='text'>{1}</div></section>",
    "in a column": "<div class='col'><div class='entry'><h1>{0}</h1>{1}</div></div>",
    "headline above": "<div class='item'><h1>{0}</h1></div><div class='item-text'>{1}</div>",
}


@pytest.mark.parametrize("language", ["en", "de", "ru"])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("story", cases(NEXT))
def test_the_next_articles_below_are_not_this_one(story: str, count: int, language: str) -> None:
    """As a page has them that loads on while one scrolls: the address, the title and the first h1 are one article's."""
    other = PROSE["fr"] + PROSE["es"]
    next_ones = [story.format(f"Nouvelle numéro {n} de la région", p(*other[n : n + 5])) for n in range(count)]
    body = story.format(TITLES[language], p(*PROSE[language])) + "".join(next_ones)
    found = read(whole(f"<main>{body}</main>", title=TITLES[language], lang=language))
    assert found.text.split("\n\n") == list(PROSE[language])
    assert found.title == TITLES[language]
