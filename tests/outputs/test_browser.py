"""The pages as a person meets them: in a real Chromium, light and dark, wide and on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.outputs.chromium import chromium, demo, executable, pages

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("playwright", reason="needs playwright")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(executable() is None, reason="needs a Chromium: apt-get install chromium"),
]
SIZES = {"wide": (1200, 800), "phone": (390, 844)}


@dataclass
class Visit:
    """A page, and what it did behind the reader's back."""

    page: Page
    base: str
    ids: dict[str, Any]
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self.wrong.append(f"console: {said.text}"))
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("requestfailed", lambda request: self.wrong.append(f"failed: {request.url}"))
        self.page.on("request", lambda request: self._asked(request.url))

    def _asked(self, url: str) -> None:
        if urlsplit(url).hostname != "127.0.0.1":
            self.wrong.append(f"left this machine: {url}")

    def go(self, path: str) -> None:
        answer = self.page.goto(self.base + path)
        assert answer is not None
        assert answer.status == 200


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, str, dict[str, Any]]]:
    with demo(tmp_path_factory.mktemp("demo")) as (base, ids), chromium() as browser:
        yield browser, base, ids


def visit(opened: tuple[Browser, str, dict[str, Any]], size: str = "wide", scheme: Any = "light") -> Visit:
    browser, base, ids = opened
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    return Visit(context.new_page(), base, ids)


def test_a_reader_opens_searches_reads_compares(opened: Any) -> None:
    seen = visit(opened)
    page = seen.page
    seen.go("/")
    card = page.locator(".card", has_text="Satellite")  # under the headline of whichever outlet was stored first
    assert card.get_by_text("+2 copies").count() == 1
    assert page.locator(".card", has_text="Bergbahn bleibt").locator("text=teaser").count() == 1
    page.get_by_role("searchbox").fill("61 degrees")  # which one of the three has
    page.keyboard.press("Enter")
    assert page.locator("mark").first.inner_text().lower() in {"61", "degrees"}
    page.get_by_role("link", name=re.compile("Weather Satellite Falls Silent")).first.click()
    assert page.locator("h1").inner_text() == "Weather Satellite Falls Silent Over the Northern Sea"
    assert "61 degrees" in page.locator("main").inner_text()
    page.locator("summary", has_text="Where").click()
    assert "json-ld" in page.locator("details").first.inner_text()
    page.get_by_role("link", name=re.compile("story|who ran", re.IGNORECASE)).first.click()
    outlets = page.locator("tbody td:nth-child(3)").all_inner_texts()
    assert outlets == ["The Harbour Post", "The Daily Ledger", "Riverside Times"]
    assert page.locator("svg").count() >= 1
    seen.go("/edits")
    row = page.locator("main", has_text="Lighthouse Lens")
    assert row.locator("text=silent").count() >= 1
    assert "six of nine keepers" in " ".join(page.locator(".said ins").all_inner_texts())
    page.get_by_role("link", name=re.compile("Lighthouse Lens")).first.click()
    assert "six of nine keepers" in " ".join(page.locator("ins").all_inner_texts())
    assert "no jobs" in " ".join(page.locator("del").all_inner_texts())
    seen.go("/sources")
    page.get_by_role("link", name=re.compile("harbour-post|Harbour Post")).first.click()
    assert page.locator("svg[role=img]").count() >= 1
    assert seen.wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_within_everybodys_reach(opened: Any, size: str, scheme: str) -> None:
    """axe-core's rules for WCAG 2 A and AA, nothing wider than the screen, nothing in the console."""
    from axe_playwright_python.sync_playwright import Axe

    seen = visit(opened, size, scheme)
    for name, path in pages(seen.ids).items():
        seen.go(path)
        found = Axe().run(seen.page).response["violations"]
        serious = [
            (rule["id"], rule["nodes"][0]["html"]) for rule in found if rule["impact"] in {"serious", "critical"}
        ]
        assert serious == [], name
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0], name
        assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") != (
            "rgb(255, 255, 255)" if scheme == "dark" else "rgb(0, 0, 0)"
        )
    assert seen.wrong == []


def test_the_keyboard_alone_is_enough(opened: Any) -> None:
    seen = visit(opened)
    seen.go("/")
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.getAttribute('href')") == "#main"
    for _ in range(40):
        seen.page.keyboard.press("Tab")
        if seen.page.evaluate("(document.activeElement.getAttribute('href') || '').startsWith('/article/')"):
            break
    assert seen.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    seen.page.keyboard.press("Enter")
    seen.page.wait_for_url(re.compile("/article/"))
    assert seen.wrong == []


def test_datasette_stands_behind_it(opened: Any) -> None:
    seen = visit(opened)
    seen.go("/news/articles?_facet=source")
    assert "harbour-post" in seen.page.locator("body").inner_text()
    assert [line for line in seen.wrong if "left this machine" in line] == []
