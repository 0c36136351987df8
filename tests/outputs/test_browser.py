"""The pages as a person meets them: in a real Chromium, light and dark, wide and on a phone."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import Desk, source
from tests.outputs.chromium import chromium, demo, executable, pages
from tests.running import browsing
from tests.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("playwright", reason="needs playwright")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(executable() is None, reason="needs a Chromium: apt-get install chromium"),
]
BLOCKED = ("Content Security Policy", "failed: ")
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
    card = page.locator(".story", has_text="Satellite")  # under the headline of whichever outlet was stored first
    shown = card.all_inner_texts()
    assert sum("+2 copies" in text for text in shown) == 1, shown or page.locator(".story").all_inner_texts()
    assert page.locator(".story", has_text="Bergbahn bleibt").locator("text=teaser").count() == 1
    # all three have it; a list shows the one that was stored first, unless another source is named
    page.get_by_role("searchbox").fill("61 degrees source:harbour-post")
    page.keyboard.press("Enter")
    assert page.locator("mark").first.inner_text().lower() in {"61", "degrees"}
    page.get_by_role("link", name=re.compile("Weather Satellite Falls Silent")).first.click()
    assert page.locator("h1").inner_text() == "Weather Satellite Falls Silent Over the Northern Sea"
    assert "61 degrees" in page.locator("main").inner_text()
    page.locator("summary", has_text="Where").click()
    assert "json-ld" in page.locator("details").first.inner_text()
    page.get_by_role("link", name=re.compile("story|who ran", re.IGNORECASE)).first.click()
    outlets = page.locator(".stories .outlet").all_inner_texts()
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
            (rule["id"], rule["nodes"][0]["html"])
            for rule in found
            if rule["impact"] in {"moderate", "serious", "critical"}
        ]
        assert serious == [], name
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0], name
        assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") != (
            "rgb(255, 255, 255)" if scheme == "dark" else "rgb(0, 0, 0)"
        )
        if name == "saved":  # its picture is not loaded from the outlet
            seen.wrong = [line for line in seen.wrong if not any(word in line for word in BLOCKED)]
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


def test_the_keys_move_open_search_and_explain(opened: Any) -> None:
    seen = visit(opened)
    page = seen.page
    seen.go("/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.closest('.story') === document.querySelector('.story')")
    page.keyboard.press("?")
    assert page.locator("dialog.help").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("bridge -satellite")
    assert page.evaluate("document.activeElement.value") == "bridge -satellite"  # no key moves while one types
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("q=bridge"))
    page.keyboard.press("j")
    page.keyboard.press("o")
    page.wait_for_url(re.compile("/article/"))
    assert seen.wrong == []


def test_a_list_is_narrowed_and_followed(opened: Any) -> None:
    seen = visit(opened)
    page = seen.page
    seen.go("/")
    assert page.locator(".day").first.inner_text().startswith(("Today", "Yesterday"))
    number = int(page.locator("aside li", has_text="The Harbour Post").locator(".number").inner_text())
    page.locator("aside").get_by_role("link", name="The Harbour Post").click()
    assert {text.split(" · ")[0] for text in page.locator(".story .facts").all_inner_texts()} == {"The Harbour Post"}
    assert page.locator(".story").count() >= number
    link = page.get_by_role("link", name="Atom").get_attribute("href")
    atom = page.request.get(f"{seen.base}{link}")
    assert atom.headers["content-type"].startswith("application/atom+xml")
    assert atom.text().count("<entry") == page.locator(".story").count()
    feed = page.request.get(f"{seen.base}/feed.json?q=tunnel OR 大桥").json()
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert any("大桥" in item["title"] for item in feed["items"])
    seen.go("/?q=tunnel OR satellite&sort=newest")
    assert "newest first" in page.locator(".above").inner_text()
    assert re.search(r"^\d+ articles", page.locator(".above").inner_text())
    seen.go("/?q=(tunnel")
    assert "Searched for: tunnel" in page.locator("main").inner_text()
    seen.go("/?q=zzzzzz")
    assert page.locator("main").get_by_role("link", name="All stories").count() == 1
    assert seen.wrong == []


def test_versions_diffs_and_the_saved_page(opened: Any) -> None:
    seen = visit(opened)
    page = seen.page
    seen.go(pages(seen.ids)["article"])
    assert page.get_by_role("link", name="Read at The Harbour Post").get_attribute("href", timeout=1000)
    assert page.locator(".text p.changed").count() >= 1  # in the margin, with the way to what changed
    page.get_by_role("link", name="Previous version").click()
    assert page.locator(".text p.changed").count() == 0  # of the first version nothing
    assert page.locator("h1").inner_text() == "Harbour Pilots Reject Offer and Threaten Strike"
    assert "3.1 percent" in page.locator(".text").inner_text()
    page.get_by_role("link", name="what changed", exact=True).click()
    assert page.locator("h1").inner_text() == "Harbour Pilots Accept Offer, Strike Is Off"
    page.get_by_role("link", name="Side by side").click()
    assert page.locator(".split .text").count() >= 2
    seen.go(pages(seen.ids)["saved"])
    frame = page.frame_locator("iframe")
    assert frame.locator("h1").inner_text() == "Harbour Pilots Accept Offer, Strike Is Off"
    assert [line for line in seen.wrong if not any(word in line for word in BLOCKED)] == []
    answer = page.request.get(seen.base + pages(seen.ids)["article"] + "/page")
    assert answer.headers["content-security-policy"].startswith(
        "sandbox; default-src 'none'; style-src 'unsafe-inline'"
    )
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert "<meta" not in answer.text()


def test_what_is_new_since_the_last_visit(opened: Any) -> None:
    seen = visit(opened)
    page = seen.page
    seen.go("/")
    assert page.locator("[data-visit]").is_hidden()
    an_hour_ago = "JSON.stringify({before: Date.now() - 7200e3, at: Date.now() - 3600e3})"
    page.evaluate(f"localStorage.setItem('newsdesk /', {an_hour_ago})")
    seen.go("/")
    assert "since your last visit" in page.locator("[data-visit]").inner_text()
    assert page.locator(".story.fresh").count() == page.locator(".story").count()
    assert seen.wrong == []


def test_no_script_is_needed_for_reading(opened: Any) -> None:
    browser, base, ids = opened
    page = browser.new_context(java_script_enabled=False).new_page()
    for path in pages(ids).values():
        page.goto(base + path)
        assert len(page.locator("main").inner_text()) > 80, path


def test_a_token_and_a_base_path(tmp_path: Path, opened: Any) -> None:
    """Behind a proxy under /news/: the token goes from the address into a cookie at once, which is bound to that path."""
    desk, site = Desk(tmp_path), Site()
    site.news(3)
    desk.configure(source(site))
    desk.run("crawl")
    site.close()
    desk.env["NEWSDESK_TOKEN"] = "s3cret"
    with browsing(desk, "--base-path", "/news/") as first:
        assert first.endswith("/news/?token=s3cret")
        base = first.partition("?")[0]
        context = opened[0].new_context()
        page = context.new_page()
        refused = page.goto(base)
        assert refused is not None
        assert refused.status == 401
        page.get_by_label("Token").fill("wrong")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert page.get_by_label("Token").count() == 1
        page.goto(f"{base}?q=story&token=s3cret")
        assert page.url == f"{base}?q=story"
        (cookie,) = context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/news/")
        assert "s3cret" not in cookie["value"]
        page.locator(".story a").first.click()
        assert "/news/article/" in page.url
        for name in ("Edits", "Sources", "Watches", "Status", "Tables and SQL", "Stories"):
            page.get_by_role("link", name=name, exact=True).first.click()
            assert "/news/" in page.url
            assert page.locator("body").inner_text()
            if name == "Tables and SQL":
                page.goto(base)
        for header, status in (("Bearer s3cret", 200), ("Basic bmV3czpzM2NyZXQ=", 200), ("Bearer no", 401)):
            asked = urllib.request.Request(f"{base}feed.atom", headers={"Authorization": header})
            assert answered(asked) == status


def answered(asked: urllib.request.Request) -> int:
    try:
        with urllib.request.urlopen(asked) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_datasette_stands_behind_it(opened: Any) -> None:
    seen = visit(opened)
    seen.go("/news/articles?_facet=source")
    assert "harbour-post" in seen.page.locator("body").inner_text()
    assert [line for line in seen.wrong if "left this machine" in line] == []
