"""Authors: every name, no "By", no job, no outlet, no other article's."""

from __future__ import annotations

import json

import pytest

from crawler.extraction.extractor import extract

BODY = "".join(
    f"<p>The harbour board voted on Tuesday to dredge the western basin before the winter storms, part {n}.</p>"
    for n in range(5)
)


def found(
    byline: str = "",
    ld: object = None,
    head: str = "",
    url: str = "https://www.harbour-post.example/a/story-of-the-day",
) -> tuple[tuple[str, ...], str | None]:
    data = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": "Board votes to dredge",
        "publisher": {"name": "Harbour Post"},
    }
    if ld is not None:
        data["author"] = ld  # type: ignore[assignment]
    page = f"<html><head>{head}<script type='application/ld+json'>{json.dumps(data)}</script></head><body><main><h1>Board votes to dredge</h1>{byline}<article>{BODY}</article></main></body></html>"
    extraction = extract(page.encode(), url)
    assert extraction is not None
    return extraction.authors, extraction.agency


@pytest.mark.parametrize(
    ("ld", "names"),
    [
        ({"@type": "Person", "name": "Anna Smith"}, ("Anna Smith",)),
        ([{"name": "Anna Smith"}, {"name": "Li Wei"}], ("Anna Smith", "Li Wei")),
        ("By Anna Smith and Li Wei", ("Anna Smith", "Li Wei")),
        ("Trine Holm og Kaj Berg", ("Trine Holm", "Kaj Berg")),
        ({"@type": "Person", "givenName": "Anna", "familyName": "Smith"}, ("Anna Smith",)),
        ("신현주 기자", ("신현주",)),
        ("anna-smith", ("Anna Smith",)),
        ({"@type": "Person", "name": "Harbour Post"}, ()),
        ({"@type": "Organization", "name": "harbour-post.example"}, ()),
        ("admin", ()),
        ("desk@harbour-post.example", ()),
    ],
)
def test_json_ld(ld: object, names: tuple[str, ...]) -> None:
    assert found(ld=ld)[0] == names


@pytest.mark.parametrize(
    ("byline", "names"),
    [
        (
            '<div class="byline">By <a href="/author/anna">Anna Smith</a> and <a href="/author/li">Li Wei</a></div>',
            ("Anna Smith", "Li Wei"),
        ),
        ('<div class="byline"><span>Anna Smith</span><span>Travel Editor</span></div>', ("Anna Smith",)),
        ('<span class="article__author">Von Anna Smith, Hamburg</span>', ("Anna Smith", "Hamburg")),
        ('<p class="meta__author-name">Anna Smith</p>', ("Anna Smith",)),
        ('<p class="text-sm">By Anna Smith</p>', ("Anna Smith",)),
        ("<ul><li><strong>Autorin</strong> Anna Smith</li></ul>", ("Anna Smith",)),
        ('<a rel="author">Anna Smith</a>', ("Anna Smith",)),
        ('<div id="authors"><span>Anna Smith</span></div>', ("Anna Smith",)),
        ("<span>von Anna Smith</span>", ("Anna Smith",)),
        ('<span><a href="/about/newsteam/anna-smith/12">Anna Smith</a></span>', ("Anna Smith",)),
        (
            '<div class="byline"><a rel="author">Anna Smith</a></div><div class="byline"><a rel="author">Li Wei</a></div>',
            ("Anna Smith", "Li Wei"),
        ),
        (
            '<a rel="author"><span class="firstname">Anna Maria</span> <span class="lastname">Smith</span></a>',
            ("Anna Maria Smith",),
        ),
        (
            '<a rel="author"><b>Anna Smith</b><span class="first-name">Anna</span><span class="last-name">Smith</span></a>',
            ("Anna Smith",),
        ),
        (
            '<li>Von: <span class="x"><a href="/a-s">Anna SMITH</a>, </span><span class="x"><a href="/li">Li WEI</a></span></li>',
            ("Anna SMITH", "Li WEI"),
        ),
        (
            '<div class="byline">By Anna Smith</div><div class="byline">Transport Correspondent</div>',
            ("Anna Smith",),
        ),
        (
            '<a rel="author"><span class="first-name">Anna</span> <span class="last-name">Smith</span> and <b>Li Wei</b></a>',
            ("Anna", "Smith", "Li Wei"),
        ),
        ("<p>By <b>clicking</b> you agree</p>", ()),
        ("<p>by the harbour Board</p>", ()),
        ('<footer><a rel="author">Web Master</a></footer>', ()),
    ],
)
def test_bylines(byline: str, names: tuple[str, ...]) -> None:
    assert found(byline)[0] == names


def test_a_byline_that_names_more_is_the_fuller_one() -> None:
    byline = '<div class="byline"><a class="author">Anna Smith</a> <a class="author">Li Wei</a></div>'
    assert found(byline, {"name": "Anna Smith"})[0] == ("Anna Smith", "Li Wei")


def test_an_outlet_that_names_itself_gives_way_to_the_person() -> None:
    assert found('<span class="author">Anna Smith</span>', {"@type": "Organization", "name": "Harbour Post"})[0] == (
        "Anna Smith",
    )


def test_other_articles_cards_are_no_bylines() -> None:
    cards = "<p>x</p>" * 200 + '<div class="card"><span class="author">Someone Else</span></div>'
    assert found(ld={"@type": "Organization", "name": "Coast Network"}, byline=cards)[0] == ("Coast Network",)


def test_an_author_that_is_a_reference_is_looked_up() -> None:
    page = {
        "@graph": [
            {"@type": "NewsArticle", "headline": "Board votes to dredge", "author": {"@id": "#anna"}},
            {"@type": "Person", "@id": "#anna", "name": "Anna Smith"},
        ]
    }
    extraction = extract(
        f"<html><head><script type='application/ld+json'>{json.dumps(page)}</script></head><body><h1>Board votes to dredge</h1>{BODY}</body></html>".encode(),
        "https://a.example/b/c-d-e",
    )
    assert extraction is not None
    assert extraction.authors == ("Anna Smith",)


def test_an_agency_beside_a_person_is_the_agency() -> None:
    assert found(
        '<div class="byline"><span class="author">Anna Smith</span> <span class="author">Reuters</span></div>'
    ) == (("Anna Smith",), "Reuters")
    assert found(ld={"@type": "Organization", "name": "AFP"}) == (("AFP",), "AFP")


@pytest.mark.parametrize("lead", ["", "<p>… as fishermen wait</p><p>… nobody answers</p>"])
def test_a_first_paragraph_of_names_is_a_byline(lead: str) -> None:
    names = "<p><strong>Anna Smith/Li Wei</strong></p>"
    page = f"<html><body><h1>Board votes to dredge</h1><div>{lead}{names}{BODY}</div></body></html>"
    extraction = extract(page.encode(), "https://a.example/news/2026/board-votes-to-dredge")
    assert extraction is not None
    assert extraction.authors == ("Anna Smith", "Li Wei")
