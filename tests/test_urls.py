from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.urls import ascii_host_url, canonical_url, is_amp, is_root_or_section, join, same_page, site, url_key


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


@given(
    st.from_regex(r"https?://[a-z0-9.-]{1,70}(:[0-9]{1,5})?(/[A-Za-z0-9._~-]{0,9}){0,4}", fullmatch=True),
    st.sampled_from(("https://a.example/b/c", "http://[", "mailto:x")),
)
def test_an_address_that_needs_no_change_is_read_like_any_other(url: str, base: str) -> None:
    """Spaces around an address mean nothing, but it is no longer one that is known to need no change."""

    def outcome(text: str) -> str:
        try:
            return canonical_url(text)
        except ValueError:
            return "refused"

    assert outcome(url) == outcome(f" {url} ")
    if base != "http://[":  # with such a base an absolute address is read all the same
        assert join(base, url) == join(base, f" {url} ")


@pytest.mark.parametrize("host", [f"a.{'b' * 64}.com", ".".join(["abc"] * 70)])
def test_a_host_name_that_no_name_server_may_hold_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="too long"):
        canonical_url(f"http://{host}/story")


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("großmarkt.example", "xn--gromarkt-sya.example"),
        ("GROẞMARKT.example", "xn--gromarkt-sya.example"),
        ("νόμος.example", "xn--xxabhm1c.example"),  # the final sigma is a letter of its own
        ("bücher。example", "xn--bcher-kva.example"),
        ("ｂｕｃｈ.example", "buch.example"),
        ("☃.example", "xn--n3h.example"),
        ("a_b.bücher.example", "a_b.xn--bcher-kva.example"),
    ],
)
def test_a_host_is_the_one_that_a_browser_requests(written: str, host: str) -> None:
    assert canonical_url(f"http://{written}/a") == f"http://{host}/a"
    assert url_key(f"http://{written}/a") == url_key(f"https://{host}/a")


def test_two_owners_hosts_are_two() -> None:
    assert site("https://großmarkt.example/") != site("https://grossmarkt.example/")


@pytest.mark.parametrize(
    "host", ["xn--münchen.example", "\u00ad.", "a\u2100b.example", "\ufffd.example", "ä" * 64 + ".example"]
)
def test_what_no_browser_takes_for_a_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="host|address"):
        canonical_url(f"http://{host}/")


VIEWS = [
    "ref",
    "source",
    "from",
    "src",
    "via",
    "origin",
    "view",
    "display",
    "theme",
    "page_view",
    "platform",
    "device",
    "mobile",
    "print",
    "mod",
    "cmp",
    "partner",
    "ncid",
    "feed",
    "feed_id",
    "share_id",
    "fref",
    "from_ref",
    "news_source",
    "source_type",
    "nl",
    "newsletter_id",
]


@pytest.mark.parametrize("name", VIEWS)
def test_a_number_in_a_view_parameter_is_an_id_and_a_switch_is_none(name: str) -> None:
    page = f"https://gazette.example/show.php?{name}="
    assert len({url_key(f"{page}{number}") for number in (17, 18, 4021, 4022)}) == 4
    assert {url_key(f"{page}{switch}") for switch in ("", "0", "1", "01", "true", "rss", "full", "top-10")} == {
        url_key("https://gazette.example/show.php")
    }


@pytest.mark.parametrize("name", ["_", "cb", "sessionid", "clickid", "refid", "seen", "amp", "xtcr", "taid", "__hsx"])
def test_a_number_that_names_a_reader_or_a_time_is_noise(name: str) -> None:
    assert url_key(f"https://gazette.example/story-7?{name}=1764187200") == url_key("https://gazette.example/story-7")


@pytest.mark.parametrize(
    "parameter",
    [
        "srsltid=AfmBOoq", "gad_source=1", "gad_campaignid=22633883708", "_bhlid=2b1d85", "rb_clickid=86252549-16180",
        "ymclid=1", "rdt_cid=5", "mibextid=0i8r", "epik=dj0y", "_branch_match_id=77", "__hstc=1.2", "itm_source=box",
        "ml_subscriber=9", "spMailingID=31",
    ],
)  # fmt: skip
def test_where_a_reader_came_from_is_not_requested(parameter: str) -> None:
    assert canonical_url(f"https://gazette.example/s?{parameter}&id=4") == "https://gazette.example/s?id=4"
    assert url_key(f"https://gazette.example/s?{parameter}") == url_key("https://gazette.example/s")


def test_an_escaped_slash_is_no_border_of_two_segments() -> None:
    assert url_key("https://gazette.example/tag%2Fa") == url_key("https://gazette.example/tag%2fa")
    assert url_key("https://gazette.example/tag%2Fa") != url_key("https://gazette.example/tag/a")


AMP = [
    "https://gazette.example/amp/harbour/ferry-71",
    "https://gazette.example/amp/harbour/ferry-71/amp",
    "https://gazette.example/harbour/ferry-71/amp/",
    "https://gazette.example/harbour/ferry-71/amp.html",
    "https://gazette.example/harbour/ferry-71/amp/index.html",
    "https://gazette.example/harbour/ferry-71/index.amp",
    "https://gazette.example/harbour/ferry-71/index.amp.html",
    "https://gazette.example/harbour/ferry-71.amp.html",
    "https://gazette.example/harbour/ferry-71.amp",
    "https://gazette.example/harbour/ferry-71~amp.html",
    "https://gazette.example/harbour/ferry-71!amp",
    "https://gazette.example/harbour/ferry-71-amp",
    "https://gazette.example/harbour/ferry-71.htm/alt=amp.html",
    "https://gazette.example/amphtml/harbour/ferry-71",
    "https://gazette.example/harbour/ferry-71/amphtml/",
    "https://amp.gazette.example/harbour/ferry-71",
    "https://gazette.example/harbour/ferry-71?amp",
    "https://gazette.example/harbour/ferry-71?amp=1",
    "https://gazette.example/harbour/ferry-71?outputType=amp",
    "https://gazette.example/harbour/ferry-71?outputType=amp-type",
    "https://gazette.example/harbour/ferry-71?template=ampart",
    "https://gazette.example/harbour/ferry-71?format=amphtml",
    "https://gazette-example.cdn.ampproject.org/c/s/gazette.example/harbour/ferry-71",
    "https://gazette-example.cdn.ampproject.org/v/s/gazette.example/amp/harbour/ferry-71?amp_js_v=0.1&usqp=mq331#aoh=17",
    "https://cdn.ampproject.org/c/gazette.example/harbour/ferry-71.amp.html",
    "https://www.google.com/amp/s/gazette.example/harbour/ferry-71%3famp=1",
    "https://www.google.co.uk/amp/s/amp.gazette.example/harbour/ferry-71",
    "https://www.google.com/amp/gazette.example%2Fharbour%2Fferry-71",
    "https://www.bing.com/amp/s/gazette.example/harbour/ferry-71",
    "https://gazette-example.bing-amp.com/c/s/gazette.example/harbour/ferry-71/amp",
    "https://www.bing-amp.com/c/s/gazette.example/harbour/ferry-71",
]


@pytest.mark.parametrize("amp", AMP)
def test_every_amp_form_has_the_key_of_its_page(amp: str) -> None:
    assert url_key(amp) == url_key("https://gazette.example/harbour/ferry-71")
    assert is_amp(amp)


@pytest.mark.parametrize(
    "url",
    [
        "https://gazette.example/tag/amp",
        "https://gazette.example/reviews/guitar-amp",
        "https://gazette.example/camp/stamp",
        "https://gazette.example/search?q=amplifier",
        "https://gazette.example/harbour/ferry-71",
    ],
)
def test_a_word_is_no_amp_form(url: str) -> None:
    assert not is_amp(url)
    assert "amp" in url_key(url) or "ferry" in url_key(url)


def test_the_cases_of_addresses(corpus: Path) -> None:
    folder = corpus / "cases"
    lines = (folder / "85-idna-2008" / "expected.md").read_text(encoding="utf-8").splitlines()
    hosts = [re.findall(r"https?://[^ '|]+", line) for line in lines if line.startswith("| http")]
    assert len(hosts) == 2
    for given_url, _, right in hosts:
        assert canonical_url(given_url) == right
    pairs = re.findall(
        r"(\w+)=(\d+) and \w+=(\d+) have one key", (folder / "87-view-parameter-is-the-id" / "input.txt").read_text()
    )
    assert len(pairs) == 8
    for name, a, b in pairs:
        assert url_key(f"https://a.example/n.php?{name}={a}") != url_key(f"https://a.example/n.php?{name}={b}")


@pytest.mark.parametrize(
    ("written", "requested"),
    [
        ("https://großmarkt.example/ß?q=ü", "https://xn--gromarkt-sya.example/ß?q=ü"),
        ("https://a:b@großmarkt.example:8443/rss", "https://a:b@xn--gromarkt-sya.example:8443/rss"),
        ("//großmarkt.example/a", "//xn--gromarkt-sya.example/a"),
        ("/relative/ß", "/relative/ß"),
        ("https://a.example/großmarkt", "https://a.example/großmarkt"),
        ("https://[::1/ß", "https://[::1/ß"),
        ("https://xn--ü.example/", "https://xn--ü.example/"),
    ],
)
def test_a_feed_s_host_is_the_one_that_a_browser_requests(written: str, requested: str) -> None:
    assert ascii_host_url(written) == requested


def test_requests_and_redirects_go_to_the_host_that_a_browser_requests() -> None:
    from scrapy.http import Request, Response
    from scrapy.utils.test import get_crawler

    from crawler.engine.fetch_task import FeedTask
    from crawler.engine.middlewares.redirects import RedirectMiddleware
    from storage.records import Feed
    from tests.conftest import NOW

    feed = FeedTask(
        url="https://großmarkt.example/rss",
        at=NOW,
        source=None,
        feed=Feed(url="https://großmarkt.example/rss", source="a", kind="rss"),
    )
    assert feed.request().url == "https://xn--gromarkt-sya.example/rss"
    answer = Response("https://a.example/", status=302, headers={"Location": "https://großmarkt.example/b".encode()})
    followed = RedirectMiddleware.from_crawler(get_crawler()).process_response(Request("https://a.example/"), answer)
    assert followed.url == "https://xn--gromarkt-sya.example/b"


@pytest.mark.parametrize(
    ("a", "b", "one"),
    [
        ("https://gazette.example/a-story?ref=4021", "https://gazette.example/a-story", True),
        ("https://gazette.example/a-story?ref=4021", "https://www.gazette.example/a-story?source=77", True),
        ("https://gazette.example/show?view=881", "https://gazette.example/show?view=882", False),
        ("https://gazette.example/show?id=881", "https://gazette.example/show", False),
        ("https://gazette.example/show?id=1&ref=40", "https://gazette.example/show?id=2", False),
        ("https://gazette.example/a", "https://gazette.example/b", False),
    ],
)
def test_two_addresses_of_one_page(a: str, b: str, one: bool) -> None:
    assert same_page(a, b) is same_page(b, a) is one
