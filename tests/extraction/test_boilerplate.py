"""What stands beside an article is taken out; the article is not, whatever its site calls its parts."""

from __future__ import annotations

import pytest
from lxml import html

from crawler.extraction.boilerplate import remove_boilerplate
from crawler.extraction.measures import body_of, measure
from crawler.extraction.split_body import densest_element, merge_split_body

SENTENCE = "The harbour board voted on Tuesday to dredge the western basin before the winter storms arrive, "
STORY = [f"{SENTENCE}paragraph {number} of the report says." for number in range(6)]


def page(inner: str) -> str:
    return f"<html><body><main><h1>Board votes to dredge</h1>{inner}</main></body></html>"


def paragraphs(count: int = 6) -> str:
    return "".join(f"<p>{text}</p>" for text in STORY[:count])


def left(markup: str) -> str:
    tree = html.document_fromstring(markup)
    remove_boilerplate(tree)
    return str(tree.text_content())


@pytest.mark.parametrize(
    "beside",
    [
        '<div class="newsletter-signup"><p>Get the harbour news in your inbox every morning.</p></div>',
        '<ul class="related-links"><li><a href="/a">Ferry line closes</a></li><li><a href="/b">New crane</a></li></ul>',
        "<aside><p>Most read: ferry line closes</p></aside>",
        '<figure><img src="x.jpg"><figcaption>The basin last week</figcaption></figure>',
        '<div class="ArticleShareBar">Share this</div>',
        "<p>Read more: <a href='/c'>the ferry line that closed</a></p>",
        "<p><a href='/d'>FERRY LINE CLOSES FOR GOOD</a></p>",
        '<div role="navigation">Harbour Ferries Cranes</div>',
        '<nav><a href="/">Home</a></nav>',
        "<script>var harbour = 1;</script>",
    ],
)
def test_what_stands_beside_is_taken_out(beside: str) -> None:
    text = left(page(f"{paragraphs(3)}{beside}{paragraphs()}"))
    assert all(sentence in text for sentence in STORY)
    assert html.fragment_fromstring(beside, create_parent="div").text_content() not in text


@pytest.mark.parametrize(
    "naming",
    [
        'class="post-12 tag-newsletter category-social has-comments"',
        'class="content and-w-sidebar"',
        'class="field field--label-hidden"',
        'class="article-with-promo" id="comments"',
    ],
)
def test_a_name_never_costs_the_article(naming: str) -> None:
    assert all(sentence in left(page(f"<div {naming}>{paragraphs()}</div>")) for sentence in STORY)


def test_a_standfirst_called_teaser_stays_and_a_teaser_that_links_goes() -> None:
    text = left(
        page(
            f'<p class="teaser">What the board decided and why.</p>{paragraphs()}<div class="teaser"><a href="/x">Ferry line closes</a> today</div>'
        )
    )
    assert "What the board decided" in text
    assert "Ferry line" not in text


def test_text_behind_a_comment_counts_as_text() -> None:
    assert "and nothing but text" in left(
        page(f"<p><a href='/x'>A link</a><!-- ad -->{SENTENCE * 2} and nothing but text.</p>{paragraphs()}")
    )


def test_parts_of_one_make_are_joined_and_other_articles_are_not() -> None:
    split = html.document_fromstring(
        page(
            f'<div class="part">{paragraphs(3)}</div><div>Advertisement</div><div class="part">{"".join(f"<p>{s}</p>" for s in STORY[3:])}</div>'
        )
    )
    body = body_of(split)
    assert merge_split_body(body, measure(body))
    joined = next(node for node in body.iter("div") if node.get("class") == "part")
    assert all(sentence in joined.text_content() for sentence in STORY)
    cards = html.document_fromstring(
        page("".join(f'<article><div class="entry">{paragraphs(2)}</div></article>' for _ in range(3)))
    )
    body = body_of(cards)
    assert not merge_split_body(body, measure(body))


def test_the_densest_part_holds_the_story() -> None:
    tree = html.document_fromstring(
        page(f"<div id='menu'>{'<a href=x>Harbour</a> ' * 30}</div><div id='story'>{paragraphs()}</div>")
    )
    body = body_of(tree)
    assert densest_element(body, measure(body)).get("id") == "story"
