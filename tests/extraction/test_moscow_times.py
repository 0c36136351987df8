"""The Moscow Times with the shipped rules: every kind of page that the site has, in its markup and our words."""

from __future__ import annotations

import json

import pytest

import crawler
from crawler.config.loader import shipped_sources
from crawler.extraction.extraction import Extraction
from crawler.extraction.extractor import extract
from tests.conftest import NOW
from tests.moscow_times import BESIDE, Story, html, picture, player, quote, related

RULES = next(source.article for source in shipped_sources() if source.id == "themoscowtimes.com")
PARAGRAPHS = (
    "Ferry crews on the Lena River stopped work on Friday after the regional operator failed to pay November wages, the port said.",
    "About 140 people wait on the right bank for a crossing, according to the port's duty officer, and the winter road is not open yet.",
    "The operator said that the money had been sent on Thursday and that banks were to blame for the delay.",
    "A hovercraft with room for eleven passengers crosses twice a day, and the sick are taken first.",
    "The governor ordered an inspection of the operator's accounts and promised that the crossing would open by Sunday.",
)
FERRY = Story(
    number=90001,
    slug="ferry-crews-strike-on-lena-river",
    title="Ferry Crews Strike on Lena River",
    body=(html(*PARAGRAPHS),),
    intro="Crews stopped work after wages were not paid.",
    authors=("Varvara Sosnina",),
    caption="The crossing at Yakutsk in November.",
    credit="Ilya Burtsev / MT",
)
# What the site puts beside a text when it is read without scripts.
NOSCRIPT = (
    "<noscript>Please enable JavaScript to view this page.</noscript>",
    '<noscript><div class="alert">JavaScript is disabled in your browser. Turn on JavaScript to load comments.</div></noscript>',
    '<script type="text/javascript">freestar.config.enabled_slots.push({placementName: "body"}); var javascript_enabled = true;</script>',
)


def read(story: Story, *, ruled: bool = True) -> Extraction:
    found = extract(story.page(), story.url, rules=RULES if ruled else None, now=NOW)
    assert found is not None
    assert found.problem is None
    said = json.dumps([found.title, found.subtitle, found.summary, found.text, found.authors, found.image_caption])
    assert not [words for words in BESIDE if words in said]
    return found


@pytest.mark.parametrize("ruled", [True, False], ids=["publisher rules", "no rules"])
def test_an_article_has_every_field_of_its_own(ruled: bool) -> None:
    found = read(FERRY, ruled=ruled)
    assert found.text.split("\n\n") == list(PARAGRAPHS)
    assert (found.title, found.authors, found.published_at) == (FERRY.title, FERRY.authors, FERRY.published)
    assert (found.kind, found.completeness, found.language) == ("article", "full", "en")
    assert (found.image_caption, found.image_credit, found.tags) == (FERRY.caption, FERRY.credit, FERRY.tags)
    assert found.subtitle is None


def test_the_rules_apply_by_address() -> None:
    found = crawler.extract(FERRY.page(), FERRY.url)
    assert found is not None
    assert found.provenance["title"]["source"] == "rules"
    assert found.publisher_id == "90001"


BRIEFS = {
    "one paragraph": (
        "A court in Perm fined a bus company on Friday for leaving its passengers at a frozen stop. The driver had turned back because of the storm. Nobody was hurt.",
    ),
    "three paragraphs": (
        "Snow closed the airport of Magadan for six hours on Friday.",
        "Nine flights were put off, the airport said.",
        "The runway opened again at noon.",
    ),
    "about subscriptions": (
        "A streaming service raised the price of a subscription to 399 rubles a month on Friday.",
        "Subscribers can cancel at any time, the company said, and log in with another account.",
        "It was the third rise in two years.",
    ),
    "about scripts": (
        "A bank asked its customers on Friday to update their browsers.",
        "The new site needs JavaScript, a spokesman said.",
        "The old one closes in March.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("ruled", [True, False], ids=["publisher rules", "no rules"])
@pytest.mark.parametrize("noscript", ["", *NOSCRIPT], ids=["plain", "notice", "comments notice", "script"])
@pytest.mark.parametrize("name", BRIEFS)
def test_a_brief_is_its_three_sentences(name: str, noscript: str, ruled: bool) -> None:
    """The banner that asks for money is longer than the text."""
    paragraphs = BRIEFS[name]
    brief = FERRY.with_(
        slug="a-brief",
        title="News in Three Sentences",
        body=(html(*paragraphs, *filter(None, [noscript])),),
        authors=(),
    )
    found = read(brief, ruled=ruled)
    assert found.text.split("\n\n") == list(paragraphs)
    assert (found.kind, found.completeness, found.authors) == ("brief", "full", ())


@pytest.mark.parametrize("ruled", [True, False], ids=["publisher rules", "no rules"])
def test_a_feature_keeps_headings_lists_and_quotes_in_order(ruled: bool) -> None:
    title = "How Tver's Last Bell Foundry Found New Customers"
    feature = FERRY.with_(
        slug="tver-bell-foundry",
        title=title,
        subtitle="For a century nobody needed bells. Then the orders came by post.",
        section="meanwhile",
        authors=("Gleb Ustinov", "Rimma Ozerova"),
        body=(
            html(
                "<p>The foundry stands behind the <em>old</em> railway yard, and <a href='/tag/tver'>Tver</a> hears it on Thursdays only. "
                "The furnace is lit at four in the morning, long before the first tram leaves the depot.</p>",
                "<h2>A letter from Pskov</h2>",
                "The first order in eleven years came by post, in a woman's hand, and it asked for a bell no bigger than a bucket for a school.",
                "<ul><li>one bell of nine kilograms</li><li>a rope of hemp</li><li>a <strong>wooden</strong> frame</li></ul>",
            ),
            quote("A bell remembers the hand that poured it.", "Gleb Ustinov"),
            related("Omsk Tram Depot Opens Its Doors to Visitors"),
            html(
                "<h3>What the metal costs</h3>",
                "Copper has doubled in price since the spring, and the foundry's owner now buys it by the bag from people who take down old wires.",
                "<ol><li>Copper goes in first.</li><li>Tin goes in last.</li></ol>",
                "<blockquote><p>We melt what we can find, and we ask where it comes from.</p></blockquote>",
                "He does not know who will pour the bells after him, he says, and he closes the furnace door with his foot.",
            ),
        ),
    )  # fmt: skip
    found = read(feature, ruled=ruled)
    assert found.text.split("\n\n") == [
        "The foundry stands behind the old railway yard, and Tver hears it on Thursdays only. The furnace is lit at four in the morning, long before the first tram leaves the depot.",
        "A letter from Pskov",
        "The first order in eleven years came by post, in a woman's hand, and it asked for a bell no bigger than a bucket for a school.",
        "one bell of nine kilograms",
        "a rope of hemp",
        "a wooden frame",
        "A bell remembers the hand that poured it.",
        "What the metal costs",
        "Copper has doubled in price since the spring, and the foundry's owner now buys it by the bag from people who take down old wires.",
        "Copper goes in first.",
        "Tin goes in last.",
        "We melt what we can find, and we ask where it comes from.",
        "He does not know who will pour the bells after him, he says, and he closes the furnace door with his foot.",
    ]
    assert (found.title, found.subtitle, found.authors) == (title, feature.subtitle, feature.authors)
    assert (found.kind, found.completeness) == ("article", "full")


@pytest.mark.parametrize("ruled", [True, False], ids=["publisher rules", "no rules"])
@pytest.mark.parametrize("gap", ["<br><br>", "<br />\n<br />", "<br>&nbsp;<br>"], ids=["two", "spaced", "nbsp"])
@pytest.mark.parametrize("shell", ["<p>{}</p>", "<div>{}</div>"], ids=["p", "div"])
def test_an_archive_page_of_empty_lines_has_its_paragraphs(gap: str, shell: str, ruled: bool) -> None:
    lines = [*PARAGRAPHS, "Ferries have crossed the river since 1926.<br>The first one carried a horse."]
    archive = FERRY.with_(
        day="1998/03/14",
        slug="archive",
        published="1998-03-14T00:00:00+03:00",
        body=(html(shell.format(gap.join(lines))),),
    )
    found = read(archive, ruled=ruled)
    assert found.text.split("\n\n") == [
        *PARAGRAPHS,
        "Ferries have crossed the river since 1926. The first one carried a horse.",
    ]
    assert (found.published_at or "")[:10] == "1998-03-14"


CAPTIONS = (
    "Fishermen drill through the ice before sunrise.",
    "A catch of smelt freezes within a minute.",
    "Tea is boiled on a stove made of a milk can.",
    "The last car leaves the ice at dusk.",
)
GALLERY = FERRY.with_(
    slug="ice-fishing-in-photos",
    title="Ice Fishing on the Gulf, in Photos",
    section="gallery",
    prefix="Gallery",
    intro="A day on the ice with people who do not like to talk.",
    caption="",
    credit="",
    body=(
        html("On the first weekend of frost the Gulf belongs to those who bring a drill, a box and a thermos."),
        *(picture(caption, "Ilya Burtsev / MT", at) for at, caption in enumerate(CAPTIONS)),
    ),
)


@pytest.mark.parametrize("ruled", [True, False], ids=["publisher rules", "no rules"])
def test_a_gallery_is_its_captions(ruled: bool) -> None:
    found = extract(GALLERY.page(), GALLERY.url, rules=RULES if ruled else None, now=NOW)
    assert found is not None
    assert found.kind == "gallery"
    assert [line for line in found.text.split("\n\n") if line in CAPTIONS] == list(CAPTIONS)
    assert "Ilya Burtsev" not in found.text


def test_a_gallerys_intro_is_its_text_and_its_summary() -> None:
    found = read(GALLERY)
    assert (
        found.text.split("\n\n")[0]
        == "On the first weekend of frost the Gulf belongs to those who bring a drill, a box and a thermos."
    )
    assert (found.kind, found.summary) == ("gallery", GALLERY.intro)


LIVE = FERRY.with_(
    slug="lena-crossing-live-updates",
    title="Lena Crossing: Live Updates",
    body=(
        html(
            "<h3>4:10 p.m. — The first ferry leaves</h3>",
            "The Yury Levitan left the right bank with 62 cars, the port's duty officer said.",
            "<h3>1:30 p.m. — Wages arrive</h3>",
            "Three of the crews told the newspaper that their November wages had arrived in full.",
            "<h3>9:05 a.m. — A queue of two kilometers</h3>",
            "Drivers have waited since Thursday, and a school has opened its gymnasium to families with children.",
        ),
    ),
)


@pytest.mark.parametrize("ruled", [True, False], ids=["publisher rules", "no rules"])
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"title": "Lena Crossing as It Happened"}, id="slug"),
        pytest.param({"slug": "lena-crossing"}, id="title"),
        pytest.param({"slug": "lena", "title": "Lena Crossing as It Happened", "kind": "LiveBlogPosting"}, id="data"),
    ],
)
def test_a_live_page_is_live_and_keeps_its_order(changes: dict[str, object], ruled: bool) -> None:
    found = read(LIVE.with_(**changes), ruled=ruled)
    assert (found.kind, found.completeness) == ("live", "full")
    assert found.text.split("\n\n") == [
        "4:10 p.m. — The first ferry leaves",
        "The Yury Levitan left the right bank with 62 cars, the port's duty officer said.",
        "1:30 p.m. — Wages arrive",
        "Three of the crews told the newspaper that their November wages had arrived in full.",
        "9:05 a.m. — A queue of two kilometers",
        "Drivers have waited since Thursday, and a school has opened its gymnasium to families with children.",
    ]


@pytest.mark.parametrize("ruled", [True, False], ids=["publisher rules", "no rules"])
def test_a_podcast_is_a_podcast(ruled: bool) -> None:
    podcast = FERRY.with_(
        slug="river-talk-episode-nine",
        title="River Talk: Who Owns the Ice?",
        section="podcasts",
        prefix="Podcast",
        intro="Two lawyers and a fisherman on the rights to a frozen river.",
        body=(player("River Talk"), html(PARAGRAPHS[3], PARAGRAPHS[4])),
    )
    found = read(podcast, ruled=ruled)
    assert (found.kind, found.completeness) == ("podcast", "full")
    assert found.text.split("\n\n")[0 if ruled else -2 :] == [PARAGRAPHS[3], PARAGRAPHS[4]]
    assert found.summary == podcast.intro


@pytest.mark.parametrize("ruled", [True, False], ids=["publisher rules", "no rules"])
@pytest.mark.parametrize(
    "changes",
    [
        {"section": "Advertorial"},
        {"label": "Brought to you by Polar Bank"},
        {"label": "Branded content"},
        {"label": "partner content"},
        {"day": "plus/2026/11/20"},
    ],
    ids=["section", "brought to you by", "branded content", "partner content", "plus"],
)
def test_an_advertorial_is_one_and_names_no_sponsor_as_author(changes: dict[str, object], ruled: bool) -> None:
    found = read(FERRY.with_(slug="why-companies-choose-polar", authors=(), **changes), ruled=ruled)
    assert found.kind == "advertorial"
    assert found.authors == ()
    assert found.text.split("\n\n") == list(PARAGRAPHS)


RUSSIAN = (
    "Экипажи паромов на Лене в пятницу прекратили работу после того, как региональный перевозчик не выплатил зарплату за ноябрь, сообщили в порту.",
    "На правом берегу переправы ждут около 140 человек, рассказал дежурный по порту, а зимник ещё не открыт.",
    "Перевозчик заявил, что деньги были отправлены ещё в четверг и что в задержке виноваты банки.",
    "Губернатор поручил проверить счета компании и пообещал, что переправа откроется к воскресенью.",
)
RUSSIAN_APPEAL = (
    '<div class="contribute-banner p-3 mb-3"><h4>… у нас есть небольшая просьба.</h4><p>Власти объявили нашу редакцию «иностранным агентом», '
    "но журналисты продолжают работать независимо и честно. Нам нужна ваша помощь, чтобы рассказывать о стране без цензуры.</p>"
    "<p>Поддержите независимую журналистику ежемесячно, от 2 €. Это займёт минуту. Спасибо.</p>"
    '<a class="contribute-banner__button" href="/contribute">Поддержать</a></div>'
)


@pytest.mark.parametrize("ruled", [True, False], ids=["publisher rules", "no rules"])
@pytest.mark.parametrize("declared", ["ru", "en"])
@pytest.mark.parametrize("site", ["https://www.moscowtimes.ru", "https://ru.themoscowtimes.com"])
def test_a_page_of_the_russian_service(site: str, declared: str, ruled: bool) -> None:
    """Its markup says `en` in places: the template is the English one's."""
    page = FERRY.with_(
        site=site,
        slug="na-lene-vstali-paromy",
        title="На Лене встали паромы",
        body=(html(*RUSSIAN),),
        language=declared,
        intro="Экипажи не получили зарплату.",
        authors=("Варвара Соснина",),
        tags=("Якутск",),
        caption="Переправа в Якутске.",
        appeal=RUSSIAN_APPEAL,
    )
    found = read(page, ruled=ruled)
    assert found.text.split("\n\n") == list(RUSSIAN)
    assert (found.title, found.authors, found.language) == (page.title, page.authors, "ru")
    assert (found.kind, found.completeness, found.published_at) == ("brief", "full", page.published)


@pytest.mark.parametrize("ruled", [True, False], ids=["publisher rules", "no rules"])
def test_a_russian_brief_is_its_text_and_not_the_appeal(ruled: bool) -> None:
    page = FERRY.with_(
        title="В Магадане закрыт аэропорт",
        body=(html("Снег на шесть часов закрыл аэропорт Магадана.", "Отложены девять рейсов, сообщили в аэропорту."),),
        language="ru",
        authors=(),
        appeal=RUSSIAN_APPEAL,
    )
    found = read(page, ruled=ruled)
    assert found.text.split("\n\n") == [
        "Снег на шесть часов закрыл аэропорт Магадана.",
        "Отложены девять рейсов, сообщили в аэропорту.",
    ]
    assert (found.kind, found.language) == ("brief", "ru")


@pytest.mark.parametrize("ruled", [True, False], ids=["publisher rules", "no rules"])
def test_an_opinion_is_one(ruled: bool) -> None:
    found = read(
        FERRY.with_(label="opinion", section="opinion", prefix="Opinion", intro="A river is not a budget line."),
        ruled=ruled,
    )
    assert (found.kind, found.summary, found.authors) == ("opinion", "A river is not a budget line.", FERRY.authors)
