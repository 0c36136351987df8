"""The Moscow Times crawled again: stories that grow, and briefs whose headline changes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from crawler.text.tokens import words
from tests.conftest import Desk
from tests.moscow_times import APPEAL, BESIDE, Story, html, related, rss
from tests.site import Answer, Site, story

PARAGRAPH = re.compile("<p>(.*?)</p>")
PARAGRAPHS = (
    "A fire broke out in a paper mill near Kondopoga on Friday morning, the regional emergency service said.",
    "All 212 workers left the building, and nobody was hurt, according to the service.",
    "The cause is not known.",
    "By noon the flames had spread to a store of finished paper, and two more brigades came from Petrozavodsk.",
    "School lessons were called off in the two villages downwind because of the smoke.",
    "The mill's director said that production would stand still for at least ten days, at a cost of 40 million rubles.",
    "Investigators opened a case into possible violations of safety rules at the mill, which was last inspected in March.",
)
FIRST = Story(
    number=91001,
    slug="fire-at-paper-mill",
    title="Fire Breaks Out at Paper Mill in Karelia",
    body=(html(*PARAGRAPHS[:3]),),
    intro="Workers left the building unhurt.",
    authors=("Varvara Sosnina",),
)
SECOND = FIRST.with_(
    title="Fire at Paper Mill in Karelia Spreads",
    modified="2026-11-20T12:40:00+03:00",
    body=(html(*PARAGRAPHS[:2]), related("Omsk Tram Depot Opens Its Doors to Visitors"), html(*PARAGRAPHS[2:5])),
)
# The slug changes too; the number at its end is the article's.
THIRD = SECOND.with_(
    slug="paper-mill-to-stand-still-after-fire",
    title="Paper Mill in Karelia to Stand Still After Fire",
    modified="2026-11-20T18:05:00+03:00",
    authors=("Varvara Sosnina", "Gleb Ustinov"),
    body=(html(*PARAGRAPHS[:2]), related("Omsk Tram Depot Opens Its Doors to Visitors"), html(*PARAGRAPHS[2:])),
)
BRIEF = Story(
    number=91002,
    slug="airport-closed",
    title="Magadan Airport Closed",
    body=(
        html(
            "Snow closed the airport of Magadan on Friday. Nine flights were put off. The runway opens at noon.",
            "<noscript>Please turn on JavaScript to see the comments.</noscript>",
        ),
    ),
    intro="Nine flights were put off.",
)


@pytest.fixture
def outlet(desk: Desk, site: Site) -> Outlet:
    return Outlet(desk, site)


class Outlet:
    """The newspaper on a local address, and newsdesk with the shipped rules for it."""

    def __init__(self, desk: Desk, site: Site) -> None:
        self.desk, self.site = desk, site
        desk.configure(
            f'[[source]]\nid = "themoscowtimes.com"\nname = "The Moscow Times"\nurl = "{site.base}/"\nfeeds = ["{site.base}/rss/news"]\n'
        )

    def publish(self, *stories: Story) -> None:
        local = [one.with_(site=self.site.base) for one in stories]
        for one in local:
            self.site.answers[one.path] = Answer(one.page())
        self.site.answers["/rss/news"] = Answer(rss(local), kind="text/xml")

    def crawl(self, *stories: Story) -> list[str]:
        """Publish, crawl, and return the paths that were requested."""
        self.publish(*stories)
        self.site.requests.clear()
        done = self.desk.run("crawl")
        assert done.code == 0, done.err
        return self.site.paths()

    def articles(self) -> list[dict[str, Any]]:
        return self.desk.rows("SELECT * FROM articles ORDER BY id")

    def revisions(self) -> list[dict[str, Any]]:
        return self.desk.rows("SELECT * FROM revisions ORDER BY number")


def count(*paragraphs: str) -> int:
    return len(words(" ".join(paragraphs)))


def test_a_story_that_grows_has_a_revision_for_each_edit_and_the_words_that_came(outlet: Outlet) -> None:
    assert outlet.crawl(FIRST) == ["/rss/news", FIRST.path]
    assert outlet.crawl(SECOND) == ["/rss/news", SECOND.path]
    assert outlet.crawl(THIRD) == ["/rss/news", THIRD.path]
    [article] = outlet.articles()
    assert article["text"].split("\n\n") == list(PARAGRAPHS)
    assert (article["title"], json.loads(article["authors"])) == (THIRD.title, list(THIRD.authors))
    assert (article["revision"], article["word_count"]) == (3, count(*PARAGRAPHS))
    first, second, third = outlet.revisions()  # counts are of headline and text
    assert first["text"].split("\n\n") == list(PARAGRAPHS[:3])
    assert second["text"].split("\n\n") == list(PARAGRAPHS[:5])
    assert [(r["cause"], r["title"]) for r in (second, third)] == [
        ("publisher", SECOND.title),
        ("publisher", THIRD.title),
    ]
    assert (second["words_added"], second["words_removed"]) == (
        count(*PARAGRAPHS[3:5], "Spreads"),
        count("Breaks Out"),
    )
    assert (third["words_added"], third["words_removed"]) == (
        count(*PARAGRAPHS[5:7], "to Stand Still After Fire"),
        count("Fire at Spreads"),
    )
    assert [r["silent"] for r in (second, third)] == [0, 0]
    assert outlet.crawl(THIRD) == ["/rss/news"]
    assert len(outlet.revisions()) == 3


def test_the_banner_and_the_other_articles_make_no_revision(outlet: Outlet) -> None:
    """What stands around the text is new on every request."""
    outlet.crawl(FIRST)
    changed = FIRST.with_(appeal=FIRST.appeal.replace("small favor", "favor, and not a small one,"))
    outlet.publish(changed)
    done = outlet.desk.run("fetch", outlet.site.base + FIRST.path)
    assert done.code == 0, done.err
    assert outlet.revisions() == []
    assert [a["revision"] for a in outlet.articles()] == [1]


def test_a_brief_is_requested_again_when_its_title_changes_in_the_feed(outlet: Outlet) -> None:
    outlet.crawl(BRIEF)
    [article] = outlet.articles()
    assert (article["completeness"], article["kind"]) == ("full", "brief")
    assert (
        article["text"]
        == "Snow closed the airport of Magadan on Friday. Nine flights were put off. The runway opens at noon."
    )
    retitled = BRIEF.with_(title="Magadan Airport Opens Again")
    assert outlet.crawl(retitled) == ["/rss/news", BRIEF.path]
    [article] = outlet.articles()
    assert (article["title"], article["revision"]) == (retitled.title, 2)
    assert [(r["words_added"], r["words_removed"]) for r in outlet.revisions()[1:]] == [(2, 1)]  # the headline's
    assert outlet.crawl(retitled) == ["/rss/news"]


def test_every_kind_of_page_is_stored_with_its_kind(outlet: Outlet) -> None:
    stories = [
        FIRST.with_(body=(html(*PARAGRAPHS),)),
        BRIEF,
        FIRST.with_(number=91003, slug="a-river-is-no-budget-line", title="A River Is No Budget Line", label="opinion", section="opinion", prefix="Opinion", intro="On ferries.", body=(html(*PARAGRAPHS[::-1]),)),
        FIRST.with_(number=91004, slug="river-talk", title="River Talk: Who Owns the Ice?", prefix="Podcast", intro="On ice.", body=(html(*PARAGRAPHS[2:5]),)),
        FIRST.with_(number=91005, slug="bank-for-the-north", title="A Bank for the North", section="Advertorial", authors=(), body=(html(*PARAGRAPHS[1:6]),)),
    ]  # fmt: skip
    outlet.crawl(*stories)
    found = {a["url"].rsplit("-a", 1)[1]: a for a in outlet.articles()}
    assert {number: a["kind"] for number, a in found.items()} == {
        "91001": "article",
        "91002": "brief",
        "91003": "opinion",
        "91004": "podcast",
        "91005": "advertorial",
    }
    assert {a["completeness"] for a in found.values()} == {"full"}
    assert json.loads(found["91005"]["authors"]) == []
    assert len(outlet.desk.rows("SELECT 1 FROM article_urls WHERE kind = 'id'")) == 5


NEWSLETTER = (
    '<div class="row-flex gutter-2"><h4>The week in one letter</h4>'
    "<p>Our letter holds a hand-picked selection of news, features, analysis and more from us on Russia.</p></div>"
)
SUPPORT = (
    '<div class="row-flex gutter-3"><p>Three decades of independent reporting from Moscow are what you hold in your hands '
    "when you read these lines, and those who pay for them make the next three possible.</p></div>"
)


def many(numbers: range) -> list[Story]:
    """Stories of all lengths: every third one is a brief of one paragraph, two of three have a newsletter box."""
    stories = []
    for n in numbers:
        short = f"Snow closed airport number {n} on Friday. {n + 9} flights were put off. The runway opens at noon."
        lines = [short] if n % 3 == 0 else [f"{line[:-1]} on day {n}." for line in story(n, 3 + n % 4)]
        blocks = [html(*lines[:2]), *([html(NEWSLETTER)] if n % 3 < 2 else []), html(*lines[2:])]
        title = f"Paper Mill Number {n} in Karelia Is to Stand Still"
        stories.append(
            Story(
                number=92000 + n,
                slug=f"paper-mill-number-{n}",
                title=title,
                body=tuple(blocks),
                appeal=APPEAL + SUPPORT,
            )
        )
    return stories


def test_without_rules_what_repeats_is_in_no_text_after_the_twelfth_page_and_after_reprocess(
    desk: Desk, site: Site
) -> None:
    outlet = Outlet(desk, site)
    desk.configure(f'[[source]]\nid = "post"\nurl = "{site.base}/"\nfeeds = ["{site.base}/rss/news"]\n')
    outlet.crawl(*many(range(12)))
    outlet.crawl(*many(range(36)))
    texts = [article["text"] for article in outlet.articles()]
    for t in texts[:13]:
        print(repr(t[:700]))
    assert len(texts) == 36
    said = [*BESIDE, "week in one letter", "hand-picked selection", "refuse to be silenced", "independent reporting"]
    assert [words for text in texts[:3] for words in said if words in text]  # else nothing is to be learned here
    assert [(n, words) for n, text in enumerate(texts) for words in said if n >= 12 and words in text] == []
    own = {item.path: [line for block in item.body for line in PARAGRAPH.findall(block)] for item in many(range(36))}
    for article in outlet.articles():
        path = article["url"].removeprefix(site.base)
        assert [line for line in own[path] if line not in article["text"] and "hand-picked" not in line] == []
    assert desk.run("reprocess").code == 0
    texts = [article["text"] for article in outlet.articles()]
    assert [(n, words) for n, text in enumerate(texts) for words in said if words in text] == []
    assert json.loads(desk.run("edits", "--json").out) == []
