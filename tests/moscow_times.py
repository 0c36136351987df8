"""Pages in the markup of The Moscow Times, with words, names and numbers of our own."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from html import escape

SITE = "https://www.themoscowtimes.com"
SLOT = (
    '<section y-name="banner"><div class="align-center"><div y-use="Banner" data-pool="[{&quot;type&quot;:&quot;html&quot;,'
    "&quot;html&quot;:&quot;&lt;script data-cfasync=\\&quot;false\\&quot; type=\\&quot;text\\/javascript\\&quot;&gt;"
    'freestar.config.enabled_slots.push({ slotId: \\&quot;{0}\\&quot; });&lt;\\/script&gt;&quot;}]"></div></div></section>'
)
APPEAL = (
    '<div class="contribute-banner p-3 mb-3"><h4>… we have a small favor to ask.</h4>'
    "<p>Perhaps you know that this newspaper, an independent voice for three decades, was called a &quot;foreign agent&quot; by "
    "the authorities. It is an attempt to silence journalism and what the people in our newsroom believe in.</p>"
    "<p>The journalists who write here refuse to be silenced. Our commitment to reporting that is accurate and unbiased is as "
    "it was. But we need your help to continue our critical mission.</p>"
    '<p><span class="contribute-banner__strike">Your support, no matter how small, makes a world of difference. If you can, '
    'please support us monthly from just <span y-use="contribute.Currency"></span>2.</span> It takes a minute, and every month '
    "it supports open, independent journalism. Thank you.</p>"
    '<a class="contribute-banner__button" href="/contribute?utm_source=contribute">Continue</a></div>'
)
OTHERS = (
    "Omsk Tram Depot Opens Its Doors to Visitors",
    "Lake Ice Festival Is Put Off for a Week",
    "Archangel Library Finds a Lost Sea Chart",
    "Small Bakeries Ask for Lower Rents",
)
# What must be in no field and in no text.
BESIDE = ("favor to ask", "foreign agent", "Continue", "Read more", "Most read", "Just in", "Share", "freestar", "all rights", *OTHERS)  # fmt: skip


def html(*parts: str) -> str:
    """A block of text."""
    return _block("html", "\n".join(part if part.startswith("<") else f"<p>{part}</p>" for part in parts))


def quote(words: str, by: str) -> str:
    return _block(
        "quote", f'<blockquote class="article__quote">\n\t{words}\t</blockquote>\n\t<cite>– {by}</cite>{_slot("body")}'
    )


def related(title: str) -> str:
    return _block(
        "article",
        f'<aside class="article__related-article"><span class="label related-article__label">news</span><a data-id="in-article-block" '
        f'class="related-article__inner" href="/2026/11/01/another-story-a10" title="{title}"><h3 class="related-article__title">{title}</h3>'
        f'<span class="related-article__cta">Read more</span></a></aside>{_slot("body_mobile")}',
    )


def picture(caption: str, credit: str, number: int = 1) -> str:
    return _block(
        "image",
        f'<figure class="article__image"><img src="https://static.themoscowtimes.com/image/article_1360/aa/{number}.jpg" /><figcaption class="">'
        f'<span class="article__image__caption">{caption}</span><span class="article__image__credits">{credit}</span></figcaption></figure>',
    )


def player(title: str) -> str:
    return _block("embed", f'<iframe src="https://player.example.org/episode" title="{title}"></iframe>')


def _block(kind: str, inner: str) -> str:
    return f'<div data-id="article-block-type" class="article__block article__block--{kind} article__block--column ">{inner}</div>'


def _slot(name: str) -> str:
    return SLOT.replace("{0}", f"themoscowtimes.com_article_{name}")


@dataclass(frozen=True, kw_only=True)
class Story:
    """One article; `page()` is its HTML, `body` the blocks in page order."""

    number: int
    slug: str
    title: str
    body: tuple[str, ...]
    site: str = SITE
    day: str = "2026/11/20"
    published: str = "2026-11-20T09:15:00+03:00"
    modified: str = ""
    subtitle: str = ""
    intro: str = ""
    authors: tuple[str, ...] = ()
    section: str = "news"
    label: str = ""
    prefix: str = ""  # of the description: "Opinion", "Gallery", "Podcast"
    tags: tuple[str, ...] = ("Yakutsk", "Rivers")
    caption: str = ""
    credit: str = ""
    language: str = "en"
    kind: str = "NewsArticle"
    appeal: str = APPEAL

    @property
    def path(self) -> str:
        return f"/{self.day}/{self.slug}-a{self.number}"

    @property
    def url(self) -> str:
        return self.site + self.path

    def with_(self, **changes: object) -> Story:
        return replace(self, **changes)  # type: ignore[arg-type]

    def page(self) -> bytes:
        return (_head(self) + _top(self) + _article(self) + _bottom(self)).encode()


def _head(story: Story) -> str:
    summary = f"{story.prefix} | {story.intro}" if story.prefix else story.intro
    data = {
        "@context": "http://schema.org/",
        "@type": story.kind,
        "datePublished": story.published,
        "dateModified": story.modified or story.published,
        "name": story.title,
        "headline": story.title,
        "description": summary,
        "keywords": ",".join(story.tags),
        "articleSection": story.section,
        "isAccessibleForFree": True,
        "mainEntityOfPage": story.url,
        "url": story.url,
        "image": {"@type": "ImageObject", "url": f"https://static.themoscowtimes.com/image/og/{story.number}.jpg"},
        "publisher": {"@type": "Organization", "name": "The Moscow Times"},
        "inLanguage": {"@type": "Language", "name": "English", "alternateName": "English"},
        "author": [
            {"@type": "Person", "name": name, "url": f"{story.site}/author/{_slug(name)}"} for name in story.authors
        ]
        or {"@type": "Organization", "name": "The Moscow Times"},
    }
    metas = {
        "og:site_name": "The Moscow Times",
        "og:url": story.url,
        "og:title": f"{story.title} - The Moscow Times",
        "og:description": summary,
        "og:image": f"https://static.themoscowtimes.com/image/og/{story.number}.jpg",
        "article:modified_time": story.modified or story.published,
        "article:published_time": story.published,
        "article:content_tier": "free",
        "article:section": story.section,
        "article:tag": ",".join(story.tags),
        "twitter:title": story.title,
    }
    lines = "\n".join(f'<meta property="{name}" content="{escape(value)}">' for name, value in metas.items())
    organization = {"@context": "http://schema.org", "@type": "NewsMediaOrganization", "name": "The Moscow Times"}
    return (
        f'<!DOCTYPE html>\n<html lang="{story.language}">\n<head><base href="{story.site}/" /><meta charset="utf-8">\n'
        f'<title>{escape(story.title)} - The Moscow Times</title><link rel="canonical" href="{story.url}">\n{lines}\n'
        f'<meta name="author" content="{", ".join(story.authors)}"><meta name="description" content="{escape(summary)}">\n'
        f'<script type="application/ld+json" data-json-ld-for-pagemetadata>{json.dumps(data)}</script>\n'
        f'<script type="application/ld+json">{json.dumps(organization)}</script>\n'
        '<script type="application/ld+json">{"@context": "https://schema.org", "@type": "WebSite", "url": "/", }</script>\n'
        '<script data-cfasync="false" type="text/javascript">var freestar = freestar || {}; freestar.config = freestar.config || {};'
        " freestar.config.enabled_slots = [];</script></head>\n"
    )


def _top(story: Story) -> str:
    menu = "".join(f'<li class=""><a href="{story.site}/{_slug(name)}" >{name}</a></li>' for name in ("News", "Business", "Opinion", "Archive"))  # fmt: skip
    return (
        '<body class="article-item" y-use="Main"><noscript><iframe src="https://www.googletagmanager.com/ns.html?id=GTM-0" '
        'height="0" width="0" style="display:none;visibility:hidden"></iframe></noscript>\n'
        f'<div class="container--full" y-name="banner">{_slot("top")}</div><div class="container"><div class="site-header">'
        '<div class="site-header__contribute contribute-teaser"><div class="contribute-teaser__cta">Support The Moscow Times!</div>'
        '<a class="contribute-teaser__button" href="/contribute">Contribute today</a></div></div></div>\n'
        f'<div class="navigation" y-use="Navigation"><div class="nav-expanded" style="display: none;"><nav><ul>{menu}</ul></nav></div>'
        f'<nav class="nav-top"><ul class="nav-top__list">{menu}</ul></nav></div>\n'
    )


def _article(story: Story) -> str:
    label = (
        f'<span class="label article__label label--{_slug(story.label)}">\n{story.label}\t</span>'
        if story.label
        else ""
    )
    names = " and ".join(
        f'<a href="{story.site}/author/{_slug(name)}" class="byline__author__name" title="{name}">{name}</a>'
        for name in story.authors
    )
    tags = ", ".join(
        f'<a href="/tag/{_slug(tag)}" class="tag article__tags__tag" title="{tag}">\n\t{tag}</a>' for tag in story.tags
    )
    intro = f'<div class="article__intro">{story.intro}</div>' if story.prefix else ""
    return (
        f'<article y-use="article.IsIntersecting"><!--[[[article:{story.number}]]]--><div class="container article-container" '
        f'data-article-title="{escape(story.title)}"><div class="row-flex gutter-2"><div class="col"><article class="article article--{_slug(story.section)}">'
        f'<header class="article__header ">{label}<h1><a href="{story.url}">{escape(story.title)}</a></h1><h2>{story.subtitle}</h2></header>\n'
        '<div class="article__byline byline  "><div class="row-flex"><div class="col"><div class="byline__details"><div class="byline__details__column">'
        f'<div class="byline__author">{"By " + names if names else ""}</div>{"Updated:" if story.modified else ""}<time class="byline__datetime timeago" '
        f'datetime="{story.modified or story.published}" y-use="Timeago">Nov. 20, 2026</time></div></div></div><div class="col-auto"><div class="byline__social">'
        f"{_social(story)}</div></div></div></div>\n"
        f'<figure class="article__featured-image featured-image"><img src="https://static.themoscowtimes.com/image/article_1360/{story.number}.jpg" />'
        f'<figcaption class=""><span class="article__featured-image__caption featured-image__caption">{story.caption}</span>'
        f'<span class="article__featured-image__credits featured-image__credits">{story.credit}</span></figcaption></figure>\n'
        f'<div class="article__content-container">{intro}<div class="article__content" y-name="article-content">{"".join(story.body)}</div>'
        f'<div class="article__bottom"></div><div class="article__tags">Read more about: {tags}</div>{story.appeal}{_social(story)}</div></article></div>'
    )


def _social(story: Story) -> str:
    icons = "".join(f'<a href="https://{name}.example/share?u={story.url}" class="social__icon social__icon--{name}" title="Share on {name}"></a>' for name in ("facebook", "telegram", "whatsapp"))  # fmt: skip
    return f'<div class="social">{icons}</div>'


def _bottom(story: Story) -> str:
    tiny = "".join(
        f'<li class="listed-articles__item"><div class="article-excerpt-tiny"><a href="/2026/11/19/{_slug(title)}-a{at}" title="{title}">'
        f'<time class="article-excerpt-tiny__time" datetime="2026-11-19T1{at}:05:00+03:00">Nov. 19, 2026</time>'
        f'<h5 class="article-excerpt-tiny__headline">{title}</h5></a></div></li>'
        for at, title in enumerate(OTHERS)
    )
    cards = "".join(
        f'<div class="col-3"><div class="article-excerpt-default" data-title="{title}"><a href="/2026/11/18/{_slug(title)}-a{at}" class="article-excerpt-default__link">'
        f'<div class="article-excerpt-default__content"><span class="label">news</span><h3 class="article-excerpt-default__headline">{title}</h3>'
        '<div class="article-excerpt-default__teaser">What there is to know about it.</div><div class="readtime">2&nbsp;Min read</div></div></a></div></div>'
        for at, title in enumerate(OTHERS)
    )
    return (
        f'<div class="col-auto hidden-sm-down"><aside class="sidebar">{_slot("sidebar")}<h3 class="tab__header">Most read</h3><h3 class="tab__header">Just in</h3>'
        f'<ul class="listed-articles">{tiny}</ul></aside></div></div></div>\n<div class="container"><section class="cluster"><div class="cluster__header">'
        f'<h2 class="cluster__label">Read more</h2></div><div class="row-flex">{cards}</div></section></div></article>\n'
        '<footer class="footer"><div class="footer__bottom">&copy; The Moscow Times, all rights reserved.</div></footer></body></html>'
    )


def _slug(words: str) -> str:
    return "-".join("".join(char if char.isalnum() else " " for char in words.lower()).split())


def rss(stories: list[Story]) -> bytes:
    """The site's feed of some stories."""
    items = "".join(
        f"<item><title>{escape(s.title)}</title><link>{s.url}</link><description>\n\t{escape(s.intro)}\t</description>"
        f"<pubDate>Fri, 20 Nov 2026 09:15:00 +0300</pubDate><guid>{s.url}</guid></item>"
        for s in stories
    )
    return f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>The Moscow Times</title><link>{SITE}/news</link>{items}</channel></rss>'.encode()
