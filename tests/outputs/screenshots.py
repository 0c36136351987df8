"""Draw docs/images/ anew from the demo's news: `make screenshots`. To be looked at before they are committed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.outputs.chromium import chromium, demo, pages

IMAGES = Path(__file__).parents[2] / "docs" / "images"
_PHONE = ("front", "diff", "story")  # which are drawn dark and at a phone's width too


def main() -> None:
    """Draw each page."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, demo(Path(folder)) as (base, ids), chromium() as browser:
        wide = browser.new_context(viewport={"width": 1100, "height": 760}).new_page()
        phone = browser.new_context(viewport={"width": 390, "height": 760}, color_scheme="dark").new_page()
        for name, path in {**pages(ids), "tables": "/news/articles"}.items():
            wide.goto(base + path)
            wide.screenshot(path=IMAGES / f"{name}.png")
            if name in _PHONE:
                phone.goto(base + path)
                phone.screenshot(path=IMAGES / f"{name}-phone.png")
            print(IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
