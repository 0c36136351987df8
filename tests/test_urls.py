from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.urls import canonical_url, is_root_or_section, site, url_key


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("https://www.example.org/a/story-one", "http://example.org/a/story-one/"),
        ("https://example.org/story?utm_source=rss&utm_medium=feed", "https://example.org/story"),
        ("https://example.org/story?b=2&a=1", "https://example.org/story?a=1&b=2"),
        ("https://m.example.org/story-one", "https://www.example.org/story-one"),
        ("https://example.org/story-one/amp/", "https://example.org/story-one"),
        ("https://example.org/story-one.amp.html", "https://example.org/story-one.html"),
        ("https://example.org/story?amp=1", "https://example.org/story"),
        ("https://example.org/story#comments", "https://example.org/story"),
        ("https://example.org/caf%C3%A9", "https://example.org/café"),
        ("https://example.org:443/x", "http://example.org:80/x"),
        ("https://www-example-org.cdn.ampproject.org/c/s/www.example.org/story", "https://example.org/story"),
        ("https://example.org/index.html", "https://example.org/"),
    ],
)
def test_url_key_is_equal_for_two_addresses_of_one_article(a: str, b: str) -> None:
    assert url_key(a) == url_key(b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("https://example.org/news.php?id=1", "https://example.org/news.php?id=2"),
        ("https://example.org/news?sid=1", "https://example.org/news?sid=2"),
        ("https://example.org/?p=10", "https://example.org/?p=11"),
        ("https://example.org/tag/amp", "https://example.org/tag"),
        ("https://example.org:8100/a", "https://example.org:8200/a"),
        ("https://sport.example.org/a", "https://news.example.org/a"),
        ("https://example.org/news?at_medium=73963", "https://example.org/news?at_medium=73964"),
    ],
)
def test_url_key_differs_for_two_articles(a: str, b: str) -> None:
    assert url_key(a) != url_key(b)


@pytest.mark.parametrize(
    ("given_url", "asked"),
    [
        ("https://www.themoscowtimes.com/a-a1?utm_source=rss", "https://www.themoscowtimes.com/a-a1"),
        ("https://Example.ORG/A?b=1#c", "https://example.org/A?b=1"),
        ("https://example.org/a?b=%2F&utm_x=1&c=ä", "https://example.org/a?b=%2F&c=%C3%A4"),
        ("https://example.org/all/69238?amp=1&mod=view&fbclid=x", "https://example.org/all/69238?amp=1&mod=view"),
        ("http://user:secret@example.org/", "http://example.org/"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
    ],
)
def test_canonical_url_is_what_may_be_asked(given_url: str, asked: str) -> None:
    assert canonical_url(given_url) == asked


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "ftp://example.org/",
        "javascript:alert(1)",
        "file:///etc/hostname",
        "https://",
        "http://exa mple.org\\@x/",
        "https://example.org:99999/",
        "x" * 5000,
    ],
)
def test_canonical_url_refuses_what_cannot_be_asked(bad: str) -> None:
    with pytest.raises(ValueError):
        canonical_url(bad)


@pytest.mark.parametrize(
    ("url", "section"),
    [
        ("https://a.org/", True),
        ("https://a.org/news", True),
        ("https://a.org/index.php", True),
        ("https://a.org/2026/11/20/a-long-slug-of-words", False),
        ("https://a.org/story-12345", False),
        ("https://a.org/?p=4", True),
    ],
)
def test_is_root_or_section(url: str, section: bool) -> None:
    assert is_root_or_section(url) is section


def test_site_keeps_the_port_and_folds_subdomains() -> None:
    assert site("https://news.bbc.co.uk/x") == site("http://www.bbc.co.uk/")
    assert site("http://127.0.0.1:8100/") != site("http://127.0.0.1:8200/")


@given(st.text(max_size=80))
def test_url_key_never_raises_but_value_error(text: str) -> None:
    try:
        key = url_key(text)
    except ValueError:
        return
    assert key == url_key(text)


@given(st.from_regex(r"https?://[a-z]{1,8}\.(org|com)(/[a-z0-9-]{0,9}){0,3}(\?[a-z]=[0-9]{1,3})?", fullmatch=True))
def test_canonical_url_is_idempotent_and_keeps_the_key(url: str) -> None:
    once = canonical_url(url)
    assert canonical_url(once) == once
    assert url_key(once) == url_key(url)


@pytest.mark.parametrize("host", [f"a.{'b' * 64}.com", ".".join(["abc"] * 70)])
def test_a_host_name_that_no_name_server_may_hold_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="too long"):
        canonical_url(f"http://{host}/story")
