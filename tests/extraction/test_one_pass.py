"""Searches that look at all elements at once find what a look at each of them finds."""

from __future__ import annotations

import pytest
from lxml.html import fromstring

from crawler.extraction import interstitials
from crawler.extraction.authors import _written_by
from crawler.extraction.interstitials import PageEvidence, classify_interstitial
from crawler.extraction.page import Page, decode_page, read_page
from crawler.extraction.page_numbers import find_page_number
from crawler.extraction.plain_elements import flatten_unknown_elements


def page_of(body: str) -> Page:
    page = read_page(f"<html><body>{body}</body></html>".encode(), "https://a.example/news/1")
    assert page is not None
    return page


@pytest.mark.parametrize(
    ("body", "numbers"),
    [
        ("<p>Intro<br>Page 1 of 3</p><p>Page 2 of 5</p>", (1, 3)),  # in the order of the page
        ("<p>Page 1 of 3</p>", (1, 3)),
        ("<p>On 12 May 2026 and 13 May 2026</p><p>Page\n  2 of\n  5</p>", (2, 5)),
        ("<div class='pages'>3 / 4</div>", (3, 4)),
        ("<p>3 / 4</p>", None),  # a fraction
        ("<p>3 / 4</p><p>1/2</p><div class='pages'>3 / 4</div>", (3, 4)),
        ("<script>Page 1 of 3</script><p>Page 4 of 3</p>", None),
        ("<p>Page 1</p><p>of 3</p>", None),
    ],
)
def test_the_line_with_the_pages_number(body: str, numbers: tuple[int, int] | None) -> None:
    assert find_page_number(page_of(body)) == numbers


@pytest.mark.parametrize(
    "body", ["<p>Written by Anna Smith</p>", "<p>Written&nbsp;by&nbsp;Anna&nbsp;Smith</p>", "<p>Written\nby\nAnna\tSmith</p>"]
)  # fmt: skip
def test_written_by_whatever_the_spaces(body: str) -> None:
    assert _written_by(page_of(f"<p>{' ' * 2000}text</p>{body}")) == ["Anna Smith"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ERİŞİM ENGELLENDİ. İNSAN OLDUĞUNUZU DOĞRULAYIN. GÜVENLİK KONTROLÜ.", "bot challenge"),
        ("erişim engellendi. insan olduğunuzu doğrulayın. güvenlik kontrolü.", "bot challenge"),
        ("SAYFA BULUNAMADI. ADRES SİLİNMİŞ VEYA KALDIRILMIŞ. ANA SAYFA ARA", "soft 404"),
        ("GİRİŞ YAPIN ŞİFRE ÜYE OL KAYIT", "login wall"),
        ("\u212aENNWORT VERGE\u017f\u017fEN? ANMELDEN, REGISTRIEREN, PA\u017f\u017fWORT", "login wall"),
    ],
)
def test_capitals_of_every_language_are_their_small_letters(text: str, found: str) -> None:
    seen = PageEvidence(
        url="https://a.example/", text=text, count=len(text.split()), visible=text, heading="", markup="", noscript="",
        described=False, running=0, password=False,
    )  # fmt: skip
    assert classify_interstitial(seen) == found


def test_every_pattern_of_interstitials_is_folded() -> None:
    groups = [value for value in vars(interstitials).values() if isinstance(value, tuple) and value]
    patterns = [each.pattern for group in groups for each in group if hasattr(each, "pattern")]
    assert len(patterns) > 20
    assert [each for each in patterns if set(each) & set("İıſ\u212a")] == []


def test_unknown_elements_of_many_names_are_blocks() -> None:
    tree = fromstring(
        "<div>" + "".join(f"<x-{n}>{n}</x-{n}>" for n in range(50)) + "<details>d</details><b-a:c>e</b-a:c></div>"
    )
    flatten_unknown_elements(tree)
    assert {node.tag for node in tree.iter()} == {"div"}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("«Müller»\u00a0°".encode(), "«Müller»\u00a0°"),
        ("MÃ¼ller \u0080".encode(), "Müller \u0080"),  # a C1 control: encoded twice
        ("MÃ¼ller".encode(), "MÃ¼ller"),
        (b"\x1b$B@$3&\x1b(B", "世界"),
    ],
)
def test_pages_are_decoded_by_their_bytes(body: bytes, text: str) -> None:
    assert decode_page(body) == text
