"""A headless Chromium on the pages of `newsdesk browse`, and the demo's news to look at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.conftest import Desk
from tests.running import browsing

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# As root there is no sandbox of its own; and it must not ask for updates: no request leaves this machine.
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def executable() -> str | None:
    """Where this machine has a Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, until the block ends."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def demo(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The demo's news, browsed: the address, and ids by slug."""
    desk = Desk(folder)
    desk.env["TMPDIR"] = str(folder)
    done = desk.run("demo", timeout=120)
    assert done.code == 0, done.err
    made = next(folder.glob("newsdesk-demo-*"))
    for name in ("news.db", "news.db.warc", "newsdesk.toml"):
        (made / name).rename(folder / name)
    ids = {str(row["url"]).rsplit("/", 1)[-1]: row["id"] for row in desk.rows("SELECT id, url FROM articles")}
    with browsing(desk) as base:
        yield base, ids


def pages(ids: dict[str, Any]) -> dict[str, str]:
    """The path of each kind of page, on something worth looking at."""
    return {
        "front": "/",
        "search": "/?q=satellite",
        "article": f"/article/{ids['harbour-pilots-to-vote-on-strike']}",
        "diff": f"/article/{ids['harbour-pilots-to-vote-on-strike']}/2",
        "story": f"/story/{ids['weather-satellite-falls-silent']}",
        "edits": "/edits",
        "split": f"/article/{ids['harbour-pilots-to-vote-on-strike']}/2?view=split",
        "version": f"/article/{ids['harbour-pilots-to-vote-on-strike']}/version/1",
        "saved": f"/article/{ids['harbour-pilots-to-vote-on-strike']}?saved=1",
        "watches": "/watches?q=harbour+OR+tunnel",
        "status": "/status",
        "sources": "/sources",
        "source": "/source/harbour-post",
        "arabic": f"/article/{ids['madinat-al-mina-tuid-fath-al-suq']}",
    }
