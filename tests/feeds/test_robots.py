"""robots.txt by RFC 9309, a case a rule; and what is met beyond it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crawler.feeds.robots import MAX_BYTES, Rules, path_of, read_rules, read_sitemaps, unpacked

AGENT = "newsdesk/0.1.0 (+https://desk.example/)"


def allows(text: str | bytes, path: str, agent: str = AGENT) -> bool:
    body = text if isinstance(text, bytes) else text.encode()
    return read_rules(body, agent).allows(f"https://a.example{path}")


@pytest.mark.parametrize(
    "line",
    [
        "User-agent: newsdesk", "user-agent: NEWSDESK", "USER-AGENT:newsdesk", "User-agent: newsdesk/0.1", "User-agent: newsdesk/9.9.9 (x)",
        "User-agent: Newsdesk crawler", "User-agent:\tnewsdesk", "User-agent : newsdesk", "User agent: newsdesk", "Useragent: newsdesk",
        "User-agent newsdesk", "User-agent: newsdesk # ours", "User-agent: newsdesk*", "  User-agent: newsdesk",
    ],
)  # fmt: skip
def test_a_group_for_our_product_token_is_obeyed(line: str) -> None:
    """RFC 9309, 2.2.1: the token alone counts, in any case, whatever stands behind it."""
    assert not allows(f"{line}\nDisallow: /", "/x")
    assert allows(f"{line}\nDisallow: /\n", "/x", "other/1.0")


@pytest.mark.parametrize(
    "line",
    [
        "User-agent: news",
        "User-agent: newsdesk-image",
        "User-agent: the newsdesk",
        "User-agent: newsdesks",
        "User-agent:",
        "Agent: newsdesk",
    ],
)
def test_a_group_for_another_token_is_not(line: str) -> None:
    assert allows(f"{line}\nDisallow: /", "/x")


def test_an_agent_with_digits_is_compared_as_it_is() -> None:
    assert not allows("User-agent: desk2\nDisallow: /", "/x", "desk2/1.0")
    assert allows("User-agent: desk3\nDisallow: /", "/x", "desk2/1.0")


def test_the_most_specific_group_alone_counts() -> None:
    text = "User-agent: *\nDisallow: /\n\nUser-agent: newsdesk\nDisallow: /private"
    assert allows(text, "/x")
    assert not allows(text, "/private/x")
    assert not allows(text, "/x", "other")
    assert allows("User-agent: newsdesk\n\nUser-agent: *\nDisallow: /\n\nUser-agent: newsdesk\nAllow: /", "/x")


def test_a_group_of_ours_without_a_rule_allows_all() -> None:
    assert allows("User-agent: *\nDisallow: /\nUser-agent: newsdesk\nDisallow:\n", "/x")


def test_groups_for_the_same_agent_are_one() -> None:
    text = "User-agent: newsdesk\nDisallow: /a\n\nUser-agent: other\nDisallow: /b\n\nUser-agent: newsdesk\nDisallow: /c"
    assert [allows(text, path) for path in ("/a", "/b", "/c")] == [False, True, False]
    every = "User-agent: *\nDisallow: /a\nUser-agent: other\nDisallow: /\nUser-agent: *\nDisallow: /c"
    assert [allows(every, path) for path in ("/a", "/b", "/c")] == [False, True, False]


def test_a_group_may_have_several_agents() -> None:
    for text in (
        "User-agent: other\nUser-agent: newsdesk\nDisallow: /",
        "User-agent: newsdesk\nUser-agent: other\nDisallow: /",
    ):
        assert not allows(text, "/x")
        assert not allows(text, "/x", "other")


@pytest.mark.parametrize(
    "between",
    [
        "Sitemap: https://a.example/map.xml",
        "Crawl-delay: 3",
        "Host: a.example",
        "nonsense",
        "",
        "# a remark",
        "Clean-param: a",
    ],
)
def test_other_records_between_agents_end_no_group(between: str) -> None:
    """RFC 9309, 2.2.4: they must not interfere with the groups."""
    text = f"User-agent: newsdesk\n{between}\nUser-agent: other\nDisallow: /x"
    assert not allows(text, "/x")
    assert not allows(text, "/x", "other")


def test_rules_before_any_agent_are_nobodys() -> None:
    assert allows("Disallow: /\nUser-agent: other\nDisallow: /x", "/x")


@pytest.mark.parametrize(
    ("rules", "path", "allowed"),
    [
        ("Disallow: /a", "/a", False), ("Disallow: /a", "/ab/c", False), ("Disallow: /a", "/A", True), ("Disallow: /a/", "/a", True),
        ("Disallow: /a\nAllow: /a/b", "/a/b/c", True), ("Allow: /a/b\nDisallow: /a", "/a/b/c", True), ("Disallow: /a/b\nAllow: /a", "/a/b", False),
        ("Allow: /a\nDisallow: /a", "/a", True), ("Disallow: /a\nAllow: /a", "/a", True),
        ("Disallow:", "/x", True), ("Allow:", "/x", True), ("Disallow: /\nAllow: /$", "/", True), ("Disallow: /\nAllow: /$", "/x", False),
        ("Disallow: /*.gif$", "/p/x.gif", False), ("Disallow: /*.gif$", "/p/x.gif?y", True), ("Disallow: /*.gif", "/p/x.gif?y", False),
        ("Disallow: *", "/x", False), ("Disallow: /a*b*c", "/aXbXc", False), ("Disallow: /a*b*c", "/aXcXb", True), ("Disallow: /a*$", "/abc", False),
        ("Disallow: /a$", "/a", False), ("Disallow: /a$", "/ab", True), ("Disallow: /a$b", "/a$b", False), ("Disallow: /a**b", "/aXb", False),
        ("Disallow: /ab*ab$", "/ab", True), ("Disallow: /ab*ab$", "/abab", False), ("Disallow: /?q=", "/?q=1", False), ("Disallow: /*?q=", "/a?q=1", False),
        ("Disallow: a", "/a", True), ("Dissallow: /a", "/a", False), ("disallow:/a", "/a", False), ("DISALLOW : /a", "/a", False),
        ("Disallow: /a # a remark", "/a", False), ("Disallow: /a b", "/a b", False), ("Disallow /a", "/a", False),
    ],
)  # fmt: skip
def test_the_longest_rule_wins(rules: str, path: str, allowed: bool) -> None:
    assert allows(f"User-agent: *\n{rules}", path) == allowed


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/ツ", "/%E3%83%84"), ("/%E3%83%84", "/ツ"), ("/%e3%83%84", "/%E3%83%84"), ("/foo/bar/%62%61%7A", "/foo/bar/baz"), ("/foo/bar/baz", "/foo/bar/%62%61%7A"),
        ("/a%3cd.html", "/a%3Cd.html"), ("/~joe/", "/%7Ejoe/index.html"), ("/%7ejoe/", "/~joe/index.html"), ("/a%2Fb", "/a%2fb"),
    ],
)  # fmt: skip
def test_percent_encoding_does_not_count(pattern: str, path: str) -> None:
    """RFC 9309, 2.2.2; a reserved octet that is encoded stays another one than itself."""
    assert not allows(f"User-agent: *\nDisallow: {pattern}", path)


def test_a_reserved_octet_that_is_encoded_is_another() -> None:
    assert allows("User-agent: *\nDisallow: /a%2Fb", "/a/b")
    assert allows("User-agent: *\nDisallow: /a/b", "/a%2Fb")


def test_robots_itself_is_always_allowed() -> None:
    assert allows("User-agent: *\nDisallow: /", "/robots.txt")


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_endings_and_a_byte_order_mark(ending: str, mark: bytes) -> None:
    assert not allows(mark + ending.join(["User-agent: *", "Disallow: /a", ""]).encode(), "/a")


def test_what_is_no_utf8_or_beyond_the_limit_is_passed_over() -> None:
    assert not allows(b"User-agent: *\n\xff\xfe\x00\nDisallow: /a", "/a")
    assert not allows(b"User-agent: *\nDisallow: /a\n" + b"#" * MAX_BYTES, "/a")
    assert allows(b"#" * MAX_BYTES + b"\nUser-agent: *\nDisallow: /a", "/a")
    assert allows(b"<!doctype html><html>not found</html>", "/a")


@pytest.mark.parametrize(
    ("text", "delay"),
    [
        ("Crawl-delay: 7", 7.0),
        ("crawl-delay: 2.5\nDisallow: /x", 2.5),
        ("Crawl-delay: soon", 0.0),
        ("Crawl-delay: -1", 0.0),
        ("Crawl-delay: nan", 0.0),
        ("Crawl-delay: 1e999", 0.0),
    ],
)
def test_a_delay_is_read(text: str, delay: float) -> None:
    assert (
        read_rules(f"User-agent: newsdesk\n{text}\n\nUser-agent: other\nCrawl-delay: 99".encode(), AGENT).delay == delay
    )


def test_sitemaps_are_named_anywhere() -> None:
    body = b"Sitemap: https://a.example/1.xml\nUser-agent: x\nDisallow: /\nsitemap:https://a.example/2.xml # news\nSITEMAP : /3.xml extra\nSitemap:\nsitemaps: x\n"
    assert read_sitemaps(body) == ["https://a.example/1.xml", "https://a.example/2.xml", "/3.xml"]


def test_rules_survive_their_packing() -> None:
    rules = read_rules("User-agent: *\nDisallow: /a\nAllow: /a/ü*$\nDisallow: /\n".encode(), AGENT)
    assert unpacked(rules.packed()) == Rules(rules=rules.rules)


@given(st.text(alphabet="ab*$/", min_size=1, max_size=12), st.text(alphabet="ab/$", max_size=12))
@example("/$*", "$")
@example("/a$b", "a$b")
def test_patterns_mean_what_their_expression_means(pattern: str, path: str) -> None:
    import re

    ends = pattern.endswith("$")
    expression = ".*".join(map(re.escape, (pattern[:-1] if ends else pattern).split("*"))) + ("$" if ends else "")
    rules = read_rules(f"User-agent: *\nDisallow: {pattern}".encode(), AGENT)
    assert rules.allows(f"https://a.example/{path}") == (re.match(expression, f"/{path}", re.DOTALL) is None)


def test_path_of() -> None:
    assert path_of("https://a.example") == "/"
    assert path_of("https://a.example?x=1#y") == "/?x=1"
