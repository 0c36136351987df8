"""A saved page in its frame leads nowhere."""

from __future__ import annotations

import pytest

from crawler.outputs.browse.pages.articles import _LEADING


@pytest.mark.parametrize(
    "markup",
    [
        '<meta http-equiv="refresh" content="0; url=https://elsewhere.example/">',
        "<META\nHTTP-EQUIV=refresh content='0;url=//x'/>",
        '<link rel="dns-prefetch" href="//x.example">',
        '<link rel=preconnect href="https://x.example">',
        '<base href="https://x.example/">',
        '<meta content="<" http-equiv="refresh">',
        "</meta><meta http-equiv=refresh",
    ],
)
def test_what_leads_elsewhere_is_removed(markup: str) -> None:
    left = _LEADING.sub("", f"<p>before</p>{markup}<p>after</p>")
    assert "<meta" not in left.lower()
    assert "<link" not in left.lower()
    assert "<base" not in left.lower()
    assert left.startswith("<p>before</p>")
    assert left.endswith("<p>after</p>")


def test_other_elements_stay() -> None:
    page = "<metadata>x</metadata><h1>Links</h1><based><a href='https://x.example'>x</a>"
    assert _LEADING.sub("", page) == page
