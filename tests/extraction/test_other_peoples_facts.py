"""A recommended article's data, a comment's date and name, a card's author: none of it is the article's."""

from __future__ import annotations

import pytest

from tests.extraction.pages import PROSE, TITLES, URL, data, grid, news, p, read, same, whole

OTHER_TITLES = {"en": "Bridge tolls rise again as traffic grows", "de": "Die Maut an der Brücke steigt erneut", "ru": "Проезд по мосту снова подорожает"}  # fmt: skip
LANGUAGES = same("en", "de", "ru")
MINE = {"author": {"@type": "Person", "name": "Ada Quill"}, "datePublished": "2026-11-20T08:00:00+01:00"}
THEIRS = {"author": {"@type": "Person", "name": "Bo Lind"}, "datePublished": "2024-02-03T08:00:00+01:00"}
OTHER_URL = "https://www.example.org/2024/02/03/bridge-tolls"


def shown(language: str, more: str = "", *, byline: str = "") -> str:
    return f"<main><article><h1>{TITLES[language]}</h1>{byline}{p(*PROSE[language])}</article></main>{more}"


def own(language: str, **more: object) -> str:
    return news(TITLES[language], **{**MINE, **more})


def other(language: str, **more: object) -> str:
    return news(OTHER_TITLES[language], **{**THEIRS, **more})


def listed(language: str) -> str:
    items = [{"@type": "ListItem", "position": n, "item": {"@type": "NewsArticle", "headline": f"{OTHER_TITLES[language]} {n}", "url": f"{OTHER_URL}{n}", **THEIRS}} for n in range(3)]  # fmt: skip
    return data(**{"@type": "ItemList", "itemListElement": items})


DATA = {
    "before, with url": lambda lang: other(lang, url=OTHER_URL) + own(lang),
    "before, own url": lambda lang: other(lang, url=OTHER_URL) + own(lang, url=URL),
    "before, no url": lambda lang: other(lang) + own(lang),
    "after, with url": lambda lang: own(lang) + other(lang, url=OTHER_URL),
    "after, no url": lambda lang: own(lang) + other(lang),
    "before, fuller": lambda lang: other(lang, url=OTHER_URL, description="Cars pay more.", articleBody=" ".join(PROSE["fr"])) + own(lang),
    "before, mainEntityOfPage": lambda lang: other(lang, mainEntityOfPage={"@id": OTHER_URL}) + own(lang),
    "in a graph": lambda lang: data(**{"@graph": [{"@type": "NewsArticle", "headline": OTHER_TITLES[lang], "url": OTHER_URL, **THEIRS}, {"@type": "NewsArticle", "headline": TITLES[lang], **MINE}]}),
    "in a list": lambda lang: listed(lang) + own(lang),
    "list after": lambda lang: own(lang) + listed(lang),
    "a video before": lambda lang: data(**{"@type": "VideoObject", "name": OTHER_TITLES[lang], "uploadDate": "2024-02-03", "author": {"name": "Bo Lind"}}) + own(lang),
    "a relative url": lambda lang: other(lang, url="/2024/02/03/bridge-tolls") + own(lang, url="/2026/11/20/the-mill-gets-a-new-wheel"),
    "three before": lambda lang: "".join(other(lang, url=f"{OTHER_URL}-{n}") for n in range(3)) + own(lang),
}  # fmt: skip


@pytest.mark.parametrize(("made", "language"), grid(DATA, LANGUAGES))
def test_a_recommended_articles_data_is_not_the_articles(made, language: str) -> None:  # type: ignore[no-untyped-def]
    found = read(whole(shown(language), title=TITLES[language], lang=language, head=made(language)))
    assert (found.title, found.authors) == (TITLES[language], ("Ada Quill",))
    assert found.published_at == "2026-11-20T08:00:00+01:00"


ALONE = {
    "with url": lambda lang: other(lang, url=OTHER_URL),
    "no url": other,
    "a list": listed,
    "mainEntityOfPage": lambda lang: other(lang, mainEntityOfPage=OTHER_URL),
}


@pytest.mark.parametrize(("made", "language"), grid(ALONE, LANGUAGES))
def test_another_articles_data_alone_gives_nothing(made, language: str) -> None:  # type: ignore[no-untyped-def]
    """The page says nothing of itself but its headline: no author, no date."""
    found = read(
        whole(shown(language), title=TITLES[language], lang=language, head=made(language)),
        "https://www.example.org/the-mill-gets-a-new-wheel",
    )
    assert (found.title, found.authors, found.published_at) == (TITLES[language], (), None)


COMMENTS = {
    "microdata": "<section id='comments'><div itemprop='comment' itemscope><span itemprop='author'>gull</span><time itemprop='datePublished' datetime='2026-11-21T20:09:00Z'>yesterday</time><p>{c}</p></div></section>",
    "wordpress": "<div id='comments' class='comments-area'><ol class='comment-list'><li class='comment'><div class='comment-author vcard'><b class='fn'>gull</b></div><div class='comment-metadata'><time datetime='2026-11-21T20:09:00Z'>21.11.2026</time></div><p>{c}</p></li></ol></div>",
    "divs": "<div class='comments'><div class='comment'><span class='author'>gull</span> <time datetime='2026-11-21T20:09:00Z'>1 day ago</time><div>{c}</div></div></div>",
    "article elements": "<div class='discussion'><article class='comment'><footer><a rel='author'>gull</a> <time datetime='2026-11-21T20:09:00Z'></time></footer><p>{c}</p></article></div>",
    "bem": "<section class='article-comments'><div class='comment__author'>gull</div><div class='comment__date'>21.11.2026 20:09</div><div class='comment__body'>{c}</div></section>",
    "camel": "<div class='CommentList'><div class='CommentItem'><span class='CommentItem-author'>gull</span><time datetime='2026-11-21T20:09:00Z'></time>{c}</div></div>",
    "reader": "<div class='reader-comments'><p class='meta'>By <span class='author'>gull</span>, Nov 21, 2026</p><p>{c}</p></div>",
    "json-ld": '<script type="application/ld+json">{{"@type": "Comment", "author": {{"@type": "Person", "name": "gull"}}, "dateCreated": "2026-11-21T20:09:00Z", "text": "{c}"}}</script>',
    "disqus": "<div id='disqus_thread'><ul><li><span class='author'>gull</span><time datetime='2026-11-21T20:09:00Z'></time><p>{c}</p></li></ul></div>",
    "Kommentare": "<section id='kommentare'><div class='kommentar'><span class='author'>gull</span><time datetime='2026-11-21T20:09:00Z'></time><p>{c}</p></div></section>",
}  # fmt: skip


@pytest.mark.parametrize(("comment", "language"), grid(COMMENTS, LANGUAGES))
def test_a_readers_comment_gives_no_date_no_author_and_no_text(comment: str, language: str) -> None:
    said = {
        "en": "I remember the old wheel well.",
        "de": "Ich erinnere mich gut an das alte Rad.",
        "ru": "Хорошо помню старое колесо.",
    }[language]
    found = read(
        whole(shown(language, comment.format(c=said)), title=TITLES[language], lang=language),
        "https://www.example.org/the-mill-gets-a-new-wheel",
    )
    assert (found.authors, found.published_at) == ((), None)
    assert found.text.split("\n\n") == list(PROSE[language])


CARDS = {
    "related": "<div class='related-articles'><div class='card'><a href='/b'><h3>{t}</h3></a><span class='author'>Bo Lind</span><time datetime='2024-02-03T08:00:00Z'>3 Feb 2024</time></div></div>",
    "aside": "<aside><h3><a href='/b'>{t}</a></h3><p class='byline'>By Bo Lind</p><time datetime='2024-02-03T08:00:00Z'></time></aside>",
    "article": "<section class='more-stories'><article><h2><a href='/b'>{t}</a></h2><a rel='author' href='/author/bo'>Bo Lind</a><time datetime='2024-02-03T08:00:00Z'></time></article></section>",
    "list": "<ul class='latest-news'><li><a href='/b'>{t}</a><time datetime='2024-02-03T08:00:00Z'></time><span class='byline'>Bo Lind</span></li></ul>",
    "microdata": "<div class='recommended'><div itemscope itemtype='https://schema.org/Article'><h3 itemprop='headline'>{t}</h3><span itemprop='author'>Bo Lind</span><time itemprop='datePublished' datetime='2024-02-03T08:00:00Z'></time></div></div>",
    "carousel": "<div class='carousel'><div class='slide'><h4><a href='/b'>{t}</a></h4><div class='author-name'>Bo Lind</div><div class='date'>03.02.2024</div></div></div>",
    "footer": "<footer><h4>{t}</h4><span class='author'>Bo Lind</span><time datetime='2024-02-03T08:00:00Z'></time></footer>",
    "unnamed card": "<section><div class='c1'><h3><a href='/b'>{t}</a></h3><span class='author'>Bo Lind</span><time datetime='2024-02-03T08:00:00Z'></time></div></section>",
}  # fmt: skip


@pytest.mark.parametrize(("card", "place", "language"), grid(CARDS, same("below", "above"), LANGUAGES))
def test_a_card_of_another_article_gives_no_author_and_no_date(card: str, place: str, language: str) -> None:
    box = card.format(t=OTHER_TITLES[language])
    body = shown(language, box) if place == "below" else box + shown(language)
    found = read(
        whole(body, title=TITLES[language], lang=language), "https://www.example.org/the-mill-gets-a-new-wheel"
    )
    assert (found.title, found.authors, found.published_at) == (TITLES[language], (), None)


@pytest.mark.parametrize(("card", "language"), grid(CARDS, LANGUAGES))
def test_the_articles_own_byline_and_date_win_over_a_card_above(card: str, language: str) -> None:
    byline = "<div class='byline'><a class='author' href='/author/ada'>Ada Quill</a> <time datetime='2026-11-20T08:00:00Z'>20.11.2026</time></div>"
    body = card.format(t=OTHER_TITLES[language]) + shown(language, byline=byline)
    found = read(whole(body, title=TITLES[language], lang=language))
    assert (found.authors, found.published_at) == (("Ada Quill",), "2026-11-20T08:00:00Z")


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ("Fri Nov 20 2026 15:21:41 GMT-0500 (EST)", "2026-11-20T15:21:41-05:00"),
        ("Fri Nov 20 2026 15:21:41 GMT+0200 (EET)", "2026-11-20T15:21:41+02:00"),
        ("20 Nov 2026 15:21 UTC-4", "2026-11-20T15:21:00-04:00"),
        ("2026年11月20日 15:21", "2026-11-20"),
        ("2026-11-20T15:21:41+05:30", "2026-11-20T15:21:41+05:30"),
        ("2026年", None),
        ("November 2026", None),
    ],
)
def test_a_date_of_an_element_is_read_completely_or_not_at_all(said: str, stored: str | None) -> None:
    byline = f"<time datetime='{said}'>{said}</time>"
    found = read(
        whole(shown("en", byline=byline), title=TITLES["en"]), "https://www.example.org/the-mill-gets-a-new-wheel"
    )
    assert found.published_at == stored


def test_modified_is_not_published() -> None:
    head = '<meta property="article:modified_time" content="2026-11-21T09:00:00Z">'
    for byline in ("", "<p class='updated'>Updated: <time datetime='2026-11-21T09:00:00Z'>21 Nov 2026</time></p>"):
        found = read(
            whole(shown("en", byline=byline), title=TITLES["en"], head=head),
            "https://www.example.org/the-mill-gets-a-new-wheel",
        )
        assert (found.published_at, found.modified_at) == (None, "2026-11-21T09:00:00Z")
