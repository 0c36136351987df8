"""The kind of a page, a section page against an article, the lead image."""

from __future__ import annotations

import pytest

from crawler.config.models import PublisherRules
from crawler.extraction.extractor import extract
from tests.conftest import NOW
from tests.extraction.pages import PROSE, TITLES, cases, grid, news, p, page, read, same, whole

LIVE = {
    "slug live-updates": ("https://www.example.org/2026/11/20/mill-flood-live-updates", "", "{t}"),
    "slug live-blog": ("https://www.example.org/2026/11/20/mill-flood-live-blog", "", "{t}"),
    "slug liveticker": ("https://www.example.org/2026/11/20/muehle-liveticker-100", "", "{t}"),
    "folder live": ("https://www.example.org/news/live/mill-flood", "", "{t}"),
    "folder liveblog": ("https://www.example.org/liveblog/mill-flood-77", "", "{t}"),
    "title": ("https://www.example.org/2026/11/20/mill-flood", "", "{t}: live updates"),
    "title first": ("https://www.example.org/2026/11/20/mill-flood", "", "Live updates: {t}"),
    "title German": ("https://www.example.org/2026/11/20/mill-flood", "", "Liveticker: {t}"),
    "title Russian": ("https://www.example.org/2026/11/20/mill-flood", "", "{t}. Онлайн-трансляция"),
    "data": ("https://www.example.org/2026/11/20/mill-flood", "LiveBlogPosting", "{t}"),
    "data, two types": ("https://www.example.org/2026/11/20/mill-flood", ["NewsArticle", "LiveBlogPosting"], "{t}"),
}
LIVE_PARTS = {
    "class": "<div class='live-blog'>{0}</div>",
    "posts": "<div class='liveblog-posts'>{0}</div>",
    "updates": "<section class='live-updates'>{0}</section>",
    "data attribute": "<div data-component='live-blog'>{0}</div>",
    "BEM": "<div class='article__live-feed'>{0}</div>",
}


def posts(language: str) -> str:
    return "".join(f"<div class='post'><time datetime='2026-11-20T{18 - n}:05:00Z'>{18 - n}:05</time><p>{line}</p></div>" for n, line in enumerate(PROSE[language]))  # fmt: skip


@pytest.mark.parametrize(("case", "language"), grid(LIVE, same("en", "de", "ru")))
def test_a_live_page_is_live(case: tuple[str, object, str], language: str) -> None:
    url, kind, form = case
    title = form.format(t=TITLES[language])
    head = news(title, **({"@type": kind} if kind else {}))
    found = read(page(posts(language), title=title, head=head, lang=language), url)
    assert found.kind == "live"
    assert [line for line in found.text.split("\n\n") if line in PROSE[language]] == list(PROSE[language])


@pytest.mark.parametrize("box", cases(LIVE_PARTS))
def test_a_page_with_a_container_of_live_posts_is_live(box: str) -> None:
    assert read(page(box.format(posts("en")), head=news())).kind == "live"


@pytest.mark.parametrize(
    ("url", "title"),
    [
        ("https://www.example.org/2026/11/20/where-beavers-live-again", "Where beavers live again"),
        pytest.param(
            "https://www.example.org/2026/11/20/live-music-returns-to-the-mill",
            "Live music returns to the mill",
        ),
        ("https://www.example.org/2026/11/20/how-to-live-without-flour", "How to live without flour"),
        ("https://www.example.org/2026/11/20/a-delivery-of-oak", "A delivery of oak"),
        ("https://www.example.org/lifestyle/2026/olive-oil", "Olive oil from the valley"),
    ],
)
def test_news_about_living_is_not_live(url: str, title: str) -> None:
    related = "<aside class='live-blog-teaser'><a href='/live/flood'>Live updates: the flood</a></aside>"
    assert read(page(p(*PROSE["en"]) + related, title=title, head=news(title)), url).kind == "article"


SPONSORED = {
    "section": ("", {"articleSection": "Advertorial"}, "https://www.example.org/2026/11/20/flour"),
    "type": ("", {"@type": "AdvertiserContentArticle"}, "https://www.example.org/2026/11/20/flour"),
    "brought to you by": ("<p class='label'>Brought to you by Brook Bank</p>", {}, "https://www.example.org/2026/11/20/flour"),
    "label": ("<span class='kicker'>Sponsored</span>", {}, "https://www.example.org/2026/11/20/flour"),
    "branded content": ("<div class='article-label'>Branded content</div>", {}, "https://www.example.org/2026/11/20/flour"),
    "paid post": ("<div class='badge'>Paid post</div>", {}, "https://www.example.org/2026/11/20/flour"),
    "Anzeige": ("<div class='label'>Anzeige</div>", {}, "https://www.example.org/2026/11/20/mehl"),
    "Russian": ("<div class='label'>На правах рекламы</div>", {}, "https://www.example.org/2026/11/20/muka"),
    "plus": ("", {}, "https://www.example.org/plus/2026/11/20/flour"),
    "folder sponsored": ("", {}, "https://www.example.org/sponsored/2026/flour"),
    "folder brandstudio": ("", {}, "https://www.example.org/branded-content/2026/flour"),
    "folder advertorial": ("", {}, "https://www.example.org/advertorial/2026/flour"),
    "JSON-LD sponsor": ("", {"sponsor": {"@type": "Organization", "name": "Brook Bank"}}, "https://www.example.org/2026/11/20/flour"),
}  # fmt: skip


@pytest.mark.parametrize(("case", "language"), grid(SPONSORED, same("en", "de", "ru")))
def test_paid_content_is_an_advertorial_and_no_sponsor_an_author(
    case: tuple[str, dict[str, object], str], language: str
) -> None:
    label, more, url = case
    title = TITLES[language]
    body = f"<main><article><header>{label}<h1>{title}</h1></header>{p(*PROSE[language])}</article></main>"
    found = read(whole(body, title=title, lang=language, head=news(title, **more)), url)
    assert (found.kind, found.authors) == ("advertorial", ())
    assert found.text.split("\n\n") == list(PROSE[language])


@pytest.mark.parametrize(
    "near",
    [
        "<aside class='sponsored'><span>Sponsored</span> <a href='https://ad.example/'>Oak by the metre</a></aside>",
        "<div class='ad-slot'><span>Anzeige</span></div>",
        "<footer>Branded content and partners</footer>",
        "<div class='newsletter'>This newsletter is brought to you by Brook Bank</div>",
    ],
)
def test_an_advertisement_beside_an_article_makes_no_advertorial(near: str) -> None:
    assert (
        read(whole(f"<main><article><h1>{TITLES['en']}</h1>{p(*PROSE['en'])}</article></main>{near}", head=news())).kind
        == "article"
    )


def test_a_publishers_rule_gives_the_kind() -> None:
    rules = PublisherRules(kind=(".label",))
    body = f"<article><span class='label'>Podcast</span><h1>{TITLES['en']}</h1>{p(*PROSE['en'])}</article>"
    found = extract(whole(body), "https://www.example.org/2026/11/20/mill", rules=rules, now=NOW)
    assert found is not None
    assert found.kind == "podcast"


PLACEHOLDERS = (
    "https://www.example.org/static/share.png",
    "https://www.example.org/img/logo_1280.png",
    "https://www.example.org/assets/images/default-og-image.jpg",
    "https://www.example.org/placeholder.gif",
    "https://www.example.org/theme/no-image.svg",
)


@pytest.mark.parametrize("address", PLACEHOLDERS)
@pytest.mark.parametrize("in_data", [True, False], ids=["og and JSON-LD", "og"])
def test_a_placeholder_is_no_lead_image(address: str, in_data: bool) -> None:
    head = f'<meta property="og:image" content="{address}">' + news(**({"image": address} if in_data else {}))
    assert read(page(p(*PROSE["en"]), head=head)).image_url is None


@pytest.mark.parametrize("address", ["https://www.example.org/2026/11/logo-contest.jpg", "https://www.example.org/media/share-of-flour-3.jpg"])  # fmt: skip
def test_a_picture_of_the_article_is_its_lead_image(address: str) -> None:
    assert (
        read(page(p(*PROSE["en"]), head=f'<meta property="og:image" content="{address}">' + news())).image_url
        == address
    )


SECTIONS = {
    "root": "https://www.example.org/",
    "section": "https://www.example.org/news",
    "two words": "https://www.example.org/arts-and-life",
    "topic": "https://www.example.org/topics/mills/",
    "tag": "https://www.example.org/tag/mill",
    "category": "https://www.example.org/category/region/",
    "archive": "https://www.example.org/archive/2026/11/",
    "author": "https://www.example.org/author/ada-quill/",
    "index": "https://www.example.org/region/index.html",
    "search": "https://www.example.org/search?q=mill",
    "page number": "https://www.example.org/news/page/2",
}


def teaser(number: int, language: str, *, words: int = 12) -> str:
    line = " ".join(PROSE[language][number % 5].split()[:words])
    return f"<article class='card'><h3><a href='/2026/11/{number + 1:02d}/a-story-of-the-brook'>{TITLES[language]}, {number}</a></h3><p>{line}</p></article>"


@pytest.mark.parametrize(("url", "language"), grid(SECTIONS, same("en", "de", "ru")))
def test_a_section_page_is_no_article(url: str, language: str) -> None:
    body = f"<main><h1>Region</h1>{''.join(teaser(n, language) for n in range(14))}</main>"
    found = read(whole(body, title="Region", lang=language), url)
    assert (found.problem, found.text) == ("section page", "")


ARTICLES = {
    **{name: SECTIONS[name] for name in ("two words", "topic", "tag", "category", "archive", "index")},
    "one word": "https://www.example.org/mill",
    "no slug": "https://www.example.org/20261120",
    "a folder": "https://www.example.org/region/ashbrook/mill/",
    "a parameter": "https://www.example.org/?p=1207",
    "a long id": "https://www.example.org/a/6f1c2b",
}


@pytest.mark.parametrize(
    ("described", "url", "language"), grid({"described": True, "bare": False}, ARTICLES, same("en", "de", "ru"))
)
def test_an_article_at_an_address_like_a_sections_is_one(url: str, language: str, described: bool) -> None:
    """With other articles' cards below it, as many as its own paragraphs."""
    title = TITLES[language]
    cards = f"<section><h2>Region</h2>{''.join(teaser(n, language, words=6) for n in range(6))}</section>"
    body = f"<main><article><h1>{title}</h1>{p(*PROSE[language])}</article></main>{cards}"
    found = read(whole(body, title=title, lang=language, head=news(title) if described else ""), url)
    assert found.problem is None
    assert found.text.split("\n\n") == list(PROSE[language])
