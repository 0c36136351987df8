"""trafilatura's expressions evaluated in Python find what lxml finds."""

from __future__ import annotations

import random
import re
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml.etree import XPath
from lxml.html import HtmlElement, fromstring

from crawler.extraction.attribute_xpath import AttributeXPath, evaluated_here
from crawler.extraction.trafilatura_patches import patched_trafilatura

NAMESPACES = {"re": "http://exslt.org/regular-expressions"}
TAGS = "div p section span article main ul ol li list item aside footer header details h1 a svg cite quote style"
NAMES = ("class", "id", "style", "role", "itemprop", "data-component", "aria-hidden", "data-lp-replacement-content")


def expressions() -> list[Any]:
    """Those that trafilatura evaluates for a text: the lists that select from an element down, and one more."""
    patched_trafilatura()
    lists = [
        found
        for name, found in vars(import_module("trafilatura.xpaths")).items()
        if name.endswith(("_XPATH", "_ELEMENTS")) and isinstance(found, list)
    ]
    return [each for found in lists for each in found] + [import_module("trafilatura.baseline").BASIC_CLEAN_XPATH]


PATHS = [each.path for each in expressions()]
# The words of the patterns, so that elements match often, alone and inside of other words.
WORDS = sorted(
    {word for path in PATHS for word in re.findall(r"[A-Za-z-]{3,}", path)} | {"text", "", "x", "mvp-post-add-box"}
)


def test_no_expression_of_trafilatura_is_left_to_lxml() -> None:
    assert [each.path for each in expressions() if isinstance(each, XPath)] == []


def random_tree(chance: random.Random) -> HtmlElement:
    root = fromstring("<html><body></body></html>")
    nodes = [root.find("body")]
    for _ in range(chance.randrange(1, 40)):
        node = nodes[0].makeelement(chance.choice(TAGS.split()))
        for name in chance.sample(NAMES, chance.choice((0, 1, 1, 2, 3))):
            node.set(name, " ".join(chance.choices(WORDS, k=chance.choice((1, 1, 2)))) + chance.choice(("", "s", "-1")))
        chance.choice(nodes).append(node)
        nodes.append(node)
    return root


def alike_tree(chance: random.Random) -> HtmlElement:
    """Nested elements of few tags and classes: several children of each match."""
    root = fromstring("<html><body></body></html>")
    nodes = [root.find("body")]
    for _ in range(chance.randrange(1, 25)):
        node = nodes[0].makeelement(chance.choice(("div", "article", "p")))
        node.set("class", chance.choice(("post", "post-content", "x")))
        chance.choice(nodes[-3:]).append(node)
        nodes.append(node)
    return root


@pytest.mark.integration  # takes long
@given(st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_the_first_of_several_is_the_first_of_the_page(chance: random.Random) -> None:
    tree = alike_tree(chance)
    for path in (*PATHS, ".//*[@class='post'][1]", ".//p[1]", "(.//div)[1]", ".//div[@class='x']|.//p[@class='x'][1]"):
        expression = XPath(path, namespaces=NAMESPACES)
        assert evaluated_here(expression) is not expression
        assert evaluated_here(expression)(tree) == expression(tree), path


@pytest.mark.integration  # takes long
@given(st.randoms(use_true_random=False))
def test_each_finds_the_same_elements_in_the_same_order(chance: random.Random) -> None:
    tree = random_tree(chance)
    for path in PATHS:
        wanted = XPath(path, namespaces=NAMESPACES)(tree)
        assert evaluated_here(XPath(path, namespaces=NAMESPACES))(tree) == wanted, path


def test_the_random_trees_have_what_the_expressions_select() -> None:
    trees = [random_tree(random.Random(seed)) for seed in range(1_000)]
    assert [path for path in PATHS if not any(XPath(path, namespaces=NAMESPACES)(tree) for tree in trees)] == []


@pytest.mark.parametrize(
    "path",
    [
        ".//div[position()=2]",
        ".//div/p",
        ".//div[p]",
        ".//*[@class='a' or text()='b']",
        "//div",
        ".//div[re:test(@class, 'a', 'g')]",
        ".//*[contains(., 'a')]",
        ".//div[count(@class)]",
        ".//div[@class='a'",
    ],
)
def test_what_needs_more_than_tag_and_attributes_is_left_to_lxml(path: str) -> None:
    class Expression:
        def __init__(self) -> None:
            self.path = path

    other = Expression()
    assert evaluated_here(other) is other


def test_only_so_many_combinations_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.extraction.attribute_xpath._MOST", 10)
    expression = AttributeXPath(".//*[contains(@class, '7')]")
    tree = fromstring("<div>" + "".join(f"<p class='c{n}'>x</p>" for n in range(100)) + "</div>")
    assert [node.get("class") for node in expression(tree)] == [f"c{n}" for n in range(100) if "7" in str(n)]
    assert len(expression._known) <= 10


def test_long_values_are_not_remembered() -> None:
    expression = AttributeXPath(".//*[contains(@class, 'share')]")
    tree = fromstring(f"<div><p class='{'a' * 100_000} share'>x</p><p class='share'>x</p></div>")
    assert len(expression(tree)) == 2
    assert set(expression._known) == {("div",), ("p", ("class", "share"))}


def test_the_first_child_of_each_parent_that_nobody_holds() -> None:
    rows = "".join(f"<ul><li class='a'>{n}</li><li class='a'>x</li></ul>" for n in range(200))
    tree = fromstring(f"<div>{rows}</div>")
    assert [node.text for node in AttributeXPath(".//*[@class='a'][1]")(tree)] == [str(n) for n in range(200)]
